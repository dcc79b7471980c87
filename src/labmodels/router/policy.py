"""What to do after a try that failed. Decides only: the loop sleeps, asks and records.

Waits are exponential with full jitter (Brooker, "Exponential Backoff and Jitter", 2015), so that clients that failed together do
not come back together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labmodels.config.schema.fallback import DEFAULT_DECISIONS

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import Decision, ErrorClass
    from labmodels.config.schema.language_model import Retries


@dataclass(frozen=True, slots=True)
class Retry:
    """Ask the same candidate again in `after_s` seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Next:
    """Ask the next candidate at once."""


@dataclass(frozen=True, slots=True)
class LargerContext:
    """Ask the next candidate whose context is larger."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Ask nobody: another model would meet the same fault."""


Step = Retry | Next | LargerContext | Fail
_PLAIN: dict[Decision, Step] = {"next": Next(), "larger_context": LargerContext(), "fail": Fail()}
# An empty account and a wrong key stay so: asking again only costs time, whatever the table says.
_NEVER_RETRIED = frozenset({"quota_exhausted", "auth"})


def decide(
    error_class: ErrorClass,
    decisions: Mapping[ErrorClass, Decision],
    tries: int,
    retries: Retries,
    left_s: float,
    *,
    retry_after_s: float | None = None,
    draw: Callable[[], float],
) -> Step:
    """Return what follows the `tries`-th try of a candidate, with `left_s` seconds until the deadline; `draw` gives [0, 1).

    A Retry-After is obeyed when it ends before the deadline; otherwise the next candidate is asked at once.
    """
    decision = decisions.get(error_class, DEFAULT_DECISIONS[error_class])
    if decision != "retry":
        return _PLAIN[decision]
    if tries > retries.attempts or error_class in _NEVER_RETRIED:
        return Next()
    jittered_s = draw() * min(retries.max_backoff, retries.backoff * 2 ** (tries - 1))
    after_s = max(jittered_s, retry_after_s or 0.0)
    return Retry(after_s) if after_s < left_s else Next()
