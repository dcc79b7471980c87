"""Assembles the program and ends it: finds the command's file, gives it the common options, turns errors into messages and exit codes.

Only the file of the command that runs is imported; the others are known by name and help line, which is what --help and a typo need.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from labmodels.config.diagnostics import InvalidConfiguration
from labmodels.errors import ExitCode, LabmodelsError, StorageFault, Usage
from labmodels.terminal.output import print_error, set_quiet, write

# name -> help line. The function stands in the file of the same name, with the same first line as its docstring.
COMMANDS = {
    "init": "Lay out the starter lab in DIR.",
    "validate-config": "Check configurations in every environment and under every profile.",
    "plan": "Show what a deployment would change, key by key.",
    "deploy-config": "Make configurations live in an environment.",
    "switch-config": "Use another released profile, from the next request on.",
    "status": "Show what is live, and what has drifted from it.",
    "history": "Show what happened in an environment.",
    "diff": "Compare releases, or the sources with what is live.",
    "rollback": "Make an earlier release live again.",
    "explain-config": "Show a value, where it comes from, and everything it shadows.",
    "schema": "Print the JSON Schema of a kind of configuration.",
    "explain": "Explain a code of validate-config.",
    "ask": "Ask the lab's models a question.",
    "monitor": "Show what the models did.",
}

_PROLOGUE = "Operate the AI models of a lab from one terminal."


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code. Nothing raised inside gets out, but for a bug under --debug."""
    flags = _flags(arguments)
    try:
        outcome = _app(arguments)(list(arguments), prog_name="labmodels", standalone_mode=False)
        code = outcome if isinstance(outcome, int) else ExitCode.OK
        sys.stdout.flush()
        return int(code)
    except LabmodelsError as error:
        return _end(error, flags)
    except typer.Abort:
        return int(ExitCode.INTERRUPTED)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        _close_stdout()
        return int(ExitCode.OK)
    except OSError as error:
        return _end(StorageFault.of(error, f"use {error.filename or 'a file'}"), flags)
    except Exception as error:
        if isinstance(error, typer.exceptions.TyperException):
            return _end(_usage(error, arguments), flags)
        return _bug(error, flags)


def _flags(arguments: Sequence[str]) -> set[str]:
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    return {argument for argument in arguments[:end] if argument in ("--json", "--debug", "--quiet")}


def _end(error: LabmodelsError, flags: set[str]) -> int:
    from labmodels.secrets import redact

    if "--debug" in flags:
        import traceback

        write(redact("".join(traceback.format_exception(error))), sys.stderr)
    as_json = "--json" in flags
    if isinstance(error, InvalidConfiguration) and not as_json:
        _print_findings(error)
    error.args = (redact(str(error)),)
    error.hint = redact(error.hint)
    print_error(error, as_json)
    return int(error.exit_code)


def _print_findings(error: InvalidConfiguration) -> None:
    from labmodels.terminal.diagnostics import render
    from labmodels.terminal.report import Report

    errors = [diagnostic for diagnostic in error.diagnostics if diagnostic.is_error]
    write(render(Report(errors, 0, 0), "concise"), sys.stderr)


def _bug(error: Exception, flags: set[str]) -> int:
    import traceback

    from labmodels.secrets import redact

    write(redact("".join(traceback.format_exception(error))), sys.stderr)
    print_error(
        LabmodelsError(f"a bug in labmodels: {type(error).__name__}", hint="report it with the traceback above"), as_json="--json" in flags
    )
    return int(ExitCode.BUG)


def _usage(error: Exception, arguments: Sequence[str]) -> Usage:
    command = next((argument for argument in arguments if argument in COMMANDS), "")
    message = error.format_message() if isinstance(error, typer.exceptions.TyperException) else str(error)
    return Usage(" ".join(message.split()), hint=" ".join(["labmodels", *([command] if command else []), "--help"]))


def _close_stdout() -> None:
    """The reader of a pipe has gone: what is still buffered has nowhere to go, and Python must not try at exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# -- assembling ------------------------------------------------------------------------------------------------------------


def _app(arguments: Sequence[str]) -> typer.Typer:
    app = typer.Typer(
        name="labmodels", help=_PROLOGUE, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True
    )
    app.callback()(_root)
    wanted = next((argument for argument in arguments if not argument.startswith("-")), None)
    if wanted in COMMANDS:
        name = wanted.replace("-", "_")
        app.command(wanted)(_with_common_options(getattr(import_module(f"labmodels.cli.{name}"), name)))
        return app
    for name, help_line in COMMANDS.items():
        app.command(name, help=help_line)(_elsewhere)
    return app


def _root(version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False) -> None:
    if version:
        from labmodels import __version__

        write(f"labmodels {__version__}\n")
        raise typer.Exit


def _elsewhere() -> None:
    """Stands for a command that is only listed, or looked up by a typo."""


_LAB = Annotated[
    Path | None, typer.Option("--lab", metavar="DIR", help="The lab; else LABMODELS_LAB, else found by walking up.", show_default=False)
]
_QUIET = Annotated[bool, typer.Option("--quiet", help="Print on failure only.")]
_DEBUG = Annotated[bool, typer.Option("--debug", help="Add the traceback of an error.")]


def _with_common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` as a command: a parameter `lab: Lab` becomes --lab and is passed the lab found; --quiet and --debug are added."""
    signature = inspect.signature(function, eval_str=True)
    wants_lab = "lab" in signature.parameters
    keyword = inspect.Parameter.KEYWORD_ONLY
    kept = [parameter.replace(kind=keyword) for name, parameter in signature.parameters.items() if name != "lab"]
    if wants_lab:
        kept.append(inspect.Parameter("lab", keyword, default=None, annotation=_LAB))
    kept.append(inspect.Parameter("quiet", keyword, default=False, annotation=_QUIET))
    kept.append(inspect.Parameter("debug", keyword, default=False, annotation=_DEBUG))

    @functools.wraps(function)
    def command(*, quiet: bool, debug: bool, **given: Any) -> Any:
        set_quiet(quiet)
        if wants_lab:
            from labmodels.lab import find_lab

            given["lab"] = find_lab(given["lab"])
        return function(**given)

    command.__signature__ = signature.replace(parameters=kept, return_annotation=None)  # type: ignore[attr-defined]
    command.__annotations__ = {}
    return command
