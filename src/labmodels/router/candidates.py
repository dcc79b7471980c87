"""What can be asked on a route, and why a candidate is left out before it is tried. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from labmodels.config.schema.language_model import Capabilities, LanguageModel, OutputCheck, Parameters, Retries
from labmodels.providers.protocol import Request
from labmodels.router.bounds import fewest_input_tokens
from labmodels.router.prices import FREE, PriceList, prices_of

if TYPE_CHECKING:
    from labmodels.config.schema.specialized_model import Requirements

_BUILT_IN = Capabilities(tools=False, json_schema=False, streaming=True, vision=False)
_ONCE = Retries(attempts=0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place on a route: a live model config, or a built-in without one. `skip_reason`: why it cannot be asked at all."""

    name: str
    provider: str
    model: LanguageModel | None = None
    skip_reason: str | None = None

    @property
    def model_requested(self) -> str:
        """The provider's name of the model."""
        return self.model.model if self.model else self.name

    @property
    def capabilities(self) -> Capabilities:
        """What it can be asked for."""
        return self.model.capabilities if self.model else _BUILT_IN

    @property
    def context_tokens(self) -> int | None:
        """Input and output together; None has no limit."""
        return self.model.context_tokens if self.model else None

    @property
    def retries(self) -> Retries:
        """How often it is asked again."""
        return self.model.retries if self.model else _ONCE

    @property
    def checks(self) -> Sequence[OutputCheck]:
        """What its answers must meet."""
        return self.model.output_checks if self.model else ()

    def prices(self, at: datetime, model_returned: str | None = None, parameters: Parameters | None = None) -> PriceList | None:
        """Return what its tokens cost a request that began at `at`; None is unknown. A built-in is free."""
        return prices_of(self.model, at, model_returned=model_returned, parameters=parameters) if self.model else FREE


def unfit(candidate: Candidate, request: Request, requires: Requirements, above_tokens: int | None = None) -> str | None:
    """Return why `candidate` is not asked: the reason it brings, a capability it lacks, a context too small; None when it is.

    `above_tokens` is the context that already overflowed: only a larger one helps.
    """
    if candidate.skip_reason is not None:
        return candidate.skip_reason
    needed = {name for name in ("tools", "json_schema", "streaming", "vision") if getattr(requires, name)}
    if request.json_schema is not None:
        needed.add("json_schema")
    lacking = sorted(name for name in needed if not getattr(candidate.capabilities, name))
    if lacking:
        return f"it cannot do {', '.join(lacking)}"
    context = candidate.context_tokens
    if context is None:
        return None
    if above_tokens is not None and context <= above_tokens:
        return f"its context of {context} tokens is no larger than the one that overflowed"
    if requires.context_tokens is not None and context < requires.context_tokens:
        return f"its context of {context} tokens is below the {requires.context_tokens} that the domain requires"
    fewest = fewest_input_tokens(request)
    return f"its context of {context} tokens cannot hold a request of at least {fewest}" if fewest > context else None
