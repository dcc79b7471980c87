"""Builds what would be live: the selected configs from the working tree, everything else carried over from the live release.

Reads files; writes none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labmodels.config.catalog import Catalog, Document, load
from labmodels.config.chains import is_known_name
from labmodels.config.diagnostics import Diagnostic, InvalidConfiguration
from labmodels.config.faults import Context, diagnose
from labmodels.config.layers import Layer, MergeConflict, leaves
from labmodels.config.schema import KINDS
from labmodels.config.schema.shape import merge_keys
from labmodels.config.validate import validate
from labmodels.errors import Usage
from labmodels.lab import LAB_FILE, Lab
from labmodels.releases.content import LAB, Content, Entry, Override, canonical_values
from labmodels.releases.overrides import from_arguments, from_environ
from labmodels.releases.store import Release, read_sources


@dataclass(frozen=True)
class Request:
    """What is to be deployed: `paths` below the lab's root (empty: everything), and the values set by hand."""

    environment: str
    paths: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether the whole lab is deployed; then configs that are gone from the tree are gone from the release."""
        return not self.paths


class Tree:
    """The lab's files as they are now, read once. What they declare is judged when a candidate is built of them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.catalog = load(lab)
        self._errors: dict[tuple[str, ...], tuple[Diagnostic, ...]] = {}

    def select(self, paths: tuple[str, ...]) -> list[Document]:
        """Return the configs at `paths`, or all. Raises InvalidConfiguration with every error of theirs, Usage for what is no config."""
        selected = {self.lab.root / path for path in paths} if paths else None
        if paths not in self._errors:
            self._errors[paths] = tuple(found for found in validate(self.catalog, selected).diagnostics if found.is_error)
        if errors := self._errors[paths]:
            count = f"{len(errors)} error{'s' * (len(errors) != 1)}"
            raise InvalidConfiguration(f"{count} in what is to be deployed; nothing was changed", errors)
        if unknown := sorted((selected or set()) - {source.path for source in self.catalog.sources}):
            raise Usage(f"{unknown[0]} is not in {self.lab.configs}", hint="move it there: what is deployed is a config of the lab")
        return [document for document in self.catalog.documents if selected is None or document.path in selected]

    def lab_file(self) -> Document:
        """Return labmodels.yaml; raise Usage when there is none."""
        if self.catalog.lab_file is None:
            raise Usage(f"{self.lab.root} has no {LAB_FILE}", hint="labmodels init .")
        return self.catalog.lab_file


def build(tree: Tree, request: Request, live: Release | None, environ: Mapping[str, str]) -> Content:
    """Return the content that deploying `request` on top of `live` would make live.

    Raises InvalidConfiguration, Usage for a value set by hand that does not fit, Damaged when what is carried over was modified.
    """
    lab, lab_file = tree.lab, tree.lab_file()
    chosen = tree.select(request.paths)
    taken = {lab.relative(document.path) for document in chosen}
    redone = {document.name for document in chosen}
    carried = {} if live is None or request.is_everything else _carried(live, taken, redone)
    configs = carried | {
        document.name: Entry(document.kind, lab.relative(document.path), _resolved(document, request.environment)) for document in chosen
    }
    sources = {lab.relative(document.path): document.source.text for document in chosen}
    kept = {entry.path for entry in carried.values()}
    if live is None or request.is_everything or LAB_FILE in request.paths:
        lab_values = _resolved(lab_file, request.environment)
        sources[LAB_FILE] = lab_file.source.text
        redone.add(LAB)
    else:
        lab_values = dict(live.content.lab)
        kept.add(LAB_FILE)
    if live is not None and kept:
        sources |= read_sources(live, kept)
    overrides = _overrides(request, live, redone, configs, lab_values, environ)
    return _with_overrides(Content(lab_values, dict(sorted(configs.items())), (), sources), overrides, tree.catalog)


def _carried(live: Release, taken: Collection[str], redone: Collection[str]) -> dict[str, Entry]:
    """Return the live configs that stay: all but those of the deployed files, whatever they are called there now."""
    return {name: entry for name, entry in live.content.configs.items() if name not in redone and entry.path not in taken}


def _resolved(document: Document, environment: str) -> dict[str, Any]:
    return canonical_values(document.model.model_validate(document.merged(environment)))


def _overrides(
    request: Request,
    live: Release | None,
    redone: set[str],
    configs: Mapping[str, Entry],
    lab_values: Mapping[str, Any],
    environ: Mapping[str, str],
) -> list[Override]:
    """Return the overrides of the candidate, lowest first: those of carried configs, the variables, --set. Each is one leaf.

    A later one replaces those that it hides, so that equal effects have equal digests.
    """
    carried = [
        override
        for override in (live.content.overrides if live else ())
        if override.config not in redone and (override.config == LAB or override.config in configs)
    ]
    given = [*from_environ(environ, configs, lab_values), *from_arguments(request.settings, configs, lab_values)]
    found: list[Override] = []
    for override in [*carried, *(leaf for one in given for leaf in _leaves(one))]:
        found = [other for other in found if (other.config, other.path[: len(override.path)]) != (override.config, override.path)]
        found.append(override)
    return found


def _leaves(override: Override) -> Iterator[Override]:
    return (override._replace(path=(*override.path, *map(str, path)), value=value) for path, value in leaves(override.value))


def _with_overrides(content: Content, overrides: Sequence[Override], catalog: Catalog) -> Content:
    """Return the content with its overrides, their units in canonical form. Raises Usage naming the layer of one that does not fit."""
    canonical: list[Override] = []
    for name in dict.fromkeys(override.config for override in overrides):
        own = [override for override in overrides if override.config == name]
        document = catalog.lab_file if name == LAB else catalog.by_name.get(name)
        values = validated(replace(content, overrides=tuple(own)), name, document)
        keys = merge_keys(KINDS[content.kind(name)].model)
        canonical += [
            override if override.path in keys or override.value == {} else override._replace(value=_at(values, override))
            for override in own
        ]
    whole = replace(content, overrides=tuple(canonical))
    _require_targets(whole, catalog)
    return whole


def _require_targets(content: Content, catalog: Catalog) -> None:
    """Raise Usage for a model that a value set by hand names and that no config, live or declared, has."""
    for override in content.overrides:
        if (
            override.config != LAB
            or override.path[1:2] not in (("primary_models",), ("fallback_strategy",))
            or override.path[-1] == "embeddings"
        ):
            continue
        for name in override.value if isinstance(override.value, list) else [override.value]:
            if isinstance(name, str) and not (name in content.configs or name in catalog.by_name or is_known_name(name)):
                from difflib import get_close_matches

                close = get_close_matches(name, [*content.configs, *catalog.by_name], n=1)
                hint = f"did you mean {close[0]}?" if close else "labmodels validate-config checks what the files name"
                raise Usage(f"{override.layer} {override.key}: no config is called {name}", hint=hint)


def validated(content: Content, name: str, document: Document | None = None) -> dict[str, Any]:
    """Return a config's canonical values with its overrides on top. Raises Usage naming the layer of one that does not fit."""
    from pydantic import ValidationError

    own = [override for override in content.overrides if override.config == name]
    model = KINDS[content.kind(name)].model
    layers = [Layer("file", content.lab if name == LAB else content.configs[name].values, document.source if document else None)]
    layers += [Layer(override.layer, override.as_overlay()) for override in own]
    given = " and ".join(dict.fromkeys(f"{o.layer} {o.key}" if o.layer == "--set" else o.layer for o in own))
    try:
        values = content.values(name)
        return canonical_values(model.model_validate(values))
    except MergeConflict as error:
        raise Usage(f"{given} does not fit {name or LAB_FILE}: {error}", hint="labmodels schema shows the keys") from None
    except ValidationError as error:
        found = diagnose(error, Context(model, layers, values))
        message = f"{given} makes {name or LAB_FILE} invalid: {found[0].message}"
        raise Usage(message, hint=found[0].help or "labmodels schema shows the keys") from None


def _at(values: Mapping[str, Any], override: Override) -> Any:
    here: Any = values
    for step in override.path:
        here = here[step]
    return here


def config_paths(lab: Lab, files: Sequence[Path]) -> tuple[str, ...]:
    """Return the files of a deployment below the lab's root; raise Usage for one that lies elsewhere."""
    root = lab.root.resolve()
    found = set()
    for path in files:
        place = path.parent.resolve() / path.name  # a config that is a link keeps its own name
        if not place.is_relative_to(root):
            raise Usage(f"{path} is not in the lab {lab.root}", hint="copy it into configs/ first: what is deployed must be in the lab")
        found.add(place.relative_to(root).as_posix())
    return tuple(sorted(found))
