"""`labmodels update-embeddings` and `labmodels embeddings` as they are met, with the real encoder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.operating import Operate, operator
from tests.labs import EditedLab

DOCUMENTATION = ("--domain", "documentation")
PAGES = {
    "docs/keys.md": "# Keys\n\nHow to rotate the key of a provider.\n",
    "docs/disks.md": "# Disks\n\nWhat to do when a disk is full.\n",
    "docs/hosts.md": "# Hosts\n\nWhich host runs what.\n",
    "docs/alerts.md": "# Alerts\n\nWho is woken up, and when.\n",
}


@pytest.fixture(scope="module")
def encoders(tmp_path_factory) -> Path:
    """Where the encoder is made ready once for all labs of this module."""
    return tmp_path_factory.mktemp("encoders") / "encoders"


@pytest.fixture
def lab(tmp_path, encoders):
    lab = EditedLab(tmp_path / "lab")
    for name, text in PAGES.items():
        lab.write(name, text)
    if encoders.exists():
        shutil.copytree(encoders, lab.state / "encoders")
    yield lab
    if not encoders.exists() and (lab.state / "encoders").exists():
        shutil.copytree(lab.state / "encoders", encoders)


@pytest.fixture
def operate(lab, monkeypatch, capsys) -> Operate:
    return operator(lab, monkeypatch, capsys)


def test_an_index_is_built_and_kept_up_to_date(lab, operate):
    would = operate("update-embeddings", *DOCUMENTATION, "--incremental", "--dry-run")
    assert would.code == 0 and "would look at 4 sources, 4 added; 4 chunks, 4 to embed" in would.out
    assert not lab.embeddings.exists()
    first = operate("update-embeddings", *DOCUMENTATION, "--incremental")
    assert first.code == 0 and first.out.startswith("documentation: generation 1; 4 sources, 4 added; 4 texts embedded; ")
    assert "as declared, since nothing is deployed in dev" in first.err
    again = operate("update-embeddings", *DOCUMENTATION, "--incremental", "--quiet")
    assert (again.code, again.out) == (0, "")
    lab.write("docs/disks.md", "# Disks\n\nWhat to do when a disk is slow.\n")
    changed = operate("update-embeddings", *DOCUMENTATION, "--incremental", "--json").json
    assert (changed["indexes"][0]["generation"], changed["indexes"][0]["embedded"], changed["errors"]) == (2, 1, [])
    rebuilt = operate("update-embeddings", *DOCUMENTATION)
    assert rebuilt.out.startswith("documentation: generation 3; 4 sources, 4 added; 0 texts embedded; ")


def test_indexes_are_listed_shown_checked_rolled_back_and_cleaned(lab, operate):
    assert "not built" in operate("embeddings", "list").out
    operate("update-embeddings", *DOCUMENTATION, "--incremental")
    lab.write("docs/disks.md", "# Disks\n\nWhat to do when a disk is slow.\n")
    operate("update-embeddings", *DOCUMENTATION, "--incremental")
    listed = {row["domain"]: row["index"] for row in operate("embeddings", "list", "--json").json["indexes"]}
    assert len(listed) >= 12 and listed["documentation"]["generation"] == 2 and listed["logs"] is None
    assert "documentation: generation 2, 4 sources, 4 chunks" in operate("embeddings", "show", "documentation").out
    assert operate("embeddings", "rollback", "documentation").out.startswith("documentation: generation 3 shows what 1 did")
    checked = operate("embeddings", "check")
    assert (checked.code, checked.out) == (0, "1 index in order\n")
    dropped = operate("embeddings", "gc", "--keep", "1", "--json").json["dropped"]
    assert (dropped["generations"], dropped["vectors"]) == (2, 1)
    index = lab.embeddings / "text" / "documentation.index"
    index.write_bytes(index.read_bytes()[:-1])
    damaged = operate("embeddings", "check")
    assert damaged.code == 1 and "mend: labmodels update-embeddings --domain documentation --incremental" in damaged.out
    assert operate("embeddings", "show", "nothing").code == operate("embeddings", "check", "nothing").code == 2


def test_mass_deletion_is_refused_with_what_to_do(lab, operate):
    operate("update-embeddings", *DOCUMENTATION, "--incremental")
    for name in list(PAGES)[:2]:
        (lab.root / name).unlink()
    refused = operate("update-embeddings", *DOCUMENTATION, "--incremental")
    assert refused.code == 5 and "2 of 4 sources are gone" in refused.err and "--allow-mass-delete" in refused.err
    several = operate("update-embeddings", *DOCUMENTATION, "--domain", "configuration", "--incremental")
    assert several.code == 9 and several.out.splitlines()[-1].startswith("1 indexes, 1 changed, 1 refused")
    assert operate("update-embeddings", *DOCUMENTATION, "--incremental", "--allow-mass-delete").code == 0


def test_a_source_that_fails_is_listed_and_the_exit_says_so(lab, operate, monkeypatch):
    from labmodels.embeddings.chunking import markdown

    blocks = markdown.blocks

    def strange(lines):
        if any("disk" in line for line in lines):
            raise RecursionError("too deep")
        return blocks(lines)

    monkeypatch.setitem(__import__("labmodels.embeddings.chunking.chunker", fromlist=["_PROSE"])._PROSE, ".md", strange)
    ended = operate("update-embeddings", *DOCUMENTATION, "--incremental")
    assert ended.code == 9 and "docs/disks.md: cannot be cut: RecursionError" in ended.err and "1 failed" in ended.out


@pytest.mark.parametrize("words", [(), ("--all", *DOCUMENTATION), (*DOCUMENTATION, "--watch", "--dry-run"), ("--domain", "documentatoin")])
def test_what_cannot_be_meant_is_usage(operate, words):
    assert operate("update-embeddings", *words).code == 2


def test_the_released_configuration_is_the_one_that_counts(lab, operate):
    assert operate("deploy-config", "--all", "--env", "dev", "--yes").code == 0
    lab.edit("configs/embedding_models/text_embeddings.yaml", ("  documentation:\n", "  renamed:\n"))
    ended = operate("update-embeddings", *DOCUMENTATION, "--incremental")
    assert ended.code == 0 and "as declared" not in ended.err
    assert operate("update-embeddings", "--domain", "renamed", "--incremental").code == 2


def test_one_index_that_fails_keeps_no_other_from_its_turn(lab, operate):
    lab.edit("configs/embedding_models/code_embeddings.yaml", ("model: sentence-transformers/all-MiniLM-L6-v2", "model: nobody/has-this"))
    ended = operate("update-embeddings", *DOCUMENTATION, "--domain", "configuration", "--incremental", HF_HUB_OFFLINE="1")
    assert ended.code == 9 and "documentation: generation 1" in ended.out and "nobody/has-this" in ended.err


def test_watching_follows_every_change_until_it_is_interrupted(lab, tmp_path):
    pytest.importorskip("watchfiles")
    program = subprocess.Popen(
        [sys.executable, "-m", "labmodels", "update-embeddings", *DOCUMENTATION, "--incremental", "--watch"],
        env={**os.environ, "LABMODELS_LAB": str(lab.root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert any("watching" in line for line in program.stderr)
        assert program.stdout.readline().startswith("documentation: generation 1")
        lab.write("docs/more/new.md", "# New\n\nWritten while it is watched.\n")
        assert "5 sources, 1 added" in program.stdout.readline()
        (lab.root / "docs/disks.md").unlink()
        assert "4 sources, 1 deleted" in program.stdout.readline()
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 0
    finally:
        program.kill()
        program.communicate()
