"""The table of state-changing commands: how a lab is laid out for each, what is run, and what must hold while it runs and after.

A new command joins by a row. The rows of the product are in `labmodels_commands`; those of the stand-in that the driver is tested with, in
`stand_in_commands`. The driver turns a row into kills and faults and knows nothing of what the commands mean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.reliability import indexes, labs, stand_in

PYTHON = (sys.executable, "-m")


@dataclass(frozen=True)
class Command:
    """A state-changing command, run with the lab's folder in LABMODELS_LAB.

    `read` names the state as a reader sees it and raises when there is half a state or none: it is what the concurrent reader repeats, and
    what tells the old state from the new one. `then` is what an operator runs next, whatever became of the command: it must end well and in
    the new state, by default the command itself. `audit` raises when the lab is not in order after that.
    """

    name: str
    argv: tuple[str, ...]
    prepare: Callable[[Path], None]
    read: Callable[[Path], str]
    audit: Callable[[Path], None]
    then: tuple[str, ...] = ()


def stand_in_commands() -> dict[str, Command]:
    """Return the sound stand-in under the name `sound` and one row for each planted bug, under the bug's name."""
    script = (*PYTHON, "tests.reliability.stand_in", "new")
    rows = [Command("sound", script, stand_in.prepare, stand_in.read, stand_in.audit)]
    rows += [Command(bug, (*script, bug), stand_in.prepare, stand_in.read, stand_in.audit) for bug in stand_in.BUGS]
    return {row.name: row for row in rows}


def labmodels_commands() -> dict[str, Command]:
    """Return the product's rows."""
    deploy = ("deploy-config", "--all", "--env", labs.ENVIRONMENT, "--yes")
    deploy_one = ("deploy-config", "language_models/gpt4_config.yaml", "--env", labs.ENVIRONMENT, "--yes", "--set", f"{labs.KEY}=0.3")
    rows = [
        _row("first deploy", deploy, labs.lay_out, labs.live),
        _row("deploy --all", deploy, labs.edited_since_the_last_deploy, labs.live),
        _row("deploy one with --set", deploy_one, labs.deployed, labs.live),
        _row("rollback", ("rollback", "--env", labs.ENVIRONMENT, "--yes"), labs.deployed_twice, labs.live, then=labs.BACK_TO_THE_FIRST),
        _row(
            "switch",
            ("switch-config", "--profile", "high_accuracy", "--domain", "code_analysis", "--env", labs.ENVIRONMENT),
            labs.deployed,
            labs.switched,
        ),
        _row("ask", ("ask", labs.QUESTION, "--env", labs.ENVIRONMENT), labs.deployed, labs.answered, audit=labs.ledger_is_sound),
        _row("feedback", ("feedback", "last", "good", "--reason", "it worked"), labs.asked, labs.opinions, audit=labs.ledger_is_sound),
        _row(
            "serve keys add",
            ("serve", "keys", "add", "ci"),
            labs.asked,
            labs.keys,
            ("serve", "keys", "add", "another"),
            labs.ledger_is_sound,
        ),
        _row("serve keys revoke", ("serve", "keys", "revoke", "ci"), labs.keyed, labs.keys, audit=labs.ledger_is_sound),
        _row("router reset", ("router", "reset", "--env", labs.ENVIRONMENT), labs.tripped, labs.breaker, audit=labs.ledger_is_sound),
        _row("update-embeddings, first", indexes.UPDATE, indexes.with_documents, indexes.shown, audit=indexes.audit),
        _row("update-embeddings --incremental", indexes.UPDATE, indexes.edited, indexes.shown, audit=indexes.audit),
        _row("update-embeddings, rebuild", indexes.REBUILD, indexes.edited, indexes.shown, audit=indexes.audit),
        _row("embeddings rollback", indexes.BACK_TO_THE_FIRST, indexes.indexed_twice, indexes.shown, audit=indexes.audit),
        _row("embeddings gc", indexes.GC, indexes.indexed_twice, indexes.generations, audit=indexes.audit),
    ]
    return {row.name: row for row in rows}


def _row(
    name: str,
    words: tuple[str, ...],
    prepare: Callable[[Path], None],
    read: Callable[[Path], str],
    then: tuple[str, ...] = (),
    audit: Callable[[Path], None] = labs.audit,
) -> Command:
    program = (*PYTHON, "labmodels")
    return Command(name, (*program, *words), prepare, read, audit, (*program, *then) if then else ())
