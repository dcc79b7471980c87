"""The router of one environment: follows the live release, builds candidates and providers, asks the route."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING

from labmodels.config.chains import is_known_name
from labmodels.config.schema.specialized_model import Requirements
from labmodels.errors import StorageFault, Usage
from labmodels.lab import Lab
from labmodels.ledger.record import Occasion
from labmodels.providers.protocol import Message, Request, TextDelta
from labmodels.router.candidates import Candidate
from labmodels.router.loop import ask
from labmodels.router.outcome import Answered, Outcome, RouteEvent
from labmodels.router.question import Question
from labmodels.wiring import ledger_of, live_of, retrieve

if TYPE_CHECKING:
    from labmodels.providers.protocol import Provider
    from labmodels.releases.effective import Choice
    from labmodels.releases.live import Live

_BUILT_IN_DEADLINE_S = 60.0


class LabRouter:
    """Answers questions in one environment for as long as a process lives. Safe to use from several threads."""

    def __init__(self, lab: Lab, environment: str) -> None:
        self.lab = lab
        self.environment = environment

    def __enter__(self) -> LabRouter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger and the connections."""

    def stream(self, question: Question) -> Iterator[RouteEvent]:
        """Yield the answer as it comes, and Answered at the end. Raises NoProvider, Usage."""
        outcome = self.ask(question)
        yield TextDelta(outcome.answer.text)
        yield Answered(outcome)

    def ask(self, question: Question) -> Outcome:
        """Return the whole answer. Raises NoProvider, Usage."""
        live = live_of(self.lab, self.environment)
        effective = live.effective
        domain = question.domain
        with _readable(live):
            choice = live.profile(domain, question.profile)
            specialized = effective.specialized(domain)
            names = (question.target,) if question.target else effective.route(domain)
            _require_known(live, question)
            route = candidates_of(live, names, domain, choice)
            decisions = effective.decisions
        system = [Message("system", specialized.system_prompt)] if specialized and specialized.system_prompt else []
        request = Request((*system, *question.messages), domain or "")
        # Each candidate may take the time that its config gives it; the request as a whole, the sum.
        deadline_s = sum(candidate.model.timeouts.total if candidate.model else _BUILT_IN_DEADLINE_S for candidate in route)
        occasion = Occasion(self.environment, domain or "", choice.profile, live.release.number)
        with ledger_of(self.lab) as ledger:
            return ask(
                request,
                route,
                provider_for(self.lab, live),
                decisions,
                ledger.record,
                deadline_s,
                occasion=occasion,
                requires=specialized.requires if specialized else Requirements(),
            )


def candidates_of(live: Live, names: Sequence[str], domain: str | None, choice: Choice) -> list[Candidate]:
    """The named models as candidates: as they are asked under `choice`, or with the reason why they cannot be."""
    from labmodels.providers.registry import availability, unavailable

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

            return BasicNlp(lambda query, domain: retrieve(lab, live.effective, query, domain))
        from labmodels.providers.registry import build as build_provider

        return build_provider(candidate.model)

    return build


@contextmanager
def _readable(live: Live) -> Iterator[None]:
    """Say what is wrong with what is live: most often a LABMODELS__* variable of this shell. Raises Usage, StorageFault."""
    from pydantic import ValidationError

    from labmodels.config.layers import MergeConflict
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
    effective = live.effective
    models = effective.names("language_model")
    if question.target and question.target not in models and not is_known_name(question.target):
        close = get_close_matches(question.target, models, n=1)
        raise Usage(
            f"no model {question.target} is live in {live.environment}",
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
