"""Reads the JSON of a request key by key; every complaint is a 400 that names the parameter."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from labmodels.gateway.faults import Fault, invalid

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import Parameters

_TYPES: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


class Fields:
    """One JSON object of a request and where it stands in it. A null is as good as absent, as the SDKs have it."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise invalid(f"{path or 'the request'} must be an object", path or None)
        self._values: Mapping[str, Any] = value
        self.path = path

    def at(self, key: str | int) -> str:
        """Return how a client finds `key`: messages[0].content."""
        return f"{self.path}.{key}" if self.path else str(key)

    def raw(self, key: str) -> Any:
        """Return what stands at `key`, whatever it is."""
        return self._values.get(key)

    def get(self, key: str, kind: type) -> Any:
        """Return the value at `key`, which must be of `kind`; None when it is absent."""
        value = self._values.get(key)
        if value is None:
            return None
        is_number = kind is float and isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise invalid(f"{self.at(key)} must be {_TYPES[kind]}", self.at(key))
        return value

    def need(self, key: str, kind: type) -> Any:
        """Return the value at `key`, which must be there."""
        value = self.get(key, kind)
        if value is None:
            raise invalid(f"{self.at(key)} is missing", self.at(key))
        return value

    def inner(self, key: str) -> Fields | None:
        """Return the object at `key`."""
        value = self.get(key, dict)
        return None if value is None else Fields(value, self.at(key))

    def each(self, key: str) -> Iterator[Fields]:
        """Yield the objects of the list at `key`; none when it is absent."""
        for position, value in enumerate(self.get(key, list) or ()):
            yield Fields(value, f"{self.at(key)}[{position}]")

    def refuse(self, known: Collection[str], ignored: Collection[str], why: Mapping[str, str]) -> None:
        """Raise for a parameter that is neither honoured nor one that may be ignored; `why` says of some what to do instead."""
        for key, value in self._values.items():
            if key in known or key in ignored or value is None:
                continue
            told = why.get(key, "this gateway does not know it")
            raise Fault(400, "unsupported_parameter", f"{self.at(key)} is not supported: {told}", param=self.at(key))

    def only(self, key: str, *accepted: object) -> None:
        """Raise unless `key` is absent or says one of `accepted`, which changes nothing."""
        value = self._values.get(key)
        if value is not None and value not in accepted:
            raise Fault(400, "unsupported_parameter", f"{self.at(key)} {json.dumps(value)[:40]} is not supported", param=self.at(key))


def parameters_of(given: Mapping[str, tuple[str, Any]]) -> Parameters | None:
    """Return sampling parameters, each given as (the client's own name, value); None when none is. What was not given stays unset."""
    from pydantic import ValidationError

    from labmodels.config.schema.language_model import Parameters

    values = {name: value for name, (_, value) in given.items() if value is not None}
    if not values:
        return None
    try:
        return Parameters.model_validate(values)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        name = given[str(detail["loc"][0])][0]
        raise invalid(f"{name}: {detail['msg']}", name) from None


def decoded(body: bytes) -> Fields:
    """Return the JSON object of a request's body."""
    try:
        return Fields(json.loads(body))
    except (ValueError, RecursionError):
        raise invalid("the body is no JSON that can be read") from None
