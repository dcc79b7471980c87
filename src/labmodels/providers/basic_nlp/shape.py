"""What a text is by its shape: a diff, a log, a configuration or prose. Looks at its name and its first lines; understands neither."""

from __future__ import annotations

import re
from itertools import islice
from typing import Literal

from labmodels.providers.basic_nlp.quoting import Material, plain

Shape = Literal["prose", "log", "diff", "config"]

_LOOKED_AT = 200  # lines that are not blank
_LINE_LOOKED_AT = 300  # characters
_BY_ENDING: dict[str, Shape] = {
    **dict.fromkeys(("diff", "patch"), "diff"),
    **dict.fromkeys(("log", "out", "err", "jsonl", "ndjson"), "log"),
    **dict.fromkeys(("yaml", "yml", "json", "toml", "ini", "cfg", "conf", "env", "properties", "service", "timer"), "config"),
    **dict.fromkeys(("md", "rst", "adoc"), "prose"),
}
_HUNK = re.compile(r"@@@? -\d+(?:,\d+)? ")
_GIT = re.compile(r"diff --(?:git|cc|combined) \S")
_TIME = r"(?:\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{10}(?:\.\d+)?\b)"
_LOG_LINE = re.compile(
    rf"[\[(<]?{_TIME}"
    r"|(?:\[ *\d+\.\d+\] )"  # the kernel's
    r"|[IWEF]\d{4} \d\d:\d\d:\d\d"  # klog
    r"|[\[(<]?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b[\])>:| ]"
    r"|\S+ \S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}:"  # a web server's
    r"|(?:\S+=\S+ )*(?:level|ts|time)=\S"
    r"|\{\"(?:ts|time|timestamp|@timestamp|level|msg|message|severity)\":"
)
_CONTINUED = re.compile(r"\s+\S|Traceback |Caused by:|\w[\w.]{0,100}(?:Error|Exception)\b")
_TRACE = re.compile(r"Traceback \(most recent call last\)|Exception in thread|goroutine \d+ \[|panic: |\s+at [\w.$]{1,200}\(")
_ENTRY = re.compile(
    r"[ \t]*(?:- +)?[\"']?[A-Za-z_][\w.@/-]{0,80}[\"']?[ \t]*(?:[:=](?:[ \t]|$)|=[^ \t=])|[ \t]*\[{1,2}[\w.\"' :-]{1,80}\]{1,2}[ \t]*$"
    r"|(?:export )?[A-Z_][A-Z0-9_]*="
)
_BESIDE = re.compile(r"[ \t]*(?:[#;]|//|- +\S|---$|[\]}{\[],?[ \t]*$)")
_PROSE_END = re.compile(r"[a-z]{2}[.?!][\"')]*$")


def shape_of(material: Material) -> Shape | None:
    """Return what the material is; None when its shape does not say."""
    lines = [plain(line[:_LINE_LOOKED_AT]) for line in islice((line for line in material.lines if line.strip()), _LOOKED_AT)]
    if _is_diff(lines):
        return "diff"
    name = material.path.rsplit("/", 1)[-1].lower()
    ending = name.rpartition(".")[2]
    if ending in _BY_ENDING or name.startswith(".env"):
        return _BY_ENDING.get(ending, "config")
    if _is_log(lines):
        return "log"
    return "config" if _is_config(lines) else None


def _is_diff(lines: list[str]) -> bool:
    """Whether the lines hold the head of a file and a hunk, as diff and git write them; a quote in prose or a log is indented."""
    heads = [index for index, line in enumerate(lines) if _GIT.match(line)]
    for index, line in enumerate(lines[:-2]):
        if line.startswith("--- ") and lines[index + 1].startswith("+++ ") and _HUNK.match(lines[index + 2]):
            heads.append(index)
    return bool(heads) and not any(line.startswith("```") for line in lines[: min(heads)])


def _is_log(lines: list[str]) -> bool:
    starts = sum(bool(_LOG_LINE.match(line)) for line in lines)
    others = sum(not _LOG_LINE.match(line) and not _CONTINUED.match(line) for line in lines)
    return (starts >= 3 and starts > others) or (any(_TRACE.match(line) for line in lines) and others * 2 < len(lines))


def _is_config(lines: list[str]) -> bool:
    if lines and lines[0].lstrip().startswith(("{", "[{")) and lines[-1].rstrip().endswith(("}", "]")):
        return any('":' in line or '" :' in line for line in lines)
    entries = sum(bool(_ENTRY.match(line)) for line in lines)
    others = sum(not _ENTRY.match(line) and (not _BESIDE.match(line) or bool(_PROSE_END.search(line))) for line in lines)
    comments = sum(line.lstrip().startswith("#") for line in lines)
    return entries >= 3 and entries > 2 * max(others - comments, 0)
