"""Small reports for the tests of the formats, over sources that are given as text."""

from pathlib import Path

from labmodels.config.diagnostics import Diagnostic, Edit, Note, Severity, Span
from labmodels.terminal.report import Report

MODEL = """\
kind: language_model
name: gpt-4
local: yes
parameters:
  temprature: 0.2
  top_p: 1
"""
PROFILE = """\
kind: performance_profile
overlay:
  parameters:
    temperature: 3
"""


def span(path, line=1, column=1, end_line=1, end_column=1):
    return Span(Path(path), line, column, end_line, end_column)


UNKNOWN_KEY = Diagnostic(
    "LM202",
    Severity.ERROR,
    "unknown key parameters.temprature",
    span("gpt4.yaml", 5, 3, 5, 13),
    "did you mean temperature?",
    edits=(Edit(span("gpt4.yaml", 5, 3, 5, 13), "temperature"),),
    combinations=("production with high_accuracy", "dev with balanced"),
)
TOO_HIGH = Diagnostic(
    "LM205",
    Severity.ERROR,
    "parameters.temperature is 3",
    span("profile.yaml", 4, 18, 4, 19),
    "it must be less than or equal to 2",
    notes=(Note("shadows 0.2 of file", span("gpt4.yaml", 5, 15, 5, 18)), Note("set by profile high_accuracy")),
    more=2,
)
SUSPICIOUS = Diagnostic(
    "LM101",
    Severity.WARNING,
    "yes is text here and true in YAML 1.1",
    span("gpt4.yaml", 3, 8, 3, 11),
    "write true",
    edits=(Edit(span("gpt4.yaml", 3, 8, 3, 11), "true"),),
)
NOT_INSTALLED = Diagnostic("LM309", Severity.INFO, "custom/code_reviewer is not installed yet", span("lab.yaml", 1, 7, 1, 12))
ALL = (TOO_HIGH, UNKNOWN_KEY, SUSPICIOUS, NOT_INSTALLED)


def report(*findings, sources=None, files_count=17, combinations_count=204, touched=()):
    texts = {Path(name): text for name, text in (sources or {"gpt4.yaml": MODEL, "profile.yaml": PROFILE}).items()}
    return Report(findings, files_count, combinations_count, frozenset(Path(path) for path in touched), texts.get)
