"""What a log says: its levels, and its lines grouped by template, what went wrong first, each with its count, first and last place.

Two lines have one template when they differ only in times, numbers, ids, addresses, paths, hex or quoted text. What is shown of a
template is its first line, word for word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from labmodels.providers.basic_nlp.quoting import Material, Reply, counted, plain, shown
from labmodels.providers.protocol import Source

Level = Literal["critical", "error", "warning", "info", "debug", "no level"]
_ORDER: tuple[Level, ...] = ("critical", "error", "warning", "info", "debug", "no level")
_BAD = _ORDER[:3]

_FEWEST_LINES = 3
_MOST_BAD, _MOST_OTHER = 15, 5  # templates shown: of warnings and worse, of the rest
_MOST_TEMPLATES = 20_000  # more different lines than that are counted, not kept
_LOOKED_AT = 300  # characters of a line that make its template
_LEVEL_AT = 160  # characters in which a level is looked for
_MOST_CANDIDATES = 3  # lines of a template that are tried for one that may be quoted

_TIME = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
)
_MASKED = re.compile(
    rf"(?P<time>{_TIME.pattern})"
    r"|(?P<url>[a-z]{2,8}://[^\s\"'<>]+)"
    r"|(?P<quoted>\"[^\"]*\"|(?<!\w)'[^']*')"
    r"|(?P<id>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)"
    r"|(?P<hex>\b0x[0-9a-fA-F]+\b|\b(?=[a-f]*\d)[0-9a-f]{7,64}\b)"
    r"|(?P<path>(?<![\w/])(?:~|\.{1,2})?/[^\s\"'<>:,;()\[\]]+)"
    r"|(?P<number>\d+(?:[.,:]\d+)*)"
)
_MESSAGE = re.compile(r"\b(?:msg|message|event|error|err)[\"']?\s?[:=]\s?\"((?:[^\"\\]|\\.)+)\"")
_NAMED_LEVEL = re.compile(
    r"(?:\b(?:level|severity|lvl)[\"']?\s?[=:]\s?[\"']?(?P<key>[A-Za-z]+))"
    r"|(?<![\w/.-])(?P<word>EMERG|ALERT|FATAL|CRITICAL|CRIT|PANIC|ERROR|ERR|SEVERE|WARNING|WARN|NOTICE|INFO|DEBUG|TRACE)(?![\w/.-])"
    r"|[\[(<](?P<bracket>emerg|alert|fatal|critical|crit|error|err|warning|warn|notice|info|debug|trace)[\])>]"
    r"|^(?P<klog>[IWEF])\d{4} \d\d:\d\d"
)
_LEVELS: dict[str, Level] = {
    **dict.fromkeys(("emerg", "alert", "fatal", "critical", "crit", "panic", "f"), "critical"),
    **dict.fromkeys(("error", "err", "severe", "e"), "error"),
    **dict.fromkeys(("warning", "warn", "w"), "warning"),
    **dict.fromkeys(("notice", "info", "i"), "info"),
    **dict.fromkeys(("debug", "trace"), "debug"),
}
# Without a level, words tell: what kernels, servers and interpreters say when something is broken.
_CRITICAL_WORDS = re.compile(r"(?i)\b(?:out of memory|oom-kill\w*|kernel panic|panic:|segfault|segmentation fault|core dumped)")
_ERROR_WORDS = re.compile(
    r"(?i)\b(?:[\w.]{0,80}(?:Error|Exception)\b(?=:|$)|errors?:|failed|failure|cannot|could not"
    r"|refused|denied|unreachable|timed out|fatal:)"
    r"|\" 5\d\d (?:\d|-)"
)
_WARNING_WORDS = re.compile(r"(?i)\b(?:warn(?:ing)?:|deprecated|retrying|throttl\w+)")
_CONTINUED = re.compile(r"\s+\S|Traceback |Caused by:|During handling")


@dataclass(slots=True)
class _Group:
    """The lines of one template."""

    level: Level
    first: int
    last: int
    count: int = 0
    candidates: list[int] = field(default_factory=list)


@dataclass
class _Reading:
    """What was counted while a log was read."""

    levels: dict[Level, int]
    groups: dict[tuple[Level, str], _Group]
    events: int = 0
    continued: int = 0
    beyond: int = 0


def summarise_log(material: Material) -> Reply | None:
    """Return what a log says; None for a text of too few lines."""
    reading = _read(material)
    if reading.events + reading.continued < _FEWEST_LINES:
        return None
    reply = Reply.of("A summary of a log by counting and quotation; no model wrote this.")
    levels = ", ".join(f"{reading.levels[level]:,} {level}" for level in _ORDER if reading.levels[level])
    reply.say(f"{shown(material.path)}: {counted(reading.events + reading.continued, 'line')}: {levels}")
    if reading.continued:
        reply.say(
            f"{counted(reading.continued, 'line')} of stack traces and the like belong to those before them and have no count of their own."
        )
    for word, source in zip(("From", "To"), _span(material), strict=False):
        reply.quote(source, before=f"{word} ")
    _show(reply, material, reading)
    return reply


def _read(material: Material) -> _Reading:
    reading = _Reading(dict.fromkeys(_ORDER, 0), {})
    for index, raw in enumerate(material.lines):
        line = plain(raw[: _LOOKED_AT * 2])[:_LOOKED_AT]
        if not line.strip() or line.startswith("```"):
            continue
        if reading.events and _CONTINUED.match(line):
            reading.continued += 1
            continue
        level = level_of(line)
        reading.events += 1
        reading.levels[level] += 1
        key = (level, template_of(line))
        group = reading.groups.get(key)
        if group is None:
            if len(reading.groups) >= _MOST_TEMPLATES:
                reading.beyond += 1
                continue
            group = reading.groups[key] = _Group(level, index, index)
        group.count += 1
        group.last = index
        if len(group.candidates) < _MOST_CANDIDATES:
            group.candidates.append(index)
    return reading


def level_of(line: str) -> Level:
    """Return the level that a line names, else the one that its words tell."""
    for match in _NAMED_LEVEL.finditer(line[:_LEVEL_AT]):
        if (level := _LEVELS.get(match[match.lastgroup or 0].lower())) is not None:
            return level
    if _CRITICAL_WORDS.search(line):
        return "critical"
    if _ERROR_WORDS.search(line):
        return "error"
    return "warning" if _WARNING_WORDS.search(line) else "no level"


def template_of(line: str) -> str:
    """Return a line with what varies from one occurrence to the next replaced by its kind; of a structured one, its messages alone."""
    line = " | ".join(match[1] for match in _MESSAGE.finditer(line)) or line
    return " ".join(_MASKED.sub(lambda match: f"<{match.lastgroup}>", line).split())


def _span(material: Material) -> Iterator[Source]:
    """Yield the first and the last time that stand in the log, where they stand."""
    indexes = range(len(material.lines))
    for way in (indexes[:50], indexes[:-50:-1]):
        for index in way:
            line = material.lines[index][:_LOOKED_AT]
            if (time := _TIME.search(line)) and material.quote_line(index):
                yield Source(material.path, material.line + index, material.line + index, time[0])
                break


def _show(reply: Reply, material: Material, reading: _Reading) -> None:
    """Add the templates, the worst and most frequent first."""
    groups = sorted(reading.groups.values(), key=lambda group: (_ORDER.index(group.level), -group.count, group.first))
    bad = [group for group in groups if group.level in _BAD]
    other = sorted((group for group in groups if group.level not in _BAD), key=lambda group: (-group.count, group.first))
    for title, some, most in (("What went wrong:", bad, _MOST_BAD), ("What else is frequent:", other, _MOST_OTHER)):
        if some:
            reply.lines += ["", title]
        for group in some[:most]:
            _show_group(reply, material, group)
        if len(some) > most:
            rest = sum(group.count for group in some[most:])
            reply.say(f"  and {counted(len(some) - most, 'further kind')} of lines, {rest:,} in all")
    if not bad:
        reply.lines += ["", "No line names or tells a warning or an error."]
    if reading.beyond:
        reply.say(f"  {counted(reading.beyond, 'line')} came after {_MOST_TEMPLATES:,} different kinds and are only counted by level.")


def _show_group(reply: Reply, material: Material, group: _Group) -> None:
    before = f"  {group.count:>6,} x {group.level if group.level != 'no level' else '-':<8}  "
    note = f", last {material.line + group.last}" if group.count > 1 else ""
    source = next((source for index in group.candidates if (source := material.quote_line(index))), None)
    if source is None:
        reply.hide(material.path, material.line + group.first, before, note)
    else:
        reply.quote(source, before, note)
