"""What is asked for is told by the words of the question, else by the shape of what came with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.providers.attachments import attach
from labmodels.providers.basic_nlp.task import labels_in, task_of
from labmodels.providers.protocol import Message, Request

PROSE = "The lab moved its models. Nobody was told about the move. The move took two days."
DIFF = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"
LOG = "".join(f"2026-11-24 10:00:0{n} INFO job {n} done\n" for n in range(6))
YAML = "name: lab\nport: 8080\nlimits:\n  cpu: 2\n  memory: 4\n"


def task(text: str, domain: str = ""):
    return task_of(Request((Message("user", text),), domain=domain))


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("summarise this", "summary"), ("TL;DR", "summary"), ("Give me a summary please", "summary"),
        ("what are the key points?", "summary"),
        ("extract the keywords", "keyphrases"), ("which key phrases are there?", "keyphrases"),
        ("classify this as: outage, request", "classification"), ("which of outage or request is this?", "classification"),
        ("when did the move happen?", "answer"), ("", "summary"),
    ],
)  # fmt: skip
def test_words_say_what_to_do_with_prose(question, kind):
    assert task(question + "\n\n" + attach("note.md", PROSE)).kind == kind


@pytest.mark.parametrize(
    "question", ["how do I get a summary of a run?", "which of gpt-4 and claude is asked first?", "where are keywords configured?"]
)
def test_without_material_a_question_is_one_for_the_documents(question):
    assert task(question).kind == "answer" and task(question).instruction == question


@pytest.mark.parametrize(
    ("text", "shape"), [(DIFF, "diff"), (LOG, "log"), (YAML, "config"), (PROSE, "prose"), ('{\n  "a": 1\n}', "config")]
)
def test_shapes_are_known_without_a_name(text, shape):
    found = task("explain\n" + attach("stdin", text))
    assert [shape_ for _, shape_ in found.materials] == [shape] and found.kind == "summary"


def test_a_stack_trace_is_a_log():
    trace = 'Traceback (most recent call last):\n  File "/srv/m.py", line 1, in load\n    raise OSError\nOSError: no space left\n'
    assert task("why does this fail?\n" + attach("x.txt", trace)).materials[0][1] == "log"
    assert task("why does this fail?\n\n" + trace).materials[0][1] == "log"


def test_the_question_names_a_shape_that_nothing_else_tells():
    assert task("explain this log\n" + attach("x.txt", "a\nb\nc\n")).materials[0][1] == "log"


@pytest.mark.parametrize(("text", "shape"), [(DIFF, "diff"), (LOG, "log"), (YAML + "x: 1\n", "config")])
def test_what_is_pasted_is_material_with_its_lines_in_the_question(text, shape):
    found = task("what does this say?\n\n" + text)
    assert (found.kind, found.materials[0][1]) == ("summary", shape)
    assert found.materials[0][0].path == "question" and found.materials[0][0].line == 2
    assert found.instruction == "what does this say?"


def test_a_task_may_stand_below_what_is_pasted():
    found = task(LOG + "\nplease summarise the above")
    assert (found.kind, found.materials[0][0].line) == ("summary", 1)


def test_a_long_question_in_prose_is_still_a_question():
    question = "\n".join(
        ["We moved the models.", "Then the lab went quiet.", "Nothing answers.", "I tried twice.", "Help me.", "How do I go back?"]
    )
    assert task(question).kind == "answer" and task(question).instruction == question


def test_the_domain_of_summaries_needs_no_word():
    assert task("for the board\n" + attach("a.md", PROSE), domain="summarization").kind == "summary"


@pytest.mark.parametrize(
    ("question", "labels"),
    [
        ("classify this as: hardware, network, or storage", ("hardware", "network", "storage")),
        ("Classify the ticket into one of bug | feature request | question.", ("bug", "feature request", "question")),
        ("which of hardware, network or storage is this?", ("hardware", "network", "storage")),
        ("categorise (labels: a, b)", ("a", "b")),
        ("Classify as:\n- disk\n- power supply\n", ("disk", "power supply")),
        ("classify this", ()), ("classify this as spam", ()),
    ],
)  # fmt: skip
def test_labels_are_read_from_the_question(question, labels):
    assert labels_in(question)[0] == labels


def test_a_short_text_to_classify_may_stand_in_the_question():
    found = task('classify "disk sda is full" as: storage, network')
    assert found.kind == "classification" and "disk sda" in found.materials[0][0].text and "network" not in found.materials[0][0].text
    after = task("Classify as storage or network: the disk sda is full")
    assert after.materials[0][0].text == "the disk sda is full"


@given(st.text(max_size=300))
def test_every_text_has_a_task(text):
    task(text)
