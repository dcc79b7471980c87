"""The fast form of the real weights: its vectors are the reference's, whatever else is in the batch, and no torch is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from labmodels.embeddings.encoding import parity
from labmodels.embeddings.encoding.batching import embedded
from labmodels.embeddings.encoding.encoder import encoder_of
from labmodels.embeddings.encoding.runtime import has_bfloat16
from labmodels.errors import StorageFault
from tests.embeddings.encoding.models import config

PRECISIONS = ["float32", "auto", "int8"]
LEAST = {"float32": 0.999999, "auto": 0.9995, "int8": 0.99}
SHORT = "rotate a key"
LONG = "A release that was deployed to production is rolled back by its number. " * 12


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", params=PRECISIONS)
def encoder(request, cache):
    encoder = encoder_of(config(precision=request.param), cache)
    assert encoder.identity.backend == "openvino"  # and not the reference in its place
    return encoder


@pytest.fixture
def least(request) -> float:
    return LEAST[request.node.callspec.params["encoder"]]


def cosines(some, others):
    return np.sum(np.asarray(some, dtype=np.float64) * others, axis=-1)


def test_vectors_are_the_references(encoder, least):
    identity = encoder.identity
    reference = np.load(parity.on_file(identity.weights, identity.tokenizer, 256, "mean")).astype(np.float64)
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    assert cosines(encoder.documents(parity.TEXTS), reference).min() >= least


def test_a_vector_does_not_depend_on_the_others_of_its_batch(encoder):
    """Or an incremental index would not equal a rebuilt one."""
    alone = encoder.documents([SHORT])[0]
    for company in ([LONG] * 7, [SHORT, "", LONG], ["0x17 " * 200], list(parity.TEXTS)):
        for texts in ([SHORT, *company], [*company, SHORT]):
            assert cosines(encoder.documents(texts)[texts.index(SHORT)], alone) > 1 - 1e-3


def test_a_query_is_the_document_of_the_same_text(encoder):
    for text in (SHORT, LONG, "", "C++", "AND OR NOT", "x" * 100_000):
        assert cosines(encoder.query(text), encoder.documents([text])[0]) > 1 - 1e-3


def test_vectors_are_in_the_order_of_their_texts_and_progress_adds_up(encoder):
    texts, told = [f"{number} " * (number % 13 + 1) for number in range(150)], []
    vectors = encoder.documents(texts, told.append)
    assert vectors.shape == (150, 384)
    assert vectors.dtype == np.float32
    assert sum(told) == 150
    assert len(told) > 1
    for number in (0, 12, 77, 149):
        assert cosines(vectors[number], encoder.documents([texts[number]])[0]) > 1 - 1e-3
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_what_is_stopped_halfway_leaves_an_encoder_that_works(encoder):
    def stop(done):
        raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            encoder.documents([LONG] * 400, stop)
    assert cosines(encoder.documents([SHORT])[0], encoder.query(SHORT)) > 1 - 1e-3


def test_windows_give_the_same_as_one_call(encoder):
    texts = list(parity.TEXTS)
    parts = [vectors for _, vectors in embedded(encoder, ((number, text) for number, text in enumerate(texts)), window=9)]
    assert cosines(np.concatenate(parts), encoder.documents(texts)).min() > 1 - 1e-3


def test_a_text_is_read_up_to_the_limit_and_counted_beyond_it(encoder):
    """MiniLM's own file cuts at 128 tokens and pads to them; sentence-transformers reads 256."""
    words = "key " * 254
    assert encoder.count(words) == 256  # with the marks of beginning and end
    assert encoder.count(words * 2) == 510
    assert encoder.count("") == 2
    assert cosines(encoder.documents([words])[0], encoder.documents([words + "moon " * 50])[0]) > 1 - 1e-3
    at_128 = "key " * 126
    assert cosines(encoder.documents([at_128])[0], encoder.documents([at_128 + "moon " * 100])[0]) < 0.9


def test_half_characters_and_none_at_all_are_texts_too(encoder):
    vectors = encoder.documents(["\ud800 broken", "", "\0", "🚀" * 3])
    assert np.isfinite(vectors).all()
    assert encoder.count("\udcff") >= 2
    assert encoder.documents([]).shape == (0, 384)


def test_prompts_are_read_and_are_another_space(cache):
    plain = encoder_of(config(), cache)
    prompted = encoder_of(config(prompts={"query": "find: ", "document": "title: "}), cache)
    assert cosines(prompted.query(SHORT), plain.query(f"find: {SHORT}")) > 1 - 1e-6
    assert cosines(prompted.documents([SHORT])[0], plain.documents([f"title: {SHORT}"])[0]) > 1 - 1e-3
    assert prompted.fingerprint != plain.fingerprint
    assert prompted.count(SHORT) > plain.count(SHORT)


def test_without_normalisation_lengths_are_the_models_own(cache):
    vectors = encoder_of(config(normalize=False), cache).documents([SHORT, LONG])
    assert (np.abs(np.linalg.norm(vectors, axis=1) - 1) > 0.01).all()


def test_int8_is_a_choice_with_a_warning_that_says_what_it_costs(cache):
    assert "int8" in encoder_of(config(precision="int8"), cache).warnings[0]
    auto = encoder_of(config(), cache)
    assert auto.warnings == ()
    assert auto.identity.precision == ("bfloat16" if has_bfloat16() else "float32")


def test_each_precision_is_a_space_of_its_own(cache):
    assert len({encoder_of(config(precision=precision), cache).fingerprint for precision in ("float32", "int8")}) == 2


WATCHED = """
import json, os, sys
from pathlib import Path
seen = []
sys.addaudithook(lambda event, arguments: seen.append(event) if event.startswith("socket.") else None)
from labmodels.embeddings.encoding.encoder import encoder_of
from tests.embeddings.encoding.models import config
encoder = encoder_of(config(), Path(sys.argv[1]), for_query=sys.argv[2] == "query")
vector = encoder.query("how do I rotate a provider key?")
heavy = {"torch", "transformers", "sentence_transformers", "huggingface_hub", "faiss", "scipy"} & set(sys.modules)
print(json.dumps([len(vector), sorted(heavy), seen, os.listdir(os.environ["HOME"])]))
"""


@pytest.mark.parametrize("path", ["documents", "query"])
def test_neither_path_loads_torch_opens_a_socket_or_touches_the_home(cache, tmp_path, path):
    """OpenVINO reports its own import to a server, and leaves an id in the home, where nothing keeps it from that."""
    encoder_of(config(), cache)
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS", "TF_BUILD", "JENKINS_URL")}
    environ = kept | {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", WATCHED, str(cache if path == "query" else tmp_path / ".." / "new"), path]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=True, timeout=60)
    assert json.loads(done.stdout) == [384, [], [], []]


def test_a_truncated_model_is_an_error_that_says_what_to_do(tmp_path):
    encoder_of(config(), tmp_path)
    (model,) = tmp_path.glob("encoders/*/model.bin")
    model.write_bytes(model.read_bytes()[:100_000])
    for use in (lambda encoder: encoder.query("a"), lambda encoder: encoder.documents(["a"])):
        with pytest.raises(StorageFault, match="damaged"):
            use(encoder_of(config(), tmp_path))


def test_a_torn_compiled_form_is_made_again(tmp_path):
    vector = encoder_of(config(), tmp_path).query("a key")
    (compiled,) = tmp_path.glob("encoders/*/*.blob")
    data = compiled.read_bytes()
    for torn in (b"", data[:1000], data[: len(data) // 2]):
        compiled.chmod(0o600)
        compiled.write_bytes(torn)
        assert cosines(encoder_of(config(), tmp_path, for_query=True).query("a key"), vector) > 1 - 1e-6


AFTER_A_MODEL = """
import gc, signal, sys, time
from pathlib import Path
from labmodels.embeddings.encoding.encoder import encoder_of
from tests.embeddings.encoding.models import config

for _ in range(2):
    encoder = encoder_of(config(), Path(sys.argv[1]))
    encoder.documents(["a text"]), encoder.query("a text")
    del encoder
    gc.collect()

def ring(*_):
    raise TimeoutError

signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    time.sleep(10)
except TimeoutError:
    print("handled")
"""


def test_a_signal_is_handled_after_a_model_has_gone(cache):
    done = subprocess.run([sys.executable, "-c", AFTER_A_MODEL, str(cache)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
