"""labmodels feedback: an opinion of an answer, kept beside it, and never more text than was given."""

from __future__ import annotations

import sqlite3

import pytest

from tests.cli.operating import operator
from tests.labs import EditedLab


@pytest.fixture
def operate(tmp_path, monkeypatch, capsys):
    lab = EditedLab(tmp_path)
    lab.write("docs/releases.md", "# Releases\n\n## Roll back a release\n\nRun `labmodels rollback`.\n")
    operate = operator(lab, monkeypatch, capsys)
    assert operate("deploy-config", "--all", "--env", "dev", "--yes").code == 0
    operate.lab = lab
    return operate


def ask(operate) -> dict:
    return operate("ask", "how do I roll back a release?", "--domain", "documentation", "--json").json


def rows(lab: EditedLab, query: str) -> list[tuple]:
    with sqlite3.connect(lab.ledger_file) as connection:
        return connection.execute(query).fetchall()


def test_an_answer_is_named_by_its_attempt_its_request_or_as_the_last(operate):
    told = ask(operate)
    answered = told["attempts"][-1]["id"]
    assert operate("feedback", answered, "good").out == f"{answered}: good\n"
    assert operate("feedback", told["request_id"], "bad", "--reason", "too long").out == f"{answered}: bad\n"
    assert operate("feedback", "last", "good", "--json").json["attempt"] == answered
    assert rows(operate.lab, "SELECT attempt_id, verdict, reason FROM feedback ORDER BY at") == [
        (answered, "good", None),
        (answered, "bad", "too long"),
        (answered, "good", None),
    ]


def test_a_correction_and_the_question_are_kept_only_as_they_are_given(operate, tmp_path):
    told = ask(operate)
    assert rows(operate.lab, "SELECT count(*) FROM texts") == [(0,)]
    better, question = operate.lab.write("better.txt", "Run it twice.\n"), operate.lab.write("question.txt", "how do I roll back?\n")
    done = operate("feedback", "last", "bad", "--correction", str(better), "--prompt", str(question))
    assert done.out.endswith(": bad, with a correction\n")
    assert rows(operate.lab, "SELECT correction FROM feedback") == [("Run it twice.\n",)]
    assert rows(operate.lab, "SELECT request_id, prompt, answer FROM texts") == [(told["request_id"], "how do I roll back?\n", None)]


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (("last", "splendid"), "Invalid value"),
        (("0123", "good"), "no attempt is called 0123"),
        (("last", "bad", "--correction", "nowhere.txt"), "--correction nowhere.txt: No such file or directory"),
        (("last", "bad", "--prompt", "key.txt"), "--prompt key.txt holds what looks like a key"),
        (("last", "bad", "--prompt", "latin.txt"), "--prompt latin.txt is not UTF-8 text"),
    ],
)
def test_a_slip_records_nothing(operate, words, fact):
    ask(operate)
    operate.lab.write("key.txt", "use sk-proj-W4nT7kQ2zL9vB5xR3mJ8dF1hC6 for it")
    (operate.lab.root / "latin.txt").write_bytes(b"f\xfcr")
    done = operate("feedback", *words)
    assert done.code == 2 and fact in done.err
    assert rows(operate.lab, "SELECT count(*) FROM feedback") == [(0,)]


def test_an_attempt_that_answered_nothing_has_no_opinion(operate):
    told = ask(operate)
    done = operate("feedback", told["attempts"][0]["id"], "bad")
    assert done.code == 2 and "was skipped: OPENAI_API_KEY is not set" in done.err


def test_before_anything_was_asked_it_says_so(tmp_path, monkeypatch, capsys):
    done = operator(EditedLab(tmp_path), monkeypatch, capsys)("feedback", "last", "good")
    assert done.code == 2 and "nothing was asked in this lab yet" in done.err
