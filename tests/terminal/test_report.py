"""The report that every format is made from."""

import os
from pathlib import Path

import pytest

from labmodels.terminal.report import read_source_file, shown_path
from tests.terminal.reports import NOT_INSTALLED, SUSPICIOUS, TOO_HIGH, UNKNOWN_KEY, report


@pytest.mark.parametrize(
    ("findings", "summary"),
    [
        ([], "17 files valid (204 combinations)"),
        ([UNKNOWN_KEY], "Found 1 error in 17 files (204 combinations); 1 fixable with --fix"),
        ([TOO_HIGH, UNKNOWN_KEY, SUSPICIOUS], "Found 2 errors, 1 warning in 17 files (204 combinations); 2 fixable with --fix"),
        ([NOT_INSTALLED, NOT_INSTALLED], "17 files valid (204 combinations), 2 infos"),
        ([SUSPICIOUS, NOT_INSTALLED], "17 files valid (204 combinations), 1 warning, 1 info; 1 fixable with --fix"),
    ],
)
def test_the_summary_says_the_verdict_and_the_counts(findings, summary):
    assert report(*findings).summary() == summary


def test_the_summary_of_one_file_without_combinations():
    assert report(files_count=1, combinations_count=0).summary() == "1 file valid"


def test_paths_are_relative_below_the_current_folder_and_absolute_elsewhere(tmp_path, monkeypatch):
    here = tmp_path / "lab"
    here.mkdir()
    monkeypatch.chdir(here)
    assert shown_path(here / "configs" / "a.yaml") == "configs/a.yaml"
    assert shown_path(Path("configs/../a.yaml")) == "a.yaml"
    assert shown_path(tmp_path / "lab2" / "a.yaml") == f"{tmp_path}/lab2/a.yaml"
    assert shown_path(here) == "."
    monkeypatch.chdir("/")
    assert shown_path(Path("/etc/a.yaml")) == "etc/a.yaml"


def test_a_path_that_is_not_utf8_can_be_printed():
    assert shown_path(Path(os.fsdecode(b"caf\xe9\x1b.yaml"))) == "caf\ufffd\ufffd.yaml"


def test_a_source_is_read_without_its_bom_and_whatever_its_bytes(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: \xff\r\n")
    assert read_source_file(file) == "a: \ufffd\r\n"


def test_what_is_no_readable_file_has_no_source(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert [read_source_file(path) for path in (tmp_path, tmp_path / "absent", pipe, loop, Path("nul\0.yaml"))] == [None] * 5
