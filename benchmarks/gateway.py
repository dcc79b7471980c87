"""The gateway against LiteLLM's proxy: processor time a request, latency that it adds, memory.

Both stand in front of the same provider on loopback, pinned to one core; the provider and the clients have another one. LiteLLM is
run by the interpreter that LABMODELS_BENCH_LITELLM names, which has litellm[proxy]; without it the topic is skipped.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import BIN, LABMODELS, Figure, spent

LITELLM = "LABMODELS_BENCH_LITELLM"
REQUESTS, CONNECTIONS = 1500, 16
PACED, PACED_CONNECTIONS = 1500, 32
WARM = 300
KEY = "a-key-that-opens-nothing"
_PROVIDER = """
import time
from labmodels.providers.loopback import Loopback
with Loopback() as server:
    print(server.port, flush=True)
    time.sleep(900)
"""
# Without the limits of an account: what is measured is the gateway.
_MODEL = """\
kind: language_model
name: gpt-4
provider: openai
model: gpt-6-luna
context_tokens: 200000
capabilities: {tools: true, json_schema: true, streaming: true, vision: true}
prices: {input: "$0.25 / 1M tokens", output: "$2.00 / 1M tokens"}
"""
_LITELLM = """
model_list:
  - model_name: gpt-4
    litellm_params: {{model: openai/gpt-6-luna, api_base: "http://127.0.0.1:{port}/v1", api_key: {key}}}
litellm_settings: {{telemetry: false}}
"""


class Taken(NamedTuple):
    """What one gateway took: seconds of CPU a request, plain and streamed, the latency it adds at half load, its memory."""

    plain_cpu_s: float
    stream_cpu_s: float
    requests_per_s: float
    added_p50_s: float
    added_p99_s: float
    memory_mb: float


def figures(folder: Path) -> list[Figure]:
    """Measure both in turn; nothing without LiteLLM or a second core."""
    interpreter = os.environ.get(LITELLM)
    cores = sorted(os.sched_getaffinity(0))
    if not interpreter or len(cores) < 2:
        print(f"gateway: skipped, {LITELLM} names no interpreter with litellm[proxy], or there is one core only", file=sys.stderr)
        return []
    lab = folder / "lab"
    spent([LABMODELS, "init", str(lab)], cwd=folder)
    (lab / "configs/language_models/gpt4_config.yaml").write_text(_MODEL)
    spent([LABMODELS, "deploy-config", "--all", "--env", "dev", "--yes"], cwd=lab)
    os.sched_setaffinity(0, {cores[1]})
    try:
        with _provider(cores[1]) as provider:
            theirs = _taken(_litellm(interpreter, folder, provider), cores[0], provider)
            ours = _taken(_ours(lab, provider), cores[0], provider)
    finally:
        os.sched_setaffinity(0, cores)
    return [
        Figure("requests per second of CPU", theirs.plain_cpu_s / ours.plain_cpu_s, "x LiteLLM's proxy", 5, at_least=True),
        Figure("streams per second of CPU", theirs.stream_cpu_s / ours.stream_cpu_s, "x LiteLLM's proxy", 5, at_least=True),
        Figure("p99 added latency at half load", ours.added_p99_s / ours.added_p50_s, "x its p50", 3),
        Figure("memory", ours.memory_mb / theirs.memory_mb, "x LiteLLM's proxy", 0.6),
        Figure("CPU a request", ours.plain_cpu_s * 1000, "ms"),
        Figure("CPU a stream", ours.stream_cpu_s * 1000, "ms"),
        Figure("p50 added latency at half load", ours.added_p50_s * 1000, "ms"),
        Figure("requests a second", ours.requests_per_s, "on one core"),
    ]


# -- the two gateways ------------------------------------------------------------------------------------------------------

Start = Callable[[int], tuple[Sequence[str], Mapping[str, str]]]


def _ours(lab: Path, provider: int) -> Start:
    def command(port: int) -> tuple[Sequence[str], Mapping[str, str]]:
        variables = {"OPENAI_BASE_URL": f"http://127.0.0.1:{provider}/v1", "OPENAI_API_KEY": KEY, "LABMODELS_LAB": str(lab)}
        return [LABMODELS, "serve", "--port", str(port), "--env", "dev", "--quiet"], variables

    return command


def _litellm(interpreter: str, folder: Path, provider: int) -> Start:
    config = folder / "litellm.yaml"
    config.write_text(_LITELLM.format(port=provider, key=KEY))

    def command(port: int) -> tuple[Sequence[str], Mapping[str, str]]:
        variables = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches one
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            "LITELLM_LOG": "ERROR",
        }
        return [str(Path(interpreter).parent / "litellm"), "--config", str(config), "--port", str(port), "--num_workers", "1"], variables

    return command


def _taken(start: Start, core: int, provider: int) -> Taken:
    port = _free_port()
    with _running(start, port, core) as process:
        _ask(port, WARM, CONNECTIONS)
        _ask(port, WARM, CONNECTIONS, is_streamed=True)
        plain_cpu_s, requests_per_s = _cost(port, process)
        stream_cpu_s, _ = _cost(port, process, is_streamed=True)
        direct = statistics.median(_paced(provider, requests_per_s / 2))
        added = sorted(latency - direct for latency in _paced(port, requests_per_s / 2))
        memory_mb = sum(_peak_mb(one) for one in _tree(process))
    return Taken(plain_cpu_s, stream_cpu_s, requests_per_s, added[len(added) // 2], added[int(len(added) * 0.99)], memory_mb)


def _cost(port: int, process: int, *, is_streamed: bool = False) -> tuple[float, float]:
    before, began = _cpu_s(process), time.perf_counter()
    _ask(port, REQUESTS, CONNECTIONS, is_streamed=is_streamed)
    took_s = time.perf_counter() - began
    return (_cpu_s(process) - before) / REQUESTS, REQUESTS / took_s


# -- clients ---------------------------------------------------------------------------------------------------------------


def _ask(port: int, count: int, connections: int, *, is_streamed: bool = False) -> None:
    """Send `count` requests over so many connections, each as soon as the one before was answered."""

    def work() -> None:
        with _Connection(port, is_streamed=is_streamed) as connection:
            for _ in range(count // connections):
                connection.ask()

    _together([work] * connections)


def _paced(port: int, per_second: float) -> list[float]:
    """Return the latencies of requests that begin at fixed instants, whatever became of those before; waiting for a turn counts."""
    latencies: list[float] = []
    begins = time.perf_counter() + 0.2

    def work(first: int) -> None:
        with _Connection(port) as connection:
            for position in range(first, PACED, PACED_CONNECTIONS):
                due = begins + position / per_second
                time.sleep(max(0.0, due - time.perf_counter()))
                connection.ask()
                latencies.append(time.perf_counter() - due)

    _together([lambda first=first: work(first) for first in range(PACED_CONNECTIONS)])  # type: ignore[misc]
    return latencies


def _together(works: Sequence[Callable[[], None]]) -> None:
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class _Connection:
    """A client that costs next to nothing: a socket, a request made once, an answer read to its end."""

    def __init__(self, port: int, *, is_streamed: bool = False) -> None:
        asked = {"model": "gpt-4", "messages": [{"role": "user", "content": "What is the answer? " * 20}], "stream": is_streamed}
        body = json.dumps(asked).encode()
        head = ("POST /v1/chat/completions HTTP/1.1", "host: 127.0.0.1", "content-type: application/json", f"content-length: {len(body)}")
        self._request = "\r\n".join([*head, "", ""]).encode() + body
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self) -> None:
        self._socket.sendall(self._request)
        status = self._file.readline()
        headers = {}
        while (line := self._file.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        length = headers.get(b"content-length")
        body = b"".join(self._chunks()) if length is None else self._file.read(int(length))
        if b" 200 " not in status or b"42." not in body:
            raise SystemExit(f"a gateway answered {status!r}: {body[-300:]!r}")

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._file.readline(), 16):
            yield self._file.read(size)
            self._file.readline()
        self._file.readline()


# -- processes -------------------------------------------------------------------------------------------------------------


@contextmanager
def _provider(core: int) -> Iterator[int]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", _PROVIDER], stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            os.sched_setaffinity(process.pid, {core})
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def _running(start: Start, port: int, core: int) -> Iterator[int]:
    command, variables = start(port)
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ}
    environ = {**kept, "PATH": f"{BIN}:{os.defpath}", **variables}
    with subprocess.Popen(
        command,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        os.sched_setaffinity(process.pid, {core})  # before it has threads and children of its own
        try:
            _wait_for(port, process)
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + 120
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            with _Connection(port) as connection:
                connection.ask()
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{process.args!r} does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tree(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(one for child in children for one in _tree(int(child)))]


def _cpu_s(process: int) -> float:
    def of(one: int) -> float:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    return sum(of(one) for one in _tree(process))


def _peak_mb(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
