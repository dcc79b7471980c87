"""Where a value comes from: every layer that has a say on a key, the winner first.

For the sources as they are, or for a release with its own copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from labmodels.config.catalog import Catalog, Document, load
from labmodels.config.layers import Layer, Origin, leaves, origins, resolve
from labmodels.config.reader import KeyPath, read
from labmodels.config.schema.shape import default_at, merge_keys
from labmodels.errors import Usage
from labmodels.lab import LAB_FILE, Lab
from labmodels.releases.candidate import Request, build
from labmodels.releases.content import LAB, Content
from labmodels.releases.effective import Choice, Effective
from labmodels.releases.journal import now
from labmodels.releases.store import ReleaseStore
from labmodels.releases.switch import choose, read_switches


class Explanation(NamedTuple):
    """One leaf: its value, the profile that was assumed, and each layer's say, the winner first."""

    key: str
    value: Any
    profile: str | None
    origins: tuple[Origin, ...]


def explain(
    lab: Lab, store: ReleaseStore, key: str, *, domain: str | None, profile: str | None, release: int | None, environ: Mapping[str, str]
) -> list[Explanation]:
    """Return an explanation for `key`, or for each leaf below it.

    Raises Usage for a key that nothing has, InvalidConfiguration when the sources are not valid.
    """
    environment = store.folder.name
    content, catalog = _released(store, release) if release is not None else (_declared(lab, store, environ), load(lab))
    effective = Effective(content)
    name, path = _split(key, content)
    document = catalog.lab_file if name == LAB else catalog.by_name[name]
    if document is None:
        raise Usage(f"{key}: its file is gone", hint="labmodels validate-config")
    choice = choose(effective, read_switches(store), domain, now(), asked=profile, variable=environ.get("LABMODELS_PROFILE"))
    layers = _layers(document, environment, catalog, content, choice, domain)
    keys = merge_keys(document.model)
    merged = resolve(layers, keys)
    values = effective.values(name, domain, choice) if document.kind == "language_model" else content.values(name)
    found = []
    for leaf, value in leaves(_descend(values, path, key)):
        full = (*path, *leaf)
        told = origins(layers, merged, full, keys)
        default = default_at(document.model, full)
        if default is not ...:
            told.append(Origin(Layer("schema default", {}), default, full))
        found.append(
            Explanation(
                ".".join(map(str, (*([name] if name else []), *full))),
                value,
                choice.profile if document.kind == "language_model" else None,
                tuple(told),
            )
        )
    return found


def _declared(lab: Lab, store: ReleaseStore, environ: Mapping[str, str]) -> Content:
    return build(lab, Request(store.folder.name), None, environ)


def _released(store: ReleaseStore, number: int) -> tuple[Content, Catalog]:
    release = store.release(number)
    if release is None:
        kept = ", ".join(map(str, sorted(store.numbered()))) or "none"
        raise Usage(
            f"there is no release {number} in {store.folder.name}: kept are {kept}", hint=f"labmodels history --env {store.folder.name}"
        )
    root = release.folder / "sources"
    paths = [root / LAB_FILE, *(root / entry.path for entry in release.content.configs.values())]
    return release.content, Catalog(root, [read(path) for path in paths])


def _split(key: str, content: Content) -> tuple[str, KeyPath]:
    first, *rest = key.split(".")
    if first in content.configs:
        return first, tuple(rest)
    if first in content.lab:
        return LAB, (first, *rest)
    from difflib import get_close_matches

    known = [*content.configs, *content.lab]
    close = get_close_matches(first, known, n=1)
    raise Usage(
        f"{key}: no config and no key of labmodels.yaml is called {first}",
        hint=f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}",
    )


def _layers(document: Document, environment: str, catalog: Catalog, content: Content, choice: Choice, domain: str | None) -> list[Layer]:
    """Return the layers of a document, lowest first; those of profile, domain and switch only over a language model."""
    layers = document.layers(environment)
    if document.kind == "language_model":
        profile = _overlay(
            catalog.by_name.get(choice.profile or ""), environment, f"switch to {choice.profile}" if choice.is_switch else None, content
        )
        specialized = next((found for found in catalog.of_kind("specialized_model") if found.data.get("domain") == domain), None)
        of_domain = _overlay(specialized, environment, None, content)
        layers += [*of_domain, *profile] if choice.is_switch else [*profile, *of_domain]
    name = LAB if document.kind == "lab" else document.name
    return layers + [Layer(override.layer, override.as_overlay()) for override in content.overrides if override.config == name]


def _overlay(document: Document | None, environment: str, label: str | None, content: Content) -> list[Layer]:
    if document is None:
        return []
    found = document.layers(environment, ("overlay",))
    found += [
        Layer(o.layer, o.as_overlay()["overlay"])
        for o in content.overrides
        if o.config == document.name and o.path[0] == "overlay" and len(o.path) > 1
    ]
    return [Layer(f"{label} ({layer.name})", layer.data, layer.source, layer.prefix) for layer in found] if label else found


def _descend(values: Any, path: KeyPath, key: str) -> Any:
    here = values
    for index, step in enumerate(path):
        if isinstance(here, dict) and step in here:
            here = here[step]
        elif isinstance(here, list) and str(step).isdigit() and int(step) < len(here):
            here = here[int(step)]
        else:
            from difflib import get_close_matches

            known = list(here) if isinstance(here, dict) else []
            close = get_close_matches(str(step), known, n=1)
            raise Usage(
                f"{key}: there is no {'.'.join(map(str, path[: index + 1]))}",
                hint=f"did you mean {close[0]}?" if close else f"known: {', '.join(map(str, known)) or 'nothing'}",
            )
    return here
