"""The entry point: `labmodels`, `python -m labmodels`. Answers --version by itself and leaves everything else to cli/app.py."""

from __future__ import annotations

import sys

from labmodels import __version__


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(f"labmodels {__version__}\n")
        return
    _start_quickly()
    from labmodels.cli.app import run

    sys.exit(run(arguments))


def _start_quickly() -> None:
    """Spare every command two costs that it has no use for (docs/decisions/003): a tenth of its processor time."""
    import gc
    from types import ModuleType

    # What is imported stays: looking through it for garbage again and again while it is loaded finds nothing.
    gc.set_threshold(50_000, 20, 50)
    # To look for plugins, which labmodels has none of, Pydantic imports importlib.metadata, and that the email package.
    loader = ModuleType("pydantic.plugin._loader")
    loader.get_plugins = tuple  # type: ignore[attr-defined]
    sys.modules.setdefault(loader.__name__, loader)


if __name__ == "__main__":
    main()
