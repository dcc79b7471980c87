"""Chooses the encoder of a configuration: an accepted export, the reference, or an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from labmodels.embeddings.encoding import parity
from labmodels.embeddings.encoding.export import export, verdict_of
from labmodels.embeddings.encoding.exported import ExportedEncoder
from labmodels.embeddings.encoding.fingerprint import Fingerprint
from labmodels.embeddings.encoding.runtime import has_bfloat16
from labmodels.embeddings.encoding.tokens import Tokens
from labmodels.embeddings.encoding.weights import Weights, find_weights
from labmodels.errors import ExitCode, LabmodelsError, Usage

if TYPE_CHECKING:
    from labmodels.config.schema.embedding_model import EmbeddingModel
    from labmodels.embeddings.encoding.export import Reference, Verdict
    from labmodels.embeddings.encoding.protocol import Encoder, Vectors
    from labmodels.embeddings.encoding.remote import Embed

_INT8 = "precision int8 moves vectors: cosines to the reference go down to {least:.3f}. float32 and bfloat16 stay above .9995"
_SLOW = "{model} runs on sentence-transformers, several times slower: {reason}"


class NoExport(LabmodelsError):
    """A query needs an export of the model, and there is none that was accepted."""

    exit_code = ExitCode.STALE


def encoder_of(
    config: EmbeddingModel,
    cache: Path,
    *,
    root: Path = Path(),
    embed: Embed | None = None,
    for_query: bool = False,
    lock_wait_s: float = 120.0,
) -> Encoder:
    """Return the encoder of `config`. Exports are kept below `cache`; a model that is named by a relative folder is below `root`.

    With `for_query` nothing is exported or fetched, and torch is never imported: raises NoExport where that would be needed. Otherwise
    the first call exports and tests the model. Raises MissingWeights, MissingExtra, Usage, StorageFault, Busy.
    """
    if config.provider == "openai":
        return _remote(config, embed)
    weights = find_weights(config.model, root, fetch=not for_query)
    identity = _identity(config, weights, cache)
    verdict = verdict_of(identity, cache) if for_query else export(weights, identity, cache, _reference(weights, identity), lock_wait_s)
    if verdict and verdict.is_accepted:
        tokens = Tokens(weights.tokenizer_file, identity.max_tokens)
        return ExportedEncoder(verdict.folder, tokens, identity, config.batch_size, _warnings(identity, verdict))
    if for_query:
        raise _no_export(config, verdict)
    from labmodels.embeddings.encoding.reference import ReferenceEncoder

    warning = _SLOW.format(model=config.model, reason=verdict.reason if verdict else "")
    return ReferenceEncoder(weights.folder, _of_reference(identity), config.batch_size, (warning,))


def _identity(config: EmbeddingModel, weights: Weights, cache: Path) -> Fingerprint:
    """Return the space of the fast form. Raises Usage for what the weights or this CPU cannot do."""
    if config.max_tokens > weights.max_tokens:
        raise Usage(
            f"{config.name}: max_tokens is {config.max_tokens}, and {config.model} reads {weights.max_tokens} at most",
            hint=f"set max_tokens: {weights.max_tokens} or less",
        )
    width = weights.config.get("hidden_size")
    if weights.is_plain and width is not None and width != config.dimensions:
        raise Usage(
            f"{config.name}: dimensions is {config.dimensions}, and the vectors of {config.model} have {width}",
            hint=f"set dimensions: {width}",
        )
    return Fingerprint(
        weights=weights.weights_digest(cache),
        tokenizer=weights.tokenizer_digest(cache),
        dimensions=config.dimensions,
        max_tokens=config.max_tokens,
        pooling=config.pooling if config.pooling != "model" else weights.pooling or "model",
        normalize=config.normalize,
        query_prompt=config.prompts.query,
        document_prompt=config.prompts.document,
        backend="openvino",
        precision=_precision(config),
    )


def _precision(config: EmbeddingModel) -> str:
    if config.precision == "auto":
        return "bfloat16" if has_bfloat16() else "float32"
    if config.precision == "bfloat16" and not has_bfloat16():
        raise Usage(f"{config.name}: precision is bfloat16, which this CPU does not compute in", hint="set precision: auto")
    return config.precision


def _reference(weights: Weights, identity: Fingerprint) -> Reference:
    """Return what gives the reference's vectors: from the file where they are on file, else computed."""

    def vectors(texts: Sequence[str]) -> Vectors:
        import numpy as np

        kept = parity.on_file(identity.weights, identity.tokenizer, identity.max_tokens, identity.pooling)
        if kept.is_file():
            return np.asarray(np.load(kept), dtype=np.float32)
        from labmodels.embeddings.encoding.reference import ReferenceEncoder

        plain = replace(_of_reference(identity), document_prompt="")
        return ReferenceEncoder(weights.folder, plain, batch_size=16).documents(texts)

    return vectors


def _of_reference(identity: Fingerprint) -> Fingerprint:
    return replace(identity, backend="sentence-transformers", precision="float32")


def _warnings(identity: Fingerprint, verdict: Verdict) -> tuple[str, ...]:
    return (_INT8.format(least=verdict.least_cosine),) if identity.precision == "int8" else ()


def _no_export(config: EmbeddingModel, verdict: Verdict | None) -> NoExport:
    domains = " or ".join(f"--domain {domain}" for domain in list(config.domains)[:2]) or "--all"
    if verdict is None:
        return NoExport(f"{config.model} has not been prepared for queries on this machine", hint=f"labmodels update-embeddings {domains}")
    return NoExport(f"{config.model} answers no queries: {verdict.reason}", hint="search with --mode lexical, or configure another model")


def _remote(config: EmbeddingModel, embed: Embed | None) -> Encoder:
    from labmodels.embeddings.encoding.remote import RemoteEncoder

    if embed is None:
        raise Usage(f"{config.name}: the provider {config.provider} is asked over the network, which is not possible here")
    identity = Fingerprint(
        weights=f"{config.base_url or config.provider} {config.model}",
        tokenizer=config.model,
        dimensions=config.dimensions,
        max_tokens=config.max_tokens,
        pooling="model",
        normalize=config.normalize,
        query_prompt=config.prompts.query,
        document_prompt=config.prompts.document,
        backend=config.provider,
        precision="float32",
    )
    return RemoteEncoder(embed, identity, config.batch_size)
