"""A lab of its own for each test, and no variable of the caller's shell in any."""

import os

import pytest
from hypothesis import settings

from tests.labs import EditedLab

settings.register_profile("no test asserts on time", deadline=None)
settings.load_profile("no test asserts on time")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("LABMODELS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")
