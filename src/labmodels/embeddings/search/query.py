"""Reads what was typed: filters, quoted phrases, words with their parts and synonyms, and the FTS5 expression of it all. Pure.

Every term of the expression is quoted, so that nothing that is typed is ever an operator: `C++`, `foo-bar` and `AND` are words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from labmodels.words import is_telling, terms, with_pairs, words

LONGEST = 10_000  # characters; of a longer query the rest is not read
MOST_TERMS = 64

_PIECE = re.compile(
    r"""(?<!\S) (?P<name>path|kind|domain) : (?: "(?P<quoted>[^"]+)" | (?P<value>[^\s"]+) )
    | "(?P<phrase>[^"]*)"
    | (?P<word>[^\s"]+)""",
    re.VERBOSE,
)
_JOINED = re.compile(r"[^\W_](?:[\w.:/+#-]*\w)?")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a hit must satisfy: one of the path globs, one of the kinds, one of the domains; none of a sort admits all."""

    paths: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()

    def __and__(self, other: Filters) -> Filters:
        """Return both together: what is named in either is admitted."""
        return Filters(self.paths + other.paths, self.kinds + other.kinds, self.domains + other.domains)


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it is searched. `text` is what an encoder is given; `phrases` must occur, `terms` may."""

    text: str
    terms: tuple[str, ...]
    phrases: tuple[str, ...] = ()
    filters: Filters = Filters()
    is_cut: bool = False

    @property
    def expression(self) -> str:
        """The FTS5 expression: all phrases, and any of phrases and terms; empty when there is no word to look for."""
        any_of = " OR ".join(quoted(one) for one in (*self.phrases, *self.terms))
        all_of = " AND ".join(quoted(phrase) for phrase in self.phrases)
        return f"{all_of} AND ({any_of})" if self.phrases and self.terms else all_of or any_of

    @property
    def stems(self) -> frozenset[str]:
        """The stems of all that is looked for, two neighbours joined among them."""
        return frozenset(stem for one in (*self.phrases, *self.terms) for stem in with_pairs(terms(one) or words(one)))


def parsed(text: str, synonyms: Mapping[str, Sequence[str]] | None = None) -> Query:
    """Return what `text` asks for. Words that any text holds count only where there is no other; `synonyms` are the lab's own."""
    sound = text[:LONGEST].encode("utf-8", "replace").decode().replace("\0", " ")
    filters: dict[str, list[str]] = {"path": [], "kind": [], "domain": []}
    phrases: list[str] = []
    rest: list[str] = []
    for piece in _PIECE.finditer(sound):
        if piece["name"]:
            filters[piece["name"]].append(piece["quoted"] or piece["value"])
            continue
        rest.append(piece["phrase"] or piece["word"] or "")
        if piece["phrase"] and words(piece["phrase"]):
            phrases.append(" ".join(piece["phrase"].split()))
    asked = " ".join(" ".join(rest).split())
    found = tuple(dict.fromkeys(_terms(asked, phrases, synonyms or {})))
    return Query(
        asked,
        found[:MOST_TERMS],
        tuple(dict.fromkeys(phrases)),
        Filters(tuple(filters["path"]), tuple(filters["kind"]), tuple(filters["domain"])),
        is_cut=len(text) > LONGEST or len(found) > MOST_TERMS,
    )


def quoted(term: str) -> str:
    """Return a term as FTS5 takes it literally: its tokens in their order, whatever they are."""
    return '"' + term.replace('"', '""').replace("\0", " ") + '"'


def _terms(asked: str, phrases: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the words, then identifiers as a whole, two neighbours as one word, and the synonyms."""
    plain = words(asked)
    telling = [word for word in plain if is_telling(word)] or plain
    yield from telling
    yield from (joined[0] for joined in _JOINED.finditer(asked) if len(words(joined[0])) > 1)
    yield from with_pairs(telling)[len(telling) :]
    yield from _synonyms(terms(" ".join((asked, *phrases))), synonyms)


def _synonyms(stems: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for word, others in synonyms.items():
        group = (word, *others)
        spoken = [one for one in group if _holds(stems, terms(one))]
        if spoken:
            yield from (one for one in group if one not in spoken)


def _holds(stems: Sequence[str], part: Sequence[str]) -> bool:
    """Whether `part` stands in `stems` in one piece."""
    return bool(part) and any(list(stems[at : at + len(part)]) == list(part) for at in range(len(stems) - len(part) + 1))


def holds_phrase(text: str, phrases: Iterable[str]) -> bool:
    """Whether a text holds each phrase word for word, whatever the case and what stands between the words."""
    spoken = f" {' '.join(words(text))} "
    return all(f" {' '.join(words(phrase))} " in spoken for phrase in phrases)
