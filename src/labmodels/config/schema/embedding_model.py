"""Embedding models with the domains they index, and how search combines what they find."""

from typing import Literal

from pydantic import Field

from labmodels.config.schema.base import BaseUrl, Declared, Document, Flag, Name, PositiveInt
from labmodels.config.schema.language_model import Credentials, Prices, RateLimits

Chunker = Literal["markdown", "text", "code", "configuration", "openapi", "logs", "metrics"]


class Prompts(Declared):
    """What the encoder wants in front of a query and of a document."""

    query: str = ""
    document: str = ""


class EmbeddingDomain(Declared):
    """One index: which files it covers and how they are cut."""

    group: Literal["text", "code", "system"]
    sources: list[str] = Field(min_length=1, description="Globs below the lab's root; ** crosses folders.")
    exclude: list[str] = Field([])
    chunker: Chunker = "text"
    max_chunk_tokens: int = Field(200, ge=16, le=8192)
    description: str = ""


class EmbeddingModel(Document):
    """One encoder and the domains that it serves."""

    kind: Literal["embedding_model"] = "embedding_model"
    provider: Literal["sentence_transformers", "openai"]
    model: str = Field(min_length=1)
    base_url: BaseUrl | None = None
    credentials: Credentials = Credentials()
    dimensions: PositiveInt
    max_tokens: PositiveInt
    modalities: list[Literal["text", "image"]] = Field(["text"], min_length=1)
    normalize: Flag = True
    pooling: Literal["mean", "cls", "last", "model"] = Field("model", description="model: as the weights' own configuration says.")
    prompts: Prompts = Prompts()
    batch_size: int = Field(64, ge=1, le=4096)
    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    rate_limits: RateLimits = RateLimits()
    prices: Prices | None = None
    domains: dict[Name, EmbeddingDomain] = Field({}, description="The indexes that this encoder fills.")


class Fusion(Declared):
    """How lexical and dense scores are combined, each scaled to [0, 1]."""

    lexical: float = Field(0.3, ge=0, le=1)
    dense: float = Field(0.7, ge=0, le=1)


class SemanticSearch(Document):
    """How a search runs over the indexes."""

    kind: Literal["semantic_search"] = "semantic_search"
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"
    results: int = Field(10, ge=1, le=100)
    fusion: Fusion = Fusion()
    domain_weights: dict[Name, Fusion] = Field({}, description="A fusion of its own for a domain, where it was measured to be better.")
    reranker: str = Field(
        "", description="A cross-encoder that reads the first 30 hits together with the query: a better order, in seconds. Empty: none."
    )
    synonyms: dict[str, list[str]] = Field({}, description="The lab's own words: a query with one also finds the others.")
