"""Configurations, and tiny random encoders in the layout of transformers, made here: BERT and RoBERTa, and what they should answer.

`expected` follows the papers in NumPy and float64: the second opinion on labmodels' own graph where sentence-transformers is absent.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from labmodels.config.schema.embedding_model import EmbeddingModel

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
WIDTH, HEADS, LAYERS, INNER, POSITIONS = 32, 4, 2, 64, 40
WORDS = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "the", "key", "of", "a", "release", "is", "rotated", "when", "it", "fails"]


def config(model: str = MINILM, **given) -> EmbeddingModel:
    kept = {"name": "text", "provider": "sentence_transformers", "dimensions": 384, "max_tokens": 256, "pooling": "mean"}
    return EmbeddingModel(**(kept | {"model": model} | given))


def tiny_config(folder: Path, **given) -> EmbeddingModel:
    return config(str(folder), **({"dimensions": WIDTH, "max_tokens": 24, "precision": "float32"} | given))


def make_tiny(folder: Path, kind: str = "bert", prefix: str = "", dtype: type = np.float32, **settings) -> Path:
    folder.mkdir(parents=True)
    chance = np.random.default_rng(7)
    tensors = {f"{prefix}{name}": chance.normal(0, scale, shape).astype(dtype) for name, shape, scale in _shapes(kind)}
    for name in tensors:
        if name.endswith("LayerNorm.weight"):
            tensors[name] += dtype(1)
    save_file(tensors, folder / "model.safetensors")
    told = {
        "model_type": kind, "hidden_size": WIDTH, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "intermediate_size": INNER,
        "hidden_act": "gelu", "layer_norm_eps": 1e-5, "max_position_embeddings": POSITIONS, "vocab_size": len(WORDS), "pad_token_id": 1,
        "type_vocab_size": 2 if kind == "bert" else 1,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(told | settings))
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 2)])
    tokenizer.enable_truncation(5)  # as MiniLM's file does, whatever the model reads
    tokenizer.enable_padding(length=5)
    tokenizer.save(str(folder / "tokenizer.json"))
    marks = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]", "model_max_length": 24}
    (folder / "tokenizer_config.json").write_text(json.dumps(marks))
    return folder


def _shapes(kind: str):
    yield "embeddings.word_embeddings.weight", (len(WORDS), WIDTH), 1.0
    yield "embeddings.position_embeddings.weight", (POSITIONS, WIDTH), 1.0
    yield "embeddings.token_type_embeddings.weight", (2 if kind == "bert" else 1, WIDTH), 1.0
    yield from _norm("embeddings.LayerNorm")
    for layer in range(LAYERS):
        here = f"encoder.layer.{layer}"
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            yield from _linear(f"{here}.{part}", WIDTH, WIDTH)
        yield from _linear(f"{here}.intermediate.dense", WIDTH, INNER)
        yield from _linear(f"{here}.output.dense", INNER, WIDTH)
        yield from _norm(f"{here}.attention.output.LayerNorm")
        yield from _norm(f"{here}.output.LayerNorm")


def _linear(name: str, inputs: int, outputs: int):
    yield f"{name}.weight", (outputs, inputs), 1 / math.sqrt(inputs)
    yield f"{name}.bias", (outputs,), 0.1


def _norm(name: str):
    yield f"{name}.weight", (WIDTH,), 0.1
    yield f"{name}.bias", (WIDTH,), 0.1


def expected(folder: Path, ids: list[int], pooling: str) -> np.ndarray:
    """Return the vector of one text, of length 1."""
    from safetensors.numpy import load_file

    told = json.loads((folder / "config.json").read_text())
    weights = {name[name.index("e") if name[0] == "e" else name.index(".") + 1 :]: values.astype(np.float64)
               for name, values in load_file(folder / "model.safetensors").items()}  # fmt: skip
    first = told["pad_token_id"] + 1 if told["model_type"] != "bert" else 0

    def linear(states, name):
        return states @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(states, name):
        level = states - states.mean(-1, keepdims=True)
        return level / np.sqrt((level**2).mean(-1, keepdims=True) + 1e-5) * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    states = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][0]
    states = norm(states + weights["embeddings.position_embeddings.weight"][first : first + len(ids)], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        here = f"encoder.layer.{layer}"
        query, key, value = (
            linear(states, f"{here}.attention.self.{part}").reshape(len(ids), HEADS, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = np.exp(query @ key.swapaxes(1, 2) / math.sqrt(WIDTH / HEADS))
        mixed = (scores / scores.sum(-1, keepdims=True) @ value).swapaxes(0, 1).reshape(len(ids), WIDTH)
        states = norm(states + linear(mixed, f"{here}.attention.output.dense"), f"{here}.attention.output.LayerNorm")
        inner = linear(states, f"{here}.intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        states = norm(states + linear(inner, f"{here}.output.dense"), f"{here}.output.LayerNorm")
    vector = states.mean(0) if pooling == "mean" else states[0]
    return vector / np.linalg.norm(vector)
