"""labmodels feedback: say whether an answer was good; routing weighs it, and fine-tuning learns from corrections."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labmodels.cli.options import Json
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab


class Verdict(StrEnum):
    """What people say of an answer."""

    GOOD = "good"
    BAD = "bad"


Attempt = Annotated[
    str,
    typer.Argument(metavar="ATTEMPT", help="The attempt's id, or its request's, as ask --json prints them; or last.", show_default=False),
]
Opinion = Annotated[Verdict, typer.Argument(metavar="good|bad", help="What you think of it.", show_default=False)]
Correction = Annotated[
    Path | None, typer.Option("--correction", metavar="FILE", help="How the answer should have been.", show_default=False)
]
Prompt = Annotated[
    Path | None,
    typer.Option(
        "--prompt", metavar="FILE", help="The question, for a lab that stores no prompts; kept with the feedback.", show_default=False
    ),
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)]


def feedback(
    lab: Lab,
    attempt: Attempt,
    verdict: Opinion,
    correction: Correction = None,
    prompt: Prompt = None,
    reason: Reason = None,
    json: Json = False,
) -> int:
    """Say whether an answer was good.

    An opinion is added, never changed: the same person may think again. Texts are stored only as far as they are given here.
    """
    from labmodels.ledger.feedback import give
    from labmodels.releases.journal import who
    from labmodels.secrets import redact
    from labmodels.terminal.output import emit_json, is_quiet, write
    from labmodels.wiring import ledger_of

    texts = {name: _read(path, name) for name, path in (("correction", correction), ("prompt", prompt)) if path is not None}
    if not lab.ledger_file.exists():
        raise Usage("nothing was asked in this lab yet", hint='labmodels ask "..." --json')
    with ledger_of(lab) as ledger:
        found = give(ledger, attempt, verdict.value, by=who(), reason=None if reason is None else redact(reason), **texts)
    if json:
        emit_json({"attempt": found, "verdict": verdict.value})
    elif not is_quiet():
        write(f"{found}: {verdict.value}{', with a correction' if correction else ''}\n")
    return ExitCode.OK


def _read(path: Path, name: str) -> str:
    from labmodels.secrets import looks_like_secret

    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise Usage(f"--{name} {path}: {error.strerror}", hint="give the path of a text file") from None
    except UnicodeDecodeError:
        raise Usage(f"--{name} {path} is not UTF-8 text", hint=f"iconv -f ISO-8859-1 -t UTF-8 {path} > {path}.utf8") from None
    if looks_like_secret(text):
        raise Usage(f"--{name} {path} holds what looks like a key", hint="take it out: what is given here is stored as it is")
    return text
