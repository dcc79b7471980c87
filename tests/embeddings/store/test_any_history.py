"""Whatever happens to the documents and to the runs that index them, the index ends equal to one that was built from nothing."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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
TEXTS = st.lists(st.tuples(st.sampled_from(["", "# Title\n\n", "## Part\n\n"]), WORDS), max_size=4).map(
    lambda parts: "\n\n".join(title + words for title, words in parts)
)


class Killed(BaseException):
    """Ends a run between two transactions, as SIGKILL would."""


class AnyHistory(RuleBasedStateMachine):
    """Edits, deletions, moves, kills, other models, rollbacks and gc in any order."""

    @initialize()
    def begin(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.library = Library(Path(self.place.name))
        self.shown: dict[int, dict] = {}  # what each generation showed when it was live

    def teardown(self) -> None:
        if hasattr(self, "library"):
            self._update()
            self._equals_a_rebuild()
            self.place.cleanup()

    @rule(name=NAMES, text=TEXTS)
    def write(self, name: str, text: str) -> None:
        self.library.write(name, text)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        (self.library.root / name).unlink(missing_ok=True)

    @rule(old=NAMES, new=NAMES)
    def rename(self, old: str, new: str) -> None:
        if (self.library.root / old).exists() and old != new:
            (self.library.root / new).parent.mkdir(parents=True, exist_ok=True)
            (self.library.root / old).rename(self.library.root / new)

    @rule(is_rebuild=st.booleans())
    def update(self, is_rebuild: bool) -> None:
        self._update(is_rebuild=is_rebuild)
        self._equals_a_rebuild()

    @rule(after=st.integers(0, 8), is_rebuild=st.booleans())
    def kill(self, after: int, is_rebuild: bool) -> None:
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

    @rule(seed=st.integers(0, 2))
    def other_model(self, seed: int) -> None:
        self.library.encoder = HashedWords(seed, 64 + seed)

    @precondition(lambda self: len(self.shown) > 1)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.shown)))
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
        with tempfile.TemporaryDirectory() as folder:
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


AnyHistory.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
TestAnyHistory = AnyHistory.TestCase
