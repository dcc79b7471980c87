"""Builds the computation of a BERT-like encoder for OpenVINO from its weights alone: neither torch nor transformers is needed.

BERT as in Devlin et al., 2019, and RoBERTa, Liu et al., 2019, which counts positions from behind the padding token's. Whether the
result may stand for the reference is for `parity` to say; how it is stored and run, for `export` and `exported`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labmodels.embeddings.encoding.weights import ROBERTA

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labmodels.embeddings.encoding.weights import Weights

    Array = NDArray[Any]

_FAMILY = ("bert", *ROBERTA)
_MASKED = -10_000.0  # added to a score, it leaves no weight, in bfloat16 as well


def why_not(weights: Weights, pooling: str) -> str | None:
    """Return why no graph can be built from these weights; None when it can."""
    config = weights.config
    if config.get("model_type") not in _FAMILY:
        return f"the architecture {config.get('model_type', 'of this model')} is none of {', '.join(_FAMILY)}"
    if config.get("hidden_act") != "gelu" or config.get("position_embedding_type", "absolute") != "absolute" or config.get("is_decoder"):
        return "its activation, positions or attention are not those of BERT"
    if pooling not in ("mean", "cls") or not weights.is_plain:
        return "what follows the transformer is not mean or cls pooling"
    return None if weights.tokenizer_file.is_file() else "it has no tokenizer.json"


def why_no_scorer(weights: Weights) -> str | None:
    """Return why no scorer can be built from these weights; None when it can."""
    if weights.config.get("model_type") != "bert" or weights.config.get("architectures") != ["BertForSequenceClassification"]:
        return "it is no BERT for the classification of sequences"
    if len(weights.config.get("id2label", ())) != 1:
        return "its head gives more than one number"
    return why_not(weights, "cls")


def build(weights: Weights, pooling: str, int8: bool) -> Any:
    """Return the model (openvino.Model): input_ids and attention_mask, both (batch, tokens), to one vector for each text, of any length.

    With `int8`, matrices are rounded to 8 bits a row; OpenVINO then rounds activations too, group by group within a token.
    """
    return _Builder(weights, int8).model(pooling)


def build_scorer(weights: Weights) -> Any:
    """Return the model (openvino.Model) of a BERT with a head of one number: ids, mask and kinds, all (batch, tokens), to scores."""
    return _Builder(weights, int8=False).scorer()


def _tensors(files: Sequence[Path]) -> dict[str, Array]:
    """Return the tensors by their names in BERT, without the prefix that a model with a head puts in front of all but the head."""
    from safetensors.numpy import load_file

    loaded = {name: tensor for file in files for name, tensor in load_file(file).items()}
    prefix = next(name for name in loaded if name.endswith("embeddings.word_embeddings.weight")).removesuffix(
        "embeddings.word_embeddings.weight"
    )
    return {name.removeprefix(prefix): tensor for name, tensor in loaded.items()}


class _Builder:
    """Adds node to node. A node is what the functions of OpenVINO's operation set give."""

    def __init__(self, weights: Weights, int8: bool) -> None:
        from labmodels.embeddings.encoding.runtime import openvino

        self._ov = openvino()
        self._op = self._ov.opset15
        self._config, self._tensors, self._int8 = weights.config, _tensors(weights.tensors), int8
        self._first_position = weights.first_position
        self._width = int(self._config["hidden_size"])
        self._heads = int(self._config["num_attention_heads"])

    def model(self, pooling: str) -> Any:
        ids, mask = self._parameters("input_ids", "attention_mask")
        is_read = self._op.convert(mask, "f32")
        states = self._states(ids, is_read, self._constant(self._tensors["embeddings.token_type_embeddings.weight"][0]))
        vector = self._mean(states, is_read) if pooling == "mean" else self._first(states)
        return self._ov.Model([vector], [ids, mask], "encoder")

    def scorer(self) -> Any:
        op = self._op
        ids, mask, kinds = self._parameters("input_ids", "attention_mask", "token_type_ids")
        kind = op.gather(self._tensor("embeddings.token_type_embeddings.weight"), kinds, self._integer(0))
        states = self._states(ids, op.convert(mask, "f32"), kind)
        pooled = op.tanh(self._linear(self._first(states), "pooler.dense"))
        return self._ov.Model([self._linear(pooled, "classifier")], [ids, mask, kinds], "scorer")

    def _parameters(self, *names: str) -> list[Any]:
        return [self._op.parameter([-1, -1], self._ov.Type.i64, name) for name in names]

    def _states(self, ids: Any, is_read: Any, kind: Any) -> Any:
        op = self._op
        masked = op.multiply(op.subtract(self._number(1), op.unsqueeze(is_read, self._integers(1, 2))), self._number(_MASKED))
        states = self._embeddings(ids, kind)
        for layer in range(int(self._config["num_hidden_layers"])):
            states = self._layer(states, masked, f"encoder.layer.{layer}")
        return states

    def _first(self, states: Any) -> Any:
        return self._op.gather(states, self._integer(0), self._integer(1))

    def _embeddings(self, ids: Any, kind: Any) -> Any:
        op, zero = self._op, self._integer(0)
        first = self._first_position
        length = op.gather(op.shape_of(ids), self._integer(1), zero)
        positions = op.range(self._integer(first), op.add(length, self._integer(first)), self._integer(1), "i64")
        words = op.gather(self._tensor("embeddings.word_embeddings.weight"), ids, zero)
        places = op.gather(self._tensor("embeddings.position_embeddings.weight"), positions, zero)
        return self._norm(op.add(op.add(words, places), kind), "embeddings.LayerNorm")

    def _layer(self, states: Any, masked: Any, name: str) -> Any:
        op = self._op
        attended = self._linear(self._attention(states, masked, f"{name}.attention.self"), f"{name}.attention.output.dense")
        states = self._norm(op.add(states, attended), f"{name}.attention.output.LayerNorm")
        inner = op.gelu(self._linear(states, f"{name}.intermediate.dense"), "erf")
        return self._norm(op.add(states, self._linear(inner, f"{name}.output.dense")), f"{name}.output.LayerNorm")

    def _attention(self, states: Any, masked: Any, name: str) -> Any:
        op, each = self._op, self._width // self._heads
        swap = self._integers(0, 2, 1, 3)
        parts = [
            op.transpose(op.reshape(self._linear(states, f"{name}.{part}"), self._integers(0, 0, self._heads, each), True), swap)
            for part in ("query", "key", "value")
        ]
        mixed = op.scaled_dot_product_attention(*parts, masked, self._number(each**-0.5))
        return op.reshape(op.transpose(mixed, swap), self._integers(0, 0, self._width), True)

    def _linear(self, states: Any, name: str) -> Any:
        return self._op.add(self._op.matmul(states, self._matrix(f"{name}.weight"), False, True), self._tensor(f"{name}.bias"))

    def _norm(self, states: Any, name: str) -> Any:
        op = self._op
        level = op.mvn(states, self._integers(-1), True, float(self._config["layer_norm_eps"]), "inside_sqrt")
        return op.add(op.multiply(level, self._tensor(f"{name}.weight")), self._tensor(f"{name}.bias"))

    def _mean(self, states: Any, is_read: Any) -> Any:
        op = self._op
        share = op.unsqueeze(is_read, self._integers(2))
        return op.divide(op.reduce_sum(op.multiply(states, share), self._integers(1)), op.reduce_sum(share, self._integers(1)))

    def _matrix(self, name: str) -> Any:
        import numpy as np

        if not self._int8:
            return self._tensor(name)
        rows = self._tensors[name].astype(np.float32)
        scales = np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / 127
        return self._op.multiply(self._op.convert(self._constant(np.round(rows / scales), np.int8), "f32"), self._constant(scales))

    def _tensor(self, name: str) -> Any:
        return self._constant(self._tensors[name])

    def _constant(self, values: Array, kind: type[np.generic] | None = None) -> Any:
        import numpy as np

        return self._op.constant(np.ascontiguousarray(values, dtype=kind or np.float32))

    def _number(self, value: float) -> Any:
        return self._op.constant(value, self._ov.Type.f32)

    def _integer(self, value: int) -> Any:
        return self._op.constant(value, self._ov.Type.i64)

    def _integers(self, *values: int) -> Any:
        return self._op.constant(list(values), self._ov.Type.i64)
