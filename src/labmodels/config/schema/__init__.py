"""The kinds of documents a lab declares, each in a file of its own. `KINDS` is the one table of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from labmodels.config.schema.base import Declared


class Kind(NamedTuple):
    """One kind of document: the folder it lives in and the model that reads it (imported when it is first met)."""

    folder: str
    module: str
    model_name: str

    @property
    def model(self) -> type[Declared]:
        """The Pydantic model of this kind."""
        model: type[Declared] = getattr(import_module(f"labmodels.config.schema.{self.module}"), self.model_name)
        return model


KINDS: dict[str, Kind] = {
    "lab": Kind("", "lab_file", "LabFile"),
    "language_model": Kind("language_models", "language_model", "LanguageModel"),
    "fallback": Kind("language_models", "fallback", "Fallback"),
    "specialized_model": Kind("specialized_models", "specialized_model", "SpecializedModel"),
    "embedding_model": Kind("embedding_models", "embedding_model", "EmbeddingModel"),
    "semantic_search": Kind("embedding_models", "embedding_model", "SemanticSearch"),
    "performance_profile": Kind("performance_profiles", "performance_profile", "PerformanceProfile"),
}
