"""OpenTelemetry spans and metrics of requests: every name that is emitted, and their emission once a request is over.

Off unless the operator asks for it with the standard variables. Texts of requests and answers are never emitted, nor are reasons,
which may quote them. The names follow the GenAI semantic conventions 0.1.0, which still move.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labmodels.providers.endpoint import base_url
from labmodels.secrets import redact

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from labmodels.config.schema.language_model import LanguageModel, Parameters
    from labmodels.ledger.record import Attempt

_SCOPE = "labmodels"
_ROUTE = "route"
_CHAT = "chat"

_DURATION = "gen_ai.client.operation.duration"
_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
_TOKENS = "gen_ai.client.token.usage"
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_COUNTS = tuple(4**power for power in range(14))

_OWN_ADDRESSES = {"openai": "https://api.openai.com", "anthropic": "https://api.anthropic.com"}
_PORTS = {"https": 443, "http": 80}
_EXIT_S = 1.0  # what a collector that does not answer may hold up the end of a command

_Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is told of a candidate besides its attempts."""

    server: tuple[str, int] | None = None
    parameters: Parameters | None = None
    is_streamed: bool = False

    @classmethod
    def of(cls, model: LanguageModel | None, parameters: Parameters | None = None, *, is_streamed: bool = False) -> Asked:
        """Return what is told of a model; of its address only host and port. `parameters` None: the model's own."""
        if model is None:
            return cls(None, parameters, is_streamed)
        return cls(_server(base_url(model) or _OWN_ADDRESSES.get(model.provider, "")), parameters or model.parameters, is_streamed)


class Telemetry:
    """Emits requests that are over to a tracer and a meter, either of which may be absent."""

    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        self._tracer = tracer_provider.get_tracer(_SCOPE) if tracer_provider else None
        meter = meter_provider.get_meter(_SCOPE) if meter_provider else None
        self._meters = {
            name: meter.create_histogram(name, unit, said, explicit_bucket_boundaries_advisory=buckets)
            for name, unit, said, buckets in (
                (_DURATION, "s", "How long a try took.", _SECONDS),
                (_FIRST_CHUNK, "s", "How long the first output of a try took.", _SECONDS),
                (_TOKENS, "{token}", "The tokens of a try.", _COUNTS),
            )
            if meter
        }

    def emit(self, attempts: Sequence[Attempt], asked: Mapping[str, Asked]) -> None:
        """Emit one request by its attempts, in their order; `asked` by candidate. Never raises, never waits."""
        with suppress(Exception):  # an answer is not lost because nobody could be told of it
            if self._tracer and attempts:
                _trace(self._tracer, attempts, asked)
            for attempt in filter(_is_try, attempts):
                self._measure(attempt, asked.get(attempt.candidate, Asked()))

    def _measure(self, attempt: Attempt, asked: Asked) -> None:
        told = _identity(attempt, asked)
        kinds = {"input": attempt.input_tokens, "output": attempt.output_tokens}
        values = [
            (_DURATION, attempt.latency_s, told | _error(attempt)),
            (_FIRST_CHUNK, attempt.first_token_s, told),
            *((_TOKENS, count, told | {"gen_ai.token.type": kind}) for kind, count in kinds.items()),
        ]
        for name, value, attributes in values:
            if value is not None and name in self._meters:
                self._meters[name].record(value, _clean(attributes))


def _trace(tracer: Tracer, attempts: Sequence[Attempt], asked: Mapping[str, Asked]) -> None:
    """Emit a span of the whole request and one below it for each try, with the times that they had."""
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, set_span_in_context

    route = tracer.start_span(_ROUTE, Context(), SpanKind.INTERNAL, _clean(_of_route(attempts)), start_time=_began_ns(attempts[0]))
    _mark_failure(route, _failure(attempts))
    below = set_span_in_context(route, Context())
    for attempt in filter(_is_try, attempts):
        about = asked.get(attempt.candidate, Asked())
        told = _clean(_identity(attempt, about) | _details(attempt, about))
        name = f"{_CHAT} {told['gen_ai.request.model']}"
        span = tracer.start_span(name, below, SpanKind.CLIENT, told, start_time=_began_ns(attempt))
        _mark_failure(span, attempt.error_class)
        span.end(_ended_ns(attempt))
    route.end(max(_ended_ns(attempt) for attempt in attempts))


def telemetry_of(environ: Mapping[str, str] | None = None, warn: Callable[[str], None] = lambda _: None) -> Telemetry | None:
    """Return where this process's requests are told; None unless the operator asked for it. Safe to call for every request.

    A signal is exported over OTLP/HTTP when an OTLP endpoint is set or its OTEL_*_EXPORTER says otlp, unless that says otherwise or
    OTEL_SDK_DISABLED is true. The SDK reads the rest of its variables itself. Where it cannot be had, `warn` is told why, once.
    """
    environ = os.environ if environ is None else environ
    has_traces, has_metrics = _is_wanted("TRACES", environ), _is_wanted("METRICS", environ)
    if not has_traces and not has_metrics:
        return None
    made = _exporting(has_traces, has_metrics)
    if isinstance(made, Telemetry):
        return made
    if made not in _told:
        _told.add(made)
        warn(f"OTEL_* variables ask for OpenTelemetry, {made}")
    return None


_told: set[str] = set()


def _is_wanted(signal: str, environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower()
    if exporters:
        return "otlp" in (name.strip() for name in exporters.split(","))
    return any(environ.get(name, "").strip() for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))


@cache
def _exporting(has_traces: bool, has_metrics: bool) -> Telemetry | str:
    """Return the one exporter of this process, or why it has none."""
    try:
        return _start(has_traces, has_metrics)
    except ImportError:
        return "which is not installed: pip install 'labmodels[telemetry]'"
    except Exception as error:  # a variable that the SDK cannot read; its message may quote one that holds a key
        return f"and its SDK refuses them ({type(error).__name__})"


def _start(has_traces: bool, has_metrics: bool) -> Telemetry:
    """Start exporting: bounded queues, emptied by threads of their own."""
    import logging

    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from labmodels import __version__

    # Its complaints about the collector go to who configures logging, not to this terminal: they quote addresses, and those hold keys.
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    resource = Resource({"service.name": "labmodels", "service.version": __version__}).merge(OTELResourceDetector().detect())
    tracers = meters = None
    closings: list[Callable[[], None]] = []
    if has_traces:
        tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        closings.append(tracers.shutdown)
    if has_metrics:
        meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource, shutdown_on_exit=False)
        closings.append(meters.shutdown)
    _close_at_exit(closings)
    return Telemetry(tracers, meters)


def _close_at_exit(closings: Sequence[Callable[[], None]]) -> None:
    """Call each when the process ends and wait for all a moment; by threads begun now, because none can begin then."""
    is_ending = threading.Event()

    def close(closing: Callable[[], None]) -> None:
        is_ending.wait()
        with suppress(Exception):
            closing()

    closers = [threading.Thread(target=close, args=[closing], name="labmodels-telemetry", daemon=True) for closing in closings]
    for closer in closers:
        closer.start()

    def end() -> None:
        is_ending.set()
        ends_at = time.monotonic() + _EXIT_S
        for closer in closers:
            closer.join(max(0.0, ends_at - time.monotonic()))

    atexit.register(end)


def _of_route(attempts: Sequence[Attempt]) -> _Attributes:
    first, occasion = attempts[0], attempts[0].occasion
    failure = _failure(attempts)
    return {
        "labmodels.request.id": first.request_id,
        "labmodels.environment": occasion.environment,
        "labmodels.domain": occasion.domain or None,
        "labmodels.profile": occasion.profile,
        "labmodels.release": occasion.release,
        "labmodels.origin": occasion.origin,
        "labmodels.arm": first.arm,
        "labmodels.skipped": [attempt.candidate for attempt in attempts if attempt.outcome == "skipped"] or None,
        "labmodels.answered_by": None if failure else attempts[-1].candidate,
        "labmodels.is_cached": attempts[-1].is_cached,
        "error.type": failure,
    }


def _identity(attempt: Attempt, asked: Asked) -> _Attributes:
    """Return what tells one kind of call from another: few values, because each makes series of its own."""
    return {
        "gen_ai.operation.name": _CHAT,
        "gen_ai.provider.name": attempt.provider,
        "gen_ai.request.model": attempt.model_requested,
        "gen_ai.response.model": attempt.model_returned,
        "server.address": asked.server[0] if asked.server else None,
        "server.port": asked.server[1] if asked.server else None,
    }


def _details(attempt: Attempt, asked: Asked) -> _Attributes:
    parameters = asked.parameters
    return _error(attempt) | {
        "gen_ai.request.stream": asked.is_streamed or None,
        "gen_ai.request.max_tokens": parameters and parameters.max_output_tokens,
        "gen_ai.request.temperature": parameters and parameters.temperature,
        "gen_ai.request.top_p": parameters and parameters.top_p,
        "gen_ai.request.seed": parameters and parameters.seed,
        "gen_ai.request.stop_sequences": parameters and (parameters.stop or None),
        "gen_ai.response.finish_reasons": [attempt.finish] if attempt.finish else None,
        "gen_ai.response.time_to_first_chunk": attempt.first_token_s,
        "gen_ai.usage.input_tokens": attempt.input_tokens,
        "gen_ai.usage.output_tokens": attempt.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": attempt.cache_read_tokens,
        "gen_ai.usage.cache_write.input_tokens": attempt.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": attempt.reasoning_tokens,
        "labmodels.attempt.id": attempt.id,
        "labmodels.candidate": attempt.candidate,
        "labmodels.cost_usd": None if attempt.cost_pico_usd is None else attempt.cost_pico_usd / 1e12,
        "labmodels.is_degraded": attempt.degraded,
    }


def _error(attempt: Attempt) -> _Attributes:
    return {"error.type": attempt.error_class}


def _failure(attempts: Sequence[Attempt]) -> str | None:
    """Return the class of the failure that a request ended with; None when it was answered."""
    if attempts[-1].outcome == "ok":
        return None
    return next((attempt.error_class for attempt in reversed(attempts) if attempt.error_class), "no_candidate")


def _mark_failure(span: Span, error_class: str | None) -> None:
    from opentelemetry.trace import StatusCode

    if error_class:
        span.set_status(StatusCode.ERROR, error_class)


def _is_try(attempt: Attempt) -> bool:
    """Whether somebody was called: not what was skipped, nor an answer that was kept."""
    return attempt.outcome != "skipped" and not attempt.is_cached


def _began_ns(attempt: Attempt) -> int:
    return int(attempt.at.timestamp() * 1e9)


def _ended_ns(attempt: Attempt) -> int:
    return _began_ns(attempt) + int((attempt.latency_s or 0.0) * 1e9)


def _clean(attributes: Mapping[str, Any]) -> _Attributes:
    """Return what is known of `attributes`, no secret in it."""
    return {name: _redacted(value) for name, value in attributes.items() if value is not None}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    return [redact(item) for item in value] if isinstance(value, list) else value


def _server(url: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(url)
        return (parts.hostname, parts.port or _PORTS[parts.scheme]) if parts.hostname else None
    except (ValueError, KeyError):
        return None
