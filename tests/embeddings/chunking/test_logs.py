"""A log becomes its templates, each line counted in exactly one; what is embedded of them does not change with their counts."""

from __future__ import annotations

import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.chunking.chunk import Chunk
from labmodels.embeddings.chunking.logs import MOST_TEMPLATES
from tests.embeddings.chunking.cutting import assert_bounded, cut

LOG = "".join(
    f"2024-05-01 12:00:{k % 60:02d},{k:03d} {line}\n"
    for k in range(30)
    for line in (f"INFO worker 10.0.0.{k} took {k}.5 ms for /srv/job/{k}", f'ERROR cannot reach "db-{k}" at 0x{k + 4096:x}')
)


@pytest.fixture(params=["with drain3", "without drain3"])
def drain(request, monkeypatch) -> None:
    if request.param == "without drain3":
        monkeypatch.setitem(sys.modules, "drain3.drain", None)


@pytest.mark.usefixtures("drain")
def test_lines_that_differ_in_their_variables_are_one_template():
    info, error = cut("a.log", LOG, "logs")
    assert info.text.split("\n")[0] == "INFO worker <IP> took <NUM> ms for <PATH>"
    assert error.text.split("\n")[0] == "ERROR cannot reach <TEXT> at <HEX>"
    assert [(one.line, one.end_line, one.occurrences, one.trail) for one in (info, error)] == [
        (1, 59, 30, ("info",)),
        (2, 60, 30, ("error",)),
    ]
    assert info.text.split("\n")[1:] == [f"INFO worker 10.0.0.{k} took {k}.5 ms for /srv/job/{k}" for k in range(3)]


def test_words_that_vary_are_found_by_drain():
    text = "".join(f"user {name} has logged in from the console again\n" for name in ("ann", "bob", "cy"))
    (only,) = cut("a.log", text, "logs")
    assert only.text.startswith("user <*> has logged in from the console again\nuser ann") and only.occurrences == 3


def test_a_log_that_grows_by_known_lines_changes_no_hash():
    def hashes(text: str) -> list[str]:
        return [one.hash for one in cut("a.log", text, "logs")]

    assert hashes(LOG) == hashes(LOG + LOG)


def test_messages_are_taken_out_of_json_and_key_value_lines():
    text = '{"level":"error","msg":"disk 5 is full","at":1}\n{"at":2,"msg":"disk 7 is full","level":"error"}\n'
    text += 'level=warn msg="queue 3 is slow" n=1\n'
    first, second = cut("a.log", text, "logs")
    assert first.text.startswith("disk <NUM> is full\n") and first.trail == ("error",) and first.occurrences == 2
    assert second.text.startswith("queue <NUM> is slow\n") and second.trail == ("warning",)


def test_lines_that_continue_a_record_count_in_its_template():
    text = "ERROR it broke\n  File x, line 3\n    call()\nValueError: 3\nERROR it broke\n  File y, line 4\n"
    found = cut("a.log", text, "logs")
    assert [(one.line, one.end_line, one.occurrences) for one in found] == [(1, 6, 5), (4, 4, 1)]


def test_a_log_without_any_pattern_is_bounded():
    words = random.Random(3)
    letters = "ghijklmnopqrstuvwxyz"
    text = "\n".join(" ".join("".join(words.choices(letters, k=5)) for _ in range(4)) for _ in range(MOST_TEMPLATES + 300))
    found = cut("a.log", text, "logs")
    assert len(found) <= MOST_TEMPLATES + 1 and sum(one.occurrences for one in found) == MOST_TEMPLATES + 300


LINE = st.one_of(
    st.text("ab 1.:\"'<>/-{}=é\x1b\t\0", max_size=30),
    st.sampled_from(
        [
            "  at x",
            "2024-01-01T00:00:00Z WARN a b c",
            "INFO a b d",
            '{"msg": "',
            '{"msg":"x","level":"info"}',
            "[  12.345678] kernel: x",
            "x " * 900,
        ]
    ),
)


@pytest.mark.usefixtures("drain")
def test_every_line_counts_in_one_template_within_the_bound():
    @given(st.lists(LINE, max_size=60), st.integers(16, 60))
    def check(lines: list[str], most: int) -> None:
        text = "\n".join(lines)
        found: list[Chunk] = cut("a.log", text, "logs", most)
        assert_bounded(found, most)
        assert sum(one.occurrences for one in found) == sum(bool(line) and not line.isspace() for line in text.split("\n"))
        assert [one.line for one in found] == sorted(one.line for one in found)
        assert found == cut("a.log", text, "logs", most)

    check()
