"""A twentieth of `make reliability`: every row of the table under kills at system calls, kills at instants, and faults."""

from __future__ import annotations

import os

import pytest

from tests.reliability.commands import labmodels_commands
from tests.reliability.driver import drive, is_sound, report

POINTS = int(os.environ.get("RELIABILITY_POINTS", "25"))
FAULTS = int(os.environ.get("RELIABILITY_FAULTS", "10"))


@pytest.mark.timeout(600)  # dozens of processes, perhaps on a busy machine
def test_no_kill_and_no_fault_leaves_half_a_state_and_the_next_command_works():
    rows = list(labmodels_commands())
    tallies = drive("labmodels", rows, POINTS, FAULTS)
    assert is_sound(tallies), report(tallies)
    assert {name for name, _ in tallies} == set(rows)
    assert sum(tally.fired for tally in tallies.values()) == POINTS + FAULTS
