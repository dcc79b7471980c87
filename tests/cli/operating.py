"""Runs commands in this process on a lab of a test, as a shell without a terminal does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from labmodels.cli.app import run
from tests.labs import EditedLab

Operate = Callable[..., "Ended"]


class Ended(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it reported with --json: stdout holds that and nothing else."""
        return json.loads(self.out)


def operator(lab: EditedLab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operate:
    """Return a function that runs `labmodels WORDS` on `lab` with no variable but those given."""
    import os

    for name in [name for name in os.environ if name.startswith("LABMODELS_") or name in ("GITHUB_ACTIONS", "OPENAI_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(lab.root)

    def operate(*words: str, **environ: str) -> Ended:
        with monkeypatch.context() as patched:
            patched.setenv("LABMODELS_LAB", str(lab.root))
            for name, value in environ.items():
                patched.setenv(name, value)
            capsys.readouterr()
            code = run(list(words))
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return operate
