"""From what a service said to a class of the decision table: statuses, codes, in-band errors, Retry-After. Pure."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labmodels.config.schema.fallback import ErrorClass

# What the body says beats the status: providers send one status for faults that want different decisions.
_BY_WORD: dict[str, ErrorClass] = {
    "insufficient_quota": "quota_exhausted", "billing_error": "quota_exhausted", "billing_hard_limit_reached": "quota_exhausted",
    "credit_balance_too_low": "quota_exhausted",
    "context_length_exceeded": "context_overflow", "request_too_large": "context_overflow",
    "exceed_context_size_error": "context_overflow",
    "content_filter": "content_filtered", "content_policy_violation": "content_filtered",
    "rate_limit_exceeded": "rate_limited", "rate_limit_error": "rate_limited",
    "overloaded_error": "overloaded", "api_error": "overloaded", "server_error": "overloaded", "timeout_error": "overloaded",
    "authentication_error": "auth", "permission_error": "auth", "invalid_api_key": "auth",
    # no such model here, or none that this key may use: the request may be fine with the next one
    "model_not_found": "auth", "not_found_error": "auth",
}  # fmt: skip
_BY_STATUS: dict[int, ErrorClass] = {
    401: "auth", 402: "quota_exhausted", 403: "auth", 404: "auth", 408: "overloaded", 409: "overloaded", 413: "context_overflow",
    425: "overloaded", 429: "rate_limited",
}  # fmt: skip
_CONTEXT = re.compile(r"context (length|window|size)|prompt is too long|maximum context|too many (input )?tokens", re.IGNORECASE)
_CREDIT = re.compile(r"credit balance is too low|exceeded your current quota", re.IGNORECASE)


def classify(status: int | None, error: Mapping[str, Any], message: str) -> ErrorClass:
    """Return the class of an error: by its `code` or `type`, then by tell-tale words, then by status; None is an in-band error."""
    for word in (error.get("code"), error.get("type")):
        if isinstance(word, str) and word in _BY_WORD:
            return _BY_WORD[word]
    if _CREDIT.search(message):
        return "quota_exhausted"
    if _CONTEXT.search(message) and status != 429:
        return "context_overflow"
    return _by_status(status, error.get("type"))


def _by_status(status: int | None, kind: object) -> ErrorClass:
    if status is None:
        return "invalid_request" if kind == "invalid_request_error" else "overloaded"
    if status >= 500:
        return "overloaded"  # the service says of itself that it failed
    return _BY_STATUS.get(status, "invalid_request" if status >= 400 else "malformed")


def error_of(body: object) -> Mapping[str, Any] | None:
    """Return the error object of a decoded body ({"error": {...}} or the object itself), None where there is none."""
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        return {"message": error}
    return body if "message" in body and ("code" in body or "type" in body) else None


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that `retry-after-ms` or `retry-after` (seconds or a date) asks for; None when it says nothing usable."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            seconds = float(text) * scale
        except ValueError:
            seconds = _until(text, now or datetime.now(UTC))
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def _until(text: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
