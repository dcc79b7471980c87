"""What the tests of releases do again and again: deploy, look at what is live, and take the disk away."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labmodels.durable import DISK, FileSystem
from labmodels.errors import StorageFault
from labmodels.lab import Lab
from labmodels.releases.candidate import Request
from labmodels.releases.deploy import Outcome, plan
from labmodels.releases.deploy import deploy as deploy_request
from labmodels.releases.history import history
from labmodels.releases.plan import Plan
from labmodels.releases.store import ReleaseStore
from tests.labs import GPT4

KEY = "gpt-4.parameters.temperature"


def store_of(lab: Lab, environment: str = "dev", files: FileSystem = DISK) -> ReleaseStore:
    return ReleaseStore(lab.environment_folder(environment), files)


def deploy(
    lab: Lab, *paths: str, settings: tuple[str, ...] = (), environment: str = "dev", environ: dict[str, str] | None = None, **more: Any
) -> Outcome:
    """Deploy `paths` (none: everything) in this process."""
    files = more.pop("files", DISK)
    return deploy_request(lab, store_of(lab, environment, files), Request(environment, paths, settings), environ or {}, **more)


def deploy_value(lab: Lab, value: float, **more: Any) -> Outcome:
    """Deploy one file with one value of its own: each value is another release."""
    return deploy(lab, GPT4, settings=(f"{KEY}={value}",), **more)


def planned(lab: Lab, *paths: str, settings: tuple[str, ...] = (), environment: str = "dev", environ: dict[str, str] | None = None) -> Plan:
    return plan(lab, store_of(lab, environment), Request(environment, paths, settings), environ or {})


def live_value(lab: Lab, key: str = KEY, environment: str = "dev") -> Any:
    """Return the value of `key` in the live release, as somebody who reads it now gets it."""
    live = store_of(lab, environment).live()
    return live.content.flat()[key] if live else None


def outcomes(lab: Lab) -> list[tuple[int, str]]:
    return [(step.details["release"], step.outcome) for step in history(store_of(lab)) if "release" in step.details]


def damage(path: Path) -> None:
    """Change a file as a hand or a disk does."""
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))


class Failing(FileSystem):
    """A disk on which the steps fail that `is_bad` names by step and path; `seen` counts what was asked of it."""

    def __init__(self, is_bad: Callable[[str, Path], bool]) -> None:
        self._is_bad = is_bad

    def _check(self, step: str, path: Path) -> None:
        if self._is_bad(step, path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def append(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        self._check(f"append {data.decode()}", path)
        super().append(path, data, mode)

    def rename(self, src: Path, dst: Path) -> None:
        self._check("rename", dst)
        super().rename(src, dst)

    def symlink(self, target: str, path: Path) -> None:
        self._check("symlink", path)
        super().symlink(target, path)

    def write_bytes(self, path: Path, data: bytes, mode: int) -> None:
        self._check("write", path)
        super().write_bytes(path, data, mode)

    def fsync_folder(self, path: Path) -> None:
        self._check("fsync folder", path)
        super().fsync_folder(path)

    def unlink(self, path: Path) -> None:
        self._check("unlink", path)
        super().unlink(path)


def storage_fault(*_: Any) -> None:
    raise StorageFault("the disk is gone")
