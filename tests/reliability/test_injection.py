"""Both ways to stop a program: each injection happens where it should, or is seen not to have happened."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.reliability.injection import Injector, Interposed, Point, Program, injector

SCRIPT = """
import os, sys
lab = os.environ["LAB"]
def create(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
create(os.path.join(os.path.dirname(lab), "elsewhere"))
create(lab + "/first")
os.rename(lab + "/first", lab + "/second")
try:
    create(lab + "/third")
except OSError as error:
    sys.exit(str(error))
"""


@pytest.fixture(params=["best", "interposed"])
def inject(request) -> Injector:
    return injector() if request.param == "best" else Interposed()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "lab").mkdir()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    return Program([sys.executable, str(script)], {"PATH": os.environ["PATH"], "LAB": str(tmp_path / "lab")}, tmp_path / "lab")


def names(program: Program) -> list[str]:
    return sorted(path.name for path in program.lab.iterdir())


def clear(program: Program) -> None:
    for path in [*program.lab.iterdir(), program.lab.parent / "elsewhere"]:
        path.unlink(missing_ok=True)


def test_the_points_are_the_calls_that_change_the_lab_in_their_order(inject, program, tmp_path):
    points = inject.points(program, tmp_path / "log")
    assert [point.call.removesuffix("at").removesuffix("at2") for point in points] == ["open", "rename", "open"]
    assert "LAB/first" in points[1].shown and str(program.lab) not in points[1].shown


def test_a_killed_program_has_done_everything_before_the_call_and_not_the_call(inject, program, tmp_path):
    points = inject.points(program, tmp_path / "log")
    for point, left in zip(points, [[], ["first"], ["second"]], strict=True):
        clear(program)
        assert inject.kill_at(point, program, tmp_path / "log").has_fired
        assert names(program) == left


def test_a_failed_call_is_not_carried_out_and_the_program_learns_why(inject, program, tmp_path):
    points = inject.points(program, tmp_path / "log")
    clear(program)
    failed = inject.fail_at(points[2], "ENOSPC", program, tmp_path / "log")
    assert failed.has_fired and failed.returncode == 1
    assert "No space left on device" in failed.stderr and names(program) == ["second"]


def test_an_injection_that_never_happens_is_seen_not_to_have_fired(inject, program, tmp_path):
    point = inject.points(program, tmp_path / "log")[-1]
    beyond = Point(point.call, point.ordinal + 500, "")
    assert not inject.kill_at(beyond, program, tmp_path / "log").has_fired
    assert not inject.fail_at(beyond, "EIO", program, tmp_path / "log").has_fired


def test_a_kill_before_the_lab_is_touched_is_no_point(inject, program, tmp_path):
    point = inject.points(program, tmp_path / "log")[0]
    clear(program)
    assert not inject.kill_at(Point(point.call, point.ordinal - 1, ""), program, tmp_path / "log").has_fired


def test_a_recorded_run_that_fails_is_an_error(inject, program, tmp_path):
    (program.lab / "second").mkdir()
    (program.lab / "second" / "x").touch()
    with pytest.raises(AssertionError, match="recorded run failed"):
        inject.points(program, tmp_path / "log")
