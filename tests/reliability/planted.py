"""File systems with one bug each: what a power cut must bring to light, in durable.py's own tests and in the product's."""

from __future__ import annotations

from pathlib import Path

from tests.reliability.power_loss import Recording


class WritesInPlace(Recording):
    def write_file(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        self.unlink(path)
        self.write_bytes(path, data, mode)
        self.fsync_file(path)
        self.fsync_folder(path.parent)


class NeverSyncsFiles(Recording):
    def fsync_file(self, path: Path) -> None:
        pass


class NeverSyncsFolders(Recording):
    def fsync_folder(self, path: Path) -> None:
        pass


class PublishesUnsynced(Recording):
    def _sync_tree(self, folder: Path) -> None:
        pass


class RemovesWithoutMovingAside(Recording):
    def remove_tree(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*"), reverse=True):
            (self.rmdir if path.is_dir() else self.unlink)(path)
        self.rmdir(folder)
        self.fsync_folder(folder.parent)


class PointsInTwoSteps(Recording):
    def replace_link(self, pointer: Path, target: str) -> None:
        if pointer.is_symlink():
            self.unlink(pointer)
        self.symlink(target, pointer)
        self.fsync_folder(pointer.parent)


class PointsWithoutSync(Recording):
    def replace_link(self, pointer: Path, target: str) -> None:
        staged = pointer.with_name(f".{pointer.name}.tmp")
        self.symlink(target, staged)
        self.rename(staged, pointer)
