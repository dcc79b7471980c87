"""The tool calls of an answer as they are put together, from whole calls or from pieces that may interleave."""

from __future__ import annotations

import uuid
from collections.abc import Hashable

from labmodels.providers.protocol import ToolCall, ToolCallDelta


class ToolCalls:
    """The calls so far, in the order in which they began. `key` is how the provider tells one call's pieces from another's."""

    def __init__(self) -> None:
        self._begun: list[_Call] = []
        self._by_key: dict[Hashable, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._begun)

    def has(self, key: Hashable) -> bool:
        """Whether a call began under `key`."""
        return key in self._by_key

    def id_of(self, key: Hashable) -> str:
        """Return the id of the call under `key`; an empty text when there is none, or when it was made up."""
        call = self._by_key.get(key)
        return call.given_id if call else ""

    def begin(self, key: Hashable, given_id: str, name: str) -> ToolCallDelta:
        """Begin a call, also where one had the same key; one without an id gets one, because its answer must name it."""
        call = _Call(len(self._begun), given_id, name)
        self._begun.append(call)
        self._by_key[key] = call
        return ToolCallDelta(call.index, call.id, name)

    def add(self, key: Hashable, arguments: str) -> ToolCallDelta:
        """Add a piece of the arguments of the call under `key`."""
        call = self._by_key[key]
        call.pieces.append(arguments)
        return ToolCallDelta(call.index, arguments=arguments)

    def is_bare(self, key: Hashable) -> bool:
        """Whether the call under `key` has no arguments so far."""
        return not any(self._by_key[key].pieces)

    def whole(self) -> tuple[ToolCall, ...]:
        """Return the calls as far as they came."""
        return tuple(ToolCall(call.id, call.name, "".join(call.pieces)) for call in self._begun)


class _Call:
    """A call that is being written."""

    def __init__(self, index: int, given_id: str, name: str) -> None:
        self.index = index
        self.given_id = given_id
        self.id = given_id or f"call_{uuid.uuid4().hex}"
        self.name = name
        self.pieces: list[str] = []
