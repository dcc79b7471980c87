"""What one try of a candidate may use at most, so that it can be reserved before it begins. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from labmodels.router.bounds import likely_input_tokens, most_cost_usd, most_output_tokens
from labmodels.router.cost import pico_usd
from labmodels.router.quota import Need

if TYPE_CHECKING:
    from labmodels.providers.protocol import Request
    from labmodels.router.candidates import Candidate


def need_of(candidate: Candidate, request: Request, at: datetime, *, is_first: bool = True, spent_pico_usd: int = 0) -> Need:
    """Return the most that `candidate` can cost for `request`, and the tokens that it may use.

    Money is a bound that holds; tokens are what a provider counts against its limits: the likely input, and all the output asked for.
    """
    if candidate.model is None:
        return Need(0, 0, is_first, spent_pico_usd)
    cost = most_cost_usd(candidate.model, candidate.prices(at, parameters=request.parameters), request)
    tokens = likely_input_tokens(request) + most_output_tokens(candidate.model, request)
    return Need(tokens, pico_usd(cost), is_first, spent_pico_usd)
