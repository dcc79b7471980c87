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
    from labmodels.router.quota import Ceiling

_BUILT_IN = Capabilities(tools=False, json_schema=False, streaming=True, vision=False)
_ONCE = Retries(attempts=0)
_BUILT_IN_S = 60.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place on a route: a live model config, or a built-in without one. `skip_reason`: why it cannot be asked at all."""

    name: str
    provider: str
    model: LanguageModel | None = None
    skip_reason: str | None = None
    ceiling: Ceiling | None = None  # what the model may use, whoever asks

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
    def total_s(self) -> float:
        """How long one try of it may take."""
        return self.model.timeouts.total if self.model else _BUILT_IN_S

    @property
    def checks(self) -> Sequence[OutputCheck]:
        """What its answers must meet."""
        return self.model.output_checks if self.model else ()

    def prices(self, at: datetime, model_returned: str | None = None, parameters: Parameters | None = None) -> PriceList | None:
        """Return what its tokens cost a request that began at `at`; None is unknown. A built-in is free."""
        return prices_of(self.model, at, model_returned=model_returned, parameters=parameters) if self.model else FREE

    @property
    def is_local(self) -> bool:
        """Whether what it is asked stays on the lab's machines: it says so, and is not asked at a provider's own address."""
        if self.model is None:
            return True
        return self.model.local and not (self.model.base_url is None and self.model.weights is None)

    def parameters(self, request: Request) -> Parameters | None:
        """Return how it is sampled: its config's parameters under those that the request sets, within what it can write."""
        if self.model is None:
            return request.parameters
        asked = request.parameters
        if asked is None:
            return self.model.parameters
        merged = self.model.parameters.model_copy(update={name: getattr(asked, name) for name in asked.model_fields_set})
        most = self.model.max_output_tokens or self.model.context_tokens
        if merged.max_output_tokens is not None and merged.max_output_tokens > most:
            merged = merged.model_copy(update={"max_output_tokens": most})
        return merged


def unfit(candidate: Candidate, request: Request, requires: Requirements, above_tokens: int | None = None) -> str | None:
    """Return why `candidate` is not asked: the reason it brings, a fence, a capability it lacks, a context too small; None when it is.

    `above_tokens` is the context that already overflowed: only a larger one helps.
    """
    if fence := _fenced(candidate, requires):
        return fence
    if candidate.skip_reason is not None:
        return candidate.skip_reason
    lacking = sorted(name for name in _needed(request, requires) if not getattr(candidate.capabilities, name))
    if lacking:
        return f"it cannot do {', '.join(lacking)}"
    return _too_small(candidate, request, requires, above_tokens)


def _fenced(candidate: Candidate, requires: Requirements) -> str | None:
    """Fences first: whoever looks at a route must see that a cloud model was never a choice."""
    if candidate.is_local:
        return None
    if requires.local_only:
        return "it is not local, and this request may not leave the lab's machines"
    region = candidate.model.region if candidate.model else None
    if requires.regions and region not in requires.regions:
        return f"its region is {region or 'unknown'}, and this request may only go to {', '.join(requires.regions)}"
    return None


def _needed(request: Request, requires: Requirements) -> set[str]:
    needed = {name for name in ("tools", "json_schema", "streaming", "vision") if getattr(requires, name)}
    if request.json_schema is not None:
        needed.add("json_schema")
    if request.tools and request.tool_choice != "none":
        needed.add("tools")
    if any(message.images for message in request.messages):
        needed.add("vision")
    return needed


def _too_small(candidate: Candidate, request: Request, requires: Requirements, above_tokens: int | None) -> str | None:
    context = candidate.context_tokens
    if context is None:
        return None
    if above_tokens is not None and context <= above_tokens:
        return f"its context of {context} tokens is no larger than the one that overflowed"
    if requires.context_tokens is not None and context < requires.context_tokens:
        return f"its context of {context} tokens is below the {requires.context_tokens} that the domain requires"
    fewest = fewest_input_tokens(request)
    return f"its context of {context} tokens cannot hold a request of at least {fewest}" if fewest > context else None
