"""The releases of one environment on disk: immutable numbered folders, and the link `current` to the live one.

.labmodels/environments/ENV/
  releases/7-3f9c2ab81d04/release.json    number, digest, values, provenance of the deployment
  releases/7-3f9c2ab81d04/sources/...     the files as they were
  current -> releases/7-3f9c2ab81d04      flipped by rename: a reader finds the old release or the new one
  journal.jsonl  switches.json  lock
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from labmodels.durable import DISK, FileSystem
from labmodels.errors import StorageFault, Usage
from labmodels.releases.content import Content, as_json, canonical_json, from_json
from labmodels.releases.journal import Journal

_FOLDER = re.compile(r"(\d+)-([0-9a-f]{12})")


class Damaged(StorageFault):
    """Something in the state of an environment is not as labmodels left it."""


@dataclass(frozen=True)
class Release:
    """One release as it was read from its folder."""

    number: int
    digest: str
    content: Content
    folder: Path
    created_at: str
    created_by: str
    why: str
    base: int | None
    rollback_of: int | None
    files: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of each source as it was deployed

    @property
    def label(self) -> str:
        """How people name it: release 7 (3f9c2ab81d04)."""
        return f"release {self.number} ({self.digest[:12]})"


class Standing(NamedTuple):
    """Where `current` leads: the live release, or the damage that keeps it from being read. Nothing at all before the first release."""

    release: Release | None = None
    folder: Path | None = None
    damage: Damaged | None = None

    @property
    def number(self) -> int | None:
        """The number of what is live, damaged or not."""
        match = _FOLDER.fullmatch(self.folder.name) if self.folder else None
        return int(match[1]) if match else None

    @property
    def short_digest(self) -> str:
        """The beginning of the digest of what is live, damaged or not."""
        return self.folder.name.partition("-")[2] if self.folder else ""

    @property
    def label(self) -> str:
        """How people name it."""
        return f"release {self.number} ({self.short_digest})" + (", which is damaged" if self.damage else "")

    def faults(self) -> tuple[str, ...]:
        """Say what of the live release is not as it was deployed; a new release repairs it."""
        if self.damage is not None:
            return (f"{self.damage}; nothing of it can be compared or kept, what was set by hand included",)
        modified = modified_sources(self.release) if self.release else []
        return tuple(f"{path} of release {self.number} was modified by hand" for path in modified)


class ReleaseStore:
    """The state folder of one environment. Reading needs no lock; whoever writes holds the one at `lock`."""

    def __init__(self, folder: Path, files: FileSystem = DISK) -> None:
        self.folder = folder
        self.releases = folder / "releases"
        self.pointer = folder / "current"
        self.lock = folder / "lock"
        self.switches_file = folder / "switches.json"
        self.files = files
        self.journal = Journal(folder / "journal.jsonl", files)

    def prepare(self) -> None:
        """Make the folders of this environment, where they are not there yet."""
        self.files.make_folder(self.releases)

    def live_folder(self) -> Path | None:
        """Return the folder that `current` names, or None before the first release."""
        try:
            return self.folder / self.pointer.readlink()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFault.of(error, f"read {self.pointer}") from error

    def live(self) -> Release | None:
        """Return the live release, or None before the first."""
        for _ in range(100):
            folder = self.live_folder()
            if folder is None:
                return None
            try:
                return read_release(folder)
            except FileNotFoundError:
                if folder == self.live_folder():  # not retired under our eyes, but really gone
                    raise damaged(folder / "release.json", "the live release is missing") from None
        raise damaged(self.pointer, "it changes faster than it can be read")

    def standing(self) -> Standing:
        """Return what is live, or why it cannot be read."""
        try:
            release = self.live()
            return Standing(release, release.folder) if release else Standing()
        except Damaged as damage:
            return Standing(None, self.live_folder(), damage)

    def numbered(self) -> dict[int, Path]:
        """Return the folders of all releases by number."""
        names = [folder.name for folder in self.releases.iterdir()] if self.releases.is_dir() else []
        return {int(match[1]): self.releases / name for name in names if (match := _FOLDER.fullmatch(name))}

    def release(self, number: int) -> Release | None:
        """Return release `number`, or None when there is none (any more)."""
        folder = self.numbered().get(number)
        try:
            return read_release(folder) if folder else None
        except FileNotFoundError:
            return None

    def write(self, number: int, content: Content, facts: Mapping[str, Any]) -> Path:
        """Write a release's folder under a temporary name, then publish it whole. Returns the folder; it is not live yet."""
        digest = content.digest
        final = self.releases / f"{number}-{digest[:12]}"
        staged = self.releases / f".{number}-{digest[:12]}.tmp"
        self.files.remove_tree(staged)
        hashes = {path: sha256(text.encode()).hexdigest() for path, text in content.sources.items()}
        manifest = {"schema_version": 1, "number": number, "digest": digest, **facts, "files": hashes, **as_json(content)}
        seal = sha256(canonical_json(manifest)).hexdigest()
        texts = {f"sources/{path}": text for path, text in content.sources.items()}
        texts["release.json"] = json.dumps({**manifest, "seal": seal}, indent=1, ensure_ascii=False)
        self._stage(staged, texts)
        self.files.publish_tree(staged, final)
        return final

    def _stage(self, staged: Path, texts: Mapping[str, str]) -> None:
        """Write files below `staged`, whose name no reader looks at; publishing makes them durable, all at once."""
        made: set[Path] = {staged.parent}
        try:
            for path, text in texts.items():
                target = staged / path
                for folder in reversed([target.parent, *target.parent.parents]):
                    if folder.is_relative_to(staged) and folder not in made:
                        self.files.mkdir(folder, 0o700)
                        made.add(folder)
                self.files.write_bytes(target, text.encode(), 0o600)
        except OSError as error:
            raise StorageFault.of(error, f"write {staged}") from error

    def flip(self, folder: Path) -> None:
        """Make the release in `folder` the live one: atomic, and durable when this returns."""
        self.files.replace_link(self.pointer, f"releases/{folder.name}")


def require_live(store: ReleaseStore) -> Release:
    """Return the live release; raise Usage when nothing was deployed yet, Damaged when it cannot be read."""
    live = store.live()
    if live is None:
        raise nothing_deployed(store)
    return live


def nothing_deployed(store: ReleaseStore) -> Usage:
    """Return the error for an environment without a release."""
    return Usage(f"nothing is deployed in {store.folder.name}", hint=f"labmodels deploy-config --all --env {store.folder.name}")


def read_release(folder: Path) -> Release:
    """Read the release in `folder` and check it against its own seal and digest.

    Raises StorageFault on damage, FileNotFoundError when it is gone.
    """
    path = folder / "release.json"
    try:
        data = json.loads(path.read_bytes())
        seal = data.pop("seal")
        is_whole = seal == sha256(canonical_json(data)).hexdigest()
        content = from_json(data)
        release = Release(
            data["number"],
            data["digest"],
            content,
            folder,
            data["created_at"],
            data["created_by"],
            data["why"],
            data["base"],
            data["rollback_of"],
            data["files"],
        )
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageFault.of(error, f"read {path}") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise damaged(path, "it is no release") from None
    if not is_whole or content.digest != release.digest:
        raise damaged(path, "its values do not match its digest")
    return release


def read_sources(release: Release, paths: Collection[str]) -> dict[str, str]:
    """Return the source files at `paths` that a release keeps, by their path below the lab's root. Raises Damaged for a modified one."""
    if modified := set(modified_sources(release)) & set(paths):
        raise damaged(release.folder / "sources" / min(modified), "it is not what was deployed")
    return {path: (release.folder / "sources" / path).read_bytes().decode() for path in paths}


def modified_sources(release: Release) -> list[str]:
    """Return the source files of a release that no longer are what was deployed, or that nobody deployed."""
    root = release.folder / "sources"
    try:
        found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        names = sorted(release.files.keys() | found.keys())
        return [name for name in names if name not in found or sha256(found[name].read_bytes()).hexdigest() != release.files.get(name)]
    except OSError as error:
        raise StorageFault.of(error, f"read {root}") from error


def modified_files(folder: Path) -> list[str]:
    """Return the files of a release that no longer are what was deployed."""
    try:
        return modified_sources(read_release(folder))
    except (StorageFault, FileNotFoundError):
        return ["release.json"]


def damaged(path: Path, what: str) -> Damaged:
    """Return the fault for something on disk that labmodels did not leave like this."""
    return Damaged(f"{path} is damaged: {what}", hint="labmodels deploy-config --all, or labmodels rollback N to a release that is whole")
