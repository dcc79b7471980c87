"""The starter lab: the one of this repository, carried in the package as data. Lays it out elsewhere; overwrites nothing."""

from __future__ import annotations

from pathlib import Path

from labmodels.durable import DISK, FileSystem
from labmodels.errors import StorageFault, Usage

_PARTS = (
    "labmodels.yaml", "configs", "schemas", "docs",
    "knowledge_base", "examples", "scripts/maintenance", "api", "infrastructure", "monitoring", "logs", "metrics",
)  # fmt: skip
# What an editor leaves beside them is not meant.
_SUFFIXES = (".yaml", ".json", ".md", ".py", ".sh", ".conf", ".service", ".timer", ".cron", ".log", ".prom")
_MODES = {".sh": 0o755}
_OURS = ("docs/decisions", "docs/log.md")  # about this program; the wheel leaves them out, too
_IGNORED = ".labmodels/\n/embeddings/\n"


def lay_out(folder: Path, files: FileSystem = DISK) -> tuple[list[str], list[str]]:
    """Write the starter lab into `folder` and return the files written and those kept because they were there.

    Raises Usage, StorageFault.
    """
    if folder.exists() and not folder.is_dir():
        raise Usage(f"{folder} is a file", hint="labmodels init takes a folder")
    written: list[str] = []
    kept: list[str] = []
    texts = {name: path.read_bytes() for name, path in starter_files().items()}
    texts[".gitignore"] = _IGNORED.encode()
    # labmodels.yaml goes last: a folder is a lab only when it is whole.
    for name in sorted(texts, key=lambda name: (name == "labmodels.yaml", name)):
        target = folder / name
        if target.exists():
            kept.append(name)
            continue
        files.make_folder(target.parent, 0o755)
        files.write_file(target, texts[name], _MODES.get(target.suffix, 0o644))
        written.append(name)
    return written, kept


def starter_folder() -> Path:
    """Return where the starter lab lies: in the installed package, or at the root of a checkout."""
    packaged = Path(__file__).parent / "starter"
    checkout = Path(__file__).parents[2]
    for folder in (packaged, checkout):
        if (folder / "labmodels.yaml").is_file():
            return folder
    raise StorageFault("this installation has no starter lab", hint="pip install --force-reinstall labmodels")


def starter_files() -> dict[str, Path]:
    """Return the files of the starter lab by their names in a lab."""
    source = starter_folder()
    found = [path for part in _PARTS for path in ((source / part).rglob("*") if (source / part).is_dir() else [source / part])]
    named = {
        path.relative_to(source).as_posix(): path
        for path in sorted(found)
        if path.is_file() and path.suffix in _SUFFIXES and path.name[0] != "."
    }
    return {name: path for name, path in named.items() if not name.startswith(_OURS)}
