"""A header is read within its file: whatever the bytes are, it is a header or BadGguf, at once."""

from __future__ import annotations

import struct
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.providers.gguf_header import BadGguf, read_header
from labmodels.training.gguf import tiny_model


def _tiny() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.gguf"
        tiny_model(path, seed=1)
        return path.read_bytes()


TINY = _tiny()
HEADER_BYTES = TINY.rindex(b"output.weight") + len(b"output.weight") + 4 + 2 * 8 + 4 + 8


def head(tensors: int, entries: int, rest: bytes = b"", version: int = 3) -> bytes:
    return struct.pack("<4sIQQ", b"GGUF", version, tensors, entries) + rest


def text(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(value) if length is None else length) + value


PADDING = bytes(400)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"GGUF", b"GGML" + PADDING, head(0, 0, version=1), head(0, 0, version=1 << 24), head(1 << 60, 0, PADDING),
        head(0, 1 << 63, PADDING),
        head(0, 1, text(b"k", 1 << 62) + PADDING), head(0, 1, text(b"\xff") + PADDING),
        head(0, 1, text(b"k") + struct.pack("<I", 99) + PADDING),
        head(0, 1, text(b"k") + struct.pack("<IQ", 8, (1 << 64) - 1) + PADDING),
        head(0, 1, text(b"k") + struct.pack("<IIQ", 9, 8, 1 << 60) + PADDING),
        head(0, 1, text(b"k") + struct.pack("<IIQ", 9, 10, (1 << 61) + 1) + PADDING),
        head(0, 1, text(b"k") + struct.pack("<IIQ", 9, 9, 1) + PADDING),
        head(1, 0, text(b"t") + struct.pack("<I", 5) + PADDING), head(1, 0, text(b"t") + struct.pack("<I", 0) + PADDING),
        head(1, 0, text(b"t") + struct.pack("<IQQ", 2, 1 << 40, 1 << 40) + PADDING),
        head(1, 0, text(b"t" * 65) + struct.pack("<IQ", 1, 1) + PADDING),
        head(1, 0, text(b"t") + struct.pack("<IQ", 1, 0) + PADDING),
    ],
)  # fmt: skip
def test_counts_and_lengths_that_do_not_fit_are_refused(tmp_path, data):
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with pytest.raises(BadGguf):
        read_header(path)


@given(at=st.integers(0, HEADER_BYTES), value=st.binary(min_size=1, max_size=9))
def test_damage_anywhere_ends_in_a_header_or_in_bad_gguf(tmp_path_factory, at, value):
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    path.write_bytes(TINY[:at] + value + TINY[at + len(value) :])
    with suppress(BadGguf):
        read_header(path)


@given(st.integers(0, HEADER_BYTES - 1))
def test_a_header_that_is_cut_is_told(tmp_path_factory, length):
    path = tmp_path_factory.getbasetemp() / "cut.gguf"
    path.write_bytes(TINY[:length])
    with pytest.raises(BadGguf):
        read_header(path)


def test_numbers_are_of_the_architecture_and_positive(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(TINY)
    header = read_header(path)
    assert header.number("context_length") == 512 and header.number("nothing") is None
    assert header.metadata["tokenizer.ggml.add_bos_token"] is False and "tokenizer.ggml.tokens" not in header.metadata
