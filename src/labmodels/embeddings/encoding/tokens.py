"""Cuts text into a model's tokens with the `tokenizers` library alone. What the tokens mean is the model's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from labmodels.errors import MissingExtra, StorageFault

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Tokens:
    """The tokenizer of `tokenizer_file`, which cuts at `max_tokens`, whatever the file itself says about cutting and padding."""

    def __init__(self, tokenizer_file: Path, max_tokens: int) -> None:
        self._file = tokenizer_file
        self._max_tokens = max_tokens

    def count(self, text: str) -> int:
        """Return the tokens of a text, marks included, before anything is cut off."""
        return len(self._whole.encode(_sound(text)).ids)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text that the model reads, marks included."""
        return [encoding.ids for encoding in self._cut.encode_batch_fast([_sound(text) for text in texts])]

    def pairs(self, first: str, others: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """Return the tokens of `first` together with each other text, and for each token which of the two it is of: 0 or 1."""
        encodings = self._cut.encode_batch([(_sound(first), _sound(other)) for other in others])
        return [(encoding.ids, encoding.type_ids) for encoding in encodings]

    @cached_property
    def _whole(self) -> Tokenizer:
        tokenizer = _loaded(self._file)
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def _cut(self) -> Tokenizer:
        tokenizer = _loaded(self._file)
        tokenizer.enable_truncation(self._max_tokens)
        return tokenizer


def _sound(text: str) -> str:
    """Return a text without the halves of characters that a shell's bytes can bring, and that the tokenizer refuses."""
    return text.encode(errors="replace").decode()


def _loaded(file: Path) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtra("tokenizers", "embeddings") from None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more specific
        raise StorageFault(f"{file} is no tokenizer: {error}", hint="fetch or install the model again") from None
    tokenizer.no_padding()
    return tokenizer
