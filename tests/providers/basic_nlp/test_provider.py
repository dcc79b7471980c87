"""basic_nlp refuses what it cannot honour, is the same to the byte in every process, and survives hostile texts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from labmodels.providers.attachments import attach
from labmodels.providers.basic_nlp import ABSTENTION, BasicNlp
from labmodels.providers.protocol import Image, Message, ProviderFault, Request, Text, Tool
from tests.providers.basic_nlp.asking import ask
from tests.providers.basic_nlp.test_classification import FOUND, TICKET
from tests.providers.basic_nlp.test_configs import YAML
from tests.providers.basic_nlp.test_diffs import DIFF
from tests.providers.basic_nlp.test_logs import LOG
from tests.providers.basic_nlp.test_summary import REPORT

REPOSITORY = str(Path(__file__).parents[3])
TOOL = Tool("lookup", "Looks up.", {"type": "object"})
MESSAGES = (Message("user", "roll back"),)


@pytest.mark.parametrize(
    "request_",
    [
        Request(MESSAGES, json_schema={"type": "object"}),
        Request(MESSAGES, tools=(TOOL,)),
        Request(MESSAGES, tools=(TOOL,), tool_choice="required"),
        Request(MESSAGES, tools=(TOOL,), tool_choice="tool:lookup"),
        Request((Message("user", (Text("what is this?"), Image("https://example.org/x.png"))),)),
    ],
)
def test_what_quotes_cannot_honour_is_refused(request_):
    with pytest.raises(ProviderFault) as caught:
        BasicNlp(lambda query, domain: []).complete(request_)
    assert caught.value.error_class == "invalid_request" and str(caught.value).startswith("basic_nlp: ")


def test_tools_that_may_not_be_called_are_no_obstacle():
    assert BasicNlp(lambda query, domain: []).complete(Request(MESSAGES, tools=(TOOL,), tool_choice="none")).text == ABSTENTION


def test_a_question_about_a_file_is_answered_out_of_it_first():
    answer = ask("when did the vendor replace the disks?", {"incident.md": REPORT}, FOUND)
    assert "[incident.md:20]" in answer.text and "came with the question" in answer.text
    other = ask("when is parity rebuilt by the array of bad disk sectors?", {"note.md": "Nothing about that."}, FOUND)
    assert "[docs/storage.md:3]" in other.text


def everything() -> bytes:
    """Return what each ability says of the fixtures."""
    asked = [
        ("summarise", {"r.md": REPORT}), ("keywords", {"r.md": REPORT}), ("explain", {"s.log": LOG, "d.diff": DIFF, "g.yaml": YAML}),
        ("classify as: network, storage", {"t.txt": TICKET}), ("which disks?", {"r.md": REPORT}),
    ]  # fmt: skip
    return "\n\n".join(repr(ask(question, files, FOUND)) for question, files in asked).encode()


def test_every_ability_says_the_same_to_the_byte_in_every_process():
    code = "import sys; from tests.providers.basic_nlp.test_provider import everything; sys.stdout.buffer.write(everything())"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            timeout=60,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{REPOSITORY}/src:{REPOSITORY}"},
        ).stdout
        for seed in ("0", "1", "2", "3")
    }
    assert answers == {everything()}


HOSTILE = {
    "a long line": "x" * 100_000, "NULs": "\0" * 100_000, "emoji": "😀 " * 50_000, "brackets": "[{" * 50_000, "quotes": "\"'" * 50_000,
    "line ends": "\n" * 100_000, "keys begun": "-----BEGIN RSA PRIVATE KEY-----" * 3300, "addresses": "://a:" * 20_000,
    "passwords": "password=" * 11_000, "hunks": "@@ -1 +1 @@\n" * 9000, "anchors": "a: &a [x]\n" + "b: *a\n" * 20_000,
    "escapes": "\x1b[31m" * 20_000,
    "surrogates": "\ud800 word here now and then. " * 4000, "markers": "--- a\n" * 30_000 + "--- end of a\n" * 30_000,
    "dots": "a.b. " * 20_000,
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ["a.log", "a.yaml", "a.ini", "a.diff", "a.md", ""])
def test_hostile_texts_end_soon_and_show_nothing_that_steers_a_terminal(kind, name):
    """The time limit of each test is what holds here."""
    for question in ("summarise this", "keywords", "classify as: aaa, bbb", "what is x?"):
        text = f"{question}\n" + (attach(name, HOSTILE[kind]) if name else HOSTILE[kind])
        answer = BasicNlp(lambda query, domain: []).complete(Request((Message("user", text),)))
        shown = answer.text + "".join(source.text for source in answer.sources)
        assert not any(character in shown for character in "\0\x1b\ud800")
        assert len(answer.text) < 20_000
