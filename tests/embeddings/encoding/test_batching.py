"""Batches hold every text once, the longest first, within their bounds; a corpus is never held whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.encoding.batching import Pace, batches, embedded

LENGTHS = st.lists(st.integers(0, 600), max_size=80)


@given(LENGTHS, st.integers(1, 20), st.integers(1, 2000))
def test_every_text_is_in_one_batch_and_the_longest_come_first(lengths, most_texts, most_tokens):
    found = list(batches(lengths, most_texts, most_tokens))
    flat = [position for batch in found for position in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[position] for position in flat] == sorted(lengths, reverse=True)


@given(LENGTHS, st.integers(1, 20), st.integers(1, 2000))
def test_a_batch_with_its_padding_stays_within_both_bounds_unless_one_text_alone_does_not(lengths, most_texts, most_tokens):
    for batch in batches(lengths, most_texts, most_tokens):
        padded = len(batch) * max(lengths[position] for position in batch)
        assert 1 <= len(batch) <= most_texts
        assert padded <= most_tokens or len(batch) == 1


class Counting:
    """Gives the length of a text as its vector, and remembers how many texts it was given at once."""

    def __init__(self):
        self.windows = []

    def documents(self, texts, progress=None):
        self.windows.append(len(texts))
        return np.array([[len(text)] for text in texts], dtype=np.float32)


@given(st.lists(st.text(max_size=9), max_size=40), st.integers(1, 12))
def test_keys_come_back_in_order_with_their_own_vectors_and_no_more_than_a_window_is_held(texts, window):
    encoder = Counting()
    taken = 0

    def items():
        nonlocal taken
        for number, text in enumerate(texts):
            taken = number + 1
            yield number, text

    seen = []
    for keys, vectors in embedded(encoder, items(), window=window):
        seen += zip(keys, vectors[:, 0].tolist(), strict=True)
        assert taken <= len(seen)  # nothing is read ahead
    assert seen == [(number, len(text)) for number, text in enumerate(texts)]
    assert max(encoder.windows, default=0) <= window


def test_the_pace_says_what_remains_and_nothing_before_the_first_text():
    assert Pace(30, 90, 10.0).rate == 3.0
    assert Pace(30, 90, 10.0).remaining_s == 20.0
    assert Pace(0, 90, 1.0).remaining_s is None
    assert Pace(0, 0, 0.0).remaining_s is None
