"""What validating a thousand files costs, all merged combinations checked; check-jsonschema reads the same files against the schema."""

from __future__ import annotations

from pathlib import Path

from benchmarks.generated_lab import generate
from benchmarks.measure import BIN, LABMODELS, Figure, best_of

ROUNDS = 5
FILES = 1000
SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "language_model.schema.json"


def figures(folder: Path) -> list[Figure]:
    """Measure on a lab of `FILES` language models generated below `folder`."""
    lab = folder / "thousand"
    models = generate(lab, FILES)
    costs = best_of(
        ROUNDS,
        {
            "labmodels": [LABMODELS, "validate-config"],
            "check-jsonschema": [str(BIN / "check-jsonschema"), "--schemafile", str(SCHEMA), *map(str, models)],
        },
        cwd=lab,
    )
    own, peer = costs["labmodels"], costs["check-jsonschema"]
    return [
        Figure(f"validate-config, {FILES} files", own.cpu_s, "CPU s", 1.0),
        Figure("check-jsonschema on the same files", peer.cpu_s / own.cpu_s, "x validate-config", 7.0, at_least=True),
        Figure(f"peak memory, {FILES} files", own.peak_mb, "MB", 120.0),
    ]
