"""Labs for tests: the shipped starter lab laid out elsewhere and edited, and what validating them finds."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from labmodels.config.catalog import load
from labmodels.config.diagnostics import Diagnostic
from labmodels.config.validate import Validation, validate
from labmodels.lab import Lab

REPOSITORY = Path(__file__).parents[1]
GPT4 = "configs/language_models/gpt4_config.yaml"
CLAUDE = "configs/language_models/claude_config.yaml"
LOCAL = "configs/language_models/local_llm_config.yaml"
FALLBACK = "configs/language_models/fallback_config.yaml"
CODE_ANALYSIS = "configs/specialized_models/code_analysis.yaml"
BALANCED = "configs/performance_profiles/balanced.yaml"
LAB_FILE = "labmodels.yaml"

MODEL = """\
kind: language_model
name: {name}
provider: openai
model: some-model
context_tokens: 200000
"""


class EditedLab(Lab):
    """A copy of the starter lab that a test changes by text, as an operator does."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        for source in [REPOSITORY / LAB_FILE, *REPOSITORY.glob("configs/*/*.yaml")]:
            target = root / source.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the lab and return its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def edit(self, name: str, *changes: tuple[str, str]) -> Path:
        """Replace each text that occurs in the file by another, where it stands first."""
        text = (self.root / name).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"{name} has no {old!r}"
            text = text.replace(old, new, 1)
        return self.write(name, text)

    def append(self, name: str, text: str) -> Path:
        """Write `text` behind what the file holds."""
        return self.write(name, (self.root / name).read_text(encoding="utf-8") + text)

    def validate(self, *names: str) -> Validation:
        """Validate the whole lab, or the named files and what they cause."""
        selected = {self.root / name for name in names} if names else None
        return validate(load(self, selected or ()), selected)

    def findings(self, *names: str) -> tuple[Diagnostic, ...]:
        """Return the errors and warnings, infos left out."""
        return tuple(found for found in self.validate(*names).diagnostics if found.severity.value != "info")

    def found(self, code: str, *names: str) -> list[Diagnostic]:
        """Return the findings with `code`."""
        return [found for found in self.validate(*names).diagnostics if found.code == code]


def read_back(diagnostic: Diagnostic) -> str:
    """Return the text at the place of a finding of one line."""
    span = diagnostic.span
    assert span.line == span.end_line
    lines = span.path.read_bytes().decode("utf-8-sig").split("\n")
    return lines[span.line - 1][span.column - 1 : span.end_column - 1]


def lines_of(diagnostics: Sequence[Diagnostic]) -> list[str]:
    """Return findings as one line each, for a failing test to show."""
    return [f"{found.span.path.name}:{found.span.line}:{found.span.column} {found.code} {found.message}" for found in diagnostics]
