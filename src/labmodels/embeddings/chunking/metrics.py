"""Metrics by name, help and labels: Prometheus exposition text, rules and catalogues in YAML or JSON, tables in Markdown.

Of exposition text the values are left out: they differ at each scrape, and nobody searches for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from labmodels.embeddings.chunking import configuration, markdown
from labmodels.embeddings.chunking.chunk import Chunk, Outline, Section, defining
from labmodels.embeddings.chunking.configuration import Entry, section
from labmodels.embeddings.chunking.packing import Bound
from labmodels.embeddings.chunking.prose import Block, tree

_MOST_FAMILIES = 50_000
_MOST_VALUES = 8  # of a label, the first in their order
_LONGEST_VALUE = 80
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_META = re.compile(rf"#\s*(HELP|TYPE|UNIT)\s+({_NAME})\s*(.*)")
_SAMPLE = re.compile(rf"\s*({_NAME})\s*(\{{.*\}})?\s+\S")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"')
_SUFFIX = re.compile(r"_(?:bucket|sum|count|total|created|info)$")
_NAMING = ("alert", "record", "metric", "name", "title")  # the keys that say what a map of a rule or catalogue is about
_TELLING = frozenset({"expr", "expression", "query", "help", "description", "type", "targets", "labels", "unit"})


@dataclass(slots=True)
class _Family:
    """What is known of a metric."""

    first: int
    last: int
    series: int = 0
    said: dict[str, str] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)


def exposition(path: str, lines: Iterable[str], bound: Bound) -> Iterator[Chunk]:
    """Yield a chunk a metric of exposition text, in the order in which they begin."""
    families: dict[str, _Family] = {}
    for number, line in enumerate(lines, start=1):
        if meta := _META.match(line):
            family = _family(families, meta[2], number)
            if family:
                family.said[meta[1]] = meta[3]
        elif not line.startswith("#") and (sample := _SAMPLE.match(line)):
            base = _SUFFIX.sub("", sample[1])
            if family := _family(families, sample[1] if sample[1] in families or base not in families else base, number):
                family.series += 1
                _see_labels(family, sample[2] or "")
    for name, family in families.items():
        yield _chunk(path, name, family, bound)


def is_exposition(lines: Iterable[str]) -> bool:
    """Whether the first line that says anything belongs to exposition text."""
    for line in lines:
        if line.strip():
            return bool(_META.match(line) or (_SAMPLE.match(line) and not line.rstrip().endswith(":")))
    return True


def outline(path: str, lines: Sequence[str]) -> Outline:
    """Return the outline of what describes metrics: each rule, each entry of a catalogue and each row of a table stands apart."""
    if path.endswith((".md", ".markdown")):
        blocks = [row for block in markdown.blocks(lines) for row in (_rows(lines, block) if block.kind == "table" else [block])]
        root = tree(blocks, 1, len(lines))
        return Outline(lines, root)
    laid_out, entry, numbers = configuration.read(path, lines)
    return Outline(laid_out, _named(entry), numbers) if entry else configuration.outline(path, lines)


def _family(families: dict[str, _Family], name: str, number: int) -> _Family | None:
    family = families.get(name)
    if family is None and len(families) < _MOST_FAMILIES:
        family = families[name] = _Family(number, number)
    if family:
        family.last = number
    return family


def _see_labels(family: _Family, text: str) -> None:
    for label, value in _LABEL.findall(text):
        values = family.labels.setdefault(label, set())
        values.add(value[:_LONGEST_VALUE])
        if len(values) > _MOST_VALUES:
            values.remove(max(values))


def _chunk(path: str, name: str, family: _Family, bound: Bound) -> Chunk:
    text = " ".join((name, *(f"({said})" for said in (family.said.get("TYPE"), family.said.get("UNIT")) if said)))
    text += f": {family.said['HELP']}" if family.said.get("HELP") else ""
    while not bound.holds((), text):
        text = text[: len(text) * 3 // 4]
    for label in sorted(family.labels):
        values = [] if label in ("le", "quantile") else sorted(family.labels[label])
        longer = f"{text}\n{label}: {', '.join(values)}" if values else f"{text}\n{label}"
        text = longer if bound.holds((), longer) else text
    return Chunk(path, family.first, family.last, text, "metric", symbols=(name,), occurrences=family.series)


def _named(entry: Entry) -> Section:
    """Return the section of an entry in which every map that names a rule, a metric or a panel stands apart."""
    name = next((value for key in _NAMING if (value := entry.value_of(key))), "")
    if name and any(inner.name in _TELLING for inner in entry.entries):
        return replace(section(entry, "metric"), title=name, is_apart=True, symbols=defining(name))
    plain = section(entry)
    parts = [_named(inner) for inner in entry.entries]
    is_open = any(part.is_apart or part.is_open for part in parts)
    return replace(plain, is_open=True, parts=lambda: parts, title=name or plain.title, symbols=defining()) if is_open else plain


def _rows(lines: Sequence[str], block: Block) -> Iterator[Block]:
    """Yield the rows of a table; the first two are its head."""
    for number in range(block.first, block.last + 1):
        cell = re.match(r"\s*\|?\s*`?([^`|]*?)`?\s*\|", lines[number - 1])
        is_metric = number > block.first + 1 and cell and re.fullmatch(_NAME, cell[1])
        yield Block(number, number, "metric" if is_metric else "table", symbols=(cell[1],) if is_metric and cell else ())
