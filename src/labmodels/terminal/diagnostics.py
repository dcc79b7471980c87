"""Writes a report in the formats that were asked for, each to its place. How a format looks is in formats/."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from labmodels.errors import StorageFault, Usage
from labmodels.terminal.colour import PLAIN, Paint
from labmodels.terminal.output import write
from labmodels.terminal.report import Report

FORMATS = ("full", "concise", "json", "jsonl", "github", "gitlab", "sarif", "junit")
_STDOUT = Path("-")


def render(report: Report, format_name: str, paint: Paint = PLAIN) -> str:
    """Return the whole text of a report in one of `FORMATS`."""
    text: str = import_module(f"labmodels.terminal.formats.{format_name}").render(report, paint)
    return text


def write_reports(report: Report, formats: Sequence[str], outputs: Sequence[Path | None] = ()) -> None:
    """Write the report once a format: the k-th to the k-th output, to stdout where there is none (or it is "-").

    Raises `Usage` for an unknown format, two formats for one place or an output without a format, `StorageFault` for a file that
    cannot be written.
    """
    places = _places(formats, outputs)
    texts = [render(report, name, PLAIN if place else Paint.of(sys.stdout)) for name, place in zip(formats, places, strict=True)]
    for text, place in zip(texts, places, strict=True):
        if place is None:
            write(text)
            continue
        try:
            place.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise StorageFault.of(error, f"write {place}") from error


def _places(formats: Sequence[str], outputs: Sequence[Path | None]) -> list[Path | None]:
    if unknown := [name for name in formats if name not in FORMATS]:
        raise Usage(f"unknown format {unknown[0]}", hint=f"--format is one of {', '.join(FORMATS)}")
    if len(outputs) > len(formats):
        raise Usage(
            f"{len(outputs)} -o for {len(formats)} --format", hint="the k-th -o belongs to the k-th --format: give one --format for each -o"
        )
    given = [None if place == _STDOUT else place for place in outputs]
    places = [*given, *[None] * (len(formats) - len(given))]
    for index, place in enumerate(places):
        if place in places[:index]:
            where = f"to {place}" if place else "on stdout"
            raise Usage(
                f"{formats[places.index(place)]} and {formats[index]} {where}",
                hint="give each --format but one its own -o FILE, in the same order",
            )
    return places
