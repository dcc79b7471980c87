"""When a stream gets colour, and how wide it is."""

import io

import pytest

from labmodels.terminal.colour import PLAIN, Paint, is_terminal, terminal_width
from tests.terminal.terminals import in_a_terminal

SHOW = """
import sys
from labmodels.terminal.colour import Paint
paint = Paint.of(sys.stdout)
print(repr(paint('x', 'error')), paint.width)
"""


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, "'\\x1b[1;31mx\\x1b[0m' 80"),
        ({"NO_COLOR": "1"}, "'x' 80"),
        ({"NO_COLOR": ""}, "'\\x1b[1;31mx\\x1b[0m' 80"),
        ({"TERM": "dumb"}, "'x' 80"),
    ],
)
def test_a_terminal_has_colour_unless_no_color_or_a_dumb_one(environment, shown):
    assert in_a_terminal(SHOW, **environment) == (0, f"{shown}\n")


def test_the_width_of_a_terminal_is_that_of_its_window():
    resize = "import fcntl, struct, sys, termios\nfcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 132, 0, 0))\n"
    assert in_a_terminal(resize + SHOW, COLUMNS="", NO_COLOR="1") == (0, "'x' 132\n")


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_a_pipe_and_a_closed_stream_have_neither_colour_nor_width(stream, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert not is_terminal(stream)
    assert Paint.of(stream)("x", "error") == "x"
    assert terminal_width(stream) is None


def test_a_closed_stream_is_no_terminal():
    stream = io.StringIO()
    stream.close()
    assert not is_terminal(stream)


def test_an_empty_text_gets_no_escape_codes():
    assert Paint(is_enabled=True)("", "error") == ""
    assert PLAIN("x", "error") == "x"
