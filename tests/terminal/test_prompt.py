"""The question before a change, on a real terminal and without one."""

import io

import pytest

from labmodels.errors import ExitCode, Usage
from labmodels.terminal.prompt import confirm
from tests.terminal.terminals import in_a_terminal

ASK = """
import sys
from labmodels.errors import Declined
from labmodels.terminal.prompt import confirm
try:
    confirm("deploy to production?", assume_yes=False)
except Declined as declined:
    sys.exit(int(declined.exit_code))
"""


@pytest.mark.parametrize(
    ("answer", "exit_code"),
    [
        ("y\n", 0),
        ("YES\n", 0),
        ("n\n", ExitCode.DECLINED),
        ("\n", ExitCode.DECLINED),
        ("yeah\n", ExitCode.DECLINED),
        ("\x04", ExitCode.DECLINED),
    ],
)
def test_only_yes_is_yes(answer, exit_code):
    code, shown = in_a_terminal(ASK, answer=answer, NO_COLOR="1")
    assert shown.startswith("deploy to production? [y/N] ")
    assert code == exit_code


def test_the_question_is_seen_when_stdout_goes_into_a_file():
    code, shown = in_a_terminal(f"import os\nos.dup2(os.open(os.devnull, os.O_WRONLY), 1)\n{ASK}", answer="y\n")
    assert "deploy to production?" in shown
    assert code == 0


def test_yes_given_beforehand_asks_nothing(capsys):
    confirm("deploy?", assume_yes=True)
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_nothing_is_asked_and_the_flags_are_named(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(Usage, match="needs --yes where there is no terminal"):
        confirm("deploy?", assume_yes=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("stream", [0, 2])
def test_both_the_question_and_the_answer_need_a_terminal(stream):
    code, shown = in_a_terminal(
        f"import os\nos.dup2(os.open(os.devnull, os.O_RDWR), {stream})\n{ASK.replace('Declined', 'Usage')}", answer=""
    )
    assert code == ExitCode.USAGE
    assert shown == ""


def test_a_closed_stdin_is_no_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(Usage):
        confirm("deploy?", assume_yes=False)


def test_declining_says_that_nothing_was_changed():
    code, shown = in_a_terminal(ASK.replace("sys.exit(int(declined.exit_code))", "print(declined)"), answer="no\n")
    assert "nothing was changed" in shown
    assert code == 0
