"""What a request becomes in Anthropic's Messages API: turns that alternate, blocks, tools. Pure. The API has no seed: it is left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from labmodels.providers.protocol import Image, Message, ProviderFault, Request, Text, ToolCall

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import LanguageModel

_OUTPUT_TOKENS = 4096  # the API wants a number where the config leaves it open
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}


def body_of(request: Request, model: LanguageModel) -> dict[str, Any]:
    """Return the JSON object to send; raise invalid_request for what the API has no form for."""
    asked = request.parameters or model.parameters
    body: dict[str, Any] = {
        "model": model.model,
        "max_tokens": asked.max_output_tokens or model.max_output_tokens or min(_OUTPUT_TOKENS, model.context_tokens),
        "messages": _turns(request.messages),
        "system": "\n\n".join(message.text for message in request.messages if message.role == "system") or None,
        "stop_sequences": asked.stop or None,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
    }
    body = {name: value for name, value in body.items() if value is not None} | asked.extra
    if request.json_schema is not None:
        output = {"type": "json_schema", "schema": dict(request.json_schema)}
        body["output_config"] = {**body.get("output_config", {}), "format": output}  # the config's own effort, say, stays
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)} for tool in request.tools
        ]
        body["tool_choice"] = _tool_choice(request.tool_choice)
        if not request.has_parallel_calls and request.tool_choice != "none":
            body["tool_choice"]["disable_parallel_tool_use"] = True
    return body


def _tool_choice(choice: str) -> dict[str, Any]:
    kind, _, name = choice.partition(":")
    if kind == "tool":
        return {"type": "tool", "name": name}
    if choice not in _CHOICES:
        raise _unsayable(f"tool_choice {choice!r} is none of auto, none, required, tool:NAME")
    return {"type": _CHOICES[choice]}


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Return the turns: what tools answered is the user's, and turns of one role that follow each other are one."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        blocks = [] if message.role == "system" else _blocks(message)
        role = "assistant" if message.role == "assistant" else "user"
        if blocks and turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return [turn | {"content": _plain(turn["content"])} for turn in turns]


def _plain(blocks: list[dict[str, Any]]) -> list[dict[str, Any]] | str:
    """Return a lone text as the API's short form."""
    text: str | None = blocks[0].get("text")
    return blocks if text is None or len(blocks) > 1 else text


def _blocks(message: Message) -> list[dict[str, Any]]:
    parts = (Text(message.content),) if isinstance(message.content, str) else message.content
    said = [_image(part) if isinstance(part, Image) else {"type": "text", "text": part.text} for part in parts if part != Text("")]
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": said}]
    return said + [_tool_use(call) for call in message.tool_calls]


def _tool_use(call: ToolCall) -> dict[str, Any]:
    try:
        arguments = json.loads(call.arguments) if call.arguments.strip() else {}
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise _unsayable(f"the arguments of the earlier call {call.id} of {call.name} are no JSON object")
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def _image(image: Image) -> dict[str, Any]:
    if image.url.startswith("https://"):
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    head, comma, data = image.url.partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64") and comma):
        raise _unsayable("an image is given by an https address or by a base64 data: URL")
    media_type = head.removeprefix("data:").partition(";")[0]
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def _unsayable(problem: str) -> ProviderFault:
    return ProviderFault("invalid_request", f"anthropic: {problem}")
