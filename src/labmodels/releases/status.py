"""The state of one environment in one value: what is live, which profiles hold and why, what a crash left, what has drifted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

from labmodels.errors import LabmodelsError
from labmodels.lab import Lab
from labmodels.releases.drift import Drift, drift
from labmodels.releases.effective import Effective
from labmodels.releases.history import unfinished
from labmodels.releases.journal import now
from labmodels.releases.store import Release, ReleaseStore
from labmodels.releases.switch import EVERY_DOMAIN, Switches, choose, in_effect, read_switches


class ProfileRow(NamedTuple):
    """Which profile a domain uses, why, and until when."""

    domain: str
    profile: str | None
    reason: str
    ends_at: str | None
    confirm_by: str | None


@dataclass(frozen=True)
class EnvironmentStatus:
    """What `labmodels status` tells of one environment. `fault` replaces everything else where the live release cannot be read."""

    environment: str
    release: Release | None = None
    fault: str | None = None
    drift: Drift | None = None
    profiles: tuple[ProfileRow, ...] = ()
    unfinished: tuple[str, ...] = ()

    @property
    def has_drift(self) -> bool:
        """Whether something is not as it was deployed, or not deployed as it is declared."""
        return self.fault is not None or (self.drift is not None and self.drift.is_any)


def status_of(lab: Lab, store: ReleaseStore) -> EnvironmentStatus:
    """Return the state of the environment of `store`. Reads only, and reports damage instead of raising."""
    name = store.folder.name
    try:
        release = store.live()
        if release is None:
            return EnvironmentStatus(name)
        switches = read_switches(store)
    except LabmodelsError as error:
        return EnvironmentStatus(name, fault=str(error))
    left = tuple(f"{event.event} of {event.at}" for event in unfinished(store.journal.events(), switches.last_event))
    return EnvironmentStatus(name, release, None, drift(lab, store), _profiles(release, switches), left)


def _profiles(release: Release, switches: Switches) -> tuple[ProfileRow, ...]:
    """Return the rows of all domains: the default, each switch that holds, and each domain with a profile of its own."""
    effective = Effective(release.content)
    at = now()
    rows = []
    for domain in (EVERY_DOMAIN, *sorted({*effective.domains(), *switches.by_domain} - {EVERY_DOMAIN})):
        held = in_effect(switches.by_domain.get(domain), at)
        choice = choose(effective, switches, None if domain == EVERY_DOMAIN else domain, at, variable=os.environ.get("LABMODELS_PROFILE"))
        is_plain = domain != EVERY_DOMAIN and held is None and choice.reason in ("default profile", "LABMODELS_PROFILE")
        if is_plain or (domain != EVERY_DOMAIN and held is None and choice.is_switch):
            continue
        ends = held.ends_at() if held else None
        label = "every other domain" if domain == EVERY_DOMAIN else domain
        rows.append(
            ProfileRow(
                label,
                choice.profile,
                choice.reason,
                ends.isoformat(timespec="seconds") if ends else None,
                held.confirm_by if held else None,
            )
        )
    return tuple(rows)
