"""Values set by hand for a deployment or a request: `--set KEY=VALUE` and `LABMODELS__CONFIG__KEY=VALUE`.

Parses them; laying them is the content's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from labmodels.errors import Usage
from labmodels.releases.content import LAB, Override
from labmodels.secrets import looks_like_secret

VARIABLE_PREFIX = "LABMODELS__"
_FIXED = ("name", "kind", "environments")


def from_arguments(settings: Iterable[str], configs: Iterable[str], lab_keys: Iterable[str]) -> list[Override]:
    """Return the overrides of `--set` arguments; `configs` and `lab_keys` are the names that a key can begin with. Raises Usage."""
    names, top = set(configs), set(lab_keys)
    found = []
    for setting in settings:
        key, separator, text = setting.partition("=")
        steps = tuple(key.strip().split("."))
        if not separator or not all(steps):
            raise Usage(f"--set {setting} is not KEY=VALUE", hint="e.g. --set gpt-4.parameters.temperature=0.2")
        found.append(_override("--set", key, steps, text, names, top))
    return found


def from_environ(environ: Mapping[str, str], configs: Iterable[str], lab_keys: Iterable[str]) -> list[Override]:
    """Return the overrides of the `LABMODELS__*` variables, in the order of their names.

    `__` separates keys; case and - or _ do not matter. Raises Usage.
    """
    names = {_plain(name): name for name in configs}
    top = {_plain(key): key for key in lab_keys}
    found = []
    for variable in sorted(environ):
        if not variable.startswith(VARIABLE_PREFIX):
            continue
        first, *rest = variable.removeprefix(VARIABLE_PREFIX).split("__")
        steps = (names.get(_plain(first)) or top.get(_plain(first)) or first.lower(), *(step.lower() for step in rest))
        if not all(steps):
            raise Usage(f"{variable} names no key", hint="e.g. LABMODELS__GPT_4__PARAMETERS__TEMPERATURE=0.2")
        found.append(_override(variable, variable, steps, environ[variable], set(names.values()), set(top.values())))
    return found


def _override(layer: str, shown: str, steps: tuple[str, ...], text: str, names: set[str], top: set[str]) -> Override:
    if looks_like_secret(text):
        raise Usage(
            f"{shown} holds what looks like a secret, and releases keep what is set",
            hint="put it into a variable or a file and set a reference: env:NAME, file:PATH",
        )
    own = steps[1:] if steps[0] in names else steps
    if own and own[0] in _FIXED and (steps[0] in names or own[0] != "name"):
        raise Usage(f"{shown} sets {own[0]}, which says what a file is", hint="edit the file: labmodels deploy-config CONFIG")
    if steps[0] in names and len(steps) > 1:
        return Override(layer, steps[0], steps[1:], parse_value(text))
    if steps[0] in top:
        return Override(layer, LAB, steps, parse_value(text))
    from difflib import get_close_matches

    close = get_close_matches(steps[0], [*names, *top], n=1)
    raise Usage(
        f"{shown} sets a key of {steps[0]}, which is no config here",
        hint=f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(names | top))}",
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())


def parse_value(text: str) -> Any:
    """Return a value written on a command line or in a variable, read as YAML."""
    from labmodels.config.reader import parse
    from labmodels.config.scalars import plain_scalar

    if text[:1] in ("[", "{", '"', "'"):
        source = parse(Path("--set"), f"value: {text}\n")
        if source.data is None or source.diagnostics:
            raise Usage(f"{text} is not a YAML value", hint="quote it for the shell: --set 'gpt-4.parameters.stop=[a, b]'")
        return source.data["value"]
    return plain_scalar(text)
