"""The graph that is built from weights computes what the papers say, and so what sentence-transformers does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from labmodels.embeddings.encoding import graph
from labmodels.embeddings.encoding.export import export
from labmodels.embeddings.encoding.exported import ExportedEncoder
from labmodels.embeddings.encoding.fingerprint import Fingerprint
from labmodels.embeddings.encoding.tokens import Tokens
from labmodels.embeddings.encoding.weights import Weights
from tests.embeddings.encoding.models import LAYERS, WIDTH, expected, make_tiny

TEXTS = ["key", "the key of a release is rotated when it fails", "fails it when rotated", "", "a a a a a a a a a a a a", "unheard of"]


def encoder_of_tiny(folder: Path, cache: Path, pooling: str = "mean") -> tuple[ExportedEncoder, Tokens]:
    """Export without a parity test (the reference is the export's own answer): what it computes is compared here."""
    weights, tokens = Weights(folder), Tokens(folder / "tokenizer.json", 24)
    identity = Fingerprint(weights.weights_digest(cache), "", WIDTH, 24, pooling, True, "", "", "openvino", "float32")

    def own(texts):
        (staged,) = (cache / "encoders").glob(".*.tmp")
        return ExportedEncoder(staged, tokens, identity, 8).documents(texts)

    verdict = export(weights, identity, cache, own, 5)
    assert verdict.is_accepted
    return ExportedEncoder(verdict.folder, tokens, identity, 8), tokens


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize(
    ("kind", "prefix", "dtype"),
    [("bert", "", np.float32), ("bert", "bert.", np.float32), ("roberta", "roberta.", np.float32), ("xlm-roberta", "", np.float16)],
)
def test_the_graph_computes_the_architecture(tmp_path, kind, prefix, dtype, pooling):
    folder = make_tiny(tmp_path / "tiny", kind, prefix, dtype)
    encoder, tokens = encoder_of_tiny(folder, tmp_path / "cache", pooling)
    vectors = encoder.documents(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert np.abs(vector - expected(folder, tokens.ids([text])[0], pooling)).max() < 1e-5, text


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_sentence_transformers_agrees(tmp_path, kind):
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="the test above compares with the architecture itself")
    folder = make_tiny(tmp_path / "tiny", kind)
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = 24
    encoder, _ = encoder_of_tiny(folder, tmp_path / "cache")
    reference = model.encode(TEXTS, normalize_embeddings=True)
    assert np.abs(encoder.documents(TEXTS) - reference).max() < 1e-5


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"model_type": "mpnet"}, "architecture mpnet"),
        ({"hidden_act": "relu"}, "activation"),
        ({"position_embedding_type": "relative_key"}, "positions"),
        ({"is_decoder": True}, "attention"),
    ],
)
def test_what_it_does_not_know_it_does_not_build(tmp_path, settings, reason):
    assert reason in graph.why_not(Weights(make_tiny(tmp_path / "tiny", **settings)), "mean")


def test_it_builds_neither_other_poolings_nor_what_follows_them(tmp_path):
    folder = make_tiny(tmp_path / "tiny")
    assert graph.why_not(Weights(folder), "last")
    assert graph.why_not(Weights(folder), "mean") is None
    modules = [{"path": "", "type": "s.Transformer"}, {"path": "1_Pooling", "type": "s.Pooling"}, {"path": "2_Dense", "type": "s.Dense"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    assert "pooling" in graph.why_not(Weights(folder), "mean")
    (folder / "modules.json").unlink()
    (folder / "tokenizer.json").unlink()
    assert "tokenizer" in graph.why_not(Weights(folder), "mean")


def test_every_tensor_has_its_part_in_the_vector(tmp_path):
    """A forgotten bias or a swapped layer would pass a test on weights of zeros and ones: here each tensor is random, and counts."""
    from safetensors.numpy import load_file, save_file

    folder = make_tiny(tmp_path / "tiny")
    tensors = load_file(folder / "model.safetensors")
    before = encoder_of_tiny(folder, tmp_path / "cache")[0].documents(TEXTS[:2])
    for name in ("encoder.layer.1.attention.self.value.bias", f"encoder.layer.{LAYERS - 1}.output.LayerNorm.bias"):
        save_file({**tensors, name: tensors[name] + np.float32(0.5)}, folder / "model.safetensors")
        after = encoder_of_tiny(folder, tmp_path / "cache")[0].documents(TEXTS[:2])
        assert np.abs(after - before).max() > 1e-3, name


def test_an_encoder_can_be_dropped_as_soon_as_it_has_answered(tmp_path):
    """A thread of the runtime that still wanted the interpreter's lock would keep this one waiting for ever."""
    folder = make_tiny(tmp_path / "tiny")
    for _ in range(30):
        assert len(encoder_of_tiny(folder, tmp_path / "cache")[0].documents(TEXTS * 20)) == len(TEXTS) * 20
