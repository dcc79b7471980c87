"""The declared state of one environment as typed objects: what the checks judge, and what a release is made of."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from labmodels.config.catalog import Catalog, Document
from labmodels.config.diagnostics import Severity
from labmodels.config.reader import KeyPath
from labmodels.config.schema.base import Declared

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import Fallback
    from labmodels.config.schema.lab_file import LabFile
    from labmodels.config.schema.language_model import LanguageModel
    from labmodels.config.schema.performance_profile import PerformanceProfile
    from labmodels.config.schema.specialized_model import SpecializedModel


class Fault(NamedTuple):
    """One finding of a check: about the value at `path` of `document`."""

    code: str
    severity: Severity
    message: str
    document: Document
    path: KeyPath
    help: str = ""
    subject: str = ""
    related: Document | None = None  # another file that the fault concerns; `relation` says how
    relation: str = ""

    @property
    def cause(self) -> tuple[object, ...]:
        """What makes it the same fault in another environment: `subject` where figures of the message may differ."""
        return (self.code, id(self.document), self.path, self.subject or self.message)


class DeclaredState:
    """The documents of a catalog as they are in `environment`. Only documents in `valid` are read; the others count as absent."""

    def __init__(self, catalog: Catalog, environment: str, valid: Collection[Path]) -> None:
        self.catalog = catalog
        self.environment = environment
        self.valid = valid
        self._typed: dict[str, Declared] = {}

    def typed(self, document: Document) -> Declared:
        """Return `document` as its model, with its overlay for this environment."""
        if document.name not in self._typed:
            self._typed[document.name] = document.model.model_validate(document.merged(self.environment))
        return self._typed[document.name]

    def _all(self, kind: str) -> dict[str, Declared]:
        return {document.name: self.typed(document) for document in self.catalog.of_kind(kind) if document.path in self.valid}

    @cached_property
    def lab(self) -> LabFile | None:
        """labmodels.yaml, when there is a valid one."""
        document = self.catalog.lab_file
        return (
            cast("LabFile", document.model.model_validate(document.merged(self.environment)))
            if document and document.path in self.valid
            else None
        )

    @cached_property
    def fallback(self) -> Fallback | None:
        """The decision table and the chains."""
        return next((cast("Fallback", found) for found in self._all("fallback").values()), None)

    @cached_property
    def profiles(self) -> dict[str, PerformanceProfile]:
        """The performance profiles by name."""
        return cast("dict[str, PerformanceProfile]", self._all("performance_profile"))

    @cached_property
    def specialized(self) -> dict[str, SpecializedModel]:
        """The specialised models by domain."""
        return {found.domain: found for found in cast("dict[str, SpecializedModel]", self._all("specialized_model")).values()}

    def language_document(self, name: str) -> Document | None:
        """Return the valid language model config called `name`."""
        document = self.catalog.by_name.get(name)
        return document if document and document.kind == "language_model" and document.path in self.valid else None

    def language_model(self, name: str) -> LanguageModel | None:
        """Return the language model `name`, when it is valid."""
        document = self.language_document(name)
        return cast("LanguageModel", self.typed(document)) if document else None

    def names(self, kind: str) -> set[str]:
        """Return the names of every config of `kind`, valid or not, and those of files that could not be read: all that may be meant."""
        return {document.name for document in self.catalog.of_kind(kind)} | self.catalog.unsettled
