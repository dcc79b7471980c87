"""Two separate facts about an environment: whether the live release is still as it was deployed, and whether the sources have moved on."""

from __future__ import annotations

from typing import NamedTuple

from labmodels.config.diagnostics import InvalidConfiguration
from labmodels.lab import Lab
from labmodels.releases.candidate import Request, build
from labmodels.releases.content import Change, Content, changes
from labmodels.releases.store import ReleaseStore, modified_files


class Drift(NamedTuple):
    """`live_modified`: files of the live release that were changed by hand.

    `not_deployed`: keys in which the sources differ from it; None when they are invalid.
    """

    live_modified: tuple[str, ...]
    not_deployed: tuple[Change, ...] | None

    @property
    def is_any(self) -> bool:
        """Whether anything differs."""
        return bool(self.live_modified) or self.not_deployed is None or bool(self.not_deployed)


def drift(lab: Lab, store: ReleaseStore) -> Drift:
    """Compare the live release with what was deployed, and the sources with the live release."""
    live = store.live()
    if live is None:
        return Drift((), ())
    modified = tuple(modified_files(live.folder))
    try:
        return Drift(modified, tuple(changes(live.content, declared(lab, store))))
    except InvalidConfiguration:
        return Drift(modified, None)


def declared(lab: Lab, store: ReleaseStore) -> Content:
    """Return what deploying everything now would make live.

    What the live release was given by hand stays: that the sources do not say it is no drift.
    """
    live = store.live()
    by_hand = live.content.overrides if live else ()
    content = build(lab, Request(store.folder.name), live, {})
    return Content(
        content.lab, content.configs, tuple(override for override in by_hand if override.config in ("", *content.configs)), content.sources
    )
