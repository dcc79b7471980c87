"""Finds what looks like a secret in the files of this repository; prints places, never values. The shapes are labmodels.secrets'.

Tests need keys that look real. A test file that holds one says "made-up", "canary" or "canaries" somewhere; no other file can.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from labmodels.secrets import looks_like_secret

ROOT = Path(__file__).resolve().parent.parent
MADE_UP = ("made-up", "canary", "canaries")


def suspicious_lines(name: str, text: str) -> list[int]:
    """Return the numbers (from 1) of the lines of file `name` that hold what looks like a secret and was not made up."""
    if name.startswith("tests/") and any(word in text.lower() for word in MADE_UP):
        return []
    return [number for number, line in enumerate(text.splitlines(), start=1) if looks_like_secret(line)]


def main() -> int:
    """Scan every file that git tracks or would add; return 1 when something was found."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    names = sorted(set(listed.stdout.decode().split("\0")) - {""})
    found = 0
    for name in filter(lambda name: (ROOT / name).is_file(), names):
        for number in suspicious_lines(name, (ROOT / name).read_text(encoding="utf-8", errors="replace")):
            print(f"{name}:{number}: this looks like a secret", file=sys.stderr)
            found += 1
    if not found:
        print(f"no secret in {len(names)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
