"""labmodels search-eval: measure search on judged queries, and propose a fusion weight where one is better."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labmodels.cli.options import Environment, Json, environment_of
from labmodels.errors import ExitCode, Usage
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.embeddings.search.evaluation import Evaluation
    from labmodels.embeddings.search.judged import JudgedQuery
    from labmodels.statistics.estimates import Estimate
    from labmodels.terminal.colour import Paint

Judged = Annotated[
    Path, typer.Argument(metavar="QRELS", help="JSON lines of query, domain and relevant passages with grades.", show_default=False)
]
OneDomain = Annotated[
    str | None, typer.Option("--domain", metavar="NAME", help="Only its queries, and those that name none.", show_default=False)
]
Count = Annotated[int, typer.Option("-k", metavar="N", help="How many hits count.", min=1, max=100)]


def search_eval(lab: Lab, qrels: Judged, domain: OneDomain = None, k: Count = 10, env: Environment = None, json: Json = False) -> int:
    """Measure search on judged queries.

    Exit 1 when hybrid is worse than the better of its parts. A weight is proposed only if it is better on queries that did not choose it.
    """
    from labmodels.embeddings.search.judged import read_judged
    from labmodels.statistics.verdicts import Outcome
    from labmodels.terminal.colour import Paint
    from labmodels.terminal.output import emit_json, write
    from labmodels.wiring import default_environment
    from labmodels.wiring.search import LabSearch

    by_domain = _by_domain(read_judged(qrels), qrels, domain)
    with LabSearch(lab, environment_of(env, default_environment(lab))) as searching:
        measured = [searching.evaluate(queries, name, k) for name, queries in by_domain.items()]
    if json:
        emit_json({"domains": [_as_json(one) for one in measured]})
    else:
        write("\n".join(_text(one, Paint.of(sys.stdout)) for one in measured))
    is_worse = any(one.verdict.outcome is Outcome.REGRESSION for one in measured)
    return ExitCode.VERDICT_NO if is_worse else ExitCode.OK


def _by_domain(judged: list[JudgedQuery], qrels: Path, domain: str | None) -> dict[str, list[JudgedQuery]]:
    """Return the queries of each domain, in the order in which the file names them."""
    by_domain: dict[str, list[JudgedQuery]] = {}
    for one in judged:
        name = one.domain or domain
        if name is None:
            raise Usage(f'{qrels}: "{one.text}" names no domain', hint="add it to the line, or give --domain")
        if domain in (None, name):
            by_domain.setdefault(name, []).append(one)
    if not by_domain:
        raise Usage(f"{qrels} has no query{f' of {domain}' if domain else ''}", hint="labmodels search-eval --help")
    return by_domain


def _text(one: Evaluation, paint: Paint) -> str:
    from labmodels.embeddings.search.evaluation import MODES
    from labmodels.terminal.tables import table

    rows = [(mode, *(_interval(one.scores[mode][name]) for name in ("ndcg", "recall", "mrr"))) for mode in MODES]
    queries = "1 query" if one.queries == 1 else f"{one.queries:,} queries"
    verdict, gain = one.verdict, one.proposal.gain
    lines = [
        f"{paint(one.index.domain, 'strong')}, generation {one.index.generation}: {queries}",
        table(("mode", f"nDCG@{one.k}", f"recall@{one.k}", f"MRR@{one.k}"), rows, paint),
        f"hybrid against {one.better_part}: {verdict.outcome.value}, {_signed(verdict.difference)} nDCG"
        + (f"; about {verdict.further_n} more queries would decide" if verdict.further_n else ""),
    ]
    if one.proposal.is_better:
        share = one.proposal.best
        lines += [
            f"a dense weight of {share:g} is better than {one.weight:g}: {_signed(gain)} nDCG on queries that did not choose it",
            f"  domain_weights: {{{one.index.domain}: {{lexical: {1 - share:g}, dense: {share:g}}}}}",
        ]
    else:
        lines.append(f"the dense weight stays {one.weight:g}: none is surely better ({_signed(gain)} nDCG for choosing one)")
    return "\n".join(lines) + "\n"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"


def _as_json(one: Evaluation) -> dict[str, Any]:
    verdict, proposal = one.verdict, one.proposal
    return {
        "domain": one.index.domain,
        "generation": one.index.generation,
        "queries": one.queries,
        "k": one.k,
        "scores": {mode: {name: _bounds(estimate) for name, estimate in of_mode.items()} for mode, of_mode in one.scores.items()},
        "hybrid": {
            "against": one.better_part,
            "verdict": verdict.outcome.value,
            "difference": _bounds(verdict.difference),
            "further_queries": verdict.further_n,
        },
        "dense_weight": one.weight,
        "proposal": {"dense_weight": proposal.best, "gain": _bounds(proposal.gain), "is_better": proposal.is_better},
    }


def _bounds(estimate: Estimate) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in estimate._asdict().items()}
