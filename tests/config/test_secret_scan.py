"""Literal secrets are found wherever they stand and shown nowhere; references that lead to nothing are told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from labmodels.config.reader import parse
from labmodels.config.secret_scan import literal_secrets, undefined_references
from labmodels.terminal.diagnostics import FORMATS, render
from labmodels.terminal.report import Report
from tests.labs import CLAUDE, GPT4, MODEL, EditedLab

HERE = Path("x.yaml")
KEY = "sk-proj-A1b2C3d4E5f6G7h8I9j0K1l2M3n4"


def places(text):
    return [(found.span.line, found.span.column) for found in literal_secrets(parse(HERE, text))]


# A text -> where a literal secret is found in it.
LITERALS = {
    f"a: {KEY}\n": [(1, 1)],
    f"a: 1\n  # the old key was {KEY}\n": [(2, 3)],
    f"a: {{b: [x, '{KEY}']}}\n": [(1, 1)],
    f"a: |\n  text\n  {KEY}\n": [(3, 3)],
    "credentials:\n  api_key: hunter2\n": [(2, 12)],
    "credentials: {api_key: hunter2}\n": [(1, 24)],
    "api-key: hunter2\n": [(1, 10)],
    "openai_api_key: hunter2\n": [(1, 17)],
    "'password' : hunter2\n": [(1, 14)],
    "password:\n  hunter2\n": [(2, 3)],
    "db_passwd: hunter2\n": [(1, 12)],
    "client_secret: hunter2\n": [(1, 16)],
    "secret_key: hunter2\n": [(1, 13)],
    "aws_secret_access_key: hunter2\n": [(1, 24)],
    "private_key: hunter2\n": [(1, 14)],
    "passphrase: hunter2\n": [(1, 13)],
    "token: hunter2\n": [(1, 8)],
    "access_token: hunter2\n": [(1, 15)],
    "password: 123456789\n": [(1, 11)],
    "password: [hunter2, hunter3]\n": [(1, 12), (1, 21)],
    "a:\n  - {password: hunter2}\n": [(2, 16)],
    "base_url: https://someone:hunter2@host/v1\n": [(1, 1)],
    f"password: {KEY}\n": [(1, 1)],
}  # fmt: skip
HARMLESS = [
    "api_key: env:OPENAI_API_KEY\n", "api_key: file:/run/secrets/key\n", "api_key: keyring:labmodels/openai\n", "api_key: null\n",
    "api_key: ~\n",
    "api_key:\n", "api_key: ''\n", "# api_key: env:X or sk-...\napi_key: env:X\n", "max_output_tokens: 4096\n", "first_token: 20 seconds\n",
    "tokens_per_minute: 1000000\n", "description: the password is in the vault\n", "monkey: banana\n", "base_url: https://host/v1\n",
    "owner: someone@lab.example\n", "base_url: https://user:***@host\n", "token: 5\n", "tools: true\n", "name: gpt-4\nsecretary: Ada\n",
]  # fmt: skip


@pytest.mark.parametrize("text", LITERALS, ids=lambda text: text[:30])
def test_a_literal_secret_is_found(text):
    assert places(text) == LITERALS[text]


@pytest.mark.parametrize("text", HARMLESS, ids=lambda text: text[:30])
def test_what_is_no_secret_raises_no_alarm(text):
    assert places(text) == []


def test_a_secret_is_found_in_a_file_that_is_not_even_yaml():
    assert places(f"a: [\nb: {KEY}\n") == [(2, 1)]


@pytest.fixture
def lab(tmp_path):
    return EditedLab(tmp_path / "lab")


@pytest.mark.parametrize("secret", [KEY, "hunter2"])
@pytest.mark.parametrize(
    "line",
    [
        "credentials: {{api_key: {}}}", "credentials:\n  api_key: {}", "credentials:\n  apikey: '{}'", "credentials:\n  api_key:\n    {}",
        "password: {}", "api_key: [{}]", "parameters: {{extra: {{password: {}}}}}",
        "environments:\n  dev:\n    credentials:\n      api_key: {}",
        "base_url: http://someone:{}@host/v1",
    ],
)  # fmt: skip
def test_a_secret_in_a_file_is_an_error_and_in_no_format(lab, secret, line):
    lab.write("configs/language_models/leaky.yaml", MODEL.format(name="leaky") + line.format(secret) + "\n")
    result = lab.validate()
    assert "LM401" in [found.code for found in result.diagnostics if found.is_error]
    assert secret not in repr(result.diagnostics)
    report = Report(result.diagnostics, result.files_count, result.combinations_count)
    for name in FORMATS:
        assert secret not in render(report, name), name


@pytest.mark.parametrize("comment", [f"# was {KEY}", f"owner: me  # {KEY}"])
def test_a_secret_in_a_comment_is_an_error_and_in_no_format(lab, comment):
    lab.write("configs/language_models/leaky.yaml", MODEL.format(name="leaky") + comment + "\n")
    result = lab.validate()
    assert [found.code for found in result.diagnostics if found.is_error] == ["LM401"]
    report = Report(result.diagnostics, 1, 1)
    assert all(KEY not in render(report, name) for name in FORMATS)


@pytest.mark.parametrize(
    "line", [f"kind: {KEY}", f"name: x\n{KEY}: 1", f"name: x\nname: {KEY}", f"!{KEY}", f"name: *{KEY}", f"provider: {KEY}"]
)
def test_a_secret_where_nobody_expects_one_is_not_repeated_either(lab, line):
    lab.write("configs/language_models/leaky.yaml", f"{line}\n")
    result = lab.validate()
    assert not result.is_valid
    report = Report(result.diagnostics, 1, 1)
    assert all(KEY not in render(report, name) for name in FORMATS)


def test_a_secret_is_the_only_finding_of_its_line(lab):
    lab.edit(GPT4, ("api_key: env:OPENAI_API_KEY ", "api_key: hunter2 "))
    assert [found.code for found in lab.findings()] == ["LM401"]


# -- references ----------------------------------------------------------------------------------------------------------


def test_an_undefined_reference_is_one_info_by_name_for_all_files_that_use_it(lab, monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "LOCAL_LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for number in range(3):
        lab.write(
            f"configs/language_models/more{number}.yaml",
            MODEL.format(name=f"more{number}") + "credentials: {api_key: env:ANTHROPIC_API_KEY}\n",
        )
    found = {one.message: (one.span.path.name, one.more, one.severity.value) for one in lab.found("LM402")}
    assert found == {
        "ANTHROPIC_API_KEY is not set: what needs it is skipped": ("claude_config.yaml", 3, "info"),
        "OPENAI_API_KEY is not set: what needs it is skipped": ("gpt4_config.yaml", 0, "info"),
        "LOCAL_LLM_BASE_URL is not set: what needs it is skipped": ("local_llm_config.yaml", 0, "info"),
    }


def test_a_defined_reference_says_nothing_and_its_value_is_not_read_into_anything(lab, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    result = lab.validate(CLAUDE)
    assert [found.code for found in result.diagnostics] == []
    assert KEY not in repr(result)


def test_references_of_environments_and_to_files_are_looked_up_too(lab, tmp_path):
    lab.edit(
        CLAUDE, ("  production:\n", f"  production:\n    credentials: {{api_key: 'file:{tmp_path}/none'}}\n    base_url: env:NOWHERE\n")
    )
    (document,) = [
        found for found in __import__("labmodels.config.catalog", fromlist=["load"]).load(lab).documents if found.name == "claude"
    ]
    messages = [found.message for found in undefined_references([document], {"ANTHROPIC_API_KEY": "x"})]
    assert messages == [
        f"{tmp_path}/none: No such file or directory: what needs it is skipped",
        "NOWHERE is not set: what needs it is skipped",
    ]
