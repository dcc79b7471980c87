"""One gateway for the tests that leave it as it is, with providers whose faults each test plans anew."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from labmodels.providers.loopback import TEXT, Loopback
from tests.gateway.serving import Serving, lab_at, providers, serving
from tests.labs import EditedLab


class Stage(NamedTuple):
    """A lab, its gateway and the providers behind it."""

    lab: EditedLab
    gateway: Serving
    openai: Loopback
    anthropic: Loopback


@pytest.fixture(scope="module")
def _stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    lab = lab_at(folder / "lab")
    with providers() as (openai, anthropic, variables), serving(lab, folder=folder, variables=variables) as gateway:
        yield Stage(lab, gateway, openai, anthropic)


@pytest.fixture
def stage(_stage):
    for provider in (_stage.openai, _stage.anthropic):
        provider.plan.clear()
        provider.seen.clear()
        provider.reply = TEXT
    return _stage
