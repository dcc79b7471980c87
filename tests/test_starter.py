"""The starter lab is laid out whole and valid, keeps what is there, and is a lab only once it is complete."""

from __future__ import annotations

import os
import tomllib

import pytest

from labmodels import open_lab
from labmodels.durable import FileSystem
from labmodels.errors import StorageFault, Usage
from labmodels.lab import find_lab
from labmodels.starter import lay_out, starter_files, starter_folder
from tests.labs import REPOSITORY


class DiskThatFills(FileSystem):
    """Takes a number of files, then none."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write_file(self, path, data, mode=0o600):
        if not self.room:
            raise StorageFault(f"cannot write {path}: No space left on device")
        self.room -= 1
        super().write_file(path, data, mode)


def test_a_new_lab_is_valid_and_holds_every_file_of_the_starter(tmp_path):
    written, kept = lay_out(tmp_path / "a new" / "lab")
    assert kept == []
    assert set(written) == {".gitignore", *starter_files()}
    for name, path in starter_files().items():
        assert (tmp_path / "a new" / "lab" / name).read_bytes() == path.read_bytes()
    assert open_lab(tmp_path / "a new" / "lab").validate().is_valid


def test_a_script_can_be_run_where_it_was_laid_out(tmp_path):
    lay_out(tmp_path)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file() and os.access(path, os.X_OK)} == {
        path.name for path in tmp_path.rglob("*.sh")
    }


def test_laying_it_out_again_adds_what_is_missing_and_keeps_what_was_changed(tmp_path):
    written, _ = lay_out(tmp_path)
    (tmp_path / "labmodels.yaml").write_text("name: mine\n")
    (tmp_path / "configs/language_models/gpt4_config.yaml").unlink()
    again, kept = lay_out(tmp_path)
    assert again == ["configs/language_models/gpt4_config.yaml"]
    assert set(kept) == set(written) - set(again)
    assert (tmp_path / "labmodels.yaml").read_text() == "name: mine\n"


@pytest.mark.parametrize("room", [0, 1, 20, len(starter_files())])
def test_a_folder_is_a_lab_only_when_it_is_whole(tmp_path, room):
    with pytest.raises(StorageFault):
        lay_out(tmp_path, DiskThatFills(room))
    with pytest.raises(Usage, match="is no lab"):
        find_lab(tmp_path)
    lay_out(tmp_path)
    assert open_lab(tmp_path).validate().is_valid


def test_a_file_is_no_place_for_a_lab(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Usage, match="is a file"):
        lay_out(tmp_path / "file")


def test_pages_about_the_program_itself_and_what_editors_leave_are_left_out():
    names = starter_files()
    suffixes = {"yaml", "json", "md", "py", "sh", "conf", "service", "timer", "cron", "log", "prom"}
    assert {path.rsplit(".", 1)[1] for path in names} == suffixes
    assert not [name for name in names if name.startswith(("docs/decisions", "docs/log")) or "/." in name]
    assert {"labmodels.yaml", "docs/index.md", "schemas/lab.schema.json", "configs/language_models/gpt4_config.yaml"} <= set(names)
    assert "scripts/maintenance/backup.sh" in names and not [name for name in names if name.startswith("scripts/example_")]
    assert starter_folder() == REPOSITORY
    excluded = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["exclude"]
    assert not [name for name in names if name.startswith(tuple(excluded))], "the wheel holds another starter lab than the checkout"
