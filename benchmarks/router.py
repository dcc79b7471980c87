"""What the router costs: CPU beside the bare SDK and LiteLLM's Router, `ask` from the shell, a dead primary met by four processes.

The provider is a loopback in a process of its own on another core than what is measured. LiteLLM is run by the interpreter that
LABMODELS_BENCH_LITELLM names; without it its figures are left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

from benchmarks import router_calls
from benchmarks.measure import LABMODELS, Figure, environ, spent

LITELLM = os.environ.get("LABMODELS_BENCH_LITELLM")
ROOT = Path(__file__).resolve().parent.parent
PROVIDER = [sys.executable, "-m", "benchmarks.provider"]
ROUNDS, CALLS = 12, 100
STARTS = 7
FAILING_CALLS, PROCESSES = 6, 4
GPT4 = "configs/language_models/gpt4_config.yaml"
# The account's own figures would refuse hundreds of calls a minute; limits and budgets as such stay, and are reserved and settled.
LIMITS = {
    'requests_per_minute: 120\n      tokens_per_minute: 200000\n    budgets:\n      day: "$2.00"\n      month: "$20.00"': (
        'requests_per_minute: 1000000\n      tokens_per_minute: 1000000000\n    budgets:\n      day: "$1000.00"\n      month: "$1000.00"'
    )
}
_QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # else it fetches one
WHOLE = {"streaming: true": "streaming: false"}


def figures(folder: Path) -> list[Figure]:
    """Measure on copies of the starter lab, laid out and deployed below `folder`."""
    if LITELLM is None:
        print("router: without LiteLLM, whose interpreter LABMODELS_BENCH_LITELLM would name", file=sys.stderr)
    lab, whole = _deployed(folder / "lab", LIMITS), _deployed(folder / "whole", LIMITS | WHOLE)
    return [*_cpu(lab, whole), _transactions(lab), *_first_byte(lab), *_dead_primary(folder)]


def _deployed(lab: Path, changes: Mapping[str, str]) -> Path:
    spent([LABMODELS, "init", str(lab)], cwd=lab.parent)
    config = (lab / GPT4).read_text(encoding="utf-8")
    for old, new in changes.items():
        if old not in config:
            raise SystemExit(f"{GPT4} has no {old!r} any more: adapt benchmarks/router.py")
        config = config.replace(old, new, 1)
    (lab / GPT4).write_text(config, encoding="utf-8")
    spent([LABMODELS, "deploy-config", "--all", "--env", "dev", "--yes"], cwd=lab)
    return lab


# -- CPU a call ------------------------------------------------------------------------------------------------------------


def _cpu(lab: Path, whole: Path) -> list[Figure]:
    ways = {"sdk": ("sdk", lab), "sdk_streamed": ("sdk_streamed", lab), "whole": ("router", whole), "streamed": ("router", lab)}
    if LITELLM is not None:
        ways |= {"litellm": ("litellm", lab), "litellm_streamed": ("litellm_streamed", lab)}
    cost_s = _best_of(ways)
    found = [
        Figure("CPU a call, whole", cost_s["whole"] / cost_s["sdk"], "x SDK", 1.3),
        Figure("CPU a call, streamed", cost_s["streamed"] / cost_s["sdk_streamed"], "x SDK's stream", 1.3),
        Figure("CPU a call, streamed by default", cost_s["streamed"] / cost_s["sdk"], "x SDK, whole", 1.3),
        Figure("CPU a call of the SDK", cost_s["sdk"] * 1000, "ms"),
    ]
    if LITELLM is not None:
        found += [
            Figure("CPU a call, whole", cost_s["whole"] / cost_s["litellm"], "x LiteLLM's Router", 0.25),
            Figure("CPU a call, streamed", cost_s["streamed"] / cost_s["litellm_streamed"], "x LiteLLM's Router", 0.25),
            Figure("CPU a call of LiteLLM's Router", cost_s["litellm"] * 1000, "ms"),
        ]
    return found


def _best_of(ways: Mapping[str, tuple[str, Path]]) -> dict[str, float]:
    """Return the least CPU seconds of a call in each way, over interleaved rounds; a first round warms up and is not counted."""
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        provider = stack.enter_context(running(PROVIDER, core=cores[-1]))
        port = provider.first
        callers = {name: stack.enter_context(calling(way, port, port, lab, cores[0])) for name, (way, lab) in ways.items()}
        rounds = [{name: float(caller.tell(CALLS)) for name, caller in callers.items()} for _ in range(ROUNDS + 1)]
    return {name: min(taken[name] for taken in rounds[1:]) for name in ways}


def _transactions(lab: Path) -> Figure:
    from sqlalchemy import Engine, event

    begun: list[object] = []
    note = begun.append
    with running(PROVIDER) as provider:
        call = router_calls.router(provider.first, provider.first, str(lab))
        call()
        event.listen(Engine, "begin", note)
        for _ in range(CALLS):
            call()
        event.remove(Engine, "begin", note)
    return Figure("transactions a request", len(begun) / CALLS, "", 2)


# -- from the shell --------------------------------------------------------------------------------------------------------


def _first_byte(lab: Path) -> list[Figure]:
    ask = [LABMODELS, "ask", "What is the answer?", "--model", "gpt-4", "--stream"]
    with running(PROVIDER) as provider:
        variables = {"OPENAI_BASE_URL": f"http://127.0.0.1:{provider.first}/v1", "OPENAI_API_KEY": router_calls.KEY}
        asked, imported = [], []
        for _ in range(STARTS + 1):
            asked.append(_until_first_byte(ask, lab, variables))
            if LITELLM is not None:
                imported.append(_until_first_byte([LITELLM, "-c", "import litellm; print('done')"], lab, _QUIET))
    found = [Figure("ask to the first byte", min(asked[1:]), "s")]
    if LITELLM is not None:
        found.insert(0, Figure("ask to the first byte", min(asked[1:]) / min(imported[1:]), "x import litellm", 1.0))
    return found


def _until_first_byte(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> float:
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env={**environ(), **variables}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        took_s = time.perf_counter() - began
        _, told = process.communicate()
    if not first or process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{told.decode()[-2000:]}")
    return took_s


# -- a dead primary --------------------------------------------------------------------------------------------------------


def _dead_primary(folder: Path) -> list[Figure]:
    in_turn, at_once = _deployed(folder / "in_turn", {}), _deployed(folder / "at_once", {})
    found = [
        Figure("hits on a dead primary, in turn", _hits("router", in_turn, at_once=False), "of 6 calls", 3),
        # What was under way when the third failure was recorded has no bound but the number of processes: no target.
        Figure("hits on a dead primary, at once", _hits("router", at_once, at_once=True), "of 6 calls"),
    ]
    if LITELLM is not None:
        found.append(Figure("LiteLLM's hits on it, at once", _hits("litellm_fallback", at_once, at_once=True), "of 6 calls"))
    return found


def _hits(way: str, lab: Path, *, at_once: bool) -> int:
    """Return how many requests reach a provider that answers each with 500, when processes that share a lab make a few calls."""
    with ExitStack() as stack:
        dead = stack.enter_context(running([*PROVIDER, "500"]))
        sound = stack.enter_context(running(PROVIDER))
        callers = [stack.enter_context(calling(way, dead.first, sound.first, lab)) for _ in range(PROCESSES)]
        turns = [callers[turn % PROCESSES] for turn in range(FAILING_CALLS)]
        if at_once:
            for caller in turns:
                caller.ask(1)
            for caller in turns:
                caller.answer()
        else:
            for caller in turns:
                caller.tell(1)
        return int(dead.tell(""))


# -- processes -------------------------------------------------------------------------------------------------------------


class Helper:
    """A program of ours that answers each line with a line. `first` is what it said before."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.first = self.answer()

    def tell(self, line: object) -> str:
        """Send a line; return its answer."""
        self.ask(line)
        return self.answer()

    def ask(self, line: object) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """Return the next line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"{self._process.args!r} gave up")
        return line


def calling(way: str, provider: str, other: str, lab: Path, core: int | None = None) -> AbstractContextManager[Helper]:
    interpreter = LITELLM if way.startswith("litellm") else sys.executable
    return running([str(interpreter), "-m", "benchmarks.router_calls", way, provider, other, str(lab)], _QUIET, core)


@contextmanager
def running(command: Sequence[str], variables: Mapping[str, str] = MappingProxyType({}), core: int | None = None) -> Iterator[Helper]:
    with subprocess.Popen(
        command, cwd=ROOT, env={**environ(), **variables}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            yield Helper(process)
        finally:
            process.kill()
