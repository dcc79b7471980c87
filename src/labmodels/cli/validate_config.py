"""labmodels validate-config: check configurations offline, in every environment and under every profile."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labmodels.cli.options import Json
from labmodels.errors import ExitCode, LabmodelsError, Usage
from labmodels.lab import LAB_FILE, Lab, find_lab

if TYPE_CHECKING:
    from labmodels.config.catalog import Catalog
    from labmodels.config.validate import Validation

Paths = Annotated[
    list[str] | None, typer.Argument(metavar="PATH", help="Files, folders or names; nothing means the whole lab.", show_default=False)
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format", metavar="FORMAT", help="full, concise, json, jsonl, github, gitlab, sarif or junit; repeatable.", show_default=False
    ),
]
Outputs = Annotated[
    list[Path] | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where the FORMAT at the same position goes; repeatable.", show_default=False),
]
Fix = Annotated[bool, typer.Option("--fix", help="Make the safe repairs, then check again.")]
LabFolder = Annotated[
    Path | None, typer.Option("--lab", metavar="DIR", help="The lab; else LABMODELS_LAB, else found by walking up.", show_default=False)
]


def validate_config(
    paths: Paths = None, format_: Formats = None, output: Outputs = None, fix: Fix = False, json: Json = False, in_lab: LabFolder = None
) -> int:
    """Check configurations in every environment and profile.

    Exits 1 when there are errors; warnings and infos do not fail.
    """
    from labmodels.terminal.diagnostics import write_reports
    from labmodels.terminal.output import is_quiet, say
    from labmodels.terminal.report import Report

    lab, selected = _subject(paths or [], in_lab)
    catalog, result = _validated(lab, selected)
    if fix and any(diagnostic.edits for diagnostic in result.diagnostics):
        say(_fixed(catalog, result))
        catalog, result = _validated(lab, selected)
    texts = {source.path: source.text for source in catalog.sources}
    formats = ["json"] if json else format_ or ["github" if os.environ.get("GITHUB_ACTIONS") == "true" else "full"]
    touched = _touched(lab.root) if "github" in formats else frozenset()
    if not (is_quiet() and result.is_valid and not output):
        report = Report(result.diagnostics, result.files_count, result.combinations_count, touched, texts.get)
        write_reports(report, formats, output or [])
    return ExitCode.OK if result.is_valid else ExitCode.VERDICT_NO


def _subject(paths: Sequence[str], in_lab: Path | None) -> tuple[Lab, set[Path] | None]:
    """Return the lab and the files that are meant: None is all of them. Files that belong to no lab are checked by themselves."""
    from labmodels.config.catalog import SUFFIXES, config_files, find_config
    from labmodels.config.catalog import in_lab as named

    try:
        lab = find_lab(in_lab)
    except LabmodelsError:
        if in_lab is not None or not paths:
            raise
        lab = Lab(_lab_above(Path(paths[0]).absolute()))
    if not paths:
        return lab, None
    selected: set[Path] = set()
    for path in paths:
        folders = (candidate for candidate in (Path(path), lab.root / path, lab.configs / path) if candidate.is_dir())
        folder = next((named(lab, candidate) for candidate in folders), None)
        if folder is None or folder.name.endswith(SUFFIXES):  # a folder in a file's place is a finding of its own
            selected.add(find_config(lab, path))
            continue
        found = config_files(folder)
        if folder == lab.root:
            found = [lab.config_file, *config_files(lab.configs)]
        if not found:
            raise Usage(f"{path} holds no YAML file", hint="give a folder with configurations, or a file")
        selected.update(found)
    return lab, selected


def _lab_above(path: Path) -> Path:
    """Return the nearest folder above `path` that is a lab, else the folder of `path`."""
    return next((folder for folder in path.parents if (folder / LAB_FILE).is_file()), path if path.is_dir() else path.parent)


def _validated(lab: Lab, selected: set[Path] | None) -> tuple[Catalog, Validation]:
    from labmodels.config.catalog import load
    from labmodels.config.validate import validate

    catalog = load(lab, extra=sorted(selected or ()))
    return catalog, validate(catalog, selected)


def _fixed(catalog: Catalog, result: Validation) -> str:
    """Make the safe repairs, each file in one durable write, and return what was done."""
    from labmodels.config.fixes import apply
    from labmodels.durable import DISK

    texts = {source.path: source.text for source in catalog.sources}
    edits = [edit for diagnostic in result.diagnostics for edit in diagnostic.edits]
    paths = sorted({edit.span.path for edit in edits})
    for path in paths:
        bom = "\ufeff" if path.read_bytes().startswith(b"\xef\xbb\xbf") else ""
        text = bom + apply(texts[path], [edit for edit in edits if edit.span.path == path])
        DISK.write_file(path.resolve(), text.encode(), path.stat().st_mode & 0o777)
    return f"Fixed {len(edits)} finding{'s' * (len(edits) != 1)} in {len(paths)} file{'s' * (len(paths) != 1)}."


def _touched(root: Path) -> frozenset[Path]:
    """Return the files that the pull request changes: GitHub shows only the first few annotations, and these matter most."""
    import subprocess

    base = os.environ.get("GITHUB_BASE_REF")
    if not base:
        return frozenset()
    command = ["git", "-C", str(root), "diff", "--name-only", "--relative", "-z", f"origin/{base}...HEAD"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True, timeout=20, stdin=subprocess.DEVNULL).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        sys.stderr.write(f"warning: cannot tell which files differ from origin/{base}; annotations keep the order of files\n")
        return frozenset()
    return frozenset(root / name for name in listed.decode(errors="replace").split("\0") if name)
