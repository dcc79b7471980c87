"""The format for people, exactly."""

import pytest

from labmodels.config.diagnostics import Diagnostic, Edit, Note, Severity
from labmodels.terminal.colour import PLAIN, Paint
from labmodels.terminal.formats.full import render
from tests.terminal.reports import ALL, report, span


def error(place, message="wrong", code="LM204", **more):
    return Diagnostic(code, Severity.ERROR, message, place, **more)


def test_findings_show_source_layers_combinations_help_and_fix_and_end_in_a_summary():
    assert render(report(*ALL), PLAIN) == (
        "warning[LM101]: yes is text here and true in YAML 1.1\n"
        " --> gpt4.yaml:3:8\n"
        "  |\n"
        "2 | name: gpt-4\n"
        "3 | local: yes\n"
        "  |        ^^^\n"
        "4 | parameters:\n"
        "  |\n"
        "help: write true\n"
        "  |\n"
        "3 - local: yes\n"
        "3 + local: true\n"
        "  |\n"
        "\n"
        "error[LM202]: unknown key parameters.temprature\n"
        " --> gpt4.yaml:5:3\n"
        "  |\n"
        "4 | parameters:\n"
        "5 |   temprature: 0.2\n"
        "  |   ^^^^^^^^^^\n"
        "6 |   top_p: 1\n"
        "  |\n"
        "  = in: production with high_accuracy, dev with balanced\n"
        "help: did you mean temperature?\n"
        "  |\n"
        "5 -   temprature: 0.2\n"
        "5 +   temperature: 0.2\n"
        "  |\n"
        "\n"
        "error[LM205]: parameters.temperature is 3\n"
        " --> profile.yaml:4:18\n"
        "  |\n"
        "3 |   parameters:\n"
        "4 |     temperature: 3\n"
        "  |                  ^\n"
        "  |\n"
        "  = also: the same in 2 more places\n"
        "note: shadows 0.2 of file\n"
        " --> gpt4.yaml:5:15\n"
        "  |\n"
        "4 | parameters:\n"
        "5 |   temprature: 0.2\n"
        "  |               ---\n"
        "6 |   top_p: 1\n"
        "  |\n"
        "note: set by profile high_accuracy\n"
        "help: it must be less than or equal to 2\n"
        "\n"
        "info[LM309] lab.yaml:1:7: custom/code_reviewer is not installed yet\n"
        "\n"
        "Found 2 errors, 1 warning, 1 info in 17 files (204 combinations); 2 fixable with --fix\n"
    )


def test_a_valid_lab_is_one_line():
    assert render(report(), PLAIN) == "17 files valid (204 combinations)\n"


def test_the_gutter_is_as_wide_as_the_widest_line_number_of_the_finding():
    text = "".join(f"key{number}: {number}\n" for number in range(1, 12))
    finding = error(span("a.yaml", 9, 1, 9, 5), notes=(Note("also here", span("a.yaml", 10, 1, 10, 6)),))
    assert render(report(finding, sources={"a.yaml": text}), PLAIN).startswith(
        "error[LM204]: wrong\n"
        "  --> a.yaml:9:1\n"
        "   |\n"
        " 8 | key8: 8\n"
        " 9 | key9: 9\n"
        "   | ^^^^\n"
        "10 | key10: 10\n"
        "   |\n"
        "note: also here\n"
        "  --> a.yaml:10:1\n"
        "   |\n"
        " 9 | key9: 9\n"
        "10 | key10: 10\n"
        "   | -----\n"
        "11 | key11: 11\n"
        "   |\n"
    )


def test_tabs_wide_and_combining_characters_keep_the_caret_under_its_text():
    text = 'a:\t"日本" # e\u0301\nb: 1\n'
    first, second = error(span("a.yaml", 1, 4, 1, 8)), error(span("a.yaml", 1, 11, 1, 13))
    shown = render(report(first, second, sources={"a.yaml": text}), PLAIN)
    assert '1 | a:    "日本" # e\u0301\n  |       ^^^^^^\n' in shown
    assert '1 | a:    "日本" # e\u0301\n  |                ^\n' in shown


def test_a_long_line_is_cut_around_its_span():
    text = "before: " + "z" * 300 + "\nkey: " + "x" * 200 + "HERE" + "y" * 200 + "\nafter: 1\n"
    shown = render(report(error(span("a.yaml", 2, 206, 2, 210)), sources={"a.yaml": text}), PLAIN)
    lines = shown.split("\n")
    assert lines[3] == "1 | ..." + "z" * 156
    assert lines[4] == "2 | ..." + "x" * 53 + "HERE" + "y" * 103 + "..."
    assert lines[5] == "  |    " + " " * 53 + "^^^^"
    assert lines[6] == "3 | ..."
    assert max(len(line) for line in lines) <= 170


def test_a_line_fits_into_a_terminal_of_eighty_columns():
    text = "key: " + "x" * 200 + "HERE" + "y" * 200 + "\n"
    shown = render(report(error(span("a.yaml", 1, 206, 1, 210)), sources={"a.yaml": text}), Paint(is_enabled=False, width=80))
    line, carets = shown.split("\n")[3:5]
    assert len(line) <= 80
    assert line[carets.index("^") : carets.rindex("^") + 1] == "HERE"


def test_long_help_is_wrapped_between_words_on_a_terminal_and_whole_elsewhere():
    finding = error(span("absent.yaml"), help="write env:NAME, file:PATH or keyring:SERVICE/USER in its place")
    shown = render(report(finding), Paint(is_enabled=False, width=40))
    assert "help: write env:NAME, file:PATH or\n      keyring:SERVICE/USER in its place\n" in shown
    assert "help: write env:NAME, file:PATH or keyring:SERVICE/USER in its place\n" in render(report(finding), PLAIN)


def test_a_span_of_several_lines_is_underlined_on_each_and_elided_when_long():
    text = "a:\n  b: 1\n  c: 2\n\nd:\n  - 1\n  - 2\n  - 3\n  - 4\ne: 5\n"
    short, long = error(span("a.yaml", 1, 1, 3, 7)), error(span("a.yaml", 5, 1, 10, 1))
    shown = render(report(short, long, sources={"a.yaml": text}), PLAIN)
    assert "1 | a:\n  | ^^\n2 |   b: 1\n  |   ^^^^\n3 |   c: 2\n  |   ^^^^\n  |\n" in shown
    assert "   |\n 5 | d:\n   | ^^\n 6 |   - 1\n   |   ^^^\n   ...\n 9 |   - 4\n   |   ^^^\n   |\n" in shown


def test_an_empty_span_at_the_end_of_a_line_has_one_caret():
    shown = render(report(error(span("a.yaml", 1, 5, 1, 5)), sources={"a.yaml": "key:\n"}), PLAIN)
    assert "1 | key:\n  |     ^\n" in shown


@pytest.mark.parametrize("place", [span("a.yaml", 99, 5, 99, 9), span("absent.yaml", 1, 1, 1, 1)])
def test_a_place_that_is_not_in_the_source_is_named_without_a_snippet(place):
    assert render(report(error(place), sources={"a.yaml": "key: 1\n"}), PLAIN).split("\n")[2] == ""


def test_lines_are_counted_as_the_yaml_reader_counts_them():
    text = "one: 1\r\ntwo: 'a\x0bb'\rthree: 3\x85four: 4\n"
    shown = render(report(error(span("a.yaml", 4, 1, 4, 5)), sources={"a.yaml": text}), PLAIN)
    assert "3 | three: 3\n4 | four: 4\n  | ^^^^\n" in shown


def test_an_inserted_line_is_shown_alone():
    finding = error(span("a.yaml"), edits=(Edit(span("a.yaml", 2, 1, 2, 1), "kind: fallback\n"),))
    shown = render(report(finding, sources={"a.yaml": "# chains\nname: x\n"}), PLAIN)
    assert shown.split("\n")[7:11] == ["help: --fix changes this", "  |", "2 + kind: fallback", "  |"]


def test_two_edits_of_one_line_make_one_change():
    finding = error(
        span("a.yaml", 1, 4, 1, 7), edits=(Edit(span("a.yaml", 1, 10, 1, 12), "false"), Edit(span("a.yaml", 1, 5, 1, 8), "true"))
    )
    shown = render(report(finding, sources={"a.yaml": "a: [yes, no]\n"}), PLAIN)
    assert "1 - a: [yes, no]\n1 + a: [true, false]\n" in shown


def test_many_combinations_are_named_in_part():
    finding = error(span("x.yaml"), combinations=tuple(f"dev with {name}" for name in "abcde"))
    assert "  = in: dev with a, dev with b, dev with c and 2 more\n" in render(report(finding), PLAIN)


def test_nothing_in_a_source_or_message_steers_the_terminal():
    finding = error(span("a.yaml", 1, 1, 1, 4), message="bad \x1b[31mkey\u202e")
    shown = render(report(finding, sources={"a.yaml": "k\x1b]0;title\x07: 1 \u202e\u2066\x9b\n"}), PLAIN)
    assert not any(ord(character) < 32 and character != "\n" for character in shown)
    assert not set(shown) & set("\u202e\u2066\x9b\x07")


def test_colour_changes_nothing_but_the_colour():
    import re

    coloured = render(report(*ALL), Paint(is_enabled=True))
    assert "\x1b[1;31merror[LM202]\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(report(*ALL), PLAIN)


class TestSecrets:
    KEY = "sk-proj-Zx81kQmW03LbTn57RdVy29"  # made-up

    def shown(self, text, *findings):
        return render(report(*findings, sources={"a.yaml": text}), PLAIN)

    def test_a_literal_secret_is_masked_wherever_its_line_is_shown(self):
        text = "credentials:\n  api_key: hunter2-hunter2\nname: x\n"
        shown = self.shown(
            text, error(span("a.yaml", 2, 12, 2, 27), code="LM401"), error(span("a.yaml", 3, 1, 3, 5)), error(span("a.yaml", 1, 1, 2, 27))
        )
        assert "hunter2" not in shown
        assert shown.count("2 |   api_key: ***************\n") == 3
        assert "  |            ^^^^^^^^^^^^^^^\n" in shown

    def test_a_malformed_reference_is_masked_unless_it_begins_like_one(self):
        text = "a: hunter2-hunter2\nb: env:OPENAI-API-KEY\n"
        shown = self.shown(text, error(span("a.yaml", 1, 4, 1, 19), code="LM403"), error(span("a.yaml", 2, 4, 2, 22), code="LM403"))
        assert "hunter2" not in shown
        assert "2 | b: env:OPENAI-API-KEY\n" in shown

    def test_what_looks_like_a_secret_is_masked_in_context_notes_fixes_and_messages(self):
        text = f"a: {self.KEY}\nb: 1\nc: [x, {self.KEY}]\n"
        finding = error(
            span("a.yaml", 2, 1, 2, 2),
            message=f"unknown key {self.KEY}",
            help=f"not {self.KEY}",
            notes=(Note(f"set to {self.KEY}", span("a.yaml", 3, 1, 3, 2)),),
            edits=(Edit(span("a.yaml", 1, 1, 1, 2), f"x: {self.KEY} "),),
        )
        shown = self.shown(text, finding)
        assert self.KEY not in shown
        assert f"1 | a: {'*' * len(self.KEY)}\n" in shown
        assert f"3 | c: [x, {'*' * len(self.KEY)}]\n" in shown

    @pytest.mark.parametrize(
        ("line", "masked"),
        [
            ("password: correct-horse", "password: *************"),
            ("- api_key: 'correct horse'", "- api_key: ***************"),
            ("base_url: https://bob:horse@example.org/", "base_url: https://*********@example.org/"),
            ("api_key: env:OPENAI_API_KEY", "api_key: env:OPENAI_API_KEY"),
            ("api_key: null  # none", "api_key: null  # none"),
            ("max_output_tokens: 4096", "max_output_tokens: 4096"),
            ("Authorization: Bearer abcdefghijklmnop0123456789", "************** ****** **************************"),
        ],
    )
    def test_a_value_under_the_name_of_a_secret_is_masked_and_a_reference_is_not(self, line, masked):
        assert self.shown(f"{line}\n", error(span("a.yaml", 1, 1, 1, 2))).split("\n")[3] == f"1 | {masked}"

    def test_what_stands_beside_a_secret_known_by_its_shape_is_shown(self):
        text = f"owner: {self.KEY} # mine\n"
        shown = self.shown(text, error(span("a.yaml", 1, 1, 1, len(text)), code="LM401"))
        assert f"1 | owner: {'*' * len(self.KEY)} # mine\n" in shown

    def test_a_private_key_is_masked_on_all_its_lines(self):
        text = (
            "x: 1\nkey: |\n  -----BEGIN RSA PRIVATE KEY-----\n  MIIEpAIBAAKCAQEA\n  bm90IGEga2V5\n  -----END RSA PRIVATE KEY-----\ny: 2\n"
        )
        shown = self.shown(text, error(span("a.yaml", 2, 1, 6, 1)), error(span("a.yaml", 7, 1, 7, 2)))
        assert "MII" not in shown
        assert "bm90" not in shown
        assert "7 | y: 2" in shown
