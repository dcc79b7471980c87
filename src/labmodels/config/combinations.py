"""Checks every document as it will be used: merged for each environment, under each profile, for each domain.

One cause gives one finding.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from labmodels.config.catalog import Catalog, Document
from labmodels.config.diagnostics import Diagnostic, Note
from labmodels.config.faults import Context, conflict, diagnose
from labmodels.config.layers import Layer, MergeConflict, merge
from labmodels.config.schema.base import ENVIRONMENTS

_NOTHING: Mapping[str, Any] = {}


class Overlaying(NamedTuple):
    """A document whose `overlay` is laid over language models: a profile or a domain's specialised model."""

    document: Document
    label: str

    def data(self, environment: str) -> Mapping[str, Any]:
        """What it lays over a language model in `environment`."""
        overlay: Mapping[str, Any] = self.document.merged(environment).get("overlay") or _NOTHING
        return overlay

    def layers(self, environment: str) -> list[Layer]:
        """The same as layers, for provenance."""
        return self.document.layers(environment, ("overlay",))


class Combination(NamedTuple):
    """One way a document is used: where, and under which overlays."""

    environment: str
    overlays: tuple[Overlaying, ...] = ()

    @property
    def label(self) -> str:
        """How the overlays are named in a finding: "profile balanced for domain code_analysis"; empty where there are none."""
        joint = " for " if self.overlays and self.overlays[0].document.kind == "performance_profile" else " switched to "
        return joint.join(overlay.label for overlay in self.overlays)


def merged(document: Document, combination: Combination) -> dict[str, Any]:
    """Return the values of `document` in `combination`, without schema defaults. Raises MergeConflict."""
    values = document.merged(combination.environment)
    for overlay in combination.overlays:
        values = merge(values, overlay.data(combination.environment), document.merge_keys)
    return values


def layers_of(document: Document, combination: Combination) -> list[Layer]:
    """Return the layers that `merged` merges, lowest first, with their places."""
    return document.layers(combination.environment) + [
        layer for overlay in combination.overlays for layer in overlay.layers(combination.environment)
    ]


class Checked(NamedTuple):
    """What checking some documents gave."""

    diagnostics: list[Diagnostic]
    combinations_count: int
    valid: frozenset[Path]  # the documents without errors of their own


def check_alone(documents: Sequence[Document]) -> Checked:
    """Validate each of `documents` in every environment."""
    findings = _Findings()
    valid: set[Path] = set()
    for document in documents:
        before = findings.causes
        checked: set[int] = set()
        for environment in ENVIRONMENTS:
            try:
                values = document.merged(environment)
                if id(values) not in checked:
                    document.validate_values(values)
                    checked.add(id(values))
            except (MergeConflict, ValidationError):
                findings.add(document, Combination(environment), _faults(document, environment))
        if findings.causes == before:
            valid.add(document.path)
    return Checked(findings.diagnostics(), len(documents) * len(ENVIRONMENTS), frozenset(valid))


def check_overlaid(
    catalog: Catalog, models: Sequence[Document], valid: Collection[Path], domains_of: Mapping[str, Collection[str]]
) -> Checked:
    """Validate language models under every profile, and under the domain overlays of the domains that may ask them (`domains_of`, by name).

    Documents that are not in `valid` are left out: what is wrong with them has been said.
    """
    findings = _Findings()
    profiles = [
        Overlaying(document, f"profile {document.name}") for document in catalog.of_kind("performance_profile") if document.path in valid
    ]
    domains = [
        Overlaying(document, f"domain {document.data['domain']}")
        for document in catalog.of_kind("specialized_model")
        if document.path in valid
    ]
    everywhere = _prepare(profiles, [])
    count = 0
    for document in models:
        if document.path not in valid:
            continue
        asked_by = domains_of.get(document.name, ())
        overlays = [domain for domain in domains if domain.document.data["domain"] in asked_by]
        prepared = _prepare(profiles, overlays) if overlays else everywhere
        count += len(prepared)
        _check_under(document, prepared, findings)
    return Checked(findings.diagnostics(), count, frozenset())


def _faults(document: Document, environment: str) -> list[Diagnostic]:
    """Return everything that is wrong with `document` in `environment`: layers that do not fit, and what is invalid in what fits."""
    layers = document.layers(environment)
    values, conflicts = document.merged_so_far(environment)
    found = [conflict(error, layers) for error in conflicts]
    try:
        document.validate_values(values)
    except ValidationError as error:
        found += diagnose(error, Context(document.model, layers, values))
    return found


class _Prepared(NamedTuple):
    """A combination of overlays, the same for every model: their data, and the keys that they can make wrong."""

    combination: Combination
    data: tuple[Mapping[str, Any], ...]
    keys: frozenset[str]


def _prepare(profiles: Sequence[Overlaying], domains: Sequence[Overlaying]) -> list[_Prepared]:
    prepared = []
    for overlays in _overlay_sets(profiles, domains):
        for environment in ENVIRONMENTS:
            data = tuple(overlay.data(environment) for overlay in overlays)
            prepared.append(_Prepared(Combination(environment, overlays), data, _BOUNDED.union(*data)))
    return prepared


def _check_under(document: Document, prepared: Sequence[_Prepared], findings: _Findings) -> None:
    """Validate a language model under each combination; the very same inputs, found valid in another environment, are not checked again.

    Only the blocks that an overlay touches can become wrong under it, and those that bound each other: the others were found valid alone.
    """
    checked: set[tuple[int, ...]] = set()
    for combination, data, keys in prepared:
        base = document.merged(combination.environment)
        inputs = (id(base), *map(id, data))
        if inputs in checked:
            continue
        values = {key: base[key] for key in keys if key in base}
        try:
            for overlay in data:
                values = merge(values, overlay, document.merge_keys)
            _validate_tunables()(values)
            checked.add(inputs)
        except MergeConflict as error:
            findings.add(document, combination, [conflict(error, layers_of(document, combination))])
        except ValidationError as error:
            context = Context(document.model, layers_of(document, combination), merged(document, combination))
            findings.add(document, combination, diagnose(error, context))


def _overlay_sets(profiles: Sequence[Overlaying], domains: Sequence[Overlaying]) -> Iterator[tuple[Overlaying, ...]]:
    for profile in profiles:
        yield (profile,)
    for domain in domains:
        yield (domain,)
        for profile in profiles:
            yield (profile, domain)  # the default profile lies under the domain
            yield (domain, profile)  # a switched profile lies over it


# What an overlay's token limit is measured against.
_BOUNDED = frozenset({"context_tokens", "max_output_tokens", "parameters"})


@cache
def _validate_tunables() -> Callable[[Any], Any]:
    from labmodels.config.schema.language_model import Tunables

    Tunables.model_rebuild()
    return Tunables.__pydantic_validator__.validate_python


class _Findings:
    """Collects findings by cause: the place and the code. A second combination, or a second config, joins the first."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], tuple[Diagnostic, dict[str, list[str]], dict[str, None]]] = {}

    @property
    def causes(self) -> int:
        return len(self._found)

    def add(self, document: Document, combination: Combination, diagnostics: Sequence[Diagnostic]) -> None:
        for diagnostic in diagnostics:
            is_elsewhere = diagnostic.span.path != document.path
            key = (diagnostic.code, diagnostic.span, "" if is_elsewhere else diagnostic.message)
            if key not in self._found:
                note = (
                    (Note(f"in {document.kind.replace('_', ' ')} {document.name}", document.source.place(("name",)).value),)
                    if is_elsewhere
                    else ()
                )
                self._found[key] = (diagnostic._replace(notes=(*diagnostic.notes, *note)), {}, {})
            _, environments_of, names = self._found[key]
            environments = environments_of.setdefault(combination.label, [])
            if combination.environment not in environments:
                environments.append(combination.environment)
            names[document.name] = None

    def diagnostics(self) -> list[Diagnostic]:
        """Return the findings; the combinations are named unless a plain file is wrong everywhere."""
        return [
            diagnostic._replace(combinations=_named(environments_of), more=len(names) - 1)
            for diagnostic, environments_of, names in self._found.values()
        ]


def _named(environments_of: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the combinations as a finding names them: "production with profile fast", "profile fast" where it is in every environment."""
    named: list[str] = []
    for label, environments in environments_of.items():
        if len(environments) == len(ENVIRONMENTS):
            named += [label] if label else []
        else:
            named += [f"{environment} with {label}" if label else environment for environment in environments]
    return tuple(named)
