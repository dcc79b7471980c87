"""A model is exported once, whole or not at all, and only what passes the parity test is ever used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from labmodels.durable import FileSystem
from labmodels.embeddings.encoding import parity
from labmodels.embeddings.encoding.encoder import NoExport, encoder_of
from labmodels.embeddings.encoding.export import Verdict, export, key_of, verdict_of
from labmodels.embeddings.encoding.fingerprint import Fingerprint
from labmodels.embeddings.encoding.weights import Weights, find_weights
from labmodels.errors import Busy, StorageFault
from labmodels.lab import locked
from tests.embeddings.encoding.models import config


@pytest.fixture(scope="module")
def weights() -> Weights:
    return find_weights("all-MiniLM-L6-v2", Path(), fetch=False)


@pytest.fixture(scope="module")
def identity(weights, tmp_path_factory) -> Fingerprint:
    cache = tmp_path_factory.mktemp("digests")
    digests = weights.weights_digest(cache), weights.tokenizer_digest(cache)
    return Fingerprint(*digests, 384, 256, "mean", True, "", "", "openvino", "float32")


@pytest.fixture(scope="module")
def reference(identity):
    vectors = np.load(parity.on_file(identity.weights, identity.tokenizer, 256, "mean")).astype(np.float32)
    return lambda texts: vectors


def names(cache: Path) -> list[str]:
    return sorted(entry.name for entry in (cache / "encoders").iterdir())


def test_a_second_call_exports_nothing_and_asks_no_reference(weights, identity, reference, tmp_path):
    first = export(weights, identity, tmp_path, reference, 5)
    assert first.is_accepted
    assert first.least_cosine > 0.9999
    before = {path: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    assert export(weights, identity, tmp_path, lambda texts: pytest.fail("asked again"), 5) == first
    assert verdict_of(identity, tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in first.folder.iterdir()} == before


def test_an_export_that_differs_from_the_reference_is_refused_and_the_reason_is_kept(weights, identity, reference, tmp_path):
    def slightly_off(texts):
        vectors = reference(texts).copy()
        vectors[17] += 0.05 * np.roll(vectors[17], 1)  # one text of 64, by a little
        return vectors

    verdict = export(weights, identity, tmp_path, slightly_off, 5)
    assert not verdict.is_accepted
    assert "0.9995 is asked for" in verdict.reason
    assert [path.name for path in verdict.folder.iterdir()] == ["verdict.json"]
    assert verdict_of(identity, tmp_path) == verdict
    assert export(weights, identity, tmp_path, reference, 5) == verdict  # not tried again with the same runtime


class Refusing(FileSystem):
    """A disk that fails at the rename that would publish an export."""

    def rename(self, src, dst):
        if dst.name.startswith(self.name):
            raise OSError(28, "No space left on device")
        super().rename(src, dst)


def test_a_full_disk_leaves_nothing_and_the_next_call_finds_a_clean_cache(weights, identity, reference, tmp_path):
    files = Refusing()
    files.name = key_of(identity)
    with pytest.raises(StorageFault, match="No space left"):
        export(weights, identity, tmp_path, reference, 5, files)
    assert names(tmp_path) == ["lock"]
    assert export(weights, identity, tmp_path, reference, 5).is_accepted


def test_one_who_waits_too_long_is_told(weights, identity, reference, tmp_path):
    (tmp_path / "encoders").mkdir()
    with locked(tmp_path / "encoders" / "lock", 0), pytest.raises(Busy):
        export(weights, identity, tmp_path, reference, 0)


def test_another_openvino_tests_anew_and_queries_go_on_until_it_has(weights, identity, reference, tmp_path):
    verdict = export(weights, identity, tmp_path, reference, 5)
    earlier = verdict.folder.with_name(f"{key_of(identity)}-2025.0.0")
    verdict.folder.rename(earlier)
    assert verdict_of(identity, tmp_path).folder == earlier
    assert export(weights, identity, tmp_path, reference, 5).folder == verdict.folder
    assert names(tmp_path) == [verdict.folder.name, "lock"]


def test_a_refusal_by_another_openvino_says_nothing(identity, tmp_path):
    folder = tmp_path / "encoders" / f"{key_of(identity)}-2025.0.0"
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text(json.dumps(Verdict(folder, False, "no")._asdict() | {"folder": None}))
    assert verdict_of(identity, tmp_path) is None


EXPORTING = """
import sys
from pathlib import Path
from labmodels.embeddings.encoding.encoder import encoder_of
from tests.embeddings.encoding.models import config
print("ready", flush=True)
print(encoder_of(config(), Path(sys.argv[1])).fingerprint)
"""


def started(cache: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", EXPORTING, str(cache)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )


def test_two_processes_export_once(tmp_path):
    both = [started(tmp_path), started(tmp_path)]
    answers = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert len({answer[0] for answer in answers}) == 1
    assert len(names(tmp_path)) == 2  # the export and the lock


@pytest.mark.parametrize("after_s", [0.15, 0.4, 0.7])
def test_a_killed_export_is_not_there_or_whole(tmp_path, after_s):
    process = started(tmp_path)
    assert process.stdout.readline() == "ready\n"
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    try:
        vector = encoder_of(config(), tmp_path, for_query=True).query("a key")
    except NoExport:
        vector = encoder_of(config(), tmp_path).query("a key")
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    encoder_of(config(), tmp_path)
    assert len(names(tmp_path)) == 2
