"""What the gateway serves, from a lab: its router, its models, its embeddings, its keys."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from labmodels.config.schema.base import CUSTOM_MODELS
from labmodels.gateway.backend import Listed, UnknownModel
from labmodels.ledger import callers
from labmodels.router.question import AUTO, OutOfScope
from labmodels.wiring.router import LabRouter

if TYPE_CHECKING:
    from labmodels.lab import Lab
    from labmodels.ledger.callers import Key
    from labmodels.providers.protocol import Embeddings
    from labmodels.router.outcome import Outcome, RouteEvent
    from labmodels.router.question import Caller, Question
    from labmodels.wiring.standing import Standing

_OURS = "labmodels"


class LabBackend:
    """A lab as the gateway sees it, for one process. A deployment or a switch holds from the next request on."""

    def __init__(self, lab: Lab, environment: str) -> None:
        self._router = LabRouter(lab, environment)
        self._lock = threading.Lock()
        self._of: Standing | None = None  # what the following was read from
        self._models: dict[str, Listed] = {}

    def __enter__(self) -> LabBackend:
        return self

    def __exit__(self, *_: object) -> None:
        self._router.close()

    def ask(self, question: Question) -> Outcome:
        """Return the whole answer."""
        self._require(question.target)
        return self._router.ask(question)

    def stream(self, question: Question) -> Generator[RouteEvent, None, None]:
        """Yield the answer as it comes."""
        self._require(question.target)
        yield from self._router.stream(question)

    def embed(self, texts: Sequence[str], model: str, caller: Caller | None) -> tuple[str, Embeddings]:
        """Return the config that answered and a vector for each text."""
        standing = self._standing()
        name, domain = _embedding(standing, model)
        if caller is not None and caller.domains and domain not in caller.domains:
            allowed = ", ".join(sorted(caller.domains))
            raise OutOfScope(f"the key {caller.name} does not open {model}", hint=f"it opens {allowed}: ask for a model of that name")
        return name, self._router.embed(name, texts, domain, caller)

    def models(self) -> Mapping[str, Listed]:
        """Return what is live now and can be asked for, by name."""
        self._standing()
        return self._models

    def keys(self) -> Sequence[Key]:
        """Return every key that was ever made."""
        return callers.keys(self._router.ledger)

    def live_label(self) -> str:
        """Return what is live, and prove that the ledger can be read."""
        self.keys()
        return self._router.standing().live.release.label

    def render_metrics(self) -> str:
        """Return further metrics; none before there is monitoring."""
        return ""

    def _standing(self) -> Standing:
        """Return what is live; what was read from something else is read anew."""
        standing = self._router.standing()
        if standing is not self._of:
            with self._lock:
                self._models, self._of = _listed(standing), standing
        return standing

    def _require(self, name: str | None) -> None:
        self._standing()
        listed = self._models.get(name or AUTO)
        if listed is None or listed.kind == "embedding_model":
            raise _unknown(name or "", [one.name for one in self._models.values() if one.kind != "embedding_model"])


def _listed(standing: Standing) -> dict[str, Listed]:
    """Return what can be asked for; of two things with one name the first is meant."""
    created_s = int(datetime.fromisoformat(standing.live.release.created_at).timestamp())
    values = standing.effective.content.values
    found = [
        Listed(AUTO, "auto", _OURS, created_s),
        *(Listed(name, "language_model", str(values(name)["provider"]), created_s) for name in standing.models),
        *(Listed(name, "domain", _OURS, created_s) for name in standing.domains),
        *(Listed(name, "custom", _OURS, created_s) for name in sorted(CUSTOM_MODELS)),
        *(
            Listed(name, "embedding_model", str(values(name)["provider"]), created_s)
            for name in standing.effective.names("embedding_model")
        ),
    ]
    listed: dict[str, Listed] = {}
    for one in found:
        listed.setdefault(one.name, one)
    return listed


def _embedding(standing: Standing, model: str) -> tuple[str, str | None]:
    """Return the embedding model that `model` means (a config, MODEL/DOMAIN, a domain, or auto), and the domain."""
    effective = standing.effective
    if model == AUTO:
        model = effective.lab.model_integration.primary_models.get("embeddings", "")
    names = effective.names("embedding_model")
    domains = {name: effective.content.values(name)["domains"] for name in names}
    name, _, domain = model.partition("/")
    if name in names and (not domain or domain in domains[name]):
        return name, domain or None
    for one in names:
        if model in domains[one]:
            return one, model
    raise _unknown(model, [*names, *(f"{one}/{domain}" for one in names for domain in domains[one])])


def _unknown(name: str, known: Sequence[str]) -> UnknownModel:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return UnknownModel(f"no model is called {name}", hint=f"did you mean {close[0]}?" if close else "GET /v1/models lists them")
