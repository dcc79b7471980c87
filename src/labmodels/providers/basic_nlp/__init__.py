"""The last resort: deterministic, offline, out of the lab's documents and what came with the question, never posing as a model.

One file an ability; `task` decides which one is asked for, `quoting` holds what all of them keep.
"""

from labmodels.providers.basic_nlp.provider import ABSTENTION, BasicNlp

__all__ = ["ABSTENTION", "BasicNlp"]
