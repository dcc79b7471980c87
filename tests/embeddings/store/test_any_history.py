"""Whatever happens to the documents and to the runs that index them, the index ends equal to one that was built from nothing."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from labmodels.embeddings.store import gc
from labmodels.embeddings.store.check import check
from labmodels.embeddings.store.reader import StoreReader
from labmodels.embeddings.store.rollback import roll_back
from labmodels.embeddings.store.truth import Truth, open_to_read, writing
from tests.embeddings.store.indexing import DOMAIN, HashedWords, Library, contents

NAMES = st.sampled_from(["a.md", "b.md", "sub/c.md", "sub/d.md", "sub/deep/e.md"])
WORDS = st.lists(st.sampled_from(["key", "disk", "host", "release", "rollback", "C++", "foo-bar", "naïve"]), min_size=1, max_size=12).map(
    " ".join
)
TEXTS = st.lists(st.tuples(st.sampled_from(["", "# Title\n\n", "## Part\n\n"]), WORDS), min_size=1, max_size=4).map(
    lambda parts: "\n\n".join(title + words for title, words in parts)
)


MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # thousands of transactions, each of which waits for the disk


class Killed(BaseException):
    """Ends a run between two transactions, as SIGKILL would."""


class AnyHistory(RuleBasedStateMachine):
    """Edits, deletions, moves, kills, other models, rollbacks and gc in any order."""

    @initialize(documents=st.dictionaries(NAMES, TEXTS))
    def begin(self, documents: dict[str, str]) -> None:
        self.place = tempfile.TemporaryDirectory(dir=MEMORY)
        self.library = Library(Path(self.place.name))
        self.shown: dict[int, dict] = {}  # what each generation showed when it was live
        self.write(documents)
        self._update()

    def teardown(self) -> None:
        if hasattr(self, "library"):
            self._update()
            self._equals_a_rebuild()
            self.place.cleanup()

    @rule(documents=st.dictionaries(NAMES, TEXTS, min_size=1))
    def write(self, documents: dict[str, str]) -> None:
        for name, text in documents.items():
            self.library.write(name, text)

    @rule(names=st.sets(NAMES, min_size=1))
    def delete(self, names: set[str]) -> None:
        for name in names:
            (self.library.root / name).unlink(missing_ok=True)

    @rule(old=NAMES, new=NAMES)
    def rename(self, old: str, new: str) -> None:
        if (self.library.root / old).exists() and old != new:
            (self.library.root / new).parent.mkdir(parents=True, exist_ok=True)
            (self.library.root / old).rename(self.library.root / new)

    @rule(documents=st.dictionaries(NAMES, TEXTS), is_rebuild=st.booleans())
    def update(self, documents: dict[str, str], is_rebuild: bool) -> None:
        self.write(documents)
        self._update(is_rebuild=is_rebuild)
        self._equals_a_rebuild()

    @rule(documents=st.dictionaries(NAMES, TEXTS), after=st.integers(0, 6), is_rebuild=st.booleans(), is_undone=st.booleans())
    def kill(self, documents: dict[str, str], after: int, is_rebuild: bool, is_undone: bool) -> None:
        old = {path: path.read_text() for path in self.library.root.rglob("*.md")}
        self.write(documents)
        before = self._contents()
        left = after
        whole = Truth.transaction

        def counted(truth: Truth):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return whole(truth)

        Truth.transaction = counted
        try:
            with suppress(Killed):
                self._update(is_rebuild=is_rebuild)
                before = self._contents()
        finally:
            Truth.transaction = whole
        _same(self._contents(), before)
        if is_undone:
            for path, text in old.items():
                path.write_text(text)

    @rule(seed=st.integers(0, 2))
    def other_model(self, seed: int) -> None:
        self.library.encoder = HashedWords(seed, 64 + seed)

    @rule(documents=st.dictionaries(NAMES, TEXTS, min_size=1), after=st.integers(3, 9), steps=st.integers(1, 4))
    def roll_back(self, documents: dict[str, str], after: int, steps: int) -> None:
        self.kill(documents, after, is_rebuild=False, is_undone=False)  # or not: it may be over before
        numbers = sorted(self.shown)
        number = numbers[max(0, len(numbers) - 1 - steps)]
        back = roll_back(self.library.index, DOMAIN, number, 1)
        assert back.to == number
        _same(self._contents(), self.shown[number])
        self.shown[back.generation] = self._contents()

    @rule(keep=st.integers(1, 4))
    def collect(self, keep: int) -> None:
        before = self._contents()
        with writing(self.library.index, 1) as truth:
            gc.collect(truth, keep)
        with StoreReader(self.library.index) as reader:
            live = reader.live(DOMAIN)
        floor = (live.generation if live else 0) - keep
        self.shown = {number: what for number, what in self.shown.items() if number > floor}
        _same(self._contents(), before)

    @invariant()
    def nothing_is_out_of_order(self) -> None:
        if hasattr(self, "library"):
            assert check(self.library.index) == []

    def _update(self, *, is_rebuild: bool = False) -> None:
        outcome = self.library.update(is_rebuild=is_rebuild, allows_mass_delete=True)
        assert not outcome.failures
        self.shown[outcome.generation] = self._contents()

    def _equals_a_rebuild(self) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            other = self.library.rebuilt(Path(folder))
            _same(self._contents(), _contents(other))

    def _contents(self) -> dict:
        return _contents(self.library)


def _contents(library: Library) -> dict:
    truth = open_to_read(library.index)
    if truth is None:
        return {}
    with truth, StoreReader(library.index) as reader:
        return contents(reader, truth.connection)


def _same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    assert all(float(one[key] @ other[key]) > 1 - 1e-3 for key in one)
    assert all(np.isfinite(vector).all() for vector in one.values())


AnyHistory.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
TestAnyHistory = AnyHistory.TestCase
