"""Where a value comes from: every layer that has a say on a key, the winner first.

For the sources as they are, or for a release with its own copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from labmodels.config.catalog import Catalog, Document
from labmodels.config.layers import Layer, MergeKeys, Origin, leaves, origins, resolve
from labmodels.config.reader import KeyPath, read
from labmodels.config.schema.shape import default_at, merge_keys
from labmodels.errors import Usage
from labmodels.lab import LAB_FILE, Lab
from labmodels.releases.candidate import Request, Tree, build
from labmodels.releases.content import LAB, Content
from labmodels.releases.effective import Choice, Effective
from labmodels.releases.history import kept_release
from labmodels.releases.journal import now
from labmodels.releases.store import ReleaseStore
from labmodels.releases.switch import choose, read_switches, require_domain


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
    content, catalog = _released(store, release) if release is not None else _declared(lab, environment, environ)
    effective = Effective(content)
    if domain is not None:
        require_domain(effective, domain)
    name, rest = _split(key, content)
    document = catalog.lab_file if name == LAB else catalog.by_name[name]
    if document is None:
        raise Usage(f"{key}: its file is gone", hint="labmodels validate-config")
    choice = choose(effective, read_switches(store), domain, now(), asked=profile, variable=environ.get("LABMODELS_PROFILE"))
    layers = _layers(document, environment, catalog, content, choice, domain)
    keys = merge_keys(document.model)
    merged = resolve(layers, keys)
    values = effective.values(name, domain, choice) if document.kind == "language_model" else content.values(name)
    path, below = _descend(values, rest, key)
    found = []
    for full, value in _leaves(below, path, keys):
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


def _declared(lab: Lab, environment: str, environ: Mapping[str, str]) -> tuple[Content, Catalog]:
    tree = Tree(lab)
    return build(tree, Request(environment), None, environ), tree.catalog


def _leaves(value: Any, path: KeyPath, keys: MergeKeys) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the leaves of `value`, which is at `path`. A list that layers merge has leaves of its own: its items have several origins."""
    for full, leaf in leaves(value, path):
        if full in keys and leaf:
            for index, item in enumerate(leaf):
                yield from _leaves(item, (*full, index), keys)
        else:
            yield full, leaf


def _released(store: ReleaseStore, number: int) -> tuple[Content, Catalog]:
    release = kept_release(store, number)
    root = release.folder / "sources"
    paths = [root / LAB_FILE, *(root / entry.path for entry in release.content.configs.values())]
    return release.content, Catalog(root, [read(path) for path in paths])


def _split(key: str, content: Content) -> tuple[str, list[str]]:
    first, *rest = key.split(".")
    if first in content.configs:
        return first, rest
    if first in content.lab:
        return LAB, [first, *rest]
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


def _descend(values: Any, steps: Sequence[str], key: str) -> tuple[KeyPath, Any]:
    """Return the path that `steps` spell in `values`, and what is there. A key may hold dots itself. Raises Usage."""
    here, path, rest = values, list[str | int](), list(steps)
    while rest:
        step, count = _next_step(here, rest)
        if step is None:
            from difflib import get_close_matches

            known = list(here) if isinstance(here, dict) else [str(index) for index in range(len(here))] if isinstance(here, list) else []
            close = get_close_matches(rest[0], known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(map(str, known)) or 'nothing'}"
            raise Usage(f"{key}: there is no {'.'.join(map(str, (*path, rest[0])))}", hint=hint)
        here, rest = here[step], rest[count:]
        path.append(step)
    return tuple(path), here


def _next_step(here: Any, rest: Sequence[str]) -> tuple[str | int | None, int]:
    """Return the step from `here` that `rest` begins with, and how many of its parts that takes; None where there is none."""
    if isinstance(here, list) and rest[0].isdecimal() and int(rest[0]) < len(here):
        return int(rest[0]), 1
    spelled = (".".join(rest[:count]) for count in range(len(rest), 0, -1))  # a.b before a
    step = next((name for name in spelled if name in here), None) if isinstance(here, dict) else None
    return step, step.count(".") + 1 if step is not None else 0
