"""The fallback chains of each domain, and what the router does after each kind of error."""

from typing import Annotated, Literal

from pydantic import Field

from labmodels.config.schema.base import Declared, Document, Name

ErrorClass = Literal[
    "rate_limited", "quota_exhausted", "overloaded", "timeout_connect", "timeout_first_token", "timeout_between_tokens",
    "timeout_throughput", "timeout_total", "connection", "context_overflow", "content_filtered", "auth", "invalid_request",
    "malformed", "empty", "truncated", "refusal", "check_failed",
]  # fmt: skip
Decision = Literal["retry", "next", "larger_context", "fail"]
AfterOutput = Literal["terminate", "restart", "continue"]
Order = Literal["declared", "measured"]
Loss = Literal["tools", "json_schema", "streaming", "vision", "context_tokens"]

# A request that is wrong or refused stays so with another model: rerouting it would hide the fault.
DEFAULT_DECISIONS: dict[ErrorClass, Decision] = {
    "rate_limited": "retry", "quota_exhausted": "next", "overloaded": "retry",
    "timeout_connect": "next", "timeout_first_token": "next", "timeout_between_tokens": "next", "timeout_throughput": "next",
    "timeout_total": "next",
    "connection": "retry", "context_overflow": "larger_context", "content_filtered": "fail", "auth": "next", "invalid_request": "fail",
    "malformed": "retry", "empty": "retry", "truncated": "next", "refusal": "fail", "check_failed": "next",
}  # fmt: skip

Link = Annotated[
    str,
    Field(pattern=r"^(chain:|custom/)?[a-z0-9][a-z0-9_-]{0,63}$", description="A model's name, or chain:DOMAIN to go on with that chain."),
]


class Chain(Declared):
    """The candidates after a domain's primary model, in order, and the losses that are accepted on the way."""

    candidates: list[Link] = Field(min_length=1)
    may_drop: list[Loss] = Field([])
    order: Order = Field(
        "declared", description="measured: by the profile's weights over what the ledger measured; as declared until there is enough."
    )


class Fallback(Document):
    """The decision table and the chains of the lab; they win over `fallback_order`."""

    kind: Literal["fallback"] = "fallback"
    decisions: dict[ErrorClass, Decision] = Field({}, description="Per class of error; what is not named keeps its default.")
    may_drop: list[Loss] = Field([], description="Losses that the lab's default order accepts.")
    after_output: AfterOutput = Field(
        "terminate",
        description="When a stream breaks after its first output: end it, begin anew with the next model, or have that one go on.",
    )
    chains: dict[Name, Chain] = Field({})
