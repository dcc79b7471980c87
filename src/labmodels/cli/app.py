"""Assembles the program and ends it: finds the command's file, gives it the common options, turns errors into messages and exit codes.

Only the file of the command that runs is imported; the others are known by name and help line, which is what --help and a typo need.
"""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from labmodels.config.diagnostics import InvalidConfiguration
from labmodels.errors import ExitCode, LabmodelsError, StorageFault, Usage
from labmodels.terminal.output import print_error, set_quiet, write

# name -> help line. The function stands in the file of the same name, with the same first line as its docstring: `x-y` and the verb
# `y` of a group `x` are both x_y in x_y.py.
COMMANDS = {
    "init": "Lay out the starter lab in DIR.",
    "validate-config": "Check configurations in every environment and profile.",
    "plan": "Show what a deployment would change, key by key.",
    "deploy-config": "Make configurations live in an environment.",
    "switch-config": "Use another released profile, from the next request on.",
    "status": "Show what is live, and what has drifted from it.",
    "history": "Show what happened in an environment.",
    "diff": "Compare releases, or the sources with what is live.",
    "rollback": "Make an earlier release live again.",
    "explain-config": "Show a value, where it comes from, and what it shadows.",
    "schema": "Print the JSON Schema of a kind of configuration.",
    "explain": "Explain a code of validate-config.",
    "ask": "Ask the lab's models a question.",
    "router explain": "Show who would be asked and why, without asking.",
    "router status": "Show breakers, windows and budgets as every process sees them.",
    "router reset": "Close breakers by hand.",
    "router drill": "Rehearse faults against the live route.",
    "search": "Find passages by words and by meaning.",
    "search-eval": "Measure search on judged queries.",
    "links": "Show what else speaks of a passage, and why.",
    "feedback": "Say whether an answer was good.",
    "models list": "Show what can answer, its health and its price.",
    "models pull": "Fetch a GGUF model from a hub.",
    "serve": "Serve the lab's models over HTTP.",
    "serve keys add": "Make a key for the gateway.",
    "serve keys list": "List the gateway's keys.",
    "serve keys revoke": "Revoke a key of the gateway.",
    "monitor": "Show what the models did.",
    "update-embeddings": "Bring indexes up to their documents.",
    "embeddings list": "List the indexes and their state.",
    "embeddings show": "Show an index, its generations and runs.",
    "embeddings check": "Look for damage in the indexes.",
    "embeddings rollback": "Make an earlier generation live again.",
    "embeddings gc": "Drop what no kept generation shows.",
}
# What --help says of a group of commands; `serve` is a command itself.
GROUPS = {
    "router": "Look into the router.",
    "models": "The models that can answer.",
    "embeddings": "The indexes that searches use.",
    "serve keys": "The keys of the gateway.",
}

_PROLOGUE = "Operate the AI models of a lab from one terminal."


# Options that every command, or nearly every one, takes: they may stand before the command, too. Name -> whether a value follows.
_SHARED = {"--lab": True, "--env": True, "--json": False, "--quiet": False, "--debug": False}


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code. Nothing raised inside gets out."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    arguments = _command_first(arguments)
    flags = _flags(arguments)
    outcome = _attempt(arguments)
    try:
        if isinstance(outcome, LabmodelsError):
            _tell(outcome, flags)
        if "--debug" in flags:
            took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
            write(f"took {took_s:.3f} s, {cpu_s:.3f} s of processor time\n", sys.stderr)
        sys.stdout.flush()
    except OSError:  # there is nobody left to tell: the exit code says it
        _drop_output()
    return int(outcome.exit_code if isinstance(outcome, LabmodelsError) else outcome)


def _attempt(arguments: Sequence[str]) -> int | LabmodelsError:
    """Run the command and return its exit code, or the error that it ended with."""
    try:
        if not arguments:
            return _show_help()
        _require_command(arguments)
        outcome = _app(arguments)(list(arguments), prog_name="labmodels", standalone_mode=False)
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else ExitCode.OK
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except (BrokenPipeError, SystemExit):  # whoever read our output has seen enough; Typer makes a SystemExit of it
        _drop_output()
        return ExitCode.OK
    except Exception as error:
        return _as_expected(error, arguments)


def _command_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with shared options that precede the command behind it."""
    rest, moved = list(arguments), []
    while rest and (option := rest[0].partition("="))[0] in _SHARED:
        count = 2 if _SHARED[option[0]] and not option[1] else 1
        moved += rest[:count]
        rest = rest[count:]
    if rest[:1] == ["--"]:
        del rest[0]
    words = _command_words(rest)
    return [*rest[:words], *moved, *rest[words:]]


def _command_words(arguments: Sequence[str]) -> int:
    """Return how many of the first arguments name the command: a group takes the next word for its verb, known or not."""
    for count in (3, 2, 1):
        name = " ".join(arguments[:count])
        if name in COMMANDS:
            return count
        if name in GROUPS:
            return count + (len(arguments) > count and not arguments[count].startswith("-"))
    return 1


def _flags(arguments: Sequence[str]) -> set[str]:
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    return {argument for argument in arguments[:end] if argument in ("--json", "--debug", "--quiet")}


def _show_help() -> int:
    """Show what there is where no command was given: no success, since a script with an empty variable does the same."""
    from contextlib import redirect_stdout

    with redirect_stdout(sys.stderr):
        _app([])(["--help"], prog_name="labmodels", standalone_mode=False)
    return ExitCode.USAGE


def _require_command(arguments: Sequence[str]) -> None:
    """Raise Usage, with the nearest one, for a command that there is not."""
    name = " ".join(arguments[: _command_words(arguments)])
    if name.partition("=")[0] in _SHARED:
        raise Usage(f"{name} is given, but no command", hint="labmodels --help lists the commands")
    if name in COMMANDS or name.startswith("-") or (name in GROUPS and {"--help", "-h"} & set(arguments)):
        return
    from difflib import get_close_matches

    group = next((group for group in GROUPS if f"{name} ".startswith(f"{group} ")), "")
    above = f"{group} " if group else ""
    verbs = [command.removeprefix(above) for command in (*COMMANDS, *GROUPS) if command.startswith(above)]
    if name == group:
        raise Usage(f"{group} wants a verb", hint=f"one of {', '.join(verbs)}")
    wanted = name.removeprefix(above)
    by_part = {part: verb for verb in reversed(verbs) for part in (verb.partition("-")[0], verb)}
    close = [verb for verb in verbs if verb.startswith(wanted)] or get_close_matches(wanted, by_part, n=1)
    listing = f"labmodels {above}--help lists the commands"
    raise Usage(f"no command is called {name}", hint=f"did you mean {above}{by_part[close[0]]}?" if close else listing)


# -- ending ----------------------------------------------------------------------------------------------------------------


def _tell(error: LabmodelsError, flags: set[str]) -> None:
    """Print what went wrong, without secrets; with its traceback for a bug and under --debug."""
    from labmodels.secrets import redact

    if error.exit_code is ExitCode.BUG or "--debug" in flags:
        import traceback

        write(redact("".join(traceback.format_exception(error))), sys.stderr)
    as_json = "--json" in flags
    if isinstance(error, InvalidConfiguration) and not as_json:
        _print_findings(error)
    error.args = (redact(str(error)),)
    error.hint = redact(error.hint)
    try:
        print_error(error, as_json)
    except OSError:
        _drop_output((sys.stdout,))
        print_error(error)


def _as_expected(error: Exception, arguments: Sequence[str]) -> LabmodelsError:
    """Return an error of the tree for whatever was raised; what nobody expected is a bug."""
    if isinstance(error, LabmodelsError):
        return error
    told: LabmodelsError
    if isinstance(error, typer.exceptions.TyperException):
        told = _usage(error, arguments)
    elif isinstance(error, FileNotFoundError) and error.filename is None:  # as os.getcwd says it
        told = Usage("the current folder is gone", hint="cd into a folder that exists")
    elif isinstance(error, UnicodeEncodeError) and "\udc80" <= error.object[error.start] <= "\udcff":  # a byte that Python could not read
        told = Usage("an argument or a variable is not UTF-8 text", hint="set a locale that is: export LC_ALL=C.UTF-8")
    elif isinstance(error, OSError):
        told = StorageFault.of(error, f"use {error.filename}" if error.filename else "write the output")
    else:
        told = LabmodelsError(f"a bug in labmodels: {type(error).__name__}", hint="report it with the traceback above")
    told.__cause__ = error
    return told


def _usage(error: typer.exceptions.TyperException, arguments: Sequence[str]) -> Usage:
    near = sorted(getattr(error, "possibilities", None) or ())
    name = arguments[: _command_words(arguments)]
    command = name if " ".join(name) in COMMANDS else []
    message = error.message if near else error.format_message()
    return Usage(" ".join(message.split()), hint=f"did you mean {near[0]}?" if near else " ".join(["labmodels", *command, "--help"]))


def _print_findings(error: InvalidConfiguration) -> None:
    from labmodels.terminal.diagnostics import render
    from labmodels.terminal.report import Report

    errors = [diagnostic for diagnostic in error.diagnostics if diagnostic.is_error]
    write(render(Report(errors, 0, 0), "concise"), sys.stderr)


def _drop_output(streams: Sequence[TextIO] | None = None) -> None:
    """Let go of what is still buffered for a reader that has gone or a disk that is full, or Python would try again at exit."""
    import os

    for stream in streams or (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


# -- assembling ------------------------------------------------------------------------------------------------------------


def _app(arguments: Sequence[str]) -> typer.Typer:
    app = typer.Typer(
        name="labmodels",
        help=_PROLOGUE,
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback(invoke_without_command=True)(_root)
    words = list(arguments[: _command_words(arguments)])
    name = " ".join(words)
    if name in COMMANDS:
        file = "_".join(words).replace("-", "_")
        function = _with_common_options(getattr(import_module(f"labmodels.cli.{file}"), file))
        _group(app, words[:-1]).command(words[-1])(function)
        return app
    shown = words if name in GROUPS else []
    group = _group(app, shown)
    for listed, help_line in {**COMMANDS, **GROUPS}.items():
        if listed.split()[:-1] == shown:
            group.command(listed.split()[-1], help=help_line)(_elsewhere)
    return app


def _group(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """Return the program of a group of commands, made inside `app`; `app` itself without words."""
    for depth, word in enumerate(words, 1):
        inner = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["--help", "-h"]})
        inner.callback()(_elsewhere)
        app.add_typer(inner, name=word, help=GROUPS.get(" ".join(words[:depth])))
        app = inner
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
