"""Checks across files: targets that exist, chains that end and keep what they promise, ceilings and limits that can hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from labmodels.config import ceilings, chains
from labmodels.config.catalog import Document
from labmodels.config.declared import DeclaredState, Fault
from labmodels.config.diagnostics import Severity
from labmodels.config.reader import KeyPath
from labmodels.config.schema.base import CUSTOM_MODELS, flag

if TYPE_CHECKING:
    from labmodels.config.schema.lab_file import LabFile

_PROVIDER = re.compile(r"[a-z][a-z0-9_]*")  # another form is refused by the schema
PROVIDERS = ("openai", "anthropic", "llama_cpp")
RESERVED_NAMES = (
    "basic_nlp",
    "kind",
    "name",
    "description",
    "owner",
    "default_environment",
    "default_profile",
    "releases",
    "model_integration",
    "environments",
)


def check(state: DeclaredState) -> Iterator[Fault]:
    """Yield what is wrong between the documents of one environment."""
    yield from _names(state)
    yield from _language_models(state)
    yield from _domain_references(state)
    if state.lab is not None and state.catalog.lab_file is not None:
        yield from _integration(state, state.lab, state.catalog.lab_file)
        yield from _chain_shapes(state, state.lab)
        yield from _routes(state, state.lab)
        yield from ceilings.check(state, state.lab, reachable_domains(state))


def reachable_domains(state: DeclaredState) -> dict[str, set[str]]:
    """Return, for every language model in a route, the domains whose requests can reach it."""
    found: dict[str, set[str]] = {}
    if state.lab is not None:
        for domain, route in _all_routes(state, state.lab):
            for name in route.candidates:
                found.setdefault(name, set()).update([domain] if domain else [])
    return found


def _all_routes(state: DeclaredState, lab: LabFile) -> Iterator[tuple[str | None, chains.Route]]:
    integration = lab.model_integration
    for domain in (None, *chains.domains(integration, state.fallback, state.specialized)):
        yield domain, chains.route(domain, integration, state.fallback)


# -- names and single files ----------------------------------------------------------------------------------------------


def _names(state: DeclaredState) -> Iterator[Fault]:
    taken: dict[tuple[str, str], Document] = {}
    for document in state.catalog.documents:
        if document.name in RESERVED_NAMES:
            yield Fault("LM307", Severity.ERROR, f"the name {document.name} is reserved", document, ("name",), "choose another name")
        for kind, what in _exclusive_claims(document):
            other = taken.setdefault((kind, what), document)
            if other is not document:
                path: KeyPath = ("domains", what) if document.kind == "embedding_model" else (kind,)
                message = f"{kind} {what} already belongs to {other.name}" if what else f"a second {kind} config: {other.name} is the first"
                yield Fault("LM307", Severity.ERROR, message, document, path, "keep one of them")


def _exclusive_claims(document: Document) -> Iterator[tuple[str, str]]:
    if document.kind in ("fallback", "semantic_search"):
        yield document.kind, ""
    if document.kind == "specialized_model" and isinstance(document.data.get("domain"), str):
        yield "domain", document.data["domain"]
    if document.kind == "embedding_model" and isinstance(document.data.get("domains"), dict):
        yield from (("index", domain) for domain in document.data["domains"])


def _language_models(state: DeclaredState) -> Iterator[Fault]:
    """Checks that need nothing but one merged file; on plain values, since a lab can have a thousand of them."""
    for document in state.catalog.of_kind("language_model"):
        is_valid = document.path in state.valid
        values = document.merged(state.environment) if is_valid else document.merged_so_far(state.environment)[0]
        provider = values.get("provider")
        if provider not in PROVIDERS and isinstance(provider, str) and _PROVIDER.fullmatch(provider):
            installed = _installed_providers()
            if provider not in installed:
                hint = _did_you_mean(provider, (*PROVIDERS, *installed))
                yield Fault("LM301", Severity.ERROR, f"unknown provider {provider}", document, ("provider",), hint)
        if is_valid and values.get("prices") is None and any(amount is not None for amount in (values.get("budgets") or {}).values()):
            hint = "add prices:, or remove the budget: spending that cannot be counted cannot be limited"
            yield Fault("LM308", Severity.ERROR, f"{document.name} has a budget but no prices", document, ("budgets",), hint)
        if is_valid and flag(values.get("local")) is True and values.get("base_url") is None and values.get("weights") is None:
            hint = "give the base_url of the lab's own server, or weights; or say local: false"
            fact = f"{document.name} says local, but is asked at the provider's own address"
            yield Fault("LM310", Severity.ERROR, fact, document, ("local",), hint)


def _installed_providers() -> tuple[str, ...]:
    from importlib.metadata import entry_points

    return tuple(point.name for point in entry_points(group="labmodels.providers"))


def _domain_references(state: DeclaredState) -> Iterator[Fault]:
    indexes = {index for _, index in _indexes(state)}
    profiles = state.names("performance_profile")
    for specialized in state.specialized.values():
        document = state.catalog.by_name[specialized.name]
        if specialized.profile is not None:
            yield from _target(document, ("profile",), "profile", specialized.profile, profiles, state.catalog.by_name)
        for arm in ("control", "candidate") if specialized.split is not None else ():
            yield from _model_target(state, document, ("split", arm), getattr(specialized.split, arm))
        if specialized.retrieve is not None and not state.catalog.unsettled:
            for index, domain in enumerate(specialized.retrieve.domains):
                yield from _target(document, ("retrieve", "domains", index), "embedding domain", domain, indexes)


def _indexes(state: DeclaredState) -> list[tuple[str, str]]:
    """Return the embedding models with the domains they index, by name. On plain values: their schema is not needed to know their names."""
    found = []
    for document in state.catalog.of_kind("embedding_model"):
        domains = document.data.get("domains")
        found += [(document.name, domain) for domain in domains] if isinstance(domains, dict) else []
    return found


# -- the integration block -----------------------------------------------------------------------------------------------


def _integration(state: DeclaredState, lab: LabFile, document: Document) -> Iterator[Fault]:
    if lab.default_profile is not None:
        profiles = state.names("performance_profile")
        yield from _target(document, ("default_profile",), "profile", lab.default_profile, profiles, state.catalog.by_name)
    here: KeyPath = ("model_integration",)
    for domain, target in lab.model_integration.primary_models.items():
        path = (*here, "primary_models", domain)
        if domain == "embeddings":
            if target.partition("/")[0] not in state.catalog.unsettled:
                yield from _target(document, path, "embedding domain", target, [f"{name}/{index}" for name, index in _indexes(state)])
        else:
            yield from _model_target(state, document, path, target)
    if "language" not in lab.model_integration.primary_models:
        yield Fault(
            "LM203",
            Severity.ERROR,
            "missing key language in model_integration.primary_models",
            document,
            (*here, "primary_models"),
            "it serves every domain that is not named",
        )
    for index, target in enumerate(lab.model_integration.fallback_strategy.fallback_order):
        yield from _model_target(state, document, (*here, "fallback_strategy", "fallback_order", index), target)


def _chain_shapes(state: DeclaredState, lab: LabFile) -> Iterator[Fault]:
    fallback = state.fallback
    document = state.catalog.by_name[fallback.name] if fallback else None
    domains = {chains.DEFAULT_CHAIN, *lab.model_integration.primary_models, *(index for _, index in _indexes(state))}
    domains |= {str(found.data.get("domain")) for found in state.catalog.of_kind("specialized_model")}
    if fallback and document:
        for name, chain in fallback.chains.items():
            if name not in domains and not state.catalog.unsettled:
                yield Fault(
                    "LM301",
                    Severity.WARNING,
                    f"no domain is called {name}: nothing uses this chain",
                    document,
                    ("chains", name),
                    _did_you_mean(name, domains),
                )
            for index, link in enumerate(chain.candidates):
                path: KeyPath = ("chains", name, "candidates", index)
                if link.startswith("chain:"):
                    yield from _target(document, path, "chain", link.removeprefix("chain:"), fallback.chains)
                else:
                    yield from _model_target(state, document, path, link)
    reported: set[frozenset[str]] = set()
    for domain, route in _all_routes(state, lab):
        where, path = _chain_place(state, domain)
        for cycle in route.cycles:
            if frozenset(cycle.split(" -> ")) not in reported:
                reported.add(frozenset(cycle.split(" -> ")))
                yield Fault(
                    "LM302", Severity.ERROR, f"the fallback chain never ends: {cycle}", where, path, "remove one of the chain: links"
                )
        for name in route.repeated:
            yield Fault(
                "LM302",
                Severity.ERROR,
                f"{name} stands twice in the same chain",
                where,
                path,
                "a candidate that failed is not asked again: remove one",
            )


def _chain_place(state: DeclaredState, domain: str | None) -> tuple[Document, KeyPath]:
    """Return where the chain of `domain` is declared: in the fallback config, or as the lab's fallback_order."""
    fallback = state.fallback
    for name in (domain, chains.DEFAULT_CHAIN):
        if fallback and name in fallback.chains:
            return state.catalog.by_name[fallback.name], ("chains", name or "", "candidates")
    assert state.catalog.lab_file is not None  # noqa: S101 - callers have checked
    return state.catalog.lab_file, ("model_integration", "fallback_strategy", "fallback_order")


# -- what routes keep ------------------------------------------------------------------------------------------------------


def _routes(state: DeclaredState, lab: LabFile) -> Iterator[Fault]:
    for domain, route in _all_routes(state, lab):
        where, path = _chain_place(state, domain)
        chain = chains.chain_of(domain, state.fallback)
        accepted = set(chain.may_drop if chain else state.fallback.may_drop if state.fallback else ())
        models = [model for name in route.candidates if (model := state.language_model(name))]
        specialized = state.specialized.get(domain) if domain else None
        for model in models[1:]:
            lost = [loss for loss in chains.losses(model, models[0]) if loss not in accepted]
            yield from _losses(domain, models[0].name, model.name, lost, where, path)
        if specialized is not None and models:
            document = state.catalog.by_name[specialized.name]
            short = chains.shortfalls(models[0], specialized.requires)
            for loss in short:
                message = f"{domain} requires {loss}, and its first model {models[0].name} does not have it"
                yield Fault(
                    "LM304" if loss == "context_tokens" else "LM303",
                    Severity.ERROR,
                    message,
                    document,
                    ("requires", loss),
                    "choose another primary model, or drop the requirement",
                )


def _losses(domain: str | None, first: str, second: str, lost: Iterable[str], where: Document, path: KeyPath) -> Iterator[Fault]:
    subject = f"requests for {domain}" if domain else "requests"
    for loss in lost:
        code = "LM304" if loss == "context_tokens" else "LM303"
        what = "a shorter context" if loss == "context_tokens" else f"no {loss}"
        yield Fault(
            code,
            Severity.WARNING,
            f"{second} has {what} where {first} has: {subject} that need it are lost when {first} fails",
            where,
            path,
            f"accept it with may_drop: [{loss}], or put another model there",
        )


# -- targets ---------------------------------------------------------------------------------------------------------------


def _target(
    document: Document, path: KeyPath, kind: str, name: str, known: Iterable[str], by_name: Mapping[str, Document] | None = None
) -> Iterator[Fault]:
    known = list(known)
    if name not in known:
        close = _closest(name, known)
        meant = by_name.get(close[0]) if by_name and close else None  # the file that was renamed, perhaps
        relation = f"{meant.name} is declared here" if meant else ""
        hint = _did_you_mean(name, known)
        yield Fault("LM301", Severity.ERROR, f"unknown {kind} {name}", document, path, hint, related=meant, relation=relation)


def _model_target(state: DeclaredState, document: Document, path: KeyPath, name: str) -> Iterator[Fault]:
    if name.startswith("custom/") and chains.is_known_name(name):
        yield Fault("LM309", Severity.INFO, f"{name} is not installed: it is skipped until it is", document, path)
    elif not chains.is_known_name(name) and not _is_declared(state, name):
        known = [declared.name for declared in state.catalog.of_kind("language_model")]
        yield from _target(document, path, "model", name, [*known, "basic_nlp", *CUSTOM_MODELS], state.catalog.by_name)


def _is_declared(state: DeclaredState, name: str) -> bool:
    document = state.catalog.by_name.get(name)
    return name in state.catalog.unsettled or (document is not None and document.kind == "language_model")


def _closest(name: str, known: Iterable[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(name, sorted(known), n=1)


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = _closest(name, known)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}" if known else ""
