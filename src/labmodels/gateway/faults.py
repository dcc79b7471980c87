"""From what went wrong inside to what a client is told: a status that makes its SDK raise the right class, a code, and no internals.

How a fault looks on the wire is `openai_wire`'s and `anthropic_wire`'s.
"""

from __future__ import annotations

from labmodels.errors import Busy, LabmodelsError, MissingExtra, StorageFault, Usage
from labmodels.gateway.backend import UnknownModel
from labmodels.providers.protocol import ProviderFault
from labmodels.router.outcome import RouteSpent
from labmodels.router.question import OutOfScope
from labmodels.secrets import redact

# What a provider failed with -> status and code. What is not here is nobody's fault but ours: 503 no_provider. A provider's 401 is
# no 401 of ours: the client's own key is fine.
_BY_CLASS: dict[str | None, tuple[int, str]] = {
    "rate_limited": (429, "rate_limited"),
    "context_overflow": (400, "context_length_exceeded"),
    "content_filtered": (400, "content_filter"),
    "refusal": (400, "refusal"),
    "invalid_request": (400, "invalid_request"),
    **{f"timeout_{limit}": (504, "timeout") for limit in ("connect", "first_token", "between_tokens", "throughput", "total")},
}
_RATE_LIMITED_S = 5.0  # how long a client waits where no provider said


class Fault(Exception):
    """A request that is not answered. `may_retry`: whether asking again soon could help; the SDKs are told, since they ask on their own."""

    def __init__(
        self, status: int, code: str, message: str, *, param: str | None = None, retry_after_s: float | None = None, may_retry: bool = False
    ) -> None:
        super().__init__(redact(message))
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s
        self.may_retry = may_retry

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that tell a client whether and when to come back."""
        told = [(b"x-should-retry", b"true" if self.may_retry else b"false")]
        if self.retry_after_s is not None:
            told.append((b"retry-after", str(max(1, round(self.retry_after_s))).encode()))
        if self.status in (408, 413):
            told.append((b"connection", b"close"))  # the rest of the body is not read
        return told


def invalid(message: str, param: str | None = None) -> Fault:
    """Return the fault of a request that is wrong in itself."""
    return Fault(400, "invalid_request", message, param=param)


def crowded(wait_s: float = 1.0) -> Fault:
    """Return the fault of a gateway that has no room left."""
    return Fault(503, "overloaded", "the gateway has no room for more requests now", retry_after_s=wait_s, may_retry=True)


def stopping() -> Fault:
    """Return the fault of a gateway that is about to end."""
    return Fault(503, "stopping", "the gateway is being stopped", retry_after_s=1.0, may_retry=True)


def fault_of(error: Exception) -> Fault:
    """Return what a client is told of `error`; an internal fault's own text stays inside."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, RouteSpent):
        return _of_route(error)
    if isinstance(error, ProviderFault):
        return _of_class(error.error_class, str(error), error.retry_after_s)
    if isinstance(error, LabmodelsError):
        return _of_lab(error)
    return Fault(500, "internal_error", "the gateway failed; its log says why")


def _of_route(error: RouteSpent) -> Fault:
    kinds = {refusal.kind: refusal for refusal in error.refusals}
    message = str(error)
    if error.error_class is None and (limit := kinds.get("rate_limit")):
        return Fault(429, "rate_limited", message, retry_after_s=limit.retry_after_s, may_retry=limit.retry_after_s is not None)
    if error.error_class is None and "budget" in kinds:
        return Fault(429, "insufficient_quota", message)
    return _of_class(error.error_class, message, error.retry_after_s)


def _of_class(error_class: str | None, message: str, retry_after_s: float | None) -> Fault:
    status, code = _BY_CLASS.get(error_class, (503, "no_provider"))
    if status == 429:
        return Fault(status, code, message, retry_after_s=retry_after_s or _RATE_LIMITED_S, may_retry=True)
    return Fault(status, code, message)


def _of_lab(error: LabmodelsError) -> Fault:
    if isinstance(error, UnknownModel):
        return Fault(404, "model_not_found", f"{error}; {error.hint}" if error.hint else str(error), param="model")
    if isinstance(error, OutOfScope):
        return Fault(403, "out_of_scope", f"{error}; {error.hint}" if error.hint else str(error))
    if isinstance(error, Usage):
        return invalid(str(error))
    if isinstance(error, Busy | StorageFault | MissingExtra):  # their texts name paths and packages of this machine
        return Fault(503, "unavailable", "the gateway cannot use its lab now; its log says why", may_retry=isinstance(error, Busy))
    return Fault(500, "internal_error", "the gateway failed; its log says why")
