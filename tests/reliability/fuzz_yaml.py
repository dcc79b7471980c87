"""Mutates the shipped configurations and reads each mutant: a file may be refused, with diagnostics, and nothing else may happen.

python -m tests.reliability.fuzz_yaml [--files 10000] [--seed 0]
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from labmodels.config.diagnostics import Diagnostic
from labmodels.config.reader import Source, read

REPOSITORY = Path(__file__).parents[2]
SLOWEST_S = 2.0
SHIPPED = tuple(path.read_bytes() for path in sorted([REPOSITORY / "labmodels.yaml", *REPOSITORY.glob("configs/*/*.yaml")]))
METACHARACTERS = [bytes([character]) for character in b":-?|>&*!%@`#,[]{}'\"\\="]
METACHARACTERS += [b"---", b"...", b"<<: *x", b"<<: {a: 1}", b"!!python/object:os.system", b"!!binary", b"!delete", b"%YAML 1.1"]
Mutation = Callable[[bytes, Random], bytes]


@dataclass
class Outcome:
    """How many mutants were read, refused and accepted, the codes they were refused with, and what should not have happened."""

    read: int = 0
    refused: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)


def _place(data: bytes, chance: Random) -> int:
    return chance.randint(0, len(data))


def flip_bytes(data: bytes, chance: Random) -> bytes:
    """Change some bits."""
    flipped = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def truncate(data: bytes, chance: Random) -> bytes:
    """Cut the end off."""
    return data[: _place(data, chance)]


def shuffle_lines(data: bytes, chance: Random) -> bytes:
    """Double, drop, indent or exchange some lines."""
    lines = data.splitlines(keepends=True)
    for _ in range(chance.randint(1, 5)):
        here, there = chance.randrange(len(lines)), chance.randrange(len(lines))
        change = chance.randrange(4)
        if change == 0:
            lines.insert(there, lines[here])
        elif change == 1 and len(lines) > 1:
            del lines[here]
        elif change == 2:
            lines[here] = b" " * chance.randint(1, 9) + lines[here]
        else:
            lines[here], lines[there] = lines[there], lines[here]
    return b"".join(lines)


def insert_metacharacters(data: bytes, chance: Random) -> bytes:
    """Put YAML's own characters where they mean something."""
    for _ in range(chance.randint(1, 6)):
        at = chance.choice([_place(data, chance), data.find(b"\n", _place(data, chance)) + 1, data.find(b": ", _place(data, chance)) + 2])
        data = data[:at] + chance.choice(METACHARACTERS) + chance.choice([b"", b" ", b"\n"]) + data[at:]
    return data


def insert_aliases(data: bytes, chance: Random) -> bytes:
    """Define anchors that multiply, that refer to themselves, or that are missing."""
    width, levels = chance.randint(1, 12), chance.randint(1, 12)
    lines = [b"a0: &a0 [x, y]"]
    for level in range(1, levels + 1):
        lines.append(b"a%d: &a%d [%s]" % (level, level, b", ".join([b"*a%d" % (level - chance.randint(0, 1))] * width)))
    return chance.choice([data + b"\n" + b"\n".join(lines), b"\n".join(lines) + b"\n" + data, data.replace(b": ", b": *a1 ", 1)])


def insert_huge_scalar(data: bytes, chance: Random) -> bytes:
    """Make one value, key or number very long."""
    length = chance.choice([1_000, 5_000, 100_000, 1_100_000])
    huge = chance.choice([b"x", b"9", b"\xc3\xa9", b"1:", b" ", b'"', b"0", b"[", b"\n", b"- ", b"#"]) * length
    at = data.find(b": ", _place(data, chance)) + 2
    return data[:at] + huge + data[at:]


def nest_deeply(data: bytes, chance: Random) -> bytes:
    """Open maps and lists without end, in the two styles."""
    depth = chance.choice([90, 110, 1_000, 20_000])
    opener = chance.choice([b"[", b"{a: ", b"- ", b"? ", b"{? ", b"[["])
    block = b"".join(b" " * level + b"a:\n" for level in range(min(depth, 1_000)))
    return data + b"\ndeep: " + chance.choice([opener * depth, opener * depth + b"]" * depth, b"\n" + block])


def insert_bytes(data: bytes, chance: Random) -> bytes:
    """Put in what is no UTF-8, no YAML character, or an unusual blank."""
    odd = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\0", b"\x1b[31m", b"\x7f", b"\t", b"\r", b"\xc2\x85", b"\xe2\x80\xa8"]
    odd += [b"\xef\xbb\xbf", b"\xef\xbf\xbe", b"\xf0\x9f\x92\xa9", b"\xe2\x80\xae", b"\x08"]
    for _ in range(chance.randint(1, 4)):
        at = chance.choice([0, _place(data, chance), data.find(b"\n", _place(data, chance)) + 1])
        data = data[:at] + chance.choice(odd) + data[at:]
    return data


def change_encoding(data: bytes, chance: Random) -> bytes:
    """Save it as editors elsewhere do."""
    text = data.decode()
    return chance.choice(
        [text.replace("\n", "\r\n"), text.replace("\n", "\r"), "\ufeff" + text, text.replace("  ", "\t"), text.replace(" ", "\u00a0")]
    ).encode(chance.choice(["utf-8", "utf-8", "utf-16", "utf-32", "utf-16-be"]))


MUTATIONS: tuple[Mutation, ...] = (
    flip_bytes,
    truncate,
    shuffle_lines,
    insert_metacharacters,
    insert_aliases,
    insert_huge_scalar,
    nest_deeply,
    insert_bytes,
)


def mutants(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` mutants, each with how it was made; every mutation equally often, and some on top of each other."""
    chance = Random(seed)
    for number in range(count):
        data = chance.choice(SHIPPED)
        # By itself, because it needs text; last, because the others look for lines.
        names = []
        kind = number % (len(MUTATIONS) + 1)
        chosen = [change_encoding] if kind == len(MUTATIONS) else [MUTATIONS[kind], *chance.sample(MUTATIONS, chance.choice([0, 0, 1, 2]))]
        for mutation in chosen:
            if data.strip():
                data = mutation(data, chance)
                names.append(mutation.__name__)
        yield f"{number} of seed {seed}: {', '.join(names)}", data


def fuzz(count: int, seed: int, reader: Callable[[Path], Source] = read) -> Outcome:
    """Read `count` mutants with `reader`; what raises, hangs or says nothing sensible is a failure."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder, "mutant.yaml")
        for label, data in mutants(count, seed):
            path.write_bytes(data)
            started = time.monotonic()
            try:
                with _deadline(SLOWEST_S):
                    source = reader(path)
                    faults = list(_faults(source))
            except Exception as error:
                faults, source = [f"{type(error).__name__}: {str(error)[:200]}"], None
            outcome.read += 1
            outcome.slowest_s = max(outcome.slowest_s, time.monotonic() - started)
            outcome.failures += [f"{label}: {fault}" for fault in faults]
            if source is not None:
                outcome.refused += source.data is None
                outcome.codes.update({diagnostic.code for diagnostic in source.diagnostics if isinstance(diagnostic, Diagnostic)})
    return outcome


def _faults(source: Source) -> Iterator[str]:
    if source.data is None and not any(diagnostic.is_error for diagnostic in source.diagnostics):
        yield "nothing was read, and no error says why"
    if source.data is not None:
        yield from _strange_values(source.data)
    lines = source.text.count("\n") + source.text.count("\r") + source.text.count("\x85") + source.text.count("\u2028") + 2
    for diagnostic in source.diagnostics:
        span = diagnostic.span
        if not re.fullmatch(r"LM\d{3}", diagnostic.code) or not diagnostic.message or span.path != source.path:
            yield f"an incomplete diagnostic: {diagnostic}"
        if source.text and not (
            1 <= span.line <= lines and span.column >= 1 and (span.line, span.column) <= (span.end_line, span.end_column)
        ):
            yield f"a place outside of the file: {span}"
        if len(diagnostic.message) > 2_000:
            yield f"a message of {len(diagnostic.message)} characters"
    for path, place in source.places.items():
        if place.value.line < 1 or any(type(step) not in (str, int) for step in path):
            yield f"a place that is none: {path} {place}"


def _strange_values(data: Any) -> Iterator[str]:
    # Each container once: aliases share them, and expanded they may be a hundred thousand.
    waiting, met = [data], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list) and id(value) in met:
            continue
        met.add(id(value))
        if isinstance(value, dict):
            yield from (f"a key that is no text: {key!r}" for key in value if type(key) is not str)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif value is not None and type(value) not in (str, int, float, bool) and repr(value) != "!delete":
            yield f"a value that is not of the core schema: {type(value).__name__}"


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"not read within {seconds} s")

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz and print the counts; 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.fuzz_yaml", description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    outcome = fuzz(options.files, options.seed)
    print(f"{outcome.read} mutated files: {outcome.refused} refused, {len(outcome.failures)} failures, slowest {outcome.slowest_s:.2f} s")
    print("refused or remarked with " + ", ".join(f"{code} {number}" for code, number in sorted(outcome.codes.items())))
    print("\n".join(outcome.failures[:50]))
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
