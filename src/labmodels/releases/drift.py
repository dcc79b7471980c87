"""Two separate facts about an environment: whether the live release is still as it was deployed, and whether the sources have moved on."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from labmodels.config.diagnostics import InvalidConfiguration
from labmodels.releases.candidate import Request, Tree, build
from labmodels.releases.content import LAB, Change, Content, changes
from labmodels.releases.store import Release, modified_sources


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


def drift(tree: Tree, environment: str, live: Release) -> Drift:
    """Compare the live release with what was deployed, and the sources with the live release."""
    modified = tuple(modified_sources(live))
    try:
        return Drift(modified, tuple(changes(live.content, declared(tree, environment, live))))
    except InvalidConfiguration:
        return Drift(modified, None)


def declared(tree: Tree, environment: str, live: Release) -> Content:
    """Return what deploying everything now would make live.

    What the live release was given by hand stays: that the sources do not say it is no drift.
    """
    content = build(tree, Request(environment), live, {})
    by_hand = (override for override in live.content.overrides if override.config in (LAB, *content.configs))
    return replace(content, overrides=tuple(by_hand))
