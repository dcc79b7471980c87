"""Writes GGUF files, version 3, for llama.cpp: any tensors of the `llama` architecture, and a tiny random model for tests and trials.

Conversion of a trained model (reading safetensors, permuting, quantising) is left to its caller; reading a file's header before it
is trusted, to providers/gguf_header.

Names for `llama`: token_embd, blk.N.{attn_q,attn_k,attn_v,attn_output,ffn_gate,ffn_up,ffn_down,attn_norm,ffn_norm}, output_norm, and
output unless it is tied to token_embd, each with `.weight`; norms stay float32. llama.cpp rotates pairs of neighbours where
transformers rotates halves: `permuted` turns a q or k matrix of transformers into the one that llama.cpp expects.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labmodels.durable import DISK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labmodels.durable import FileSystem

    Tensor = NDArray[np.float32] | NDArray[np.float16]

Value = bool | int | float | str | Sequence[str] | Sequence[int] | Sequence[float]

_ALIGNMENT = 32  # what readers assume when general.alignment is not given
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_TENSOR_TYPES = {"float32": 0, "float16": 1}
NORMAL, CONTROL = 1, 3  # tokenizer.ggml.token_type


def write_gguf(path: Path, metadata: Mapping[str, Value], tensors: Mapping[str, Tensor], files: FileSystem = DISK) -> None:
    """Write a GGUF file, all or nothing. A tensor is (rows, columns) or (columns,), float32 or float16. Raises StorageFault."""
    files.write_chunks(path, _chunks(metadata, tensors), mode=0o644)


def permuted(weights: NDArray[Any], heads: int) -> NDArray[Any]:
    """Return a q (`heads`) or k (`heads`: the kv heads) matrix of transformers, (rows, columns), with its rows as llama.cpp has them."""
    rows, columns = weights.shape
    return weights.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _chunks(metadata: Mapping[str, Value], tensors: Mapping[str, Tensor]) -> Iterator[bytes]:
    header = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata)))
    for key, value in metadata.items():
        header += _text(key) + _typed(value)
    offset = 0  # from the start of the data, which begins aligned, as each tensor does
    for name, tensor in tensors.items():
        # The fastest dimension comes first: numpy's last one.
        header += _text(name) + struct.pack(f"<I{tensor.ndim}Q", tensor.ndim, *reversed(tensor.shape))
        header += struct.pack("<IQ", _TENSOR_TYPES[tensor.dtype.name], offset)
        offset += _aligned(tensor.nbytes)
    yield bytes(header).ljust(_aligned(len(header)), b"\0")
    for tensor in tensors.values():
        yield tensor.astype(tensor.dtype.newbyteorder("<")).tobytes().ljust(_aligned(tensor.nbytes), b"\0")


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _typed(value: Value) -> bytes:
    """Return a value behind its type; an int is unsigned by itself and signed in a list, as llama.cpp reads its keys."""
    if isinstance(value, str | bool | int | float):
        kind = _kind(value, _UINT32)
        return struct.pack("<I", kind) + _plain(value, kind)
    kind = _kind(value[0], _INT32)
    return struct.pack("<IIQ", _ARRAY, kind, len(value)) + b"".join(_plain(item, kind) for item in value)


def _kind(value: str | float, integer: int) -> int:
    if isinstance(value, str):
        return _STRING
    return _BOOL if isinstance(value, bool) else integer if isinstance(value, int) else _FLOAT32


def _plain(value: str | float, kind: int) -> bytes:
    if isinstance(value, str):
        return _text(value)
    return struct.pack({_UINT32: "<I", _INT32: "<i", _FLOAT32: "<f", _BOOL: "<?"}[kind], value)


# -- a tiny model ----------------------------------------------------------------------------------------------------------

_MERGES = ("Ġ t", "h e", "Ġt he", "i n", "a n", "an d", "Ġ a", "e r", "o n", "r e")
_SPECIAL = ("<|bos|>", "<|eos|>", "<|pad|>", "<|eot|>")
CHAT = (
    "{{ bos_token }}{% if tools %}tools: {{ tools | tojson }}<|eot|>\n{% endif %}"
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}<|eot|>\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
_HEADS, _KV_HEADS = 4, 2


def tiny_model(path: Path, *, seed: int, hidden: int = 32, layers: int = 2, context: int = 512, chat_template: str | None = CHAT) -> None:
    """Write a model with random weights and a byte-level vocabulary: it loads and babbles, and proves nothing but the pipeline.

    The same arguments give the same bytes. `hidden` is a multiple of 8; `chat_template` None writes none. Raises StorageFault.
    """
    tokens = [*_byte_alphabet(), *(merge.replace(" ", "") for merge in _MERGES), *_SPECIAL]
    special = {name: tokens.index(token) for name, token in zip(("bos", "eos", "padding", "eot"), _SPECIAL, strict=True)}
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "general.name": f"tiny-random-{seed}",
        "general.file_type": 0,
        "llama.context_length": context,
        "llama.embedding_length": hidden,
        "llama.block_count": layers,
        "llama.feed_forward_length": 2 * hidden,
        "llama.attention.head_count": _HEADS,
        "llama.attention.head_count_kv": _KV_HEADS,
        "llama.attention.key_length": hidden // _HEADS,
        "llama.attention.value_length": hidden // _HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": hidden // _HEADS,
        "llama.rope.freq_base": 10000.0,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "llama-bpe",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [CONTROL if token in _SPECIAL else NORMAL for token in tokens],
        "tokenizer.ggml.merges": list(_MERGES),
        **{f"tokenizer.ggml.{name}_token_id": number for name, number in special.items()},
        "tokenizer.ggml.add_bos_token": False,  # the template writes it
    }
    if chat_template is not None:
        metadata["tokenizer.chat_template"] = chat_template
    write_gguf(path, metadata, _random_weights(len(tokens), hidden, layers, seed))


def _random_weights(vocabulary: int, hidden: int, layers: int, seed: int) -> dict[str, Tensor]:
    random = np.random.Generator(np.random.PCG64(seed))  # named: default_rng may become another one

    def matrix(rows: int, columns: int) -> Tensor:
        # Uniform draws are exact arithmetic; those of a normal distribution depend on the machine's libm.
        return (random.random((rows, columns), dtype=np.float32) - np.float32(0.5)) * np.float32(4 / hidden**0.5)

    ones = np.ones(hidden, np.float32)
    kv = hidden // _HEADS * _KV_HEADS
    tensors: dict[str, Tensor] = {"token_embd.weight": matrix(vocabulary, hidden)}
    for layer in range(layers):
        parts = {
            "attn_norm": ones,
            "attn_q": matrix(hidden, hidden),
            "attn_k": matrix(kv, hidden),
            "attn_v": matrix(kv, hidden),
            "attn_output": matrix(hidden, hidden),
            "ffn_norm": ones,
            "ffn_gate": matrix(2 * hidden, hidden),
            "ffn_up": matrix(2 * hidden, hidden),
            "ffn_down": matrix(hidden, 2 * hidden),
        }
        tensors |= {f"blk.{layer}.{name}.weight": part for name, part in parts.items()}
    return tensors | {"output_norm.weight": ones, "output.weight": matrix(vocabulary, hidden)}


def _byte_alphabet() -> Iterable[str]:
    """Yield GPT-2's character for each byte: printable ones stand for themselves, the others for what follows U+0100."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return (chr(byte if byte in printable else next(spare)) for byte in range(256))
