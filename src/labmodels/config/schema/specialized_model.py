"""A specialised model: what one domain asks of whichever language model answers for it."""

from typing import Literal

from pydantic import Field

from labmodels.config.schema.base import Declared, Document, Flag, Name, PositiveInt
from labmodels.config.schema.language_model import Overlay


class Requirements(Declared):
    """What a candidate must be able to do for this domain."""

    tools: Flag = False
    json_schema: Flag = False
    streaming: Flag = False
    vision: Flag = False
    context_tokens: PositiveInt | None = None


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
    overlay: Overlay = Field(
        default_factory=Overlay,
        description="Laid over the language model's config for this domain.",
        json_schema_extra={"x-overlay-of": "overlay"},
    )
