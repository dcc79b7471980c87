"""What is emitted of a request: its spans with their true times, its histograms, and never a text or a secret; collectors may fail."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from labmodels.config.schema.language_model import LanguageModel, Parameters
from labmodels.ledger.record import Attempt, Occasion
from labmodels.router import telemetry as module
from labmodels.router.telemetry import Asked, Telemetry, telemetry_of
from labmodels.secrets import resolve

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SKIPPED = Attempt(
    "a0", "r1", AT, Occasion("dev", "documentation", "balanced", 3), "gpt-4", "openai", "gpt-4o", "skipped", "ab" * 32, reason="QUOTED TEXT"
)
FAILED = replace(
    SKIPPED, id="a1", candidate="claude", provider="anthropic", model_requested="claude-opus-5", outcome="failed",
    error_class="overloaded", latency_s=0.5,
)  # fmt: skip
ANSWERED = replace(
    SKIPPED, id="a2", at=AT + timedelta(seconds=1), candidate="local", provider="llama_cpp", model_requested="qwen", outcome="ok",
    model_returned="qwen-2", finish="stop", input_tokens=100, cache_read_tokens=60, cache_write_tokens=0, output_tokens=7,
    reasoning_tokens=5, cost_pico_usd=1_500_000_000, latency_s=2.0, first_token_s=0.25,
)  # fmt: skip
ASKED = {
    "claude": Asked(("api.anthropic.com", 443)),
    "local": Asked(("127.0.0.1", 8081), Parameters(temperature=0.5, max_output_tokens=64, seed=7, stop=["END"]), is_streamed=True),
}


class Emitted:
    """A real SDK that keeps what it is given."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(), MeterProvider([self._reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.telemetry = Telemetry(self.tracers, self.meters)

    def spans(self):
        return {span.name: span for span in self._exporter.get_finished_spans()}

    def points(self):
        data = self._reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}

    def everything(self) -> str:
        told = [
            (span.name, dict(span.attributes), [event.attributes for event in span.events], span.status) for span in self.spans().values()
        ]
        return repr(told) + repr([dict(point.attributes) for points in self.points().values() for point in points])


@pytest.fixture
def emitted() -> Iterator[Emitted]:
    made = Emitted()
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


def test_a_request_is_a_span_with_a_client_span_for_each_try(emitted):
    emitted.telemetry.emit([SKIPPED, FAILED, ANSWERED], ASKED)
    spans = emitted.spans()
    assert set(spans) == {"route", "chat claude-opus-5", "chat qwen"}
    route, failed, answered = spans["route"], spans["chat claude-opus-5"], spans["chat qwen"]
    assert route.parent is None
    assert {failed.parent.span_id, answered.parent.span_id} == {route.context.span_id}
    assert (route.kind, failed.kind, answered.kind) == (SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.CLIENT)
    began = int(AT.timestamp()) * 10**9
    assert (route.start_time, route.end_time) == (began, began + 3 * 10**9)
    assert (failed.start_time, failed.end_time) == (began, began + 5 * 10**8)
    assert (answered.start_time, answered.end_time) == (began + 10**9, began + 3 * 10**9)
    assert (route.status.status_code, failed.status.status_code, answered.status.status_code) == (
        StatusCode.UNSET, StatusCode.ERROR, StatusCode.UNSET,
    )  # fmt: skip


def test_a_span_carries_the_attributes_of_the_conventions_and_nothing_that_is_unknown(emitted):
    emitted.telemetry.emit([SKIPPED, FAILED, ANSWERED], ASKED)
    spans = emitted.spans()
    assert dict(spans["chat qwen"].attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "llama_cpp",
        "gen_ai.request.model": "qwen",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.response.model": "qwen-2",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.cache_write.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "server.address": "127.0.0.1",
        "server.port": 8081,
        "labmodels.attempt.id": "a2",
        "labmodels.candidate": "local",
        "labmodels.cost_usd": 0.0015,
        "labmodels.is_degraded": False,
    }
    assert spans["chat claude-opus-5"].attributes["error.type"] == "overloaded"
    assert dict(spans["route"].attributes) == {
        "labmodels.request.id": "r1",
        "labmodels.environment": "dev",
        "labmodels.domain": "documentation",
        "labmodels.profile": "balanced",
        "labmodels.release": 3,
        "labmodels.origin": "live",
        "labmodels.skipped": ("gpt-4",),
        "labmodels.answered_by": "local",
        "labmodels.is_cached": False,
    }


@pytest.mark.parametrize(("attempts", "error_type"), [([FAILED, SKIPPED], "overloaded"), ([SKIPPED], "no_candidate")])
def test_a_request_that_nobody_answered_is_an_error_of_the_last_class(emitted, attempts, error_type):
    emitted.telemetry.emit(attempts, {})
    route = emitted.spans()["route"]
    assert (route.attributes["error.type"], route.status.status_code) == (error_type, StatusCode.ERROR)
    assert "labmodels.answered_by" not in route.attributes


def test_an_answer_that_was_kept_calls_nobody(emitted):
    emitted.telemetry.emit([replace(ANSWERED, is_cached=True, latency_s=None, first_token_s=None)], ASKED)
    assert emitted.spans()["route"].attributes["labmodels.is_cached"] is True
    assert (set(emitted.spans()), emitted.points()) == ({"route"}, {})


def test_the_histograms_hold_seconds_and_tokens_by_kind(emitted):
    emitted.telemetry.emit([SKIPPED, FAILED, ANSWERED], ASKED)
    points = emitted.points()
    assert set(points) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
    }
    durations = {point.attributes.get("error.type"): (point.count, point.sum) for point in points["gen_ai.client.operation.duration"]}
    assert durations == {"overloaded": (1, 0.5), None: (1, 2.0)}
    assert [point.sum for point in points["gen_ai.client.operation.time_to_first_chunk"]] == [0.25]
    assert {point.attributes["gen_ai.token.type"]: point.sum for point in points["gen_ai.client.token.usage"]} == {
        "input": 100,
        "output": 7,
    }
    assert points["gen_ai.client.operation.duration"][0].explicit_bounds[:3] == (0.01, 0.02, 0.04)


def test_neither_a_reason_nor_a_secret_is_emitted(emitted):
    secret = resolve("env:K", {"K": "hunter2-and-more"}).reveal()
    leaking = replace(FAILED, reason="the user wrote QUOTED TEXT", model_returned=f"m-{secret}", model_requested=secret, candidate=secret)
    emitted.telemetry.emit(
        [SKIPPED, leaking, ANSWERED],
        {secret: Asked((secret, 1), Parameters(stop=[secret])), "local": Asked(None, Parameters(extra={"api_key": secret}))},
    )
    assert "QUOTED TEXT" not in emitted.everything()
    assert secret not in emitted.everything()
    assert len(emitted.spans()) == 3


def test_what_goes_wrong_while_emitting_stays_there(emitted):
    emitted.telemetry.emit([replace(ANSWERED, at=None)], ASKED)
    emitted.telemetry.emit([], {})
    assert emitted.spans() == {}


@pytest.mark.parametrize(
    ("provider", "url", "server"),
    [
        ("openai", None, ("api.openai.com", 443)),
        ("anthropic", None, ("api.anthropic.com", 443)),
        ("openai", "https://who:hunter2@models.example.com/v1?key=hunter2", ("models.example.com", 443)),
        ("llama_cpp", "http://127.0.0.1:8081/v1", ("127.0.0.1", 8081)),
        ("openai", "http://models.example.com/v1", ("models.example.com", 80)),
        ("llama_cpp", None, None),
    ],
)
def test_of_an_address_only_host_and_port_are_told(monkeypatch, provider, url, server):
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    parameters = Parameters(seed=1)
    model = LanguageModel.model_construct(provider=provider, base_url=url, parameters=parameters)
    assert Asked.of(model, is_streamed=True) == Asked(server, parameters, True)
    assert Asked.of(None) == Asked()


OTLP = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("environ", "traces", "metrics"),
    [
        ({}, False, False),
        ({"OTEL_SERVICE_NAME": "x"}, False, False),
        (OTLP, True, True),
        (OTLP | {"OTEL_SDK_DISABLED": "true"}, False, False),
        (OTLP | {"OTEL_SDK_DISABLED": "false"}, True, True),
        (OTLP | {"OTEL_METRICS_EXPORTER": "none"}, True, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True, False),
        ({"OTEL_METRICS_EXPORTER": "prometheus, otlp"}, False, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, False, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, True, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False, False),
    ],
)
def test_what_the_operator_asks_for_is_exported_and_nothing_else(monkeypatch, environ, traces, metrics):
    wanted = []
    monkeypatch.setattr(module, "_start", lambda *signals: wanted.append(signals) or Telemetry(None, None))
    module._exporting.cache_clear()
    assert (telemetry_of(environ) is not None) == (traces or metrics)
    module._exporting.cache_clear()
    assert wanted == ([(traces, metrics)] if traces or metrics else [])


class Collector(BaseHTTPRequestHandler):
    """Keeps what is posted to it; with `holds`, never answers."""

    def do_POST(self) -> None:
        self.server.received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        if self.server.holds is not None:
            self.server.holds.wait()  # until the test is over
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def collector(*, answers: bool = True) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.daemon_threads = True
    server.received, server.holds = [], None if answers else threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        if server.holds is not None:
            server.holds.set()
        server.shutdown()
        thread.join()
        server.server_close()


EMIT = """
import sys, threading
from tests.router.test_telemetry import ANSWERED, ASKED, FAILED
from labmodels.router.telemetry import telemetry_of
telemetry = telemetry_of()
assert telemetry is not None and telemetry_of() is telemetry
for _ in range(int(sys.argv[1])):
    telemetry.emit([FAILED, ANSWERED], ASKED)
print("answered", flush=True)
"""


def emit(endpoint: str, times: int = 1, **variables: str) -> subprocess.CompletedProcess[str]:
    """Emit in a process of its own, to its end; below the half minute that the SDK itself would wait for a collector."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "NO_PROXY": "127.0.0.1", **variables}
    return subprocess.run([sys.executable, "-c", EMIT, str(times)], env=environ, capture_output=True, text=True, timeout=20, check=False)


def test_a_collector_has_spans_and_metrics_when_the_process_has_ended():
    with collector() as server:
        done = emit(f"http://127.0.0.1:{server.server_port}", OTEL_RESOURCE_ATTRIBUTES="team=ml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "answered\n", "")
    received = dict(server.received)
    spans = ExportTraceServiceRequest.FromString(received["/v1/traces"]).resource_spans[0]
    assert {span.name for span in spans.scope_spans[0].spans} == {"route", "chat claude-opus-5", "chat qwen"}
    about = {pair.key: pair.value.string_value for pair in spans.resource.attributes}
    assert (about["service.name"], about["team"]) == ("labmodels", "ml")
    metrics = ExportMetricsServiceRequest.FromString(received["/v1/metrics"]).resource_metrics[0].scope_metrics[0].metrics
    assert "gen_ai.client.operation.duration" in {metric.name for metric in metrics}


def test_the_operators_service_name_wins():
    with collector() as server:
        emit(f"http://127.0.0.1:{server.server_port}", OTEL_SERVICE_NAME="mine", OTEL_METRICS_EXPORTER="none")
    ((path, body),) = server.received
    assert path == "/v1/traces"
    about = ExportTraceServiceRequest.FromString(body).resource_spans[0].resource.attributes
    assert {pair.key: pair.value.string_value for pair in about}["service.name"] == "mine"


def test_a_collector_that_is_not_there_costs_neither_an_answer_nor_a_word():
    with collector() as gone:
        port = gone.server_port
    done = emit(f"http://127.0.0.1:{port}?key=hunter2", times=5000)
    assert (done.returncode, done.stdout, done.stderr) == (0, "answered\n", "")


def test_a_collector_that_never_answers_is_not_waited_for():
    with collector(answers=False) as server:  # it holds every connection for as long as the process may take at all
        done = emit(f"http://127.0.0.1:{server.server_port}", OTEL_EXPORTER_OTLP_TIMEOUT="1000")
        assert not server.holds.is_set()
    assert (done.returncode, done.stdout, done.stderr) == (0, "answered\n", "")


UNREADABLE = """
from labmodels.router.telemetry import telemetry_of
print(telemetry_of(warn=print))
"""


def test_a_variable_that_the_sdk_refuses_is_said_and_fails_nothing():
    environ = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_BSP_MAX_QUEUE_SIZE": "-1"}
    done = subprocess.run([sys.executable, "-c", UNREADABLE], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "OTEL_* variables ask for OpenTelemetry, and its SDK refuses them (ValueError)\nNone\n"
    assert done.stderr == ""


MISSING = """
import sys
sys.modules["opentelemetry.sdk.trace"] = None
from labmodels.router.telemetry import telemetry_of
told = []
assert [telemetry_of(warn=told.append) for _ in range(3)] == [None] * 3
print(told)
"""


def test_asked_for_and_not_installed_is_said_once():
    environ = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", MISSING], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pip install 'labmodels[telemetry]'") == 1


def test_nothing_of_opentelemetry_is_loaded_where_nobody_asked_for_it():
    code = "import sys; from labmodels.router.telemetry import telemetry_of; print(telemetry_of({}), 'opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "None False\n", done.stderr
