"""The catalogue of codes and what `explain` says of them."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

import labmodels
from labmodels.config.codes import CODES, explain, find_code
from labmodels.config.diagnostics import Severity
from labmodels.config.faults import Context, diagnose
from labmodels.config.layers import Layer
from labmodels.config.reader import read
from labmodels.config.schema import KINDS
from labmodels.errors import Usage

SOURCES = Path(labmodels.__file__).parent
EXPLANATIONS = SOURCES / "config" / "explanations"
# The codes of reading whose example is a file's content, not a command.
READABLE = [code for code in CODES if code.startswith(("LM0", "LM1")) and code not in ("LM001", "LM002", "LM003", "LM011")]


def example(code, name):
    """Return the text under "Wrong:" or "Right:", without its indentation."""
    text = CODES[code].example
    part = text.partition("\nRight:\n")[0 if name == "Wrong" else 2].removeprefix("Wrong:\n")
    return "\n".join(line.removeprefix("    ") for line in part.strip("\n").split("\n")) + "\n"


@pytest.mark.parametrize("code", CODES)
def test_every_code_says_what_it_means_and_shows_it_wrong_and_right(code):
    known = CODES[code]
    assert known.code == code
    assert len(known.explanation.split()) >= 20
    assert "Wrong:" not in known.explanation
    assert example(code, "Wrong").strip()
    assert example(code, "Right").strip()
    assert example(code, "Wrong") != example(code, "Right")


def test_every_explanation_is_of_a_known_code_and_fits_eighty_columns():
    texts = [path.read_text(encoding="utf-8") for path in sorted(EXPLANATIONS.glob("*.md"))]
    assert sorted(re.findall(r"^## (.*)$", "\n".join(texts), re.MULTILINE)) == sorted(CODES)
    assert [line for text in texts for line in text.split("\n") if len(line) > 80] == []


def test_every_code_that_the_configuration_reports_is_in_the_catalogue():
    reported = {
        code for path in (SOURCES / "config").rglob("*.py") for code in re.findall(r"\bLM\d{3}\b", path.read_text(encoding="utf-8"))
    }
    assert reported <= set(CODES)


@pytest.mark.parametrize("code", READABLE)
def test_the_wrong_example_of_a_reading_code_is_reported_and_the_right_one_is_not(code, tmp_path):
    def codes_of(name):
        file = tmp_path / f"{name}.yaml"
        file.write_text(example(code, name), encoding="utf-8")
        source = read(file)
        return {finding.code for finding in source.diagnostics} | {suspicion.code for suspicion in source.suspicions}

    assert code in codes_of("Wrong")
    assert codes_of("Right") == set()


@pytest.mark.parametrize("code", [code for code in CODES if code.startswith(("LM2", "LM3", "LM4")) and code != "LM402"])
def test_the_examples_of_the_other_codes_are_readable_configurations(code, tmp_path):
    for name in ("Wrong", "Right"):
        file = tmp_path / f"{name}.yaml"
        file.write_text(example(code, name), encoding="utf-8")
        assert [finding.message for finding in read(file).diagnostics] == []


MODEL = {"kind": "language_model", "name": "gpt-4", "provider": "openai", "model": "gpt-6-luna", "context_tokens": 200000}
SEARCH = {"kind": "semantic_search", "name": "search"}


@pytest.mark.parametrize("code", ["LM202", "LM203", "LM204", "LM205", "LM206", "LM207", "LM208", "LM209", "LM403"])
def test_the_wrong_example_of_a_schema_code_is_refused_with_that_code_and_the_right_one_is_accepted(code, tmp_path):
    def codes_of(name):
        file = tmp_path / f"{name}.yaml"
        file.write_text(example(code, name), encoding="utf-8")
        given = read(file).data
        document = given if "kind" in given else {**(SEARCH if "mode" in given else MODEL), **given}
        model = KINDS[document["kind"]].model
        try:
            model.model_validate(document)
        except ValidationError as error:
            return {finding.code for finding in diagnose(error, Context(model, [Layer("file", document)], document))}
        return set()

    assert codes_of("Wrong") == {code}
    assert codes_of("Right") == set()


def test_explain_prints_title_severity_meaning_and_examples():
    text = explain("LM104")
    assert text == (
        "LM104 trailing zero is lost (warning)\n"
        "\n"
        "An unquoted 3.10 is the number 3.1: the trailing zero is gone, and with it the\n"
        "difference between version 3.10 and version 3.1.\n"
        "\n"
        "Quote versions and other names made of digits. Where it is a number, leave the\n"
        "zero out.\n"
        "\n"
        "Wrong:\n"
        "\n"
        "    owner: 3.10\n"
        "\n"
        "Right:\n"
        "\n"
        '    owner: "3.10"\n'
    )


@pytest.mark.parametrize("text", ["LM204", "lm204", " 204 "])
def test_a_code_is_found_however_it_is_written(text):
    assert find_code(text).title == "wrong type"


def test_an_unknown_code_is_a_usage_error_that_names_its_group():
    with pytest.raises(Usage, match="unknown code LM499") as caught:
        explain("LM499")
    assert caught.value.hint == "one of LM401, LM402, LM403"
    with pytest.raises(Usage) as caught:
        explain("../secrets")
    assert caught.value.hint == "labmodels explain lists them all"


def test_what_yaml_gets_wrong_quietly_is_a_warning_and_what_only_informs_is_an_info():
    by_severity = {severity: [code for code in CODES if CODES[code].severity is severity] for severity in Severity}
    assert [code for code in CODES if code.startswith("LM1")] == [code for code in by_severity[Severity.WARNING] if code < "LM2"]
    assert by_severity[Severity.INFO] == ["LM309", "LM402"]
