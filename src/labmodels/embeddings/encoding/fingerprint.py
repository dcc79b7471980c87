"""Names a vector space by everything that its vectors depend on. Two machines that differ in backend or precision alone, such as one
with and one without bfloat16, make two spaces: their vectors are close, but an index never mixes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The parts. `weights` and `tokenizer` are digests of contents, or the name of a remote model, whose contents nobody can see."""

    weights: str
    tokenizer: str
    dimensions: int
    max_tokens: int
    pooling: str
    normalize: bool
    query_prompt: str
    document_prompt: str
    backend: str
    precision: str
    chunker: str = ""

    def with_chunker(self, name: str, parameters: Mapping[str, object]) -> Fingerprint:
        """Return the space of the chunks that a chunker cuts with these parameters."""
        return replace(self, chunker=json.dumps([name, dict(parameters)], sort_keys=True))

    @property
    def short(self) -> str:
        """16 hexadecimal digits; the same on every machine and in every run."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]
