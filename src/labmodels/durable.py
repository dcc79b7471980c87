"""The file-system seam: staged, fsynced, renamed writes, and the one place where tests cut the power.

Every change of state on disk goes through `FileSystem`. Its primitives are single steps that tests override to fail, to lie or to
lose power; its operations are built on the primitives alone, so what is shown of them there holds for the product. Who may write when
(locks), what a file means and when it may go are left to the callers; rows belong to the ledger's transactions.

An operation that raises `StorageFault` left the old state, or the new one whose last fsync failed; never half of one. A crash leaves at
most names that start with `.` and end in `.tmp`, which no reader looks at and `remove_leftovers` deletes.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from labmodels.errors import StorageFault

# Ends a line that a crash or a full disk cut short. "Cancel" says just that, and no JSON text can hold the raw character.
_CANCEL = b"\x18"
# What a file system may show where a size reached the disk before the data did.
_HOLE = b"\0"


class FileSystem:
    """Primitives that raise `OSError` (tests override them), and the atomic, durable operations on top, which raise `StorageFault`."""

    # -- primitives: one step each, nothing durable until the matching fsync

    def write_bytes(self, path: Path, data: bytes, mode: int) -> None:
        """Create `path`, which must not exist yet, with `data` and `mode` (less the umask)."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)

    def append(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        """Add `data` to the end of `path` in one write; the file is created with `mode` if need be. A short write is an error."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode)
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        finally:
            os.close(descriptor)

    def fsync_file(self, path: Path) -> None:
        """Make the contents of `path` durable; its name becomes so with `fsync_folder`."""
        _fsync(path, os.O_RDONLY)

    def fsync_folder(self, path: Path) -> None:
        """Make the names in `path` durable: what was created, renamed or unlinked there."""
        _fsync(path, os.O_RDONLY | os.O_DIRECTORY)

    def rename(self, src: Path, dst: Path) -> None:
        """Give `src` the name `dst`, atomically, in place of whatever file or empty folder had it."""
        src.rename(dst)

    def symlink(self, target: str, path: Path) -> None:
        """Create the link `path` that holds the text `target`."""
        path.symlink_to(target)

    def unlink(self, path: Path) -> None:
        """Delete the file or link `path`."""
        path.unlink()

    def mkdir(self, path: Path, mode: int) -> None:
        """Create the folder `path` with `mode` (less the umask)."""
        path.mkdir(mode)

    def rmdir(self, path: Path) -> None:
        """Delete the empty folder `path`."""
        path.rmdir()

    # -- operations

    def write_file(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        """Replace the file `path` by `data`, all or nothing, durably."""
        staged = _temporary(path)
        with _storage("write", path), self._unlinked_on_failure(staged):
            self.write_bytes(staged, data, mode)
            self.fsync_file(staged)
            self.rename(staged, path)
            self.fsync_folder(path.parent)

    def write_chunks(self, path: Path, chunks: Iterable[bytes], mode: int = 0o600) -> None:
        """Replace the file `path` by what `chunks` yields, all or nothing, durably: for what is too large to be held as one."""
        staged = _temporary(path)
        with _storage("write", path), self._unlinked_on_failure(staged):
            for chunk in chunks:
                self.append(staged, chunk, mode)
            self.fsync_file(staged)
            self.rename(staged, path)
            self.fsync_folder(path.parent)

    def publish_file(self, staged: Path, final: Path) -> None:
        """Give the file `staged` the name `final` in the same folder once it is durable. After a fault `staged` stays."""
        with _storage("publish", final):
            self.fsync_file(staged)
            self.rename(staged, final)
            self.fsync_folder(final.parent)

    def append_line(self, path: Path, line: str, mode: int = 0o600) -> None:
        """Add `line` (its newline is optional) to `path`, durably. What a crash left of a last line is marked, and never read."""
        data = line.removesuffix("\n").encode()
        if any(byte in data for byte in (b"\n", _CANCEL, _HOLE)):
            raise ValueError("a line of a journal holds no newline, NUL or CAN")
        with _storage("append to", path):
            is_new = not path.exists()
            repair = b"" if is_new or _ends_whole(path) else _CANCEL + b"\n"
            self.append(path, repair + data + b"\n", mode)
            self.fsync_file(path)
            if is_new:
                self.fsync_folder(path.parent)

    def read_lines(self, path: Path) -> list[str]:
        """Return the complete lines of `path` without their newlines: none that was cut short, none that is still being written.

        An absent file has no lines.
        """
        with _storage("read", path):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return []
        whole = data.split(b"\n")[:-1]
        return [line.decode(errors="replace") for line in whole if not line.endswith(_CANCEL) and _HOLE not in line]

    def make_folder(self, path: Path, mode: int = 0o700) -> None:
        """Create the folder `path` and its missing parents with `mode`, durably; an existing folder is left as it is."""
        with _storage("create the folder", path):
            missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
            for folder in reversed(missing):
                try:
                    self.mkdir(folder, mode)
                except FileExistsError:
                    if not folder.is_dir():
                        raise
                self.fsync_folder(folder.parent)

    def sync_tree(self, folder: Path) -> None:
        """Make everything below `folder` durable, contents before the names that lead to them; links are not followed."""
        with _storage("sync", folder):
            self._sync_tree(folder)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in `folder` durable."""
        with _storage("sync", folder):
            self.fsync_folder(folder)

    def replace_link(self, pointer: Path, target: str) -> None:
        """Make the link `pointer` hold `target`, all or nothing, durably. What `target` names must be durable before."""
        staged = _temporary(pointer)
        with _storage("point", pointer), self._unlinked_on_failure(staged):
            self.symlink(target, staged)
            self.rename(staged, pointer)
            self.fsync_folder(pointer.parent)

    def publish_tree(self, staged: Path, final: Path) -> None:
        """Give the folder `staged` the name `final`, which must not be taken, once all of it is durable. After a fault `staged` stays."""
        with _storage("publish", final):
            self._sync_tree(staged)
            self.rename(staged, final)
            self.fsync_folder(final.parent)
            if staged.parent != final.parent:
                self.fsync_folder(staged.parent)

    def remove_tree(self, folder: Path) -> None:
        """Delete `folder`, which need not exist: its name goes before its files do. What crashed removals left beside it goes too."""
        trash = _temporary(folder, prefix=".trash-")
        with _storage("remove", folder):
            with suppress(FileNotFoundError):
                self.rename(folder, trash)
                # Else a power cut could bring the name back over half of the contents.
                self.fsync_folder(folder.parent)
            self._delete_matching(folder.parent, ".trash-")

    def remove_leftovers(self, folder: Path) -> None:
        """Delete the temporary names that crashed processes left directly in `folder`. The caller holds the lock of all who write there."""
        with _storage("clean", folder):
            self._delete_matching(folder, ".")

    # -- steps of the operations

    @contextmanager
    def _unlinked_on_failure(self, staged: Path) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with suppress(OSError):
                self.unlink(staged)
            raise

    def _sync_tree(self, folder: Path) -> None:
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False):
                self._sync_tree(Path(entry))
            elif entry.is_file(follow_symlinks=False):
                self.fsync_file(Path(entry))
        self.fsync_folder(folder)

    def _delete_matching(self, folder: Path, prefix: str) -> None:
        for entry in _entries(folder) if folder.is_dir() else []:
            if entry.name.startswith(prefix) and entry.name.endswith(".tmp"):
                self._delete(entry)

    def _delete(self, entry: os.DirEntry[str]) -> None:
        # Two processes may clear the same leftovers: what the other one deleted first is as gone as it should be.
        with suppress(FileNotFoundError):
            if not entry.is_dir(follow_symlinks=False):
                self.unlink(Path(entry))
                return
            for child in _entries(Path(entry)):
                self._delete(child)
            self.rmdir(Path(entry))


DISK = FileSystem()
"""The real file system, for everything but tests."""


def use_wal(connection: Any, wait_s: float) -> None:
    """Switch a new SQLite file to WAL, waiting for others who open it in this moment: SQLite itself would not, and fail.

    Raises `sqlite3.OperationalError` when the file stays locked for `wait_s` seconds.
    """
    import sqlite3

    ends_at = time.monotonic() + wait_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends_at:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def _storage(verb: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFault.of(error, f"{verb} {path}") from error


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary(path: Path, prefix: str = ".") -> Path:
    # Beside its target, because a rename is atomic within one file system only; cut, because a name holds 255 bytes.
    name = os.fsdecode(os.fsencode(path.name)[:200])
    return path.with_name(f"{prefix}{name}.{os.urandom(6).hex()}.tmp")


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        return file.read(1) in (b"", b"\n")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
