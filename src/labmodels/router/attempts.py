"""Attempts as the ledger keeps them: how a try that began became a row. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from labmodels.providers.protocol import Answer, ProviderFault, Request, Usage
from labmodels.router.admission import Ending
from labmodels.router.breaker import health_of
from labmodels.router.cost import pico_usd

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import Parameters
    from labmodels.ledger.record import Attempt
    from labmodels.router.candidates import Candidate

# Refused before anything was generated, or never sent: no provider bills for these.
_NEVER_BILLED = frozenset({"connection", "timeout_connect", "auth", "rate_limited", "quota_exhausted", "invalid_request"})
_PROMPT = json.JSONEncoder(sort_keys=True, ensure_ascii=True, default=str)


@dataclass(frozen=True, slots=True)
class Try:
    """One try that began: its row so far, whom it asks, and how long it took when it is told how it ended."""

    attempt: Attempt
    candidate: Candidate
    parameters: Parameters | None  # as the candidate is asked

    def answered(self, answer: Answer, latency_s: float, first_token_s: float | None) -> Attempt:
        """Return the row of a try that gave `answer`."""
        return replace(
            self.attempt,
            **self._billed(answer.usage, answer.model_returned),
            outcome="ok",
            finish=answer.finish,
            degraded=answer.degraded,
            provider_request_id=answer.provider_request_id,
            latency_s=latency_s,
            first_token_s=first_token_s,
        )

    def failed(self, fault: ProviderFault, answer: Answer | None, latency_s: float, first_token_s: float | None) -> Attempt:
        """Return the row of a try that ended in `fault`, perhaps with an `answer` that is no good; what is known of it stays."""
        told = self.attempt if fault.usage is None else replace(self.attempt, **self._billed(fault.usage, None))
        if answer is not None:
            told = self.answered(answer, latency_s, first_token_s)
        ended = {"outcome": "failed", "error_class": fault.error_class, "reason": str(fault)}
        return replace(told, **ended, latency_s=latency_s, first_token_s=first_token_s)  # type: ignore[arg-type]

    def abandoned(self, reason: str, latency_s: float, first_token_s: float | None) -> Attempt:
        """Return the row of a try whose end nobody waited for."""
        return replace(self.attempt, outcome="abandoned", reason=reason, latency_s=latency_s, first_token_s=first_token_s)

    def _billed(self, usage: Usage, model_returned: str | None) -> dict[str, Any]:
        """Return the columns of what was used and what it cost."""
        prices = self.candidate.prices(self.attempt.at, model_returned, self.parameters)
        return {
            "model_returned": model_returned,
            "input_tokens": usage.input_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "cost_pico_usd": pico_usd(prices.cost_usd(usage)) if prices else None,
            "cost_source": prices.source if prices else None,
        }


def ending_of(attempt: Attempt, fault: ProviderFault | None) -> Ending:
    """Return what a finished try tells the door: an answer's health and use, or a fault's."""
    if fault is not None and fault.usage is None and (fault.error_class in _NEVER_BILLED or (fault.status or 0) >= 400):
        return Ending(health_of(fault.error_class), fault.error_class, tokens=0, cost_pico_usd=0)
    known = attempt.input_tokens is not None and attempt.output_tokens is not None
    tokens = (attempt.input_tokens or 0) + (attempt.output_tokens or 0) if known else None
    return Ending(health_of(attempt.error_class), attempt.error_class, tokens, attempt.cost_pico_usd)  # type: ignore[arg-type]


def prompt_text(request: Request) -> str:
    """Return a request's prompt as JSON: what is hashed, and stored where a lab opted in."""
    told: list[Any] = [_message(message) for message in request.messages]
    tools: list[Any] = [asdict(tool) for tool in request.tools]
    return _PROMPT.encode([told, request.json_schema, *([tools] if tools else [])])


def _message(message: Any) -> Sequence[Any]:
    plain = [message.role, message.text]
    more = [image.url for image in message.images], [asdict(call) for call in message.tool_calls], message.tool_call_id
    return [*plain, *more] if any(more) else plain


def digest(text: str) -> str:
    """Return the hash by which the ledger knows a prompt."""
    return hashlib.sha256(text.encode()).hexdigest()
