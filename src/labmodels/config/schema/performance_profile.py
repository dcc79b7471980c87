"""A performance profile: one way of running every model, from cheap and quick to slow and careful."""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from labmodels.config.schema.base import Declared, Document, PositiveInt
from labmodels.config.schema.language_model import Overlay


class Weights(Declared):
    """What routing optimises; the three sum to one."""

    cost: float = Field(ge=0, le=1)
    latency: float = Field(ge=0, le=1)
    quality: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.cost + self.latency + self.quality
        if abs(total - 1) > 1e-6:
            raise PydanticCustomError("contradiction", "weights sum to {total}, not to 1", {"total": f"{total:g}", "keys": []})
        return self


class Demand(Declared):
    """The load that is planned under this profile; a model whose rate limits are below it is reported."""

    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None


class PerformanceProfile(Document):
    """A named overlay over every language model."""

    kind: Literal["performance_profile"] = "performance_profile"
    weights: Weights
    demand: Demand = Demand()
    overlay: Overlay = Field(Overlay(), json_schema_extra={"x-overlay-of": "overlay"})
