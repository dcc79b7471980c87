"""The entry point: `labmodels`, `python -m labmodels`. Answers --version by itself and leaves everything else to cli/app.py."""

from __future__ import annotations

import os
import sys

from labmodels import __version__


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(f"labmodels {__version__}\n")
        return
    # Pydantic would search every installed distribution for plugins at the first model: 16 ms for nothing.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from labmodels.cli.app import run

    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
