"""What is live in an environment right now: the release, the switches, and for each request the models as they are asked.

Read anew at every use.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from labmodels.releases.content import Content
from labmodels.releases.effective import Choice, Effective
from labmodels.releases.journal import now
from labmodels.releases.overrides import from_environ
from labmodels.releases.store import Release, ReleaseStore, require_live
from labmodels.releases.switch import choose, read_switches

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import LanguageModel

PRODUCTION = "production"


class Live:
    """One reading of an environment: consistent in itself, since a release never changes."""

    def __init__(self, store: ReleaseStore, environ: Mapping[str, str] | None = None) -> None:
        self.environment = store.folder.name
        self.release: Release = require_live(store)
        self._environ = os.environ if environ is None else environ
        self._switches = read_switches(store)
        self.effective = Effective(_with_variables(self.release.content, self.environment, self._environ))

    def profile(self, domain: str | None, asked: str | None = None) -> Choice:
        """Return the profile that holds for `domain` now. Raises Usage for one that is not released."""
        return choose(self.effective, self._switches, domain, now(), asked, self._environ.get("LABMODELS_PROFILE"))

    def language_model(self, name: str, domain: str | None, choice: Choice) -> LanguageModel | None:
        """Return a model as it is asked, or None when it is not released."""
        return self.effective.language_model(name, domain, choice)


def _with_variables(content: Content, environment: str, environ: Mapping[str, str]) -> Content:
    """Lay LABMODELS__* variables over the content; not in production, where they come through a plan that lists them."""
    if environment == PRODUCTION:
        return content
    given = from_environ(environ, content.configs, content.lab)
    if not given:
        return content
    from labmodels.releases.candidate import validated

    set_by_hand = [override for override in content.overrides if override.layer == "--set"]
    others = [override for override in content.overrides if override.layer != "--set"]
    laid = Content(content.lab, content.configs, (*others, *given, *set_by_hand), content.sources)
    for name in {override.config for override in given}:
        validated(laid, name)  # raises Usage that names the variable
    return laid
