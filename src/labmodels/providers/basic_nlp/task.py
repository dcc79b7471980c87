"""What is asked of basic_nlp: which task, on which material. Decides only, by the words of the question and the shape of the material."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from labmodels.providers.attachments import attachments
from labmodels.providers.basic_nlp.quoting import PASTED, Material
from labmodels.providers.basic_nlp.shape import Shape, shape_of
from labmodels.providers.protocol import Request

Kind = Literal["answer", "summary", "keyphrases", "classification"]

_MOST_LINES, _MOST_CHARACTERS = 5, 600  # a question with more has its material pasted into it
_LONGEST_INSTRUCTION = 2000
_SUMMARY = re.compile(
    r"(?i)\b(?:summari[sz]\w*|summary|tl;?dr|sum (?:it |this |these |them )?up|(?:the )?gist|(?:key|main) points|condense|digest|overview"
    r"|(?:explain|describe|analy[sz]e|review|read|check)(?: (?:the|this|these|that|my|our|what)|(?=\W*$))"
    r"|what (?:happened|changed|does this|is in))\b"
)
_KEYPHRASES = re.compile(r"(?i)\bkey[ -]?(?:words?|phrases?|terms?)\b|\b(?:important|main) (?:terms|phrases|words)\b")
_CLASSIFICATION = re.compile(r"(?i)\b(?:classif\w+|categori[sz]\w*|which (?:one )?of|which (?:category|class|label))\b")
_CLASSIFY = re.compile(r"(?i)\s*(?:please )?(?:classify|categori[sz]e)\b")
_ABOUT: tuple[tuple[Shape, re.Pattern[str]], ...] = (
    ("log", re.compile(r"(?i)\b(?:logs?|log ?files?|journal|syslog)\b")),
    ("config", re.compile(r"(?i)\b(?:config(?:uration)?s?|settings|ya?ml|json|toml|ini)\b")),
)
_LABELS = re.compile(
    r"(?i)\b(?:as|into|in|among|between|from|which(?: one)? of|one of|labels?|categor(?:y|ies)|class(?:es)?)\b"
    r"(?: (?:one of|the following|these|the|either|labels?|categories|classes)\b){0,3}\s*:?\s+"
)
_LABELS_END = re.compile(r"[?.:](?:\s|$)|\n|\b(?:is|does|do|fits?|applies|describes|best)\b")
_BETWEEN = re.compile(r"\s*(?:,|;|\||/)\s*(?:or |and )?|\s+(?:or|and)\s+", re.IGNORECASE)
_BULLET = re.compile(r"\n[ \t]{0,20}[-*] +(?=\S)")
_IMPERATIVE_END = re.compile(r":\s+|:?\n")


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: `instruction` is the question without its material, each material with its shape, `labels` to classify by."""

    kind: Kind
    instruction: str
    materials: tuple[tuple[Material, Shape], ...] = ()
    labels: tuple[str, ...] = ()


def task_of(request: Request) -> Task:
    """Return what the last user message asks for: by its task words; without any, by the shape of what came with it."""
    instruction, materials = _parted(request.query)
    words = instruction[:_LONGEST_INSTRUCTION]
    labels, begin, end = labels_in(words) if _CLASSIFICATION.search(words) else ((), 0, 0)
    if not materials:
        if labels and _CLASSIFY.match(words):
            return Task("classification", instruction, ((_beside_labels(request.query, begin, end), "prose"),), labels)
        return Task("answer", request.query)
    shaped = tuple((material, shape_of(material) or _asked_shape(words)) for material in materials)
    return Task(_kind(words, request.domain, shaped, labels), instruction, shaped, labels)


def _kind(words: str, domain: str, shaped: tuple[tuple[Material, Shape], ...], labels: tuple[str, ...]) -> Kind:
    if _CLASSIFICATION.search(words) and (labels or _CLASSIFY.match(words)):
        return "classification"
    if _KEYPHRASES.search(words):
        return "keyphrases"
    is_prose = all(shape == "prose" for _, shape in shaped)
    if _SUMMARY.search(words) or not is_prose or not words.strip() or domain == "summarization":
        return "summary"
    return "answer"


def _asked_shape(words: str) -> Shape:
    """Return what the question calls a material whose shape says nothing."""
    return next((shape for shape, named in _ABOUT if named.search(words)), "prose")


def labels_in(words: str) -> tuple[tuple[str, ...], int, int]:
    """Return the labels that a question lists ("classify this as: disk, network or power") and where the list begins and ends.

    Fewer than two are none.
    """
    words = _BULLET.sub(lambda bullet: " ,".ljust(len(bullet[0])), words)  # the places stay the same
    for start in _LABELS.finditer(words):
        rest = words[start.end() :]
        end = _LABELS_END.search(rest)
        listed = rest[: end.start()] if end else rest
        parts = [part.strip(" \t\"'`()[]*,") for part in _BETWEEN.split(listed)]
        labels = tuple(dict.fromkeys(part for part in parts if part))
        if len(labels) > 1 and all(len(label.split()) <= 4 and len(label) <= 60 for label in labels):
            return labels, start.start(), start.end() + len(listed)
    return (), 0, 0


def _beside_labels(query: str, begin: int, end: int) -> Material:
    """Return what a short question wants classified: the longer of what stands before its labels and what stands after them."""
    verb = _CLASSIFY.match(query)
    first = verb.end() if verb else 0
    before, after = query[first:begin], query[end:].lstrip(" \t:.?")
    if len(before.strip()) > len(after.strip()):
        return Material(PASTED, before, 1 + query.count("\n", 0, first))
    return Material(PASTED, after, 1 + query.count("\n", 0, len(query) - len(after)))


def _parted(query: str) -> tuple[str, list[Material]]:
    """Return the question without its material, and the material: the attached files, else what was pasted."""
    question, files = attachments(query)
    if files:
        return question, [Material(path, text) for path, text in files]
    lines = query.split("\n")
    if len(lines) <= _MOST_LINES and len(query) <= _MOST_CHARACTERS:
        return query, []
    instruction, first, last = _pasted(lines)
    text = "\n".join(lines[first:last])
    material = Material(PASTED, text, first + 1)
    if not _has_task(instruction) and shape_of(material) in (None, "prose"):
        return query, []  # a long question, in prose
    return instruction, [material]


def _pasted(lines: list[str]) -> tuple[str, int, int]:
    """Return what is asked, and the first line of the material and the one after its last: the task comes before it, or after it."""
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    opening = lines[first]
    if len(opening) > _MOST_CHARACTERS:  # task and material on one line: the places are the same
        head = _IMPERATIVE_END.split(opening[:200], maxsplit=1)[0]
        return head if _has_task(head) else opening[:200], first, len(lines)
    if _has_task(opening) or opening.rstrip().endswith((":", "?")):
        after = first + 1
        while after < len(lines) and _CLASSIFICATION.search(opening) and _BULLET.match("\n" + lines[after]):
            after += 1
        return "\n".join(lines[first:after]), after, len(lines)
    last = next((index for index in range(len(lines) - 1, -1, -1) if lines[index].strip()), 0)
    if last > first and len(lines[last]) <= _MOST_CHARACTERS and (_has_task(lines[last]) or lines[last].rstrip().endswith("?")):
        return lines[last], first, last
    return "", first, len(lines)


def _has_task(line: str) -> bool:
    words = line[:_LONGEST_INSTRUCTION]
    return any(task.search(words) for task in (_SUMMARY, _KEYPHRASES, _CLASSIFICATION))
