"""llama.cpp: a model of the lab's own behind an OpenAI-compatible local server, found by its base_url."""

from __future__ import annotations

from labmodels.providers.openai import OpenAI


class LlamaCpp(OpenAI):
    """A llama.cpp server; it speaks the OpenAI wire format and needs no key."""
