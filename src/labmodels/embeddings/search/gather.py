"""Looks a query up in each domain, by words and by vectors. What the two lists are worth is left to `fusion` and `search`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from labmodels.embeddings.search.fusion import Scored
from labmodels.embeddings.search.query import Query
from labmodels.embeddings.stored import IndexReader, LiveIndex
from labmodels.errors import ExitCode, LabmodelsError

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

Mode = Literal["hybrid", "dense", "lexical"]
DEPTH = 100  # of each list and domain; what both rank lower would come after every hit that is shown
_FILTERED_DEPTH = 1_000  # where hits are dropped for their kind or a missing phrase


class QueryEncoder(Protocol):
    """Makes the vector of a query in one space."""

    @property
    def fingerprint(self) -> str:
        """The space, as the index of a domain names it."""

    def query(self, text: str) -> NDArray[float32]:
        """Return the vector of a query."""


EncoderOf = Callable[[str], QueryEncoder]
"""Returns the encoder of a domain; raises an error of the tree, with what mends it, where there is none."""


class NoIndex(LabmodelsError):
    """There is no index of a domain, or its vectors are of another space than the encoder that is configured."""

    exit_code = ExitCode.STALE

    @classmethod
    def of(cls, domains: Sequence[str]) -> NoIndex:
        """Return the error for domains that were never built."""
        return cls(f"there is no index of {', '.join(domains) or 'any domain'} yet", hint=_update(*domains))


def _update(*domains: str) -> str:
    options = " ".join(f"--domain {domain}" for domain in domains) or "--all"
    return f"labmodels update-embeddings {options} --incremental"


@dataclass(frozen=True, slots=True)
class Gathered:
    """What both lists hold, before they are weighed, and the domain of each chunk in them.

    `dense_domains` are those whose vectors were compared.
    """

    lexical: tuple[Scored, ...]
    dense: tuple[Scored, ...]
    domains: Mapping[int, str]
    indexes: tuple[LiveIndex, ...]
    dense_domains: frozenset[str]


def gather(
    reader: IndexReader,
    query: Query,
    domains: Sequence[str],
    mode: Mode,
    encoder_of: EncoderOf,
    without_vectors: Callable[[LabmodelsError], None],
) -> Gathered:
    """Return what words and vectors find.

    `without_vectors` is told why those of a domain cannot be compared, or raises it. A domain that is being built for the first time
    answers by the words that are there. Raises NoIndex for domains of which there is nothing.
    """
    depth = _FILTERED_DEPTH if query.filters.kinds or query.phrases else DEPTH
    by_words: dict[str, list[Scored]] = {}
    by_vectors: dict[str, list[Scored]] = {}
    indexes = {domain: reader.live(domain) for domain in domains}
    vectors = _Vectors(query.text)
    for domain, index in indexes.items():
        if mode != "dense" and query.expression:
            by_words[domain] = reader.lexical(domain, query.expression, depth, query.filters.paths)
        if mode == "lexical" or not query.text or (index is not None and not index.chunk_count):
            continue
        try:
            by_vectors[domain] = reader.dense(domain, vectors.of(domain, index, encoder_of), depth, query.filters.paths)
        except LabmodelsError as error:
            if index is not None or by_words.get(domain):
                without_vectors(error)
    missing = [domain for domain, index in indexes.items() if index is None and not by_words.get(domain)]
    if missing:
        raise NoIndex.of(missing)
    return Gathered(
        tuple(one for found in by_words.values() for one in found),
        tuple(one for found in by_vectors.values() for one in found),
        {id_: domain for lists in (by_words, by_vectors) for domain, found in lists.items() for id_, _ in found},
        tuple(index for index in indexes.values() if index is not None),
        frozenset(by_vectors),
    )


class _Vectors:
    """Encodes a query once in each space."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._by_space: dict[str, NDArray[float32]] = {}

    def of(self, domain: str, index: LiveIndex | None, encoder_of: EncoderOf) -> NDArray[float32]:
        """Return the query's vector in the space of an index. Raises NoIndex when the encoder has another."""
        if index is None:
            raise NoIndex(f"{domain} is still being built", hint=_update(domain))
        encoder = encoder_of(domain)
        if encoder.fingerprint != index.space:
            raise NoIndex(
                f"the index of {domain} was made by another encoder than the one that is configured",
                hint=_update(domain),
            )
        if index.space not in self._by_space:
            self._by_space[index.space] = encoder.query(self._text)
        return self._by_space[index.space]
