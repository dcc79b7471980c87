"""What a command costs before it does anything, against `python -c pass` in the same interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import LABMODELS, Figure, best_of, spent

ROUNDS = 15
ONE_FILE = "configs/language_models/gpt4_config.yaml"


def figures(folder: Path) -> list[Figure]:
    """Measure on the starter lab, laid out and deployed below `folder`."""
    lab = folder / "lab"
    deploy = [LABMODELS, "deploy-config", ONE_FILE, "--env", "dev", "--yes"]
    spent([LABMODELS, "init", str(lab)], cwd=folder)
    spent([LABMODELS, "deploy-config", "--all", "--env", "dev", "--yes"], cwd=lab)
    commands = {
        "nothing": [sys.executable, "-c", "pass"],
        "--version": [LABMODELS, "--version"],
        "--help": [LABMODELS, "--help"],
        "validate-config, one file": [LABMODELS, "validate-config", ONE_FILE],
        "deploy-config, nothing to do": deploy,
    }
    costs = best_of(ROUNDS, commands, cwd=lab)
    targets = {"--version": 1.5, "--help": 8.0, "validate-config, one file": 20.0, "deploy-config, nothing to do": 25.0}
    nothing_s = costs["nothing"].cpu_s
    return [Figure(name, costs[name].cpu_s / nothing_s, "x python -c pass", target) for name, target in targets.items()]
