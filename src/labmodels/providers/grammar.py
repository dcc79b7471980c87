"""From a JSON Schema to a grammar of llama.cpp under which every complete text is valid JSON for that schema. Pure.

The library's own converter drops what it does not know (bounds, patterns at will) and breaks on constants that JSON escapes; this
one expresses less and refuses the rest by name. Objects are written with their declared properties, in order, and no others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_ANNOTATIONS = {
    "$anchor", "$comment", "$defs", "$id", "$schema", "contentEncoding", "contentMediaType", "default", "definitions", "deprecated",
    "description", "discriminator", "example", "examples", "format", "readOnly", "title", "writeOnly",
}  # fmt: skip
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_MOST_ALTERNATIVES = 1000  # of a bounded integer, each spelled out
_MOST_REPETITIONS = 2000  # llama.cpp's own bound
_FIXED = {
    "ws": '" "?',
    "null": '"null"',
    "boolean": '"true" | "false"',
    "natural": '"0" | [1-9] [0-9]{0,15}',
    "integer": '"-"? natural',
    "number": '"-"? natural ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?',
    # What may stand, not what may not: llama.cpp would let bytes through that are no UTF-8. \u is for controls alone, because half
    # a surrogate pair is JSON that no text can hold.
    "char": r"[\x20-\x21\x23-\x5B\x5D-\x7E\u0080-\uD7FF\uE000-\uFFFF\U00010000-\U0010FFFF] "
    r'| "\\" (["\\/bfnrt] | "u00" [01] [0-9a-fA-F])',
    "string": r'"\"" char* "\""',
    "member": 'string ":" ws value',
    "object": '"{" (member ("," ws member)*)? "}"',
    "array": '"[" (value ("," ws value)*)? "]"',
    "value": "null | boolean | number | string | array | object",
}


class Inexpressible(ValueError):
    """The schema asks for what a grammar cannot hold an answer to."""


def grammar_of(schema: Mapping[str, Any]) -> str:
    """Return the grammar (GBNF, from `root`) of a JSON Schema. Raises Inexpressible."""
    return _Converter(schema).grammar()


class _Converter:
    """The rules so far. What names a rule is made here, so that no name of the schema can meet another."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._rules: dict[str, str] = dict(_FIXED)
        self._by_reference: dict[str, str] = {}
        self._nothing_yet: frozenset[str] = frozenset()  # the references on the way here before which nothing was written
        self._made = 0

    def grammar(self) -> str:
        try:
            self._rules["root"] = self._rule(self._schema)
        except (TypeError, ValueError, AttributeError, RecursionError) as error:  # a schema that is none: "properties": 7
            if isinstance(error, Inexpressible):
                raise
            raise Inexpressible(f"it is no JSON Schema ({type(error).__name__})") from None
        return "".join(f"{name} ::= {rule}\n" for name, rule in self._rules.items())

    def _add(self, rule: str) -> str:
        self._made += 1
        name = f"made-{self._made}"
        self._rules[name] = rule
        return name

    def _rule(self, schema: object) -> str:
        """Return the name of the rule of a schema."""
        if schema is True:
            return "value"
        if not isinstance(schema, Mapping):
            raise Inexpressible("a schema that nothing satisfies")
        asked = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
        if not asked:
            return "value"
        for key, convert in (("$ref", self._reference), ("enum", self._enum), ("const", self._const)):
            if key in asked:
                return convert(asked)
        for key in ("anyOf", "oneOf", "allOf"):  # oneOf: alternatives that overlap are the schema's own mistake
            if key in asked:
                return self._union(key, asked)
        return self._typed(asked)

    def _typed(self, asked: dict[str, Any]) -> str:
        kinds = asked.pop("type", None)
        if kinds is None:
            kinds = "object" if "properties" in asked else "array" if "items" in asked else None
        if isinstance(kinds, list) and kinds:
            return self._add(" | ".join(self._rule(_of_kind(asked, kind)) for kind in kinds))
        if kinds not in _TYPES:
            raise Inexpressible(f"{', '.join(sorted(asked))} without a type" if kinds is None else f"type {kinds!r}")
        convert = {"integer": self._integer, "string": self._string, "array": self._array, "object": self._object}.get(str(kinds))
        if convert is None:
            _refuse_rest(asked)
            return str(kinds)
        before, self._nothing_yet = self._nothing_yet, frozenset()  # a bracket or a brace comes first
        rule = convert(asked)
        self._nothing_yet = before
        return rule

    def _reference(self, asked: dict[str, Any]) -> str:
        reference = asked.pop("$ref")
        _refuse_rest(asked)
        if reference in self._nothing_yet:
            raise Inexpressible(f"$ref {reference}, which leads straight to itself")
        if reference not in self._by_reference:
            self._by_reference[reference] = name = self._add("")  # named first: it may lead back to itself
            before, self._nothing_yet = self._nothing_yet, self._nothing_yet | {reference}
            self._rules[name] = self._rule(self._target(reference))
            self._nothing_yet = before
        return self._by_reference[reference]

    def _target(self, reference: str) -> object:
        if not reference.startswith("#"):
            raise Inexpressible(f"$ref {reference}, which is not in the schema itself")
        found: Any = self._schema
        for part in reference.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901  as JSON Pointer escapes them
            if not isinstance(found, Mapping) or part not in found:
                raise Inexpressible(f"$ref {reference}, which leads nowhere")
            found = found[part]
        return found

    def _enum(self, asked: dict[str, Any]) -> str:
        values = asked.pop("enum")
        asked.pop("type", None)
        _refuse_rest(asked)
        if not values:
            raise Inexpressible("an empty enum")
        return self._add(" | ".join(_constant(value) for value in values))

    def _const(self, asked: dict[str, Any]) -> str:
        value = asked.pop("const")
        asked.pop("type", None)
        _refuse_rest(asked)
        return self._add(_constant(value))

    def _union(self, key: str, asked: dict[str, Any]) -> str:
        schemas = asked.pop(key)
        _refuse_rest(asked)
        if not schemas or (key == "allOf" and len(schemas) > 1):
            raise Inexpressible(f"{key} of {len(schemas)} schemas")
        return self._add(" | ".join(self._rule(schema) for schema in schemas))

    def _integer(self, asked: dict[str, Any]) -> str:
        least, most = asked.pop("minimum", None), asked.pop("maximum", None)
        _refuse_rest(asked)
        if least is None and most is None:
            return "integer"
        if least == 0 and most is None:
            return "natural"
        if not isinstance(least, int) or not isinstance(most, int) or not 0 <= most - least < _MOST_ALTERNATIVES:
            raise Inexpressible(f"integers from {least} to {most}")
        return self._add(" | ".join(f'"{number}"' for number in range(least, most + 1)))

    def _string(self, asked: dict[str, Any]) -> str:
        least, most = asked.pop("minLength", 0), asked.pop("maxLength", None)
        _refuse_rest(asked)
        return self._add(rf'"\"" char{_times(least, most)} "\""') if least or most is not None else "string"

    def _array(self, asked: dict[str, Any]) -> str:
        least, most = asked.pop("minItems", 0), asked.pop("maxItems", None)
        item = self._rule(asked.pop("items", True))
        _refuse_rest(asked)
        _times(least, most)
        if most == 0:
            return self._add('"[]"')
        more = _times(max(least - 1, 0), None if most is None else most - 1)
        several = f'{item} ("," ws {item}){more}'
        return self._add(f'"[" {several} "]"' if least else f'"[" ({several})? "]"')

    def _object(self, asked: dict[str, Any]) -> str:
        properties, required = asked.pop("properties", {}), asked.pop("required", [])
        others = asked.pop("additionalProperties", True)
        _refuse_rest(asked)
        if unknown := [name for name in required if name not in properties]:
            raise Inexpressible(f"required {unknown[0]}, which is not among the properties")
        if not properties and others is not False:
            if others is True:
                return "object"
            member = self._add(f'string ":" ws {self._rule(others)}')
            return self._add(f'"{{" ({member} ("," ws {member})*)? "}}"')
        members = [(self._add(f'{_constant(name)} ":" ws {self._rule(schema)}'), name in required) for name, schema in properties.items()]
        return self._add(f'"{{" {self._members(members)} "}}"')

    def _members(self, members: Sequence[tuple[str, bool]]) -> str:
        """Return the rule of the members in order; whether a comma stands before one depends on what was written."""
        first = further = self._add('""')
        for member, is_required in reversed(members):
            begun, left_out = f"{member} {further}", first
            following = f'"," ws {member}'
            further = self._add(f"{following if is_required else f'({following})?'} {further}")
            first = self._add(begun if is_required else f"{begun} | {left_out}")
        return first


def _of_kind(asked: Mapping[str, Any], kind: object) -> dict[str, Any]:
    """Return the part of a schema of several types that speaks of one; what speaks of no type stays, to be refused."""
    about = {"string": {"minLength", "maxLength"}, "integer": {"minimum", "maximum"}, "number": {"minimum", "maximum"}}
    about |= {"array": {"items", "minItems", "maxItems"}, "object": {"properties", "required", "additionalProperties"}}
    elsewhere = set().union(*about.values()) - about.get(str(kind), set())
    return {"type": kind} | {key: value for key, value in asked.items() if key not in elsewhere}


def _refuse_rest(asked: Mapping[str, Any]) -> None:
    if asked:
        raise Inexpressible(", ".join(sorted(map(str, asked))))


def _times(least: int, most: int | None) -> str:
    if not 0 <= least <= (least if most is None else most) <= _MOST_REPETITIONS:
        raise Inexpressible(f"from {least} to {most} of something")
    return f"{{{least},{'' if most is None else most}}}"


def _constant(value: object) -> str:
    """Return a JSON value as a literal of the grammar."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Inexpressible("a text with half a surrogate pair") from None
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
