"""Writes docs/codes.md from the catalogue in labmodels.config.codes; `--check` only compares. Holds no text of its own about a code."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from labmodels.config.codes import CODES, Code

PAGE = Path(__file__).resolve().parent.parent / "docs" / "codes.md"
OPENING = """# Codes

What `labmodels validate-config` reports. `labmodels explain LM204` prints one of these.
Errors make a lab invalid; warnings and infos do not.
"""
GROUPS = {
    "LM0": "The file and its YAML",
    "LM1": "Values that YAML gets wrong quietly",
    "LM2": "The document against its schema, and merging",
    "LM3": "What files say of each other",
    "LM4": "Secrets",
}
CLOSING = "\nThis page is written by `make docs`.\n"


def page() -> str:
    """Return the page: the codes in their groups, each with its explanation and its example."""
    groups = groupby(CODES.values(), key=lambda code: code.code[:3])
    return OPENING + "".join(f"\n## {GROUPS[group]}\n" + "".join(map(section, codes)) for group, codes in groups) + CLOSING


def section(code: Code) -> str:
    """Return the section of one code."""
    return f"\n### {code.code}: {code.title}\n\n*{code.severity.value}*\n\n{code.explanation}\n\n{code.example}\n"


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` return 1 when it is not what would be written."""
    if arguments == ["--check"]:
        is_current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        if not is_current:
            print(f"{PAGE}: not what labmodels.config.codes says\n  hint: make docs", file=sys.stderr)
        return 0 if is_current else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
