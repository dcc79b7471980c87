"""The terms of a text: words split, stemmed and freed of stop words, the same for a query and for what it is compared with. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

_WORD = re.compile(r"[^\W_]+(?:[+#]+)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STOP = frozenset(
    re.findall(
        r"[a-z]+",
        """
        a an and are as at be but by can could did do does for from had has have how i if in into is it its me my of on or our shall should
        so that the their them then there these they this to us was we what when where which who why will with would you your
        """,
    )
)


def terms(text: str) -> list[str]:
    """Return the stems of a text's words, without stop words; identifiers are split (`rollback_to`, `rollbackTo`)."""
    return [_stem(word) for word in words(text) if word not in _STOP]


def words(text: str) -> list[str]:
    """Return the words of a text as they are written, in lower case; identifiers are split."""
    return _WORD.findall(_CAMEL.sub(" ", text).lower())


def is_telling(word: str) -> bool:
    """Whether a word says what a text is about: `the` and `how` do not."""
    return word not in _STOP


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    """Return a word without its commonest English endings: deploys, deployed and deploying are one term."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            stem = word[: -len(ending)]
            if ending in ("ing", "ed") and len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "ls":
                stem = stem[:-1]  # planned, planning: plan
            return stem.removesuffix("e")
    return word.removesuffix("e") if len(word) > 3 else word


def with_pairs(stems: list[str]) -> list[str]:
    """Return the stems and every two neighbours joined, so that "roll back" and "rollback" meet."""
    return stems + [a + b for a, b in pairwise(stems)]
