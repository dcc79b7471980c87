"""A reader sees one whole state, whatever is being written and whatever has happened to the derived files."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from labmodels.embeddings.store.reader import StoreReader
from labmodels.embeddings.store.truth import Truth
from labmodels.errors import StorageFault, Usage
from tests.embeddings.store.indexing import DOMAIN, Library


@pytest.fixture
def library(tmp_path) -> Library:
    library = Library(tmp_path)
    for number in range(30):
        library.write(
            f"{'even' if number % 2 == 0 else 'odd'}/{number}.md", f"# Page {number}\n\nabout subject{number} and common things\n"
        )
    library.update()
    return library


@pytest.fixture
def index_file(library):
    return library.index / "text" / f"{DOMAIN}.index"


def hits(library: Library, query: str, limit: int = 5, paths=()) -> list[tuple[int, float]]:
    with StoreReader(library.index) as reader:
        return reader.dense(DOMAIN, library.encoder.query(query), limit, paths)


def near(found: list[tuple[int, float]]) -> list[tuple[int, object]]:
    return [(identity, pytest.approx(score, abs=1e-5)) for identity, score in found]


def test_nothing_is_found_where_nothing_was_built(tmp_path):
    with StoreReader(tmp_path / "none") as reader:
        assert reader.live(DOMAIN) is None and reader.lexical(DOMAIN, "a", 3) == [] and reader.chunks([1]) == {}
    assert not (tmp_path / "none").exists()


def test_a_look_does_not_change_while_others_write(library):
    with StoreReader(library.index) as reader:
        before = reader.live(DOMAIN)
        library.write("even/0.md", "altogether different")
        library.update()
        assert reader.live(DOMAIN) == before
        assert len(reader.lexical(DOMAIN, '"subject0"', 5)) == 1
        found = reader.dense(DOMAIN, library.encoder.query("subject0"), 1)
        assert "subject0" in reader.chunks([found[0][0]])[found[0][0]].text
    assert library.found("altogether different", 1) == ["even/0.md:1"]


def test_what_a_killed_run_has_written_is_not_seen(library, monkeypatch):
    before = hits(library, "subject4", 10)
    library.write("even/4.md", "# New\n\nsubject4 in other words")
    library.write("even/new.md", "# New\n\nsubject4 once more")
    transactions = []
    whole = Truth.transaction

    def counted(truth):
        transactions.append(truth)
        if len(transactions) == 4:
            raise KeyboardInterrupt
        return whole(truth)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Truth, "transaction", counted)
        library.update()
    assert hits(library, "subject4", 10) == before
    library.encoder.embedded.clear()
    assert library.update().generation == 2
    assert library.encoder.embedded == []  # what was embedded before the kill is used
    assert library.found("subject4 once more", 1) == ["even/new.md:1"]


@pytest.mark.parametrize("is_undone", [True, False])
def test_an_edit_may_be_taken_back_before_a_killed_run_is_gone_on_with(library, monkeypatch, is_undone):
    from labmodels.embeddings.store import builds

    old = (library.root / "even" / "4.md").read_text()
    library.write("even/4.md", "# New\n\nother words")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(builds, "flip", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        library.update()
    library.write("even/4.md", old if is_undone else "# Newer\n\nyet other words")
    outcome = library.update()
    assert outcome.is_new != is_undone
    assert library.found("subject4" if is_undone else "yet other words", 1) == ["even/4.md:1"]
    with StoreReader(library.index) as reader:
        assert reader.live(DOMAIN).chunk_count == 30
        assert len(reader.lexical(DOMAIN, '"subject4"', 5)) == is_undone


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "longer", "header", "ids", "rows", "other index", "a folder"])
def test_a_damaged_file_costs_time_and_nothing_else(library, index_file, damage, tmp_path):
    sound = hits(library, "subject7 common", 8)
    data = bytearray(index_file.read_bytes())
    places = {"header": 40, "ids": 4096 + 3, "rows": 4096 + 8 * 30 + 4 * 256 * 7 + 3}
    if damage in places:
        data[places[damage]] ^= 0x40
    index_file.unlink()
    if damage == "a folder":
        index_file.mkdir()
    elif damage == "other index":
        other = Library(tmp_path / "other")
        other.write("x.md", "other")
        other.update()
        shutil.copy(other.index / "text" / f"{DOMAIN}.index", index_file)
    elif damage != "missing":
        index_file.write_bytes({"empty": b"", "cut": data[:-9], "longer": data + b"1"}.get(damage, bytes(data)))
    with StoreReader(library.index) as reader:
        assert reader.dense(DOMAIN, library.encoder.query("subject7 common"), 8) == near(sound)
        assert bool(reader.faults) == (damage not in ("missing", "other index"))


def test_a_damaged_file_is_made_again_by_the_next_update(library, index_file):
    sound = index_file.read_bytes()
    index_file.write_bytes(sound[:5000])
    assert not library.update().is_new
    assert index_file.read_bytes() == sound


def test_the_file_may_lag_behind(library, index_file, monkeypatch):
    old = index_file.read_bytes()
    library.write("even/new.md", "# New\n\nfresh words about subject7")
    (library.root / "odd" / "7.md").unlink()
    library.update()
    now = hits(library, "subject7", 30)
    index_file.write_bytes(old)  # as if the update had been killed before its last step
    assert hits(library, "subject7", 30) == near(now)
    index_file.unlink()
    assert hits(library, "subject7", 30) == near(now)
    assert library.found("fresh words", 1) == ["even/new.md:1"]


def test_globs_restrict_both_ways_of_searching(library):
    with StoreReader(library.index) as reader:
        for found in (
            reader.dense(DOMAIN, library.encoder.query("subject4"), 20, ["odd/**"]),
            reader.lexical(DOMAIN, '"common"', 20, ["odd/**"]),
        ):
            chunks = reader.chunks([identity for identity, _ in found])
            assert len(chunks) == 15 and all(chunk.path.startswith("odd/") for chunk in chunks.values())
        assert reader.dense(DOMAIN, library.encoder.query("subject4"), 20, ["none/*"]) == []


def test_one_text_in_many_places_is_found_in_each(library):
    for number in range(40):
        library.write(f"same/{number}.md", "# License\n\nthe same words everywhere")
    library.update()
    assert len({place for place in library.found("the same words everywhere", 40) if place.startswith("same/")}) == 40


def test_scores_are_those_of_the_vectors(library):
    found = hits(library, "subject9", 30)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    with StoreReader(library.index) as reader:
        for identity, chunk in reader.chunks([identity for identity, _ in found]).items():
            text = "\n".join([" > ".join(chunk.trail), chunk.text]) if chunk.trail else chunk.text
            cosine = float(library.encoder.query(text) @ library.encoder.query("subject9"))
            assert dict(found)[identity] == pytest.approx(cosine, abs=1e-3)


@pytest.mark.parametrize("expression", ["C++", "foo AND", '"open', "no_such:x", "(", "*"])
def test_what_is_no_expression_is_the_callers_error(library, expression):
    with StoreReader(library.index) as reader, pytest.raises(Usage, match="no full-text expression"):
        reader.lexical(DOMAIN, expression, 5)


def test_words_can_be_searched_while_the_first_build_is_made(tmp_path, monkeypatch):
    library = Library(tmp_path)
    library.write("a.md", "first words")
    from labmodels.embeddings.store import builds

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(builds, "flip", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        library.update()
    with StoreReader(library.index) as reader:
        assert reader.live(DOMAIN) is None
        [(identity, _)] = reader.lexical(DOMAIN, '"words"', 5)
        assert reader.chunks([identity])[identity].path == "a.md"
        assert reader.dense(DOMAIN, library.encoder.query("words"), 5) == []


def test_an_index_in_a_folder_that_nobody_may_write_is_searched(library):
    before = hits(library, "subject9")
    folders = [library.index, library.index / "text"]
    for folder in folders:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert hits(library, "subject9") == before
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_truth_that_is_damaged_says_how_to_mend_it(library):
    path = library.index / "index.db"
    path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(StorageFault, match="damaged") as raised, StoreReader(library.index) as reader:
        reader.live(DOMAIN)
    assert "update-embeddings --all" in raised.value.hint


def test_a_truth_of_a_later_version_is_left_alone(library):
    import sqlite3

    with sqlite3.connect(library.index / "index.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageFault, match="version 99"):
        StoreReader(library.index)
    with pytest.raises(StorageFault, match="version 99"):
        library.update()


def test_many_vectors_go_into_clusters_and_are_found_there(library, index_file, monkeypatch):
    pytest.importorskip("faiss")
    from labmodels.embeddings.store import clusters, derived

    exact = hits(library, "subject7", 10)
    monkeypatch.setattr(derived, "MOST_ROWS", 5)
    monkeypatch.setattr(clusters, "cluster_count", lambda count: 2)
    library.update(is_rebuild=True)
    places = {identity: score for identity, score in hits(library, "subject7", 10)}
    assert sorted(places.values(), reverse=True) == pytest.approx([score for _, score in exact])
    only = hits(library, "subject7", 20, ["odd/**"])
    assert len(only) == 15
    for number in range(8):
        library.write(f"more/{number}.md", f"added{number} later")
    (library.root / "odd" / "7.md").unlink()
    library.update()  # grows the clusters that are there
    assert library.found("added3 later", 1) == ["more/3.md:1"] and "odd/7.md:1" not in library.found("subject7", 40)
    data = bytearray(index_file.read_bytes())
    header = derived.DerivedIndex(index_file).header
    assert header.learned_from == 30 and header.count == 38
    data[4096 + 8 * header.count + 100] ^= 1  # what FAISS would follow
    index_file.write_bytes(bytes(data))
    with StoreReader(library.index) as reader:
        assert len(reader.dense(DOMAIN, library.encoder.query("added3 later"), 5)) == 5
        assert "clusters" in reader.faults[0]


def test_reading_leaves_nothing_open(library):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        hits(library, "subject1")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
