"""durable.py under cuts of the power; and the model itself, which must find each planted bug by the same invariants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labmodels.durable import DISK, FileSystem
from tests.reliability.planted import (
    NeverSyncsFiles,
    NeverSyncsFolders,
    PublishesUnsynced,
    RemovesWithoutMovingAside,
    WritesInPlace,
)
from tests.reliability.power_loss import CrashState, Recording, crash_states

SAMPLES = 40
LONG = b"new contents that are long enough to be cut short"


def write_file(files: FileSystem, root: Path) -> None:
    files.write_file(root / "file", LONG)


def is_old_or_new(state: CrashState) -> None:
    assert (state.root / "file").read_bytes() in ((LONG,) if state.has_returned else (b"old", LONG))


def append_lines(files: FileSystem, root: Path) -> None:
    for line in ("two", "three"):
        files.append_line(root / "journal", line)
    files.append_line(root / "second", "first of a new journal")


def has_whole_lines_in_order(state: CrashState) -> None:
    lines = DISK.read_lines(state.root / "journal")
    assert lines == ["one", "two", "three"][: len(lines)] and lines
    second = DISK.read_lines(state.root / "second")
    assert second == ["first of a new journal"][: len(second)]
    if state.has_returned:
        assert (len(lines), len(second)) == (3, 1)
    DISK.append_line(state.root / "journal", "after")
    assert DISK.read_lines(state.root / "journal") == [*lines, "after"]


def publish(files: FileSystem, root: Path) -> None:
    files.make_folder(root / "staging" / "2.tmp" / "sources")
    files.write_bytes(root / "staging" / "2.tmp" / "release.json", LONG, 0o600)
    files.write_bytes(root / "staging" / "2.tmp" / "sources" / "a.yaml", LONG, 0o600)
    files.publish_tree(root / "staging" / "2.tmp", root / "releases" / "2")
    files.replace_link(root / "current", "releases/2")


def pointer_before_data(files: FileSystem, root: Path) -> None:
    files.make_folder(root / "releases" / "2")
    files.write_bytes(root / "releases" / "2" / "release.json", LONG, 0o600)
    files.replace_link(root / "current", "releases/2")
    files.sync_tree(root / "releases" / "2")


def points_at_a_whole_release(state: CrashState) -> None:
    name = str((state.root / "current").readlink())
    assert name in ("releases/1", "releases/2")
    assert (state.root / "current" / "release.json").read_bytes() == {"releases/1": b"old", "releases/2": LONG}[name]
    assert name == "releases/1" or (state.root / "current" / "sources" / "a.yaml").read_bytes() == LONG
    if state.has_returned:
        assert name == "releases/2"


def remove(files: FileSystem, root: Path) -> None:
    files.remove_tree(root / "releases" / "1")


def is_whole_or_gone(state: CrashState) -> None:
    folder = state.root / "releases" / "1"
    assert not folder.exists() or (not state.has_returned and len(list(folder.rglob("*"))) == 4)
    DISK.remove_tree(folder)
    assert list((state.root / "releases").iterdir()) == []


def make_folder(files: FileSystem, root: Path) -> None:
    files.make_folder(root / "a" / "b" / "c")


def is_made_when_promised(state: CrashState) -> None:
    assert (state.root / "a" / "b" / "c").is_dir() or not state.has_returned


SOUND = [
    (write_file, is_old_or_new),
    (append_lines, has_whole_lines_in_order),
    (publish, points_at_a_whole_release),
    (remove, is_whole_or_gone),
    (make_folder, is_made_when_promised),
]


class OverlooksTornLines(Recording):
    def append_line(self, path: Path, line: str, mode: int = 0o600) -> None:
        for piece in (line[:2], line[2:] + "\n"):
            self.append(path, piece.encode())
            self.fsync_file(path)
        self.fsync_folder(path.parent)

    def read_lines(self, path: Path) -> list[str]:
        return path.read_text().splitlines()


PLANTED = [
    (WritesInPlace, write_file, is_old_or_new),
    (NeverSyncsFiles, write_file, is_old_or_new),
    (NeverSyncsFolders, write_file, is_old_or_new),
    (NeverSyncsFiles, append_lines, has_whole_lines_in_order),
    (NeverSyncsFolders, append_lines, has_whole_lines_in_order),
    (NeverSyncsFiles, publish, points_at_a_whole_release),
    (NeverSyncsFolders, publish, points_at_a_whole_release),
    (PublishesUnsynced, publish, points_at_a_whole_release),
    (Recording, pointer_before_data, points_at_a_whole_release),
    (NeverSyncsFolders, remove, is_whole_or_gone),
    (RemovesWithoutMovingAside, remove, is_whole_or_gone),
    (NeverSyncsFolders, make_folder, is_made_when_promised),
]


@pytest.fixture
def before(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "journal").write_bytes(b"one\n")
    (tmp_path / "staging").mkdir()
    (tmp_path / "releases" / "1" / "sources").mkdir(parents=True)
    for name in ("release.json", "sources/a.yaml", "sources/b.yaml"):
        (tmp_path / "releases" / "1" / name).write_bytes(b"old")
    (tmp_path / "current").symlink_to("releases/1")
    return tmp_path


@pytest.mark.parametrize(("run", "invariant"), SOUND, ids=lambda part: part.__name__)
def test_after_a_power_cut_at_any_point_there_is_the_old_state_or_the_new_one(run, invariant, before):
    states = returned = 0
    for state in crash_states(run, before, SAMPLES, seed=1):
        states, returned = states + 1, returned + state.has_returned
        invariant(state)
    assert states > 2 and returned, "nothing was cut"


@pytest.mark.parametrize(("recording", "run", "invariant"), PLANTED, ids=lambda part: part.__name__)
def test_a_planted_bug_is_caught(recording: type[Recording], run: Callable, invariant: Callable[[CrashState], None], before: Path):
    with pytest.raises((AssertionError, FileNotFoundError)) as caught:
        for state in crash_states(run, before, SAMPLES, seed=1, recording=recording):
            invariant(state)
    assert "without durable.py" not in str(caught.value), "caught for another reason than the bug"


def test_a_journal_written_in_two_pieces_shows_a_torn_line_to_a_naive_reader(before):
    seen = set()
    for state in crash_states(append_lines, before, SAMPLES, seed=1, recording=OverlooksTornLines):
        seen.update(OverlooksTornLines(state.root).read_lines(state.root / "journal"))
    assert not seen <= {"one", "two", "three"}


def test_each_outcome_of_an_unsynced_rename_and_of_unsynced_contents_is_tried(before):
    class Careless(Recording):
        def write_file(self, path: Path, data: bytes, mode: int = 0o600) -> None:
            self.write_bytes(path.with_suffix(".tmp"), data, mode)
            self.rename(path.with_suffix(".tmp"), path)

    found = {(state.root / "file").read_bytes() for state in crash_states(write_file, before, 200, seed=2, recording=Careless)}
    assert {b"old", LONG, b"", bytes(len(LONG))} <= found
    assert any(LONG.startswith(text) and 0 < len(text) < len(LONG) for text in found), "never cut short"
    assert any(text.startswith(b"new") and text.endswith(b"\0") for text in found), "never cut short with zeros after it"


def test_folders_lose_their_changes_independently_but_each_in_order(before):
    def run(files: FileSystem, root: Path) -> None:
        for name in ("a", "b"):
            files.write_bytes(root / name, b"", 0o600)
            files.write_bytes(root / "staging" / name, b"", 0o600)

    found = set()
    for state in crash_states(run, before, 100, seed=3):
        found.add(tuple((state.root / name).exists() for name in ("a", "b", "staging/a", "staging/b")))
    assert {(True, True, False, False), (False, False, True, True), (True, False, False, False)} <= found
    assert not {outcome for outcome in found if (outcome[1] and not outcome[0]) or (outcome[3] and not outcome[2])}


def test_a_rename_between_two_folders_is_never_seen_half(before):
    def run(files: FileSystem, root: Path) -> None:
        files.rename(root / "file", root / "staging" / "file")

    found = {
        ((state.root / "file").exists(), (state.root / "staging" / "file").exists()) for state in crash_states(run, before, 50, seed=4)
    }
    assert found == {(True, False), (False, True)}


def test_a_write_around_the_seam_is_reported_and_a_lock_file_is_not(before):
    def run(files: FileSystem, root: Path) -> None:
        (root / "lock").touch()
        (root / "stray").write_text("x")

    with pytest.raises(AssertionError, match=r"without durable.py.*'/stray'") as report:
        next(crash_states(run, before, 1, seed=5))
    assert "lock'" not in str(report.value)


def test_a_name_removed_around_the_seam_and_created_again_is_reported(before):
    def run(files: FileSystem, root: Path) -> None:
        (root / "current").unlink()
        files.symlink("releases/1", root / "current")

    with pytest.raises(AssertionError, match=r"removed without durable.py.*current"):
        next(crash_states(run, before, 1, seed=5))


def test_the_same_seed_gives_the_same_states(before):
    def contents() -> list[bytes]:
        return [(state.root / "file").read_bytes() for state in crash_states(write_file, before, 30, seed=6)]

    assert contents() == contents()
