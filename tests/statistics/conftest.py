"""Simulations draw fewer bootstrap samples: single bounds get noisier, error rates stay what they are."""

from __future__ import annotations

import pytest

from labmodels.statistics import paired, ratios


@pytest.fixture
def few_resamples(monkeypatch):
    monkeypatch.setattr(paired, "RESAMPLES", 399)
    monkeypatch.setattr(ratios, "RESAMPLES", 199)
