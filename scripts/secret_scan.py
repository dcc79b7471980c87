"""Finds what looks like a secret in the files of this repository; prints places, never values. The shapes are labmodels.secrets'.

A made-up key in a test says so: its line holds one of `MADE_UP`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from labmodels.secrets import looks_like_secret

ROOT = Path(__file__).resolve().parent.parent
MADE_UP = ("canary", "example", "made-up", "fake")


def suspicious_lines(text: str) -> list[int]:
    """Return the numbers (from 1) of the lines that hold what looks like a secret and do not say that it is made up."""
    lines = enumerate(text.splitlines(), start=1)
    return [number for number, line in lines if looks_like_secret(line) and not any(word in line.lower() for word in MADE_UP)]


def main() -> int:
    """Scan every file that git tracks or would add; return 1 when something was found."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    names = sorted(set(listed.stdout.decode().split("\0")) - {""})
    found = 0
    for path in (ROOT / name for name in names):
        if path.is_file():
            for number in suspicious_lines(path.read_text(encoding="utf-8", errors="replace")):
                print(f"{path.relative_to(ROOT)}:{number}: this looks like a secret", file=sys.stderr)
                found += 1
    if not found:
        print(f"no secret in {len(names)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
