"""The entry point: `labmodels`, `python -m labmodels`. Answers --version by itself and leaves everything else to cli/app.py."""

from __future__ import annotations

import sys

from labmodels import __version__


def main() -> None:
    """Run the command line and exit with its code."""
    _open_missing_streams()
    arguments = sys.argv[1:]
    try:
        if arguments in (["--version"], ["-V"]) and _wrote(f"labmodels {__version__}\n"):
            return
        _start_quickly()
        from labmodels.cli.app import run

        code = run(arguments)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _open_missing_streams() -> None:
    """Let a closed stream (`>&-`) lead nowhere: the next file opened would take its number, and our output with it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open("/dev/null", mode, encoding="utf-8"))  # noqa: PTH123, SIM115  pathlib costs, and it stays open


def _wrote(text: str) -> bool:
    """Write to stdout; False where that fails, for the command line to tell."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        return False
    return True


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
