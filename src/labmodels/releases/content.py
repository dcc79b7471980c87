"""The content of a release: the lab file and every config of one environment, resolved, with the overrides of its deployment.

Plain data, no files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from labmodels.config.layers import leaves, merge
from labmodels.config.reader import KeyPath
from labmodels.config.schema import KINDS
from labmodels.config.schema.shape import merge_keys

if TYPE_CHECKING:
    from labmodels.config.schema.base import Declared

LAB = ""  # the name under which the lab file's own keys are addressed


class Override(NamedTuple):
    """A value that a deployment set by hand: the highest layer of its key."""

    layer: str  # "--set", or the name of the LABMODELS__* variable
    config: str  # a config's name, or LAB
    path: tuple[str, ...]
    value: Any

    @property
    def key(self) -> str:
        """The key as operators write it."""
        return ".".join((*([self.config] if self.config else []), *self.path))

    def as_overlay(self) -> dict[str, Any]:
        """The override as a layer."""
        overlay: Any = self.value
        for step in reversed(self.path):
            overlay = {step: overlay}
        return dict(overlay)


@dataclass(frozen=True)
class Entry:
    """One config in a release: its values in this environment, defaults included."""

    kind: str
    path: str  # of its source, below the lab's root
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Content:
    """What a release holds. `digest` identifies it; equal content is the same state, whatever the sources look like."""

    lab: Mapping[str, Any]
    configs: Mapping[str, Entry]
    overrides: tuple[Override, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)  # path below the root -> text

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the values; sources do not count."""
        return sha256(
            canonical_json(
                {
                    "lab": self.lab,
                    "configs": {name: [entry.kind, entry.values] for name, entry in self.configs.items()},
                    "overrides": sorted([o.key, o.value] for o in self.overrides),
                }
            )
        ).hexdigest()

    def kind(self, name: str) -> str:
        """Return the kind of a config; that of the lab's own file for LAB."""
        return "lab" if name == LAB else self.configs[name].kind

    def values(self, name: str) -> dict[str, Any]:
        """Return a config's values (or the lab's, for LAB) with its overrides on top, before profile, domain and switch."""
        base = self.lab if name == LAB else self.configs[name].values
        return self.overridden(name, dict(base), self.kind(name))

    def overridden(self, name: str, values: dict[str, Any], kind: str) -> dict[str, Any]:
        """Return `values` of config `name` with its overrides laid over them."""
        for override in self.overrides:
            if override.config == name:
                values = merge(values, override.as_overlay(), merge_keys(KINDS[kind].model))
        return values

    def flat(self) -> dict[str, Any]:
        """Return every leaf by its dotted key: `gpt-4.parameters.temperature`, `model_integration.primary_models.language`."""
        return {key: value for name in (LAB, *sorted(self.configs)) for key, value in _flat(name, self.values(name))}


def _flat(name: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path, value in leaves(dict(values)):
        yield ".".join((*([name] if name else []), *map(str, path))), value


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def canonical_values(model: Declared) -> dict[str, Any]:
    """Return a declared model as plain values: defaults filled in, units in their one form, overlays with only the keys that they give."""
    values = model.model_dump(mode="json", exclude={"environments"})
    overlay = getattr(model, "overlay", None)
    if overlay is not None:
        values["overlay"] = overlay.model_dump(mode="json", exclude_unset=True)
    return values


def as_json(content: Content) -> dict[str, Any]:
    """Return the content as it is stored, without sources."""
    return {
        "lab": content.lab,
        "configs": {
            name: {"kind": entry.kind, "path": entry.path, "values": entry.values} for name, entry in sorted(content.configs.items())
        },
        "overrides": [{"layer": o.layer, "config": o.config, "path": list(o.path), "value": o.value} for o in content.overrides],
    }


def from_json(data: Mapping[str, Any], sources: Mapping[str, str] | None = None) -> Content:
    """Return the content that `as_json` stored."""
    configs = {name: Entry(entry["kind"], entry["path"], entry["values"]) for name, entry in data["configs"].items()}
    overrides = tuple(Override(o["layer"], o["config"], tuple(o["path"]), o["value"]) for o in data["overrides"])
    return Content(data["lab"], configs, overrides, sources or {})


class Change(NamedTuple):
    """One key that differs between two contents. `ABSENT` stands for a key that one of them has not."""

    key: str
    before: Any
    after: Any


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


def changes(before: Content | None, after: Content) -> list[Change]:
    """Return the keys that differ, sorted; every key of `after` when there is nothing before."""
    return flat_changes(before.flat() if before else {}, after.flat())


def flat_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return the keys that differ between two flat contents, sorted."""
    keys = sorted(old.keys() | new.keys())
    return [
        Change(key, old.get(key, ABSENT), new.get(key, ABSENT))
        for key in keys
        if key not in old or key not in new or old[key] != new[key] or type(old[key]) is not type(new[key])
    ]


def dotted(path: KeyPath) -> str:
    """Return a path as operators write it."""
    return ".".join(map(str, path))
