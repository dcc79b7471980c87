"""A summary is sentences of the text, central ones, none twice, in their order; keyphrases stand in the text as often as is said."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from labmodels.providers.basic_nlp.quoting import Material
from labmodels.providers.basic_nlp.sentences import sentences
from labmodels.providers.basic_nlp.summary import most_central
from tests.providers.basic_nlp.asking import PASSWORD, ask

REPORT = f"""\
# Incident 12

On Monday the storage array lost two disks within an hour.
The storage array rebuilt its parity, which slowed every training run.
Lunch was served late on that day.

| disk | state |
|---|---|
| 4 | this row is no sentence at all |

- The training runs on node 3 stopped because the storage array was slow.
- The operators moved the training runs to node 5.
- The admin password: {PASSWORD} was changed afterwards.

```sh
this command is no sentence at all
```

The storage array lost two disks within an hour on Monday. The vendor replaced
both disks of the storage array on Tuesday. Training was back to its usual
speed on Wednesday, when the storage array had finished.
"""


def test_central_sentences_are_quoted_in_order_with_their_places():
    answer = ask("summarise", {"incident.md": REPORT})
    lines = answer.text.split("\n")
    assert lines[:2] == ["A summary by quotation; no model wrote this.", "incident.md: 3 of 8 sentences, word for word:"]
    assert [source.line for source in answer.sources] == sorted(source.line for source in answer.sources)
    assert "storage array" in answer.text and "Lunch" not in answer.text and "no sentence" not in answer.text
    assert PASSWORD not in answer.text


def test_what_was_said_is_not_said_again():
    answer = ask("summarise in 4 sentences", {"incident.md": REPORT})
    assert len(answer.sources) == 4
    assert len({source.line for source in answer.sources} & {3, 20}) == 1


def test_of_two_that_say_the_same_one_is_chosen():
    same = "The storage array lost two disks on Monday."
    texts = [same, "The vendor replaced disks on Tuesday.", same, "Nobody trains a model on the array.", same]
    chosen = most_central(sentences(Material("a", "\n\n".join(texts))), 3)
    assert [one.source.text for one in chosen].count(same) == 1


def test_the_number_of_sentences_is_the_one_asked_for():
    assert len(ask("summarise in two sentences", {"incident.md": REPORT}).sources) == 2
    assert len(ask("tl;dr in 99 sentences", {"incident.md": REPORT}).sources) == 8


def test_pasted_text_is_quoted_by_the_lines_of_the_question():
    answer = ask("Summarise:\n" + REPORT)
    assert "[line 4]" in answer.text or "[line 5]" in answer.text
    assert {source.path for source in answer.sources} == {"question"}


def test_too_little_or_no_prose_is_an_abstention():
    for text in ("", "One sentence is all there is here.", "f(x) {};\n" * 50, "\0" * 100, "😀 " * 100, "a" * 100_000):
        answer = ask("summarise", {"a.txt": text})
        assert (answer.text, answer.sources) == ("There is too little here that can be summarised by quotation.", ())


def test_several_files_are_summarised_by_their_shapes():
    answer = ask("summarise", {"incident.md": REPORT, "s.log": "10:00:00 INFO a\n10:00:01 ERROR b failed\n10:00:02 INFO c\n"})
    assert "8 sentences" in answer.text and "s.log: 3 lines: 1 error, 2 info" in answer.text
    assert answer.text.count("no model wrote this") == 1


_words = st.sampled_from(["disk", "array", "node", "run", "slow", "failed", "moved", "the", "a", "of", "model", "token", "password:", "x1"])
_sentence = st.lists(_words, min_size=1, max_size=12).map(lambda words: " ".join(words).capitalize() + ".")
_text = st.lists(st.one_of(_sentence, st.sampled_from(["", "# Head", "```", "| a | b |", "- item of a list here."])), max_size=40).map(
    "\n".join
)


@settings(max_examples=80, deadline=None)
@given(_text, st.sampled_from(["summarise", "keywords", "which disk failed?", "classify as: disk, node"]), st.booleans())
def test_whatever_the_text_every_quote_stands_where_it_says(text, question, is_windows):
    ask(question, {"a.md": text.replace("\n", "\r\n") if is_windows else text})


@settings(max_examples=40, deadline=None)
@given(st.lists(_sentence, min_size=4, max_size=30), st.integers(1, 6))
def test_a_summary_is_as_long_as_wanted_and_repeats_none(texts, wanted):
    found = [one for one in sentences(Material("a", "\n\n".join(texts))) if one.terms]
    if found:
        chosen = most_central(found, wanted)
        assert len(chosen) == min(wanted, len(found))
        assert [one.source.line for one in chosen] == sorted({one.source.line for one in chosen})


def test_keyphrases_are_counted_and_found_where_they_stand():
    answer = ask("extract the keywords", {"incident.md": REPORT})
    phrases = {source.text: line for source, line in zip(answer.sources, answer.text.split("\n")[1:], strict=True)}
    assert phrases["storage array"].split()[:2] == ["6", "x"] and phrases["storage array"].endswith("[incident.md:3]")
    assert len(re.findall("(?i)storage array", REPORT)) == 6
    assert all(PASSWORD not in phrase for phrase in phrases)


def test_too_little_text_has_no_keyphrases():
    assert ask("keywords", {"a.md": "Nothing much."}).text == "There is too little text here to tell its keyphrases."
