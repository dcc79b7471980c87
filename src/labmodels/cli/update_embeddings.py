"""labmodels update-embeddings: bring indexes up to their documents, or build them anew beside the live ones."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labmodels.cli.options import Environment, Json, LockWait, environment_of
from labmodels.errors import Busy, ExitCode, LabmodelsError, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.embeddings.store.update import Outcome, Wish
    from labmodels.wiring.embeddings import Index, LabIndexes

Domains = Annotated[list[str] | None, typer.Option("--domain", metavar="NAME", help="An index; repeatable.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every configured index.")]
Incremental = Annotated[bool, typer.Option("--incremental", help="Look only at what has changed; else everything is cut anew.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Watch = Annotated[bool, typer.Option("--watch", help="Go on with every change until stopped.")]
MassDelete = Annotated[bool, typer.Option("--allow-mass-delete", help="Also when more than 30 % of the sources are gone.")]

_MOST_LISTED = 20


def update_embeddings(
    lab: Lab, domain: Domains = None, all_: All = False, incremental: Incremental = False, dry_run: DryRun = False, watch: Watch = False,
    allow_mass_delete: MassDelete = False, env: Environment = None, lock_wait: LockWait = 60.0, json: Json = False,
) -> int:  # fmt: skip
    """Bring indexes up to their documents.

    Without --incremental an index is built anew beside the live one. Vectors of texts that were embedded before are used again either
    way. What searches see changes at the end, at once; a run that was stopped is gone on with by the next.
    """
    from labmodels.embeddings.store.update import Wish
    from labmodels.terminal.output import say
    from labmodels.wiring import default_environment
    from labmodels.wiring.embeddings import LabIndexes

    if bool(domain) == all_:
        raise Usage("give --domain NAME, or --all", hint="labmodels update-embeddings --domain documentation --incremental")
    if watch and (dry_run or json):
        raise Usage("--watch goes with neither --dry-run nor --json", hint="labmodels update-embeddings --all --incremental --watch")
    wish = Wish(is_rebuild=not incremental, allows_mass_delete=allow_mass_delete, lock_wait_s=lock_wait)
    with LabIndexes(lab, environment_of(env, default_environment(lab))) as indexes:
        chosen = list(indexes.all.values()) if all_ else [indexes.of(name) for name in dict.fromkeys(domain or [])]
        if not indexes.is_deployed:
            say(f"note: {indexes.origin}")
        try:
            code = _run(indexes, chosen, wish, json, is_dry=dry_run)
            if watch:
                _follow(indexes, chosen, wish)
        except KeyboardInterrupt:
            raise Busy("stopped; what was embedded is kept", hint="the same command goes on from there") from None
    return code


def _run(indexes: LabIndexes, chosen: list[Index], wish: Wish, as_json: bool, *, is_dry: bool) -> int:
    """Update one index after the other; one that fails keeps none from its turn. Returns the exit code."""
    from labmodels.terminal.output import emit_json, print_error

    outcomes: list[Outcome] = []
    errors: list[tuple[str, LabmodelsError]] = []
    for index in chosen:
        try:
            outcome = _one(indexes, index, wish, is_dry)
        except LabmodelsError as error:
            if len(chosen) == 1:
                raise
            errors.append((index.domain, error))
            if not as_json:
                print_error(error)
        else:
            outcomes.append(outcome)
            if not as_json:
                _tell(outcome, is_dry)
    if as_json:
        refused = [{"domain": domain, **error.as_json()} for domain, error in errors]
        told: dict[str, Any] = {
            "dry_run": is_dry,
            "origin": indexes.origin,
            "indexes": [asdict(one) for one in outcomes],
            "errors": refused,
        }
        emit_json(told)
    elif len(chosen) > 1:
        _sum_up(outcomes, len(errors), is_dry)
    return ExitCode.PARTLY_DONE if errors or any(one.is_partial for one in outcomes) else ExitCode.OK


def _one(indexes: LabIndexes, index: Index, wish: Wish, is_dry: bool) -> Outcome:
    from dataclasses import replace

    from labmodels.terminal.output import say
    from labmodels.terminal.progress import Progress

    for warning in indexes.warnings(index):
        say(f"warning: {index.domain}: {warning}")
    progress = Progress(index.domain)

    def show(done: int, total: int, embedded: int) -> None:
        progress.show(done, total, f"; {embedded:,} texts embedded")

    try:
        return (indexes.preview if is_dry else indexes.update)(index, replace(wish, progress=show))
    finally:
        progress.clear()


def _tell(outcome: Outcome, is_dry: bool) -> None:
    """Print what was done in one line, and what could not be on stderr."""
    from labmodels.terminal.output import is_quiet, write
    from labmodels.terminal.text import one_line

    for failure in outcome.failures[:_MOST_LISTED]:
        write(f"{one_line(failure.path)}: {one_line(failure.reason)}; what was shown of it still is\n", sys.stderr)
    if (more := len(outcome.failures) - _MOST_LISTED) > 0:
        write(f"... and {more:,} more; --json lists all\n", sys.stderr)
    if not is_quiet():
        write(f"{outcome.domain}: {_summary(outcome, is_dry)}\n")


def _summary(outcome: Outcome, is_dry: bool) -> str:
    counts = (("added", outcome.added), ("changed", outcome.changed), ("deleted", outcome.deleted), ("failed", len(outcome.failures)))
    moved = [f"{count:,} {what}" for what, count in counts if count]
    seen = f"{outcome.found:,} sources, {', '.join(moved) or 'none changed'}"
    work = f"; {outcome.chunks:,} chunks, {outcome.embedded:,} to embed" if is_dry else f"; {outcome.embedded:,} texts embedded"
    if is_dry:
        return f"would look at {seen}{work}; generation {outcome.generation} is live"
    state = f"generation {outcome.generation}" if outcome.is_new else f"generation {outcome.generation} as before"
    return f"{state}; {seen}{work}; {len(outcome.passed_over):,} passed over; {outcome.elapsed_s:.1f} s"


def _sum_up(outcomes: list[Outcome], refused: int, is_dry: bool) -> None:
    from labmodels.terminal.output import is_quiet, write

    if is_quiet():
        return
    new = sum(one.is_new for one in outcomes)
    failed = sum(len(one.failures) for one in outcomes)
    verb = "would embed" if is_dry else "embedded"
    texts = sum(one.embedded for one in outcomes)
    write(f"{len(outcomes)} indexes, {new} changed, {refused} refused, {failed} sources failed; {verb} {texts:,} texts\n")


def _follow(indexes: LabIndexes, chosen: list[Index], wish: Wish) -> None:
    """Update the indexes whose documents change, until interrupted; the configuration stays the one that was read at the start."""
    from dataclasses import replace

    from labmodels.embeddings.store.watch import changes
    from labmodels.terminal.output import print_error, say

    root, following = indexes.lab.root, replace(wish, is_rebuild=False)
    try:
        for paths in changes(root):
            for index in chosen:
                if paths is None or any(_concerns(index, root, path) for path in paths):
                    try:
                        outcome = _one(indexes, index, following, is_dry=False)
                        if outcome.is_new or outcome.is_partial:
                            _tell(outcome, is_dry=False)
                    except LabmodelsError as error:  # what is shown stays shown; the next change is another try
                        print_error(error)
            if paths is None:
                say("watching; Ctrl-C ends it")
    except KeyboardInterrupt:
        return


def _concerns(index: Index, root: Path, path: str) -> bool:
    """Whether a change of `path` can change an index: it is covered, or it is a folder, or was."""
    from labmodels.embeddings.documents import matches

    declared = index.declared
    return (matches(path, declared.sources) and not matches(path, declared.exclude)) or not (root / path).is_file()
