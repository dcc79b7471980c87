"""labmodels router drill on the starter lab: full marks, nothing live touched, and a router that errs loses marks."""

from __future__ import annotations

import sqlite3

import pytest

from labmodels.router import loop
from labmodels.router.policy import Next
from tests.cli.operating import operator
from tests.labs import EditedLab


@pytest.fixture
def operate(tmp_path, monkeypatch, capsys):
    lab = EditedLab(tmp_path)
    operate = operator(lab, monkeypatch, capsys)
    assert operate("deploy-config", "--all", "--env", "dev", "--yes").code == 0
    operate.lab = lab
    return operate


def rows(lab: EditedLab, query: str) -> list[tuple]:
    with sqlite3.connect(lab.ledger_file) as connection:
        return connection.execute(query).fetchall()


def test_the_shipped_routes_get_full_marks_and_nothing_live_is_touched(operate):
    done = operate("router", "drill", "--json")
    assert done.code == 0, done.out
    assert done.json["score"] == done.json["of"] == len(done.json["scenes"]) > 30
    assert rows(operate.lab, "SELECT count(*) FROM breakers") == rows(operate.lab, "SELECT count(*) FROM windows") == [(0,)]
    assert rows(operate.lab, "SELECT DISTINCT origin FROM attempts") == [("drill",)]
    assert "no requests" in operate("monitor").out


def test_a_domain_without_an_offline_end_is_rehearsed_too_and_under_another_profile(operate):
    done = operate("router", "drill", "--domain", "translation", "--profile", "balanced")
    assert done.code == 0, done.out
    assert done.out.splitlines()[-1].startswith("dev: 33 of 33")
    assert "nobody" in done.out


def test_a_router_that_does_not_do_what_the_table_says_loses_marks(operate, monkeypatch):
    monkeypatch.setattr(loop, "decide", lambda *_, **__: Next())
    done = operate("router", "drill")
    assert done.code == 1
    assert "NOT" in done.out and "when" in done.out
