"""The encoder of a configuration: the fast form where it holds, the reference where not, and a plain word where neither can be."""

from __future__ import annotations

from pathlib import Path

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
    folder = make_tiny(tmp_path / "tiny", hidden_act="relu")
    try:
        import sentence_transformers  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtra, match="sentence-transformers"):
            encoder_of(tiny_config(folder), tmp_path / "cache")
        return
    with pytest.raises(Exception):
        encoder_of(tiny_config(folder), tmp_path / "cache", for_query=True)


def test_a_folder_is_named_below_the_root(tmp_path):
    make_tiny(tmp_path / "models" / "mine", model_type="mpnet")
    with pytest.raises(NoExport):
        encoder_of(tiny_config(Path("models/mine")), tmp_path / "cache", root=tmp_path, for_query=True)
