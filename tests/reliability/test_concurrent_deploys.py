"""Many deployments at once: each that says it went live is in the history, in one order that everybody agrees on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labmodels.releases.history import history
from tests.reliability import labs

DEPLOYMENTS = 20


@pytest.mark.timeout(600)  # dozens of processes, perhaps on a busy machine
def test_of_twenty_concurrent_deploys_none_is_lost_from_the_history(tmp_path: Path):
    lab = tmp_path / "lab"
    labs.deployed(lab)
    values = [round(0.30 + number / 100, 2) for number in range(DEPLOYMENTS)]

    def deploy(value: float) -> tuple[int, str]:
        words = ("deploy-config", "language_models/gpt4_config.yaml", "--env", "dev", "--yes", "--lock-wait", "100")
        done = labs.run(lab, *words, "--set", f"{labs.KEY}={value}")
        return done.returncode, done.stderr

    with ThreadPoolExecutor(DEPLOYMENTS) as pool:
        ended = list(pool.map(deploy, values))
    assert [code for code, _ in ended] == [0] * DEPLOYMENTS, [shown for code, shown in ended if code]

    steps = [step for step in history(labs.store(lab)) if step.what == "deploy"]
    assert [step.outcome for step in steps] == ["live"] * (DEPLOYMENTS + 1)
    assert [step.details["release"] for step in steps] == [*range(1, DEPLOYMENTS + 2)]
    assert [step.details["base"] for step in steps] == [None, *range(1, DEPLOYMENTS + 1)], "a release rests on another than the one before"
    deployed = sorted(override for step in steps for override in step.details["overrides"])
    assert len(deployed) == DEPLOYMENTS
    assert all(any(f"={value} " in override for override in deployed) for value in values)
    assert labs.live(lab) == steps[-1].details["digest"][:12]
    labs.audit(lab)
