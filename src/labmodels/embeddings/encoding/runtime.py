"""Loads OpenVINO, mute, and says what this machine's CPU computes natively."""

from __future__ import annotations

import sys
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


@lru_cache(maxsize=1)
def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU computes in bfloat16 itself; where the system does not tell, it does not."""
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return False
    return not _NATIVE.isdisjoint(flags.split())
