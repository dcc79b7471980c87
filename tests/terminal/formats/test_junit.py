"""JUnit XML."""

from xml.etree import ElementTree

from labmodels.config.diagnostics import Diagnostic, Severity
from labmodels.terminal.colour import PLAIN
from labmodels.terminal.formats.junit import render
from tests.terminal.reports import ALL, report, span


def test_a_file_is_a_suite_a_finding_a_case_and_only_errors_fail():
    assert render(report(*ALL), PLAIN) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuites name="labmodels validate-config" tests="4" failures="2" errors="0">\n'
        '  <testsuite name="gpt4.yaml" tests="2" failures="1" errors="0">\n'
        '    <testcase classname="gpt4.yaml" name="LM101 at 3:8" file="gpt4.yaml" line="3">\n'
        "      <system-out>warning: gpt4.yaml:3:8: LM101 yes is text here and true in YAML 1.1\nhelp: write true</system-out>\n"
        "    </testcase>\n"
        '    <testcase classname="gpt4.yaml" name="LM202 at 5:3" file="gpt4.yaml" line="5">\n'
        '      <failure type="error" message="unknown key parameters.temprature">'
        "gpt4.yaml:5:3: LM202 unknown key parameters.temprature\nhelp: did you mean temperature?</failure>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        '  <testsuite name="lab.yaml" tests="1" failures="0" errors="0">\n'
        '    <testcase classname="lab.yaml" name="LM309 at 1:7" file="lab.yaml" line="1">\n'
        "      <system-out>info: lab.yaml:1:7: LM309 custom/code_reviewer is not installed yet</system-out>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        '  <testsuite name="profile.yaml" tests="1" failures="1" errors="0">\n'
        '    <testcase classname="profile.yaml" name="LM205 at 4:18" file="profile.yaml" line="4">\n'
        '      <failure type="error" message="parameters.temperature is 3">'
        "profile.yaml:4:18: LM205 parameters.temperature is 3\nhelp: it must be less than or equal to 2</failure>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


def test_a_valid_lab_is_one_case_that_passed():
    root = ElementTree.fromstring(render(report(), PLAIN))
    assert root.attrib["tests"] == "1"
    assert [case.attrib["name"] for case in root.iter("testcase")] == ["17 files valid (204 combinations)"]
    assert not list(root.iter("failure"))


def test_any_text_makes_well_formed_xml():
    every = "".join(map(chr, range(0x300))) + "\ud800\ufffe\uffff]]>&<\"'"
    finding = Diagnostic("LM204", Severity.ERROR, every, span(f"{'<&'}\x01.yaml"), every)
    root = ElementTree.fromstring(render(report(finding), PLAIN).encode())
    assert next(root.iter("testsuite")).attrib["name"] == "<&\ufffd.yaml"
    assert '"' in next(root.iter("failure")).attrib["message"]
