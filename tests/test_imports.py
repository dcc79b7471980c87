"""Starting up stays small: which libraries a command may load, and how many modules at most. Counts do not depend on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {
    "torch", "transformers", "peft", "sentence_transformers", "faiss", "llama_cpp", "openai", "anthropic", "scipy", "sklearn", "numpy",
    "sqlalchemy", "rich", "keyring", "httpx2", "jsonschema", "asyncio", "genai_prices", "opentelemetry",
}  # fmt: skip


def modules_of(*arguments: str) -> set[str]:
    """Return what `labmodels ARGUMENTS` imports beyond what the interpreter imports by itself."""
    return imported("-m", "labmodels", *arguments) - imported("-c", "pass")


def imported(*arguments: str) -> set[str]:
    environ = {"PATH": os.defpath, "LABMODELS_LAB": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rsplit("|", 1)[1].strip() for line in lines}


# The bounds are a fifth above what was counted when they were set: a library too many exceeds them, a file more does not.
@pytest.mark.parametrize(
    ("arguments", "most_modules"),
    [
        (["--version"], 24),
        (["--help"], 146),
        (["validate-config"], 330),
        (["validate-config", "configs/language_models/gpt4_config.yaml"], 330),
        (["status", "--env", "dev"], 330),
    ],
)
def test_a_command_that_calls_no_model_loads_no_heavy_library(arguments, most_modules):
    modules = modules_of(*arguments)
    assert {module.partition(".")[0] for module in modules} & HEAVY == set()
    assert len(modules) <= most_modules, sorted(modules)


def test_importing_the_package_imports_nothing_else():
    assert imported("-c", "import labmodels") - imported("-c", "pass") <= {"labmodels"}
