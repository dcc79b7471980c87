"""The Python API: what the commands do, with values instead of text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labmodels.lab import Lab
from labmodels.wiring import default_environment, probe_of, request_of, store_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labmodels.config.validate import Validation
    from labmodels.embeddings.search.gather import Mode
    from labmodels.embeddings.search.search import Found
    from labmodels.releases.deploy import Outcome as Deployment
    from labmodels.releases.plan import Plan
    from labmodels.releases.status import EnvironmentStatus
    from labmodels.releases.switch import SwitchChange
    from labmodels.router.outcome import Outcome
    from labmodels.wiring.router import LabRouter
    from labmodels.wiring.search import LabSearch


class OpenLab:
    """A lab for programs: what the commands do, with values instead of text. Each method reads the lab anew.

    `environment`: else LABMODELS_ENV, else the lab's default. All raise the errors of labmodels.errors.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def validate(self) -> Validation:
        """Check the whole lab; `is_valid` says whether there is no error."""
        from labmodels.config.catalog import load
        from labmodels.config.validate import validate

        return validate(load(self.lab))

    def plan(self, *configs: str, environment: str | None = None, settings: Sequence[str] = ()) -> Plan:
        """Return what deploying `configs` (none: everything) with `settings` ("gpt-4.parameters.seed=7") would change."""
        from labmodels.releases.deploy import plan

        request = request_of(self.lab, self._environment(environment), configs, settings)
        return plan(self.lab, store_of(self.lab, request.environment), request, os.environ)

    def deploy(self, plan: Plan, *, why: str = "", probe: bool = False) -> Deployment:
        """Make exactly `plan` live. Raises StalePlan when the release or a source has moved, GateFailed when it is refused."""
        from labmodels.releases.deploy import deploy

        environment = plan.request.environment
        gate = probe_of(self.lab, environment) if probe else None
        store = store_of(self.lab, environment)
        return deploy(self.lab, store, plan.request, os.environ, expected=(plan, "the plan"), probe=gate, why=why)

    def status(self, environment: str | None = None) -> EnvironmentStatus:
        """Return what is live, which profiles hold and what has drifted."""
        from labmodels.releases.candidate import Tree
        from labmodels.releases.status import status_of

        return status_of(Tree(self.lab), store_of(self.lab, self._environment(environment)))

    def switch(
        self,
        profile: str,
        domain: str | None = None,
        *,
        environment: str | None = None,
        lasts_s: float | None = None,
        confirm_within_s: float | None = None,
        why: str = "",
    ) -> SwitchChange:
        """Use another released profile from the next request on, for `domain` or for every one without a switch of its own."""
        from labmodels.releases.switch import Wish, switch

        wish = Wish(profile, domain, lasts_s, confirm_within_s, why)
        return switch(store_of(self.lab, self._environment(environment)), wish)

    def ask(
        self,
        text: str,
        *,
        domain: str | None = None,
        model: str | None = None,
        profile: str | None = None,
        environment: str | None = None,
    ) -> Outcome:
        """Ask the lab's models: `answer.text`, and the attempts that led to it. Raises NoProvider when nobody can answer."""
        from labmodels.router.question import Question

        with self.router(environment) as router:
            return router.ask(Question.of(text, domain=domain, target=model, profile=profile))

    def search(
        self,
        text: str,
        *,
        domains: Sequence[str] = (),
        mode: Mode | None = None,
        where: Sequence[str] = (),
        count: int | None = None,
        environment: str | None = None,
    ) -> Found:
        """Search the indexes of `domains`, else all: `hits` with their snippets, and `notes`. Raises NoIndex where there is none."""
        with self.searching(environment) as searching:
            return searching.search(text, domains, mode, where, count)

    def searching(self, environment: str | None = None) -> LabSearch:
        """Return a search that stays open, for many queries; close it, or use it in `with`."""
        from labmodels.wiring.search import LabSearch

        return LabSearch(self.lab, self._environment(environment))

    def router(self, environment: str | None = None) -> LabRouter:
        """Return a router that stays open, for many questions and for streams; close it, or use it in `with`."""
        from labmodels.wiring.router import LabRouter

        return LabRouter(self.lab, self._environment(environment))

    def _environment(self, given: str | None) -> str:
        return given or os.environ.get("LABMODELS_ENV") or default_environment(self.lab)
