"""Makes a candidate live: plan under the lock, write, journal the intent, gate, flip, check; on failure flip back and keep the evidence."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labmodels.errors import GateFailed, LabmodelsError, RollbackFailed, StalePlan, StorageFault, Usage
from labmodels.lab import Lab, locked
from labmodels.releases.candidate import Request, Tree, build
from labmodels.releases.content import LAB, Content, changes
from labmodels.releases.effective import check
from labmodels.releases.history import DEPLOY, FAILED, INTENT, LIVE, ROLLBACK, history, reconcile, rollback_target
from labmodels.releases.journal import now, who
from labmodels.releases.plan import Plan, make_plan, refuse_if_stale
from labmodels.releases.retention import to_delete
from labmodels.releases.store import (
    Damaged,
    Release,
    ReleaseStore,
    Standing,
    modified_files,
    nothing_deployed,
    read_release,
    read_sources,
)
from labmodels.secrets import redact

Probe = Callable[[Content, Collection[str]], None]  # the candidate, and the names of the configs that differ from what is live


@dataclass(frozen=True)
class Outcome:
    """What a deployment or rollback did. `release` is what is live now; nothing changed when `is_new` is false."""

    plan: Plan
    release: Release
    is_new: bool


def plan(lab: Lab, store: ReleaseStore, request: Request, environ: Mapping[str, str]) -> Plan:
    """Return what deploying `request` would change. Reads only."""
    return _candidate(lab, store.standing(), request, environ)[1]


def deploy(  # noqa: PLR0913 - each argument is a decision of the operator's
    lab: Lab,
    store: ReleaseStore,
    request: Request,
    environ: Mapping[str, str],
    *,
    expected: tuple[Plan, str] | None = None,
    probe: Probe | None = None,
    why: str = "",
    lock_wait_s: float = 60.0,
) -> Outcome:
    """Deploy `request`. `expected` is a plan that was saved or shown, with its name: raises StalePlan when it no longer holds.

    Raises GateFailed when the candidate is refused (the previous release is live), RollbackFailed when flipping back failed, Busy,
    StorageFault.
    """
    store.prepare()
    with locked(store.lock, lock_wait_s):
        reconcile(store)
        standing = store.standing()
        if expected is not None and standing.release and standing.release.digest == expected[0].digest and not standing.faults():
            return Outcome(expected[0], standing.release, is_new=False)  # somebody, perhaps this plan, already did it
        content, made = _candidate(lab, standing, request, environ)
        if expected is not None:
            refuse_if_stale(expected[0], made, _flat_of(store, expected[0].base), expected[1])
        if standing.release is not None and made.is_empty:
            return Outcome(made, standing.release, is_new=False)
        facts = {"what": DEPLOY, "configs": list(request.paths) or ["everything"], "overrides": list(made.overrides)}
        return Outcome(made, _make_live(store, content, standing, facts, probe, why), is_new=True)


def _candidate(lab: Lab, standing: Standing, request: Request, environ: Mapping[str, str]) -> tuple[Content, Plan]:
    """Return what deploying `request` would make live, and the plan that leads there."""
    if standing.damage is not None and not request.is_everything:
        raise Damaged(f"nothing can be carried over: {standing.damage}", hint=standing.damage.hint)
    content = build(Tree(lab), request, standing.release, environ)
    return content, make_plan(request, content, standing)


def rollback(
    store: ReleaseStore,
    number: int | None,
    *,
    expected_live: int | None = None,
    probe: Probe | None = None,
    why: str = "",
    lock_wait_s: float = 60.0,
) -> Outcome:
    """Make the content of release `number` (None: the last good one before the live one) live again, as a new release."""
    store.prepare()
    with locked(store.lock, lock_wait_s):
        reconcile(store)
        standing, target, made = plan_rollback(store, number)
        if expected_live is not None and standing.number != expected_live:
            raise StalePlan("the rollback shown", "the live release", str(expected_live), str(standing.number))
        if standing.release is not None and made.is_empty:
            return Outcome(made, standing.release, is_new=False)
        content = replace(target.content, sources=read_sources(target, target.files))
        facts = {"what": ROLLBACK, "rollback_of": target.rollback_of or target.number}
        return Outcome(made, _make_live(store, content, standing, facts, probe, why), is_new=True)


def plan_rollback(store: ReleaseStore, number: int | None) -> tuple[Standing, Release, Plan]:
    """Return what is live, the release to go back to, and the plan between them. Raises Usage, Damaged."""
    standing = store.standing()
    if standing.folder is None:
        raise nothing_deployed(store)
    target = rollback_target(store, standing, number)
    content = replace(target.content, sources=read_sources(target, target.files))
    return standing, target, make_plan(Request(store.folder.name), content, standing)


def _make_live(store: ReleaseStore, content: Content, standing: Standing, facts: dict[str, Any], probe: Probe | None, why: str) -> Release:
    """Write, journal, gate, flip, check. The journal has the intent before the flip and the outcome after it."""
    number = _next_number(store)
    why = redact(why)  # it is kept for good, and people paste
    base = standing.number
    author = {
        "environment": store.folder.name,
        "created_at": now().isoformat(timespec="seconds"),
        "created_by": who(),
        "why": why,
        "base": base,
        "rollback_of": facts.get("rollback_of"),
    }
    folder = store.write(number, content, author)
    intent = uuid.uuid4().hex
    store.journal.add(INTENT, intent, release=number, digest=content.digest, folder=folder.name, base=base, why=why, **facts)
    try:
        release = _gate(folder, content, _changed_configs(content, standing.release), probe)
    except LabmodelsError as error:
        with suppress(LabmodelsError):  # else reconciled as abandoned, which is true too
            store.journal.add(FAILED, intent, reason=str(error))
        raise GateFailed(
            f"release {number} was refused: {error}; {_still_live(standing)}",
            hint=f"the candidate is kept in {folder}; {error.hint}".rstrip("; "),
        ) from error
    try:
        store.flip(folder)
        _check_live(store, release)
    except LabmodelsError as error:
        raise _flip_back(store, standing, intent, number, error) from error
    try:
        store.journal.add(LIVE, intent, release=number)
        _retire(store, content.values(LAB)["releases"]["keep"], release)
    except StorageFault as error:
        raise StorageFault(
            f"{release.label} is live, but what follows a deployment failed: {error}",
            hint="labmodels status; the next command completes the journal",
        ) from error
    return release


def _changed_configs(content: Content, live: Release | None) -> set[str]:
    return {change.key.partition(".")[0] for change in changes(live.content if live else None, content)}


def _gate(folder: Path, content: Content, changed: Collection[str], probe: Probe | None) -> Release:
    """Read the candidate back as everybody will, and refuse what is not whole, not equal, or not usable."""
    try:
        release = read_release(folder)
    except FileNotFoundError as error:
        raise StorageFault.of(error, f"read back {folder}") from error
    if release.digest != content.digest or modified_files(folder):
        raise StorageFault(f"{folder} is not what was written", hint="check the disk")
    problems = check(release.content)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise GateFailed(f"{problems[0]}{more}", hint="labmodels validate-config")
    if probe is not None:
        probe(release.content, changed)
    return release


def _check_live(store: ReleaseStore, release: Release) -> None:
    seen = store.live()
    if seen is None or seen.number != release.number or seen.digest != release.digest:
        raise StorageFault(f"{store.pointer} does not lead to {release.label} after the flip", hint="labmodels status")


def _flip_back(store: ReleaseStore, standing: Standing, intent: str, number: int, error: LabmodelsError) -> LabmodelsError:
    """Make the previous release live again after a failed flip; return the error that says how it ended."""
    try:
        _restore(store, standing)
    except (LabmodelsError, OSError) as second:
        with suppress(LabmodelsError):
            store.journal.add(FAILED, intent, reason=f"{error}; flipping back failed: {second}")
        command = f"ln -sfn releases/{standing.folder.name} {store.pointer}" if standing.folder else f"rm {store.pointer}"
        return RollbackFailed(
            f"release {number} failed ({error}) and the previous one could not be made live: {second}",
            hint=f"{command}, then labmodels status",
        )
    with suppress(LabmodelsError):
        store.journal.add(FAILED, intent, reason=str(error))
    return GateFailed(f"release {number} failed after the flip: {error}; {_still_live(standing)}", hint="labmodels status")


def _restore(store: ReleaseStore, standing: Standing) -> None:
    if standing.folder is None:
        if store.live_folder() is not None:
            store.files.unlink(store.pointer)
            store.files.sync_folder(store.folder)
        return
    if store.live_folder() != standing.folder:  # else the flip never happened, and a full disk is no reason to call for help
        store.flip(standing.folder)
    if standing.release is not None:
        _check_live(store, standing.release)


def _still_live(standing: Standing) -> str:
    return f"{standing.label} is still live" if standing.folder else "nothing is live, as before"


def _next_number(store: ReleaseStore) -> int:
    journalled = [int(event.details["release"]) for event in store.journal.events() if event.event == INTENT]
    return max([0, *journalled, *store.numbered()]) + 1


def _retire(store: ReleaseStore, keep: int, live: Release) -> None:
    """Delete releases beyond the kept ones.

    What is live, its base, what it is a rollback of and what a rollback would go back to stay, whatever their number.
    """
    folders = store.numbered()
    protected = {live.number, *(number for number in (live.base, live.rollback_of) if number is not None)}
    with suppress(Usage):
        protected.add(rollback_target(store, Standing(live, live.folder), None).number)
    refused = {step.details["release"] for step in history(store) if step.what in (DEPLOY, ROLLBACK) and step.outcome != LIVE}
    for number in [*to_delete(folders.keys() - refused, keep, protected), *to_delete(folders.keys() & refused, keep, protected)]:
        store.files.remove_tree(folders[number])


def _flat_of(store: ReleaseStore, number: int | None) -> dict[str, Any] | None:
    with suppress(LabmodelsError, FileNotFoundError):
        release = store.release(number) if number is not None else None
        return release.content.flat() if release else None
    return None
