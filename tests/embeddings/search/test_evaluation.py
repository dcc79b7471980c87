"""An evaluation tells modes apart that differ, and proposes a weight only where it is surely better."""

from __future__ import annotations

import pytest

from labmodels.embeddings.search.evaluation import evaluate
from labmodels.embeddings.search.fusion import DEFAULT_WEIGHTS, Weights
from labmodels.embeddings.search.gather import NoIndex
from labmodels.embeddings.search.judged import JudgedQuery
from labmodels.embeddings.search.query import parsed
from labmodels.embeddings.search.search import Scope
from labmodels.errors import NoVerdict
from labmodels.statistics.verdicts import Outcome
from tests.embeddings.indexed import Shelf, WordEncoder

SUBJECTS = [f"subject{n}" for n in range(40)]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A document a subject, which its queries name by another word: vectors know that the two are one, words do not."""
    encoder = WordEncoder({f"alias{n}": subject for n, subject in enumerate(SUBJECTS)})
    files = {f"docs/{n:02}.md": f"All about {subject}, and more of it.\n" for n, subject in enumerate(SUBJECTS)}
    return Shelf(tmp_path_factory.mktemp("shelf"), encoder, {**files, "docs/decoy.md": " ".join(f"alias{n}" for n in range(20)) + "\n"})


def evaluated(shelf, judged, weights=DEFAULT_WEIGHTS, encoder=None):
    with shelf.reader() as reader:
        return evaluate(reader, judged, Scope(("documentation",), weights=weights), lambda _: encoder or shelf.encoder, parsed)


BY_ALIAS = [JudgedQuery(f"alias{n}", None, {f"docs/{n:02}.md:1": 1}) for n in range(40)]
BY_NAME = [JudgedQuery(subject, None, {f"docs/{n:02}.md": 1}) for n, subject in enumerate(SUBJECTS)]


def test_what_words_cannot_find_is_measured_and_a_better_weight_is_proposed(shelf):
    found = evaluated(shelf, BY_ALIAS, Weights(0.9, 0.1))
    assert found.scores["lexical"]["ndcg"].value == 0 and found.scores["dense"]["recall"].value > 0.9
    assert found.better_part == "dense" and found.verdict.outcome is Outcome.REGRESSION
    assert found.weight == 0.1 and found.proposal.is_better and found.proposal.best > 0.5
    low, high = found.scores["dense"]["ndcg"][1:]
    assert low <= found.scores["dense"]["ndcg"].value <= high


def test_where_every_weight_is_as_good_the_current_one_stays(shelf):
    found = evaluated(shelf, BY_NAME)
    assert found.scores["hybrid"]["mrr"].value == 1 and found.verdict.outcome is not Outcome.REGRESSION
    assert not found.proposal.is_better and found.proposal.best == found.weight == 0.7


def test_one_query_carries_no_verdict_and_missing_vectors_no_comparison(shelf):
    with pytest.raises(NoVerdict):
        evaluated(shelf, BY_NAME[:1])
    with pytest.raises(NoIndex):
        evaluated(shelf, BY_NAME, encoder=WordEncoder(fingerprint="another"))
