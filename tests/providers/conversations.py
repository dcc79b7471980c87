"""Tool calls for tests: a conversation with them, and a stream's pieces put together."""

from __future__ import annotations

from collections.abc import Iterable

from labmodels.providers.protocol import Image, Message, Request, Text, Tool, ToolCall, ToolCallDelta

PIXEL = "data:image/png;base64,iVBORw0KGgo="
LOOKUP = Tool("lookup", "Finds x.", {"type": "object", "properties": {"x": {"type": "integer"}}})
OTHER = Tool("other", "", {"type": "object"})
CONVERSATION = Request(
    (
        Message("system", "Be brief."),
        Message("user", (Text("What is on it?"), Image(PIXEL), Image("https://pictures.invalid/cat.png"))),
        Message("assistant", "I look.", tool_calls=(ToolCall("a", "lookup", '{"x": 1}'), ToolCall("b", "other", ""))),
        Message("tool", "one", tool_call_id="a"),
        Message("tool", "two", tool_call_id="b"),
        Message("system", "Answer in one word."),
        Message("user", "And now?"),
    ),
    tools=(LOOKUP, OTHER),
)


def assembled(deltas: Iterable[ToolCallDelta]) -> tuple[ToolCall, ...]:
    """Return the calls that pieces make, as a consumer puts them together: the id and the name come first and once."""
    calls: list[ToolCall] = []
    for delta in deltas:
        if delta.index == len(calls):
            calls.append(ToolCall(delta.id, delta.name, delta.arguments))
        else:
            assert not delta.id and not delta.name, "told once"
            begun = calls[delta.index]
            calls[delta.index] = ToolCall(begun.id, begun.name, begun.arguments + delta.arguments)
    return tuple(calls)
