"""Where a model is asked and with which key: references of its config resolved at the call, and whether it can be asked at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from labmodels.errors import LabmodelsError
from labmodels.providers.protocol import ProviderFault
from labmodels.secrets import Secret, is_defined, resolve

if TYPE_CHECKING:
    from labmodels.config.schema.language_model import LanguageModel

# The variables that the SDKs themselves would read; read here, so that nothing is taken from the environment unseen.
_URL_VARIABLES = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL"}
_KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
NO_KEY = "no-key"  # the SDKs insist on one; a server of one's own ignores it


class Endpoint(NamedTuple):
    """An address (None: the provider's own) and the key to show there (None: a server that wants none)."""

    base_url: str | None
    key: Secret | None


def base_url(model: LanguageModel, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the address of a model's server; None is the provider's own."""
    environ = os.environ if environ is None else environ
    declared = model.base_url
    if declared is not None and declared.startswith("env:"):
        return environ.get(declared.removeprefix("env:"), "").strip() or None
    return declared or environ.get(_URL_VARIABLES.get(model.provider, ""), "").strip() or None


def weights_file(model: LanguageModel, environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the file of weights that are loaded into this process; None where there are none, or where their variable is not set."""
    if model.weights is None:
        return None
    environ = os.environ if environ is None else environ
    declared = model.weights.gguf
    path = environ.get(declared.removeprefix("env:"), "").strip() if declared.startswith("env:") else declared
    return Path(path).expanduser() if path else None


def missing(model: LanguageModel, environ: Mapping[str, str] | None = None) -> str | None:
    """Return why a model cannot be asked, by the name of what is not set; None when it can. A server by URL needs no key."""
    environ = os.environ if environ is None else environ
    if model.weights is not None and model.provider == "llama_cpp":
        path = weights_file(model, environ)
        if path is None:
            return f"{model.weights.gguf.removeprefix('env:')} is not set"
        return None if path.is_file() else f"the file {path} is not there: labmodels models pull"
    if base_url(model, environ) is not None:
        return None
    if model.provider not in _KEY_VARIABLES:
        return f"{model.base_url.removeprefix('env:')} is not set" if model.base_url else "it has neither weights nor a base_url"
    reference = _reference(model)
    return None if reference is None else is_defined(reference, environ)


def endpoint(model: LanguageModel, environ: Mapping[str, str] | None = None) -> Endpoint:
    """Return where and with which key `model` is asked now; raise an auth fault that names what is not set."""
    environ = os.environ if environ is None else environ
    url, reference = base_url(model, environ), _reference(model)
    try:
        return Endpoint(url, None if reference is None else resolve(reference, environ))
    except LabmodelsError as undefined:
        if url is not None:
            return Endpoint(url, None)
        raise ProviderFault("auth", f"{model.provider}: {undefined}") from None


def _reference(model: LanguageModel) -> str | None:
    variable = _KEY_VARIABLES.get(model.provider)
    return model.credentials.api_key or (f"env:{variable}" if variable else None)
