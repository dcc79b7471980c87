"""Validates a lab, or some of its files: every file in every combination, then everything across files. Offline; changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from labmodels.config import checks
from labmodels.config.catalog import Catalog, Document
from labmodels.config.combinations import check_alone, check_overlaid
from labmodels.config.declared import DeclaredState, Fault
from labmodels.config.diagnostics import Diagnostic, Note
from labmodels.config.faults import Context, place
from labmodels.config.schema.base import ENVIRONMENTS
from labmodels.config.secret_scan import literal_secrets, undefined_references
from labmodels.config.surprises import surprises

_OVERLAYING = ("performance_profile", "specialized_model")
_JUDGED_BY = (*_OVERLAYING, "fallback")  # what the checks across files read, whichever file is selected


class Validation(NamedTuple):
    """What validating gave: the findings in the order of files and lines, what was looked at, and which documents are sound."""

    diagnostics: tuple[Diagnostic, ...]
    files_count: int
    combinations_count: int
    valid: frozenset[Path]

    @property
    def is_valid(self) -> bool:
        """Whether there is no error."""
        return not any(diagnostic.is_error for diagnostic in self.diagnostics)


def validate(catalog: Catalog, selected: Collection[Path] | None = None) -> Validation:
    """Validate the documents of `catalog`.

    With `selected`, check and report what concerns these files: findings in them, or caused by them.
    """
    chosen = frozenset(source.path for source in catalog.sources) if selected is None else frozenset(selected)
    needed = [document for document in catalog.documents if document.path in chosen or document.kind in _JUDGED_BY]
    small = check_alone(
        [*([catalog.lab_file] if catalog.lab_file else []), *(document for document in needed if document.kind != "language_model")]
    )
    routes = _routes(catalog, small.valid)
    everything = any(document.path in chosen and document.kind in _OVERLAYING for document in catalog.documents)
    models = [
        document for document in catalog.of_kind("language_model") if everything or document.path in chosen or document.name in routes
    ]
    alone = check_alone(models)
    valid = small.valid | alone.valid
    overlaid = check_overlaid(catalog, [document for document in models if everything or document.path in chosen], valid, routes)
    documents = [document for document in catalog.documents if document.path in chosen]
    found = [
        *catalog.diagnostics, *small.diagnostics, *alone.diagnostics, *overlaid.diagnostics, *_across(catalog, valid),
        *undefined_references(documents), *_in_text(catalog, documents, chosen),
    ]  # fmt: skip
    kept = _one_a_cause(diagnostic for diagnostic in found if selected is None or _concerns(diagnostic, chosen))
    count = small.combinations_count + alone.combinations_count + overlaid.combinations_count
    return Validation(tuple(kept), len(chosen), count, valid)


def _routes(catalog: Catalog, valid: frozenset[Path]) -> dict[str, set[str]]:
    """Return the domains that may ask each language model of a route, in any environment."""
    found: dict[str, set[str]] = {}
    for environment in ENVIRONMENTS:
        for name, domains in checks.reachable_domains(DeclaredState(catalog, environment, valid)).items():
            found.setdefault(name, set()).update(domains)
    return found


def _across(catalog: Catalog, valid: frozenset[Path]) -> Iterator[Diagnostic]:
    """Check the documents against each other in each environment; equal faults of several environments are one."""
    faults: dict[tuple[object, ...], tuple[Fault, list[str]]] = {}
    for environment in ENVIRONMENTS:
        for fault in checks.check(DeclaredState(catalog, environment, valid)):
            faults.setdefault(fault.cause, (fault, []))[1].append(environment)
    for fault, environments in faults.values():
        document = fault.document
        context = Context(document.model, document.layers(environments[0]), document.merged_so_far(environments[0])[0])
        span = place(context, fault.path)
        combinations = () if len(environments) == len(ENVIRONMENTS) else tuple(environments)
        notes = (Note(fault.relation, fault.related.source.place(("name",)).value),) if fault.related else ()
        yield Diagnostic(fault.code, fault.severity, fault.message, span, fault.help, notes, combinations=combinations)


def _in_text(catalog: Catalog, documents: Iterable[Document], chosen: frozenset[Path]) -> Iterator[Diagnostic]:
    models = {document.path: document.model for document in documents}
    for source in catalog.sources:
        if source.path in chosen:
            yield from literal_secrets(source)
            if source.suspicions:
                yield from surprises(
                    source,
                    models.get(source.path)
                    or (catalog.lab_file.model if catalog.lab_file and catalog.lab_file.path == source.path else None),
                )


def _concerns(diagnostic: Diagnostic, chosen: frozenset[Path]) -> bool:
    return diagnostic.span.path in chosen or any(note.span is not None and note.span.path in chosen for note in diagnostic.notes)


def _one_a_cause(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the findings in reading order; what another finding at the same place already explains is left out."""
    found = sorted(
        diagnostics, key=lambda diagnostic: (str(diagnostic.span.path), diagnostic.span.line, diagnostic.span.column, diagnostic.code)
    )
    secret_lines = {(diagnostic.span.path, diagnostic.span.line) for diagnostic in found if diagnostic.code == "LM401"}
    error_starts = {(diagnostic.span.path, diagnostic.span.line, diagnostic.span.column) for diagnostic in found if diagnostic.is_error}
    unread_starts = {diagnostic.span[:3] for diagnostic in found if diagnostic.code.startswith("LM0")}
    kept: dict[tuple[object, ...], Diagnostic] = {}
    for diagnostic in found:
        span = diagnostic.span
        if diagnostic.code != "LM401" and (span.path, span.line) in secret_lines:
            continue
        if diagnostic.code.startswith("LM1") and (span.path, span.line, span.column) in error_starts:
            continue
        if diagnostic.code.startswith("LM2") and span[:3] in unread_starts:
            continue
        key = (diagnostic.code, span, diagnostic.message)
        kept[key] = kept[key]._replace(more=kept[key].more + 1 + diagnostic.more) if key in kept else diagnostic
    return list(kept.values())
