"""Builds the parts of a lab from its configuration and hands each what it needs: the one place that knows them all.

Decides nothing itself. `router` wires what answers questions, `open_lab` is the Python API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labmodels.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from labmodels.config.schema.language_model import LanguageModel
    from labmodels.embeddings.chunking.chunk import Chunk
    from labmodels.ledger.record import Ledger
    from labmodels.releases.candidate import Request
    from labmodels.releases.content import Content
    from labmodels.releases.effective import Effective
    from labmodels.releases.live import Live
    from labmodels.releases.store import ReleaseStore

    FindFiles = Callable[[str, Sequence[str]], Collection[str] | None]

_PROBE_DEADLINE_S = 20.0
_PROBE_TOKENS = 16


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


def retrieve(lab: Lab, effective: Effective, query: str, domain: str, find: FindFiles | None = None, passages: int = 6) -> list[Chunk]:
    """The passages that speak of `query`, best first: of the domain's index, or of those that its specialised model names.

    `find` names the files to look at, by the indexes; without it, or where it cannot say, all files of the domain are read.
    """
    from labmodels.embeddings.lexical import retrieve as search

    specialized = effective.specialized(domain)
    names = specialized.retrieve.domains if specialized and specialized.retrieve else [domain or _default_index(effective)]
    count = specialized.retrieve.passages if specialized and specialized.retrieve else passages
    only = find(query, names) if find else None
    return search(lab.root, [index for name in names if (index := effective.index(name))], query, count, only)


def _default_index(effective: Effective) -> str:
    """The index of requests without a domain: `primary_models.embeddings` names it."""
    return effective.lab.model_integration.primary_models.get("embeddings", "").partition("/")[2]


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
    from labmodels.router.admission import Admission
    from labmodels.router.breaker import Rules
    from labmodels.router.candidates import Candidate
    from labmodels.router.loop import Means, Terms
    from labmodels.router.loop import ask as ask_route

    request = Request((Message("user", "Reply with the word OK."),), parameters=Parameters(max_output_tokens=_PROBE_TOKENS))
    candidate = Candidate(model.name, model.provider, model.model_copy(update={"output_checks": []}))
    terms = Terms(Occasion(environment, "", origin="probe"), _PROBE_DEADLINE_S, has_breakers=False)
    with ledger_of(lab) as ledger:
        try:
            ask_route(request, [candidate], terms, Means(lambda _: build(model), Admission(ledger, Rules())))
        except NoProvider as error:
            message = f"{model.name} does not answer: {error}"
            raise GateFailed(message, hint="check its credentials and address, or deploy without --probe") from None
