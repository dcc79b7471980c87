"""labmodels router explain: who would be asked for a question, in order, and why; nobody is."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import Domain, Environment, Json, LocalOnly, MaxCost, Profile, Target, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.router.explain import Explanation, Place

Text = Annotated[str, typer.Argument(metavar="QUESTION", help="The question that would be asked.")]


def router_explain(
    lab: Lab,
    question: Text = "",
    domain: Domain = None,
    model: Target = None,
    profile: Profile = None,
    local_only: LocalOnly = False,
    max_cost: MaxCost = None,
    env: Environment = None,
    json: Json = False,
) -> int:
    """Show who would be asked and why, without asking.

    Every candidate with its verdict, its breaker, what is left of its limits and budgets, and what the question would cost there.
    """
    from labmodels.router.question import Question, amount_of
    from labmodels.terminal.output import emit_json, write
    from labmodels.wiring import default_environment
    from labmodels.wiring.inspection import explain
    from labmodels.wiring.router import LabRouter

    amount = None if max_cost is None else amount_of(max_cost, "--max-cost")
    asked = Question.of(question, domain=domain, target=model, profile=profile, is_local_only=local_only, most_usd=amount)
    with LabRouter(lab, environment_of(env, default_environment(lab))) as router:
        found = explain(router, asked)
    if json:
        emit_json(asdict(found))
    else:
        write(_text(found))
    return ExitCode.OK


def _text(found: Explanation) -> str:
    import sys

    from labmodels.terminal.colour import Paint
    from labmodels.terminal.tables import table

    about = f"about {found.domain}" if found.domain else "about no domain"
    profile = f"profile {found.profile} ({found.profile_reason})" if found.profile else "no profile"
    arm = f", arm {found.arm}" if found.arm else ""
    order = {"declared": "as declared", "measured": "by measure", "asked for": "as asked for"}[found.order]
    head = f"{found.environment}, release {found.release}, {about}: {profile}, order {order}{arm}\n"
    headers = ["", "model", "breaker", "likely $", "most $", "p50 s"]
    with_scores = any(place.score is not None for place in found.places)
    rows = [_row(place, with_scores=with_scores) for place in found.places]
    lines = [head + table([*headers, *(["score"] if with_scores else [])], rows, Paint.of(sys.stdout))]
    for place in found.places:
        lines += [f"  {place.name}: {place.reason}"] if place.reason else []
    lines += [f"  {owner}: {used:f} of {limit:f} {what} used" for owner, what, used, limit in _left(found)]
    return "\n".join(lines) + "\n"


def _row(place: Place, *, with_scores: bool) -> tuple[object, ...]:
    latency = place.lately.latency_s if place.lately else None
    known = (place.verdict, place.name, place.breaker, _money(place.likely_usd), _money(place.most_usd), _rounded(latency))
    return (*known, _rounded(place.score)) if with_scores else known


def _left(found: Explanation) -> list[tuple[object, ...]]:
    """Return what is left of each limit once, however many candidates share it."""
    return list(dict.fromkeys((left.owner, left.what, left.used, left.limit) for place in found.places for left in place.left))


def _money(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount.normalize():f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
