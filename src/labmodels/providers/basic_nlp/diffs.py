"""What a diff changes: its files with their counts, the functions around its hunks, and the lines that a reviewer would look at first.

Reads unified diffs as diff and git write them (https://www.gnu.org/software/diffutils/manual/html_node/Detailed-Unified.html). A hunk is
as long as its header says, so that no changed line is taken for a header. Places are those in the new file, and those in the diff.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from labmodels.providers.basic_nlp.quoting import Material, Reply, counted, holds_secret, shown
from labmodels.providers.basic_nlp.weakened import weakness

_MOST_FILES, _MOST_AROUND, _MOST_NOTABLE = 40, 6, 25
_LONGEST_LINE = 1000  # characters; a longer changed line is counted and not looked at

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)")
_COMBINED = re.compile(r"@@@+ -")
_GIT = re.compile(r"diff --(?:git|cc|combined) (.+)")
_BINARY = re.compile(r"Binary files .* differ$|GIT binary patch$")
_TEST = re.compile(
    r"\s{0,40}(?:async )?(?:def (test_\w+)|func (Test\w+)|(?:it|test)\([\"'`]([^\"'`]{1,100})|(?:fn|function|void) (test\w+))"
)
_SKIPPED = re.compile(r"\bpytest\.mark\.(?:skip|xfail)|\bunittest\.skip|\.skip\(|\bxit\(|\bt\.Skip\(|@(?:Disabled|Ignore)\b|#\[ignore\]")
_CONFLICT = re.compile(r"(?:<{7}|>{7}) \S")
_VERSION = re.compile(r"v?\d{1,6}(?:\.\d{1,6}){1,3}(?:[-.+]?[a-z]{1,8}\.?\d{0,4})?\b")


@dataclass(frozen=True, slots=True)
class _Change:
    """A changed line: where it stands in the diff (an index) and in the new file (where it was, for a removed one)."""

    index: int
    line: int
    text: str
    is_added: bool


@dataclass
class _File:
    """What the diff says of one file."""

    old: str = ""
    new: str = ""
    state: str = "changed"
    is_binary: bool = False
    hunks: list[int] = field(default_factory=list)
    around: dict[str, int] = field(default_factory=dict)
    changes: list[list[_Change]] = field(default_factory=list)
    is_cut: bool = False
    combined: int = 0

    @property
    def path(self) -> str:
        """The new path, or the old one of a deleted file."""
        return self.new if self.new not in ("", "/dev/null") else self.old

    def count(self, is_added: bool) -> int:
        """Return how many lines were added, or removed."""
        return sum(change.is_added is is_added for hunk in self.changes for change in hunk)


def summarise_diff(material: Material) -> Reply | None:
    """Return what a diff changes; None for a text that holds no change of a file."""
    files = [file for file in _Reader(material).read() if file.path]
    if not files:
        return None
    reply = Reply.of("A summary of a diff by counting and quotation; no model wrote this.")
    added, removed = (sum(file.count(is_added) for file in files) for is_added in (True, False))
    reply.say(f"{shown(material.path)}: {counted(len(files), 'file')}, +{added:,} -{removed:,}")
    reply.say()
    for file in files[:_MOST_FILES]:
        reply.say(f"  {_described(file)}")
        for text, index in list(file.around.items())[:_MOST_AROUND]:
            source = material.quote_line(index, material.lines[index].index(text))
            if source:
                reply.quote(source, before="      in ")
    if len(files) > _MOST_FILES:
        reply.say(f"  and {counted(len(files) - _MOST_FILES, 'further file')}")
    _show_notable(reply, material, files)
    return reply


class _Reader:
    """Reads a diff line by line; knows the file and what is left of its hunk."""

    def __init__(self, material: Material) -> None:
        self._lines = material.lines
        self._files: list[_File] = []
        self._old_left = self._new_left = self._new_line = 0

    def read(self) -> list[_File]:
        index = 0
        while index < len(self._lines):
            line = self._lines[index]
            if self._old_left > 0 or self._new_left > 0:
                self._take(index, line)
            elif (hunk := _HUNK.match(line)) and self._files:
                self._open(index, hunk)
            elif line.startswith("--- ") and self._lines[index + 1 : index + 2] and self._lines[index + 1].startswith("+++ "):
                self._name(_path(line[4:]), _path(self._lines[index + 1][4:]))
                index += 1
            else:
                self._head(line)
            index += 1
        if self._files and (self._old_left > 0 or self._new_left > 0):
            self._files[-1].is_cut = True
        return self._files

    def _head(self, line: str) -> None:
        if git := _GIT.match(line):
            self._files.append(_of_git(git[1]))
        if not self._files:
            return
        file = self._files[-1]
        for beginning, state in (("new file mode", "added"), ("deleted file mode", "deleted"), ("new mode", "mode changed")):
            if line.startswith(beginning):
                file.state = state
        for beginning, state in (("rename", "renamed"), ("copy", "copied")):
            if line.startswith(f"{beginning} from "):
                file.old, file.state = _unquoted(line.removeprefix(f"{beginning} from ")), state
            elif line.startswith(f"{beginning} to "):
                file.new = _unquoted(line.removeprefix(f"{beginning} to "))
        file.is_binary = file.is_binary or bool(_BINARY.match(line))
        file.combined += bool(_COMBINED.match(line))

    def _name(self, old: str, new: str) -> None:
        """Take the two lines that name a file: in git's form they repeat what its head said."""
        if not self._files or self._files[-1].hunks or self._files[-1].path not in (old, new):
            self._files.append(_File())
        file = self._files[-1]
        file.old, file.new = old, new
        if old == "/dev/null":
            file.state = "added"
        elif new == "/dev/null":
            file.state = "deleted"

    def _open(self, index: int, hunk: re.Match[str]) -> None:
        file = self._files[-1]
        self._old_left, self._new_left = (int(hunk[group] if hunk[group] is not None else 1) for group in (2, 4))
        self._new_line = int(hunk[3])
        file.hunks.append(index)
        file.changes.append([])
        if around := hunk[5].strip():
            file.around.setdefault(around, index)

    def _take(self, index: int, line: str) -> None:
        file = self._files[-1]
        if line.startswith("+"):
            file.changes[-1].append(_Change(index, self._new_line, line[1:], is_added=True))
            self._new_left -= 1
            self._new_line += 1
        elif line.startswith("-"):
            file.changes[-1].append(_Change(index, self._new_line, line[1:], is_added=False))
            self._old_left -= 1
        elif line.startswith(" ") or not line:  # mailers strip the blank of an empty line
            self._old_left -= 1
            self._new_left -= 1
            self._new_line += 1
        elif not line.startswith("\\"):
            file.is_cut = True
            self._old_left = self._new_left = 0
            self._head(line)


def _of_git(names: str) -> _File:
    """Return the file that a line of git names, "a/x b/x"; what it was called before, if it differs, is said by later lines."""
    half = len(names) // 2
    if names.startswith("a/") and names[half : half + 3] == " b/" and names[2:half] == names[half + 3 :]:
        return _File(names[2:half], names[2:half])
    old, _, new = names.partition(" b/")
    return _File(_unquoted(old).removeprefix("a/"), _unquoted(new or names))


def _path(text: str) -> str:
    """Return the path that a `---` or `+++` line names, without its time and git's prefix."""
    path = _unquoted(text.partition("\t")[0].rstrip())
    return path[2:] if path.startswith(("a/", "b/")) else path


def _unquoted(path: str) -> str:
    return path[1:-1] if len(path) > 1 and path[0] == path[-1] == '"' else path


def _described(file: _File) -> str:
    name = f"{shown(file.old)} -> {shown(file.new)}" if file.state in ("renamed", "copied") else shown(file.path)
    counts = "binary" if file.is_binary else f"+{file.count(True):,} -{file.count(False):,}"
    cut = ", a hunk is shorter than its header says" if file.is_cut else ""
    combined = f", {counted(file.combined, 'hunk')} of a merge not counted" if file.combined else ""
    return f"{name}: {file.state}, {counts}{cut}{combined}"


def _show_notable(reply: Reply, material: Material, files: list[_File]) -> None:
    added_tests = {name for file in files for hunk in file.changes for one in hunk if one.is_added and (name := _test(one))}
    notable = [(file, change, why) for file in files for change, why in _notable(file, added_tests)]
    if notable:
        reply.lines += ["", "Look at first, with the places in the diff and in the new file:"]
    for file, change, why in notable[:_MOST_NOTABLE]:
        before = f"  {why}: {'+' if change.is_added else '-'} "
        note = f", {shown(file.path)}:{change.line}"
        source = material.quote_line(change.index, 1)
        if source and not why.startswith("may hold a secret"):
            reply.quote(source, before, note)
        else:
            reply.hide(material.path, material.line + change.index, before, note)
    if len(notable) > _MOST_NOTABLE:
        reply.say(f"  and {counted(len(notable) - _MOST_NOTABLE, 'further line')}")


def _notable(file: _File, added_tests: set[str]) -> Iterator[tuple[_Change, str]]:
    """Yield the changed lines to look at first, and why."""
    for hunk in file.changes:
        versions = _changed_versions(hunk)
        for change in hunk:
            if len(change.text) <= _LONGEST_LINE and (why := versions.get(change.index) or _why(change, added_tests)):
                yield change, why


def _why(change: _Change, added_tests: set[str]) -> str | None:
    if not change.is_added:
        name = _test(change)
        return "test removed" if name and name not in added_tests else None
    if _CONFLICT.match(change.text):
        return "conflict marker"
    if holds_secret(change.text):
        return "may hold a secret"
    return "test skipped" if _SKIPPED.search(change.text) else weakness(change.text)


def _test(change: _Change) -> str | None:
    found = _TEST.match(change.text[:_LONGEST_LINE])
    return found[found.lastindex] if found and found.lastindex else None


def _changed_versions(hunk: list[_Change]) -> dict[int, str]:
    """Return what to say of the removed and added lines, by index, that differ in a version only."""
    removed: dict[str, tuple[str, int]] = {}
    found = {}
    for change in hunk:
        version = _VERSION.search(change.text) if len(change.text) <= _LONGEST_LINE else None
        rest = _VERSION.sub("", change.text).strip() if version else ""
        if not version:
            continue
        if not change.is_added:
            removed.setdefault(rest, (version[0], change.index))
        elif rest in removed and removed[rest][0] != version[0]:
            found[removed[rest][1]], found[change.index] = "version before", "version after"
    return found
