"""OpenAPI and Swagger by operation: method and path with all that is said of them; schemas and other components apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from labmodels.embeddings.chunking import configuration
from labmodels.embeddings.chunking.chunk import Outline, Section, defining
from labmodels.embeddings.chunking.configuration import Entry, section

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_GROUPS = ("paths", "webhooks")
_COMPONENTS = ("components", "definitions", "parameters", "responses", "securityDefinitions")


def outline(path: str, lines: Sequence[str]) -> Outline:
    """Return the outline of an interface; that of a configuration when it describes none."""
    laid_out, entry, numbers = configuration.read(path, lines)
    top = _described(entry) if entry else None
    if entry is None or top is None:
        return configuration.outline(path, lines)
    info = top.get("info")
    title = info.value_of("title") if info else ""
    return Outline(laid_out, Section(1, len(laid_out), "configuration", title, is_open=True, parts=lambda: _parts(top)), numbers)


def _described(entry: Entry) -> Entry | None:
    """Return the map that has paths; JSON has it inside its braces."""
    candidates = [entry, *entry.entries]
    return next((one for one in candidates if any(one.get(group) for group in (*_GROUPS, "openapi", "swagger"))), None)


def _parts(top: Entry) -> Iterator[Section]:
    for entry in top.entries:
        if entry.name in _GROUPS:
            yield _opened(entry, "", (_path(one) for one in entry.entries))
        elif entry.name == "components":
            yield _opened(entry, "", (_components(group) for group in entry.entries))
        elif entry.name in _COMPONENTS:
            yield _components(entry)
        else:
            yield section(entry)


def _path(entry: Entry) -> Section:
    """Return a path: each operation is a chunk below its method and path; what all share stands apart below the path."""
    parts = [_operation(entry.name, one) if one.name.lower() in _METHODS else _named(entry.name, section(one)) for one in entry.entries]
    return _opened(entry, "", parts)


def _operation(path: str, entry: Entry) -> Section:
    name = f"{entry.name.upper()} {path}"
    symbols = tuple(symbol for symbol in (entry.value_of("operationId"), name) if symbol)
    whole = replace(section(entry, "operation"), title="", is_apart=True, symbols=defining(*symbols))
    return _named(name, whole)


def _components(group: Entry) -> Section:
    """Return the schemas, parameters, responses of a document, each a chunk of its own."""
    each = (replace(section(one), is_apart=True, symbols=defining(one.name)) for one in group.entries)
    return _opened(group, group.name, each)


def _named(title: str, inner: Section) -> Section:
    """Return a section whose only part stands below a title, even when it is whole."""
    return Section(inner.first, inner.last, inner.kind, title, is_open=True, parts=lambda: (inner,), symbols=inner.symbols)


def _opened(entry: Entry, title: str, parts: Iterable[Section]) -> Section:
    inside = tuple(parts)
    return Section(entry.first, entry.last, "configuration", title, is_open=True, parts=lambda: inside)
