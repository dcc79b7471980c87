"""What is written is read back by llama.cpp: the same bytes for the same seed, tokens that lose no character, a template that holds."""

from __future__ import annotations

import llama_cpp
import numpy as np
import pytest

from labmodels.providers.gguf_header import read_header
from labmodels.providers.gguf_model import Loading, load
from labmodels.training.gguf import permuted, tiny_model, write_gguf


def test_a_seed_gives_the_same_bytes_and_another_one_others(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        tiny_model(tmp_path / name, seed=seed)
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again != other
    assert len(first) < 1_000_000


@pytest.mark.parametrize(("hidden", "layers", "context"), [(32, 2, 512), (64, 1, 4096), (8, 3, 32)])
def test_llama_cpp_reads_back_what_was_asked_for(tmp_path, hidden, layers, context):
    path = tmp_path / "tiny.gguf"
    tiny_model(path, seed=7, hidden=hidden, layers=layers, context=context)
    header = read_header(path)
    assert [header.number(key) for key in ("embedding_length", "block_count", "context_length")] == [hidden, layers, context]
    model = load(Loading(path, 32, 1, 0), 60)._llama
    assert [model.n_embd(), model._model.n_ctx_train()] == [hidden, context]
    assert llama_cpp.llama_model_n_layer(model.model) == layers


@pytest.mark.parametrize("text", ["the and again", "naïve 🙂 日本", "\x00\x1f\x7f", " \n\t  x", "ÿĀ"])
def test_every_text_comes_back_from_its_tokens(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "tokens.gguf"
    tiny_model(path, seed=1)
    model = load(Loading(path, 64, 1, 0), 60)
    tokens = model._llama.tokenize(text.encode(), add_bos=False, special=False)
    assert b"".join(map(model.piece, tokens)).decode() == text
    assert len(tokens) < len(text.encode()) or "the" not in text


def test_tensors_of_both_widths_lie_where_the_header_says(tmp_path):
    path = tmp_path / "weights.gguf"
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.arange(5, dtype=np.float16)}
    write_gguf(path, {"general.architecture": "llama", "general.tags": ["x", "y"], "n": [-1, 2], "is": True, "eps": 0.5}, tensors)
    assert read_header(path).metadata == {"general.architecture": "llama", "is": True, "eps": 0.5}
    data = path.read_bytes()
    assert data[-64:-40] == tensors["a"].tobytes() and data[-32:-22] == tensors["b"].tobytes() and len(data) % 32 == 0


def test_the_permutation_turns_halves_into_neighbours():
    heads, head = 2, 6
    rows = np.arange(heads * head)[:, None]
    turned = permuted(rows, heads)[:, 0].tolist()
    # transformers rotates row i with row i + head/2; llama.cpp rotates 2i with 2i + 1
    assert turned == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
