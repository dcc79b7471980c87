"""Turns what Pydantic says of merged values into findings at the place that caused them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labmodels.config.diagnostics import Diagnostic, Edit, Note, Severity, Span
from labmodels.config.layers import Layer, MergeConflict, Origin, origins
from labmodels.config.reader import KeyPath
from labmodels.config.schema.base import Declared
from labmodels.config.schema.shape import allowed_keys, merge_keys
from labmodels.secrets import looks_like_secret

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails, ValidationError

_EXPECTED = {
    "string_type": "text", "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "decimal_type": "a number", "bool_type": "true or false", "dict_type": "a map", "model_type": "a map",
    "model_attributes_type": "a map", "list_type": "a list",
}  # fmt: skip
_CODES = {
    "extra_forbidden": "LM202", "identity": "LM202", "missing": "LM203", "unit": "LM206", "literal_error": "LM207", "enum": "LM207",
    "string_pattern_mismatch": "LM208", "base_url": "LM208", "contradiction": "LM209", "secret_reference": "LM403",
}  # fmt: skip
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")  # which no YAML reader takes for anything else
_USER_INFO = re.compile(r"(?<=://)[^/\s]+(?=@)")
_RANGES = ("greater_than", "less_than", "too_long", "too_short", "finite_number", "string_too")


class Context:
    """What a finding needs to know about the values that were refused: their layers and their model."""

    def __init__(self, model: type[Declared], layers: Sequence[Layer], merged: Mapping[str, Any]) -> None:
        self.model = model
        self.layers = layers
        self.merged = merged

    def origins(self, path: KeyPath) -> list[Origin]:
        """What each layer says of `path`, the winner first."""
        return origins(self.layers, self.merged, path, merge_keys(self.model))


def diagnose(error: ValidationError, context: Context) -> list[Diagnostic]:
    """Return one finding for each thing that `error` holds against the merged values."""
    return [_finding(detail, context) for detail in error.errors(include_url=False)]


def conflict(error: MergeConflict, layers: Sequence[Layer]) -> Diagnostic:
    """Return the finding for layers whose shapes contradict each other."""
    spans = [span for layer in layers if _has(layer, error.path) and (span := layer.span_of(error.path))]
    span = spans[-1] if spans else _top(layers)
    notes = (Note("the layer below is here", spans[-2]),) if len(spans) > 1 else ()
    hint = "give both the same shape, or !delete the lower one first"
    if error.code == "LM211":
        is_overlay = error.path[0] == "overlay"  # it is laid over models that have the key and models that do not
        hint = "write null: an overlay cannot know what lies below it" if is_overlay else "remove the !delete, or check the spelling"
    return Diagnostic(error.code, Severity.ERROR, str(error), span, hint, notes)


def _finding(detail: ErrorDetails, context: Context) -> Diagnostic:
    kind, path = detail["type"], _clean(detail["loc"])
    code = _CODES.get(kind) or ("LM205" if kind.startswith(_RANGES) or "too_" in kind else "LM204")
    describe = _DESCRIBE.get(kind, _wrong_type if code == "LM204" else _out_of_range)
    message, hint, edits_for = describe(detail, path, context)
    at_key = kind in ("extra_forbidden", "identity") or "[key]" in detail["loc"]
    if kind == "identity":
        path = (*path, detail["ctx"]["key"])
    if kind == "contradiction":
        path = _first_given(path, detail, context)
    if kind == "missing":
        path = path[:-1]
        at_key = True
    found = context.origins(path)
    span = _place(found, context, path, at_key)
    edits = _edits(edits_for, found, span) if edits_for else ()
    return Diagnostic(code, Severity.ERROR, message, span, hint, _notes(found, is_private="credentials" in path), edits)


def _edits(edit_for: Callable[[Span, str], Edit], found: Sequence[Origin], span: Span) -> tuple[Edit, ...]:
    """Return the edit, unless the value is from no file, or a renamed key would then stand there twice."""
    if not found or not (source := found[0].layer.source):
        return ()
    edit = edit_for(span, source.text_at(span))
    siblings = _at(found[0].layer.data, found[0].path[:-1])
    is_key = bool(found[0].path) and source.place((*found[0].layer.prefix, *found[0].path)).key == span
    return () if is_key and isinstance(siblings, dict) and edit.replacement in siblings else (edit,)


def _clean(loc: Sequence[str | int]) -> KeyPath:
    return tuple(step for step in loc if step != "[key]")


# How a finding's safe edit is made from its place and the text that stands there.
_EditFor = Callable[[Span, str], Edit] | None
_Description = tuple[str, str, _EditFor]


def _unknown_key(detail: ErrorDetails, path: KeyPath, context: Context) -> _Description:
    known = allowed_keys(context.model, path[:-1])
    close = _closest(str(path[-1]), known)
    message = f"unknown key {dotted(path)}"
    if close:
        meant = close[0]
        return message, f"did you mean {meant}?", lambda span, text: Edit(span, meant)
    return message, f"allowed here: {', '.join(known)}" if known else "", None


def _missing(detail: ErrorDetails, path: KeyPath, context: Context) -> _Description:
    where = f" in {dotted(path[:-1])}" if len(path) > 1 else ""
    return f"missing key {path[-1]}{where}", f"add {path[-1]}: labmodels schema shows what it takes", None


def _unit(detail: ErrorDetails, path: KeyPath, context: Context) -> _Description:
    ctx = detail.get("ctx", {})
    return f"{dotted(path)} is {shown(detail['input'])}: expected {ctx.get('kind')}", f"write it as {ctx.get('wanted')}", None


def _choice(detail: ErrorDetails, path: KeyPath, context: Context) -> _Description:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    choices = [choice.strip().strip("'") for choice in expected.replace(" or ", ", ").split(",")]
    value = str(path[-1]) if "[key]" in detail["loc"] else detail["input"]
    close = _closest(str(value), choices)
    subject = dotted(path[:-1]) if "[key]" in detail["loc"] else dotted(path)
    message = f"{subject} has the key {value}" if "[key]" in detail["loc"] else f"{subject} is {shown(value)}"
    if close and "[key]" not in detail["loc"]:
        return message, f"did you mean {close[0]}? one of {', '.join(choices)}", lambda span, text: Edit(span, close[0])
    return message, f"did you mean {close[0]}? one of {', '.join(choices)}" if close else f"one of {', '.join(choices)}", None


def _format(detail: ErrorDetails, path: KeyPath, context: Context) -> _Description:
    pattern = detail.get("ctx", {}).get("pattern")
    hint = f"it must match {pattern}" if pattern else "an http(s) URL without credentials, or env:NAME"
    value = path[-1] if "[key]" in detail["loc"] else detail["input"]
    value = _USER_INFO.sub("***", value) if isinstance(value, str) else value
    return f"{dotted(path)} is {shown(value)}, which has the wrong format", hint, None


def _contradiction(detail: ErrorDetails, path: KeyPath, context: Context) -> _Description:
    return detail["msg"], "change one of the two" if len(detail.get("ctx", {}).get("keys", ())) > 1 else "", None


def _identity(detail: ErrorDetails, path: KeyPath, context: Context) -> _Description:
    return detail["msg"], "remove it here: what differs between environments is everything else", None


def _reference(detail: ErrorDetails, path: KeyPath, context: Context) -> _Description:
    return (
        f"{dotted(path)} is not a reference to a secret",
        "write env:NAME, file:PATH or keyring:SERVICE/USER; the secret itself never goes into a file of the lab",
        None,
    )


def _wrong_type(detail: ErrorDetails, path: KeyPath, context: Context) -> _Description:
    expected = _EXPECTED.get(detail["type"], "another type")
    value = detail["input"]
    hint = f"expected {expected}"
    if expected == "text" and isinstance(value, bool | int | float):
        return f"{dotted(path)} is {shown(value)}: expected text", "quote it", lambda span, text: Edit(span, f'"{text}"')
    if expected in ("a number", "a whole number") and isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value):
        return f"{dotted(path)} is {shown(value)}, which is text", "remove the quotes", lambda span, text: Edit(span, value)
    return f"{dotted(path)} is {shown(value)}: expected {expected}", hint if value is None else "", None


def _out_of_range(detail: ErrorDetails, path: KeyPath, context: Context) -> _Description:
    wanted = detail["msg"].removeprefix("Input ").replace("should", "it must", 1)
    value = detail["input"]
    size = f"has {len(value)} items" if isinstance(value, (list, dict)) else f"is {shown(value)}"
    return f"{dotted(path)} {size}", wanted, None


_DESCRIBE: dict[str, Callable[[ErrorDetails, KeyPath, Context], _Description]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "unit": _unit,
    "literal_error": _choice,
    "string_pattern_mismatch": _format,
    "base_url": _format,
    "contradiction": _contradiction,
    "identity": _identity,
    "secret_reference": _reference,
}


def _first_given(path: KeyPath, detail: ErrorDetails, context: Context) -> KeyPath:
    """Return the path of the contradicting key that the highest layer gives: the last word is the likely culprit."""
    keys = detail.get("ctx", {}).get("keys", [])
    ranked = [
        (context.layers.index(found[0].layer), -index, key)
        for index, key in enumerate(keys)
        if (found := context.origins((*path, *key.split("."))))
    ]
    return (*path, *max(ranked)[2].split(".")) if ranked else path


def place(context: Context, path: KeyPath, *, at_key: bool = False) -> Span:
    """Return where the value at `path` comes from, or its key; the nearest ancestor where the path is not given anywhere."""
    return _place(context.origins(path), context, path, at_key)


def _place(found: Sequence[Origin], context: Context, path: KeyPath, at_key: bool) -> Span:
    for origin in found:
        is_block = at_key or isinstance(origin.value, dict)  # a block's name says more than its many lines
        span = origin.layer.key_span_of(origin.path) if is_block else origin.layer.span_of(origin.path)
        if span:
            return span
    if path:
        return _place(context.origins(path[:-1]), context, path[:-1], at_key=True)
    return _top(context.layers)


def _notes(found: Sequence[Origin], is_private: bool) -> tuple[Note, ...]:
    """Return, for a value that comes from above the file, which layer it is and what it shadows."""
    if not found or found[0].layer.name == "file":
        return ()
    notes = [Note(f"set by {found[0].layer.name}")]
    notes += [
        Note(f"shadows {'the value' if is_private else shown(origin.value)} of {origin.layer.name}", origin.layer.span_of(origin.path))
        for origin in found[1:2]
    ]
    return tuple(notes)


def shown(value: Any) -> str:
    """Return a value as a message shows it: short, and never a secret."""
    if isinstance(value, str):
        return "a text that looks like a secret" if looks_like_secret(value) else f'"{value[:57]}..."' if len(value) > 60 else f'"{value}"'
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return (
        {None: "null", True: "true", False: "false"}.get(value, str(value)[:60])
        if value is None or isinstance(value, bool)
        else str(value)[:60]
    )


def dotted(path: KeyPath) -> str:
    """Return a path as operators write it: parameters.stop[0]."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "the document"


def _closest(word: str, known: Sequence[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(word, known, n=1, cutoff=0.7)


def _has(layer: Layer, path: KeyPath) -> bool:
    return _at(layer.data, path) is not ...


def _at(data: Any, path: KeyPath) -> Any:
    """Return what stands at `path` in plain data, or ... where nothing does."""
    here = data
    for step in path:
        known = here if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        if step not in known:
            return ...
        here = here[step]
    return here


def _top(layers: Sequence[Layer]) -> Span:
    """Return the top of the first layer that is a file; values from elsewhere (--set) are named by their layer."""
    return next((Span(layer.source.path) for layer in layers if layer.source), Span(Path(layers[0].name)))
