"""The order of candidates by what the ledger measured and what the profile weighs. Pure.

Each figure is scaled to [0, 1] over the candidates, 1 the best. A candidate with too few attempts has no figures: it stands in the
middle, so that it is neither preferred nor shut out for being new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labmodels.config.schema.performance_profile import Weights
    from labmodels.ledger.queries import Lately

ENOUGH = 20  # attempts
_MIDDLE = 0.5
_PRIOR = 4.0  # a good and a bad opinion, twice: one thumb moves little


def quality(found: Lately) -> float:
    """Return the share of what went well, in the machine's opinion and in people's, drawn to one half by a prior (Beta(2, 2))."""
    well = found.attempts - found.failed + found.good
    return (well + _PRIOR / 2) / (found.attempts + found.good + found.bad + _PRIOR)


def scores(names: Sequence[str], measured: Mapping[str, Lately], weights: Weights) -> dict[str, float]:
    """Return how good each candidate is by the profile's weights, from 0 to 1."""
    known = {name: found for name in names if (found := measured.get(name)) and found.attempts >= ENOUGH}
    cost = _scaled({name: -found.cost_usd for name, found in known.items() if found.cost_usd is not None})
    latency = _scaled({name: -found.latency_s for name, found in known.items() if found.latency_s is not None})
    good = _scaled({name: quality(found) for name, found in known.items()})
    return {
        name: weights.cost * cost.get(name, _MIDDLE)
        + weights.latency * latency.get(name, _MIDDLE)
        + weights.quality * good.get(name, _MIDDLE)
        for name in names
    }


def ranked(names: Sequence[str], measured: Mapping[str, Lately], weights: Weights) -> list[str]:
    """Return the candidates, the best first; equal ones as they were given."""
    found = scores(names, measured, weights)
    return sorted(names, key=lambda name: -found[name])


def _scaled(values: Mapping[str, float]) -> dict[str, float]:
    if not values:
        return {}
    low, high = min(values.values()), max(values.values())
    return {name: (value - low) / (high - low) if high > low else _MIDDLE for name, value in values.items()}
