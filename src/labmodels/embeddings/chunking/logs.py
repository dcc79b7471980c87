"""Logs by template: what lines have in common once times, numbers, ids, addresses, paths and quoted text are masked, with samples.

Templates are Drain's (He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", 2017); without drain3, lines that are
equal once masked are one template. Each line is counted in exactly one: a line that continues a record in that of the record, and one that
is unlike all templates, when no more are kept, in a last one for all of these. Memory does not grow with the log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from labmodels.embeddings.chunking.chunk import Chunk
from labmodels.embeddings.chunking.packing import Bound

MOST_TEMPLATES = 5_000
_MOST_REMEMBERED = 50_000  # masked lines whose template is known
_LOOKED_AT = 400  # characters of a line that make its template
_MOST_TOKENS = 40
_SAMPLES, _LONGEST_SAMPLE = 3, 300
_SIMILAR, _DEPTH, _CHILDREN, _MOST_COMPARED = 0.5, 5, 100, 150
_OTHER = -1

_TIME = (
    r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?:Z|\s?[+-]\d\d:?\d\d)?"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
)
_HEAD = re.compile(rf"[\[(]?(?:{_TIME})[\])]?\s*|\[\s*\d+\.\d{{6}}\]\s*")
# The look-ahead keeps the alternatives from being tried where none can begin: it makes the pass three times as fast.
_MASKED = re.compile(
    r"(?=[\"'/\da-fA-FJMNOS])(?:"
    rf"(?P<TIME>(?<!\w)(?:{_TIME}))"
    r"|(?P<TEXT>\"[^\"]*\"|(?<!\w)'[^']*'(?!\w))"
    r"|(?P<ID>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b)"
    r"|(?P<IP>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\w.]))"
    r"|(?P<HEX>\b0x[0-9a-fA-F]+\b|\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,64}\b)"
    r"|(?P<PATH>(?<![\w/])/[^\s\"'<>:,;()\[\]]+)"
    r"|(?P<NUM>\d+(?:[.,:]\d+)*))"
)
_MASKS = {name: f"<{name}>" for name in _MASKED.groupindex}
_MESSAGE = re.compile(r"\b(?:msg|message|event|error|err)=\"((?:[^\"\\]|\\.)+)\"")
_LEVEL = re.compile(
    r"\b(?:level|severity|lvl)[\"']?\s?[=:]\s?[\"']?([A-Za-z]+)"
    r"|(?<![\w/.-])(EMERG|ALERT|FATAL|CRITICAL|CRIT|PANIC|ERROR|ERR|SEVERE|WARNING|WARN|NOTICE|INFO|DEBUG|TRACE)(?![\w/.-])"
    r"|[\[(<](emerg|alert|fatal|critical|crit|error|err|warning|warn|notice|info|debug|trace)[\])>]"
)
_LEVELS = {
    **dict.fromkeys(("emerg", "alert", "fatal", "critical", "crit", "panic"), "critical"),
    **dict.fromkeys(("error", "err", "severe"), "error"),
    **dict.fromkeys(("warning", "warn"), "warning"),
    **dict.fromkeys(("notice", "info"), "info"),
    **dict.fromkeys(("debug", "trace"), "debug"),
}


@dataclass(slots=True)
class _Template:
    """The lines of one template, and those that continue them."""

    level: str
    first: int
    last: int
    count: int = 0
    samples: list[str] = field(default_factory=list)

    def see(self, number: int, content: str) -> None:
        self.count += 1
        self.last = number
        if len(self.samples) < _SAMPLES and (sample := content[:_LONGEST_SAMPLE].strip()) not in self.samples:
            self.samples.append(sample)


def chunks(path: str, lines: Iterable[str], bound: Bound) -> Iterator[Chunk]:
    """Yield a chunk a template, in the order in which they first occur. The level is the trail; counts are no part of the text."""
    for text, template in _mined(lines):
        yield _chunk(path, text, template, bound)


def _mined(lines: Iterable[str]) -> list[tuple[str, _Template]]:
    """Return the text of each template with what was seen of it."""
    place, texts = _miner()
    known: dict[str, int] = {}
    templates: dict[int, _Template] = {}
    current: _Template | None = None
    for number, line in enumerate(lines, start=1):
        if not line or line.isspace():
            continue
        if current is not None and line[0] in " \t":
            current.count += 1
            current.last = number
            continue
        head = _HEAD.match(line)
        content = line[head.end() :] if head else line
        level, masked = _masked(content)
        found = known.get(masked)
        if found is None:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            found = known[masked] = place(masked)
        current = templates.get(found)
        if current is None:
            current = templates[found] = _Template("" if found == _OTHER else level, number, number)
        current.see(number, content)
    return [(texts(found), template) for found, template in templates.items()]


def _masked(content: str) -> tuple[str, str]:
    """Return the level of a line and what is compared of it: the level as first word, then the message with its variables masked."""
    content = content[:_LOOKED_AT]
    found = _LEVEL.search(content)
    level = _LEVELS.get((found[1] or found[2] or found[3]).lower(), "") if found else ""
    if content.startswith("{"):
        content = _json_message(content)
    elif '="' in content and (message := _MESSAGE.search(content)):
        content = message[1]
    masked = " ".join(_MASKED.sub(lambda match: _MASKS[match.lastgroup or ""], content).split()[:_MOST_TOKENS])
    return level, f"{level or '-'} {masked}"


def _json_message(content: str) -> str:
    """Return the message of a line that is a JSON object; the line itself when it has none, or was cut."""
    found = re.search(r"\"(?:msg|message|event|error)\"\s*:\s*(\"(?:[^\"\\]|\\.)*\")", content)
    try:
        return str(json.loads(found[1])) if found else content
    except ValueError:
        return content


def _miner() -> tuple[Callable[[str], int], Callable[[int], str]]:
    """Return what tells the template of a masked line, and what tells a template's text without its level."""
    try:
        from drain3.drain import Drain  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return _exact_miner()

    class BoundedDrain(Drain):  # type: ignore[misc,unused-ignore]
        """Drain that compares a line with the first templates of a leaf only: a log without any pattern would take hours."""

        def fast_match(self, cluster_ids: Sequence[int], *rest: object) -> object:
            return super().fast_match(cluster_ids[:_MOST_COMPARED], *rest)

    drain = BoundedDrain(depth=_DEPTH, sim_th=_SIMILAR, max_children=_CHILDREN, param_str="<*>")

    def place(masked: str) -> int:
        if len(drain.id_to_cluster) >= MOST_TEMPLATES:
            found = drain.tree_search(drain.root_node, drain.get_content_as_tokens(masked), drain.sim_th, False)
            if found is None:
                return _OTHER
        cluster, _ = drain.add_log_message(masked)
        return int(cluster.cluster_id)

    def text(found: int) -> str:
        return "<*>" if found == _OTHER else str(drain.id_to_cluster[found].get_template()).partition(" ")[2]

    return place, text


def _exact_miner() -> tuple[Callable[[str], int], Callable[[int], str]]:
    numbers: dict[str, int] = {}

    def place(masked: str) -> int:
        if len(numbers) >= MOST_TEMPLATES:
            return numbers.get(masked, _OTHER)
        return numbers.setdefault(masked, len(numbers))

    def text(found: int) -> str:
        return "<*>" if found == _OTHER else next(masked for masked, number in numbers.items() if number == found).partition(" ")[2]

    return place, text


def _chunk(path: str, text: str, template: _Template, bound: Bound) -> Chunk:
    trail = bound.trail((template.level,) if template.level else ())
    while not bound.holds(trail, text):
        text = text[: len(text) * 3 // 4]
    for sample in template.samples:
        longer = f"{text}\n{sample}"
        text = longer if sample != text and bound.holds(trail, longer) else text
    return Chunk(path, template.first, template.last, text, "log", trail, occurrences=template.count)
