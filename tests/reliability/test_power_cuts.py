"""deploy, rollback and switch under cuts of the power; and file systems with a bug, under which they must be caught."""

from __future__ import annotations

import os

import pytest

from tests.reliability.planted import (
    NeverSyncsFiles,
    NeverSyncsFolders,
    PointsInTwoSteps,
    PointsWithoutSync,
    PublishesUnsynced,
    WritesInPlace,
)
from tests.reliability.power_cuts import CHANGES, cut

SAMPLES = int(os.environ.get("RELIABILITY_CUTS", "15"))


@pytest.mark.parametrize("name", CHANGES)
def test_after_a_power_cut_the_old_state_or_the_new_one_is_live_and_the_next_command_works(name):
    outcome = cut(CHANGES[name], SAMPLES, seed=0)
    assert outcome.violations == []
    assert outcome.states > 10 and outcome.used > 0


@pytest.mark.parametrize(
    ("name", "bug"),
    [
        ("deploy", NeverSyncsFiles),
        ("deploy", NeverSyncsFolders),
        ("deploy", PublishesUnsynced),
        ("deploy", PointsInTwoSteps),
        ("rollback", PointsWithoutSync),
        ("switch", NeverSyncsFiles),
        ("switch", NeverSyncsFolders),
        ("second switch", WritesInPlace),
    ],
)
def test_a_bug_in_the_seam_is_caught_through_the_command(name, bug):
    assert cut(CHANGES[name], 5, seed=0, recording=bug).violations
