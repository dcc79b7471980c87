"""Lays configurations over each other.

Maps merge; lists replace, unless the schema names a key to merge them by; null is a value; only !delete deletes.
Pure: takes plain data, never changes it, and shares what it did not have to copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from labmodels.config.diagnostics import Span
from labmodels.config.reader import DELETE, KeyPath, Source

# The path of a list in a document, and the key of its items by which overlays merge it.
MergeKeys = Mapping[KeyPath, str]
OVERLAYS = "environments"  # the key of a document that holds layers, not values


class MergeConflict(Exception):
    """A layer lays a scalar over a map, or a map over a scalar, at `path`; or deletes a key that is not there."""

    def __init__(self, path: KeyPath, message: str, code: str = "LM210") -> None:
        super().__init__(message)
        self.path = path
        self.code = code


class Layer(NamedTuple):
    """One source of values: `data` with, where it came from a file, the path in it that the data starts at."""

    name: str
    data: Mapping[str, Any]
    source: Source | None = None
    prefix: KeyPath = ()

    def span_of(self, path: KeyPath) -> Span | None:
        """Return where this layer gives the value at `path`, when it comes from a file."""
        return self.source.place((*self.prefix, *path)).value if self.source else None

    def key_span_of(self, path: KeyPath) -> Span | None:
        """Return where this layer names the key at `path`."""
        place = self.source.place((*self.prefix, *path)) if self.source else None
        return (place.key or place.value) if place else None


class Origin(NamedTuple):
    """One layer's say on a leaf: which layer, and the value that it gives."""

    layer: Layer
    value: Any
    path: KeyPath  # in the layer; differs from the resolved path where a list merges by key


def merge(lower: Mapping[str, Any], upper: Mapping[str, Any], merge_keys: MergeKeys, path: KeyPath = ()) -> dict[str, Any]:
    """Return `lower` with `upper` laid over it; raise MergeConflict at the first place where their shapes contradict."""
    result = dict(lower)
    for key, value in upper.items():
        below = result.get(key)
        if value is DELETE:
            if key not in result:
                raise MergeConflict((*path, key), f"!delete names {_dotted((*path, key))}, which no lower layer has", "LM211")
            del result[key]
        elif type(value) is dict:
            if type(below) is dict:
                result[key] = merge(below, value, merge_keys, (*path, key))
            elif below is None:
                result[key] = merge({}, value, merge_keys, (*path, key))
            else:
                raise MergeConflict((*path, key), f"a map is laid over the {_shape(below)} {_dotted((*path, key))}")
        elif type(below) is dict and value is not None:
            raise MergeConflict((*path, key), f"a {_shape(value)} is laid over the map {_dotted((*path, key))}")
        elif type(value) is list and type(below) is list and (item_key := merge_keys.get((*path, key))):
            result[key] = _merge_items(below, value, item_key, merge_keys, (*path, key))
        else:
            result[key] = value
    return result


def lay(lower: Mapping[str, Any], document: Mapping[str, Any], merge_keys: MergeKeys) -> dict[str, Any]:
    """Return `lower` with a document over it. Its environments are layers that wait for their turn: they stay as they stand."""
    result = merge(lower, {key: value for key, value in document.items() if key != OVERLAYS}, merge_keys)
    if OVERLAYS in document:
        result[OVERLAYS] = document[OVERLAYS]
    return result


def merge_what_fits(layers: Sequence[Mapping[str, Any]], merge_keys: MergeKeys) -> tuple[dict[str, Any], list[MergeConflict]]:
    """Return the layers laid over each other, lowest first, without the keys whose shapes contradict, and every contradiction."""
    result: dict[str, Any] = {}
    conflicts: list[MergeConflict] = []
    for layer in layers:
        rest: dict[str, Any] = dict(layer)
        while True:
            try:
                result = lay(result, rest, merge_keys)
                break
            except MergeConflict as error:
                conflicts.append(error)
                rest = _without(rest, error.path)
    return result, conflicts


def _without(data: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
    """Return `data` without the value at `path`, or without the nearest map around it where a list lies between."""
    key = str(path[0])
    inner = data[key]
    if len(path) > 1 and type(inner) is dict:
        return {**data, key: _without(inner, path[1:])}
    return {other: value for other, value in data.items() if other != key}


def _merge_items(lower: list[Any], upper: list[Any], item_key: str, merge_keys: MergeKeys, path: KeyPath) -> list[Any]:
    result = list(lower)
    positions = {item.get(item_key): index for index, item in enumerate(result) if type(item) is dict}
    for item in upper:
        index = positions.get(item.get(item_key)) if type(item) is dict else None
        if index is None:
            result.append(item)
        else:
            result[index] = merge(result[index], item, merge_keys, (*path, index))
    return result


def resolve(layers: Sequence[Layer], merge_keys: MergeKeys) -> dict[str, Any]:
    """Return the layers laid over each other, lowest first."""
    result: dict[str, Any] = {}
    for layer in layers:
        result = lay(result, layer.data, merge_keys)
    return result


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every leaf with its path: scalars, lists as a whole, and empty maps."""
    if type(value) is dict and value:
        for key, below in value.items():
            yield from leaves(below, (*path, key))
    else:
        yield path, value


def origins(layers: Sequence[Layer], resolved: Mapping[str, Any], path: KeyPath, merge_keys: MergeKeys) -> list[Origin]:
    """Return what each layer says of `path`, the highest first: the winner, then what it shadows.

    A layer that deletes or replaces an ancestor ends the search: what lies below it has no part in the value.
    """
    found: list[Origin] = []
    for layer in reversed(layers):
        step = _descend(layer, resolved, path, merge_keys)
        if step is None:
            continue
        origin, hides_the_rest = step
        if origin is not None:
            found.append(origin)
        if hides_the_rest and origin is None:
            break
    return found


def _descend(layer: Layer, resolved: Any, path: KeyPath, merge_keys: MergeKeys) -> tuple[Origin | None, bool] | None:
    """Return the layer's origin of `path` and whether it hides the layers below, or None when the layer is silent about it."""
    here: Any = layer.data
    own_path: KeyPath = ()
    for depth, step in enumerate(path):
        if isinstance(here, dict) and step in here:
            here, own_path = here[step], (*own_path, step)
        elif isinstance(here, list) and isinstance(step, int):
            index = _same_item(here, resolved, step, merge_keys.get(path[:depth]))
            if index is None:
                return None if path[:depth] in merge_keys else (None, True)
            here, own_path = here[index], (*own_path, index)
        else:
            return None if isinstance(here, dict) else (None, True)
        if here is DELETE:
            return None, True
        resolved = _at(resolved, step)
    return Origin(layer, here, own_path), False


def _same_item(items: list[Any], resolved: Any, step: int, item_key: str | None) -> int | None:
    if item_key is None:
        return step if step < len(items) else None
    wanted = _at(_at(resolved, step), item_key)
    return next((index for index, item in enumerate(items) if type(item) is dict and item.get(item_key) == wanted), None)


def _at(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None


def _dotted(path: KeyPath) -> str:
    return ".".join(str(step) for step in path)


def _shape(value: Any) -> str:
    return "list" if type(value) is list else "map" if type(value) is dict else "scalar"
