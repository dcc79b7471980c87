"""An endpoint's vectors pass the same checks as any, and nothing empty is sent to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labmodels.embeddings.encoding.encoder import encoder_of
from labmodels.embeddings.encoding.protocol import BadVector
from labmodels.errors import Usage
from tests.embeddings.encoding.models import config


def remote(embed, **given):
    settings = {"provider": "openai", "dimensions": 2, "max_tokens": 8191, "batch_size": 3} | given
    return encoder_of(config("text-embedding-3-small", **settings), Path(), embed=embed)


class Endpoint:
    def __init__(self):
        self.requests = []

    def __call__(self, texts):
        self.requests.append(list(texts))
        return [[float(len(text)), 1.0] for text in texts]


def test_texts_are_sent_in_batches_and_come_back_in_order():
    endpoint, told = Endpoint(), []
    texts = ["a" * n for n in (5, 1, 4, 2, 3, 9, 7)]
    vectors = remote(endpoint, normalize=False).documents(texts, told.append)
    assert vectors[:, 0].tolist() == [5, 1, 4, 2, 3, 9, 7]
    assert [len(request) for request in endpoint.requests] == told == [3, 3, 1]


def test_a_text_without_a_character_is_sent_as_a_dash_because_endpoints_refuse_it():
    endpoint = Endpoint()
    remote(endpoint).documents(["", " \n", "a"])
    assert endpoint.requests == [["-", "-", "a"]]


def test_prompts_go_in_front_of_what_they_are_for():
    endpoint = Endpoint()
    encoder = remote(endpoint, prompts={"query": "find: ", "document": "text: "})
    assert np.linalg.norm(encoder.query("x")) == pytest.approx(1)
    encoder.documents(["y"])
    assert endpoint.requests == [["find: x"], ["text: y"]]
    assert encoder.count("") > 0


@pytest.mark.parametrize(
    "answer", [[], [[1.0, 2.0], [1.0]], [[1.0, 2.0, 3.0]] * 2, [[1.0, 2.0]], [[1.0, 2.0], [float("nan"), 1.0]], [[1.0, 2.0]] * 3]
)
def test_too_few_too_many_ragged_and_broken_vectors_are_errors(answer):
    with pytest.raises(BadVector):
        remote(lambda texts: answer).documents(["a", "b"])


def test_the_endpoint_is_part_of_the_space():
    spaces = {remote(Endpoint()).fingerprint, remote(Endpoint(), base_url="http://127.0.0.1:1/v1").fingerprint}
    assert len(spaces) == 2


def test_without_a_way_to_ask_it_is_said():
    with pytest.raises(Usage, match="over the network"):
        remote(None)
