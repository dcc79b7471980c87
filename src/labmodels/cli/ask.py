"""labmodels ask: ask the lab's models a question; the live route answers, or says why nobody could."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labmodels.cli.options import Domain, Environment, Json, LocalOnly, MaxCost, Profile, Target, environment_of
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labmodels.providers.protocol import Message
    from labmodels.router.outcome import Outcome, RouteEvent

Text = Annotated[str, typer.Argument(metavar="QUESTION", help="The question; - reads it from standard input.", show_default=False)]
Stream = Annotated[bool, typer.Option("--stream", help="Print the answer as it comes; with --json one event a line.")]
Schema = Annotated[
    Path | None, typer.Option("--schema", metavar="FILE", help="A JSON Schema that the answer must satisfy.", show_default=False)
]
Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--file", metavar="PATH", help="A file that goes along: text, or a PNG, JPEG, GIF or WebP image; repeatable.", show_default=False
    ),
]
_LARGEST_FILE = 4 * 1024 * 1024  # bytes: beyond every context there is
_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


def ask(
    lab: Lab,
    question: Text,
    domain: Domain = None,
    model: Target = None,
    profile: Profile = None,
    stream: Stream = False,
    local_only: LocalOnly = False,
    max_cost: MaxCost = None,
    schema: Schema = None,
    file: Files = None,
    env: Environment = None,
    json: Json = False,
) -> int:
    """Ask the lab's models a question.

    The answer goes to stdout, who was skipped and why to stderr. Each attempt is recorded in the ledger.
    """
    from labmodels.router.question import Question, amount_of
    from labmodels.terminal.output import say
    from labmodels.wiring import default_environment
    from labmodels.wiring.router import LabRouter

    text = (_from_stdin() if question == "-" else question).strip()
    if not text:
        raise Usage("the question is empty", hint='labmodels ask "how do I roll back a release?" --domain documentation')
    asked = Question(
        (_message(text, file or []),),
        target=model,
        domain=domain,
        profile=profile,
        json_schema=_schema(schema) if schema else None,
        is_local_only=local_only,
        most_usd=None if max_cost is None else amount_of(max_cost, "--max-cost"),
    )
    environment = environment_of(env, default_environment(lab))
    with LabRouter(lab, environment, warn=say) as router:
        if stream:
            outcome = (_stream_json if json else _stream_text)(environment, router.stream(asked))
        else:
            outcome = router.ask(asked)
            _print(environment, outcome, json)
    if not json:
        _say_who(outcome)
    if outcome.unrecorded is None:
        return ExitCode.OK
    if not json:
        raise outcome.unrecorded
    say(str(outcome.unrecorded))  # stdout holds the answer already, marked as not recorded
    return outcome.unrecorded.exit_code


# -- what is asked -------------------------------------------------------------------------------------------------------


def _from_stdin() -> str:
    import sys

    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise Usage(
            f"standard input is not UTF-8 text: byte {error.start + 1}", hint="iconv -f ISO-8859-1 -t UTF-8 FILE | labmodels ask -"
        ) from None


def _message(text: str, files: list[Path]) -> Message:
    """Return the question with its files: texts as blocks behind it, images as parts of their own."""
    from labmodels.providers.attachments import attach
    from labmodels.providers.protocol import Image, Message
    from labmodels.providers.protocol import Text as TextPart

    blocks, images = [text], []
    for path in files:
        data = _read(path)
        if kind := next((kind for magic, kind in _IMAGES.items() if data.startswith(magic)), None):
            from base64 import b64encode

            images.append(Image(f"data:{kind};base64,{b64encode(data).decode()}"))
        else:
            blocks.append(attach(str(path), _decoded(path, data)))
    told = "\n\n".join(blocks)
    return Message("user", (TextPart(told), *images) if images else told)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise Usage(f"--file {path}: {error.strerror}", hint="give the path of a file that this user can read") from None
    if len(data) > _LARGEST_FILE:
        raise Usage(f"--file {path} is larger than {_LARGEST_FILE // 1024 // 1024} MB", hint="give the part of it that matters")
    return data


def _decoded(path: Path, data: bytes) -> str:
    try:
        if b"\0" not in data:
            return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    raise Usage(f"--file {path} is neither UTF-8 text nor an image", hint=f"iconv -f ISO-8859-1 -t UTF-8 {path} > {path}.utf8")


def _schema(path: Path) -> dict[str, Any]:
    import json

    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise Usage(f"--schema {path}: {error.strerror}", hint="give the path of a JSON file") from None
    except ValueError as error:
        raise Usage(f"--schema {path} is no JSON: {error}", hint="give a file that holds a JSON Schema") from None
    if not isinstance(found, dict):
        raise Usage(f"--schema {path} holds no object", hint='a JSON Schema begins as {"type": "object", ...}')
    return found


# -- what is answered ----------------------------------------------------------------------------------------------------


def _print(environment: str, outcome: Outcome, is_json: bool) -> None:
    from labmodels.terminal.output import emit_json, write

    if is_json:
        emit_json(_as_json(environment, outcome))
    else:
        write(outcome.answer.text.rstrip("\n") + "\n")


def _stream_text(environment: str, events: Iterable[RouteEvent]) -> Outcome:
    """Print the answer as it comes; when another model takes over, say so on stderr."""
    from labmodels.providers.protocol import TextDelta
    from labmodels.router.outcome import Answered, Interrupted, Switched
    from labmodels.terminal.output import say, write

    last = "\n"
    try:
        for event in events:
            if isinstance(event, TextDelta):
                write(event.text)
                last = event.text[-1:] or last
            elif isinstance(event, Switched):
                begins = "goes on" if event.policy == "continue" else "begins anew"
                if event.policy == "restart":
                    write("\n")
                say(f"the answer broke off ({event.reason}); {event.candidate} {begins}")
            elif isinstance(event, Answered):
                if last != "\n":
                    write("\n")
                return event.outcome
    except Interrupted:
        write("\n")
        raise
    raise AssertionError("a stream ends with an answer or an error")


def _stream_json(environment: str, events: Iterable[RouteEvent]) -> Outcome:
    """Print one JSON object a line: delta, switched, and at last answered with the whole."""
    from labmodels.providers.protocol import TextDelta
    from labmodels.router.outcome import Answered, Switched
    from labmodels.terminal.output import emit_json_line

    for event in events:
        if isinstance(event, TextDelta):
            emit_json_line({"event": "delta", "text": event.text})
        elif isinstance(event, Switched):
            emit_json_line({"event": "switched", "policy": event.policy, "candidate": event.candidate, "reason": event.reason})
        elif isinstance(event, Answered):
            emit_json_line({"event": "answered", **_as_json(environment, event.outcome)})
            return event.outcome
    raise AssertionError("a stream ends with an answer or an error")


def _say_who(outcome: Outcome) -> None:
    """Say on stderr who answered, that a degraded answer is one, and who was passed over for which reason."""
    from labmodels.terminal.output import say

    winner = outcome.attempts[-1]
    degraded = ", degraded: no model wrote it" if outcome.answer.degraded else ""
    cut = ", cut at its length limit" if outcome.answer.finish == "length" else ""
    stored = ", from the cache" if winner.is_cached else ""
    say(f"answered by {winner.candidate}{degraded}{cut}{stored}")
    for attempt in outcome.attempts[:-1]:
        say(f"  {attempt.candidate} {attempt.outcome}: {attempt.reason or attempt.error_class}")


def _as_json(environment: str, outcome: Outcome) -> dict[str, object]:
    from labmodels.router.quota import usd

    answer, winner = outcome.answer, outcome.attempts[-1]
    return {
        "environment": environment,
        "request_id": outcome.request_id,
        "answer": answer.text,
        "degraded": answer.degraded,
        "finish": answer.finish,
        "candidate": winner.candidate,
        "model_returned": answer.model_returned,
        "is_cached": winner.is_cached,
        "arm": winner.arm,
        "is_recorded": outcome.unrecorded is None,
        "sources": [
            {"path": source.path, "line": source.line, "end_line": source.end_line, "text": source.text} for source in answer.sources
        ],
        "attempts": [
            {
                "id": a.id,
                "candidate": a.candidate,
                "provider": a.provider,
                "outcome": a.outcome,
                "error_class": a.error_class,
                "reason": a.reason,
                "latency_s": a.latency_s,
                "first_token_s": a.first_token_s,
                "input_tokens": a.input_tokens,
                "output_tokens": a.output_tokens,
                "cost_usd": None if a.cost_pico_usd is None else usd(a.cost_pico_usd),
                "cost_source": a.cost_source,
            }
            for a in outcome.attempts
        ],
    }
