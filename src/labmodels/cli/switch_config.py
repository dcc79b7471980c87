"""labmodels switch-config: choose another released profile for a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import Domain, Environment, Json, LockWait, Profile, Why, environment_of, parse_duration_option
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.releases.switch import SwitchChange

Back = Annotated[str | None, typer.Argument(metavar="-", help="- goes back to what was before.", show_default=False)]
For = Annotated[str | None, typer.Option("--for", metavar="DURATION", help="Until then only, e.g. 2h.", show_default=False)]
ConfirmWithin = Annotated[
    str | None,
    typer.Option("--confirm-within", metavar="DURATION", help="Reverts by itself unless confirmed until then.", show_default=False),
]
Confirm = Annotated[bool, typer.Option("--confirm", help="Keep a switch that waits for confirmation.")]


def switch_config(
    lab: Lab, back: Back = None, profile: Profile = None, domain: Domain = None, env: Environment = None, for_: For = None,
    confirm_within: ConfirmWithin = None, confirm: Confirm = False, why: Why = "", lock_wait: LockWait = 60.0, json: Json = False,
) -> int:  # fmt: skip
    """Use another released profile, from the next request on.

    Without --domain for every domain that has no switch of its own. LABMODELS_PROFILE of a shell goes before any switch.
    """
    from labmodels.releases import switch as switches
    from labmodels.wiring import default_environment, store_of

    wishes = [back is not None, profile is not None, confirm]
    if sum(wishes) != 1 or back not in (None, "-"):
        raise Usage(
            "give one of --profile NAME, - (to go back) and --confirm",
            hint="labmodels switch-config --profile high_accuracy --domain code_analysis",
        )
    environment = environment_of(env, default_environment(lab))
    store = store_of(lab, environment)
    if confirm:
        if for_ or confirm_within:
            raise Usage("--confirm keeps a switch as it is: give no duration with it", hint="labmodels switch-config --confirm")
        done = switches.confirm(store, domain, lock_wait_s=lock_wait)
    else:
        wish = switches.Wish(
            profile, domain, parse_duration_option(for_, "--for"), parse_duration_option(confirm_within, "--confirm-within"), why
        )
        done = [switches.switch(store, wish, lock_wait_s=lock_wait)]
    _report(environment, done, json)
    return ExitCode.OK


def _report(environment: str, done: list[SwitchChange], as_json: bool) -> None:
    import os

    from labmodels.terminal.output import emit_json, is_quiet, say, write

    if as_json:
        emit_json(
            {
                "environment": environment,
                "switches": [{**change._asdict(), "ends_at": change.ends_at.isoformat() if change.ends_at else None} for change in done],
            }
        )
        return
    for change in [] if is_quiet() else done:
        where = "every domain" if change.domain == "*" else change.domain
        until = f", until {change.ends_at.isoformat(timespec='seconds')}" if change.ends_at else ""
        unless = " unless confirmed: labmodels switch-config --confirm" if change.confirm_by else ""
        before, after = change.before or "no profile", change.after or "no profile"
        what = f"{before} -> {after}" if change.is_new else f"kept {after}" if change.is_kept else f"already {after}"
        write(f"{environment} {where}: {what}{until}{unless}\n")
    if os.environ.get("LABMODELS_PROFILE"):
        say(f"note: this shell's LABMODELS_PROFILE={os.environ['LABMODELS_PROFILE']} goes before the switch here")
