"""Fetches a GGUF file from a hub of models that speaks the Hugging Face API: resumed, checked against its sha256, then renamed.

Only the hub (HF_ENDPOINT) and where it redirects are asked; HF_TOKEN is shown to the hub alone. What to do with the file, and how
progress is shown, are left to the command.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2

from labmodels import __version__
from labmodels.durable import DISK, FileSystem
from labmodels.errors import ExitCode, LabmodelsError, StorageFault, Usage
from labmodels.lab import locked
from labmodels.providers.gguf_header import BadGguf, Header, read_header
from labmodels.secrets import is_defined, resolve

_HUB = "https://huggingface.co"
_TOKEN = "env:HF_TOKEN"  # noqa: S105  a reference
_MOST_REDIRECTS = 5
_LARGEST_LISTING = 32 * 1024 * 1024  # bytes
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
# No part begins with a dot, so that no name leads out of a folder or hides in it.
_NAME = re.compile(r"([\w+-][\w.+-]*/)*[\w+-][\w.+-]{0,190}\.gguf", re.ASCII | re.IGNORECASE)
_ONE_OF_SEVERAL = re.compile(r"-\d{5}-of-\d{5}\.gguf", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")

Progress = Callable[[int, int], None]


class HubFault(LabmodelsError):
    """The hub cannot be reached, or what it sends is not what it announced. I/O, as a disk's: no model was asked."""

    exit_code = ExitCode.STORAGE


class HubFile(NamedTuple):
    """A GGUF file of a repository, by its name there."""

    name: str
    size: int
    sha256: str


class Listing(NamedTuple):
    """The GGUF files that a repository holds at one commit."""

    repository: str
    commit: str
    files: tuple[HubFile, ...]


class Pulled(NamedTuple):
    """Where a file is now; `was_there` when there was nothing to fetch."""

    path: Path
    file: HubFile
    header: Header
    was_there: bool


class Hub:
    """One hub and its client; a context manager."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._url = (environ.get("HF_ENDPOINT", "").strip() or _HUB).rstrip("/")
        headers = {"user-agent": f"labmodels/{__version__}", "accept-encoding": "identity"}  # sizes and ranges are of the file itself
        if is_defined(_TOKEN, environ) is None:
            headers["authorization"] = f"Bearer {resolve(_TOKEN, environ).reveal()}"  # the client drops it where a redirect leads elsewhere
        timeout = httpx2.Timeout(30, connect=10)
        self._http = httpx2.Client(follow_redirects=True, max_redirects=_MOST_REDIRECTS, timeout=timeout, headers=headers)

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def listing(self, repository: str) -> Listing:
        """Return what a repository (OWNER/NAME) holds. Raises Usage, HubFault."""
        if not _REPOSITORY.fullmatch(repository):
            raise Usage(f"{repository} is no repository of a hub", hint="OWNER/NAME, as it stands in the hub's address")
        data = bytearray()
        with self._open(f"{self._url}/api/models/{repository}", repository, params={"blobs": "true"}) as response:
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > _LARGEST_LISTING:
                    raise HubFault(f"the hub's listing of {repository} is larger than {_LARGEST_LISTING} bytes")
        try:
            told = json.loads(data)
            files = tuple(found for sibling in told["siblings"] if (found := _file(sibling)) is not None)
            commit = str(told["sha"])
        except (ValueError, TypeError, KeyError, AttributeError):
            raise HubFault(f"the hub's listing of {repository} cannot be read", hint="does HF_ENDPOINT name a hub?") from None
        if not _COMMIT.fullmatch(commit):
            raise HubFault(f"the hub's listing of {repository} names no commit")
        return Listing(repository, commit, files)

    def pull(self, listing: Listing, file: HubFile, folder: Path, progress: Progress, files: FileSystem = DISK) -> Pulled:
        """Fetch a file into `folder` under its last name; a piece that is there already is kept and continued.

        Raises HubFault, StorageFault, Usage when another file has the name, Busy when another process fetches it.
        """
        final = folder / PurePosixPath(file.name).name
        files.make_folder(folder, 0o755)
        if final.exists():
            return _already(final, file)
        partial = folder / f".{final.name}.{file.sha256[:12]}.partial"
        with _writing(partial):
            files.append(partial, b"", 0o644)
        with locked(partial, 0):
            if final.exists():  # another process was faster
                with suppress(OSError):
                    files.unlink(partial)
                return _already(final, file)
            self._fetch(listing, file, partial, progress, files)
            try:
                header = _header(partial)
            except HubFault:  # it will not become one
                _begin_anew(partial, files)
                raise
            files.publish_file(partial, final)
        return Pulled(final, file, header, was_there=False)

    def _fetch(self, listing: Listing, file: HubFile, partial: Path, progress: Progress, files: FileSystem) -> None:
        """Complete `partial`, and delete it when its contents are not the announced ones."""
        there = partial.stat().st_size
        _require_space(partial.parent, file.size - there)
        if there < file.size:
            url = f"{self._url}/{listing.repository}/resolve/{listing.commit}/{quote(file.name)}"
            headers = {"range": f"bytes={there}-"} if there else {}
            with self._open(url, f"{listing.repository}:{file.name}", headers=headers) as response:
                if there and not _continues(response, there):
                    there = _begin_anew(partial, files)
                for chunk in response.iter_raw():
                    there += len(chunk)
                    if there > file.size:
                        break
                    with _writing(partial):
                        files.append(partial, chunk, 0o644)
                    progress(there, file.size)
        if there < file.size:
            raise HubFault(f"{file.name}: {there} of {file.size} bytes came", hint="run it again: it goes on from there")
        if there > file.size or _sha256(partial) != file.sha256:
            _begin_anew(partial, files)
            raise HubFault(f"{file.name} is not what the hub announced: its sha256 differs", hint="what came was deleted; run it again")

    @contextmanager
    def _open(self, url: str, what: str, **sent: Any) -> Iterator[httpx2.Response]:
        """Yield a response that says success; its body breaks off as a HubFault. Raises Usage for what is not there or not for us."""
        try:
            with self._http.stream("GET", url, **sent) as response:
                _require_success(response, what)
                yield response
        except httpx2.TooManyRedirects:
            raise HubFault(f"the hub redirects {what} more than {_MOST_REDIRECTS} times") from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
            where = httpx2.URL(self._url).host if not isinstance(error, httpx2.InvalidURL) else "HF_ENDPOINT"
            hint = "is there a network? What has come is kept; run it again"
            raise HubFault(f"the hub {where} cannot be reached: {error or type(error).__name__}", hint=hint) from None


def _file(sibling: Mapping[str, Any]) -> HubFile | None:
    """Return a GGUF file of the listing; None for any other one, for a part of a split one, and for one that could not be checked."""
    name, stored = sibling["rfilename"], sibling.get("lfs") or {}
    size, sha256 = stored.get("size"), stored.get("sha256")
    if not _NAME.fullmatch(name) or _ONE_OF_SEVERAL.search(name):
        return None
    if not isinstance(size, int) or size <= 0 or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        return None
    return HubFile(name, size, sha256)


def _require_success(response: httpx2.Response, what: str) -> None:
    status = response.status_code
    if status in (401, 403):
        hint = "check the name; for a private or gated repository, export HF_TOKEN=... with access to it"
        raise Usage(f"the hub does not show {what} to us (HTTP {status})", hint=hint)
    if status == 404:
        raise Usage(f"the hub has no {what} (HTTP 404)", hint="check the name; HF_ENDPOINT says which hub is asked")
    if status not in (200, 206):
        raise HubFault(f"the hub answers with HTTP {status} for {what}", hint="try again later")


def _continues(response: httpx2.Response, there: int) -> bool:
    return response.status_code == 206 and response.headers.get("content-range", "").startswith(f"bytes {there}-")


def _begin_anew(partial: Path, files: FileSystem) -> int:
    """Delete what came, and return how much is there now."""
    with _writing(partial):
        files.unlink(partial)
    return 0


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageFault(f"{folder}: {needed} bytes are needed and {free} are free", hint="free some space, or choose another --to")


def _already(final: Path, file: HubFile) -> Pulled:
    if final.stat().st_size != file.size or _sha256(final) != file.sha256:
        raise Usage(f"{final} is there and is another file", hint="move it away, or choose another --to")
    return Pulled(final, file, _header(final), was_there=True)


def _header(path: Path) -> Header:
    try:
        return read_header(path)
    except BadGguf as damage:
        raise HubFault(f"what the hub holds under this name is no sound GGUF file: {damage}") from None


def _sha256(path: Path) -> str:
    with _writing(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFault.of(error, f"write {path}") from error
