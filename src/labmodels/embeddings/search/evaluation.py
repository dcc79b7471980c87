"""Measures a domain's search on judged queries: each mode, hybrid against the better of the others, and which weight would be better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labmodels.embeddings.search.fusion import Weights
from labmodels.embeddings.search.gather import EncoderOf, Gathered, Mode, gather
from labmodels.embeddings.search.judged import JudgedQuery, judged_ids
from labmodels.embeddings.search.query import Query
from labmodels.embeddings.search.search import Scope, ranked
from labmodels.errors import LabmodelsError, NoVerdict
from labmodels.grading import retrieval
from labmodels.statistics.fusion import Proposal, propose_fusion
from labmodels.statistics.paired import paired_bootstrap
from labmodels.statistics.retrieval import compare_with_best

if TYPE_CHECKING:
    from labmodels.embeddings.stored import IndexReader, LiveIndex
    from labmodels.statistics.estimates import Estimate
    from labmodels.statistics.verdicts import Verdict

MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid")
_METRICS = {"ndcg": retrieval.ndcg, "recall": retrieval.recall, "mrr": retrieval.reciprocal_rank}
_STEPS = 10
_FEWEST = 2  # of one query alone nothing is known of the spread


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What judged queries say of a domain's search. A weight is the dense share; that of words is the rest of 1."""

    index: LiveIndex
    queries: int
    k: int
    scores: Mapping[Mode, Mapping[str, Estimate]]  # by mode, then ndcg, recall, mrr
    better_part: str  # lexical or dense, by nDCG
    verdict: Verdict  # of hybrid against it
    weight: float
    proposal: Proposal


def evaluate(
    reader: IndexReader, judged: Sequence[JudgedQuery], scope: Scope, encoder_of: EncoderOf, parse: Callable[[str], Query]
) -> Evaluation:
    """Measure the one domain of `scope` on its queries. Raises NoVerdict for fewer than two, and whatever keeps vectors away."""
    (domain,) = scope.domains
    if len(judged) < _FEWEST:
        raise NoVerdict(f"{domain} has {len(judged)} judged queries", hint="write at least 60 that are not used for tuning")
    queries = [parse(one.text) for one in judged]
    gathered = [gather(reader, query, scope.domains, "hybrid", encoder_of, _raise) for query in queries]

    def rankings(scope: Scope) -> list[list[str]]:
        return [_ranking(reader, *asked, scope) for asked in zip(judged, queries, gathered, strict=True)]

    by_mode = {mode: rankings(replace(scope, mode=mode)) for mode in MODES}
    ndcg = {mode: _scores(retrieval.ndcg, judged, by_mode[mode], scope.count) for mode in MODES}
    named = {mode: {str(at): score for at, score in enumerate(scores)} for mode, scores in ndcg.items()}
    better_part, verdict = compare_with_best(named["hybrid"], {mode: named[mode] for mode in ("lexical", "dense")})
    current = _share(scope.weights_of(domain))
    by_weight = {
        weight: _scores(retrieval.ndcg, judged, rankings(_weighted(scope, domain, weight)), scope.count)
        for weight in sorted({*(step / _STEPS for step in range(_STEPS + 1)), current})
    }
    return Evaluation(
        gathered[0].indexes[0],
        len(judged),
        scope.count,
        {
            mode: {name: paired_bootstrap(_scores(metric, judged, by_mode[mode], scope.count)) for name, metric in _METRICS.items()}
            for mode in MODES
        },
        better_part,
        verdict,
        current,
        propose_fusion(by_weight, current),
    )


def _raise(error: LabmodelsError) -> None:
    raise error


def _ranking(reader: IndexReader, judged: JudgedQuery, query: Query, gathered: Gathered, scope: Scope) -> list[str]:
    return judged_ids([hit.chunk for hit in ranked(reader, gathered, query, scope)], judged.relevant)


def _scores(
    metric: Callable[[Sequence[str], Mapping[str, int], int], float], judged: Sequence[JudgedQuery], rankings: Sequence[list[str]], k: int
) -> list[float]:
    return [metric(ranking, one.relevant, k) for one, ranking in zip(judged, rankings, strict=True)]


def _weighted(scope: Scope, domain: str, weight: float) -> Scope:
    return replace(scope, mode="hybrid", domain_weights={**scope.domain_weights, domain: Weights(1 - weight, weight)})


def _share(weights: Weights) -> float:
    total = weights.lexical + weights.dense
    return round(weights.dense / total, 6) if total else 0.0
