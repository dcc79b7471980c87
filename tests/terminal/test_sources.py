"""Masking keeps columns and leaves no part of a secret."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.secrets import looks_like_secret
from labmodels.terminal.sources import Sources, mask_secrets, redact_line
from tests.terminal.reports import report

KEYS = st.from_regex(r"sk-[A-Za-z0-9]{20,40}", fullmatch=True).filter(looks_like_secret)


@pytest.mark.parametrize(
    ("start", "end", "masked"),
    [(4, 7, "a: ***"), (4, 99, "a: ***"), (1, 2, "*: xyz"), (7, 9, "a: xyz"), (99, 100, "a: xyz")],
)
def test_the_columns_of_a_span_are_masked_and_no_others(start, end, masked):
    assert redact_line("a: xyz", start, end) == masked


@given(st.text(alphabet="ab: \"'[,", max_size=12), KEYS, st.text(alphabet="ab \"'],", max_size=12))
def test_a_key_is_masked_wherever_it_stands_and_the_columns_stay(before, key, after):
    line = f"{before} {key} {after}"
    masked = mask_secrets(line)
    assert len(masked) == len(line)
    assert not any(key[start : start + 6] in masked for start in range(3, len(key) - 6))


@pytest.mark.parametrize(
    "line",
    [
        "model: gpt-6-luna",
        "api_key: env:OPENAI_API_KEY",
        "api_key: file:/run/secrets/openai",
        "base_url: https://example.org/v1",
        "secret: null",
        "token: 5",
        'first_token: "20 seconds"',
    ],
)
def test_what_is_no_secret_stays(line):
    assert mask_secrets(line) == line


@pytest.mark.parametrize(
    ("block", "masked"),
    [
        ("credentials:\n  apikye: hunter2 # mine\nname: x", "credentials:\n  apikye: ******* # mine\nname: x"),
        ("a:\n  credentials: {apikye: hunter2, x: env:X}\n  b: c", "a:\n  credentials: {apikye: *******, x: env:X}\n  b: c"),
        ("credentials:\n  api_key: |\n    hunter2\n\n  z: null\n", "credentials:\n  api_key: |\n    *******\n\n  z: null\n"),
        ("credentials: hunter2", "credentials: *******"),
        ("credentials:\n  api_key: keyring:labmodels/openai", "credentials:\n  api_key: keyring:labmodels/openai"),
    ],
)
def test_in_a_credentials_block_only_references_are_shown(block, masked):
    path = Path("a.yaml")
    sources = Sources(report(sources={"a.yaml": block}), ())
    assert [sources.line(path, number) for number in range(1, len(sources.lines(path)) + 1)] == masked.split("\n")
