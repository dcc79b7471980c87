"""Brings a domain's index up to its sources: scan, difference, cut, embed what was never embedded, then one pointer.

What is scanned, read, cut and embedded by is handed in. Vectors are kept first, in batches; then the sources of a batch, each whole; a
run that is killed is gone on with from there. Nothing of it is seen before the last step, the flip. A source that fails keeps what is
shown of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING

from labmodels.embeddings.documents import Found, Skipped
from labmodels.embeddings.encoding.protocol import BadVector
from labmodels.embeddings.store import builds, rows, spaces
from labmodels.embeddings.store.difference import MOST_VANISHING, Difference, difference, is_mass_vanishing, vanished
from labmodels.embeddings.store.refresh import refresh
from labmodels.embeddings.store.rows import Source
from labmodels.embeddings.store.truth import Truth, open_to_read, writing
from labmodels.errors import GateFailed, LabmodelsError

if TYPE_CHECKING:
    from labmodels.embeddings.chunking.chunk import Chunk
    from labmodels.embeddings.documents import Document, StreamedDocument
    from labmodels.embeddings.encoding.protocol import Encoder

_BATCH_TEXTS = 2048  # texts to embed before they are kept: a kill loses no more than that
_BATCH_SOURCES = 2000  # sources that are committed together
_RACY_NS = 2_000_000_000  # a file younger than its reading may change within one tick of its clock: its time proves nothing


@dataclass(frozen=True)
class Corpus:
    """A domain's documents: how they are found, read and cut. `cut_identity` is all that decides how they are cut."""

    domain: str
    group: str  # the folder of the derived file
    cut_identity: str
    scan: Callable[[], Iterable[Found | Skipped]]
    read: Callable[[Found], Document | StreamedDocument | Skipped]
    cut: Callable[[Document | StreamedDocument], Iterable[Chunk]]


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that could not be brought up to date, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Wish:
    """What is asked of an update."""

    is_rebuild: bool = False  # a build beside the live one, from nothing but kept vectors
    allows_mass_delete: bool = False
    lock_wait_s: float = 0.0
    progress: Callable[[int, int, int], None] | None = None  # sources done, of how many, and the texts embedded so far


@dataclass
class Outcome:
    """What an update did, or, when it was only asked, would do."""

    domain: str
    generation: int = 0  # the live one afterwards; 0: none
    is_new: bool = False  # whether this run made it
    fingerprint: str = ""
    found: int = 0
    same: int = 0
    added: int = 0
    changed: int = 0
    deleted: int = 0
    chunks: int = 0  # cut in this run
    embedded: int = 0
    passed_over: list[Failure] = field(default_factory=list)  # what is no document
    failures: list[Failure] = field(default_factory=list)
    elapsed_s: float = 0.0

    @property
    def is_partial(self) -> bool:
        """Whether something is not as its source is."""
        return bool(self.failures)


class Vanished(GateFailed):
    """So much is gone that it is rather a missing mount than a deletion; nothing was changed."""


class NotShown(GateFailed):
    """A new build lacks sources that the live one shows; the live one stays."""


def update(folder: Path, corpus: Corpus, encoder: Encoder, parts: Mapping[str, object], wish: Wish) -> Outcome:
    """Bring the index of a domain in `folder` up to its sources. `parts` is what the fingerprint was made from, to be shown.

    Raises Vanished, NotShown, Busy, StorageFault; whatever it raises, what was shown before is still shown.
    """
    began_s = time.monotonic()
    with writing(folder, wish.lock_wait_s) as truth:
        outcome = _Update(truth, corpus, encoder, parts, wish).run()
    outcome.elapsed_s = time.monotonic() - began_s
    return outcome


def preview(folder: Path, corpus: Corpus, encoder: Encoder, wish: Wish) -> Outcome:
    """Return what an update would do. Reads and cuts what it would, embeds and changes nothing."""
    began_s = time.monotonic()
    truth = open_to_read(folder)
    outcome = _Preview(truth, corpus, encoder, wish).run()
    if truth:
        truth.close()
    outcome.elapsed_s = time.monotonic() - began_s
    return outcome


@dataclass
class _Cut:
    """A source that was read and cut."""

    source: Source
    chunks: list[Chunk]
    is_new: bool


class _Run:
    """The part of a run that only looks."""

    def __init__(self, corpus: Corpus, encoder: Encoder, wish: Wish) -> None:
        self.corpus, self.encoder, self.wish = corpus, encoder, wish
        self.outcome = Outcome(corpus.domain, fingerprint=encoder.fingerprint)

    def compare(self, held: Mapping[str, Source], shown: Mapping[str, Source]) -> Difference:
        """Scan, and return what is to be done to a build that holds `held`. Raises Vanished, compared with what is `shown`."""
        met = list(self.corpus.scan())
        found = [one for one in met if isinstance(one, Found)]
        skipped = [one for one in met if isinstance(one, Skipped)]
        failures = [one for one in skipped if one.is_failure]
        self.outcome.found = len(found)
        self.outcome.passed_over = [Failure(one.path, one.reason) for one in skipped if not one.is_failure]
        self.outcome.failures = [Failure(one.path or ".", one.reason) for one in failures]
        if not self.wish.allows_mass_delete:
            self._refuse_to_empty(shown, found, failures)
        result = difference(held, found, failures)
        self.outcome.same, self.outcome.deleted = len(result.same), len(result.gone)
        return result

    def _refuse_to_empty(self, shown: Mapping[str, Source], found: Sequence[Found], failures: Sequence[Skipped]) -> None:
        command = f"labmodels update-embeddings --domain {self.corpus.domain} --allow-mass-delete"
        hint = f"look whether its folders are there; if it is meant: {command}"
        for failure in failures:
            if failure.path == "" or (failure.path.endswith("/") and any(path.startswith(failure.path) for path in shown)):
                raise Vanished(f"{self.corpus.domain}: {failure.path or 'the root'} {failure.reason}; nothing was changed", hint=hint)
        gone = vanished(shown, found)
        if is_mass_vanishing(len(shown), len(gone)):
            share = f"{len(gone):,} of {len(shown):,} sources are gone, more than {MOST_VANISHING:.0%}"
            raise Vanished(f"{self.corpus.domain}: {share} (the first is {gone[0]}); nothing was changed", hint=hint)

    def looked_at(self, suspects: Sequence[Found], held: Mapping[str, Source]) -> Iterator[_Cut | Source | Failure]:
        """Yield what became of each suspect: cut anew, the same after all, or failed. What is no document holds no chunks."""
        for number, found in enumerate(suspects):
            self.tell(number, len(suspects))
            yield self._looked_at(found, held.get(found.path))
        self.tell(len(suspects), len(suspects))

    def tell(self, done: int, total: int) -> None:
        """Tell how far the run is, where somebody wants to know."""
        self._done, self._total = done, total
        if self.wish.progress and total:
            self.wish.progress(done, total, self.outcome.embedded)

    def _looked_at(self, found: Found, before: Source | None) -> _Cut | Source | Failure:
        seen_ns = time.time_ns()
        try:
            document = self.corpus.read(found)
            if isinstance(document, Skipped):
                if document.is_failure:
                    return Failure(document.path, document.reason)
                self.outcome.passed_over.append(Failure(document.path, document.reason))
                return _Cut(_source(found, "-", seen_ns), [], before is None)
            source = _source(found, document.digest, seen_ns)
            if before is not None and before.sha256 == source.sha256:
                return source
            return _Cut(source, list(self.corpus.cut(document)), before is None)
        except LabmodelsError as error:
            return Failure(found.path, str(error))
        except Exception as error:  # one strange document must not keep all others from being found
            return Failure(found.path, f"cannot be cut: {type(error).__name__}: {error}")


class _Preview(_Run):
    def __init__(self, truth: Truth | None, corpus: Corpus, encoder: Encoder, wish: Wish) -> None:
        super().__init__(corpus, encoder, wish)
        self.truth = truth

    def run(self) -> Outcome:
        held: dict[str, Source] = {}
        shown: dict[str, Source] = {}
        space = live = None
        if self.truth:
            with self.truth.reading() as connection:
                live = builds.live_of(connection, self.corpus.domain)
                space = spaces.find_space(connection, self.encoder.fingerprint)
                build = space and builds.newest(
                    connection, self.corpus.domain, space, self.corpus.cut_identity, is_unseen=self.wish.is_rebuild
                )
                held = rows.sources(connection, build) if build else {}
                shown = rows.sources(connection, live.build) if live else {}
        self.outcome.generation = live.generation if live else 0
        unseen: set[str] = set()
        for result in self.looked_at(self.compare(held, shown).suspects, held):
            if isinstance(result, _Cut):
                self.outcome.added += result.is_new
                self.outcome.changed += not result.is_new
                self.outcome.chunks += len(result.chunks)
                unseen.update(chunk.hash for chunk in result.chunks)
            elif isinstance(result, Source):
                self.outcome.same += 1
            else:
                self.outcome.failures.append(result)
        if self.truth and space:
            with self.truth.reading() as connection:
                unseen -= spaces.vector_ids(connection, space, unseen).keys()
        self.outcome.embedded = len(unseen)
        return self.outcome


class _Update(_Run):
    def __init__(self, truth: Truth, corpus: Corpus, encoder: Encoder, parts: Mapping[str, object], wish: Wish) -> None:
        super().__init__(corpus, encoder, wish)
        self.truth, self.parts = truth, parts
        self._pending: list[_Cut] = []
        self._texts: dict[str, str] = {}  # by hash, of what is pending
        self._touched: list[Source] = []

    def run(self) -> Outcome:
        with self.truth.reading() as connection:
            self.live = builds.live_of(connection, self.corpus.domain)
            shown = rows.sources(connection, self.live.build) if self.live else {}
            space = spaces.find_space(connection, self.encoder.fingerprint)
            build = space and builds.newest(connection, self.corpus.domain, space, self.corpus.cut_identity, is_unseen=self.wish.is_rebuild)
            held = rows.sources(connection, build) if build else {}
        work = self.compare(held, shown)
        self.outcome.generation = self.live.generation if self.live else 0
        with self.truth.reading() as connection:
            is_shown = build is not None and self.live is not None and build.id == self.live.build.id
            is_at_rest = is_shown and work.is_nothing and build is not None and not rows.is_ahead(connection, build)
            is_at_rest = is_at_rest and build is not None and build.folder == self.corpus.group
        if not is_at_rest:
            self._bring_up(space, build, work, held, shown)
        refresh(self.truth, self.corpus.domain)
        return self.outcome

    def _bring_up(
        self,
        space: spaces.Space | None,
        build: builds.Build | None,
        work: Difference,
        held: Mapping[str, Source],
        shown: Mapping[str, Source],
    ) -> None:
        with self.truth.transaction() as connection:
            self.run_id = builds.begin_run(connection, self.corpus.domain, "rebuild" if self.wish.is_rebuild else "update")
            self.space = space or spaces.make_space(connection, self.encoder.fingerprint, self.encoder.dimensions, self.parts)
            self.build = build or builds.begin(connection, self.corpus.domain, self.space, self.corpus.cut_identity, self.corpus.group)
            if self.build.folder != self.corpus.group:
                self.build = builds.move(connection, self.build, self.corpus.group)
            self.number = builds.next_number(connection, self.corpus.domain)
        with self._noted():
            for result in self.looked_at(work.suspects, held):
                self._take(result)
            self._commit()
            self._drop(work.gone)
            self._flip(shown)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note how the run ends; one that is killed stays `running`."""
        try:
            yield
        except LabmodelsError as error:
            with self.truth.transaction() as connection:
                builds.end_run(connection, self.run_id, f"failed: {error}", self._counts())
            raise

    def _counts(self) -> str:
        told = asdict(replace(self.outcome, passed_over=[], failures=[]))
        return json.dumps({**told, "failures": len(self.outcome.failures)})

    def _take(self, result: _Cut | Source | Failure) -> None:
        if isinstance(result, Failure):
            self.outcome.failures.append(result)
        elif isinstance(result, Source):
            self.outcome.same += 1
            self._touched.append(result)
        else:
            self._pending.append(result)
            self._texts.update((chunk.hash, chunk.embedded) for chunk in result.chunks)
            if len(self._texts) >= _BATCH_TEXTS or len(self._pending) >= _BATCH_SOURCES:
                self._commit()

    def _commit(self) -> None:
        """Embed what is pending and keep its vectors, then its sources."""
        pending, texts, touched = self._pending, self._texts, self._touched
        self._pending, self._texts, self._touched = [], {}, []
        ids = self._embedded(texts)
        if ids is None:  # one of them cannot be embedded: which?
            for one in pending:
                self._commit_alone(one)
            pending = []
        with self.truth.transaction() as connection:
            for one in pending:
                self._keep(connection, one, ids or {})
            rows.touch(connection, self.build, touched)

    def _commit_alone(self, one: _Cut) -> None:
        try:
            ids = self._vectors({chunk.hash: chunk.embedded for chunk in one.chunks})
        except BadVector as error:
            self.outcome.failures.append(Failure(one.source.path, str(error)))
            return
        with self.truth.transaction() as connection:
            self._keep(connection, one, ids)

    def _embedded(self, texts: Mapping[str, str]) -> dict[str, int] | None:
        try:
            return self._vectors(texts)
        except BadVector:
            return None

    def _vectors(self, texts: Mapping[str, str]) -> dict[str, int]:
        """Return the ids of the vectors of texts by hash; those that have none yet are embedded."""
        ids = spaces.vector_ids(self.truth.connection, self.space, texts, is_verified=self.wish.is_rebuild)
        unseen = [digest for digest in texts if digest not in ids]
        for start in range(0, len(unseen), _BATCH_TEXTS):
            part = unseen[start : start + _BATCH_TEXTS]
            vectors = self.encoder.documents([texts[digest] for digest in part], self._embedded_more)
            with self.truth.transaction() as connection:
                spaces.add_vectors(connection, self.space, part, vectors)
        return ids | spaces.vector_ids(self.truth.connection, self.space, unseen)

    def _embedded_more(self, count: int) -> None:
        self.outcome.embedded += count
        self.tell(self._done, self._total)

    def _keep(self, connection: Connection, one: _Cut, ids: Mapping[str, int]) -> None:
        rows.replace_source(connection, self.build, self.number, one.source, one.chunks, ids)
        self.outcome.added += one.is_new
        self.outcome.changed += not one.is_new
        self.outcome.chunks += len(one.chunks)

    def _drop(self, gone: Sequence[str]) -> None:
        if gone:
            with self.truth.transaction() as connection:
                for path in gone:
                    rows.drop_source(connection, self.build, self.number, path)

    def _flip(self, shown: Mapping[str, Source]) -> None:
        is_beside = self.live is None or self.live.build.id != self.build.id
        if is_beside and self.live is not None and not self.wish.allows_mass_delete:
            lost = sorted({failure.path for failure in self.outcome.failures} & shown.keys())
            if lost:
                fact = (
                    f"{self.corpus.domain}: generation {self.live.generation} stays live, the new build lacks {len(lost):,} of its sources"
                )
                raise NotShown(f"{fact}: {lost[0]}: {self._reason(lost[0])}", hint="mend or exclude them, then run it again")
        with self.truth.transaction() as connection:
            self.outcome.is_new = is_beside or rows.is_ahead(connection, self.build)
            if self.outcome.is_new:
                self.outcome.generation = builds.flip(connection, self.build, self.run_id)
            builds.end_run(connection, self.run_id, "partial" if self.outcome.failures else "done", self._counts())

    def _reason(self, path: str) -> str:
        return next(failure.reason for failure in self.outcome.failures if failure.path == path)


def _source(found: Found, digest: str, seen_ns: int) -> Source:
    mtime_ns = 0 if seen_ns - found.mtime_ns < _RACY_NS else found.mtime_ns
    return Source(found.path, found.size_bytes, mtime_ns, found.inode, digest)
