"""Which released profile a domain uses until further notice.

Read at every use: a switch that has expired, or was never confirmed, is gone without a daemon.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from labmodels.errors import StorageFault, Usage
from labmodels.lab import locked
from labmodels.releases.effective import Choice, Effective
from labmodels.releases.history import CONFIRM, DONE, SWITCH, history, reconcile
from labmodels.releases.journal import now, who
from labmodels.releases.store import ReleaseStore, require_live
from labmodels.secrets import redact

EVERY_DOMAIN = "*"


@dataclass(frozen=True)
class Switch:
    """One switch. `before` is what held until then, and holds again when this one is over; `profile` None is the domain's own default."""

    profile: str | None
    at: str
    by: str
    why: str = ""
    expires_at: str | None = None
    confirm_by: str | None = None
    before: Switch | None = None

    def ends_at(self) -> datetime | None:
        """When it is over by itself, or None."""
        ends = [datetime.fromisoformat(at) for at in (self.expires_at, self.confirm_by) if at]
        return min(ends) if ends else None


@dataclass(frozen=True)
class Switches:
    """All switches of an environment by domain, and the journal's id of the last change."""

    by_domain: Mapping[str, Switch] = field(default_factory=dict)
    last_event: str | None = None


class SwitchChange(NamedTuple):
    """What switching did: the profile in effect before and after, and whether it is another switch, or one that was kept."""

    domain: str
    before: str | None
    after: str | None
    ends_at: datetime | None
    confirm_by: str | None
    is_new: bool
    is_kept: bool = False


def in_effect(switch: Switch | None, at: datetime) -> Switch | None:
    """Return the switch that holds at `at`: this one, or what was before it when it is over. Pure."""
    while switch is not None and (ends := switch.ends_at()) is not None and ends <= at:
        switch = switch.before
    return switch


def choose(
    effective: Effective, switches: Switches, domain: str | None, at: datetime, asked: str | None = None, variable: str | None = None
) -> Choice:
    """Return the profile for `domain`, and why. Raises Usage for one that is not released.

    An option goes first, then the shell's LABMODELS_PROFILE, the domain's switch, the switch of every domain, the default.
    """
    for profile, reason in ((asked, "--profile"), (variable, "LABMODELS_PROFILE")):
        if profile:
            require_released(effective, profile, reason)
            return Choice(profile, reason, is_switch=True)
    for key in (domain, EVERY_DOMAIN):
        switch = in_effect(switches.by_domain.get(key or EVERY_DOMAIN), at)
        if switch is not None and switch.profile is not None and switch.profile in effective.names("performance_profile"):
            return Choice(switch.profile, f"switched by {switch.by} at {switch.at}", is_switch=True)
    return effective.default_profile(domain)


def require_released(effective: Effective, profile: str, reason: str) -> None:
    """Raise Usage unless `profile` is released."""
    known = effective.names("performance_profile")
    if profile not in known:
        from difflib import get_close_matches

        close = get_close_matches(profile, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"released: {', '.join(known) or 'none'}; deploy it first: labmodels deploy-config"
        raise Usage(f"{reason}: the profile {profile} is not released", hint=hint)


class Wish(NamedTuple):
    """What an operator wants: a profile (None: go back), for a domain, perhaps for a while, perhaps to be confirmed."""

    profile: str | None
    domain: str | None
    lasts_s: float | None = None
    confirm_within_s: float | None = None
    why: str = ""


def switch(store: ReleaseStore, wish: Wish, *, lock_wait_s: float = 60.0) -> SwitchChange:
    """Switch, or go back to what was before.

    Holds from the next request on; a no-op when it already is so. Raises Usage, Busy, StorageFault.
    """
    effective = Effective(require_live(store).content)
    if wish.profile is not None:
        require_released(effective, wish.profile, "--profile")
    if wish.domain is not None:
        require_domain(effective, wish.domain)
    wish = wish._replace(why=redact(wish.why))
    with locked(store.lock, lock_wait_s):
        reconcile(store)
        at = now()
        switches = read_switches(store)
        domain = wish.domain or (EVERY_DOMAIN if wish.profile is not None else _last_domain(store, switches))
        current = in_effect(switches.by_domain.get(domain), at)
        before = _profile_of(effective, switches, domain, at)
        new = _new_switch(wish, current, domain, at)
        if current is not None and new.profile == current.profile and new.ends_at() is None and current.ends_at() is None:
            return SwitchChange(domain, before, before, None, None, is_new=False)
        updated = {**switches.by_domain, domain: new}
        after = _profile_of(effective, Switches(updated), domain, at)
        details = {
            "domain": domain,
            "from": before,
            "to": after,
            "why": wish.why,
            "expires_at": new.expires_at,
            "confirm_by": new.confirm_by,
        }
        _save(store, updated, SWITCH, details)
        return SwitchChange(domain, before, after, new.ends_at(), new.confirm_by, is_new=True)


def _new_switch(wish: Wish, current: Switch | None, domain: str, at: datetime) -> Switch:
    """Return the switch that `wish` makes of the `current` one. Raises Usage when there is nothing to go back from."""
    expires_at, confirm_by = _later(at, wish.lasts_s, "--for"), _later(at, wish.confirm_within_s, "--confirm-within")
    profile, before = wish.profile, remembered(current)
    if profile is None:
        if current is None:
            raise Usage(f"there is no switch to go back from in {domain}", hint="labmodels status")
        previous = in_effect(current.before, at)
        profile = previous.profile if previous else None
        if previous is not None and previous.ends_at() is not None and not expires_at and not confirm_by:
            # What was for a while stays so: it ends when it was said to, and then holds what held before it.
            expires_at, confirm_by, before = previous.expires_at, previous.confirm_by, previous.before
    return Switch(profile, at.isoformat(timespec="seconds"), who(), wish.why, expires_at, confirm_by, before)


def confirm(store: ReleaseStore, domain: str | None, *, lock_wait_s: float = 60.0) -> list[SwitchChange]:
    """Keep the switches that wait for confirmation (of `domain`, or all). Raises Usage when none does."""
    require_live(store)
    with locked(store.lock, lock_wait_s):
        reconcile(store)
        at = now()
        switches = read_switches(store)
        waiting = {
            key: held
            for key, found in switches.by_domain.items()
            if (held := in_effect(found, at)) and held.confirm_by and domain in (None, key)
        }
        if not waiting:
            raise Usage(
                "no switch waits for confirmation" + (f" in {domain}" if domain else ""), hint="it may have reverted: labmodels status"
            )
        kept = {key: replace(held, confirm_by=None) for key, held in waiting.items()}
        _save(store, {**switches.by_domain, **kept}, CONFIRM, {"domains": sorted(kept)})
        return [
            SwitchChange(key, held.profile, held.profile, held.ends_at(), None, is_new=False, is_kept=True)
            for key, held in sorted(kept.items())
        ]


def read_switches(store: ReleaseStore) -> Switches:
    """Return the switches of an environment; none when nobody has switched yet. Raises StorageFault on damage."""
    try:
        data = json.loads(store.switches_file.read_bytes())
        return Switches({domain: _from_json(found) for domain, found in data["switches"].items()}, data["last_event"])
    except FileNotFoundError:
        return Switches()
    except OSError as error:
        raise StorageFault.of(error, f"read {store.switches_file}") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StorageFault(
            f"{store.switches_file} is damaged", hint=f"remove it: every domain of {store.folder.name} then uses its default profile"
        ) from None


def _save(store: ReleaseStore, switches: Mapping[str, Switch], event: str, details: dict[str, Any]) -> None:
    """Journal the change, then make it: switches.json names the event, so that a crash between the two is seen."""
    id_ = uuid.uuid4().hex
    store.journal.add(event, id_, **details)
    data = {"schema_version": 1, "last_event": id_, "switches": {domain: _as_json(found) for domain, found in sorted(switches.items())}}
    store.files.write_file(store.switches_file, json.dumps(data, indent=1).encode())


def _as_json(switch: Switch) -> dict[str, Any]:
    fields = {
        "profile": switch.profile,
        "at": switch.at,
        "by": switch.by,
        "why": switch.why,
        "expires_at": switch.expires_at,
        "confirm_by": switch.confirm_by,
    }
    return {**fields, "before": _as_json(switch.before) if switch.before else None}


def _from_json(data: Mapping[str, Any]) -> Switch:
    before = data["before"]
    return Switch(
        data["profile"], data["at"], data["by"], data["why"], data["expires_at"], data["confirm_by"], _from_json(before) if before else None
    )


def require_domain(effective: Effective, domain: str) -> None:
    """Raise Usage unless something released is about `domain`."""
    indexes = [index for name in effective.names("embedding_model") for index in effective.content.values(name)["domains"]]
    known = sorted({*effective.domains(), *indexes})
    if domain not in known:
        from difflib import get_close_matches

        close = get_close_matches(domain, known, n=1)
        raise Usage(f"no domain is called {domain}", hint=f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}")


def _last_domain(store: ReleaseStore, switches: Switches) -> str:
    changed = [
        event.details["domain"]
        for event in history(store)
        if event.what == SWITCH and event.outcome == DONE and event.details.get("domain") in switches.by_domain
    ]
    if not changed:
        raise Usage(f"nothing was switched in {store.folder.name} yet", hint="labmodels switch-config --profile NAME --domain DOMAIN")
    return str(changed[-1])


def remembered(current: Switch | None) -> Switch | None:
    """Return what a new switch goes back to: `current`, and below it only what can still hold when it is over. Pure.

    What lies before a switch without an end never holds again, nor what ends before the one above it does: however often somebody
    switches for a while, little is kept.
    """
    if current is None:
        return None
    ends, below = current.ends_at(), current.before
    while below is not None and (ends is None or ((its := below.ends_at()) is not None and its <= ends)):
        below = None if ends is None else below.before
    return replace(current, before=remembered(below))


def _profile_of(effective: Effective, switches: Switches, domain: str, at: datetime) -> str | None:
    return choose(effective, switches, None if domain == EVERY_DOMAIN else domain, at).profile


def _later(at: datetime, seconds: float | None, option: str) -> str | None:
    try:
        return (at + timedelta(seconds=seconds)).isoformat(timespec="milliseconds") if seconds is not None else None
    except OverflowError:
        raise Usage(f"{option}: {seconds:g} seconds is beyond every calendar", hint="leave it out to switch for good") from None
