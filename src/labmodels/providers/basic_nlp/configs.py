"""What a configuration sets: its sections and keys, each with its place, and the values to look at first. A secret is never shown.

YAML and JSON are read from libyaml's events, aliases not followed; what that cannot read, and TOML, INI and env files, line by line as
sections and assignments. Nothing is resolved: what is shown is what stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from labmodels.providers.basic_nlp.quoting import Material, Reply, counted, is_quantity, is_reference, names_secret, quoted, shown
from labmodels.providers.basic_nlp.weakened import weakness
from labmodels.providers.protocol import Source

_LARGEST = 1_000_000  # characters
_DEEPEST = 100
_MOST_SHOWN, _MOST_A_SECTION, _MOST_SUSPECT = 40, 5, 20
_OPAQUE = frozenset({"key", "salt", "signature", "session", "private", "auth", "pass", "pin"})  # names whose value is no one's affair
_ASSIGNMENT = re.compile(r"[ \t]{0,80}(?:export )?([\"']?[A-Za-z_][\w.@/-]{0,100}[\"']?)[ \t]{0,40}[:=][ \t]{0,40}(.*)")
_SECTION = re.compile(r"[ \t]{0,40}\[{1,2}\s{0,4}([^\[\]]{1,200}?)\s{0,4}\]{1,2}[ \t]*(?:[#;].*)?$")
_OPENED = {"[": "]", "{": "}", '"""': '"""', "'''": "'''"}
_KUBERNETES_SECRET = re.compile(r"\bkind[\"']?[ \t]{0,8}:[ \t]{0,8}[\"']?Secret\b")
_ENCODED = frozenset({"data", "stringData"})
_LONGEST_LINE = 4000  # characters
_BY_LINES = ("toml", "ini", "cfg", "conf", "env", "properties", "service", "timer")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One value: the sections above it, its key, and where key and value stand in the text."""

    sections: tuple[str, ...]
    key: str
    value: str
    begin: int
    end: int
    is_secret: bool = False


def summarise_config(material: Material) -> Reply | None:
    """Return what a configuration sets; None for a text in which nothing is set."""
    if len(material.text) > _LARGEST:
        return None
    entries = _entries(material)
    if not entries:
        return None
    reply = Reply.of("A summary of a configuration by quotation; no model wrote this.")
    sections = list(dict.fromkeys(entry.sections for entry in entries))
    reply.say(f"{shown(material.path)}: {counted(len(entries), 'value')} in {counted(len(sections), 'section')}")
    _show_suspect(reply, material, entries)
    _show_values(reply, material, entries)
    return reply


def _entries(material: Material) -> list[_Entry]:
    name = material.path.rsplit("/", 1)[-1].lower()
    is_secret = bool(_KUBERNETES_SECRET.search(material.text))  # its data are encoded, not encrypted
    if not name.endswith(_BY_LINES) and not name.startswith(".env"):
        found = _by_events(material.text)
        if found is not None:
            return [replace(one, is_secret=True) if is_secret and _ENCODED & {*one.sections} else one for one in found]
    return [replace(one, is_secret=one.is_secret or is_secret) for one in _by_lines(material)]


def _by_lines(material: Material) -> Iterator[_Entry]:
    """Yield the assignments of a text, each under the last `[section]` above it."""
    sections: tuple[str, ...] = ()
    position = 0
    closing = ""  # what ends a list or text of several lines that is open
    for line in material.text.split("\n"):
        here, position = position, position + len(line) + 1
        if closing:
            closing = "" if line.lstrip().startswith(closing) or line.rstrip().endswith(closing) else closing
            continue
        if len(line) > _LONGEST_LINE or line.lstrip().startswith(("#", ";", "//")):
            continue
        if section := _SECTION.match(line):
            sections = (section[1],)
        elif assignment := _ASSIGNMENT.match(line):
            key, value = assignment[1].strip("\"'"), assignment[2].strip().rstrip(",")
            begin, end = here + assignment.start(1), here + len(line.rstrip().rstrip(","))
            closing = _OPENED.get(value, "")
            yield _Entry(sections, key, value, begin, end, _is_secret(key, value))


@dataclass
class _Level:
    """A mapping or list that is open: its sections, the key that waits for its value, and what names its neighbours."""

    sections: tuple[str, ...]
    is_mapping: bool
    key: str | None = None
    key_begin: int = 0
    name: str = ""  # the value of `name`, or the list item before: in `name: PASSWORD, value: x` it says what the value is
    hides: bool = False
    count: int = 0


def _by_events(text: str) -> list[_Entry] | None:
    """Return the values of a YAML or JSON text; None when it is neither."""
    import yaml

    clean = re.sub("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]", " ", text)  # one for one: the places stay
    levels: list[_Level] = []
    entries: list[_Entry] = []
    try:
        for event in yaml.parse(clean, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.CollectionStartEvent):
                if len(levels) >= _DEEPEST:
                    return None
                levels.append(_opened(levels[-1] if levels else None, isinstance(event, yaml.MappingStartEvent)))
            elif isinstance(event, yaml.CollectionEndEvent):
                levels.pop()
            elif isinstance(event, yaml.ScalarEvent) and levels and event.start_mark and event.end_mark:
                _take(levels[-1], event.value, event.start_mark.index, event.end_mark.index, entries)
            elif isinstance(event, yaml.AliasEvent) and levels:
                levels[-1].key = None if levels[-1].key is not None else ""
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return entries or None


def _opened(above: _Level | None, is_mapping: bool) -> _Level:
    """Return the level that begins as the value of what waits in the one above."""
    if above is None:
        return _Level((), is_mapping)
    hides = above.hides or (above.key is not None and (_is_opaque(above.key)))
    if above.is_mapping:
        step, above.key = above.key or "", None
    else:
        step = str(above.count)
        above.count += 1
    return _Level((*above.sections, step), is_mapping, hides=hides)


def _take(level: _Level, value: str, begin: int, end: int, entries: list[_Entry]) -> None:
    """Take a scalar: a key, or the value of the key before it, or an item of a list."""
    if level.is_mapping and level.key is None:
        level.key, level.key_begin = value, begin
        return
    key = level.key if level.is_mapping and level.key is not None else str(level.count)
    is_secret = _is_secret(key, value) or ((level.hides or names_secret(level.name)) and not is_reference(value))
    if level.is_mapping:
        entries.append(_Entry(level.sections, key, value, level.key_begin, end, is_secret and key.lower() not in ("name", "kind")))
        if key.lower() == "name":
            level.name = value
        level.key = None
    else:
        entries.append(_Entry(level.sections, key, value, begin, end, is_secret))
        level.name = value if value.startswith("-") else ""
        level.count += 1


def _is_secret(key: str, value: str) -> bool:
    return _is_opaque(key) and not is_reference(value) and not (key.lower().endswith("token") and is_quantity(value))


def _is_opaque(key: str) -> bool:
    return names_secret(key) or re.split(r"[._-]", key.lower())[-1] in _OPAQUE


def _show_suspect(reply: Reply, material: Material, entries: Sequence[_Entry]) -> None:
    """Add the values that make things less safe, and the places of secrets that stand there in clear."""
    suspect = [(entry, why) for entry in entries if (why := _suspicion(entry))]
    if suspect:
        reply.lines += ["", "Look at first:"]
    for entry, why in suspect[:_MOST_SUSPECT]:
        _show(reply, material, entry, f"  {why}: ")
    if len(suspect) > _MOST_SUSPECT:
        reply.say(f"  and {counted(len(suspect) - _MOST_SUSPECT, 'further value')}")


def _suspicion(entry: _Entry) -> str | None:
    if entry.is_secret:
        return "a secret stands here in clear"
    if "\n" in entry.value:
        return None
    named = entry.key if entry.key.lower() not in ("enabled", "value") or not entry.sections else entry.sections[-1]
    return weakness(f"{named}: {entry.value}")


def _show_values(reply: Reply, material: Material, entries: Sequence[_Entry]) -> None:
    """Add the values under their sections: all of a short configuration, the first of each section of a long one."""
    most = len(entries) if len(entries) <= _MOST_SHOWN else _MOST_A_SECTION
    by_section: dict[tuple[str, ...], list[_Entry]] = {}
    for entry in entries:
        by_section.setdefault(entry.sections, []).append(entry)
    left = _MOST_SHOWN
    for number, (sections, inside) in enumerate(by_section.items()):
        if left <= 0:
            reply.say(f"and {counted(len(by_section) - number, 'further section')}")
            return
        title = ".".join(shown(section) for section in sections) or "(top)"
        reply.lines += ["", f"{title} ({counted(len(inside), 'value')})"]
        shown_here = inside[: min(most, left)]
        left -= len(shown_here)
        for entry in shown_here:
            _show(reply, material, entry, "  ")
        if len(inside) > len(shown_here):
            reply.say(f"  and {counted(len(inside) - len(shown_here), 'further value')}")


def _show(reply: Reply, material: Material, entry: _Entry, before: str) -> None:
    """Add the entry word for word; of a secret, and of a text of several lines, the key alone."""
    is_whole = not entry.is_secret and "\n" not in material.text[entry.begin : entry.end]
    source = material.quote(entry.begin, entry.end) if is_whole else None
    if source is not None:
        reply.quote(source, before)
        return
    line = material.line + material.index_at(entry.begin)
    what = "secret" if entry.is_secret else counted(entry.value.count("\n") + 1, "line") if not is_whole else "not quoted"
    key = material.quote(entry.begin, entry.begin + len(entry.key)) if material.text.startswith(entry.key, entry.begin) else None
    if key is None:
        reply.hide(material.path, line, before)
    else:
        reply.sources.append(Source(key.path, key.line, key.end_line, key.text))
        reply.lines.append(f"{before}{key.text}: ({what})  [{quoted(key).rpartition('  [')[2]}")
