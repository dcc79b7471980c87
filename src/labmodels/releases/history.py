"""What happened in an environment, read from its journal, with what a crash left unsaid completed from where `current` points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from labmodels.errors import Usage
from labmodels.releases.journal import Event
from labmodels.releases.store import Release, ReleaseStore

INTENT, LIVE, FAILED, ABANDONED, SWITCH, CONFIRM = "intent", "live", "failed", "abandoned", "switch", "confirm"


class Step(NamedTuple):
    """One deployment, rollback or switch, with what became of it."""

    id: str
    at: str
    by: str
    what: str  # deploy, rollback, switch
    outcome: str  # live, failed, abandoned, done
    details: dict[str, Any]


def history(store: ReleaseStore) -> list[Step]:
    """Return every step of the environment, oldest first. Only reads: an unfinished intent is judged by where `current` points."""
    live = store.live_folder()
    return steps(store.journal.events(), live.name if live else None, _last_switch(store))


def steps(events: Sequence[Event], live_folder: str | None, last_switch: str | None) -> list[Step]:
    """Join each intent with its outcome. Pure."""
    outcomes = {event.id: event for event in events if event.event in (LIVE, FAILED, ABANDONED)}
    newest_switch = next((event.id for event in reversed(events) if event.event in (SWITCH, CONFIRM)), None)
    found = []
    for event in events:
        if event.event == INTENT:
            outcome = outcomes.get(event.id)
            word = outcome.event if outcome else LIVE if event.details.get("folder") == live_folder else ABANDONED
            reason = {"reason": outcome.details["reason"]} if outcome and "reason" in outcome.details else {}
            found.append(Step(event.id, event.at, event.by, event.details.get("what", "deploy"), word, event.details | reason))
        elif event.event in (SWITCH, CONFIRM):
            happened = event.id not in outcomes and event.id in (last_switch, event.id if event.id != newest_switch else None)
            found.append(Step(event.id, event.at, event.by, event.event, "done" if happened else ABANDONED, event.details))
    return found


def unfinished(events: Sequence[Event], last_switch: str | None) -> list[Event]:
    """Return the intents and switches whose outcome a crash left unsaid."""
    told = {event.id for event in events if event.event in (LIVE, FAILED, ABANDONED)}
    switches = [event for event in events if event.event in (SWITCH, CONFIRM)]
    lost = switches[-1:] if switches and switches[-1].id not in (last_switch, *told) else []
    return [event for event in events if event.event == INTENT and event.id not in told] + lost


def reconcile(store: ReleaseStore) -> None:
    """Write down what became of unfinished steps. Called under the lock, before anything new: `current` and switches.json are the truth."""
    live = store.live_folder()
    for event in unfinished(store.journal.events(), _last_switch(store)):
        became = LIVE if event.event == INTENT and live is not None and event.details.get("folder") == live.name else ABANDONED
        store.journal.add(became, event.id, reconciled=True)
    store.files.remove_leftovers(store.releases)
    store.files.remove_leftovers(store.folder)


def _last_switch(store: ReleaseStore) -> str | None:
    from labmodels.releases.switch import read_switches

    return read_switches(store).last_event


def rollback_target(store: ReleaseStore, live: Release, number: int | None) -> Release:
    """Return the release to go back to: `number`, or the last good one before what is live now. Raises Usage."""
    if number is not None:
        release = store.release(number)
        if release is None:
            kept = ", ".join(map(str, sorted(store.numbered()))) or "none"
            raise Usage(
                f"there is no release {number} in {store.folder.name}: kept are {kept}", hint=f"labmodels history --env {store.folder.name}"
            )
        return release
    origin = live.rollback_of or live.number
    good = [
        step.details["release"]
        for step in history(store)
        if step.outcome == LIVE and step.what in ("deploy", "rollback") and step.details.get("rollback_of") is None
    ]
    for candidate in sorted((found for found in good if found < origin), reverse=True):
        release = store.release(candidate)
        if release is not None and release.digest != live.digest:
            return release
    raise Usage(f"nothing before {live.label} in {store.folder.name} to go back to", hint=f"labmodels history --env {store.folder.name}")
