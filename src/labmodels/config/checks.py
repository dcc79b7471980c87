"""Checks across files: targets that exist, chains that end and keep what they promise, ceilings and limits that can hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from labmodels.config import chains
from labmodels.config.catalog import Document
from labmodels.config.declared import DeclaredState
from labmodels.config.diagnostics import Severity
from labmodels.config.reader import KeyPath
from labmodels.config.schema.base import CUSTOM_MODELS
from labmodels.config.units import format_money

if TYPE_CHECKING:
    from labmodels.config.schema.lab_file import LabFile
    from labmodels.config.schema.language_model import LanguageModel

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


class Fault(NamedTuple):
    """One finding of a check: about the value at `path` of `document`."""

    code: str
    severity: Severity
    message: str
    document: Document
    path: KeyPath
    help: str = ""


def check(state: DeclaredState) -> Iterator[Fault]:
    """Yield what is wrong between the documents of one environment."""
    yield from _names(state)
    yield from _language_models(state)
    yield from _domain_references(state)
    if state.lab is not None and state.catalog.lab_file is not None:
        yield from _integration(state, state.lab, state.catalog.lab_file)
        yield from _chain_shapes(state, state.lab)
        yield from _routes(state, state.lab)
        yield from _demands(state, state.lab)


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
        if document.path not in state.valid:
            continue
        values = document.merged(state.environment)
        if values.get("prices") is None and any(amount is not None for amount in (values.get("budgets") or {}).values()):
            hint = "add prices:, or remove the budget: spending that cannot be counted cannot be limited"
            yield Fault("LM308", Severity.ERROR, f"{document.name} has a budget but no prices", document, ("budgets",), hint)
        if values["provider"] not in PROVIDERS and values["provider"] not in _installed_providers():
            known = (*PROVIDERS, *_installed_providers())
            yield Fault(
                "LM301",
                Severity.ERROR,
                f"unknown provider {values['provider']}",
                document,
                ("provider",),
                _did_you_mean(values["provider"], known),
            )


def _installed_providers() -> tuple[str, ...]:
    from importlib.metadata import entry_points

    return tuple(point.name for point in entry_points(group="labmodels.providers"))


def _domain_references(state: DeclaredState) -> Iterator[Fault]:
    indexes = {index for _, index in _indexes(state)}
    for specialized in state.specialized.values():
        document = state.catalog.by_name[specialized.name]
        if specialized.profile is not None:
            yield from _target(document, ("profile",), "profile", specialized.profile, state.profiles)
        if specialized.retrieve is not None:
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
        yield from _target(document, ("default_profile",), "profile", lab.default_profile, state.profiles)
    here: KeyPath = ("model_integration",)
    for domain, target in lab.model_integration.primary_models.items():
        path = (*here, "primary_models", domain)
        if domain == "embeddings":
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
    domains = {chains.DEFAULT_CHAIN, *state.specialized, *lab.model_integration.primary_models, *(index for _, index in _indexes(state))}
    if fallback and document:
        for name, chain in fallback.chains.items():
            if name not in domains:
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
    yield from _ceilings(state, lab)


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


def _ceilings(state: DeclaredState, lab: LabFile) -> Iterator[Fault]:
    """A request that the parameters allow must fit its budget, under every profile; an alert must be able to fire."""
    in_routes = [name for name in reachable_domains(state) if state.language_document(name)]
    budgets: list[Decimal | None] = []
    for name in in_routes:
        document = state.catalog.by_name[name]
        for profile in (None, *state.profiles):
            model = _under(state, name, profile)
            if model is None:
                continue
            budgets.append(model.budgets.request)
            yield from _ceiling(model, document, profile)
    threshold = lab.model_integration.performance_monitoring.alert_thresholds.cost_per_request
    known = [budget for budget in budgets if budget is not None]
    if threshold is not None and budgets and len(known) == len(budgets) and threshold > max(known) and state.catalog.lab_file:
        path: KeyPath = ("model_integration", "performance_monitoring", "alert_thresholds", "cost_per_request")
        message = (
            f"the alert at {format_money(threshold)} a request can never fire: no model may spend more than {format_money(max(known))}"
        )
        yield Fault("LM305", Severity.WARNING, message, state.catalog.lab_file, path, "lower the threshold, or raise budgets.request")


def _ceiling(model: LanguageModel, document: Document, profile: str | None) -> Iterator[Fault]:
    asked, budget, prices = model.parameters.max_output_tokens, model.budgets.request, model.prices
    if asked is None or budget is None or prices is None:
        return
    cost = prices.output * asked / 1_000_000
    if cost > budget:
        under = f" under profile {profile}" if profile else ""
        spent, allowed = format_money(cost), format_money(budget)
        message = f"{asked:,} output tokens of {model.name} cost {spent}{under}, above its budget of {allowed} a request"
        yield Fault("LM305", Severity.ERROR, message, document, ("budgets", "request"), "raise budgets.request or lower max_output_tokens")


def _under(state: DeclaredState, name: str, profile: str | None) -> LanguageModel | None:
    from pydantic import ValidationError

    from labmodels.config.layers import MergeConflict

    try:
        return state.language_model(name, profile)
    except (ValidationError, MergeConflict):
        return None  # reported where combinations are checked


def _demands(state: DeclaredState, lab: LabFile) -> Iterator[Fault]:
    reachable = [name for name in reachable_domains(state) if state.language_document(name)]
    for profile in state.profiles.values():
        document = state.catalog.by_name[profile.name]
        for key in ("requests_per_minute", "tokens_per_minute"):
            demand = getattr(profile.demand, key)
            for name in reachable if demand is not None else ():
                model = _under(state, name, profile.name)
                limit = getattr(model.rate_limits, key) if model else None
                if limit is not None and demand > limit:
                    what = key.replace("_", " ")
                    message = f"profile {profile.name} plans {demand:,} {what}, and {name} admits {limit:,} in {state.environment}"
                    yield Fault(
                        "LM306",
                        Severity.WARNING,
                        message,
                        document,
                        ("demand", key),
                        f"lower the demand, or raise {name}.rate_limits.{key} if the account allows it",
                    )


# -- targets ---------------------------------------------------------------------------------------------------------------


def _target(document: Document, path: KeyPath, kind: str, name: str, known: Iterable[str]) -> Iterator[Fault]:
    known = list(known)
    if name not in known:
        yield Fault("LM301", Severity.ERROR, f"unknown {kind} {name}", document, path, _did_you_mean(name, known))


def _model_target(state: DeclaredState, document: Document, path: KeyPath, name: str) -> Iterator[Fault]:
    if name.startswith("custom/") and chains.is_known_name(name):
        yield Fault("LM309", Severity.INFO, f"{name} is not installed: it is skipped until it is", document, path)
    elif not chains.is_known_name(name) and not _is_declared(state, name):
        known = [declared.name for declared in state.catalog.of_kind("language_model")]
        yield from _target(document, path, "model", name, [*known, "basic_nlp", *CUSTOM_MODELS])


def _is_declared(state: DeclaredState, name: str) -> bool:
    document = state.catalog.by_name.get(name)
    return document is not None and document.kind == "language_model"


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}" if known else ""
