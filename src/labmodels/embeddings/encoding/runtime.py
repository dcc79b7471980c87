"""Loads OpenVINO, mute, and says what this machine's CPU computes natively."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from labmodels.errors import MissingExtra

_NATIVE = frozenset({"avx512_bf16", "amx_bf16"})


@lru_cache(maxsize=1)
def openvino() -> Any:
    """Return the module `openvino`. Raises MissingExtra.

    Importing it reports the import to a server on the network, unless its telemetry is absent: so it is. Its converter of other
    formats, which it would load as well, is not used and takes 50 ms.
    """
    for absent in ("openvino_telemetry", "openvino.tools.ovc"):
        sys.modules.setdefault(absent, None)  # type: ignore[arg-type]  # importing it is then the ImportError that OpenVINO expects
    try:
        import openvino as module
        import openvino.opset15
    except ImportError:
        raise MissingExtra("openvino", "embeddings") from None
    return module


def compiled(model: Any, settings: Mapping[str, str]) -> Any:
    """Return a model, or the file of one, compiled for this CPU. Raises RuntimeError for what is no model."""
    with _own_signal_stack():
        return openvino().Core().compile_model(model, "CPU", settings)


@contextmanager
def _own_signal_stack() -> Iterator[None]:
    """Leave the calling thread the alternate signal stack that it had.

    OpenVINO's CPU plugin gives it another one and frees that with the model; the next signal, a Ctrl-C say, would be handled in memory
    that is gone, and end the process with SIGSEGV. Python's handlers run on such a stack where there is one.
    """
    if sys.platform != "linux":
        yield
        return
    import ctypes

    class Stack(ctypes.Structure):
        _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))

    libc, before = ctypes.CDLL(None), Stack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)


@lru_cache(maxsize=1)
def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU computes in bfloat16 itself; where the system does not tell, it does not."""
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return False
    return not _NATIVE.isdisjoint(flags.split())
