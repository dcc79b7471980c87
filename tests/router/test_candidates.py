"""Who is left out of a route before it is tried, and why."""

from __future__ import annotations

import pytest

from labmodels.config.schema.language_model import Capabilities, LanguageModel
from labmodels.config.schema.specialized_model import Requirements
from labmodels.providers.protocol import Message, Request
from labmodels.router.candidates import Candidate, unfit

ASK = Request((Message("user", "hello"),))
BASIC = Candidate("basic_nlp", "basic_nlp")


def candidate(context_tokens: int = 8000, **capabilities) -> Candidate:
    model = LanguageModel(name="m", provider="openai", model="x", context_tokens=context_tokens, capabilities=Capabilities(**capabilities))
    return Candidate("m", "openai", model)


@pytest.mark.parametrize(
    ("who", "request_", "requires", "above", "reason"),
    [
        (candidate(), ASK, Requirements(), None, None),
        (Candidate("m", "openai", skip_reason="OPENAI_API_KEY is not set"), ASK, Requirements(), None, "OPENAI_API_KEY is not set"),
        (candidate(), ASK, Requirements(tools=True, vision=True), None, "it cannot do tools, vision"),
        (candidate(), Request(ASK.messages, json_schema={}), Requirements(), None, "it cannot do json_schema"),
        (candidate(json_schema=True), Request(ASK.messages, json_schema={}), Requirements(), None, None),
        (
            candidate(8000),
            ASK,
            Requirements(context_tokens=9000),
            None,
            "its context of 8000 tokens is below the 9000 that the domain requires",
        ),
        (candidate(8000), ASK, Requirements(), 8000, "its context of 8000 tokens is no larger than the one that overflowed"),
        (candidate(8001), ASK, Requirements(), 8000, None),
        (
            candidate(100),
            Request((Message("user", "x" * 808),)),
            Requirements(),
            None,
            "its context of 100 tokens cannot hold a request of at least 101",
        ),
        (BASIC, ASK, Requirements(context_tokens=10**6), 10**6, None),
        (BASIC, Request(ASK.messages, json_schema={}), Requirements(), None, "it cannot do json_schema"),
    ],
)
def test_a_candidate_is_asked_or_left_out_with_the_reason(who, request_, requires, above, reason):
    assert unfit(who, request_, requires, above) == reason
