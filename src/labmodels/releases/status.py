"""The state of one environment in one value: what is live, which profiles hold and why, what a crash left, what has drifted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from labmodels.errors import LabmodelsError
from labmodels.releases.candidate import Tree
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
    hint: str = ""
    drift: Drift | None = None
    profiles: tuple[ProfileRow, ...] = ()
    unfinished: tuple[str, ...] = ()

    @property
    def has_drift(self) -> bool:
        """Whether something is not as it was deployed, or not deployed as it is declared."""
        return self.fault is not None or (self.drift is not None and self.drift.is_any)


def status_of(tree: Tree, store: ReleaseStore, environ: Mapping[str, str] | None = None) -> EnvironmentStatus:
    """Return the state of the environment of `store`; `tree` may serve several. Reads only, and reports damage instead of raising."""
    name = store.folder.name
    try:
        release = store.live()
        if release is None:
            return EnvironmentStatus(name)
        switches = read_switches(store)
    except LabmodelsError as error:
        return EnvironmentStatus(name, fault=str(error), hint=error.hint)
    left = tuple(f"{event.event} of {event.at}" for event in unfinished(store.journal.events(), switches.last_event))
    rows = _profiles(release, switches, os.environ if environ is None else environ)
    return EnvironmentStatus(name, release, drift=drift(tree, name, release), profiles=rows, unfinished=left)


def _profiles(release: Release, switches: Switches, environ: Mapping[str, str]) -> tuple[ProfileRow, ...]:
    """Return the rows of all domains: the default, each switch that holds, and each domain with a profile of its own."""
    effective = Effective(release.content)
    at = now()
    released = effective.names("performance_profile")
    asked = environ.get("LABMODELS_PROFILE")
    variable = asked if asked in released else None
    unknown = f"; LABMODELS_PROFILE={asked} is not released here" if asked and not variable else ""
    rows = []
    for domain in (EVERY_DOMAIN, *sorted({*effective.domains(), *switches.by_domain} - {EVERY_DOMAIN})):
        held = in_effect(switches.by_domain.get(domain), at)
        held = held if held and held.profile else None
        choice = choose(effective, switches, None if domain == EVERY_DOMAIN else domain, at, variable=variable)
        if domain != EVERY_DOMAIN and held is None and (choice.is_switch or choice.reason == "default profile"):
            continue  # as every other domain
        gone = f"; the switch to {held.profile} waits, it is not released" if held and held.profile not in released else ""
        is_timed = held is not None and not gone and not variable
        rows.append(
            ProfileRow(
                "every other domain" if domain == EVERY_DOMAIN else domain,
                choice.profile,
                f"{choice.reason}{gone}{unknown if domain == EVERY_DOMAIN else ''}",
                ends.isoformat(timespec="seconds") if is_timed and held and (ends := held.ends_at()) else None,
                held.confirm_by if is_timed and held else None,
            )
        )
    return tuple(rows)
