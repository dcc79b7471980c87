"""Every document of a lab, read once, with its layers. Knows kinds and names; judges nothing but whether they are there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from labmodels.config.diagnostics import Diagnostic, Edit, Note, Severity, Span
from labmodels.config.layers import Layer, MergeConflict, MergeKeys, lay, merge, merge_what_fits
from labmodels.config.reader import Source, read
from labmodels.config.schema import KINDS
from labmodels.config.schema.base import IDENTITY, Declared
from labmodels.config.schema.shape import merge_keys
from labmodels.errors import Usage
from labmodels.lab import LAB_FILE, Lab

SUFFIXES = (".yaml", ".yml")
_NAME_LINE = re.compile(r"^name:[ \t]*[\"']?([\w-]+)", re.MULTILINE)


class Document:
    """One file that was read and whose kind is known."""

    def __init__(self, source: Source, kind: str, data: dict[str, Any]) -> None:
        self.source = source
        self.kind = kind
        self.data = data
        name = data.get("name")
        self.name: str = name if isinstance(name, str) else source.path.stem
        self._merged: dict[str, dict[str, Any]] = {}

    @cached_property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    @cached_property
    def model(self) -> type[Declared]:
        """The Pydantic model of its kind."""
        return KINDS[self.kind].model

    @cached_property
    def validate_values(self) -> Callable[[Any], Any]:
        """Validate plain values by the model; raises Pydantic's ValidationError."""
        return self.model.__pydantic_validator__.validate_python

    @cached_property
    def merge_keys(self) -> MergeKeys:
        """The lists of its model that overlays merge."""
        return merge_keys(self.model)

    def overlay(self, environment: str) -> dict[str, Any] | None:
        """What the file lays over itself in `environment`, or None. What it says of its own identity there is refused elsewhere."""
        overlays = self.data.get("environments")
        overlay = overlays.get(environment) if isinstance(overlays, dict) else None
        if not isinstance(overlay, dict) or overlay.keys().isdisjoint(IDENTITY):
            return overlay if isinstance(overlay, dict) and overlay else None
        return {key: value for key, value in overlay.items() if key not in IDENTITY} or None

    def layers(self, environment: str, below: tuple[str, ...] = ()) -> list[Layer]:
        """Return the file and its overlay for `environment` as layers, or the parts of them at the path `below`."""
        subject = f"{self.kind.replace('_', ' ')} {self.name}" if below else "file"
        found = [
            (subject, self.data, ()),
            (
                f"{subject} in {environment}" if below else f"environment {environment}",
                self.overlay(environment) or {},
                ("environments", environment),
            ),
        ]
        return [
            Layer(name, part, self.source, (*prefix, *below))
            for name, data, prefix in found
            if isinstance(part := _part(data, below), dict) and (part or data is self.data)
        ]

    def merged(self, environment: str) -> dict[str, Any]:
        """Return the file with its overlay for `environment` merged; the same object where there is no overlay. Raises MergeConflict."""
        if environment not in self._merged:
            overlay = self.overlay(environment)
            self._merged[environment] = merge(self._base, overlay, self.merge_keys) if overlay else self._base
        return self._merged[environment]

    @cached_property
    def _base(self) -> dict[str, Any]:
        return lay({}, self.data, self.merge_keys) if self.source.has_deletes else self.data

    def merged_so_far(self, environment: str) -> tuple[dict[str, Any], list[MergeConflict]]:
        """Return what `merged` returns without the keys that conflict, and the conflicts. For what reports every fault at once."""
        return merge_what_fits([layer.data for layer in self.layers(environment)], self.merge_keys)


def _part(data: Mapping[str, Any], below: tuple[str, ...]) -> Any:
    here: Any = data
    for step in below:
        here = here.get(step) if isinstance(here, dict) else None
    return here


class Catalog:
    """The documents of one lab (or of a release's copy of it), and what was wrong with reading them."""

    def __init__(self, root: Path, sources: Iterable[Source]) -> None:
        self.root = root
        self.diagnostics: list[Diagnostic] = []
        self.sources = list(sources)
        self.documents: list[Document] = []
        self.lab_file: Document | None = None
        self.by_name: dict[str, Document] = {}
        self.unsettled: set[str] = set()  # names of configs that could not be read: what refers to them is not the fault
        for source in self.sources:
            self._add(source)

    def of_kind(self, kind: str) -> Iterator[Document]:
        """Yield the documents of `kind`, in the order of their paths."""
        return (document for document in self.documents if document.kind == kind)

    def _add(self, source: Source) -> None:
        self.diagnostics += source.diagnostics
        if source.data is None:
            self.unsettled.update(_NAME_LINE.findall(source.text))
            return
        if source.path == self.root / LAB_FILE:
            self.lab_file = Document(source, "lab", source.data)
            return
        kind = source.data.get("kind")
        if not isinstance(kind, str) or kind not in KINDS or kind == "lab":
            self.diagnostics.append(_unknown_kind(source, kind))
            self.unsettled.add(str(source.data.get("name")))
            return
        document = Document(source, kind, source.data)
        twin = self.by_name.get(document.name)
        if twin is not None:
            note = Note(f"{document.name} is also the name of this one", twin.source.place(("name",)).value)
            span = source.place(("name",)).value
            self.diagnostics.append(
                Diagnostic(
                    "LM307", Severity.ERROR, f"two configs are called {document.name}", span, "give one of them another name", (note,)
                )
            )
        self.by_name.setdefault(document.name, document)
        self.documents.append(document)


def load(lab: Lab, extra: Iterable[Path] = ()) -> Catalog:
    """Read labmodels.yaml, every config of `lab`, and the files `extra` that lie elsewhere."""
    paths = [lab.config_file] if lab.config_file.exists() else []
    paths += config_files(lab.configs)
    known = set(paths)
    return Catalog(lab.root, (read(path) for path in [*paths, *(path for path in extra if path not in known)]))


def config_files(folder: Path) -> list[Path]:
    """Return the YAML files in and below `folder`, sorted; hidden ones and linked folders are left out."""
    found: list[str] = []
    pending = [str(folder)] if folder.is_dir() else []
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False) and not entry.name.endswith(SUFFIXES):
                    pending.append(entry.path)
                elif entry.name.endswith(SUFFIXES):
                    found.append(entry.path)
    return [Path(path) for path in sorted(found)]


def find_config(lab: Lab, argument: str) -> Path:
    """Return the file that an operator means by `argument`: a path, a path under configs/, a unique file name, or a name; raise Usage."""
    for candidate in (argument, lab.root / argument, lab.configs / argument):
        if _is_given(candidate):
            return in_lab(lab, candidate)
    files = [lab.config_file, *config_files(lab.configs)]
    by_file_name = [path for path in files if argument in (path.name, path.stem)]
    matches = by_file_name or [
        document.path for document in Catalog(lab.root, (read(path) for path in files)).documents if document.name == argument
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise Usage(f"{argument} is ambiguous: {', '.join(lab.relative(path) for path in matches)}", hint="give one of these paths")
    names = sorted({name for path in files for name in (path.name, path.stem)})
    from difflib import get_close_matches

    close = get_close_matches(argument, names, n=1)
    raise Usage(
        f"no config {argument} in {lab.configs}",
        hint=f"did you mean {close[0]}?" if close else "give a path, a file name, or the config's name",
    )


def _is_given(path: str | Path) -> bool:
    """Whether something stands in a file's place at `path`, readable or not: also a dangling link, a pipe, a folder called x.yaml."""
    return os.path.lexists(path) and (not os.path.isdir(path) or str(path).rstrip(os.sep).endswith(SUFFIXES))  # noqa: PTH112


def in_lab(lab: Lab, path: str | Path) -> Path:
    """Return `path` as the lab names it, whatever links and dots it was given with; absolute when it lies elsewhere."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name: the lab may hold it as a file
    if absolute.is_relative_to(lab.root):
        return absolute
    root = Path(os.path.realpath(lab.root))
    if Path(os.path.realpath(absolute)) == root:
        return lab.root
    parent = Path(os.path.realpath(absolute.parent))
    return lab.root / parent.relative_to(root) / absolute.name if parent.is_relative_to(root) else absolute


def _unknown_kind(source: Source, kind: Any) -> Diagnostic:
    from difflib import get_close_matches

    from labmodels.config.faults import shown

    folder = source.path.parent.name
    likely = [name for name, known in KINDS.items() if known.folder and known.folder == folder]
    known_kinds = [name for name in KINDS if name != "lab"]
    choices = ", ".join(known_kinds)
    if kind is None:
        edits = (Edit(_first_line(source), f"kind: {likely[0]}\n"),) if len(likely) == 1 else ()
        return Diagnostic(
            "LM201",
            Severity.ERROR,
            "has no kind",
            Span(source.path),
            f"say what it is: kind: {likely[0] if likely else choices}",
            edits=edits,
        )
    span = source.place(("kind",)).value
    if kind == "lab":
        return Diagnostic("LM201", Severity.ERROR, "only labmodels.yaml at the top of a lab is of kind lab", span, f"one of {choices}")
    close = get_close_matches(str(kind), known_kinds, n=1, cutoff=0.7)
    if not isinstance(kind, str) or not close:
        return Diagnostic("LM201", Severity.ERROR, f"unknown kind {shown(kind)}", span, f"one of {choices}")
    edits = (Edit(span, close[0]),)
    return Diagnostic(
        "LM201", Severity.ERROR, f"unknown kind {shown(kind)}", span, f"did you mean {close[0]}? one of {choices}", edits=edits
    )


def _first_line(source: Source) -> Span:
    """Return the empty span in front of the first line that is no comment."""
    for number, line in enumerate(source.text.split("\n"), start=1):
        if line.strip() and not line.startswith(("#", "---", "%")):
            return Span(source.path, number, 1, number, 1)
    return Span(source.path)
