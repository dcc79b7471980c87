"""labmodels serve keys add: make a key for the gateway, shown once."""

from __future__ import annotations

from typing import Annotated

import typer

from labmodels.cli.options import Json
from labmodels.errors import Usage
from labmodels.lab import Lab

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.", show_default=False)]
Domains = Annotated[
    list[str] | None, typer.Option("--domain", metavar="D", help="Open this domain only; repeatable. None: all.", show_default=False)
]
Request = Annotated[str | None, typer.Option("--request", metavar="USD", help="The most that a request may cost.", show_default=False)]
Day = Annotated[str | None, typer.Option("--day", metavar="USD", help="The most that it may spend in a day (UTC).", show_default=False)]
Month = Annotated[str | None, typer.Option("--month", metavar="USD", help="The most that it may spend in a month.", show_default=False)]
Rpm = Annotated[int | None, typer.Option("--rpm", metavar="N", help="Requests a minute.", min=1, show_default=False)]
Tpm = Annotated[int | None, typer.Option("--tpm", metavar="N", help="Tokens a minute.", min=1, show_default=False)]


def serve_keys_add(
    lab: Lab,
    name: Name,
    domain: Domains = None,
    request: Request = None,
    day: Day = None,
    month: Month = None,
    rpm: Rpm = None,
    tpm: Tpm = None,
    json: Json = False,
) -> None:
    """Make a key for the gateway.

    The key is printed once, alone on stdout; the lab keeps its hash. From the first key on, every request needs one.
    """
    from labmodels.gateway.keys import made
    from labmodels.ledger import callers
    from labmodels.router.question import amount_of
    from labmodels.terminal.output import emit_json, say, write
    from labmodels.wiring import ledger_of

    if not name.strip() or not name.isprintable():
        raise Usage("a key wants a name that can be read", hint="labmodels serve keys add NAME")
    amounts = {"request": request, "day": day, "month": month}
    budgets = {span: f"{amount_of(text, f'--{span}'):f}" for span, text in amounts.items() if text is not None}
    rates = {unit: count for unit, count in (("requests_per_minute", rpm), ("tokens_per_minute", tpm)) if count is not None}
    text, key = made(name.strip(), domain or (), {**budgets, **rates})
    with ledger_of(lab) as ledger:
        callers.add(ledger, key)
    if json:
        emit_json({"id": key.id, "name": key.name, "key": text, "domains": list(key.domains), "limits": dict(key.limits)})
        return
    write(f"{text}\n")
    say(f"the key of {key.name}; it is not shown again")
