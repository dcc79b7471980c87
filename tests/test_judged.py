"""Every judgement still points at a passage that is there, of a domain that holds its file; and there are enough of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest
from benchmarks.judged import SETS, judged, resolved

from labmodels.config.catalog import load
from labmodels.embeddings.documents import documents
from labmodels.lab import Lab
from tests.labs import REPOSITORY

ENOUGH = 60


def paths_of(domain: str) -> set[str]:
    """Return the files that the shipped configuration puts into a domain."""
    models = load(Lab(REPOSITORY)).of_kind("embedding_model")
    (declared,) = (found for model in models if (found := model.model.model_validate(model.data).domains.get(domain)))
    return {document.path for document in documents(REPOSITORY, declared)}


@pytest.mark.parametrize("name", SETS)
def test_a_set_has_enough_questions_and_none_twice(name):
    queries = Counter(one.query for one in judged(name))
    assert len(queries) >= ENOUGH
    assert [query for query, count in queries.items() if count > 1] == []
    assert len({one.domain for one in judged(name)}) == 1


@pytest.mark.parametrize("name", SETS)
def test_a_judgement_names_a_file_of_its_domain_and_a_text_that_is_in_it(name):
    held = paths_of(judged(name)[0].domain)
    for one in judged(name):
        assert one.relevant, one.query
        for judgement in one.relevant:
            assert judgement.path in held, judgement
            assert judgement.grade in (1, 2, 3)
            lines = judgement.lines(REPOSITORY)
            assert lines if name == "logs" else len(lines) == 1, f"{judgement} is on the lines {lines}"


@pytest.mark.parametrize("name", SETS)
def test_no_passage_is_judged_twice_for_one_question(name):
    for one in judged(name):
        assert len({(judgement.path, judgement.contains) for judgement in one.relevant}) == len(one.relevant), one.query
    for line in resolved(name, REPOSITORY):
        assert all(REPOSITORY.joinpath(place.rpartition(":")[0]).is_file() for place in line["relevant"])


def test_a_hit_is_known_by_its_file_and_its_text_however_it_was_wrapped():
    judgement = next(found for one in judged("documentation") for found in one.relevant if " " in found.contains)
    assert judgement.is_met_by(judgement.path, f"before\n{judgement.contains.replace(' ', chr(10), 1)} and after")
    assert not judgement.is_met_by("docs/other.md", judgement.contains)
    assert not judgement.is_met_by(judgement.path, "something else")


def test_a_set_is_printed_with_the_lines_of_today():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.judged", "configuration"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    first = json.loads(done.stdout.splitlines()[0])
    assert (done.returncode, first["domain"]) == (0, "configuration")
    for place in first["relevant"]:
        path, _, number = place.rpartition(":")
        assert "$" in (REPOSITORY / path).read_text().splitlines()[int(number) - 1]
