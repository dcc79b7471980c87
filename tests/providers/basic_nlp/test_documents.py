"""basic_nlp quotes word for word where it says, always the same, and holds its tongue when it knows nothing. Its key is made-up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmodels.config.schema.embedding_model import EmbeddingDomain
from labmodels.embeddings.chunking.markdown import passages
from labmodels.embeddings.documents import Document
from labmodels.embeddings.lexical import rank, retrieve
from labmodels.providers.basic_nlp import ABSTENTION, BasicNlp
from labmodels.providers.protocol import Finished, Message, ProviderFault, Request, TextDelta

GUIDE = """\
# Operations guide

How the lab runs. Nothing here is about weather.

## Deploy a release

Plan first, then deploy the plan. A deploy takes effect at once.

```sh
labmodels deploy-config --plan p.json --env production
```

## Roll back a release

When a release misbehaves, go back to the one before. A rollback is itself a
release, so that it can be undone in the same way.

1. Look at what was live before:

   ```sh
   labmodels history --env production
   ```

2. Go back:

   ```sh
   labmodels rollback --env production
   ```

## Rotate a provider key

- Put the new key into the environment.
- The old one was sk-a1B2c3D4e5F6g7H8i9J0 and must go.
- Ring the bell \x1b[31mred\x07 twice.
"""
REPOSITORY = str(Path(__file__).parents[3])
DOMAIN = EmbeddingDomain(group="text", sources=["docs/**/*.md"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/guide.md").write_text(GUIDE)
    (tmp_path / "docs/other.md").write_text("# Asking\n\nRequests are answered by models.\n")
    return tmp_path


def ask(root: Path, question: str):
    return BasicNlp(lambda query, domain: retrieve(root, [DOMAIN], query, 10)).complete(Request((Message("user", question),)))


def squeezed(text: str) -> str:
    return " ".join(text.split())


def assert_quotes_exist(root: Path, answer) -> None:
    for source in answer.sources:
        lines = (root / source.path).read_text().split("\n")[source.line - 1 : source.end_line]
        assert squeezed(source.text) in squeezed(" ".join(lines)), source
        assert f"{squeezed(source.text)}  [{source.path}:{source.line}]" in "\n".join(squeezed_lines(answer.text))


def squeezed_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def test_the_steps_and_commands_of_the_right_section_are_quoted_in_order(root):
    answer = ask(root, "how do I roll back a release?")
    assert_quotes_exist(root, answer)
    assert [source.line for source in answer.sources][:6] == [15, 15, 18, 21, 24, 27]
    assert "labmodels rollback --env production  [docs/guide.md:27]" in answer.text
    assert "Operations guide > Roll back a release" in answer.text
    assert (answer.degraded, answer.finish) == (True, "stop")


def test_no_word_in_common_is_an_abstention_without_sources(root):
    for question in ("what is the capital of France?", "who won the weather championship in Lisbon?", "", "???"):
        answer = ask(root, question)
        assert (answer.text, answer.sources, answer.degraded) == (ABSTENTION, (), True)


def test_keys_and_control_characters_are_not_quoted(root):
    answer = ask(root, "rotate a provider key")
    assert "Put the new key into the environment." in answer.text
    assert "sk-a1B2" not in answer.text and "\x1b" not in answer.text


def test_the_order_in_which_files_are_found_changes_nothing():
    twins = [passage for path in ("a.md", "b.md") for passage in passages(Document(path, GUIDE))]
    request = Request((Message("user", "how do I roll back a release?"),))
    forth, back = (BasicNlp(lambda query, domain, found=found: found).complete(request) for found in (twins, twins[::-1]))
    assert forth == back and "[a.md:15]" in forth.text


def test_a_schema_is_refused_and_a_stream_says_the_same(root):
    model = BasicNlp(lambda query, domain: retrieve(root, [DOMAIN], query, 10))
    request = Request((Message("user", "roll back"),))
    with pytest.raises(ProviderFault) as caught:
        model.complete(Request(request.messages, json_schema={"type": "object"}))
    assert caught.value.error_class == "invalid_request"
    delta, finished = model.stream(request)
    assert isinstance(delta, TextDelta) and isinstance(finished, Finished)
    assert delta.text == finished.answer.text == model.complete(request).text


def test_the_domain_of_the_request_is_what_is_searched():
    asked: list[tuple[str, str]] = []
    BasicNlp(lambda query, domain: asked.append((query, domain)) or []).complete(Request((Message("user", "q"),), domain="documentation"))
    assert asked == [("q", "documentation")]


def test_the_answer_is_the_same_to_the_byte_in_every_process(root):
    code = (
        "import sys; from pathlib import Path; from tests.providers.basic_nlp.test_documents import ask\n"
        f"sys.stdout.write(ask(Path({str(root)!r}), 'roll back or deploy a release with a plan').text)"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            timeout=60,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": REPOSITORY},
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(answers) == 1 and b"docs/guide.md" in answers.pop()


_words = st.sampled_from(["roll", "back", "release", "deploy", "plan", "key", "model", "live", "history", "first", "the"])
_line = st.lists(_words, min_size=1, max_size=8).map(" ".join)
_block = st.one_of(
    _line.map(lambda text: f"## {text}"),
    st.lists(_line, min_size=1, max_size=3).map(lambda lines: ".\n".join(lines) + "."),
    st.lists(_line, min_size=1, max_size=4).map(lambda lines: "\n".join(f"- {line}" for line in lines)),
    st.lists(_line, min_size=1, max_size=4).map(lambda lines: "   ```\n" + "\n".join(f"   {line}" for line in lines) + "\n   ```"),
    st.lists(_line, min_size=1, max_size=4).map(lambda lines: "\n".join(f"| {line} | x |" for line in lines)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_block, min_size=1, max_size=12), _line, st.sampled_from(["\n", "\n\n"]))
def test_whatever_the_document_every_quote_stands_where_it_says(blocks, question, between):
    document = Document("d.md", between.join(blocks))
    found = passages(document)
    answer = BasicNlp(lambda query, domain: rank(query, found, 8)).complete(Request((Message("user", question),)))
    lines = document.text.split("\n")
    for source in answer.sources:
        assert squeezed(source.text) in squeezed(" ".join(lines[source.line - 1 : source.end_line]))
        assert source.text.strip()
