"""One reading of what is live in an environment, and what is built of it once and used by every request until something else is live."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from labmodels.config.layers import MergeConflict
from labmodels.config.schema import KINDS
from labmodels.config.schema.language_model import LanguageModel
from labmodels.config.schema.performance_profile import Weights
from labmodels.config.schema.specialized_model import SpecializedModel
from labmodels.errors import StorageFault, Usage
from labmodels.lab import Lab
from labmodels.providers.registry import availability, build, unavailable
from labmodels.releases.effective import check
from labmodels.releases.live import Live
from labmodels.router.breaker import Rules
from labmodels.router.candidates import Candidate
from labmodels.router.quota import Ceiling
from labmodels.wiring import retrieve
from labmodels.wiring.indexed import Indexed, OwnEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from labmodels.config.schema.embedding_model import EmbeddingModel
    from labmodels.providers.protocol import Provider
    from labmodels.releases.effective import Choice
    from labmodels.releases.store import ReleaseStore


def mark_of(store: ReleaseStore) -> tuple[Any, ...]:
    """Return what differs when another release or another switch is live; two system calls, and little else: every request looks."""
    return _seen(os.readlink, store.pointer), _seen(_stamp, store.switches_file)


def _seen(look: Callable[[Path], Any], path: Path) -> Any:
    try:
        return look(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFault.of(error, f"read {path}") from error


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


class Standing:
    """What is live. Models and providers are built at their first use; providers are shared by all threads."""

    def __init__(self, lab: Lab, store: ReleaseStore) -> None:
        self.mark = mark_of(store)  # before it is read: what changes meanwhile is read again
        self.lab = lab
        self.live = Live(store)
        self.effective = self.live.effective
        self._candidates: dict[tuple[str, str | None, str | None, bool], Candidate] = {}
        self.indexed = Indexed(lab, self.live.environment)
        self._embedders: dict[str, Candidate] = {}
        self._specialized: dict[str | None, SpecializedModel | None] = {}
        self._providers: dict[str, Provider] = {}
        self._by_model: dict[int, Provider] = {}  # by identity: a model stays in `_candidates` for as long

    @cached_property
    def rules(self) -> Rules:
        """When a breaker opens."""
        strategy = self.effective.lab.model_integration.fallback_strategy
        return Rules(strategy.failure_threshold, strategy.cooldown)

    @cached_property
    def domains(self) -> tuple[str, ...]:
        """What can be asked about: domains with a route of their own, and the indexes."""
        models = self.effective.names("embedding_model")
        indexes = {name for model in models for name in self.effective.content.values(model)["domains"]}
        return tuple(sorted({*self.effective.domains(), *indexes}))

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The released language models."""
        return tuple(self.effective.names("language_model"))

    @cached_property
    def digest(self) -> str:
        """The digest of what is live, this shell's variables included."""
        return self.effective.content.digest

    def weights(self, choice: Choice) -> Weights | None:
        """Return what the profile of `choice` optimises."""
        if choice.profile is None:
            return None
        values = self.effective.content.values(choice.profile)
        return Weights.model_validate(values["weights"])

    def specialized(self, domain: str | None) -> SpecializedModel | None:
        """Return what `domain` asks of its models."""
        if domain not in self._specialized:
            self._specialized[domain] = self.effective.specialized(domain)
        return self._specialized[domain]

    def candidate(self, name: str, domain: str | None, choice: Choice) -> Candidate:
        """Return a model as it is asked under `choice`, or with the reason why it cannot be."""
        key = (name, domain, choice.profile, choice.is_switch)
        if key not in self._candidates:
            self._candidates[key] = self._candidate(name, domain, choice)
        return _as_it_is(self._candidates[key])

    def embedder(self, name: str) -> Candidate:
        """Return an embedding model as it is asked; one that runs in the lab's own encoder has no model behind an address."""
        if name not in self._embedders:
            self._embedders[name] = self._embedder(name)
        return _as_it_is(self._embedders[name])

    def _embedder(self, name: str) -> Candidate:
        declared = cast("EmbeddingModel", KINDS["embedding_model"].model.model_validate(self.effective.content.values(name)))
        if declared.provider != "openai":
            return Candidate(name, declared.provider)
        model = LanguageModel(
            name=declared.name,
            provider=declared.provider,
            model=declared.model,
            base_url=declared.base_url,
            credentials=declared.credentials,
            context_tokens=declared.max_tokens,
            rate_limits=declared.rate_limits,
            prices=declared.prices,
        )
        ceiling = Ceiling.of(f"{self.live.environment}/model:{name}", name, model.rate_limits, model.budgets, is_by_try=True)
        return Candidate(name, model.provider, model, None, ceiling)

    def vectors_of(self, candidate: Candidate) -> Provider:
        """Return what gives the vectors of an embedder."""
        return OwnEncoder(self.indexed, candidate.name) if candidate.model is None else self.provider(candidate)

    def provider(self, candidate: Candidate) -> Provider:
        """Return what asks a candidate; basic_nlp is given the retrieval over the lab's documents."""
        model = candidate.model
        if model is None:
            from labmodels.providers.basic_nlp import BasicNlp

            return BasicNlp(lambda query, domain: retrieve(self.lab, self.effective, query, domain, self.indexed.paths))
        if id(model) not in self._by_model:  # two threads may both build one: the later one stays
            key = model.model_dump_json()  # models that differ by nothing share their connections
            if key not in self._providers:
                self._providers[key] = build(model)
            self._by_model[id(model)] = self._providers[key]
        return self._by_model[id(model)]

    def _candidate(self, name: str, domain: str | None, choice: Choice) -> Candidate:
        model = self.live.language_model(name, domain, choice)
        if model is None:
            provider = name.partition("/")[0] if "/" in name else name
            return Candidate(name, provider, None, unavailable(name))
        if model.weights is not None and not model.weights.gguf.startswith("env:"):
            weights = model.weights.model_copy(update={"gguf": str(self.lab.root / model.weights.gguf)})
            model = model.model_copy(update={"weights": weights})
        scope = f"{self.live.environment}/model:{name}"
        ceiling = Ceiling.of(scope, name, model.rate_limits, model.budgets, is_by_try=True)
        return Candidate(name, model.provider, model, ceiling=ceiling)

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Say what is wrong with what is live: most often a LABMODELS__* variable of this shell. Raises Usage, StorageFault."""
        live = self.live
        try:
            yield
        except (ValidationError, MergeConflict) as error:
            content = self.effective.content
            problem = next(iter(check(content)), str(error))
            variables = {override.layer for override in content.overrides if override not in live.release.content.overrides}
            if variables:
                raise Usage(
                    f"{', '.join(sorted(variables))} cannot be used: {problem}", hint="correct the value, or unset the variable"
                ) from None
            fact = f"{live.release.label} of {live.environment} cannot be used: {problem}"
            raise StorageFault(fact, hint=f"labmodels deploy-config --all --env {live.environment}") from None


def _as_it_is(candidate: Candidate) -> Candidate:
    """Return a candidate, with the reason where a variable or a file that it needs is missing right now."""
    reason = availability(candidate.model) if candidate.model else None
    return candidate if reason is None else replace(candidate, skip_reason=reason)
