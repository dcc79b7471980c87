"""How large and how dear a request can get, counted offline and before it is sent: bounds that hold, and a guess for people. Pure.

What a provider's own tools add on their side (searches, fetched pages) and what `parameters.extra` says against these limits is not
seen here.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from labmodels.providers.protocol import Message, Request, Usage

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import LanguageModel, Parameters
    from labmodels.router.prices import PriceList

_MILLION = Decimal(1_000_000)
_MOST_BYTES_A_TOKEN = 8  # more than any tokenizer packs on average: what is skipped by this bound would surely be refused

# What is sent besides the texts, with room to spare.
_REQUEST = 256  # the beginning, the turn of the assistant, a system text that the chat template of a local model brings
_MESSAGE = 16  # the role and its marks: OpenAI's guide counts 3 or 4
_TOOLS = 1024  # once for tools or a schema: Anthropic's table of its tool use prompt ends at 804
_TOOL = 64  # the marks around one tool, one call or one schema

# The most that one image becomes: Claude 4,784; OpenAI 10,000 patches; local models of the Qwen2-VL kind 16,384. One model is apart:
# OpenAI charges gpt-4o-mini 2,833 and 5,667 for each of at most 8 tiles.
_IMAGE = 16_384
_IMAGE_OF_GPT_4O_MINI = 2_833 + 8 * 5_667

_JSON = json.JSONEncoder(ensure_ascii=False, default=str)
_LIKELY_IMAGE = 1_500
_LIKELY_OUTPUT = 500


def most_input_tokens(request: Request, model: LanguageModel | None = None) -> int:
    """Return an upper bound on the input tokens of a request, whatever the tokenizer; None is any model.

    Byte-level tokenizers make at most one token of each UTF-8 byte, after putting the text into Unicode's NFC at most. Added are the
    marks around each part and the documented maximum for each image.
    """
    parts = sum(_TOOL for _ in request.tools) + sum(_TOOL for message in request.messages for _ in message.tool_calls)
    schema = _TOOL if request.json_schema is not None else 0
    preamble = _TOOLS if request.tools or schema else 0
    images = sum(len(message.images) for message in request.messages)
    apart = model is None or model.model.startswith("gpt-4o-mini")
    return (
        _REQUEST
        + _MESSAGE * len(request.messages)
        + sum(_most_bytes(text) for text in _texts(request, model))
        + (parts + schema + preamble)
        + images * (_IMAGE_OF_GPT_4O_MINI if apart else _IMAGE)
    )


def fewest_input_tokens(request: Request) -> int:
    """Return a lower bound on the input tokens of a request."""
    return sum(_bytes(message.text) for message in request.messages) // _MOST_BYTES_A_TOKEN


def most_output_tokens(model: LanguageModel, request: Request) -> int:
    """Return the most tokens that `model` can write, reasoning included; `request.parameters` are merged with the model's already."""
    asked = _parameters(request, model).max_output_tokens
    return min(asked or model.context_tokens, model.max_output_tokens or model.context_tokens, model.context_tokens)


def most_cost_usd(model: LanguageModel, prices: PriceList | None, request: Request) -> Decimal | None:
    """Return the largest bill of one try in US dollars; None without prices."""
    if prices is None:
        return None
    given = min(most_input_tokens(request, model), model.context_tokens)
    input_price, output_price = prices.dearest(given)
    return (given * input_price + most_output_tokens(model, request) * output_price) / _MILLION


def likely_input_tokens(request: Request) -> int:
    """Return a guess of the input tokens: one for four bytes of ASCII and for three of anything else, which is a Chinese character."""
    texts = list(_texts(request, None))
    ascii_bytes = sum(len(text.encode("ascii", "ignore")) for text in texts)
    other_bytes = sum(_bytes(text) for text in texts) - ascii_bytes
    images = sum(len(message.images) for message in request.messages)
    return math.ceil(ascii_bytes / 4 + other_bytes / 3) + 4 * len(request.messages) + images * _LIKELY_IMAGE


def likely_cost_usd(
    model: LanguageModel, prices: PriceList | None, request: Request, output_tokens: int = _LIKELY_OUTPUT
) -> Decimal | None:
    """Return a guess of the bill of one try in US dollars, nothing cached; `output_tokens` is what answers usually have."""
    if prices is None:
        return None
    given = min(likely_input_tokens(request), model.context_tokens)
    return prices.cost_usd(Usage(given, 0, 0, min(output_tokens, most_output_tokens(model, request))))


def _texts(request: Request, model: LanguageModel | None) -> Iterator[str]:
    """Yield every text that goes along."""
    for message in request.messages:
        yield from _texts_of(message)
    for tool in request.tools:
        yield from (tool.name, tool.description, _JSON.encode(tool.parameters))
    if request.json_schema is not None:
        yield _JSON.encode(request.json_schema)
    parameters = _parameters(request, model) if model else request.parameters
    if parameters and parameters.extra:
        yield _JSON.encode(parameters.extra)  # may hold what is read as input, a tool of the provider say


def _texts_of(message: Message) -> Iterator[str]:
    yield message.text
    yield message.tool_call_id or ""
    for call in message.tool_calls:
        yield from (call.id, call.name, call.arguments)


def _parameters(request: Request, model: LanguageModel) -> Parameters:
    return request.parameters or model.parameters


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _most_bytes(text: str) -> int:
    return len(text) if text.isascii() else max(_bytes(text), _bytes(unicodedata.normalize("NFC", text)))
