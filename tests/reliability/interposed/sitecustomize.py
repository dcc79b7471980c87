"""Python imports this by itself when its folder is on PYTHONPATH: wraps the calls that change files, and stops the program at one of them.

INTERPOSE_LAB    calls on paths below this folder count
INTERPOSE_LOG    gets a line for each of them, before it is carried out: CALL ORDINAL PATH, with `fired` behind it where it is not
INTERPOSE_AT     "CALL ORDINAL kill" or "CALL ORDINAL ENOSPC"; nothing: only the log is written
"""

import errno
import fcntl
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LAB = os.environ.get("INTERPOSE_LAB", "")
_LOG = os.open(os.environ["INTERPOSE_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600) if _LAB else -1
_CALL, _ORDINAL, _DEED = (os.environ.get("INTERPOSE_AT") or "- 0 -").split()
_counts: Counter[str] = Counter()
_write = os.write


def _path(argument: Any) -> str:
    if isinstance(argument, int):
        return str(Path(f"/proc/self/fd/{argument}").readlink()) if argument > 2 else ""
    return os.fsdecode(argument) if isinstance(argument, str | bytes | os.PathLike) else ""


def _interpose(module: Any, name: str, subject: int = 0, concerns: Callable[..., bool] = lambda *_: True) -> None:
    original = getattr(module, name)

    def call(*arguments: Any, **options: Any) -> Any:
        path = _path(arguments[subject])
        if path.startswith(_LAB) and concerns(*arguments):
            _counts[name] += 1
            is_it = (name, str(_counts[name])) == (_CALL, _ORDINAL)
            _write(_LOG, f"{name} {_counts[name]} {path}{' fired' if is_it else ''}\n".encode())
            if is_it and _DEED == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif is_it:
                code = getattr(errno, _DEED)
                raise OSError(code, os.strerror(code), path)
        return original(*arguments, **options)

    setattr(module, name, call)


if _LAB:
    _interpose(os, "open", concerns=lambda _path, flags, *_: bool(flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR)))
    _interpose(os, "symlink", subject=1)
    for _name in ("write", "fsync", "ftruncate", "rename", "replace", "link", "unlink", "remove", "mkdir", "rmdir", "chmod"):
        _interpose(os, _name)
    _interpose(fcntl, "flock")
