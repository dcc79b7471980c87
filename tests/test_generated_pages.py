"""The pages that `make docs` writes are the ones in the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def check(root: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "scripts" / script), "--check"], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("script", ["exit_codes.py", "codes.py", "export_schemas.py"])
def test_a_generated_page_is_current(script):
    done = check(ROOT, script)
    assert done.returncode == 0, done.stderr


def test_a_page_changed_by_hand_is_noticed(tmp_path):
    for name in ("scripts", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    page = tmp_path / "docs" / "exit-codes.md"
    page.write_text(page.read_text().replace("| 7 |", "| 8 |"))
    done = check(tmp_path, "exit_codes.py")
    assert (done.returncode, done.stdout) == (1, "")
    assert str(page) in done.stderr
