"""A gateway for tests: `labmodels serve` as a process of its own, on a lab of the test, in front of providers on 127.0.0.1."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from labmodels.cli.app import run
from labmodels.ledger.record import Ledger
from labmodels.ledger.tables import ATTEMPTS
from labmodels.providers.loopback import Loopback
from tests.labs import CLAUDE, GPT4, EditedLab

_MODEL = """\
kind: language_model
name: {name}
provider: {provider}
model: {model}
context_tokens: 200000
max_output_tokens: 128000
capabilities: {{tools: true, json_schema: true, streaming: true, vision: true}}
prices: {{input: "$1.00 / 1M tokens", output: "$10.00 / 1M tokens", cache_read: "$0.10 / 1M tokens", cache_write: "$1.25 / 1M tokens"}}
"""
_EMBEDDINGS = """\
kind: embedding_model
name: hosted
provider: openai
model: text-embedding-3-small
dimensions: 2
max_tokens: 8000
domains:
  notes: {group: text, sources: ["docs/**/*.md"]}
"""
_SOON_S = 30.0


def lab_at(root: Path) -> EditedLab:
    """Return the starter lab, with models that nothing limits and that fail fast, live in dev."""
    lab = EditedLab(root)
    lab.write(GPT4, _MODEL.format(name="gpt-4", provider="openai", model="gpt-6-luna"))
    lab.write(CLAUDE, _MODEL.format(name="claude", provider="anthropic", model="claude-sonnet-5-5"))
    lab.write("configs/embedding_models/hosted.yaml", _EMBEDDINGS)
    lab.write("docs/notes.md", "# Notes\n\nHow do I roll back a release? Run `labmodels rollback`.\n")
    for profile in (lab.configs / "performance_profiles").iterdir():
        lines = profile.read_text().splitlines()
        lab.write(str(profile.relative_to(root)), "\n".join(_with(line, "backoff", '"1 ms"') for line in lines) + "\n")
    assert run(["deploy-config", "--all", "--yes", "--lab", str(lab.root), "--env", "dev"]) == 0
    return lab


def _with(line: str, key: str, value: str) -> str:
    """Return a line of YAML, with another value where it sets a key that ends like `key`."""
    name, colon, _ = line.partition(":")
    return f"{name}: {value}" if colon and name.strip().endswith(key) else line


@dataclass
class Serving:
    """A gateway that runs. `errors` is the file that holds what it said on stderr."""

    process: subprocess.Popen[str]
    url: str
    errors: Path
    ended: list[int] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return httpx2.get(self.url + path, headers=headers, timeout=_SOON_S)

    def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        return httpx2.post(self.url + path, json=body, headers=headers, timeout=_SOON_S)

    def log(self) -> str:
        return self.errors.read_text()

    def has_said(self, text: str, count: int = 1) -> bool:
        """Wait until the log holds `text` so many times; False when it never does."""
        return eventually(lambda: self.log().count(text) >= count)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(_SOON_S)


@contextmanager
def serving(lab: EditedLab, *options: str, folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """Run `labmodels serve` until the block ends."""
    errors = folder / f"serve-{time.monotonic_ns()}.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LABMODELS", "OPENAI", "ANTHROPIC", "LOCAL_LLM"))}
    environ = {**kept, "LABMODELS_LAB": str(lab.root), "LABMODELS_ENV": "dev", "PYTHONPATH": os.pathsep.join(sys.path), **(variables or {})}
    with (
        errors.open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "labmodels", "serve", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environ,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:"), errors.read_text()
            yield Serving(process, url, errors)
        finally:
            process.kill()


@contextmanager
def providers() -> Iterator[tuple[Loopback, Loopback, dict[str, str]]]:
    """Run a provider for OpenAI's clients and one for Anthropic's; yield them, and the variables that lead there."""
    with Loopback() as openai, Loopback() as anthropic:
        variables = {
            "OPENAI_BASE_URL": openai.openai_url,
            "OPENAI_API_KEY": "a-key-for-openai",
            "ANTHROPIC_BASE_URL": anthropic.url,
            "ANTHROPIC_API_KEY": "a-key-for-anthropic",
        }
        yield openai, anthropic, variables


def rows(lab: EditedLab) -> list[Any]:
    """Return the ledger's attempts, the oldest first."""
    from sqlalchemy import select

    with Ledger(lab.ledger_file) as ledger, ledger.reading() as connection:
        return list(connection.execute(select(ATTEMPTS).order_by(ATTEMPTS.c.at, ATTEMPTS.c.id)))


def eventually(holds: Any) -> bool:
    """Wait until `holds()`; False when it never does."""
    ends_at = time.monotonic() + _SOON_S
    while not holds():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.02)
    return True
