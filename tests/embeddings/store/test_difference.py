"""What an update looks at: every path once, nothing that is the same, nothing gone of which nothing is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.documents import Found, Skipped
from labmodels.embeddings.store.difference import difference, is_mass_vanishing, vanished
from labmodels.embeddings.store.rows import Source

PATHS = st.sampled_from(["a.md", "b.md", "sub/a.md", "sub/b.md", "sub/deep/c.md", "subtle.md"])
STATES = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2))
HELD = st.dictionaries(PATHS, st.tuples(STATES, st.sampled_from(["", "digest"])))
FOUND = st.dictionaries(PATHS, STATES)
FAILURES = st.sets(st.sampled_from(["a.md", "sub/", "sub/deep/", ""]))


@given(HELD, FOUND, FAILURES)
def test_every_path_is_in_one_place_and_only_what_is_known_to_be_gone_is_gone(held, found, failures):
    sources = {path: Source(path, *state, digest) for path, (state, digest) in held.items()}
    result = difference(sources, [Found(path, *state) for path, state in found.items()], [Skipped(path, "", True) for path in failures])
    placed = [*result.same, *(one.path for one in result.suspects), *result.gone, *result.kept]
    assert sorted(placed) == sorted({*held, *found})
    for path in result.same:
        assert held[path] == (found[path], "digest")
    for path in result.gone:
        assert path not in found and path not in failures
        assert not any(path.startswith(folder) for folder in failures if folder.endswith("/") or not folder)
    assert {one.path for one in result.suspects} == {path for path in found if path not in result.same}


@given(HELD, FOUND)
def test_what_has_another_name_has_not_vanished(held, found):
    sources = {path: Source(path, *state, digest) for path, (state, digest) in held.items()}
    gone = vanished(sources, [Found(path, *state) for path, state in found.items()])
    moved = {(state[2], state[0]) for path, state in found.items() if path not in held}
    assert gone == [path for path, (state, _) in held.items() if path not in found and (state[2], state[0]) not in moved]


def test_more_than_three_of_ten_are_a_mass():
    assert [is_mass_vanishing(10, count) for count in (0, 3, 4, 10)] == [False, False, True, True]
    assert not is_mass_vanishing(0, 0)
