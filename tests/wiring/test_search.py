"""A lab is indexed and searched from end to end, with the default weights: by the Python API, and as the configuration says."""

from __future__ import annotations

import pytest

from labmodels import open_lab
from labmodels.cli.app import run
from labmodels.embeddings.search.gather import NoIndex
from labmodels.errors import Usage
from tests.embeddings.encoding.test_cross_encoder import make_tiny_cross_encoder
from tests.labs import EditedLab

FILES = {
    "docs/keys.md": "# Credentials\n\nTo replace the secret of a vendor, make a second one, deploy it, and revoke the first.\n",
    "docs/ponds.md": "# Ponds\n\nThe deep pond is closed in winter, since the ice is thin.\n",
    "docs/backups.md": "# Backups\n\nA snapshot is verified each night and kept for a month.\n",
    "src/keys.py": 'def replace_secret(vendor):\n    """Make a second secret of a vendor and revoke the first."""\n    return vendor\n',
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = EditedLab(tmp_path_factory.mktemp("lab"))
    for path, text in FILES.items():
        lab.write(path, text)
    named = [word for domain in ("documentation", "source_code") for word in ("--domain", domain)]
    assert run(["update-embeddings", *named, "--incremental", "--lab", str(lab.root), "--quiet"]) == 0
    return lab


def places(found):
    return [hit.place for hit in found.hits]


def test_a_program_finds_by_meaning_what_shares_no_word(lab):
    found = open_lab(lab.root).search("how are API keys rotated", domains=["documentation"], mode="dense", count=1)
    assert places(found) == ["docs/keys.md:1"] and found.notes == ()
    assert [(index.domain, index.generation) for index in found.indexes] == [("documentation", 1)]


def test_every_domain_that_has_an_index_is_searched_and_others_are_asked_for_in_vain(lab):
    opened = open_lab(lab.root)
    found = opened.search("replace the secret of a vendor")
    assert {hit.chunk.domain for hit in found.hits[:2]} == {"documentation", "source_code"} and found.mode == "hybrid"
    assert {hit.chunk.path for hit in opened.search("secret", where=["path:src/**"]).hits} == {"src/keys.py"}
    with pytest.raises(NoIndex):
        opened.search("secret", domains=["logs"])
    with pytest.raises(Usage):
        opened.search("secret", domains=["nowhere"])


def add_a_zoo(lab):
    lab.write("docs/zoo.md", "# Zoo\n\nThe giraffe is fed at noon.\n")
    assert run(["update-embeddings", "--domain", "documentation", "--incremental", "--lab", str(lab.root), "--quiet"]) == 0


def test_an_open_search_sees_what_is_indexed_meanwhile(lab):
    with open_lab(lab.root).searching() as searching:
        assert places(searching.search("giraffe", mode="lexical")) == []
        add_a_zoo(lab)
        found = searching.search("giraffe")
    assert places(found)[0] == "docs/zoo.md:3" and {index.domain: index.generation for index in found.indexes}["documentation"] == 2


def test_mode_results_and_weights_are_those_of_the_configuration(lab):
    own = ("domain_weights: {}", "domain_weights:\n  documentation: {lexical: 1, dense: 0}")
    lab.edit("configs/embedding_models/semantic_search.yaml", ("results: 10", "results: 1"), own)
    add_a_zoo(lab)
    opened = open_lab(lab.root)
    assert len(opened.search("secret").hits) == 1
    assert places(opened.search("giraffe", domains=["documentation"], count=5)) == ["docs/zoo.md:3"]  # by words alone


def test_a_cross_encoder_that_is_configured_orders_the_hits(lab):
    make_tiny_cross_encoder(lab.root / "models" / "reranker")
    lab.edit("configs/embedding_models/semantic_search.yaml", ('reranker: ""', "reranker: models/reranker"))
    found = open_lab(lab.root).search("secret", count=3)
    assert len(found.hits) > 1 and None not in {hit.reranked for hit in found.hits} and found.notes == ()
    assert [hit.reranked for hit in found.hits] == sorted((hit.reranked for hit in found.hits), reverse=True)
    assert open_lab(lab.root).search("secret", mode="lexical").hits[0].reranked is None
    lab.edit("configs/embedding_models/semantic_search.yaml", ("models/reranker", "models/absent"))
    assert "models/absent is in none of" in open_lab(lab.root).search("secret").notes[0]
