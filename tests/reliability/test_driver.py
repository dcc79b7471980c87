"""The driver on the stand-in: nothing to report of the sound one, something of each planted bug, and no point that did not fire."""

from __future__ import annotations

import pytest

from tests.reliability.driver import Tally, Trial, _share, _spread, drive, is_sound, report
from tests.reliability.injection import Interposed, Point
from tests.reliability.stand_in import BUGS

KILLED, FAILED = ("kill at a call", "kill at an instant"), ("fault",)
CAUGHT_BY = {
    "written in place": KILLED + FAILED,
    "pointer first": KILLED + FAILED,
    "no pointer for a moment": KILLED + FAILED,
    "lock file left": KILLED + FAILED,
    "false success": FAILED,
    "traceback": FAILED,
    "lost journal": KILLED,
}


def test_a_sound_program_survives_a_kill_and_a_fault_at_each_of_its_calls():
    tallies = drive("stand-in", ["sound"], kills=36, faults=24)
    assert is_sound(tallies), report(tallies)
    assert {mode for _, mode in tallies} == {*KILLED, *FAILED}
    assert sum(tally.fired for tally in tallies.values()) == 60
    assert all(tally.reads >= tally.fired for tally in tallies.values()), "no reader looked on"


def test_without_strace_the_same_is_done_at_the_calls_of_python():
    assert is_sound(tallies := drive("stand-in", ["sound"], kills=12, faults=12, inject=Interposed())), report(tallies)
    tallies = drive("stand-in", ["pointer first", "false success"], kills=24, faults=24, inject=Interposed())
    assert tallies["pointer first", "kill at a call"].violations and tallies["false success", "fault"].violations


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_reported(bug):
    modes = CAUGHT_BY[bug]
    tallies = drive("stand-in", [bug], kills=36 if modes[0] in KILLED else 0, faults=24 if modes[-1] in FAILED else 0)
    assert not is_sound(tallies)
    for mode in {"kill at a call", "fault"} & set(modes):
        assert tallies[bug, mode].violations, f"{mode} did not catch it:\n{report(tallies)}"


def test_points_that_did_not_fire_are_no_success():
    assert not is_sound({})
    assert not is_sound({("deploy", "fault"): Tally(points=2, fired=1)})
    assert is_sound({("deploy", "fault"): Tally(points=2, fired=2)})
    assert not is_sound({("deploy", "fault"): Tally(points=2, fired=2, violations=["half a release"])})


def test_few_points_take_from_each_kind_of_call_and_many_go_round_all():
    points = [Point("write", number, "") for number in range(10)] + [Point("rename", 1, ""), Point("symlink", 1, "")]
    few = _spread(points, 5)
    assert {point.call for point in few} == {"write", "rename", "symlink"}
    writes = sorted(point.ordinal for point in few if point.call == "write")
    assert len(set(writes)) == 3 and writes[-1] - writes[0] >= 4, "the writes taken lie close together"
    assert _spread(points, 29)[:24] == [*points, *points] and len(_spread(points, 29)) == 29
    assert sorted(point.ordinal for point in _spread(points[:10], 10)) == list(range(10))


def test_faults_and_kills_are_shared_by_the_rows_without_a_rest():
    assert [_share(25, number, 4) for number in range(4)] == [6, 6, 6, 7]


def test_a_violation_names_its_point_and_the_table_counts_it():
    trial = Trial("fault", Point("fsync", 3, "fsync(3<LAB/file>)"), "EIO")
    text = report({("deploy", "fault"): Tally(3, 3, 10, [f"deploy, {trial}\n    exit 0"], 1.25)})
    assert "fsync 3: fsync(3<LAB/file>)" in text and "EIO" in text
    assert text.splitlines()[1].split() == ["deploy", "fault", "3", "3", "10", "1", "1.2"]
