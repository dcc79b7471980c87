"""`labmodels init` as it is met: what it says, twice, and where it cannot work. What it lays out is in tests/test_starter.py."""

from __future__ import annotations

import json

from labmodels.cli.app import run


def test_it_says_what_it_wrote_and_what_comes_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["init", "my lab"]) == 0
    shown, told = capsys.readouterr()
    written = int(shown.removeprefix("my lab: ").split()[0])
    assert shown == f"my lab: {written} files written, 0 kept as they are\n"
    assert told == "next: cd 'my lab' && labmodels validate-config && labmodels deploy-config --all\n"
    assert run(["init", "my lab"]) == 0
    assert capsys.readouterr() == (f"my lab: 0 files written, {written} kept as they are\n", "")


def test_it_lays_out_in_the_current_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["init", "."]) == 0
    assert capsys.readouterr().err == "next: labmodels validate-config && labmodels deploy-config --all\n"
    assert run(["validate-config", "--quiet"]) == 0


def test_json_names_the_files_and_quiet_says_nothing(tmp_path, capsys):
    assert run(["init", str(tmp_path / "lab"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["lab"] == str(tmp_path / "lab") and told["kept"] == []
    assert all((tmp_path / "lab" / name).is_file() for name in told["written"])
    assert run(["init", str(tmp_path / "lab"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_file_in_the_way_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(["init", str(tmp_path / "file")]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err
    assert run(["init", str(tmp_path / "file" / "lab")]) == 74
    assert str(tmp_path / "file" / "lab") in capsys.readouterr().err
