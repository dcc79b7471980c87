"""A model of power loss behind the file-system seam: runs something for real, then builds the trees that a cut of the power could leave.

What the model lets happen, for every point between two primitives of the run:

- contents that were not fsynced are there, or not, or cut short, or zeros of the right length;
- names that were created, renamed or unlinked without an fsync of their folder are so, or not. Within one folder such changes survive in
  their order (what the journals of ext4, XFS and Btrfs keep); between folders in any. A rename is atomic, also between two folders.

It knows nothing of labs: the caller brings a run, and checks each tree. SQLite's files and lock files do not go through the seam; any other
file that does not is reported, because nothing would be known of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from random import Random
from shutil import copytree, rmtree

from labmodels.durable import FileSystem

NOT_OF_THE_SEAM = ("lock", "*.lock", "*.db", "*.db-wal", "*.db-shm", "*.db-journal")


@dataclass(eq=False)
class File:
    """A file: what would survive for sure, and what a reader sees now."""

    mode: int
    durable: bytes = b""
    seen: bytes = b""


@dataclass(eq=False)
class Link:
    """A symbolic link; it is as durable as its name."""

    target: str


@dataclass(eq=False)
class Folder:
    """A folder: the names that it held at first, and what a reader sees now."""

    mode: int
    first: dict[str, Node] = field(default_factory=dict)
    seen: dict[str, Node] = field(default_factory=dict)


Node = File | Link | Folder


@dataclass(eq=False)
class Change:
    """One atomic change of names: what each (folder, name) leads to after it, None for nothing."""

    entries: list[tuple[Folder, str, Node | None]]
    is_durable: bool = False

    def touches(self, folder: Folder) -> bool:
        """Say whether a name in `folder` is part of it."""
        return any(held is folder for held, _, _ in self.entries)


@dataclass(frozen=True)
class Step:
    """One primitive as it was called; paths are relative to the root."""

    name: str
    path: Path
    data: bytes = b""
    mode: int = 0o600
    other: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.path} {self.other}".rstrip()


class Recording(FileSystem):
    """The real file system that also writes down each primitive below `root`. Planted bugs subclass it."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.steps: list[Step] = []

    def _note(self, name: str, path: Path, **rest: object) -> None:
        self.steps.append(Step(name, self._relative(path), **rest))  # type: ignore[arg-type]

    def _relative(self, path: Path) -> Path:
        # The parent is resolved and not the path: a primitive acts on a link itself, and on what a link among its parents leads to.
        return (path.parent.resolve() / path.name).relative_to(self.root) if path != self.root else Path()

    def write_bytes(self, path: Path, data: bytes, mode: int) -> None:
        super().write_bytes(path, data, mode)
        self._note("write_bytes", path, data=bytes(data), mode=mode)

    def append(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        super().append(path, data, mode)
        self._note("append", path, data=bytes(data), mode=mode)

    def fsync_file(self, path: Path) -> None:
        super().fsync_file(path)
        self._note("fsync_file", path.resolve())

    def fsync_folder(self, path: Path) -> None:
        super().fsync_folder(path)
        # The folder that holds the root is not of this model.
        if path.resolve() != self.root.parent:
            self._note("fsync_folder", path.resolve())

    def rename(self, src: Path, dst: Path) -> None:
        source = self._relative(src)
        super().rename(src, dst)
        self._note("rename", dst, other=str(source))

    def symlink(self, target: str, path: Path) -> None:
        super().symlink(target, path)
        self._note("symlink", path, other=target)

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self._note("unlink", path)

    def mkdir(self, path: Path, mode: int) -> None:
        super().mkdir(path, mode)
        self._note("mkdir", path, mode=mode)

    def rmdir(self, path: Path) -> None:
        super().rmdir(path)
        self._note("rmdir", path)


class ModelDisk:
    """The tree as the steps build it, which knows of every part whether it is durable."""

    def __init__(self, start: Node) -> None:
        self.root = deepcopy(start)
        assert isinstance(self.root, Folder)
        self.changes: list[Change] = []

    def apply(self, step: Step) -> None:
        """Carry out one step."""
        getattr(self, f"_{step.name}")(step)

    def _write_bytes(self, step: Step) -> None:
        self._change((step.path, File(step.mode, seen=step.data)))

    def _append(self, step: Step) -> None:
        if step.path.name not in self._folder(step.path.parent).seen:
            self._change((step.path, File(step.mode)))
        self._file(step.path).seen += step.data

    def _fsync_file(self, step: Step) -> None:
        file = self._file(step.path)
        file.durable = file.seen

    def _fsync_folder(self, step: Step) -> None:
        folder = self._folder(step.path)
        for change in self.changes:
            change.is_durable |= change.touches(folder)

    def _rename(self, step: Step) -> None:
        source = Path(step.other)
        self._change((source, None), (step.path, self._folder(source.parent).seen[source.name]))

    def _symlink(self, step: Step) -> None:
        self._change((step.path, Link(step.other)))

    def _unlink(self, step: Step) -> None:
        self._change((step.path, None))

    def _mkdir(self, step: Step) -> None:
        self._change((step.path, Folder(step.mode)))

    _rmdir = _unlink

    def _change(self, *entries: tuple[Path, Node | None]) -> None:
        change = Change([(self._folder(path.parent), path.name, node) for path, node in entries])
        if len(entries) == 1 and entries[0][1] is not None:
            path = entries[0][0]
            assert path.name not in self._folder(path.parent).seen, (
                f"removed without durable.py, so a power cut may do anything to it: {path}"
            )
        self.changes.append(change)
        for folder, name, node in change.entries:
            _bind(folder.seen, name, node)

    def _folder(self, path: Path) -> Folder:
        node: Node = self.root
        for part in path.parts:
            assert isinstance(node, Folder)
            node = node.seen[part]
        assert isinstance(node, Folder)
        return node

    def _file(self, path: Path) -> File:
        node = self._folder(path.parent).seen[path.name]
        assert isinstance(node, File)
        return node

    def pending(self) -> dict[int, list[Change]]:
        """Return the changes that a cut may undo, in order, by folder."""
        by_folder: dict[int, list[Change]] = {}
        for change in self.changes:
            if not change.is_durable:
                for folder in {id(held) for held, _, _ in change.entries}:
                    by_folder.setdefault(folder, []).append(change)
        return by_folder


@dataclass(frozen=True)
class Cut:
    """What chance decides when the power goes: how many pending changes of a folder survive, and what is left of unsynced contents."""

    survivors: Callable[[int], int]
    contents: Callable[[bytes, bytes], bytes]


def _zeros(durable: bytes, seen: bytes) -> bytes:
    return durable + bytes(len(seen) - len(durable))


# The four corners, tried at every point: the journal ahead of the data with and without its length, neither, and both.
CORNERS = (
    Cut(lambda pending: pending, lambda durable, seen: durable),
    Cut(lambda pending: pending, _zeros),
    Cut(lambda pending: 0, lambda durable, seen: durable),
    Cut(lambda pending: pending, lambda durable, seen: seen),
)


def _random_cut(chance: Random) -> Cut:
    def torn(durable: bytes, seen: bytes) -> bytes:
        kept = chance.randint(len(durable), len(seen))
        return seen[:kept] + bytes(chance.choice([0, 0, len(seen) - kept]))

    # Half of the folders keep everything: a file is reached only when all the folders above it are.
    return Cut(lambda pending: chance.choice([pending, chance.randint(0, pending)]), torn)


@dataclass(frozen=True)
class CrashState:
    """A tree that a power cut may leave; `has_returned` when the run had ended, so that everything it promised must be there."""

    root: Path
    has_returned: bool
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"power lost after {len(self.steps)} steps" + "".join(f"\n  {step}" for step in self.steps[-6:])


def crash_states(
    run: Callable[[FileSystem, Path], None],
    before: Path,
    samples: int,
    seed: int,
    recording: type[Recording] = Recording,
) -> Iterator[CrashState]:
    """Run `run(files, root)` on a copy of `before`; yield every corner case at every point and `samples` random ones, none twice.

    A yielded tree lives until the next one is asked for, and may be changed.
    """
    chance = Random(seed)
    with tempfile.TemporaryDirectory(prefix="power-loss-", dir=_memory()) as scratch:
        work = Path(scratch, "work")
        copytree(before, work, symlinks=True)
        files = recording(work)
        run(files, work)
        steps = tuple(files.steps)
        start = _load(before)
        _report_what_went_around_the_seam(start, steps, work)

        points = [(point, cut) for point in range(len(steps) + 1) for cut in CORNERS]
        points += [(chance.randint(0, len(steps)), _random_cut(chance)) for _ in range(samples)]
        met: set[tuple[bool, frozenset[tuple[str, object]]]] = set()
        for point, cut in points:
            state = CrashState(Path(scratch, "state"), point == len(steps), steps[:point])
            left = _cut_power(start, state.steps, cut)
            listing = (state.has_returned, frozenset(_listing(left)))
            if listing in met:
                continue
            met.add(listing)
            _store(left, state.root)
            yield state
            rmtree(state.root)


def _memory() -> str | None:
    # The trees are many, and none has to survive anything.
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _cut_power(start: Node, steps: tuple[Step, ...], cut: Cut) -> Folder:
    disk = ModelDisk(start)
    for step in steps:
        disk.apply(step)
    survive = {id(change) for pending in disk.pending().values() for change in pending[: cut.survivors(len(pending))]}
    names: dict[int, dict[str, Node]] = {}
    for change in disk.changes:
        if change.is_durable or id(change) in survive:
            for folder, name, node in change.entries:
                _bind(names.setdefault(id(folder), dict(folder.first)), name, node)

    def surviving(node: Node) -> Node:
        if isinstance(node, File):
            return File(node.mode, seen=cut.contents(node.durable, node.seen))
        if isinstance(node, Folder):
            entries = names.get(id(node), node.first)
            return Folder(node.mode, seen={name: surviving(child) for name, child in sorted(entries.items())})
        return node

    left = surviving(disk.root)
    assert isinstance(left, Folder)
    return left


def _report_what_went_around_the_seam(start: Node, steps: tuple[Step, ...], work: Path) -> None:
    disk = ModelDisk(start)
    for step in steps:
        disk.apply(step)
    differing = _listing(disk.root) ^ _listing(_load(work))
    around = sorted({path for path, _ in differing if not any(fnmatch(Path(path).name, pattern) for pattern in NOT_OF_THE_SEAM)})
    assert not around, f"changed without durable.py, so a power cut may do anything to it: {around}"


def _listing(node: Node, path: str = "") -> set[tuple[str, object]]:
    if isinstance(node, Folder):
        return {(path, "folder")}.union(*(_listing(child, f"{path}/{name}") for name, child in node.seen.items()))
    return {(path, node.seen if isinstance(node, File) else f"-> {node.target}")}


def _bind(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _load(path: Path) -> Node:
    if path.is_symlink():
        return Link(str(path.readlink()))
    mode = path.stat().st_mode & 0o777
    if path.is_dir():
        children = {child.name: _load(child) for child in path.iterdir()}
        return Folder(mode, dict(children), children)
    data = path.read_bytes()
    return File(mode, data, data)


def _store(node: Node, path: Path) -> None:
    if isinstance(node, Link):
        path.symlink_to(node.target)
    elif isinstance(node, File):
        path.write_bytes(node.seen)
        path.chmod(node.mode)
    else:
        path.mkdir(node.mode)
        for name, child in node.seen.items():
            _store(child, path / name)
