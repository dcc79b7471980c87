"""What a passage names is read for what it is, and prose names nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.links.signs import defined, line_of, signs
from tests.embeddings.indexed import chunk

NAMED = [
    ("path", "docs/secrets.md", "see docs/secrets.md:12."),
    ("path", "docs/secrets.md", "see [Secrets](../secrets.md#keys)"),
    ("path", "labmodels.yaml", "in `labmodels.yaml`, the lab"),
    ("host", "db-01.lab.internal", "ssh db-01.lab.internal."),
    ("host", "gw.example.com", "https://user@gw.example.com:8080/v1"),
    ("host", "10.0.0.12", "from 10.0.0.12."),
    ("host", "gpu-01", "on gpu-01, then"),
    ("error code", "LM204", "LM204: unknown key"),
    ("error code", "ENOSPC", "fails with ENOSPC"),
    ("error code", "HTTP 429", "status code 429, again"),
    ("metric", "labmodels_requests_total", "labmodels_requests_total[5m] rises"),
    ("config key", "fallback_strategy.failure_threshold", "set fallback_strategy.failure_threshold."),
    ("symbol", "rollback_to", "calls rollback_to now"),
    ("symbol", "RetryPolicy", "a RetryPolicy decides"),
    ("symbol", "LABMODELS_ENV", "set LABMODELS_ENV=dev"),
    ("symbol", "serve", "`serve` starts"),
    ("symbol", "locked", "with locked(path):"),
]


@pytest.mark.parametrize(("kind", "name", "text"), NAMED)
def test_a_name_is_read_as_what_it_is(kind, name, text):
    assert signs(chunk("docs/procedures/a.md", text)) == {name: kind}


@pytest.mark.parametrize(
    "text",
    [
        "Make a second key, e.g. in the console; i.e. do not revoke the first. And/or wait 1.5 s.",
        "The UTF-8 text of gpt-4, version 1.2.3, and so on... See above. Ok?",
        "HTTP is a protocol. NOT AND OR. I said (twice) that 429 are many.",
    ],
)
def test_prose_names_nothing(text):
    assert signs(chunk("docs/a.md", text)) == {}


def test_what_a_chunk_defines_is_named_by_its_whole_and_its_last_part():
    key = chunk("labmodels.yaml", "failure_threshold: 3", kind="configuration", symbols=["strategy.failure_threshold", "strategy.enabled"])
    assert defined(key) == {"strategy.failure_threshold", "failure_threshold", "strategy.enabled"}
    assert signs(key)["strategy.failure_threshold"] == "config key"
    assert "total" not in defined(chunk("a.md", "Totals", symbols=["total"]))


def test_a_name_is_found_at_its_line():
    one = chunk("docs/a.md", "First.\nThen LM204 or\n[x](../b/c.md)\nstatus 429", line=5)
    assert [line_of(one, name) for name in ("LM204", "b/c.md", "HTTP 429", "absent")] == [6, 7, 8, 5]


@given(st.text(max_size=300), st.sampled_from(["code", "paragraph", "configuration"]))
def test_any_text_is_read(text, kind):
    assert all(len(name) >= 4 for name in signs(chunk("docs/a.md", text, kind=kind)))
