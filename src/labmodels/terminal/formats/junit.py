"""JUnit XML, for the test pages of CI servers: a suite a file, a case a finding. Only errors fail, as only they do in the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from labmodels.config.diagnostics import Diagnostic
from labmodels.terminal.colour import Paint
from labmodels.terminal.report import Report, shown_path


def render(report: Report, paint: Paint) -> str:
    """Return the document; without findings it has one case, which passed, as CI servers take an empty one for a fault."""
    findings = list(report.findings())
    suites = [_suite(path, list(found)) for path, found in groupby(findings, key=lambda finding: shown_path(finding.span.path))]
    if not suites:
        case = f'<testcase classname="labmodels" name={quoteattr(report.summary())}/>'
        suites = [f'  <testsuite name="labmodels" tests="1" failures="0" errors="0">\n    {case}\n  </testsuite>']
    failures = sum(finding.is_error for finding in findings)
    head = f'<testsuites name="labmodels validate-config" tests="{max(1, len(findings))}" failures="{failures}" errors="0">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *suites, "</testsuites>"]) + "\n"


def _suite(path: str, findings: list[Diagnostic]) -> str:
    failures = sum(finding.is_error for finding in findings)
    head = f'  <testsuite name={quoteattr(path)} tests="{len(findings)}" failures="{failures}" errors="0">'
    return "\n".join([head, *_cases(path, findings), "  </testsuite>"])


def _cases(path: str, findings: Iterable[Diagnostic]) -> Iterator[str]:
    for finding in findings:
        span = finding.span
        detail = f"{path}:{span.line}:{span.column}: {finding.code} {finding.message}" + (f"\nhelp: {finding.help}" if finding.help else "")
        name = quoteattr(f"{finding.code} at {span.line}:{span.column}")
        yield f'    <testcase classname={quoteattr(path)} name={name} file={quoteattr(path)} line="{span.line}">'
        if finding.is_error:
            yield f'      <failure type="{finding.severity.value}" message={quoteattr(finding.message)}>{escape(detail)}</failure>'
        else:
            yield f"      <system-out>{escape(f'{finding.severity.value}: {detail}')}</system-out>"
        yield "    </testcase>"
