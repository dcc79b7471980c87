"""Progress is one line on a terminal, and a line now and then elsewhere."""

from __future__ import annotations

import pytest

from labmodels.terminal import progress
from labmodels.terminal.progress import Progress, duration


def test_elsewhere_it_is_a_line_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_HEARTBEAT_S", 0.0)
    shown = Progress("documentation")
    shown.show(0, 1200)
    shown.show(300, 1200, "; 12 texts embedded")
    shown.clear()
    first, second = capsys.readouterr().err.splitlines()
    assert first == "documentation: 0 of 1,200"
    assert second.startswith("documentation: 300 of 1,200, ") and second.endswith(" left; 12 texts embedded")


def test_what_is_over_at_once_is_not_shown(capsys):
    shown = Progress("documentation")
    shown.show(1, 2)
    shown.clear()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "text"), [(4.2, "4 s"), (99, "99 s"), (300, "5 min"), (9000, "2.5 h")])
def test_spans_are_said_as_people_say_them(seconds, text):
    assert duration(seconds) == text
