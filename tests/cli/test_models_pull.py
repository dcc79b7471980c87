"""`labmodels models pull` as it is met: what it prints, what it asks back, and how it ends."""

from __future__ import annotations

import hashlib
from collections import deque

import pytest

from labmodels.training.gguf import tiny_model
from tests.cli.operating import Operate, operator
from tests.hub import COMMIT, REPOSITORY, Hub
from tests.labs import EditedLab

TOKEN = "hf_canary-not-a-real-token-51aa9"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    tiny_model(path, seed=1)
    return path.read_bytes()


@pytest.fixture
def lab(tmp_path) -> EditedLab:
    return EditedLab(tmp_path / "lab")


@pytest.fixture
def operate(lab, monkeypatch, capsys) -> Operate:
    return operator(lab, monkeypatch, capsys)


def test_what_it_prints_goes_into_a_config(model, lab, operate):
    with Hub({"q8/tiny.gguf": model}) as hub:
        ended = operate("models", "pull", REPOSITORY, **hub.environ)
        again = operate("models", "pull", f"{REPOSITORY}:q8/tiny.gguf", "--quiet", **hub.environ)
    assert (ended.code, ended.out) == (0, "weights:\n  gguf: models/tiny.gguf\n"), ended.err
    assert "context_tokens may be up to 512" in ended.err
    assert (again.code, again.out, again.err) == (0, ended.out, "")
    assert (lab.models / "tiny.gguf").read_bytes() == model
    lab.write(
        "configs/language_models/tiny.yaml",
        f"kind: language_model\nname: tiny\nprovider: llama_cpp\nmodel: tiny\ncontext_tokens: 32768\n{ended.out}",
    )
    assert operate("validate-config", "configs/language_models/tiny.yaml").code == 0


def test_json_names_the_file_and_its_hash(model, tmp_path, operate):
    with Hub({"tiny.gguf": model}) as hub:
        ended = operate("models", "pull", REPOSITORY, "--to", str(tmp_path / "else where"), "--json", **hub.environ)
    where = str(tmp_path / "else where" / "tiny.gguf")
    assert ended.json == {
        "schema_version": 1,
        "repository": REPOSITORY,
        "commit": COMMIT,
        "file": "tiny.gguf",
        "path": where,
        "size_bytes": len(model),
        "sha256": hashlib.sha256(model).hexdigest(),
        "was_there": False,
        "trained_context_tokens": 512,
        "weights": {"gguf": where},
    }


def test_several_files_are_listed_and_one_must_be_named(model, lab, operate):
    with Hub({"a.gguf": model, "b.gguf": model}) as hub:
        several = operate("models", "pull", REPOSITORY, **hub.environ)
        other = operate("models", "pull", f"{REPOSITORY}:c.gguf", **hub.environ)
    assert several.code == other.code == 2
    assert "holds 2 GGUF files: a.gguf (146.4 KiB), b.gguf (146.4 KiB)" in several.err
    assert "has no file c.gguf: a.gguf" in other.err and f"labmodels models pull {REPOSITORY}:a.gguf" in other.err
    assert not lab.models.exists()


def test_a_repository_without_a_gguf_says_so(operate):
    with Hub({}) as hub:
        ended = operate("models", "pull", REPOSITORY, **hub.environ)
    assert ended.code == 2 and "holds no GGUF file" in ended.err


def test_without_a_network_it_ends_with_74_and_one_json_error(operate):
    ended = operate("models", "pull", REPOSITORY, "--json", HF_ENDPOINT="http://127.0.0.1:1")
    assert ended.code == 74 and ended.json["error"] == "HubFault" and "127.0.0.1" in ended.json["message"]


@pytest.mark.parametrize("fault", ["ok", "cut", "wrong", "500", "401"])
def test_the_token_is_never_shown(model, lab, operate, fault):
    with Hub({"tiny.gguf": model}, token=TOKEN, plan=deque([fault])) as hub:
        ended = operate("models", "pull", REPOSITORY, "--debug", HF_TOKEN=TOKEN, **hub.environ)
        assert hub.seen[0][1]["authorization"] == f"Bearer {TOKEN}"
    assert ended.code == {"ok": 0, "401": 2}.get(fault, 74)
    assert TOKEN not in ended.out + ended.err
    assert not any(TOKEN.encode() in path.read_bytes() for path in lab.root.rglob("*") if path.is_file())


def test_progress_is_told_at_times_where_there_is_no_terminal(model, operate, monkeypatch):
    monkeypatch.setattr("labmodels.cli.models_pull._HEARTBEAT_S", 0.0)
    with Hub({"tiny.gguf": model}) as hub:
        ended = operate("models", "pull", REPOSITORY, **hub.environ)
    lines = [line for line in ended.err.splitlines() if line.endswith("%")]
    assert ended.code == 0 and lines and "\r" not in ended.err
