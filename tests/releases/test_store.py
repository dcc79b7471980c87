import json
import os

import pytest

from labmodels.errors import StorageFault
from labmodels.releases.content import Content, Entry
from labmodels.releases.journal import Journal, who
from labmodels.releases.store import Damaged, ReleaseStore, modified_files, read_release, read_sources

FACTS = {
    "environment": "dev",
    "created_at": "2026-11-23T12:00:00+00:00",
    "created_by": "me@here",
    "why": "",
    "base": None,
    "rollback_of": None,
}
CONTENT = Content(
    {"name": "lab"},
    {"gpt-4": Entry("language_model", "configs/a/b.yaml", {"x": 1})},
    (),
    {"labmodels.yaml": "name: lab\n", "configs/a/b.yaml": "x: 1\r\n# é"},
)


@pytest.fixture
def store(tmp_path):
    found = ReleaseStore(tmp_path / "dev")
    found.prepare()
    return found


def write(store, number=1, content=CONTENT):
    return store.write(number, content, FACTS)


def test_what_is_written_is_read_back_and_is_not_live_yet(store):
    folder = write(store)
    release = read_release(folder)
    assert (release.number, release.content, release.digest) == (1, CONTENT, CONTENT.digest)
    assert folder.name == f"1-{CONTENT.digest[:12]}" == release.label.replace("release ", "").replace(" (", "-").rstrip(")")
    assert read_sources(release, release.files) == CONTENT.sources
    assert store.live() is None and not modified_files(folder)
    assert (store.standing().release, store.standing().number, store.standing().faults()) == (None, None, ())


def test_everything_is_for_its_owner_alone(store):
    write(store)
    assert {path.stat().st_mode & 0o077 for path in store.folder.rglob("*") if not path.is_symlink()} == {0}


def test_flipping_makes_one_release_live_at_a_time(store):
    for number in (1, 2):
        store.flip(write(store, number))
        assert store.live().number == store.standing().number == number
    assert str(store.pointer.readlink()) == f"releases/2-{CONTENT.digest[:12]}", "relative: a lab can be moved"


@pytest.mark.parametrize("key", ["number", "digest", "lab", "configs", "why", "files", "seal", "base"])
def test_a_manifest_in_which_one_value_was_changed_or_removed_is_damaged(store, key):
    path = write(store) / "release.json"
    data = json.loads(path.read_text())
    for spoiled in ({**data, key: "other"}, {name: value for name, value in data.items() if name != key}):
        path.write_text(json.dumps(spoiled))
        with pytest.raises(Damaged, match=r"release\.json is damaged"):
            read_release(path.parent)
        assert modified_files(path.parent) == ["release.json"]


@pytest.mark.parametrize("text", ["", "null", "[]", "7", '"x"', "{", "\xff\xfe"])
def test_any_other_manifest_is_damaged_and_nothing_else(store, text):
    path = write(store) / "release.json"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(Damaged):
        read_release(path.parent)


def test_a_source_that_was_changed_added_or_removed_is_named(store):
    folder = write(store)
    release = read_release(folder)
    (folder / "sources" / "configs" / "a" / "b.yaml").write_text("y: 2")
    assert modified_files(folder) == ["configs/a/b.yaml"]
    with pytest.raises(Damaged, match=r"b\.yaml is damaged: it is not what was deployed"):
        read_sources(release, ["configs/a/b.yaml"])
    assert read_sources(release, ["labmodels.yaml"]) == {"labmodels.yaml": "name: lab\n"}
    (folder / "sources" / "labmodels.yaml").unlink()
    (folder / "sources" / "new").write_text("")
    assert modified_files(folder) == ["configs/a/b.yaml", "labmodels.yaml", "new"]


def test_a_pointer_to_nothing_is_damage_with_the_number_that_was_live(store):
    store.pointer.symlink_to("releases/7-0123456789ab")
    with pytest.raises(Damaged, match="the live release is missing"):
        store.live()
    standing = store.standing()
    assert (standing.number, standing.short_digest, standing.release) == (7, "0123456789ab", None)
    assert standing.label == "release 7 (0123456789ab), which is damaged" and len(standing.faults()) == 1


def test_a_pointer_that_is_no_link_is_a_fault_of_the_storage(store):
    store.pointer.write_text("x")
    with pytest.raises(StorageFault, match=r"cannot read .*current"):
        store.live()


def test_only_published_folders_count(store):
    write(store, 3)
    for name in (".4-0123456789ab.tmp", "notes", "5-short", "x-0123456789ab"):
        (store.releases / name).mkdir()
    assert list(store.numbered()) == [3] and store.release(4) is None


def test_a_leftover_of_a_crash_does_not_stand_in_the_way(store):
    staged = store.releases / f".1-{CONTENT.digest[:12]}.tmp"
    (staged / "sources").mkdir(parents=True)
    (staged / "sources" / "old").write_text("x")
    assert not modified_files(write(store))


def test_journal_lines_are_added_and_read_in_order(store):
    for number in range(3):
        store.journal.add("intent", f"id{number}", release=number, why="Grüße\nzwei")
    events = Journal(store.folder / "journal.jsonl", store.files).events()
    assert [(event.event, event.id, event.details["release"]) for event in events] == [("intent", f"id{n}", n) for n in range(3)]
    assert events[0].details["why"] == "Grüße\nzwei" and events[0].by == who()


def test_who_acts_is_known_without_an_account(monkeypatch):
    def nobody():
        raise OSError("No username set in the environment")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert who().split("@")[0] == str(os.getuid())
