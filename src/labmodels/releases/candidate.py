"""Builds what would be live: the selected configs from the working tree, everything else carried over from the live release.

Reads files; writes none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labmodels.config.catalog import Catalog, Document, load
from labmodels.config.diagnostics import InvalidConfiguration
from labmodels.config.faults import Context, diagnose
from labmodels.config.layers import Layer
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


def build(lab: Lab, request: Request, live: Release | None, environ: Mapping[str, str]) -> Content:
    """Return the content that deploying `request` would make live. Raises InvalidConfiguration with every error of the selected files."""
    catalog = load(lab)
    selected = None if request.is_everything else {lab.root / path for path in request.paths}
    result = validate(catalog, selected)
    if not result.is_valid:
        errors = sum(diagnostic.is_error for diagnostic in result.diagnostics)
        raise InvalidConfiguration(
            f"{errors} error{'s' * (errors != 1)} in what is to be deployed; nothing was changed", result.diagnostics
        )
    if catalog.lab_file is None:
        raise Usage(f"{lab.root} has no {LAB_FILE}", hint="labmodels init .")
    chosen = [document for document in catalog.documents if selected is None or document.path in selected]
    takes_lab = live is None or selected is None or catalog.lab_file.path in selected
    configs = {} if live is None or request.is_everything else dict(live.content.configs)
    sources = {} if live is None or request.is_everything else read_sources(live.folder)
    for document in chosen:
        replaced = configs.get(document.name)
        if replaced is not None:
            sources.pop(replaced.path, None)
        configs[document.name] = Entry(document.kind, lab.relative(document.path), _resolved(document, request.environment))
        sources[lab.relative(document.path)] = document.source.text
    lab_values = _resolved(catalog.lab_file, request.environment) if takes_lab or live is None else dict(live.content.lab)
    if takes_lab:
        sources[LAB_FILE] = catalog.lab_file.source.text
    redone = {document.name for document in chosen} | ({LAB} if takes_lab else set())
    overrides = _overrides(request, live, redone, configs, lab_values, environ)
    content = Content(lab_values, dict(sorted(configs.items())), tuple(overrides), sources)
    _check_overrides(content, catalog)
    return content


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
    """Return the overrides of the candidate: those of carried configs, the variables, --set; a later one replaces an equal key."""
    carried = [
        override
        for override in (live.content.overrides if live else ())
        if override.config not in redone and (override.config == LAB or override.config in configs)
    ]
    given = [*from_environ(environ, configs, lab_values), *from_arguments(request.settings, configs, lab_values)]
    return list({override.key: override for override in [*carried, *given]}.values())


def _check_overrides(content: Content, catalog: Catalog) -> None:
    """Validate every config that has overrides with them on top; the findings name the layer."""
    from pydantic import ValidationError

    from labmodels.config.layers import MergeConflict
    from labmodels.config.schema import KINDS

    for name in dict.fromkeys(override.config for override in content.overrides):
        kind = "lab" if name == LAB else content.configs[name].kind
        base = content.lab if name == LAB else content.configs[name].values
        model = KINDS[kind].model
        document = catalog.lab_file if name == LAB else catalog.by_name.get(name)
        layers = [Layer("file", base, document.source if document else None)]
        layers += [Layer(override.layer, override.as_overlay()) for override in content.overrides if override.config == name]
        try:
            values = content.values(name)
            model.model_validate(values)
        except MergeConflict as error:
            raise Usage(f"{layers[-1].name} does not fit {name}: {error}", hint="labmodels schema shows the keys") from None
        except ValidationError as error:
            found = diagnose(error, Context(model, layers, values))
            raise Usage(
                f"{layers[-1].name} makes {name or LAB_FILE} invalid: {found[0].message}",
                hint=found[0].help or "labmodels schema shows the keys",
            ) from None


def config_paths(lab: Lab, files: Sequence[Path]) -> tuple[str, ...]:
    """Return the files of a deployment below the lab's root; raise Usage for one that lies elsewhere."""
    outside = [path for path in files if not path.is_relative_to(lab.root)]
    if outside:
        raise Usage(f"{outside[0]} is not in the lab {lab.root}", hint="copy it into configs/ first: what is deployed must be in the lab")
    return tuple(sorted({lab.relative(path) for path in files}))
