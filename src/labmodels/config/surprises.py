"""Warnings for what YAML gets wrong quietly: plain scalars that YAML 1.1 readers take for something else. Fixes them where it is safe."""

from __future__ import annotations

import re

from labmodels.config.diagnostics import Diagnostic, Edit, Severity
from labmodels.config.reader import Source, Suspicion
from labmodels.config.scalars import plain_scalar
from labmodels.config.schema.base import Declared
from labmodels.config.schema.shape import accepts, type_at

_TRUE = frozenset({"yes", "on", "y"})


def surprises(source: Source, model: type[Declared] | None) -> list[Diagnostic]:
    """Return a warning for each suspicious scalar of `source` that matters where it stands in `model` (None: unknown, all matter)."""
    found = (
        _warning(suspicion, type_at(model, suspicion.path) if model and not suspicion.is_key else None) for suspicion in source.suspicions
    )
    return [diagnostic for diagnostic in found if diagnostic]


def _warning(suspicion: Suspicion, wanted: object) -> Diagnostic | None:
    text = suspicion.text
    is_number_wanted = accepts(wanted, int, float)
    quoted = f'"{text}"'
    match suspicion.code:
        case "LM101":
            word = "true" if text.lower() in _TRUE else "false"
            fix = word if accepts(wanted, bool) else quoted
            message = f"{text} is text here, and {word} for a YAML 1.1 reader"
        case "LM102":
            fix = text.lstrip("+").lstrip("0") or "0" if not text.startswith("-") else f"-{text[1:].lstrip('0') or '0'}"
            message = f"{text} is {plain_scalar(text)} here, and octal for a YAML 1.1 reader"
        case "LM103":
            fix = quoted
            message = f"{text} is text here, and a base-60 number for a YAML 1.1 reader"
        case "LM104":
            if is_number_wanted:
                return None
            fix = quoted
            message = f"{text} is the number {plain_scalar(text)!r}: its trailing zero is lost"
        case _:
            fix = _with_point_and_sign(text)
            message = f"{text} is a number here, and text for a YAML 1.1 reader"
    return Diagnostic(suspicion.code, Severity.WARNING, message, suspicion.span, f"write {fix}", edits=(Edit(suspicion.span, fix),))


def _with_point_and_sign(text: str) -> str:
    """Return a float in the form that every reader takes for one: 2e5 -> 2.0e+5."""
    mantissa, exponent = re.split("[eE]", text)
    sign = "" if exponent[0] in "+-" else "+"
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{sign}{exponent}"
