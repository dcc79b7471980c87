from hypothesis import given
from hypothesis import strategies as st

from labmodels.releases.retention import to_delete

numbers = st.sets(st.integers(1, 60), max_size=40)


@given(numbers, st.integers(2, 10), st.sets(st.integers(1, 60), max_size=4))
def test_the_newest_and_the_protected_stay_and_everything_else_goes(found, keep, protected):
    deleted = to_delete(found, keep, protected)
    newest = set(sorted(found)[-keep:])
    assert set(deleted) == found - newest - protected
    assert deleted == sorted(deleted), "the oldest goes first: what a crash leaves is the newer part"


@given(numbers, st.integers(2, 10), st.sets(st.integers(1, 60), max_size=4))
def test_deleting_twice_deletes_nothing_more(found, keep, protected):
    assert not to_delete(found - set(to_delete(found, keep, protected)), keep, protected)
