"""A twentieth of the fuzz of the YAML reader; and the fuzz itself, which must notice what a worse reader does."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml

from labmodels.config.reader import Source, read
from tests.reliability.fuzz_yaml import MUTATIONS, fuzz, mutants

FILES = int(os.environ.get("RELIABILITY_MUTANTS", "500"))


def test_a_mutated_configuration_is_read_or_refused_with_diagnostics_and_nothing_else_happens():
    outcome = fuzz(FILES, seed=0)
    assert outcome.failures == []
    assert outcome.read == FILES
    assert FILES / 10 < outcome.refused < FILES, "the mutants are all valid, or all not: they test too little"
    assert {"LM002", "LM003", "LM005", "LM006", "LM010", "LM011"} <= outcome.codes.keys()


def raising(path: Path) -> Source:
    return Source(path, data=yaml.safe_load(path.read_bytes()))


def silent(path: Path) -> Source:
    source = read(path)
    source.diagnostics.clear()
    return source


def careless_of_types(path: Path) -> Source:
    source = read(path)
    if source.data:
        source.data = {1: "x", **source.data}
    return source


def wrong_of_places(path: Path) -> Source:
    source = read(path)
    source.text = source.text[:1]
    return source


@pytest.mark.parametrize("reader", [raising, silent, careless_of_types, wrong_of_places])
def test_a_planted_bug_in_the_reader_is_noticed(reader):
    assert fuzz(60, seed=0, reader=reader).failures


def test_a_reader_that_hangs_is_stopped_and_noticed():
    def hanging(path: Path) -> Source:
        while True:
            time.sleep(0.01)

    outcome = fuzz(1, seed=0, reader=hanging)
    assert "TimeoutError" in outcome.failures[0]


def test_mutants_are_the_same_for_the_same_seed_and_every_mutation_is_used():
    first = list(mutants(60, seed=1))
    assert first == list(mutants(60, seed=1)) != list(mutants(60, seed=2))
    labels = " ".join(label for label, _ in first)
    assert all(mutation.__name__ in labels for mutation in MUTATIONS) and "change_encoding" in labels
