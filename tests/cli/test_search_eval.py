"""labmodels search-eval: which queries are measured, and how it ends. What is measured is in tests/embeddings/search/test_evaluation.py."""

from __future__ import annotations

import json

import pytest

from labmodels.wiring.embeddings import LabIndexes
from tests.cli.operating import operator
from tests.embeddings.indexed import Shelf, WordEncoder
from tests.labs import EditedLab

WORDS = [f"subject{n}" for n in range(30)]
ENCODER = WordEncoder({f"alias{n}": word for n, word in enumerate(WORDS)})


@pytest.fixture
def lab(tmp_path):
    lab = EditedLab(tmp_path / "lab")
    Shelf(lab.root, ENCODER, {f"docs/{n:02}.md": f"All about {word}.\n" for n, word in enumerate(WORDS)})
    return lab


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    monkeypatch.setattr(LabIndexes, "encoder", lambda *_, **__: ENCODER)  # the weights are tests/embeddings/encoding's
    return operator(lab, monkeypatch, capsys)


@pytest.fixture
def judged(tmp_path):
    def write(*domains):
        rows = [{"query": f"alias{n}", "relevant": {f"docs/{n:02}.md": 1}} for n in range(len(WORDS))]
        rows = [{**row, **({"domain": domain} if domain else {})} for domain in domains for row in rows]
        file = tmp_path / "judged.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)))
        return str(file)

    return write


def test_each_mode_has_its_scores_and_the_weight_stays_where_none_is_better(labmodels, judged):
    done = labmodels("search-eval", judged("documentation"))
    assert done.code == 0 and done.out.startswith("documentation, generation 1: 30 queries\n")
    assert (
        "lexical  0.000 (0.000 to 0.000)" in done.out
        and "hybrid against dense: INCONCLUSIVE, +0.000" in done.out
        and "more queries would decide" in done.out
    )
    assert "the dense weight stays 0.7: none is surely better" in done.out


def test_a_better_weight_is_proposed_as_it_is_configured_and_a_regression_is_no(labmodels, lab, judged):
    lab.edit("configs/embedding_models/semantic_search.yaml", ("lexical: 0.3", "lexical: 1"), ("dense: 0.7", "dense: 0"))
    done = labmodels("search-eval", judged("documentation"), "--json")
    (found,) = done.json["domains"]
    assert done.code == 1 and found["hybrid"]["verdict"] == "REGRESSION" and found["dense_weight"] == 0
    assert found["proposal"]["is_better"] and found["proposal"]["gain"]["low"] > 0
    assert found["scores"]["dense"]["mrr"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert "  domain_weights: {documentation: {lexical: " in labmodels("search-eval", judged("documentation")).out


def test_queries_without_a_domain_are_those_of_the_one_that_is_asked_for(labmodels, judged):
    assert "names no domain" in labmodels("search-eval", judged(None)).err
    assert labmodels("search-eval", judged(None, "source_code"), "--domain", "documentation").out.count("30 queries") == 1
    done = labmodels("search-eval", judged("source_code"), "--domain", "documentation")
    assert done.code == 2 and "has no query of documentation" in done.err
    assert labmodels("search-eval", judged("source_code")).code == 4  # it has no index
