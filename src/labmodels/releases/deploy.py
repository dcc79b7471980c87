"""Makes a candidate live: plan under the lock, write, journal the intent, gate, flip, check; on failure flip back and keep the evidence."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labmodels.errors import GateFailed, LabmodelsError, RollbackFailed, StorageFault
from labmodels.lab import Lab, locked
from labmodels.releases.candidate import Request, build
from labmodels.releases.content import Content, changes
from labmodels.releases.effective import check
from labmodels.releases.history import FAILED, INTENT, LIVE, reconcile, rollback_target
from labmodels.releases.journal import now, who
from labmodels.releases.plan import Plan, make_plan, refuse_if_stale
from labmodels.releases.retention import to_delete
from labmodels.releases.store import Release, ReleaseStore, modified_files, read_release, read_sources
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
    live = store.live()
    return make_plan(request, build(lab, request, live, environ), live)


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
        live = store.live()
        content = build(lab, request, live, environ)
        made = make_plan(request, content, live)
        if expected is not None:
            refuse_if_stale(expected[0], made, _flat_of(store, expected[0].base), expected[1])
        if live is not None and made.is_empty:
            return Outcome(made, live, is_new=False)
        facts = {"what": "deploy", "configs": list(request.paths) or ["everything"], "overrides": list(made.overrides)}
        return Outcome(made, _make_live(store, content, live, facts, probe, why, keep=content.lab["releases"]["keep"]), is_new=True)


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
        live, target, made = plan_rollback(store, number)
        if expected_live is not None and live.number != expected_live:
            from labmodels.errors import StalePlan

            raise StalePlan("the rollback shown", "the live release", str(expected_live), str(live.number))
        if made.is_empty:
            return Outcome(made, live, is_new=False)
        if changed := modified_files(target.folder):
            raise StorageFault(
                f"{target.folder} was modified after it was deployed: {', '.join(changed)}",
                hint="roll back to a release that is whole: labmodels history",
            )
        content = Content(target.content.lab, target.content.configs, target.content.overrides, read_sources(target.folder))
        facts = {"what": "rollback", "rollback_of": target.rollback_of or target.number}
        return Outcome(made, _make_live(store, content, live, facts, probe, why, keep=content.lab["releases"]["keep"]), is_new=True)


def plan_rollback(store: ReleaseStore, number: int | None) -> tuple[Release, Release, Plan]:
    """Return the live release, the one to go back to, and the plan between them. Raises Usage."""
    live = require_live(store)
    target = rollback_target(store, live, number)
    return live, target, make_plan(Request(store.folder.name), target.content, live)


def require_live(store: ReleaseStore) -> Release:
    """Return the live release; raise Usage when nothing was deployed yet."""
    from labmodels.errors import Usage

    live = store.live()
    if live is None:
        raise Usage(f"nothing is deployed in {store.folder.name}", hint=f"labmodels deploy-config --all --env {store.folder.name}")
    return live


def _make_live(
    store: ReleaseStore, content: Content, live: Release | None, facts: dict[str, Any], probe: Probe | None, why: str, keep: int
) -> Release:
    """Write, journal, gate, flip, check. The journal has the intent before the flip and the outcome after it."""
    number = _next_number(store)
    why = redact(why)  # it is kept for good, and people paste
    base = live.number if live else None
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
        release = _gate(folder, content, _changed_configs(content, live), probe)
    except LabmodelsError as error:
        store.journal.add(FAILED, intent, reason=str(error))
        raise GateFailed(
            f"release {number} was refused: {error}; {_still_live(live)}",
            hint=f"the candidate is kept in {folder}; {error.hint}".rstrip("; "),
        ) from error
    try:
        store.flip(folder)
        _check_live(store, release)
    except LabmodelsError as error:
        raise _flip_back(store, live, intent, number, error) from error
    try:
        store.journal.add(LIVE, intent, release=number)
        _retire(store, keep, release)
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


def _flip_back(store: ReleaseStore, live: Release | None, intent: str, number: int, error: LabmodelsError) -> LabmodelsError:
    """Make the previous release live again after a failed flip; return the error that says how it ended."""
    try:
        if live is not None:
            store.flip(live.folder)
            _check_live(store, live)
        elif store.live_folder() is not None:
            store.files.unlink(store.pointer)
            store.files.sync_folder(store.folder)
    except (LabmodelsError, OSError) as second:
        with suppress(LabmodelsError):
            store.journal.add(FAILED, intent, reason=f"{error}; flipping back failed: {second}")
        return RollbackFailed(
            f"release {number} failed ({error}) and the previous one could not be made live: {second}",
            hint=f"ln -sfn releases/N-DIGEST {store.pointer}, then labmodels status",
        )
    with suppress(LabmodelsError):
        store.journal.add(FAILED, intent, reason=str(error))
    return GateFailed(f"release {number} failed after the flip: {error}; {_still_live(live)}", hint="labmodels status")


def _still_live(live: Release | None) -> str:
    return f"{live.label} is still live" if live else "nothing is live, as before"


def _next_number(store: ReleaseStore) -> int:
    journalled = [int(event.details["release"]) for event in store.journal.events() if event.event == INTENT]
    return max([0, *journalled, *store.numbered()]) + 1


def _retire(store: ReleaseStore, keep: int, live: Release) -> None:
    """Delete releases beyond the kept ones. The live one, its base and what it is a rollback of stay, whatever their number."""
    folders = store.numbered()
    protected = {live.number, *(number for number in (live.base, live.rollback_of) if number is not None)}
    for number in to_delete(folders, keep, protected):
        store.files.remove_tree(folders[number])


def _flat_of(store: ReleaseStore, number: int | None) -> dict[str, Any] | None:
    with suppress(LabmodelsError, FileNotFoundError):
        release = store.release(number) if number is not None else None
        return release.content.flat() if release else None
    return None
