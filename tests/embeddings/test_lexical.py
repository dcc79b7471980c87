"""The passages that speak most of a query come first, whatever the form of its words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.embedding_model import EmbeddingDomain
from labmodels.embeddings.chunking.chunk import Chunk
from labmodels.embeddings.lexical import rank, retrieve


def passage(text: str, *trail: str, line: int = 1) -> Chunk:
    return Chunk("d.md", line, line, text, "paragraph", trail)


DEPLOY = passage("Plan first, then deploy the plan to production.", "Deploy a release")
ROLL_BACK = passage("labmodels rollback --env production", "Roll back a release")
KEYS = passage("Keys are references.", "Rotate a provider key")
PASSAGES = [DEPLOY, KEYS, ROLL_BACK]


def test_a_heading_speaks_for_what_is_below_it():
    assert rank("how do I roll back a release?", PASSAGES, 1) == [ROLL_BACK]
    assert rank("rotating provider keys", PASSAGES, 1) == [KEYS]
    assert rank("deployed to production", PASSAGES, 3)[0] == DEPLOY


def test_a_passage_is_found_by_its_headings_alone_the_nearest_first():
    inner, outer = passage("Do it twice.", "Gateway", "Restart"), passage("Wait a minute.", "Restart", "Gateway")
    assert rank("restart", [outer, inner, KEYS], 3) == [inner, outer]


def test_two_words_find_their_compound_and_the_compound_the_words():
    assert rank("rollback", [KEYS, passage("Roll back at once."), DEPLOY], 1)[0].text == "Roll back at once."
    assert rank("roll back", [KEYS, passage("Use rollback."), DEPLOY], 1)[0].text == "Use rollback."


def test_a_rare_term_weighs_more_than_a_common_one():
    common = [passage(f"release {k}") for k in range(5)]
    assert rank("release quota", [*common, passage("quota of others")], 1)[0].text == "quota of others"


def test_nothing_in_common_finds_nothing():
    assert rank("weather in Lisbon", PASSAGES, 5) == []
    assert rank("", PASSAGES, 5) == [] == rank("release", [], 5)


def test_a_domain_is_read_from_its_files(tmp_path):
    (tmp_path / "a.md").write_text("# Keys\n\nRotate them.\n")
    (tmp_path / "b.md").write_text("# Other\n\nRotate.\n")
    (found, *_) = retrieve(tmp_path, [EmbeddingDomain(group="text", sources=["*.md"])], "rotate keys", 1)
    assert (found.path, found.line, found.trail) == ("a.md", 3, ("Keys",))


def test_a_procedure_is_given_with_all_of_its_steps(tmp_path):
    steps = "".join(f"{n}. Step {n}\n\n   ```\n   run {n}\n   ```\n\n" for n in range(1, 6))
    (tmp_path / "a.md").write_text(f"# Restart the gateway\n\n{steps}# Other\n\nNothing.\n")
    found = retrieve(tmp_path, [EmbeddingDomain(group="text", sources=["*.md"])], "restart the gateway", 3)
    assert len(found) == 10 and {one.trail for one in found} == {("Restart the gateway",)}


@given(st.lists(st.lists(st.sampled_from(["roll", "back", "key", "plan"]), max_size=5).map(" ".join), max_size=8), st.integers(1, 5))
def test_ranking_returns_distinct_passages_that_hold_a_term(texts, k):
    found = rank("plan key", [passage(text, line=n + 1) for n, text in enumerate(texts)], k)
    assert len(found) == len({one.line for one in found}) == min(k, sum("plan" in text or "key" in text for text in texts))
