"""labmodels ask: ask the lab's models a question; the live route answers, or says why nobody could."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import Domain, Environment, Json, Profile, environment_of
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.router.outcome import Outcome

Text = Annotated[str, typer.Argument(metavar="QUESTION", help="The question; - reads it from standard input.", show_default=False)]
Model = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Ask this model only; else the domain's route.", show_default=False)
]


def ask(
    lab: Lab,
    question: Text,
    domain: Domain = None,
    model: Model = None,
    profile: Profile = None,
    env: Environment = None,
    json: Json = False,
) -> int:
    """Ask the lab's models a question.

    The answer goes to stdout, who was skipped and why to stderr. Each attempt is recorded in the ledger.
    """
    from labmodels.router.question import Question
    from labmodels.terminal.output import emit_json, write
    from labmodels.wiring import default_environment
    from labmodels.wiring.router import LabRouter

    text = (_from_stdin() if question == "-" else question).strip()
    if not text:
        raise Usage("the question is empty", hint='labmodels ask "how do I roll back a release?" --domain documentation')
    environment = environment_of(env, default_environment(lab))
    with LabRouter(lab, environment) as router:
        outcome = router.ask(Question.of(text, domain=domain, target=model, profile=profile))
    if json:
        emit_json(_as_json(environment, outcome))
    else:
        write(outcome.answer.text.rstrip("\n") + "\n")
        _say_who(outcome)
    return ExitCode.OK


def _from_stdin() -> str:
    import sys

    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise Usage(
            f"standard input is not UTF-8 text: byte {error.start + 1}", hint="iconv -f ISO-8859-1 -t UTF-8 FILE | labmodels ask -"
        ) from None


def _say_who(outcome: Outcome) -> None:
    """Say on stderr who answered, that a degraded answer is one, and who was passed over for which reason."""
    from labmodels.terminal.output import say

    winner = outcome.attempts[-1]
    degraded = ", degraded: no model wrote it" if outcome.answer.degraded else ""
    cut = ", cut at its length limit" if outcome.answer.finish == "length" else ""
    say(f"answered by {winner.candidate}{degraded}{cut}")
    for attempt in outcome.attempts[:-1]:
        say(f"  {attempt.candidate} {attempt.outcome}: {attempt.reason or attempt.error_class}")


def _as_json(environment: str, outcome: Outcome) -> dict[str, object]:
    answer, winner = outcome.answer, outcome.attempts[-1]
    return {
        "environment": environment,
        "request_id": outcome.request_id,
        "answer": answer.text,
        "degraded": answer.degraded,
        "finish": answer.finish,
        "candidate": winner.candidate,
        "model_returned": answer.model_returned,
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
            }
            for a in outcome.attempts
        ],
    }
