"""What is no vector of the space is an error at the encoder, whoever made it."""

from __future__ import annotations

import numpy as np
import pytest

from labmodels.embeddings.encoding.protocol import BadVector, checked


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_refused_with_the_place_of_its_text(value):
    vectors = np.ones((3, 4), dtype=np.float32)
    vectors[1, 2] = value
    for normalize in (True, False):
        with pytest.raises(BadVector, match="text 2 of 3"):
            checked(vectors, 3, 4, normalize, "m")


@pytest.mark.parametrize("shape", [(3, 5), (2, 4), (12,), (3, 4, 1)])
def test_another_shape_is_refused(shape):
    with pytest.raises(BadVector, match="3 x 4 were expected"):
        checked(np.ones(shape, dtype=np.float32), 3, 4, True, "m")


def test_zeros_have_no_direction():
    with pytest.raises(BadVector, match="text 1 of 1"):
        checked(np.zeros((1, 4), dtype=np.float32), 1, 4, True, "m")
    assert not checked(np.zeros((1, 4), dtype=np.float32), 1, 4, False, "m").any()


def test_normalised_vectors_have_length_one_and_others_are_left_alone():
    vectors = np.array([[3.0, 4.0]])
    assert np.allclose(checked(vectors, 1, 2, True, "m"), [[0.6, 0.8]])
    assert checked(vectors, 1, 2, False, "m").tolist() == [[3.0, 4.0]]
    assert checked(vectors, 1, 2, True, "m").dtype == np.float32
    assert checked(np.empty((0, 2)), 0, 2, True, "m").shape == (0, 2)
