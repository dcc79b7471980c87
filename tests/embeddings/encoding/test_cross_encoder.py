"""A cross-encoder gives the scores that transformers gives for the same weights, whatever is read beside a pair."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from labmodels.embeddings.encoding.cross_encoder import CrossEncoder, cross_encoder_of
from labmodels.embeddings.encoding.weights import MissingWeights, Weights
from labmodels.errors import Usage
from tests.embeddings.encoding.models import WIDTH, make_tiny

TEXTS = ["the key of a release", "fails", "?", "it is rotated when it fails " * 12, "the key of a release"]


def make_tiny_cross_encoder(folder: Path, **settings) -> Path:
    """Add a pooler, a head of one number and the marks of pairs to a tiny BERT."""
    head = {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}}
    make_tiny(folder, "bert", "bert.", **(head | settings))
    chance = np.random.default_rng(3)
    shapes = {"bert.pooler.dense.weight": (WIDTH, WIDTH), "bert.pooler.dense.bias": (WIDTH,), "classifier.weight": (1, WIDTH)}
    tensors = {name: chance.normal(0, 0.5, shape).astype(np.float32) for name, shape in (shapes | {"classifier.bias": (1,)}).items()}
    save_file({**load_file(folder / "model.safetensors"), **tensors}, folder / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    marks = [("[CLS]", 0), ("[SEP]", 2)]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=marks)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_cross_encoder(tmp_path_factory.mktemp("models") / "tiny")


def test_transformers_agrees(folder):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model = transformers.BertForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")
    with torch.no_grad():
        wanted = []
        for text in TEXTS:
            read = tokenizer("when it fails", text, truncation=True, max_length=40, return_tensors="pt", return_token_type_ids=True)
            wanted.append(model(read["input_ids"], read["attention_mask"], read["token_type_ids"]).logits[0, 0].item())
    assert CrossEncoder(Weights(folder)).scores("when it fails", TEXTS) == pytest.approx(wanted, abs=1e-4)


def test_a_score_depends_on_the_pair_alone_and_on_both_of_its_texts(folder):
    encoder = CrossEncoder(Weights(folder))
    together = encoder.scores("the key", TEXTS * 3)
    assert together == pytest.approx([encoder.scores("the key", [text])[0] for text in TEXTS] * 3, abs=1e-4)
    assert len({round(score, 3) for score in together}) == len(set(TEXTS))
    assert encoder.scores("fails", TEXTS[:1]) != pytest.approx(together[:1], abs=1e-3)
    assert encoder.scores("the key", []) == []
    assert len(encoder.scores("key " * 10_000, TEXTS)) == len(TEXTS)


def test_what_is_no_cross_encoder_is_refused(tmp_path, folder):
    assert isinstance(cross_encoder_of("tiny", folder.parent), CrossEncoder)
    make_tiny(tmp_path / "plain")
    make_tiny_cross_encoder(tmp_path / "classes", id2label={"0": "yes", "1": "no"})
    for name, reason in (("plain", "no BERT for the classification"), ("classes", "more than one number")):
        with pytest.raises(Usage, match=reason):
            cross_encoder_of(name, tmp_path)
    with pytest.raises(MissingWeights):
        cross_encoder_of("absent/model", tmp_path)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"
