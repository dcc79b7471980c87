"""Plain scalars: their values by the YAML 1.2 core schema, and which of them a YAML 1.1 reader takes for something else. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

# YAML 1.2.2, section 10.3 (core schema).
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    **{f"{sign}{word}": float(f"{sign}inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    ".nan": float("nan"), ".NaN": float("nan"), ".NAN": float("nan"),
}  # fmt: skip
_NUMERIC_START = frozenset("0123456789+-.")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")

# What YAML 1.1 readers take for something else than YAML 1.2 does.
_WORDS_1_1 = frozenset(form for word in ("yes", "no", "on", "off", "y", "n") for form in (word, word.title(), word.upper()))
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_BASE_60 = re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?")
_TRAILING_ZERO = re.compile(r"[-+]?[0-9]+\.[0-9]*[1-9]0+")
_FLOAT_1_1 = re.compile(r"[-+]?[0-9]*\.[0-9]*([eE][-+][0-9]+)?")


def plain_scalar(text: str) -> Any:
    """Return the value of an unquoted scalar by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMERIC_START:
        if _INT.fullmatch(text):
            return int(text) if len(text) < 1000 else text
        if _FLOAT.fullmatch(text):
            return float(text)
        if _BASED.fullmatch(text) and len(text) < 1000:
            return int(text, 0)
    return text


def _suspicion(text: str) -> str | None:
    """Return the code of what YAML 1.1 would quietly make of a plain scalar, or None."""
    if text in _WORDS_1_1:
        return "LM101"
    if text[0] not in _NUMERIC_START:
        return None
    if _LEADING_ZERO.fullmatch(text):
        return "LM102"
    if _BASE_60.fullmatch(text):
        return "LM103"
    if _TRAILING_ZERO.fullmatch(text):
        return "LM104"
    if _FLOAT.fullmatch(text) and not _INT.fullmatch(text) and not _FLOAT_1_1.fullmatch(text):
        return "LM105"
    return None


@lru_cache(maxsize=8192)  # the same few words and numbers stand in every file
def resolve(text: str) -> tuple[Any, str | None]:
    """Return the value of a plain scalar, and the code of what it would quietly be for a YAML 1.1 reader."""
    return plain_scalar(text), _suspicion(text) if text else None
