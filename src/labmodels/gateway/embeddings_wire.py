"""OpenAI's embeddings: which texts a request holds, and vectors as JSON numbers or as base64 of little-endian floats. No I/O."""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labmodels.gateway.faults import invalid
from labmodels.gateway.fields import Fields

if TYPE_CHECKING:
    from labmodels.providers.protocol import Embeddings

_MOST_TEXTS = 2048  # as OpenAI has it
_WHY = {"dimensions": "a config's vectors have the length that it declares"}


@dataclass(frozen=True, slots=True)
class WantedVectors:
    """A request for embeddings that was read."""

    texts: tuple[str, ...]
    model: str
    is_base64: bool


def wanted_vectors(body: Fields) -> WantedVectors:
    """Return what a request wants; raise Fault."""
    body.refuse({"model", "input", "encoding_format"}, {"user"}, _WHY)
    encoding = body.get("encoding_format", str) or "float"
    if encoding not in ("float", "base64"):
        raise invalid("encoding_format must be float or base64", "encoding_format")
    given = body.raw("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise invalid("input must be a text or a list of texts, none of them empty; tokens are not taken", "input")
    if len(texts) > _MOST_TEXTS:
        raise invalid(f"input holds {len(texts)} texts, the most is {_MOST_TEXTS}", "input")
    return WantedVectors(tuple(texts), body.need("model", str), encoding == "base64")


def vectors_body(wanted: WantedVectors, name: str, embeddings: Embeddings) -> dict[str, Any]:
    """Return the body that holds the vectors; `name` is the config that answered."""
    tokens = embeddings.usage.input_tokens
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": position, "embedding": _base64(vector) if wanted.is_base64 else vector}
            for position, vector in enumerate(embeddings.vectors)
        ],
        "model": name,
        "usage": None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _base64(vector: Sequence[float]) -> str:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode()
