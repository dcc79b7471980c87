"""The parity test is not passed by what differs, and the vectors on file are those of sentence-transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labmodels.embeddings.encoding import parity
from labmodels.embeddings.encoding.weights import find_weights


def test_the_least_cosine_is_of_the_worst_pair_whatever_the_lengths():
    reference = np.eye(3, dtype=np.float32)
    assert parity.least_cosine(reference * 7, reference) == pytest.approx(1)
    worst = reference.copy()
    worst[2] = [0.6, 0, 0.8]
    assert parity.least_cosine(worst, reference) == pytest.approx(0.8)


@pytest.mark.parametrize("damage", [np.nan, np.inf, 0.0])
def test_a_vector_without_a_direction_fails(damage):
    vectors = np.eye(2, dtype=np.float32)
    vectors[1] = damage
    assert parity.least_cosine(vectors, np.eye(2, dtype=np.float32)) == -1
    assert parity.least_cosine(vectors[:1], np.eye(2, dtype=np.float32)) == -1


def test_the_texts_are_64_and_some_are_beyond_the_limit_of_the_default_model():
    assert len(set(parity.TEXTS)) == 64
    assert sum(len(text.split()) > 256 for text in parity.TEXTS) >= 2


def test_the_vectors_on_file_are_what_sentence_transformers_gives(tmp_path):
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="without torch, the file is what is tested against")
    weights = find_weights("all-MiniLM-L6-v2", Path(), fetch=False)
    kept = parity.on_file(weights.weights_digest(tmp_path), weights.tokenizer_digest(tmp_path), 256, "mean")
    model = sentence_transformers.SentenceTransformer(str(weights.folder), device="cpu")
    assert parity.least_cosine(np.load(kept), model.encode(list(parity.TEXTS))) > 0.999999
