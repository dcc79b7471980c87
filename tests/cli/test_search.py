"""labmodels search on a lab whose index was filled beside it: what is printed, what is JSON, how it ends where something is missing."""

from __future__ import annotations

import pytest

from tests.cli.operating import operator
from tests.embeddings.indexed import Shelf
from tests.labs import EditedLab
from tests.test_imports import HEAVY, modules_of

KEYS = "# Keys\n\nRotate a provider key in the console.\n"
FILES = {"docs/keys.md": KEYS, "docs/old/keys.md": KEYS, "docs/other.md": "# Other\n\nNothing of \x1b[31mthat\x1b[0m kind of key.\n"}


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


@pytest.fixture
def labmodels(lab, monkeypatch, capsys):
    return operator(lab, monkeypatch, capsys)


@pytest.fixture
def shelf(lab):
    return Shelf(lab.root, files=FILES)


def test_hits_are_lines_of_files_on_stdout_and_all_else_is_on_stderr(labmodels, shelf):
    done = labmodels("search", "rotate", "provider", "--mode", "lexical", "--domain", "documentation")
    assert done.code == 0 and done.err == ""
    assert done.out == "docs/keys.md:3  Keys\n  Rotate a provider key in the console.\n  also docs/old/keys.md:1\n"


def test_explain_shows_both_ranks_and_the_generation_with_its_age(labmodels, shelf):
    done = labmodels("search", "other", "--mode", "lexical", "--explain", "--domain", "documentation")
    assert "documentation: score 1.000, words 1 (" in done.out and "meaning none" in done.out
    assert "searched lexical: documentation generation 1, " in done.err


def test_json_holds_what_the_text_says_and_the_letters_that_were_asked_for(labmodels, shelf):
    found = labmodels("search", "provider key", "--mode", "lexical", "--domain", "documentation", "-k", "1", "--json").json
    (hit,) = found["hits"]
    assert (hit["place"], hit["also"], hit["trail"], hit["dense"]) == ("docs/keys.md:3", ["docs/old/keys.md:1"], ["Keys"], None)
    assert hit["lexical"]["rank"] == 1 and hit["score"] == 1
    line = hit["snippet"][0]
    assert [line["text"][start:end] for start, end in line["marks"]] == ["provider", "key"]
    assert [(index["domain"], index["generation"]) for index in found["indexes"]] == [("documentation", 1)]


def test_filters_may_stand_in_options_and_in_the_query(labmodels, shelf):
    asked = ("search", "key", "--mode", "lexical", "--domain", "documentation")
    assert labmodels(*asked, "--where", "path:docs/oth*").out.startswith("docs/other.md:3")
    assert labmodels("search", "key path:docs/oth* domain:documentation", "--mode", "lexical").out.startswith("docs/other.md:3")
    refused = labmodels(*asked, "--where", "docs/**")
    assert refused.code == 2 and "hint: path:docs/**, kind:code or domain:documentation" in refused.err


def test_nothing_in_a_source_steers_the_terminal(labmodels, shelf):
    assert "\x1b" not in labmodels("search", "nothing kind", "--mode", "lexical").out


def test_what_finds_nothing_says_so_and_succeeds(labmodels, shelf):
    done = labmodels("search", "absent", "--mode", "lexical")
    assert (done.code, done.out, done.err) == (0, "", "nothing was found\n")


def test_where_queries_cannot_be_encoded_words_answer_and_the_reason_is_told(labmodels, shelf):
    done = labmodels("search", "provider", "--domain", "documentation")
    assert done.code == 0 and done.out.startswith("docs/keys.md:3")
    assert "note: searched by words alone: " in done.err
    refused = labmodels("search", "provider", "--domain", "documentation", "--mode", "dense")
    assert refused.code != 0 and refused.out == "" and "hint: " in refused.err


def test_an_index_that_is_missing_names_its_command(labmodels, shelf):
    done = labmodels("search", "key", "--domain", "logs")
    assert done.code == 4 and "hint: labmodels update-embeddings --domain logs --incremental" in done.err
    assert labmodels("search", "key", "--domain", "documentatio").err.endswith("hint: did you mean documentation?\n")


def test_a_lab_without_any_index_names_the_command_for_all(labmodels):
    done = labmodels("search", "key")
    assert done.code == 4 and "hint: labmodels update-embeddings --all --incremental" in done.err


def test_the_labs_synonyms_count(labmodels, lab, shelf):
    assert labmodels("search", "credential", "--mode", "lexical", "--domain", "documentation").out == ""
    lab.edit("configs/embedding_models/semantic_search.yaml", ('credential: ["api key"', 'credential: ["provider key"'))
    assert labmodels("search", "credential", "--mode", "lexical", "--domain", "documentation").out.startswith("docs/keys.md:3")


def test_words_are_searched_without_a_heavy_library_and_a_query_without_torch(lab, shelf):
    modules = modules_of("search", "provider", "--mode", "lexical", "--lab", str(lab.root))
    assert {module.partition(".")[0] for module in modules} & HEAVY == set()
    assert len(modules) <= 380, sorted(modules)
    modules = modules_of("search", "provider", "--lab", str(lab.root))
    assert {module.partition(".")[0] for module in modules} & {
        "torch",
        "transformers",
        "sentence_transformers",
        "faiss",
        "sqlalchemy",
    } == set()
