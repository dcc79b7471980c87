"""Asks basic_nlp, and checks what every answer of it must keep: each quote stands where it says, word for word. Keys are made-up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from labmodels.providers.attachments import attach
from labmodels.providers.basic_nlp import BasicNlp
from labmodels.providers.protocol import Answer, Message, Request

PASSWORD = "hunter2hunter2"
KEY = "sk-" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4"
_PLACE = re.compile(r"  \[(?:line (\d+)|([^\[\]]+?):(\d+))(?:, [^\[\]]*)?\]$")


def ask(question: str, files: Mapping[str, str] | None = None, found: Sequence = (), domain: str = "") -> Answer:
    """Ask about `files`; every label and question finds the passages `found`."""
    text = "\n".join([question, "", *(attach(path, content) for path, content in (files or {}).items())]) if files else question
    answer = BasicNlp(lambda query, domain: found).complete(Request((Message("user", text),), domain=domain))
    assert answer.degraded and answer.finish == "stop"
    assert_traceable(answer, dict(files or {}) or {"question": text})
    return answer


def assert_traceable(answer: Answer, files: Mapping[str, str]) -> None:
    """Every source stands in its file at its lines, and every place in the text shows a source, or that it is not quoted."""
    sources: dict[tuple[str, int], list[str]] = {}
    for source in answer.sources:
        sources.setdefault((source.path, source.line), []).append(squeezed(source.text))
        if source.path in files:
            lines = [line.removesuffix("\r") for line in files[source.path].split("\n")]
            assert source.text in "\n".join(lines[source.line - 1 : source.end_line]), source
    for line in answer.text.split("\n"):
        if place := _PLACE.search(line):
            where = (place[2] or "question", int(place[3] or place[1]))
            shown = squeezed(line[: place.start()])
            hidden = shown.endswith(("(not quoted)", "(secret)", "lines)", "line)"))
            assert hidden or any(text[:200] in shown for text in sources.get(where, [])), line


def squeezed(text: str) -> str:
    return " ".join(text.split())
