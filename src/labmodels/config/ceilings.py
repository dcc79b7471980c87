"""Whether ceilings can hold: what a request may cost, what an alert waits for, what a profile plans to send. Under every overlay.

On plain values of documents that are valid by themselves; what is invalid when they are merged is said elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from labmodels.config.catalog import Document
from labmodels.config.declared import DeclaredState, Fault
from labmodels.config.diagnostics import Severity
from labmodels.config.reader import KeyPath
from labmodels.config.units import format_money, parse_money, parse_price

if TYPE_CHECKING:
    from labmodels.config.schema.lab_file import LabFile


class _Layer(NamedTuple):
    """What one document says of a language model: itself, or an overlay."""

    document: Document
    data: Mapping[str, Any]
    prefix: KeyPath = ()


class _Said(NamedTuple):
    """A value, and the document and path that give it."""

    value: Any
    document: Document
    path: KeyPath


class _Excess(NamedTuple):
    """The dearest answer that is allowed, above what a request may cost."""

    at: _Said
    message: str
    model: Document


def check(state: DeclaredState, lab: LabFile, reachable: Mapping[str, Collection[str]]) -> Iterator[Fault]:
    """Yield the ceilings that cannot do their work; `reachable` names the models in routes, with the domains that can ask each."""
    models = {name: document for name in reachable if (document := state.language_document(name))}
    ways = {name: list(_ways(state, document, reachable[name])) for name, document in models.items()}
    yield from _requests(ways)
    yield from _alert(state, lab, ways)
    for profile in state.profiles:
        yield from _demands(state, state.catalog.by_name[profile], models)


def _ways(state: DeclaredState, document: Document, domains: Collection[str]) -> Iterator[tuple[_Layer, ...]]:
    """Yield how a model can be asked, as layers, lowest first: alone, under each profile, for each domain, and under both."""
    alone = _Layer(document, document.merged(state.environment))
    profiles = [_overlay(state, state.catalog.by_name[name]) for name in state.profiles]
    specialized = [_overlay(state, state.catalog.by_name[found.name]) for domain, found in state.specialized.items() if domain in domains]
    yield (alone,)
    for profile in profiles:
        yield (alone, profile)
    for domain in specialized:
        yield (alone, domain)
        for profile in profiles:
            yield (alone, profile, domain)
            yield (alone, domain, profile)


def _overlay(state: DeclaredState, document: Document) -> _Layer:
    return _Layer(document, document.merged(state.environment).get("overlay") or {}, ("overlay",))


def _said(layers: Sequence[_Layer], block: str, key: str) -> _Said | None:
    """Return what the highest layer that speaks of `block.key` says, unless that is null."""
    for document, data, prefix in reversed(layers):
        part = data.get(block, ...)
        if part is None:
            return None
        if part is not ... and key in part:
            return _Said(part[key], document, (*prefix, block, key)) if part[key] is not None else None
    return None


def _requests(ways: Mapping[str, Sequence[tuple[_Layer, ...]]]) -> Iterator[Fault]:
    """A request that the parameters allow must fit its budget; one value that is too high for several models is one fault."""
    found: dict[tuple[Document, KeyPath], tuple[_Excess, dict[str, None]]] = {}
    for name, layered in ways.items():
        for layers in layered:
            excess = _excess(name, layers)
            if excess is None:
                continue
            _, names = found.setdefault((excess.at.document, excess.at.path), (excess, {}))
            names[name] = None
            if len(layers) == 1:
                break  # wrong by itself: no overlay is to blame
    for (document, path), (excess, names) in found.items():
        others = f"; the same holds for {', '.join(list(names)[1:])}" if len(names) > 1 else ""
        hint = "raise budgets.request or lower max_output_tokens"
        yield Fault("LM305", Severity.ERROR, excess.message + others, document, path, hint, "request", **_about(document, excess.model))


def _about(place: Document, model: Document) -> dict[str, Any]:
    """Return what a fault says of the model it concerns, where it stands in another file."""
    return {} if place is model else {"related": model, "relation": f"in language model {model.name}"}


def _excess(name: str, layers: Sequence[_Layer]) -> _Excess | None:
    prices = layers[0].data.get("prices")
    asked, budget = _said(layers, "parameters", "max_output_tokens"), _said(layers, "budgets", "request")
    if prices is None or asked is None or budget is None:
        return None
    cost, allowed = parse_price(prices["output"]) * asked.value / 1_000_000, parse_money(budget.value)
    if cost <= allowed:
        return None
    message = f"{asked.value:,} output tokens of {name} cost {format_money(cost)}, above its budget of {format_money(allowed)} a request"
    model = layers[0].document
    blames_asked = budget.document is model and asked.document is not model  # an overlay that lowers the budget is to blame itself
    return _Excess(asked if blames_asked else budget, message, model)


def _alert(state: DeclaredState, lab: LabFile, ways: Mapping[str, Sequence[tuple[_Layer, ...]]]) -> Iterator[Fault]:
    """An alert on cost must be able to fire."""
    threshold = lab.model_integration.performance_monitoring.alert_thresholds.cost_per_request
    budgets = [_said(layers, "budgets", "request") for layered in ways.values() for layers in layered]
    known: list[Decimal] = [parse_money(budget.value) for budget in budgets if budget is not None]
    if threshold is None or not known or len(known) < len(budgets) or threshold <= max(known) or state.catalog.lab_file is None:
        return
    message = f"the alert at {format_money(threshold)} a request can never fire: no model may spend more than {format_money(max(known))}"
    path: KeyPath = ("model_integration", "performance_monitoring", "alert_thresholds", "cost_per_request")
    yield Fault(
        "LM305", Severity.WARNING, message, state.catalog.lab_file, path, "lower the threshold, or raise budgets.request", subject="alert"
    )


def _demands(state: DeclaredState, profile: Document, models: Mapping[str, Document]) -> Iterator[Fault]:
    """What a profile plans to send must be admitted by every model that it can reach."""
    overlay = _overlay(state, profile)
    for key, demand in (profile.merged(state.environment).get("demand") or {}).items():
        limits = {
            name: limit.value
            for name, document in models.items()
            if (limit := _said((_Layer(document, document.merged(state.environment)), overlay), "rate_limits", key))
            and demand is not None
            and demand > limit.value
        }
        if limits:
            admitted = [f"{name} admits {limit:,}" for name, limit in limits.items()]
            message = f"profile {profile.name} plans {demand:,} {key.replace('_', ' ')}, and {', '.join(admitted)}"
            hint = f"lower the demand, or raise rate_limits.{key} where the account allows it"
            yield Fault(
                "LM306", Severity.WARNING, message, profile, ("demand", key), hint, "demand", **_about(profile, models[next(iter(limits))])
            )
