"""labmodels models pull: fetch a GGUF file from a hub, so that it can answer in this process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import Json
from labmodels.errors import Busy, ExitCode, MissingExtra, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.providers.hub import HubFile, Listing, Pulled

Wanted = Annotated[
    str, typer.Argument(metavar="REPO[:FILE]", help="OWNER/NAME on the hub, and which of its GGUF files.", show_default=False)
]
Folder = Annotated[Path | None, typer.Option("--to", metavar="DIR", help="Where it goes; else models/ of the lab.", show_default=False)]

_HEARTBEAT_S = 10.0


def models_pull(lab: Lab, wanted: Wanted, to: Folder = None, json: Json = False) -> int:
    """Fetch a GGUF model from a hub.

    HF_ENDPOINT names another hub, HF_TOKEN is shown to it. A fetch that was stopped goes on where it was; the file has its name
    only once it is whole and its sha256 is the announced one. What is printed goes into the model's config.
    """
    from labmodels.terminal.output import emit_json, say, write

    try:
        from labmodels.providers.hub import Hub
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "httpx2", "local") from None
    repository, _, name = wanted.partition(":")
    try:
        with Hub() as hub:
            listing = hub.listing(repository)
            file = _chosen(listing, name)
            say(f"{repository}:{file.name}, {_size(file.size)}")
            pulled = hub.pull(listing, file, (to or lab.models).absolute(), _progress())
    except KeyboardInterrupt:
        raise Busy("stopped; what has come is kept", hint=f"labmodels models pull {wanted} goes on from there") from None
    shown = _shown(lab, pulled.path)
    if json:
        emit_json(_as_json(listing, pulled, shown))
        return ExitCode.OK
    say(f"{pulled.path} is {'there already' if pulled.was_there else 'there, and its sha256 is the announced one'}")
    say("next: give a config with provider: llama_cpp these lines, and labmodels deploy-config")
    write(f"weights:\n  gguf: {shown}\n")
    if (trained := pulled.header.number("context_length")) is not None:
        say(f"context_tokens may be up to {trained}, what it was trained for; a smaller one takes less memory")
    return ExitCode.OK


def _chosen(listing: Listing, name: str) -> HubFile:
    """Return the file that was asked for, or the only one. Raises Usage that lists them."""
    found = [file for file in listing.files if name in ("", file.name)]
    if len(found) == 1:
        return found[0]
    if not listing.files:
        raise Usage(f"{listing.repository} holds no GGUF file that can be pulled", hint="look for a repository whose name ends in GGUF")
    names = ", ".join(f"{file.name} ({_size(file.size)})" for file in listing.files)
    fact = f"has no file {name}" if name else f"holds {len(listing.files)} GGUF files"
    raise Usage(f"{listing.repository} {fact}: {names}", hint=f"labmodels models pull {listing.repository}:{listing.files[0].name}")


def _progress() -> Callable[[int, int], None]:
    """Return what shows progress: a line that is written over on a terminal, one every ten seconds elsewhere."""
    from labmodels.terminal.colour import is_terminal
    from labmodels.terminal.output import is_quiet, say, write

    is_live = is_terminal(sys.stderr) and not is_quiet()
    pause_s = 0.2 if is_live else _HEARTBEAT_S
    next_at = time.monotonic() + pause_s

    def show(done: int, total: int) -> None:
        nonlocal next_at
        now = time.monotonic()
        is_last = done == total and is_live
        if now < next_at and not is_last:
            return
        next_at = now + pause_s
        text = f"{_size(done)} of {_size(total)}, {done * 100 // total}%"
        if is_live:
            write(f"\r{text}\x1b[K" + ("\n" if is_last else ""), sys.stderr)
        else:
            say(text)

    return show


def _size(count: int) -> str:
    amount, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB"):
        if amount < 1000:
            break
        amount, unit = amount / 1024, larger
    return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"


def _shown(lab: Lab, path: Path) -> str:
    """Return a path as a config of the lab names it."""
    return lab.relative(path) if path.is_relative_to(lab.root) else str(path)


def _as_json(listing: Listing, pulled: Pulled, shown: str) -> dict[str, object]:
    return {
        "repository": listing.repository,
        "commit": listing.commit,
        "file": pulled.file.name,
        "path": pulled.path,
        "size_bytes": pulled.file.size,
        "sha256": pulled.file.sha256,
        "was_there": pulled.was_there,
        "trained_context_tokens": pulled.header.number("context_length"),
        "weights": {"gguf": shown},
    }
