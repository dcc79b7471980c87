"""Write schemas/KIND.schema.json from the models, or with --check exit 1 when a file there differs from them."""

from __future__ import annotations

import sys
from pathlib import Path

from labmodels.config.json_schema import export_all

FOLDER = Path(__file__).resolve().parent.parent / "schemas"


def main(arguments: list[str]) -> int:
    """Return 0 when the files are as the models say, or now are; 1 when --check found a difference; 2 for other arguments."""
    if arguments not in ([], ["--check"]):
        print(f"usage: {Path(__file__).name} [--check]", file=sys.stderr)
        return 2
    wanted = export_all()
    FOLDER.mkdir(exist_ok=True)
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.schema.json")}
    differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if arguments:
        for name in differing:
            print(f"schemas/{name} differs from the models: run scripts/{Path(__file__).name}", file=sys.stderr)
        return 1 if differing else 0
    for name in differing:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
        print(f"schemas/{name} {'written' if name in wanted else 'removed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
