"""The file-system seam without a crash: what each operation leaves, also when the disk refuses. Crashes: tests/reliability."""

import errno
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.durable import DISK, FileSystem, use_wal
from labmodels.errors import ExitCode, StorageFault

PRIMITIVES = ("write_bytes", "append", "fsync_file", "fsync_folder", "rename", "symlink", "unlink", "mkdir", "rmdir")


class FailingAt(FileSystem):
    """Raises `code` at the `at`-th primitive and works before and after it."""

    def __init__(self, at: int, code: int) -> None:
        self.at = at
        self.code = code
        self.steps: list[str] = []


def _failing(name: str) -> Callable[..., None]:
    def primitive(self: FailingAt, *arguments: object) -> None:
        self.steps.append(name)
        if len(self.steps) - 1 == self.at:
            raise OSError(self.code, os.strerror(self.code), str(arguments[0]))
        getattr(FileSystem, name)(self, *arguments)

    return primitive


for _name in PRIMITIVES:
    setattr(FailingAt, _name, _failing(_name))


def tree(folder: Path) -> dict[str, bytes | str | None]:
    """Return everything below `folder`: contents of files, targets of links, None for folders."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = str(path.readlink()) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def prepare(root: Path) -> None:
    """Lay out one of everything that the operations below change."""
    (root / "file").write_bytes(b"old")
    (root / "journal").write_bytes(b"one\n")
    (root / "pointer").symlink_to("releases/1")
    for name in ("releases/1", "staged"):
        (root / name / "sub").mkdir(parents=True)
        (root / name / "sub" / "a").write_bytes(b"a")
        (root / name / "b").write_bytes(b"b")
        (root / name / "link").symlink_to("b")


OPERATIONS: dict[str, Callable[[FileSystem, Path], None]] = {
    "write_file": lambda files, root: files.write_file(root / "file", b"new"),
    "write_file, first": lambda files, root: files.write_file(root / "first", b"new"),
    "write_chunks": lambda files, root: files.write_chunks(root / "file", iter([b"n", b"e", b"w"])),
    "publish_file": lambda files, root: files.publish_file(root / "journal", root / "file"),
    "append_line": lambda files, root: files.append_line(root / "journal", "two"),
    "append_line, first": lambda files, root: files.append_line(root / "first", "two"),
    "make_folder": lambda files, root: files.make_folder(root / "x" / "y"),
    "replace_link": lambda files, root: files.replace_link(root / "pointer", "releases/2"),
    "replace_link, first": lambda files, root: files.replace_link(root / "first", "releases/2"),
    "publish_tree": lambda files, root: files.publish_tree(root / "staged", root / "releases" / "2"),
    "remove_tree": lambda files, root: files.remove_tree(root / "releases" / "1"),
}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_refusal_at_any_step_is_a_storage_fault_that_leaves_the_old_state_or_the_whole_new_one(operation, code, tmp_path):
    run = OPERATIONS[operation]
    (tmp_path / "new").mkdir()
    prepare(tmp_path / "new")
    before = tree(tmp_path / "new")
    counted = FailingAt(-1, code)
    run(counted, tmp_path / "new")
    after = tree(tmp_path / "new")
    assert counted.steps, "an operation without a primitive is not under test"

    for at in range(len(counted.steps)):
        root = tmp_path / str(at)
        root.mkdir()
        prepare(root)
        files = FailingAt(at, code)
        with pytest.raises(StorageFault, match=os.strerror(code)) as fault:
            run(files, root)
        assert fault.value.exit_code == ExitCode.STORAGE
        assert str(root) in str(fault.value)
        left = {name: content for name, content in tree(root).items() if ".trash-" not in name}
        halfway = {"x": None} if operation == "make_folder" else {}  # the parent alone is a state that the next call goes on from
        assert left in (before, after, before | halfway), f"half a state after {counted.steps[at]}"

        FileSystem.remove_tree(files, root / "releases" / "none")  # clears the trash of a removal that was cut short
        if "append" not in operation and tree(root) != after:
            run(DISK, root)
        assert "append" in operation or tree(root) == after, "the next call did not finish the work"


def test_a_written_file_replaces_the_old_one_and_has_the_mode_that_was_asked_for(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a longer old text")
    DISK.write_file(path, b"new")
    assert (path.read_bytes(), mode_of(path)) == (b"new", 0o600)
    DISK.write_file(path, b"", mode=0o640)
    assert (path.read_bytes(), mode_of(path)) == (b"", 0o640)
    assert names(tmp_path) == ["file"]


def test_a_name_of_255_bytes_can_be_written(tmp_path):
    path = tmp_path / ("é" * 127 + "x")
    DISK.write_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_file_is_written_in_place_of_a_link_never_through_it(tmp_path):
    (tmp_path / "target").write_bytes(b"kept")
    (tmp_path / "file").symlink_to("target")
    DISK.write_file(tmp_path / "file", b"new")
    assert (tmp_path / "target").read_bytes() == b"kept"
    assert not (tmp_path / "file").is_symlink()


def test_the_order_of_steps_is_contents_then_name_then_folder(tmp_path):
    files = FailingAt(-1, 0)
    files.write_file(tmp_path / "file", b"new")
    assert files.steps == ["write_bytes", "fsync_file", "rename", "fsync_folder"]


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n\0\x18")), max_size=5), st.binary(max_size=9))
def test_lines_come_back_as_they_were_added_around_a_torn_one(tmp_path_factory, lines, torn):
    path = tmp_path_factory.mktemp("journal") / "journal"
    torn = torn.replace(b"\n", b"")
    for line in lines:
        DISK.append_line(path, line)
    assert DISK.read_lines(path) == lines

    with path.open("ab") as file:
        file.write(torn)
    assert DISK.read_lines(path) == lines, "a line that is still being written was read"
    DISK.append_line(path, "after")
    assert DISK.read_lines(path) == [*lines, "after"]


def test_a_line_in_which_the_file_system_lost_the_data_is_not_read(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(b'one\n{"tw\0\0\0\0"}\nthree\n')
    assert DISK.read_lines(path) == ["one", "three"]


def test_an_appended_line_may_bring_its_newline_but_no_second_one(tmp_path):
    DISK.append_line(tmp_path / "journal", "one\n")
    assert (tmp_path / "journal").read_bytes() == b"one\n"
    assert mode_of(tmp_path / "journal") == 0o600
    for line in ("two\nthree", "\n\n", "a\0b", "a\x18b"):
        with pytest.raises(ValueError, match="journal"):
            DISK.append_line(tmp_path / "journal", line)
    assert DISK.read_lines(tmp_path / "journal") == ["one"]
    assert DISK.read_lines(tmp_path / "absent") == []


def test_a_short_append_on_a_full_disk_is_a_fault_and_its_piece_is_never_read(tmp_path):
    class Full(FileSystem):
        def append(self, path, data, mode=0o600):
            super().append(path, data[:3], mode)
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    path = tmp_path / "journal"
    DISK.append_line(path, "one")
    with pytest.raises(StorageFault, match="No space left"):
        Full().append_line(path, "two")
    assert DISK.read_lines(path) == ["one"]
    DISK.append_line(path, "three")
    assert DISK.read_lines(path) == ["one", "three"]


def test_folders_are_made_with_their_parents_and_a_second_time_is_no_change(tmp_path):
    DISK.make_folder(tmp_path / "a" / "b")
    (tmp_path / "a").chmod(0o755)
    DISK.make_folder(tmp_path / "a" / "b")
    assert (mode_of(tmp_path / "a"), mode_of(tmp_path / "a" / "b")) == (0o755, 0o700)
    (tmp_path / "file").touch()
    with pytest.raises(StorageFault, match="file/x"):
        DISK.make_folder(tmp_path / "file" / "x")


def test_two_threads_make_the_same_folders_without_a_fault(tmp_path):
    faults: list[BaseException] = []
    start = threading.Barrier(4)

    def make() -> None:
        try:
            start.wait()
            for number in range(30):
                DISK.make_folder(tmp_path / str(number) / "x" / "y")
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not faults
    assert (tmp_path / "29" / "x" / "y").is_dir()


def test_a_reader_of_a_pointer_never_finds_it_missing_or_on_another_target(tmp_path):
    pointer = tmp_path / "current"
    DISK.replace_link(pointer, "releases/0")
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                seen.add(str(pointer.readlink()))
            except OSError as error:
                seen.add(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        DISK.replace_link(pointer, f"releases/{number}")
    done.set()
    reader.join(30)
    assert len(seen) > 1, "the reader saw no change at all"
    assert seen <= {f"releases/{number}" for number in range(100)}
    assert names(tmp_path) == ["current"]


def test_a_published_tree_is_synced_file_by_file_before_its_name_is_given(tmp_path):
    prepare(tmp_path)
    files = FailingAt(-1, 0)
    files.publish_tree(tmp_path / "staged", tmp_path / "releases" / "2")
    assert files.steps == ["fsync_file", "fsync_file", "fsync_folder", "fsync_folder", "rename", "fsync_folder", "fsync_folder"]
    with pytest.raises(StorageFault, match="publish"):
        DISK.publish_tree(tmp_path / "releases" / "1", tmp_path / "releases" / "2")
    assert (tmp_path / "releases" / "1" / "b").exists()


def test_removal_takes_links_but_not_what_they_lead_to_and_clears_the_leftovers_of_crashed_removals(tmp_path):
    prepare(tmp_path)
    (tmp_path / "releases" / "1" / "outside").symlink_to(tmp_path / "staged")
    (tmp_path / "releases" / ".trash-0-x.abc.tmp").mkdir()
    (tmp_path / "releases" / ".trash-0-x.abc.tmp" / "half").touch()
    DISK.remove_tree(tmp_path / "releases" / "1")
    DISK.remove_tree(tmp_path / "releases" / "1")
    DISK.remove_tree(tmp_path / "nowhere" / "1")
    assert names(tmp_path / "releases") == []
    assert (tmp_path / "staged" / "sub" / "a").exists()


def test_leftovers_are_the_temporary_names_alone(tmp_path):
    (tmp_path / ".file.0123.tmp").touch()
    (tmp_path / ".pointer.0123.tmp").symlink_to("nowhere")
    (tmp_path / ".staged.0123.tmp").mkdir()
    (tmp_path / ".staged.0123.tmp" / "x").touch()
    for kept in (".gitignore", "notes.tmp", "release.json"):
        (tmp_path / kept).touch()
    DISK.remove_leftovers(tmp_path)
    assert names(tmp_path) == [".gitignore", "notes.tmp", "release.json"]


def test_an_interrupt_leaves_no_temporary_name(tmp_path):
    class Interrupted(FileSystem):
        def rename(self, src, dst):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Interrupted().write_file(tmp_path / "file", b"new")
    assert names(tmp_path) == []


def test_a_new_file_whose_lock_is_taken_is_waited_for():
    class Reluctant:
        refusals = 2

        def execute(self, statement):
            if self.refusals:
                self.refusals -= 1
                raise sqlite3.OperationalError("database is locked")
            self.done = statement

    connection = Reluctant()
    use_wal(connection, wait_s=10)
    assert connection.done == "PRAGMA journal_mode = WAL"


def test_a_file_that_stays_locked_is_not_waited_for_longer_than_told():
    class Locked:
        def execute(self, _):
            raise sqlite3.OperationalError("database is locked")

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_wal(Locked(), wait_s=0)
