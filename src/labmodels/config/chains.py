"""Fallback chains: who is asked for a domain, in which order, and what is lost on the way. Pure; the router and the checks both use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from labmodels.config.schema.base import BASIC_NLP, CUSTOM_MODELS

if TYPE_CHECKING:
    from labmodels.config.schema.fallback import Chain, Fallback
    from labmodels.config.schema.lab_file import ModelIntegration
    from labmodels.config.schema.language_model import LanguageModel
    from labmodels.config.schema.specialized_model import Requirements

RESERVED_PRIMARIES = ("language", "embeddings")
DEFAULT_CHAIN = "default"
CAPABILITIES = ("tools", "json_schema", "streaming", "vision")


class Route(NamedTuple):
    """The candidates of a domain in order, and the links that could not be followed."""

    candidates: tuple[str, ...]
    repeated: tuple[str, ...] = ()
    cycles: tuple[str, ...] = ()


def domains(integration: ModelIntegration, fallback: Fallback | None, specialized: Mapping[str, object]) -> tuple[str, ...]:
    """Return every domain that has a primary model, a chain or a specialised model of its own, sorted."""
    named = set(integration.primary_models) - set(RESERVED_PRIMARIES)
    return tuple(sorted(named | (set(fallback.chains) - {DEFAULT_CHAIN} if fallback else set()) | set(specialized)))


def primary(domain: str | None, integration: ModelIntegration) -> str | None:
    """Return the model that is asked first for `domain`."""
    models = integration.primary_models
    own = models.get(domain) if domain and domain not in RESERVED_PRIMARIES else None
    return own or models.get("language")


def chain_of(domain: str | None, fallback: Fallback | None) -> Chain | None:
    """Return the declared chain that holds for `domain`, or None when the lab's fallback_order does."""
    if fallback is None:
        return None
    return fallback.chains.get(domain or DEFAULT_CHAIN) or fallback.chains.get(DEFAULT_CHAIN)


def route(domain: str | None, integration: ModelIntegration, fallback: Fallback | None) -> Route:
    """Return who is asked for `domain`: its primary model, then its chain, or the lab's fallback_order where it has none."""
    first = primary(domain, integration)
    if not integration.fallback_strategy.enabled:
        return Route((first,) if first else ())
    chain = chain_of(domain, fallback)
    links = chain.candidates if chain else integration.fallback_strategy.fallback_order
    names: list[str] = [first] if first else []
    repeated: list[str] = []
    cycles: list[str] = []
    visited = (domain,) if chain and fallback and domain in fallback.chains else (DEFAULT_CHAIN,)
    _follow(links, fallback, tuple(step for step in visited if step), names, repeated, cycles)
    return Route(tuple(names), tuple(repeated), tuple(cycles))


def _follow(
    links: list[str], fallback: Fallback | None, visited: tuple[str, ...], names: list[str], repeated: list[str], cycles: list[str]
) -> None:
    for link in links:
        if not link.startswith("chain:"):
            # Going on with another chain may meet a model again; only a repetition in one and the same list is a slip.
            (repeated if link in names and links.count(link) > 1 else names if link not in names else []).append(link)
            continue
        target = link.removeprefix("chain:")
        following = fallback.chains.get(target) if fallback else None
        if target in visited:
            cycles.append(" -> ".join((*visited, target)))
        elif following:
            _follow(following.candidates, fallback, (*visited, target), names, repeated, cycles)


def losses(lower: LanguageModel, upper: LanguageModel) -> list[str]:
    """Return what `lower` cannot do that `upper` can: capability names, and context_tokens when its context is shorter."""
    lost = [name for name in CAPABILITIES if getattr(upper.capabilities, name) and not getattr(lower.capabilities, name)]
    return lost + (["context_tokens"] if lower.context_tokens < upper.context_tokens else [])


def shortfalls(model: LanguageModel, requires: Requirements) -> list[str]:
    """Return what a domain requires and `model` cannot do."""
    missing = [name for name in CAPABILITIES if getattr(requires, name) and not getattr(model.capabilities, name)]
    too_short = requires.context_tokens is not None and model.context_tokens < requires.context_tokens
    return missing + (["context_tokens"] if too_short else [])


def is_known_name(name: str) -> bool:
    """Whether `name` needs no config: built in, or one of the lab's own models."""
    return name == BASIC_NLP or name in CUSTOM_MODELS
