"""Reads the header of a GGUF file, within the file's own size, before llama.cpp is given it: its readers have trusted such counts.

What the metadata mean is left to the callers; the weights are never read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

Scalar = bool | int | float | str

_VERSIONS = (2, 3)  # version 1 counted in 32 bits and is long gone
_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_LEAST_TENSOR = 8 + 1 + 4 + 8 + 4 + 8  # bytes: name, dimensions, type, offset
_LEAST_ENTRY = 8 + 1 + 4 + 1  # bytes: key, type, value
_LONGEST_KEY = 65535
_LONGEST_NAME = 64
_MOST_DIMENSIONS = 4
_MOST_ELEMENTS = 1 << 48


class BadGguf(ValueError):
    """The file is no GGUF file, or its header does not fit into it."""


@dataclass(frozen=True, slots=True)
class Header:
    """`metadata` holds the scalars, not the arrays."""

    version: int
    tensor_count: int
    metadata: Mapping[str, Scalar]

    def number(self, key: str) -> int | None:
        """Return a positive whole number of the model's architecture ("context_length"); None where it is not given."""
        value = self.metadata.get(f"{self.metadata.get('general.architecture')}.{key}")
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def read_header(path: Path) -> Header:
    """Return the header of a GGUF file. Raises BadGguf, OSError."""
    with path.open("rb") as file:
        return _Reader(file, path.stat().st_size).header()


class _Reader:
    """A file and how much of it is left; nothing is read or held beyond that."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def header(self) -> Header:
        if self._left < 24 or self._bytes(4) != b"GGUF":
            raise BadGguf("it does not begin as a GGUF file does")
        version = self._number("<I")
        if version not in _VERSIONS:
            raise BadGguf(f"GGUF version {version} is not known")
        tensor_count, entry_count = self._number("<Q"), self._number("<Q")
        if tensor_count * _LEAST_TENSOR + entry_count * _LEAST_ENTRY > self._left:
            raise BadGguf(f"{tensor_count} tensors and {entry_count} metadata do not fit into it")
        metadata = {}
        for _ in range(entry_count):
            key, value = self._text(_LONGEST_KEY), self._value()
            if value is not None:
                metadata[key] = value
        for _ in range(tensor_count):
            self._tensor()
        return Header(version, tensor_count, metadata)

    def _value(self) -> Scalar | None:
        kind = self._number("<I")
        if kind == _STRING:
            return self._text(self._left)
        if kind != _ARRAY:
            return self._scalar(kind)
        self._array()
        return None

    def _scalar(self, kind: int) -> bool | int | float:
        if kind not in _FORMATS:
            raise BadGguf(f"a value of the unknown type {kind}")
        value: bool | int | float = self._unpacked(_FORMATS[kind])
        return value

    def _array(self) -> None:
        """Pass an array by. Arrays of arrays are legal and nobody's: refused, as they would nest without end."""
        kind, count = self._number("<I"), self._number("<Q")
        if kind == _STRING:
            if count * 8 > self._left:
                raise BadGguf("an array is longer than the file")
            for _ in range(count):
                self._bytes(self._number("<Q"))
        elif kind in _FORMATS:
            self._bytes(count * struct.calcsize(_FORMATS[kind]))
        else:
            raise BadGguf(f"an array of the unknown type {kind}")

    def _tensor(self) -> None:
        name, dimensions = self._text(_LONGEST_NAME), self._number("<I")
        if not 1 <= dimensions <= _MOST_DIMENSIONS:
            raise BadGguf(f"the tensor {name} has {dimensions} dimensions")
        elements = 1
        for _ in range(dimensions):
            elements *= self._number("<Q")
        if not 0 < elements <= _MOST_ELEMENTS:
            raise BadGguf(f"the tensor {name} has {elements} elements")
        self._number("<I")
        self._number("<Q")

    def _text(self, longest: int) -> str:
        length = self._number("<Q")
        if length > longest:
            raise BadGguf(f"a text of {length} bytes where at most {longest} may stand")
        try:
            return self._bytes(length).decode()
        except UnicodeDecodeError:
            raise BadGguf("a text that is not UTF-8") from None

    def _number(self, layout: str) -> int:
        value: int = self._unpacked(layout)
        return value

    def _unpacked(self, layout: str) -> Any:
        return struct.unpack(layout, self._bytes(struct.calcsize(layout)))[0]

    def _bytes(self, count: int) -> bytes:
        if count > self._left:
            raise BadGguf("it ends within its header")
        data = self._file.read(count)
        if len(data) != count:  # cut since its size was read
            raise BadGguf("it ends within its header")
        self._left -= count
        return data
