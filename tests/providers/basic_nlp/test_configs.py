"""A configuration is told by its sections and values; what weakens it comes first, and what is a secret is never shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.basic_nlp.asking import KEY, PASSWORD, ask

YAML = f"""\
# The gateway
gateway:
  host: 0.0.0.0
  port: 8080
  tls:
    enabled: false
  upstream: "http://models.example/v1"
  api_key: env:OPENAI_API_KEY
  admin_password: {PASSWORD}
  max_tokens: 4096
limits: &limits
  memory: 4 GiB
  first_token: 20 seconds
jobs:
  - name: DB_PASSWORD
    value: {PASSWORD}
  - name: MODE
    value: fast
args: ["--token", "{PASSWORD}", "--port", "80"]
other: *limits
banner: |
  several
  lines
"""


def test_values_stand_under_their_sections_with_their_places():
    answer = ask("explain this config", {"gateway.yaml": YAML})
    lines = answer.text.split("\n")
    assert lines[1] == "gateway.yaml: 18 values in 7 sections"
    assert lines[lines.index("gateway (6 values)") + 2] == "  port: 8080  [gateway.yaml:4]"
    assert "  enabled: false  [gateway.yaml:6]" in lines and "gateway.tls (1 value)" in lines
    assert "  api_key: env:OPENAI_API_KEY  [gateway.yaml:8]" in lines
    assert "  first_token: 20 seconds  [gateway.yaml:13]" in lines
    assert any(line.startswith("  banner: (") and line.endswith("[gateway.yaml:21]") for line in lines)


def test_what_weakens_a_configuration_comes_first_and_secrets_are_only_placed():
    answer = ask("explain", {"gateway.yaml": YAML})
    lines = answer.text.split("\n")
    first = lines[lines.index("Look at first:") + 1 : lines.index("", lines.index("Look at first:"))]
    assert first == [
        "  listens on every address: host: 0.0.0.0  [gateway.yaml:3]",
        "  TLS is off: enabled: false  [gateway.yaml:6]",
        '  not encrypted: upstream: "http://models.example/v1"  [gateway.yaml:7]',
        "  a secret stands here in clear: admin_password: (secret)  [gateway.yaml:9]",
        "  a secret stands here in clear: value: (secret)  [gateway.yaml:16]",
        "  a secret stands here in clear: (not quoted)  [gateway.yaml:19]",
    ]
    assert PASSWORD not in answer.text + repr(answer.sources)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"db": {"host": "db1", "password": "%s"}, "port": 5432}'),
        ("a.json", '{\n\t"db": {\n\t\t"host": "db1",\n\t\t"password": "%s"\n\t},\n\t"port": 5432\n}\n'),
        ("a.toml", 'port = 5432\n[db]\nhost = "db1"\npassword = "%s"\nlist = [\n  "x = y",\n]\n'),
        ("a.ini", "port: 5432\n[db]\nhost = db1\npassword = %s\n; password = old\n"),
        (".env", "PORT=5432\nexport HOST=db1\nDB_PASSWORD=%s\n"),
        ("a.yaml", "x: {port: 5432, host: db1}\ndata:\n  anything: %s\nkind: Secret\n"),
        ("a.yaml", "port: 5432\nhost: db1\nbad: {{ template\npassword: %s\n"),
        ("a.conf", "port = 5432\nhost = db1\nurl = postgres://u:%s@db/x\n"),
    ],
)
def test_every_format_is_read_and_shows_no_secret(name, text):
    answer = ask("explain this config", {name: text % PASSWORD})
    assert "5432" in answer.text and "db1" in answer.text
    assert PASSWORD not in answer.text + repr(answer.sources)


def test_what_sets_nothing_is_an_abstention():
    for text in ("", "- \n", "{}", "[" * 10_000, "just words\n", "a: " * 5000):
        assert ask("explain this config", {"a.yaml": text}).sources == (), text[:10]


_key = st.sampled_from(["a", "é", "port", "password", "api_key", "tls", "name", "value", "x-y", "token"])
_scalar = st.one_of(
    st.integers(0, 9999999), st.booleans(), st.none(), st.sampled_from(["on", "http://x.example", "two words", "l1\nl2", KEY, "", "é: #"])
)
_tree = st.recursive(_scalar, lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(_key, below, max_size=4)), max_leaves=20)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(_key, _tree, min_size=1, max_size=5), st.sampled_from([None, 2]), st.booleans())
def test_whatever_is_set_is_quoted_from_where_it_stands(tree, indent, is_yaml):
    import yaml

    text = yaml.safe_dump(tree, allow_unicode=True) if is_yaml else json.dumps(tree, indent=indent, ensure_ascii=False)
    assert KEY not in ask("explain this config", {"x.yaml" if is_yaml else "x.json": text}).text
