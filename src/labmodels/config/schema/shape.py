"""What the schema says of a path: which lists merge by key, what type a value has, which keys are allowed.

Reads annotations; validates nothing.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from labmodels.config.schema.base import Declared, MergeKey

Step = str | int


@lru_cache(maxsize=64)
def merge_keys(model: type[Declared]) -> dict[tuple[Step, ...], str]:
    """Return the lists of `model` that overlays merge, with the key that names their items."""
    return dict(_merge_keys(model, ()))


def _merge_keys(model: type[Declared], path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], str]]:
    for name, info in model.model_fields.items():
        for mark in (*info.metadata, *_metadata(info.annotation)):
            if isinstance(mark, MergeKey):
                yield (*path, name), mark.key
        for inner in _models_in(info.annotation):
            yield from _merge_keys(inner, (*path, name))


def type_at(model: type[Declared], path: tuple[Step, ...]) -> Any:
    """Return the annotation of the value at `path`, or Any where the schema leaves it open.

    Overlays have the shape of what they overlay.
    """
    here: Any = model
    top = model
    for index, step in enumerate(path):
        if isinstance(here, type) and issubclass(here, Declared):
            info = here.model_fields.get(str(step))
            if info is None:
                return Any
            here = info.annotation
            if step == "environments" and here is not Any and index == 0 and len(path) > 2:
                return type_at(top, path[2:])
        else:
            here = _item_type(here)
        here = _without_none(here)
    return here


def allowed_keys(model: type[Declared], path: tuple[Step, ...]) -> list[str]:
    """Return the keys that the map at `path` may have; empty where any are."""
    here = type_at(model, path)
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, Declared) else []


def accepts(annotation: Any, *kinds: type) -> bool:
    """Whether a value of one of the `kinds` can be right for `annotation`."""
    bare = _bare(annotation)
    options = typing.get_args(bare) if typing.get_origin(bare) in (typing.Union, types.UnionType) else (bare,)
    return any(option in kinds for option in map(_bare, options))


def _bare(annotation: Any) -> Any:
    return _bare(typing.get_args(annotation)[0]) if typing.get_origin(annotation) is typing.Annotated else annotation


def _metadata(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) is typing.Annotated:
        yield from typing.get_args(annotation)[1:]
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for option in typing.get_args(annotation):
            yield from _metadata(option)


def _without_none(annotation: Any) -> Any:
    bare = _bare(annotation)
    if typing.get_origin(bare) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(bare) if option is not type(None)]
        return _bare(options[0]) if len(options) == 1 else bare
    return bare


def _item_type(annotation: Any) -> Any:
    arguments = typing.get_args(_bare(annotation))
    return arguments[-1] if typing.get_origin(_bare(annotation)) in (list, dict) and arguments else Any


def _models_in(annotation: Any) -> Iterator[type[Declared]]:
    bare = _without_none(annotation)
    if isinstance(bare, type) and issubclass(bare, Declared):
        yield bare
    elif typing.get_origin(bare) is list:
        yield from ()


def default_at(model: type[Declared], path: tuple[Step, ...]) -> Any:
    """Return the default of the value at `path` as a configuration would write it, or ... where there is none."""
    parent = type_at(model, path[:-1]) if path else None
    if not (isinstance(parent, type) and issubclass(parent, Declared)):
        return ...
    info = parent.model_fields.get(str(path[-1]))
    if info is None or info.is_required():
        return ...
    partial = parent.model_construct()
    return partial.model_dump(mode="json", include={str(path[-1])}, warnings=False)[str(path[-1])]
