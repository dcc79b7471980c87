"""A specialised model: what one domain asks of whichever language model answers for it."""

from typing import Literal

from pydantic import Field

from labmodels.config.schema.base import Declared, Document, Flag, Name, PositiveInt, Target
from labmodels.config.schema.language_model import Budgets, Overlay, RateLimits
from labmodels.config.units import PositiveDuration, Share


class Requirements(Declared):
    """What a candidate must be able to do for this domain."""

    tools: Flag = False
    json_schema: Flag = False
    streaming: Flag = False
    vision: Flag = False
    context_tokens: PositiveInt | None = None
    local_only: Flag = Field(False, description="Nothing of this domain leaves the lab's own machines, whatever fails.")
    regions: list[Name] = Field([], description="Only models of these regions, or local ones; empty is any.")


class Split(Declared):
    """An A/B test: a share of the requests goes to `candidate` first, the others to `control`."""

    name: Name = Field(description="Requests are dealt anew under another name.")
    control: Target
    candidate: Target
    share: Share = Field(description="Of the candidate.")


class ResponseCache(Declared):
    """Equal requests get the stored answer."""

    keep: PositiveDuration = Field(description="How long an answer is given again.")


class Retrieval(Declared):
    """Which of the lab's documents go with a request."""

    domains: list[Name] = Field(min_length=1)
    passages: int = Field(5, ge=1, le=50)


class SpecializedModel(Document):
    """One task of the lab; the model that serves it is chosen by `primary_models` and the chains."""

    kind: Literal["specialized_model"] = "specialized_model"
    domain: Name = Field(description="The domain whose requests it shapes.")
    task: Literal["code_analysis", "text_generation", "summarization", "translation", "classification", "question_answering"]
    system_prompt: str = ""
    requires: Requirements = Requirements()
    profile: Name | None = Field(None, description="The performance profile of this domain; null is the lab's default.")
    retrieve: Retrieval | None = None
    rate_limits: RateLimits = Field(RateLimits(), description="Of this domain, whichever model answers.")
    budgets: Budgets = Field(Budgets(), description="Ceilings on what this domain spends, whichever model answers.")
    split: Split | None = None
    cache: ResponseCache | None = Field(None, description="null asks anew each time. Stored answers lie in the ledger as text.")
    overlay: Overlay = Field(
        default_factory=Overlay,
        description="Laid over the language model's config for this domain.",
        json_schema_extra={"x-overlay-of": "overlay"},
    )
