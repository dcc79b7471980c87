"""Brings a model into the form that `exported` runs, once, and keeps the verdict of the parity test with it.

An export is a folder `encoders/KEY-VERSION` of the cache: the model, and verdict.json. It appears whole, by a rename, under a lock. A
refused one holds the verdict alone, so that its reason can be shown. Another OpenVINO tests anew; until it has, queries go on with what
an earlier one accepted.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from labmodels.durable import DISK, FileSystem
from labmodels.embeddings.encoding import graph, parity
from labmodels.embeddings.encoding.exported import MODEL_FILE, ExportedEncoder
from labmodels.embeddings.encoding.tokens import Tokens
from labmodels.errors import MissingExtra, StorageFault
from labmodels.lab import locked

if TYPE_CHECKING:
    from labmodels.embeddings.encoding.fingerprint import Fingerprint
    from labmodels.embeddings.encoding.protocol import Vectors
    from labmodels.embeddings.encoding.weights import Weights

Reference = Callable[[Sequence[str]], "Vectors"]
_VERDICT = "verdict.json"


class Verdict(NamedTuple):
    """Whether an export may stand for the reference; `folder` holds it. `least_cosine` is None where nothing could be exported."""

    folder: Path
    is_accepted: bool
    reason: str
    least_cosine: float | None = None


def key_of(identity: Fingerprint) -> str:
    """Return the part of a fingerprint that an export depends on: prompts, cutting and normalisation are applied around it."""
    parts = (identity.weights, identity.tokenizer, str(identity.max_tokens), identity.pooling, identity.precision)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def verdict_of(identity: Fingerprint, cache: Path) -> Verdict | None:
    """Return the verdict of this OpenVINO, else an acceptance of another one; None where there is neither. Reads a few bytes."""
    key, own = key_of(identity), _folder(identity, cache)
    others = sorted(folder for folder in own.parent.glob(f"{key}-*") if folder != own)
    found = [verdict for folder in (own, *others) if (verdict := _read(folder))]
    return next((verdict for verdict in found if verdict.folder == own or verdict.is_accepted), None)


def export(
    weights: Weights, identity: Fingerprint, cache: Path, reference: Reference, lock_wait_s: float, files: FileSystem = DISK
) -> Verdict:
    """Return the verdict of this OpenVINO, after exporting and testing where there is none yet. Raises Busy, StorageFault, MissingExtra."""
    final = _folder(identity, cache)
    if found := _read(final):
        return found
    files.make_folder(final.parent)
    with locked(final.parent / "lock", lock_wait_s):
        if found := _read(final):  # another process was faster
            return found
        files.remove_tree(final)  # a folder without a verdict
        files.remove_leftovers(final.parent)
        staged = final.with_name(f".{final.name}.{os.urandom(6).hex()}.tmp")
        files.make_folder(staged)
        try:
            verdict = _exported(weights, identity, staged, reference)
            files.write_file(staged / _VERDICT, json.dumps(verdict._asdict() | {"folder": None}).encode())
            files.publish_tree(staged, final)
        finally:
            files.remove_tree(staged)
        if verdict.is_accepted:
            _encoder(weights, identity, final).warm()
        for other in final.parent.glob(f"{key_of(identity)}-*"):
            if other != final:
                files.remove_tree(other)
        return verdict._replace(folder=final)


def _exported(weights: Weights, identity: Fingerprint, staged: Path, reference: Reference) -> Verdict:
    """Write the model into `staged` and test it; what is refused is deleted again."""
    from labmodels.embeddings.encoding.runtime import openvino

    if reason := graph.why_not(weights, identity.pooling):
        return Verdict(staged, False, reason)
    model = graph.build(weights, identity.pooling, int8=identity.precision == "int8")
    try:
        openvino().save_model(model, str(staged / MODEL_FILE), compress_to_fp16=False)
    except RuntimeError as error:
        raise StorageFault(f"OpenVINO cannot write {staged}: {error}", hint="check the folder's owner, mode and free space") from None
    expected = reference(parity.TEXTS)
    least = parity.least_cosine(_encoder(weights, identity, staged).documents(parity.TEXTS), expected)
    bound = parity.LEAST_COSINE[identity.precision]
    if least >= bound:
        return Verdict(staged, True, "", least)
    for file in staged.iterdir():
        file.unlink()
    return Verdict(staged, False, f"its least cosine to the reference is {least:.4f}, and {bound} is asked for", least)


def _encoder(weights: Weights, identity: Fingerprint, folder: Path) -> ExportedEncoder:
    return ExportedEncoder(folder, Tokens(weights.tokenizer_file, identity.max_tokens), identity, batch_size=64)


def _folder(identity: Fingerprint, cache: Path) -> Path:
    try:
        runtime = version("openvino")
    except PackageNotFoundError:
        raise MissingExtra("openvino", "embeddings") from None
    return cache / "encoders" / f"{key_of(identity)}-{runtime}"


def _read(folder: Path) -> Verdict | None:
    with suppress(OSError, ValueError, TypeError):
        return Verdict(**json.loads((folder / _VERDICT).read_bytes()) | {"folder": folder})
    return None
