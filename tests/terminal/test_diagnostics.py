"""Which format goes where."""

import json
from pathlib import Path

import pytest

from labmodels.errors import StorageFault, Usage
from labmodels.terminal.diagnostics import FORMATS, render, write_reports
from tests.terminal.reports import ALL, report


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_ends_its_output_with_a_newline_and_takes_a_valid_lab(name):
    assert render(report(*ALL), name).endswith("\n")
    assert render(report(), name).endswith("\n") or name in ("concise", "jsonl", "github")


def test_the_kth_output_belongs_to_the_kth_format_and_the_rest_is_stdout(tmp_path, capsys):
    write_reports(report(*ALL), ["sarif", "junit", "concise"], [tmp_path / "a.sarif", tmp_path / "b.xml"])
    assert json.loads((tmp_path / "a.sarif").read_text())["version"] == "2.1.0"
    assert (tmp_path / "b.xml").read_text().startswith("<?xml")
    assert capsys.readouterr().out == render(report(*ALL), "concise")


def test_a_dash_is_stdout(capsys, tmp_path):
    write_reports(report(*ALL), ["concise", "json"], [Path("-"), tmp_path / "a.json"])
    assert capsys.readouterr().out == render(report(*ALL), "concise")


@pytest.mark.parametrize(
    ("formats", "outputs", "message"),
    [
        (["full", "json"], [], "full and json on stdout"),
        (["full", "json"], [Path("-")], "full and json on stdout"),
        (["json", "full", "sarif"], [Path("x"), None, Path("x")], "json and sarif to x"),
        (["full"], [Path("x"), Path("y")], "2 -o for 1 --format"),
        (["fancy"], [], "unknown format fancy"),
    ],
)
def test_contradicting_formats_and_outputs_are_refused_before_anything_is_written(formats, outputs, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Usage, match=message):
        write_reports(report(*ALL), formats, outputs)
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_a_storage_fault_that_names_it(tmp_path):
    with pytest.raises(StorageFault, match=r"cannot write .*absent/a\.json: No such file or directory"):
        write_reports(report(), ["json"], [tmp_path / "absent" / "a.json"])
