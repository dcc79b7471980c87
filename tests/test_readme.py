"""The README does what it says: its console blocks run in a new lab and print what is shown, and its tree is the one on the disk.

In a ```console block a line after `$ ` is a command, what follows is its output on both streams; `# exits N` says which code other
than 0 it ends with, and `...` stands for any text. Blocks run in order in one lab. What changes from run to run (digests, times,
durations) is compared by its kind only. Commands that set up a machine stand in ```sh blocks, which are not run.
"""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from labmodels.providers.loopback import TEXT, Loopback

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent

VARYING = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( ?UTC|Z|\+00:00)?"), "<instant>"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s|seconds)\b"), "<duration>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b"), "<digest>"),
    (re.compile(r"[ \t]+"), " "),  # column widths follow the varying values
]


@dataclass(frozen=True)
class Shown:
    """A command with the output and the exit code that the README shows."""

    command: str
    output: str
    exit_code: int


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def shown(block: str) -> list[Shown]:
    commands = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        exits = re.search(r"\s*# exits (\d+)$", command)
        commands.append(Shown(command[: exits.start()] if exits else command, output, int(exits[1]) if exits else 0))
    return commands


def normalised(text: str) -> str:
    for pattern, kind in VARYING:
        text = pattern.sub(kind, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def matches(expected: str, output: str) -> bool:
    parts = (re.escape(part) for part in normalised(expected).split("..."))
    return re.fullmatch(".*?".join(parts), normalised(output), re.DOTALL) is not None


def run(command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {**more, "PATH": f"{BIN}:{os.defpath}", "HOME": str(folder), "USER": getpass.getuser(), "LANG": "C.UTF-8", "COLUMNS": "100"}
    if command == "make quickstart":  # the part of it after `make install`
        command = f"sh {ROOT}/scripts/quickstart.sh"
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_console_block_runs_and_prints_what_is_shown(tmp_path):
    commands = [command for block in blocks(README, "console") for command in shown(block)]
    assert len(commands) >= 5, "the README shows the main job"
    assert run(f"labmodels init {tmp_path}/lab", tmp_path).returncode == 0
    for expected in commands:
        done = run(expected.command, tmp_path / "lab")
        assert done.returncode == expected.exit_code, f"$ {expected.command}\n{done.stdout}"
        assert matches(expected.output, done.stdout), f"$ {expected.command}\n{done.stdout}\n--- the README shows:\n{expected.output}"


def test_quickstart_works_a_second_time_and_asks_the_models_that_it_has_an_address_for(tmp_path):
    assert run(f"labmodels init {tmp_path}/lab", tmp_path).returncode == 0
    first = run("make quickstart", tmp_path / "lab")
    assert first.returncode == 0, first.stdout
    with Loopback() as openai:
        second = run("make quickstart", tmp_path / "lab", OPENAI_BASE_URL=openai.openai_url)
    assert second.returncode == 0, second.stdout
    assert len(openai.seen) == 1
    assert "dev: nothing to do, release 1 " in second.stdout
    assert second.stdout.endswith(f"{TEXT}\nanswered by gpt-4\n")


def tree_paths(block: str) -> list[str]:
    """Return the paths of an indented tree; each line is a name and a phrase."""
    paths, above = [], []
    for line in block.splitlines():
        indent, name, phrase = re.fullmatch(r"( *)(\S+)\s*(.*)", line).groups()
        above = [(depth, folder) for depth, folder in above if depth < len(indent)]
        paths.append("".join(folder for _, folder in above) + name)
        assert phrase or name.endswith("/"), f"{name} says nothing"
        above.append((len(indent), name))
    return paths


def test_the_tree_is_the_one_on_the_disk():
    (block,) = [block for block in blocks(README, "text") if "src/labmodels/" in block]
    paths = tree_paths(block)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    package = (path for path in (ROOT / "src" / "labmodels").iterdir() if not path.name.startswith("_") and path.name != "py.typed")
    on_disk = {f"src/labmodels/{path.name}{'/' if path.is_dir() else ''}" for path in package}
    assert on_disk <= set(paths), on_disk - set(paths)


def test_an_ellipsis_stands_for_any_lines_and_nothing_else_is_forgiven():
    assert matches("deployed 3-0a1b2c3d4e\n...\ndone in 2 s", "deployed 3-99887766aa\nx\ny\ndone in 31 s")
    assert not matches("deployed 3-0a1b2c3d4e", "deployed 4-0a1b2c3d4e")
    assert not matches("one\ntwo", "one\ntwo\nthree")


def test_a_command_carries_its_output_and_its_exit_code():
    assert shown("$ a b  # exits 1\nfirst\nsecond\n$ c\n") == [Shown("a b", "first\nsecond\n", 1), Shown("c", "", 0)]


@pytest.mark.parametrize(("line", "paths"), [("a/\n  b/  says\n    c.py  says\n  d  says", ["a/", "a/b/", "a/b/c.py", "a/d"])])
def test_a_tree_is_read_by_its_indentation(line, paths):
    assert tree_paths(line) == paths
