"""Builds the parts of a lab from its configuration and hands each what it needs: the one place that knows them all.

Decides nothing itself.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labmodels.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from labmodels.config.schema.language_model import LanguageModel
    from labmodels.config.validate import Validation
    from labmodels.embeddings.documents import Passage
    from labmodels.ledger.record import Ledger
    from labmodels.providers.protocol import Provider
    from labmodels.releases.candidate import Request
    from labmodels.releases.content import Content
    from labmodels.releases.deploy import Outcome as Deployment
    from labmodels.releases.effective import Choice
    from labmodels.releases.live import Live
    from labmodels.releases.plan import Plan
    from labmodels.releases.status import EnvironmentStatus
    from labmodels.releases.store import ReleaseStore
    from labmodels.releases.switch import SwitchChange
    from labmodels.router.candidates import Candidate
    from labmodels.router.loop import Outcome


@dataclass(frozen=True)
class Question:
    """What somebody asks, and of whom: a model by name, or whoever serves the domain."""

    text: str
    environment: str
    domain: str | None = None
    model: str | None = None
    profile: str | None = None


def store_of(lab: Lab, environment: str) -> ReleaseStore:
    """The releases of one environment. Raises Usage for one that there is not."""
    from labmodels.config.schema.base import ENVIRONMENTS
    from labmodels.errors import Usage
    from labmodels.releases.store import ReleaseStore

    if environment not in ENVIRONMENTS:
        raise Usage(f"no environment is called {environment}", hint=f"one of {', '.join(ENVIRONMENTS)}")
    return ReleaseStore(lab.environment_folder(environment))


def default_environment(lab: Lab) -> str:
    """The lab's default environment, as labmodels.yaml declares it; dev where it does not."""
    from labmodels.config.reader import read

    data = read(lab.config_file).data or {}
    return str(data.get("default_environment", "dev"))


def ledger_of(lab: Lab) -> Ledger:
    """The ledger, created where there is none yet."""
    from labmodels.durable import DISK
    from labmodels.ledger.record import Ledger

    DISK.make_folder(lab.state)
    return Ledger(lab.ledger_file)


def live_of(lab: Lab, environment: str) -> Live:
    """What is live in an environment right now."""
    from labmodels.releases.live import Live

    return Live(store_of(lab, environment))


def request_of(lab: Lab, environment: str, configs: Sequence[str], settings: Sequence[str]) -> Request:
    """What an operator wants deployed: `configs` by path or name (none: everything), with `--set` values."""
    from labmodels.config.catalog import find_config
    from labmodels.releases.candidate import Request, config_paths

    return Request(environment, config_paths(lab, [find_config(lab, config) for config in configs]), tuple(settings))


def candidates_of(lab: Lab, live: Live, names: Sequence[str], domain: str | None, choice: Choice) -> list[Candidate]:
    """The named models as candidates: as they are asked under `choice`, or with the reason why they cannot be."""
    from labmodels.providers.registry import availability, unavailable
    from labmodels.router.candidates import Candidate

    found = []
    for name in names:
        model = live.language_model(name, domain, choice)
        if model is None:
            provider = name.partition("/")[0] if "/" in name else name
            found.append(Candidate(name, provider, None, unavailable(name)))
        else:
            found.append(Candidate(name, model.provider, model, availability(model)))
    return found


def provider_for(lab: Lab, live: Live) -> Callable[[Candidate], Provider]:
    """The function that builds a candidate's provider; basic_nlp is given the retrieval over the lab's documents."""

    def build(candidate: Candidate) -> Provider:
        if candidate.model is None:
            from labmodels.providers.basic_nlp import BasicNlp

            return BasicNlp(lambda query, domain: retrieve(lab, live, query, domain))
        from labmodels.providers.registry import build as build_provider

        return build_provider(candidate.model)

    return build


def retrieve(lab: Lab, live: Live, query: str, domain: str, passages: int = 6) -> list[Passage]:
    """The passages that speak of `query`, best first: from the domain's index, or from those its specialised model names."""
    from labmodels.embeddings.lexical import retrieve as search

    effective = live.effective
    specialized = effective.specialized(domain)
    names = specialized.retrieve.domains if specialized and specialized.retrieve else [domain or _default_index(live)]
    count = specialized.retrieve.passages if specialized and specialized.retrieve else passages
    return search(lab.root, [index for name in names if (index := effective.index(name))], query, count)


def _default_index(live: Live) -> str:
    """The index of requests without a domain: `primary_models.embeddings` names it."""
    return live.effective.lab.model_integration.primary_models.get("embeddings", "").partition("/")[2]


def ask(lab: Lab, question: Question) -> Outcome:
    """Ask the lab's models: the live route of the domain, in order, each attempt in the ledger. Raises NoProvider, Usage."""
    from labmodels.config.schema.specialized_model import Requirements
    from labmodels.ledger.record import Occasion
    from labmodels.providers.protocol import Message, Request
    from labmodels.router.loop import ask as ask_route

    live = live_of(lab, question.environment)
    effective = live.effective
    domain = question.domain
    with _readable(live):
        choice = live.profile(domain, question.profile)
        specialized = effective.specialized(domain)
        names = (question.model,) if question.model else effective.route(domain)
        _require_known(live, question)
        route = candidates_of(lab, live, names, domain, choice)
        decisions = effective.decisions
    system = [Message("system", specialized.system_prompt)] if specialized and specialized.system_prompt else []
    request = Request((*system, Message("user", question.text)), domain or "")
    # Each candidate may take the time that its config gives it; the request as a whole, the sum.
    deadline_s = sum(candidate.model.timeouts.total if candidate.model else _BUILT_IN_DEADLINE_S for candidate in route)
    occasion = Occasion(question.environment, domain or "", choice.profile, live.release.number)
    with ledger_of(lab) as ledger:
        return ask_route(
            request,
            route,
            provider_for(lab, live),
            decisions,
            ledger.record,
            deadline_s,
            occasion=occasion,
            requires=specialized.requires if specialized else Requirements(),
        )


@contextmanager
def _readable(live: Live) -> Iterator[None]:
    """Say what is wrong with what is live: most often a LABMODELS__* variable of this shell. Raises Usage, StorageFault."""
    from pydantic import ValidationError

    from labmodels.config.layers import MergeConflict
    from labmodels.errors import StorageFault, Usage
    from labmodels.releases.effective import check

    try:
        yield
    except (ValidationError, MergeConflict) as error:
        content = live.effective.content
        problem = next(iter(check(content)), str(error))
        variables = {override.layer for override in content.overrides if override not in live.release.content.overrides}
        if variables:
            raise Usage(
                f"{', '.join(sorted(variables))} cannot be used: {problem}", hint="correct the value, or unset the variable"
            ) from None
        fact = f"{live.release.label} of {live.environment} cannot be used: {problem}"
        raise StorageFault(fact, hint=f"labmodels deploy-config --all --env {live.environment}") from None


def _require_known(live: Live, question: Question) -> None:
    """Raise Usage for a model or a domain that the live release does not know."""
    from difflib import get_close_matches

    from labmodels.config.chains import is_known_name
    from labmodels.errors import Usage

    effective = live.effective
    models = effective.names("language_model")
    if question.model and question.model not in models and not is_known_name(question.model):
        close = get_close_matches(question.model, models, n=1)
        raise Usage(
            f"no model {question.model} is live in {live.environment}",
            hint=f"did you mean {close[0]}?" if close else f"live: {', '.join(models)}",
        )
    if question.domain and question.domain not in effective.domains() and effective.index(question.domain) is None:
        indexes = [name for model in effective.names("embedding_model") for name in effective.content.values(model)["domains"]]
        known = sorted({*effective.domains(), *indexes})
        close = get_close_matches(question.domain, known, n=1)
        raise Usage(
            f"no domain is called {question.domain} in {live.environment}",
            hint=f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}",
        )


_BUILT_IN_DEADLINE_S = 60.0
_PROBE_DEADLINE_S = 20.0
_PROBE_TOKENS = 16


def probe_of(lab: Lab, environment: str) -> Callable[[Content, Collection[str]], None]:
    """The gate of `deploy-config --probe`: one small real request to each changed model that can be asked here. Raises GateFailed."""

    def probe(content: Content, changed: Collection[str]) -> None:
        from labmodels.providers.registry import availability
        from labmodels.releases.effective import Choice, Effective

        effective = Effective(content)
        for name in effective.names("language_model"):
            model = effective.language_model(name, None, Choice(None, "", is_switch=False))
            if name in changed and model is not None and availability(model) is None:
                _probe_one(lab, environment, model)

    return probe


def _probe_one(lab: Lab, environment: str, model: LanguageModel) -> None:
    """Ask one model for one word: bounded in time and, by its few tokens, in money."""
    from labmodels.config.schema.language_model import Parameters
    from labmodels.errors import GateFailed, NoProvider
    from labmodels.ledger.record import Occasion
    from labmodels.providers.protocol import Message, Request
    from labmodels.providers.registry import build
    from labmodels.router.candidates import Candidate
    from labmodels.router.loop import ask as ask_route

    request = Request((Message("user", "Reply with the word OK."),), parameters=Parameters(max_output_tokens=_PROBE_TOKENS))
    candidate = Candidate(model.name, model.provider, model.model_copy(update={"output_checks": []}))
    occasion = Occasion(environment, "", origin="probe")
    with ledger_of(lab) as ledger:
        try:
            ask_route(request, [candidate], lambda _: build(model), {}, ledger.record, _PROBE_DEADLINE_S, occasion=occasion)
        except NoProvider as error:
            message = f"{model.name} does not answer: {error}"
            raise GateFailed(message, hint="check its credentials and address, or deploy without --probe") from None


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
        return ask(self.lab, Question(text, self._environment(environment), domain, model, profile))

    def _environment(self, given: str | None) -> str:
        return given or os.environ.get("LABMODELS_ENV") or default_environment(self.lab)
