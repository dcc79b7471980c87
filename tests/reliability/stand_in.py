"""A small program that publishes a release as the product does, soundly or with one planted bug: what the driver is tested with.

LABMODELS_LAB=DIR python -m tests.reliability.stand_in TEXT [BUG]
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from pathlib import Path

from labmodels.durable import DISK
from labmodels.errors import StorageFault

BUGS = ("written in place", "pointer first", "no pointer for a moment", "lock file left", "false success", "traceback", "lost journal")
SOURCES = ("a.yaml", "b.yaml")


def prepare(lab: Path) -> None:
    """Lay out a lab whose live release says `old`."""
    lab.mkdir(parents=True)
    publish(lab, "old", "")


def read(lab: Path) -> str:
    """Return the text of the live release; raise when it is not whole."""
    release = lab / (lab / "current").readlink()
    texts = {(release / name).read_text() for name in SOURCES}
    digest = (release / "digest").read_text()
    assert len(texts) == 1, f"two states in one release: {texts}"
    text = texts.pop()
    assert digest == _digest(text), f"the digest of {text!r} is {digest!r}"
    return text


def audit(lab: Path) -> None:
    """Raise when the live release is not in the journal."""
    assert read(lab) in DISK.read_lines(lab / "journal"), "the live release is not in the journal"


def publish(lab: Path, text: str, bug: str) -> None:
    """Make `text` the live release."""
    with (lab / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise StorageFault.of(error, f"lock {lab / 'lock'}") from error
        if bug == "lock file left":
            (lab / "busy").touch(exist_ok=False)
        _publish(lab, text, bug)
        if bug == "lock file left":
            (lab / "busy").unlink()


def _publish(lab: Path, text: str, bug: str) -> None:
    DISK.make_folder(lab / "releases")
    DISK.remove_leftovers(lab)
    DISK.remove_leftovers(lab / "releases")
    if bug == "written in place":
        for name, content in _contents(text).items():
            (lab / "current" / name).write_text(content)
        DISK.append_line(lab / "journal", text)
        return
    if bug == "lost journal" and (lab / "current").exists() and read(lab) == text:
        return
    final = lab / "releases" / _digest(text)
    if bug == "pointer first":
        DISK.replace_link(lab / "current", f"releases/{_digest(text)}")
    if bug == "no pointer for a moment":
        (lab / "current").unlink(missing_ok=True)
    if not final.exists():
        staged = lab / "releases" / ".staged.tmp"
        DISK.make_folder(staged)
        for name, content in _contents(text).items():
            DISK.write_file(staged / name, content.encode())
        DISK.publish_tree(staged, final)
    # The intent goes before the pointer, so that no live release is missing from the journal.
    if text not in DISK.read_lines(lab / "journal") and bug != "lost journal":
        DISK.append_line(lab / "journal", text)
    DISK.replace_link(lab / "current", f"releases/{_digest(text)}")
    if text not in DISK.read_lines(lab / "journal"):
        DISK.append_line(lab / "journal", text)


def _contents(text: str) -> dict[str, str]:
    return {**dict.fromkeys(SOURCES, text), "digest": _digest(text)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def main(text: str, bug: str = "") -> int:
    """Publish `text` in the lab of the environment; return the exit code."""
    try:
        publish(Path(os.environ["LABMODELS_LAB"]), text, bug)
    except (StorageFault, OSError) as fault:
        if bug == "traceback":
            raise
        print(fault, file=sys.stderr)
        return 0 if bug == "false success" else 74
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(*sys.argv[1:]))
