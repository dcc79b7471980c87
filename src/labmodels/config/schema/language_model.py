"""A language model: who serves it, what it can do, what it may cost, and how it is asked."""

import re
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from labmodels.config.schema.base import BaseUrl, Declared, Document, Flag, MergeKey, Name, PositiveInt, SecretReference
from labmodels.config.units import Money, PositiveDuration, Price


class Capabilities(Declared):
    """What the model can be asked for; a fallback that lacks one is reported."""

    tools: Flag = False
    json_schema: Flag = False
    streaming: Flag = True
    vision: Flag = False


def _no_items() -> list[Any]:
    """Return a new empty list: a default list would be copied deeply for each of the thousands of combinations that are checked."""
    return []


def _no_keys() -> dict[str, Any]:
    """Return a new empty map, for the same reason."""
    return {}


class Parameters(Declared):
    """How an answer is sampled; null leaves it to the provider's default."""

    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    max_output_tokens: PositiveInt | None = None
    seed: int | None = None
    stop: list[str] = Field(default_factory=_no_items, max_length=4)
    extra: dict[str, Any] = Field(default_factory=_no_keys, description="Passed to the provider as it stands, e.g. reasoning_effort.")


class Timeouts(Declared):
    """Limits on waiting, each checked by the router."""

    connect: PositiveDuration = 5.0
    first_token: PositiveDuration = 30.0
    between_tokens: PositiveDuration = 20.0
    total: PositiveDuration = 120.0
    least_tokens_per_second: float | None = Field(
        None, gt=0, le=1000, description="A stream that stays slower than this for ten seconds is given up; null is no floor."
    )

    @model_validator(mode="after")
    def _fits_into_total(self) -> Self:
        for name in ("connect", "first_token", "between_tokens"):
            if getattr(self, name) > self.total:
                raise PydanticCustomError(
                    "contradiction", "timeouts.{name} is longer than timeouts.total", {"name": name, "keys": [name, "total"]}
                )
        return self


class PartialTimeouts(Timeouts):
    """Limits that an overlay lays over a model's own: whether they fit each other is checked where they are merged."""

    @model_validator(mode="after")
    def _fits_into_total(self) -> Self:
        return self


class Retries(Declared):
    """How often the same candidate is asked again before the next one."""

    attempts: int = Field(1, ge=0, le=10, description="Further tries after the first.")
    backoff: PositiveDuration = Field(0.5, description="The first pause; it doubles, with full jitter.")
    max_backoff: PositiveDuration = 20.0


class RateLimits(Declared):
    """What the provider admits, as the account has it; null means no limit is known."""

    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None


class Prices(Declared):
    """US dollars for each class of token."""

    input: Price
    output: Price
    cache_read: Price | None = None
    cache_write: Price | None = None


class Budgets(Declared):
    """Ceilings on spending with this model."""

    request: Money | None = None
    day: Money | None = None
    month: Money | None = None

    @model_validator(mode="after")
    def _grow_with_the_period(self) -> Self:
        given = [(name, value) for name in ("request", "day", "month") if (value := getattr(self, name)) is not None]
        for (shorter, small), (longer, large) in pairwise(given):
            if small > large:
                raise PydanticCustomError(
                    "contradiction",
                    "budgets.{name} is above budgets.{longer}",
                    {"name": shorter, "longer": longer, "keys": [shorter, longer]},
                )
        return self


class OutputCheck(Declared):
    """A condition that an answer must meet, else the next candidate is asked."""

    name: Name
    pattern: str | None = Field(None, description="A regular expression that the answer must contain.")
    json_schema: dict[str, Any] | None = Field(None, description="A JSON Schema that the answer, read as JSON, must satisfy.")
    min_chars: int | None = Field(None, ge=0)
    max_chars: int | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _checks_something(self) -> Self:
        if self.pattern is None and self.json_schema is None and self.min_chars is None and self.max_chars is None:
            raise PydanticCustomError(
                "contradiction",
                "output check {name} checks nothing: give pattern, json_schema, min_chars or max_chars",
                {"name": self.name, "keys": []},
            )
        if self.min_chars is not None and self.max_chars is not None and self.min_chars > self.max_chars:
            raise PydanticCustomError("contradiction", "min_chars is above max_chars", {"keys": ["min_chars", "max_chars"]})
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise PydanticCustomError(
                    "contradiction", "pattern is no regular expression: {why}", {"why": str(error), "keys": ["pattern"]}
                ) from None
        return self


class Credentials(Declared):
    """Where the provider's secrets are; never the secrets."""

    api_key: SecretReference | None = None


OutputChecks = Annotated[list[OutputCheck], MergeKey("name")]


class Overlay(Declared):
    """What a performance profile or a domain may lay over any language model."""

    parameters: Parameters | None = None
    timeouts: PartialTimeouts | None = None
    retries: Retries | None = None
    rate_limits: RateLimits | None = None
    budgets: Budgets | None = None
    output_checks: OutputChecks | None = None


class Tunables(Declared):
    """The keys of a language model that overlays may change, and the two that bound them.

    What an overlay cannot change need not be checked again under it.
    """

    model_config = ConfigDict(defer_build=True)

    context_tokens: PositiveInt = Field(description="Input and output together.")
    max_output_tokens: PositiveInt | None = Field(
        None, description="The most that the model can write; null when only the context limits it."
    )
    parameters: Parameters = Parameters()
    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()
    rate_limits: RateLimits = RateLimits()
    budgets: Budgets = Budgets()
    output_checks: OutputChecks = Field(default_factory=_no_items)

    @model_validator(mode="after")
    def _output_fits(self) -> Self:
        asked = self.parameters.max_output_tokens
        ceiling = min(self.context_tokens, self.max_output_tokens or self.context_tokens)
        if asked is not None and asked > ceiling:
            raise PydanticCustomError(
                "contradiction",
                "parameters.max_output_tokens is {asked}, but the model writes at most {ceiling}",
                {"asked": asked, "ceiling": ceiling, "keys": ["parameters.max_output_tokens", "max_output_tokens", "context_tokens"]},
            )
        return self


class LocalWeights(Declared):
    """A model file that llama.cpp loads into this process."""

    gguf: str = Field(min_length=1, description="A GGUF file: absolute, below the lab's root, or env:NAME.")
    threads: PositiveInt | None = Field(None, description="null is one a core.")
    gpu_layers: int = Field(0, ge=-1, le=1000, description="How many layers go to a GPU; -1 is all.")


class LanguageModel(Tunables, Document):
    """One model that answers, as one provider serves it."""

    kind: Literal["language_model"] = "language_model"
    provider: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", description="openai, anthropic, llama_cpp, or one that an installed package brings."
    )
    model: str = Field(min_length=1, description="The provider's own name of the model.")
    base_url: BaseUrl | None = Field(None, description="null is the provider's own address.")
    credentials: Credentials = Credentials()
    weights: LocalWeights | None = Field(None, description="For llama_cpp: loaded in this process, instead of a server at base_url.")
    local: Flag = Field(False, description="Whether requests stay on the lab's own machines.")
    region: Name | None = Field(None, description="Where the provider keeps and processes requests: eu, us, ...; null is unknown.")
    capabilities: Capabilities = Capabilities()
    prices: Prices | None = Field(None, description="null is unknown, not free; a local model says $0.")
    tuning_model: str | None = Field(None, description="The model that fine-tune starts from when it is given this name.")

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if self.weights is not None and self.provider != "llama_cpp":
            raise PydanticCustomError(
                "contradiction", "weights are for llama_cpp; {provider} loads none", {"provider": self.provider, "keys": ["weights"]}
            )
        if self.weights is not None and self.base_url is not None:
            raise PydanticCustomError(
                "contradiction", "weights are loaded here, base_url is asked elsewhere: give one of them", {"keys": ["weights", "base_url"]}
            )
        return self
