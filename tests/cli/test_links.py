"""labmodels links: a line of a file, what else speaks of it, and why."""

from __future__ import annotations

import pytest

from tests.cli.operating import operator
from tests.embeddings.indexed import Shelf
from tests.labs import EditedLab

FILES = {
    "docs/disk.md": "# Disk\n\nENOSPC comes from `write_index`.\n",
    "docs/lonely.md": "# Lonely\n\nNothing is like this.\n",
    "src/store.py": 'def write_index(folder):\n    """Raises ENOSPC."""\n    return folder\n',
}


@pytest.fixture
def lab(tmp_path):
    lab = EditedLab(tmp_path / "lab")
    Shelf(lab.root, files=FILES)
    return lab


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    return operator(lab, monkeypatch, capsys)


def test_each_link_is_a_place_with_its_evidence(labmodels):
    done = labmodels("links", "docs/disk.md:3", "--domain", "documentation", "--domain", "source_code")
    lines = done.out.splitlines()
    assert done.code == 0 and lines[:3] == [
        "src/store.py:2  source_code: store", "  mentions the error code ENOSPC", "  defines the symbol write_index",
    ]  # fmt: skip


def test_json_holds_the_passage_and_the_evidence(labmodels):
    data = labmodels("links", "src/store.py:1", "--json").json
    assert (data["passage"]["path"], data["passage"]["line"]) == ("src/store.py", 1)
    link = next(link for link in data["links"] if link["path"] == "docs/disk.md")
    assert {(one["role"], one["kind"], one["name"], one["line"]) for one in link["mentions"]} == {
        ("mentions", "error code", "ENOSPC", 3), ("mentions", "symbol", "write_index", 3),
    }  # fmt: skip


def test_a_path_may_be_given_from_the_current_folder(labmodels, lab, monkeypatch):
    monkeypatch.chdir(lab.root / "docs")
    assert labmodels("links", "disk.md:3").out == labmodels("links", str(lab.root / "docs/disk.md:3")).out != ""


def test_a_passage_that_nothing_speaks_of_says_so(labmodels):
    done = labmodels("links", "docs/lonely.md:3", "--domain", "documentation")
    assert (done.code, done.out, done.err) == (0, "", "nothing else speaks of docs/lonely.md:1-3\n")


@pytest.mark.parametrize("place", ["docs/disk.md", "docs/disk.md:x", "docs/disk.md:0", ":3"])
def test_what_is_no_place_is_refused_with_an_example(labmodels, place):
    done = labmodels("links", place)
    assert done.code == 2 and "hint: labmodels links docs/index.md:1" in done.err
