"""What one try of a candidate may use at most, so that it can be reserved before. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labmodels.router.quota import Need

if TYPE_CHECKING:
    from labmodels.providers.protocol import Request
    from labmodels.router.candidates import Candidate


def need_of(candidate: Candidate, request: Request, *, is_first: bool = True, spent_pico_usd: int = 0) -> Need:
    """Return the most that `candidate` can use for `request`."""
    return Need(100, 0, is_first, spent_pico_usd)
