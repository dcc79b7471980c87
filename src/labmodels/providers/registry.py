"""The one table of providers: a name, a function that imports its class and builds it. Nothing is imported before it is built."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from labmodels.config.schema.base import BASIC_NLP, CUSTOM_MODELS
from labmodels.errors import MissingExtra, Usage
from labmodels.providers.endpoint import missing

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from labmodels.config.schema.language_model import LanguageModel
    from labmodels.providers.protocol import Provider

ENTRY_POINTS = "labmodels.providers"
Environ = Mapping[str, str]


def _openai(model: LanguageModel, environ: Environ) -> Provider:
    from labmodels.providers.openai import OpenAI

    return OpenAI(model, environ)


def _anthropic(model: LanguageModel, environ: Environ) -> Provider:
    from labmodels.providers.anthropic import Anthropic

    return Anthropic(model, environ)


def _llama_cpp(model: LanguageModel, environ: Environ) -> Provider:
    from labmodels.providers.llama_cpp import LlamaCpp

    return LlamaCpp(model, environ)


class _Entry(NamedTuple):
    """A provider of our own: how it is built, and the package that it needs, of which extra."""

    build: Callable[[LanguageModel, Environ], Provider]
    package: str
    extra: str = "providers"


PROVIDERS: dict[str, _Entry] = {
    "openai": _Entry(_openai, "openai"),
    "anthropic": _Entry(_anthropic, "anthropic"),
    "llama_cpp": _Entry(_openai, "openai"),  # its server speaks OpenAI's wire format
}
_IN_PROCESS = _Entry(_llama_cpp, "llama_cpp", "local")


def build(model: LanguageModel, environ: Environ | None = None) -> Provider:
    """Return the provider of `model`; raise MissingExtra without its package, Usage for a name that nothing installed brings."""
    environ = os.environ if environ is None else environ
    entry = _entry(model)
    if entry is None:
        return _third_party(model.provider)(model, environ)
    try:
        return entry.build(model, environ)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in (entry.package, "httpx2", "httpcore2"):
            raise
        raise MissingExtra(entry.package, entry.extra) from None


def availability(model: LanguageModel, environ: Environ | None = None) -> str | None:
    """Return None when `model` can be asked, else the reason why it is skipped ("OPENAI_API_KEY is not set"). No call, no import."""
    environ = os.environ if environ is None else environ
    entry = _entry(model)
    if entry is None:
        return None if is_known(model.provider) else f"no installed package brings the provider {model.provider}"
    return missing(model, environ) or (None if _is_installed(entry.package) else f"the package {entry.package} is not installed")


@cache
def _is_installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def unavailable(name: str) -> str | None:
    """Return why a candidate without a config of its own is skipped (custom/NAME before it is installed); None for basic_nlp."""
    if name == BASIC_NLP:
        return None
    return "it is not installed yet" if name in CUSTOM_MODELS else "no config of this name is live"


def is_known(provider: str) -> bool:
    """Whether a provider of this name is built in or brought by an installed package."""
    return provider in PROVIDERS or bool(_brought(provider))


def _entry(model: LanguageModel) -> _Entry | None:
    return _IN_PROCESS if model.provider == "llama_cpp" and model.weights is not None else PROVIDERS.get(model.provider)


def _brought(provider: str) -> Sequence[EntryPoint]:
    from importlib.metadata import entry_points

    return tuple(entry_points(group=ENTRY_POINTS, name=provider))


def _third_party(provider: str) -> Callable[[LanguageModel, Environ], Provider]:
    for point in _brought(provider):
        builder: Callable[[LanguageModel, Environ], Provider] = point.load()
        return builder
    raise Usage(
        f"no installed package brings the provider {provider}",
        hint=f"use one of {', '.join(PROVIDERS)}, or install the package that brings it",
    )
