"""Prints a judged set with line numbers, one JSON object a line: `python -m benchmarks.judged documentation`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.judged import SETS, resolved

ROOT = Path(__file__).resolve().parent.parent.parent

if __name__ == "__main__":
    if sys.argv[1:] not in [[name] for name in SETS]:
        sys.exit(f"which set? {', '.join(SETS)}")
    for line in resolved(sys.argv[1], ROOT):
        print(json.dumps(line, ensure_ascii=False))
