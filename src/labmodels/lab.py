"""Finds the lab, names its folders, takes its locks. Reads no configuration."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labmodels.errors import Busy, StorageFault, Usage

LAB_FILE = "labmodels.yaml"


class Lab:
    """The folder that holds `labmodels.yaml`, and where things are in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config_file = root / LAB_FILE
        self.configs = root / "configs"
        self.state = root / ".labmodels"
        self.ledger_file = self.state / "ledger.db"
        self.models = root / "models"
        self.embeddings = root / "embeddings"

    def environment_folder(self, environment: str) -> Path:
        """The state of one environment; no other environment has a path into it."""
        return self.state / "environments" / environment

    def relative(self, path: Path) -> str:
        """Return `path` as it is named in a release: below the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()


def find_lab(explicit: Path | None = None) -> Lab:
    """Return the lab at `explicit`, at `LABMODELS_LAB`, or in the nearest folder above that has a labmodels.yaml; raise Usage otherwise."""
    given = explicit or (Path(os.environ["LABMODELS_LAB"]) if os.environ.get("LABMODELS_LAB") else None)
    if given is not None:
        root = given.absolute()
        if not (root / LAB_FILE).is_file():
            raise Usage(f"{given} is no lab: it has no {LAB_FILE}", hint=f"labmodels init {given}")
        return Lab(root)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / LAB_FILE).is_file():
            return Lab(folder)
    raise Usage(f"no {LAB_FILE} in {here} or above it", hint="cd into a lab, give --lab DIR, or make one: labmodels init DIR")


@contextmanager
def locked(path: Path, wait_s: float) -> Iterator[None]:
    """Hold the exclusive lock at `path`; raise Busy when it is not free within `wait_s` seconds.

    The kernel frees it when its holder dies.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFault.of(error, f"open the lock {path}") from error
    try:
        _wait_for(handle, path, time.monotonic() + wait_s)
        yield
    finally:
        os.close(handle)


def is_held(path: Path) -> bool:
    """Whether some process holds the lock at `path` at this moment."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: readers do not see each other
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def _wait_for(handle: int, path: Path, deadline: float) -> None:
    pause_s = 0.005
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise Busy(
                    f"another command holds {path}", hint="try again when it has finished, or wait longer with --lock-wait"
                ) from None
            time.sleep(min(pause_s, remaining_s))
            pause_s = min(pause_s * 1.5, 0.1)
        except OSError as error:  # a file system without locks, or out of them
            raise StorageFault.of(error, f"lock {path}") from error
