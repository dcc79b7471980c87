"""What happened in an environment, read from its journal, with what a crash left unsaid completed from where `current` points."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from labmodels.errors import StorageFault, Usage
from labmodels.lab import is_held
from labmodels.releases.journal import Event
from labmodels.releases.store import Release, ReleaseStore, Standing, modified_sources

INTENT, LIVE, FAILED, ABANDONED, SWITCH, CONFIRM = "intent", "live", "failed", "abandoned", "switch", "confirm"
DEPLOY, ROLLBACK, RUNNING, DONE = "deploy", "rollback", "running", "done"


class Step(NamedTuple):
    """One deployment, rollback or switch, with what became of it."""

    id: str
    at: str
    by: str
    what: str  # deploy, rollback, switch
    outcome: str  # live, failed, abandoned, running, done
    details: dict[str, Any]


def history(store: ReleaseStore) -> list[Step]:
    """Return every step of the environment, oldest first. Only reads: an unfinished intent is judged by where `current` points."""
    live = store.live_folder()
    events = store.journal.events()
    is_busy = bool(events) and events[-1].event == INTENT and is_held(store.lock)
    return steps(events, live.name if live else None, _last_switch(store, events), is_busy=is_busy)


def steps(events: Sequence[Event], live_folder: str | None, last_switch: str | None, *, is_busy: bool = False) -> list[Step]:
    """Join each intent with its outcome. `is_busy`: somebody holds the lock, so an intent without an outcome is being carried out. Pure."""
    outcomes = {event.id: event for event in events if event.event in (LIVE, FAILED, ABANDONED)}
    newest_switch = next((event.id for event in reversed(events) if event.event in (SWITCH, CONFIRM)), None)
    found = []
    for event in events:
        if event.event == INTENT:
            outcome = outcomes.get(event.id)
            open_word = RUNNING if is_busy and event is events[-1] else ABANDONED
            word = outcome.event if outcome else LIVE if event.details.get("folder") == live_folder else open_word
            reason = {"reason": outcome.details["reason"]} if outcome and "reason" in outcome.details else {}
            found.append(Step(event.id, event.at, event.by, event.details.get("what", DEPLOY), word, event.details | reason))
        elif event.event in (SWITCH, CONFIRM):
            happened = event.id not in outcomes and event.id in (last_switch, event.id if event.id != newest_switch else None)
            found.append(Step(event.id, event.at, event.by, event.event, DONE if happened else ABANDONED, event.details))
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
    events = store.journal.events()
    for event in unfinished(events, _last_switch(store, events)):
        became = LIVE if event.event == INTENT and live is not None and event.details.get("folder") == live.name else ABANDONED
        store.journal.add(became, event.id, reconciled=True)
    store.files.remove_leftovers(store.releases)
    store.files.remove_leftovers(store.folder)


def _last_switch(store: ReleaseStore, events: Sequence[Event]) -> str | None:
    """Return the last change that switches.json holds. Where it is damaged the journal is believed: no deployment waits for a repair."""
    from labmodels.releases.switch import read_switches

    try:
        return read_switches(store).last_event
    except StorageFault:
        return next((event.id for event in reversed(events) if event.event in (SWITCH, CONFIRM)), None)


def kept_release(store: ReleaseStore, number: int) -> Release:
    """Return release `number`; raise Usage when there is none (any more), Damaged when it cannot be read."""
    release = store.release(number)
    if release is None:
        kept = ", ".join(map(str, sorted(store.numbered()))) or "none"
        environment = store.folder.name
        raise Usage(f"there is no release {number} in {environment}: kept are {kept}", hint=f"labmodels history --env {environment}")
    return release


def rollback_target(store: ReleaseStore, standing: Standing, number: int | None) -> Release:
    """Return the release to go back to: `number`, or the last good one before what is live now. Raises Usage."""
    past = [step for step in history(store) if step.what in (DEPLOY, ROLLBACK)]
    hint = f"labmodels history --env {store.folder.name}"
    if number is not None:
        release = kept_release(store, number)
        refused = next((step for step in past if step.details["release"] == number and step.outcome != LIVE), None)
        if refused is not None:
            raise Usage(f"release {number} never was live: {refused.details.get('reason') or 'its deployment did not finish'}", hint=hint)
        return release
    before = next((step.details.get("rollback_of") for step in past if step.details["release"] == standing.number), None)
    before = before or standing.number or 0
    good = [step.details["release"] for step in past if step.outcome == LIVE and step.details.get("rollback_of") is None]
    for candidate in sorted((earlier for earlier in good if earlier < before), reverse=True):
        with suppress(StorageFault):
            found = store.release(candidate)
            is_other = standing.damage is not None or (found is not None and not found.digest.startswith(standing.short_digest))
            if found is not None and is_other and not modified_sources(found):
                return found
    raise Usage(f"nothing before {standing.label} in {store.folder.name} to go back to", hint=hint)
