"""The encoder of a configuration: the fast form where it holds, the reference where not, and a plain word where neither can be."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from labmodels.embeddings.encoding.encoder import NoExport, encoder_of
from labmodels.embeddings.encoding.runtime import has_bfloat16
from labmodels.errors import MissingExtra, Usage
from tests.embeddings.encoding.models import config, make_tiny, tiny_config


def test_a_query_without_an_export_names_the_command_that_makes_one(tmp_path):
    given = config(domains={"documentation": {"group": "text", "sources": ["docs/**/*.md"]}})
    with pytest.raises(NoExport) as caught:
        encoder_of(given, tmp_path, for_query=True)
    assert caught.value.hint == "labmodels update-embeddings --domain documentation"
    built = encoder_of(given, tmp_path)
    assert encoder_of(given, tmp_path, for_query=True).fingerprint == built.fingerprint


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dimensions": 768}, "have 384"),
        ({"max_tokens": 513}, "reads 512 at most"),
    ],
)
def test_what_the_weights_cannot_do_is_told_before_anything_is_built(tmp_path, given, message):
    with pytest.raises(Usage, match=message):
        encoder_of(config(**given), tmp_path)
    assert not (tmp_path / "encoders").exists()


@pytest.mark.parametrize(("flags", "has"), [("fpu avx512_bf16 sse", True), ("amx_bf16", True), ("avx512_bf16x avx2", False), ("", False)])
def test_bfloat16_is_what_the_cpu_says(tmp_path, flags, has):
    (tmp_path / "cpuinfo").write_text(f"model name : x\nflags\t\t: {flags}\nflags : other\n")
    assert has_bfloat16.__wrapped__(tmp_path / "cpuinfo") is has
    assert has_bfloat16.__wrapped__(tmp_path / "absent") is False


def test_a_model_that_cannot_be_exported_runs_on_the_reference_and_answers_no_queries_without_it(tmp_path):
    given = tiny_config(make_tiny(tmp_path / "tiny", hidden_act="relu"))
    if find_spec("sentence_transformers") is None:
        with pytest.raises(MissingExtra, match="sentence-transformers"):
            encoder_of(given, tmp_path / "cache")
        return
    encoder = encoder_of(given, tmp_path / "cache")
    assert encoder.identity.backend == "sentence-transformers"
    assert "activation" in encoder.warnings[0]
    told = []
    vectors = encoder.documents(["key", "release " * 50, "", "key"], told.append)
    assert vectors.shape == (4, 32)
    assert sum(told) == 4
    assert np.abs(vectors[0] - vectors[3]).max() < 1e-5
    assert np.abs(encoder.query("key") - vectors[0]).max() < 1e-5
    assert encoder.count("release " * 50) == 52
    assert np.abs(vectors[1] - encoder.documents(["release " * 22])[0]).max() < 1e-5  # cut at 24 tokens, not at the file's 5
    with pytest.raises(NoExport, match="activation"):
        encoder_of(given, tmp_path / "cache", for_query=True)


def test_other_weights_are_tested_against_sentence_transformers(tmp_path):
    given = tiny_config(make_tiny(tmp_path / "tiny"), pooling="cls")
    if find_spec("sentence_transformers") is None:
        with pytest.raises(MissingExtra, match="sentence-transformers"):
            encoder_of(given, tmp_path / "cache")
        return
    assert encoder_of(given, tmp_path / "cache").identity.backend == "openvino"
    assert encoder_of(given, tmp_path / "cache", for_query=True).query("key").shape == (32,)


def test_a_folder_is_named_below_the_root(tmp_path):
    make_tiny(tmp_path / "models" / "mine", model_type="mpnet")
    with pytest.raises(NoExport):
        encoder_of(tiny_config(Path("models/mine")), tmp_path / "cache", root=tmp_path, for_query=True)
