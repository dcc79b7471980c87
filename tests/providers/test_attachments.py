"""A file comes out of a message as it went in, to the character, whatever it holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labmodels.providers.attachments import attach, attachments

_line = st.one_of(
    st.sampled_from(
        ["--- a.txt", "--- end of a.txt", "---- a.txt", "---- end of a.txt", "--- b", "--- end of b", "", "---", "--- end of ", "x\r"]
    ),
    st.text(alphabet=st.characters(exclude_characters="\n"), max_size=12),
)
_text = st.lists(_line, max_size=8).map("\n".join)
_path = st.sampled_from(["a.txt", "b", "end of b", "with space.md"])


def test_a_block_stands_between_two_lines():
    assert attach("logs/a.txt", "one\ntwo") == "--- logs/a.txt\none\ntwo\n--- end of logs/a.txt"


def test_a_file_that_holds_its_own_marker_gets_longer_dashes():
    text = "before\n--- end of a.txt\nafter\n--- a.txt\n"
    assert attach("a.txt", text).startswith("---- a.txt\n")
    assert attachments("q\n\n" + attach("a.txt", text)) == ("q", [("a.txt", text)])


@given(st.lists(st.tuples(_path, _text), max_size=4))
def test_every_file_comes_out_as_it_went_in(files):
    question, found = attachments("\n".join(["what is this?", "", *(attach(path, text) for path, text in files)]))
    assert found == files
    assert question.rstrip() == "what is this?"


@given(_text)
def test_a_question_that_quotes_a_first_line_does_not_swallow_the_file(text):
    block = attach("a.txt", text)
    question = "see\n" + block.split("\n")[0] + "\nbelow"
    assert attachments(question + "\n" + block) == (question, [("a.txt", text)])


@given(st.text(max_size=80))
def test_a_text_without_blocks_is_the_question(text):
    assert attachments(text) == (text, [])


def test_a_diff_and_a_name_of_several_lines_are_no_trap():
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"
    assert attachments(diff) == (diff, [])
    assert attachments(attach("odd\nname", diff)) == ("", [("odd name", diff)])
