"""labmodels.yaml: which models serve what, what happens when they fail, and what is watched."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from labmodels.config.schema.base import Declared, Environment, EnvironmentOverlay, Flag, Name, Target
from labmodels.config.units import Money, PositiveDuration, Share

Metric = Literal["latency", "accuracy", "cost_per_request"]
PrimaryTarget = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)?$", description="A model's name, custom/NAME, or EMBEDDING_MODEL/DOMAIN."),
]


class FallbackStrategy(Declared):
    """Who is asked when the primary model fails."""

    enabled: Flag = True
    fallback_order: list[Target] = Field([])
    failure_threshold: int = Field(3, ge=1, le=100, description="Consecutive health failures after which a model is not asked for a while.")
    cooldown: PositiveDuration = Field(30.0, description="That while; it doubles, up to 16 times, while the one request let through fails.")


class AlertThresholds(Declared):
    """The bounds beyond which an alert is raised."""

    latency: PositiveDuration | None = None
    accuracy: Share | None = None
    cost_per_request: Money | None = None


class PerformanceMonitoring(Declared):
    """What is watched."""

    enabled: Flag = True
    metrics: list[Metric] = Field(default_factory=lambda: list(get_args(Metric)))
    alert_thresholds: AlertThresholds = AlertThresholds()


class ModelIntegration(Declared):
    """How the lab's models work together."""

    primary_models: dict[Name, PrimaryTarget] = Field(
        description="By domain; `language` serves every domain that is not named, `embeddings` is the default index."
    )
    fallback_strategy: FallbackStrategy = FallbackStrategy()
    performance_monitoring: PerformanceMonitoring = PerformanceMonitoring()


class Releases(Declared):
    """What is kept of the past."""

    keep: int = Field(20, ge=2, le=1000, description="Releases kept in each environment, besides the live and the last good one.")


class LedgerPolicy(Declared):
    """What the ledger keeps beyond figures."""

    store_prompts: Flag = Field(False, description="Keep the text of prompts and answers; without it a prompt is known by its hash alone.")


class LabFile(Declared):
    """The lab itself."""

    kind: Literal["lab"] = "lab"
    name: str = "lab"
    description: str = ""
    owner: str = ""
    default_environment: Environment = "dev"
    default_profile: Name | None = Field(None, description="The performance profile of every domain that names none.")
    releases: Releases = Releases()
    ledger: LedgerPolicy = LedgerPolicy()
    model_integration: ModelIntegration
    environments: dict[Environment, EnvironmentOverlay] = Field({}, json_schema_extra={"x-overlay-of": "document"})
