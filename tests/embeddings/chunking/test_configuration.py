"""Configuration is cut at its keys, below the path that leads to them; interfaces at their operations."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from labmodels.embeddings.chunking.configuration import entries
from tests.embeddings.chunking.cutting import assert_bounded, assert_whole, cut, squeezed

ROOT = Path(__file__).parents[3]
YAML = """\
# Of the gateway.
listen: 127.0.0.1

limits:
  # Per key.
  keys:
    alpha: 10
    beta: 20
  script: |
    # no comment
    key: in a text

  list:
    - name: one
      size: 1
    - name: two
...
---
second: {a: 1, b: [x]}
"""


def test_a_map_that_fits_is_one_chunk_and_names_its_keys():
    (only,) = cut("a.yaml", "a:\n  b: 1\n  c: [2]\n", "configuration")
    assert (only.trail, only.symbols, only.kind) == ((), ("a", "a.b", "a.c"), "configuration")


def test_keys_keep_their_comments_and_stand_below_their_path():
    found = cut("a.yaml", YAML, "configuration", 16)
    assert_whole(found, YAML, 16)
    keys = next(one for one in found if "alpha" in one.text)
    assert keys.text.endswith("  # Per key.\n  keys:\n    alpha: 10\n    beta: 20") and keys.trail == ("limits",)
    script = next(one for one in found if "in a text" in one.text)
    assert script.trail == ("limits",) and "limits.script" in script.symbols
    assert not any(symbol.endswith("key") for one in found for symbol in one.symbols)
    assert found[-1].symbols == ("second", "second.a", "second.b")


def test_sections_of_toml_and_ini_are_cut_at_their_headers_and_keys():
    text = 'top = 1\n\n[tool.x]\n# Why.\na = """\n[no.header]\n"""\nlist = [\n  1,\n]\n\n[[many]]\nb = 2\n'
    found = cut("p.toml", text, "configuration", 24)
    assert_whole(found, text, 24)
    assert [one.symbols for one in found] == [("top",), ("tool.x", "tool.x.a"), ("tool.x.list",), ("many", "many.b")]
    assert [one.trail for one in found] == [(), ("tool.x",), ("tool.x",), ()]
    (env,) = cut(".env", "# Key.\nexport A_KEY=x\nB=2\n", "configuration")
    assert env.symbols == ("A_KEY", "B")


def test_what_does_not_parse_is_cut_by_its_indentation():
    text = "a:\n  {{- if .x }}\n  b: {{ y }\n  c: 3\n" + "".join(f"other_{k}:\n  value: {k} and more of it\n" for k in range(9))
    found = cut("t.yaml", text, "configuration", 24)
    assert_whole(found, text, 24)
    assert len(found) > 3


KEYS = st.sampled_from(["a", "b c", "paths", "get", "x-y", "200", "info"])
VALUES = st.recursive(
    st.one_of(st.text("ab #:\n-é", max_size=12), st.integers(0, 99), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=25,
)


@given(VALUES, st.booleans(), st.sampled_from(["configuration", "openapi", "metrics"]), st.integers(16, 60))
def test_every_line_of_yaml_and_json_is_in_one_chunk(value, is_json, chunker, most):
    text = json.dumps(value, indent=2) if is_json else yaml.safe_dump(value, allow_unicode=True)
    found = cut("a.json" if is_json else "a.yaml", text, chunker, most)
    if chunker == "metrics" or len(text.split("\n")) > 2:
        assert_whole(found, text, most)
    assert_bounded(found, most)
    assert found == cut("a.json" if is_json else "a.yaml", text, chunker, most)


ANYTHING = (
    "a:", "  b: 1", "- x", "[h]", "[[h.i]]", "k = 1", "# c", "", "'''", "{", "}", "  - y: |", "    t", "\t", "*a", "&a b", "--- ", "? z",
)  # fmt: skip


@given(
    st.lists(st.sampled_from(ANYTHING), max_size=30),
    st.sampled_from(["a.yaml", "a.toml", "a.ini", "a.json", "plain"]),
    st.integers(16, 40),
)
def test_every_line_of_anything_is_in_one_chunk(lines, path, most):
    text = "\n".join(lines)
    assert_whole(cut(path, text, "configuration", most), text, most)


def test_the_configurations_of_this_repository_are_cut_without_loss():
    for file in [ROOT / "labmodels.yaml", ROOT / "pyproject.toml", *ROOT.glob("configs/**/*.yaml"), *ROOT.glob("schemas/*.json")]:
        text = file.read_text(encoding="utf-8")
        assert_whole(cut(file.name, text, "configuration"), text, 200)


def test_nesting_without_end_and_aliases_of_aliases_are_no_trouble():
    deep = "[" * 20_000
    assert entries([deep]) is None
    assert_whole(cut("a.json", deep, "configuration"), deep, 200)
    bomb = "a: &a [x]\n" + "".join(f"k{k}: &k{k} [*a, *a]\n" for k in range(50))
    assert_whole(cut("a.yaml", bomb, "configuration"), bomb, 200)


API = """\
openapi: 3.1.0
info:
  title: Lab API
  version: "1"
paths:
  /users/{id}:
    parameters:
      - {name: id, in: path}
    # Of one.
    get:
      operationId: getUser
      summary: One user
    delete:
      summary: Away with it
  /users:
    post:
      operationId: addUser
      responses:
        "201": {description: made}
components:
  schemas:
    User:
      type: object
    Group:
      type: object
"""


def test_an_interface_is_cut_at_its_operations_and_schemas():
    found = cut("api.yaml", API, "openapi")
    assert_whole(found, API, 200)
    operations = [one for one in found if one.kind == "operation"]
    assert [(one.line, one.end_line, one.trail, one.symbols) for one in operations] == [
        (9, 12, ("Lab API", "GET /users/{id}"), ("getUser", "GET /users/{id}")),
        (13, 14, ("Lab API", "DELETE /users/{id}"), ("DELETE /users/{id}",)),
        (15, 19, ("Lab API", "POST /users"), ("addUser", "POST /users")),
    ]
    assert [(one.trail, one.symbols) for one in found[-2:]] == [(("Lab API", "schemas"), ("User",)), (("Lab API", "schemas"), ("Group",))]


def test_an_interface_on_one_line_has_the_same_operations():
    text = json.dumps({**yaml.safe_load(API), "x-note": "n" * 200})
    found = cut("api.json", text, "openapi")
    assert [one.symbols for one in found if one.kind == "operation"] == [
        ("getUser", "GET /users/{id}"), ("DELETE /users/{id}",), ("addUser", "POST /users"),
    ]  # fmt: skip
    assert {(one.line, one.end_line) for one in found} == {(1, 1)}
    assert json.loads(squeezed("".join(one.text for one in found)))["paths"].keys() == {"/users/{id}", "/users"}


def test_a_file_that_describes_no_interface_is_cut_as_configuration():
    assert cut("a.yaml", YAML, "openapi") == cut("a.yaml", YAML, "configuration")
