"""Rolling back, dropping what is old, and looking for damage."""

from __future__ import annotations

import sqlite3

import pytest

from labmodels.embeddings.store.check import check
from labmodels.embeddings.store.gc import Collected, collect
from labmodels.embeddings.store.overview import details, overviews
from labmodels.embeddings.store.rollback import roll_back
from labmodels.embeddings.store.truth import writing
from labmodels.errors import Usage
from tests.embeddings.store.indexing import DOMAIN, HashedWords, Library


@pytest.fixture
def library(tmp_path) -> Library:
    """Three generations: apples, then pears, then pears in another space."""
    library = Library(tmp_path)
    library.write("a.md", "about apples")
    library.write("b.md", "about disks")
    library.update()
    library.write("a.md", "about pears")
    library.update()
    library.encoder = HashedWords(1)
    library.update()
    return library


def test_going_back_shows_what_was_shown_and_is_a_generation_of_its_own(library):
    assert roll_back(library.index, DOMAIN, None, 0)[:2] == (2, 4)
    library.encoder = HashedWords(0)
    assert library.found("pears", 1) == ["a.md:1"]
    assert roll_back(library.index, DOMAIN, 1, 0)[:2] == (1, 5)
    assert library.found("apples", 1) == ["a.md:1"] and check(library.index) == []
    library.encoder.embedded.clear()
    assert library.update().generation == 6  # which follows the sources again
    assert library.found("pears", 1) == ["a.md:1"] and library.encoder.embedded == []


@pytest.mark.parametrize(("domain", "number", "said"), [("nothing", None, "has no index"), (DOMAIN, 9, "has no generation 9")])
def test_there_is_no_going_back_to_what_there_is_not(library, domain, number, said):
    with pytest.raises(Usage, match=said):
        roll_back(library.index, domain, number, 0)
    assert overviews(library.index)[0].generation == 3


def test_a_folder_without_an_index_stays_without_one(tmp_path):
    with pytest.raises(Usage, match="has no index"):
        roll_back(tmp_path, DOMAIN, None, 0)
    assert list(tmp_path.iterdir()) == [] and check(tmp_path) == [] and overviews(tmp_path) == []


def test_what_no_kept_generation_shows_is_dropped_and_the_rest_is_not(library):
    with writing(library.index, 0) as truth:
        assert collect(truth, keep=3) == Collected()
        done = collect(truth, keep=2)
        assert (done.generations, done.builds, done.chunks, done.vectors) == (1, 0, 1, 1)  # the apples
        done = collect(truth, keep=1)
        assert (done.generations, done.builds, done.vectors) == (1, 1, 2)  # the first space
        assert collect(truth, keep=1).is_nothing
    assert library.found("pears", 1) == ["a.md:1"] and check(library.index) == []
    with sqlite3.connect(library.index / "index.db") as connection:
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM spaces").fetchone() == (1,)


def test_a_build_that_was_begun_is_gone_on_with_after_a_collection(library, monkeypatch):
    from labmodels.embeddings.store import builds

    library.encoder = HashedWords(2)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(builds, "flip", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        library.update()
    assert overviews(library.index)[0].is_being_built
    with writing(library.index, 0) as truth:
        collect(truth, keep=1)
    library.encoder.embedded.clear()
    assert library.update().generation == 4
    assert library.encoder.embedded == [] and check(library.index) == []


DAMAGES = {
    "vectors of": "UPDATE vectors SET vector = x'00ff' WHERE id = 1",
    "chunks without their vector": "DELETE FROM vectors WHERE id IN (SELECT vector FROM chunks)",
    "more or fewer": "DELETE FROM chunks WHERE id = (SELECT max(id) FROM chunks)",
    "too many": "DELETE FROM chunks WHERE id = (SELECT max(id) FROM chunks)",
    "a pointer": "UPDATE domains SET generation = 17",
    "generations without": "DELETE FROM builds WHERE generation != 3",
}


@pytest.mark.parametrize("sign", DAMAGES)
def test_damage_in_the_tables_is_found(library, sign):
    assert check(library.index) == []
    with sqlite3.connect(library.index / "index.db") as connection:
        connection.execute(DAMAGES[sign])
    assert any(sign in finding.problem for finding in check(library.index))


def test_one_flipped_bit_of_a_file_is_found(library):
    path = library.index / "text" / f"{DOMAIN}.index"
    data = bytearray(path.read_bytes())
    data[-50] ^= 1  # in the sum of the rows
    path.write_bytes(bytes(data))
    [finding] = check(library.index)
    assert "not those that were written" in finding.problem and finding.mend.endswith("--incremental")
    library.encoder.embedded.clear()
    path.unlink()
    assert "is missing" in check(library.index)[0].problem
    library.update()
    assert check(library.index) == []


def test_pages_of_the_truth_that_are_damaged_are_found(library):
    path = library.index / "index.db"
    data = bytearray(path.read_bytes())
    for page in range(3, len(data) // 4096):
        data[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    path.write_bytes(bytes(data))
    findings = check(library.index)
    assert findings and all(str(path) in finding.problem for finding in findings)


def test_details_name_the_generations_and_the_runs(library):
    found = details(library.index, DOMAIN)
    assert [one.number for one in found.generations] == [3, 2, 1]
    assert [run.outcome for run in found.runs] == ["done"] * 3 and found.runs[0].counts["embedded"] == 2
    assert found.overview.chunks == 2 and "2 vectors as of generation 3" in found.file
    assert details(library.index, "nothing") is None
