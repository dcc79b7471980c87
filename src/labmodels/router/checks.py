"""Whether an answer meets the `output_checks` of its config and the schema that the request asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labmodels.errors import MissingExtra, Usage

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import OutputCheck


def failed_check(text: str, checks: Sequence[OutputCheck], json_schema: Mapping[str, Any] | None) -> str | None:
    """Return the first condition that `text` does not meet, by name; None when it meets all. Never quotes the answer."""
    if json_schema is not None and (why := _against(text, json_schema, "the schema of the request")):
        return why
    for check in checks:
        if why := _unmet(text, check):
            return f"{check.name}: {why}"
    return None


def require_schema(schema: Mapping[str, Any]) -> None:
    """Raise Usage for a schema of a request that no answer could be held against."""
    _against("null", schema, "the schema of the request")


def _unmet(text: str, check: OutputCheck) -> str | None:
    if check.min_chars is not None and len(text) < check.min_chars:
        return f"{len(text)} characters, fewer than {check.min_chars}"
    if check.max_chars is not None and len(text) > check.max_chars:
        return f"{len(text)} characters, more than {check.max_chars}"
    if check.pattern is not None and not re.search(check.pattern, text):
        return "the pattern does not occur"
    return None if check.json_schema is None else _against(text, check.json_schema, "its schema")


def _against(text: str, schema: Mapping[str, Any], named: str) -> str | None:
    try:
        from jsonschema import exceptions, validators  # type: ignore[import-untyped]
        from referencing import Registry
        from referencing.exceptions import Unresolvable
    except ImportError:
        raise MissingExtra("jsonschema", "providers") from None
    try:
        value = json.loads(text)
    except ValueError:
        return "the answer is no JSON"
    kind = validators.validator_for(schema, default=validators.validator_for({}))
    try:
        kind.check_schema(schema)
        # an empty registry: a $ref to elsewhere is an error, not a download
        fault = exceptions.best_match(kind(schema, registry=Registry()).iter_errors(value))
    except (exceptions.SchemaError, Unresolvable) as error:
        raise Usage(
            f"{named} is no JSON Schema that can be used here: {str(error).splitlines()[0]}",
            hint="check it with labmodels validate-config, or the file given to --schema",
        ) from None
    return None if fault is None else f"{named} is not met at {fault.json_path} ({fault.validator})"
