"""Writes docs/exit-codes.md from the one table in labmodels.errors; `--check` only compares. Holds no text of its own about a code."""

from __future__ import annotations

import sys
from pathlib import Path

from labmodels.errors import ExitCode

PAGE = Path(__file__).resolve().parent.parent / "docs" / "exit-codes.md"
OPENING = """# Exit codes

A command ends with one of these. A script can branch on the number alone; the message on stderr says the rest.

| code | name | meaning |
|---:|---|---|
"""
CLOSING = "\nThis page is written by `make docs`.\n"


def page() -> str:
    """Return the page: one row a code, in the order of the numbers."""
    rows = (f"| {code.value} | {code.name} | {code.meaning} |\n" for code in sorted(ExitCode))
    return OPENING + "".join(rows) + CLOSING


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` return 1 when it is not what would be written."""
    if arguments == ["--check"]:
        is_current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        if not is_current:
            print(f"{PAGE}: not what labmodels.errors says\n  hint: make docs", file=sys.stderr)
        return 0 if is_current else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
