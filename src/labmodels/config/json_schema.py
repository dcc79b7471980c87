"""The schema of each kind of document as JSON Schema (draft 2020-12), for editors and for other validators.

Made from the Pydantic models, so there is one source. What JSON Schema cannot say stays with `validate-config`: conditions
between keys, whole numbers written as 1.0, and everything that is checked across files or after layers are merged.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from labmodels.config.schema import KINDS
from labmodels.config.schema.base import IDENTITY
from labmodels.errors import Usage

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/"


def export(kind: str) -> Schema:
    """Return the JSON Schema of one of `KINDS`; raise `Usage` for any other name."""
    if kind not in KINDS:
        raise Usage(f"unknown kind {kind}", hint=f"one of {', '.join(KINDS)}")
    raw = KINDS[kind].model.model_json_schema(mode="validation", schema_generator=_AsWritten)
    definitions: Schema = {name: _tidy(definition) for name, definition in raw.pop("$defs", {}).items()}
    document = _tidy(raw)
    document["properties"]["kind"] = {"description": "What this file declares.", "const": kind}
    if kind != "lab":  # labmodels.yaml is known by its name
        document["required"] = ["kind", *document.get("required", [])]
    _spell_out_overlays(document, definitions)
    header = {"$schema": _DIALECT, "$id": f"urn:labmodels:schema:{kind}", "title": f"labmodels {kind.replace('_', ' ')}"}
    return {**header, **document, "$defs": dict(sorted(definitions.items()))}


def export_all() -> dict[str, str]:
    """Return the text of every exported schema by its file name, KIND.schema.json."""
    import json

    return {f"{kind}.schema.json": json.dumps(export(kind), indent=2, ensure_ascii=False) + "\n" for kind in KINDS}


class _AsWritten(GenerateJsonSchema):
    """Shows defaults as an operator would write them: "5 s", not 5.0."""

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        default = super().get_default_value(schema)
        inner: Any = schema["schema"]
        while inner is not None and not isinstance(default, str | None):
            if serialize := inner.get("serialization", {}).get("function"):
                return serialize(default)
            inner = inner.get("schema")
        return default


def _tidy(node: Any) -> Any:
    """Return a schema without what Pydantic adds for code (titles, defaults of blocks), its maps closed to other names."""
    if not isinstance(node, dict):
        return [_tidy(item) for item in node] if isinstance(node, list) else node
    tidy: Schema = {}
    for keyword, value in node.items():
        if keyword in ("title", "propertyNames") or (keyword == "default" and isinstance(value, dict)):
            continue
        if keyword in ("properties", "patternProperties"):
            tidy[keyword] = {name: _tidy(schema) for name, schema in value.items()}
        else:
            tidy[keyword] = value if keyword in ("default", "examples", "enum", "const") else _tidy(value)
    names = node.get("propertyNames", {}).get("enum")
    if names:  # spelt out, so that editors can offer them
        tidy["properties"] = {name: tidy["additionalProperties"] for name in names}
    if names or "patternProperties" in node:
        tidy["additionalProperties"] = False
    return tidy


def _spell_out_overlays(document: Schema, definitions: Schema) -> None:
    """Give every field marked `x-overlay-of` the partial schema of what it is laid over."""
    partials = _Partials(definitions)
    marks = {name: field.pop("x-overlay-of", None) for name, field in document["properties"].items()}
    for name, mark in marks.items():
        field = document["properties"][name]
        if mark == "overlay":
            field.update(partials.of(field))
        elif mark == "document":
            overlaid = {key: schema for key, schema in document["properties"].items() if key not in IDENTITY}
            partial = partials.of({**document, "description": "What differs in one environment.", "properties": overlaid})
            definitions["EnvironmentOverlay"] = partial
            field["properties"] = {key: {"$ref": f"{_REF}EnvironmentOverlay"} for key in field["properties"]}


class _Partials:
    """Makes schemas of which any part may be left out, because a lower layer has it."""

    def __init__(self, definitions: Schema) -> None:
        self._definitions = definitions

    def of(self, node: Schema) -> Schema:
        """Return the partial schema of `node`: no key required, at any depth; lists stay whole, as overlays replace them."""
        partial = {keyword: value for keyword, value in node.items() if keyword not in ("required", "default")}
        if "$ref" in node:
            partial["$ref"] = self._definition(node["$ref"].removeprefix(_REF))
        for keyword in ("properties", "patternProperties"):
            if keyword in node:
                partial[keyword] = {name: self.of(schema) for name, schema in node[keyword].items()}
        if isinstance(node.get("additionalProperties"), dict):
            partial["additionalProperties"] = self.of(node["additionalProperties"])
        if "anyOf" in node:
            partial["anyOf"] = [self.of(schema) for schema in node["anyOf"]]
        return partial

    def _definition(self, name: str) -> str:
        if not self._requires_a_key(self._definitions[name], set()):
            return f"{_REF}{name}"
        partial_name = f"{name}Overlay"
        if partial_name not in self._definitions:
            self._definitions[partial_name] = {}  # known before it is made: a block may contain itself
            self._definitions[partial_name] = self.of(self._definitions[name])
        return f"{_REF}{partial_name}"

    def _requires_a_key(self, node: Schema, met: set[str]) -> bool:
        """Whether some block at or below `node` has a required key; lists are not entered, as `of` does not."""
        name = node.get("$ref", "").removeprefix(_REF)
        if name:
            return name not in met and self._requires_a_key(self._definitions[name], met | {name})
        below = [*node.get("properties", {}).values(), *node.get("patternProperties", {}).values(), *node.get("anyOf", ())]
        extra = node.get("additionalProperties")
        return "required" in node or any(
            self._requires_a_key(schema, met) for schema in [*below, *([extra] if isinstance(extra, dict) else [])]
        )
