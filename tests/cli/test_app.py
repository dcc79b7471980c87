"""The program as a user meets it, whatever the command: help, typos, how failures end, and streams, signals and places gone wrong."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labmodels.cli import app
from labmodels.cli import explain as explain_file
from labmodels.cli.app import COMMANDS, GROUPS, run
from labmodels.cli.options import Json
from labmodels.config.diagnostics import InvalidConfiguration
from labmodels.errors import ExitCode, LabmodelsError, MissingExtra, StalePlan, StorageFault, Usage
from labmodels.providers.loopback import Loopback
from labmodels.starter import lay_out

SECRET = "sk-proj-W4nT7kQ2zL9vB5xR3mJ8dF1hC6"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A lab with nothing deployed."""
    root = tmp_path_factory.mktemp("app") / "lab"
    lay_out(root)
    return root


@pytest.fixture
def in_lab(lab, monkeypatch):
    monkeypatch.chdir(lab)
    for name in ("LABMODELS_LAB", "LABMODELS_ENV", "LABMODELS_PROFILE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    return lab


def bare(**more: str) -> dict[str, str]:
    """Return an environment as cron gives it: no HOME, no USER, no locale."""
    return {"PATH": os.defpath, **more}


def process(*words: str, **options) -> subprocess.CompletedProcess[str]:
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": bare(), **options}
    return subprocess.run([sys.executable, "-m", "labmodels", *words], text=True, timeout=60, check=False, **given)


# -- help ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_the_function_of_its_file_and_says_what_the_list_says(command):
    name = command.replace("-", "_").replace(" ", "_")
    function = getattr(importlib.import_module(f"labmodels.cli.{name}"), name)
    assert inspect.getdoc(function).splitlines()[0] == COMMANDS[command]
    files = {path.stem for path in Path(explain_file.__file__).parent.glob("*.py")}
    assert {command.replace("-", "_").replace(" ", "_") for command in COMMANDS} <= files


def test_the_help_lists_every_command_whole_in_eighty_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["--help"]) == 0
    shown, told = capsys.readouterr()
    assert told == ""
    for command, line in {**COMMANDS, **GROUPS}.items():
        if " " in command:
            continue
        assert [one.split(maxsplit=1) for one in shown.splitlines() if one.split()[:1] == [command]] == [[command, line]]


@pytest.mark.parametrize("group", GROUPS)
def test_the_help_of_a_group_lists_its_verbs(group, capsys):
    assert run([*group.split(), "--help"]) == 0
    shown, told = capsys.readouterr()
    verbs = {command.removeprefix(f"{group} "): line for command, line in COMMANDS.items() if command.startswith(f"{group} ")}
    assert told == "" and GROUPS[group] in shown and verbs
    assert [line.split(maxsplit=1) for line in shown.partition("Commands:\n")[2].splitlines()] == [list(item) for item in verbs.items()]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_help_that_fits_eighty_columns(command, option, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*command.split(), option]) == 0
    shown, told = capsys.readouterr()
    assert told == "" and COMMANDS[command] in shown and "--debug" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "[[" not in shown


@pytest.mark.parametrize("words", [[], ["--"]])
def test_no_command_at_all_shows_the_help_as_an_error(words, capsys):
    assert run(words) == ExitCode.USAGE
    shown, told = capsys.readouterr()
    assert shown == "" and all(command.partition(" ")[0] in told for command in COMMANDS)


# -- slips -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "fact", "hint"),
    [
        (["deply"], "no command is called deply", "did you mean deploy-config?"),
        (["deploy"], "no command is called deploy", "did you mean deploy-config?"),
        (["deploy_config"], "no command is called deploy_config", "did you mean deploy-config?"),
        (["statu", "--env", "dev"], "no command is called statu", "did you mean status?"),
        (["rolback"], "no command is called rolback", "did you mean rollback?"),
        (["xyzzy"], "no command is called xyzzy", "labmodels --help lists the commands"),
        (["router"], "router wants a verb", "one of explain, status, reset, drill"),
        (["router", "expalin", "--env", "dev"], "no command is called router expalin", "did you mean router explain?"),
        (["--lab", ".", "serve", "keys", "ad"], "no command is called serve keys ad", "did you mean serve keys add?"),
        (["models", "xyzzy"], "no command is called models xyzzy", "labmodels models --help lists the commands"),
        (["--json"], "--json is given, but no command", "labmodels --help lists the commands"),
        (["--lab=x"], "--lab=x is given, but no command", "labmodels --help lists the commands"),
        (["status", "--envv", "dev"], "No such option: --envv", "did you mean --env?"),
        (["--colour", "status"], "No such option: --colour", "labmodels --help"),
        (["status", "extra"], "Got unexpected extra argument(s) (extra)", "labmodels status --help"),
        (["ask"], "Missing argument 'QUESTION'.", "labmodels ask --help"),
        (["status", "--lab"], "Option '--lab' requires an argument.", "labmodels status --help"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_slip_ends_with_2_and_names_what_was_meant(words, fact, hint, as_json, capsys):
    if as_json and words[-1] in ("--json", "--lab"):
        words = ["--json", *words] if words != ["--json"] else words
    elif as_json:
        words = [*words, "--json"]
    elif words == ["--json"]:
        return
    assert run(words) == ExitCode.USAGE
    shown, told = capsys.readouterr()
    if as_json:
        assert told == ""
        error = json.loads(shown)
        assert error["error"] == "Usage" and error["exit_code"] == 2 and error["schema_version"] == 1
        assert error["hint"] == hint
        assert error["message"] in (fact, "--json is given, but no command")
    else:
        assert (shown, told) == ("", f"error: {fact}\n  hint: {hint}\n")


def test_shared_options_may_stand_before_the_command(lab, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["--lab", str(lab), "--json", "--env", "dev", "status"]) == 0
    before = capsys.readouterr().out
    assert run(["status", f"--lab={lab}", "--json", "--env=dev"]) == 0
    assert capsys.readouterr().out == before
    assert [one["environment"] for one in json.loads(before)["environments"]] == ["dev"]
    assert run([f"--lab={lab}", "--quiet", "status", "--env", "dev"]) == 0
    assert capsys.readouterr() == ("", "")


# -- how a failure ends ----------------------------------------------------------------------------------------------------


def errors_of(kind: type[LabmodelsError]) -> list[type[LabmodelsError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in errors_of(child))]


def made(kind: type[LabmodelsError]) -> LabmodelsError:
    words = {StalePlan: ("p.json", "a.b", "1", "2"), MissingExtra: ("torch", "train")}
    if kind in words:
        return kind(*words[kind])
    if kind is InvalidConfiguration:
        return kind(f"the fact with {SECRET}", [])
    return kind(f"the fact with {SECRET}", *([[]] if kind.__name__ in ("RouteSpent", "Interrupted") else []))


def fails_with(monkeypatch, error: BaseException) -> None:
    """Let `labmodels explain` raise `error`."""

    def explain(json: Json = False) -> int:
        raise error

    monkeypatch.setattr(explain_file, "explain", explain)


@pytest.mark.parametrize("kind", [found for found in errors_of(LabmodelsError) if found.exit_code is not ExitCode.BUG])
def test_every_error_ends_with_its_code_in_one_json_object_or_two_lines(kind, monkeypatch, capsys):
    fails_with(monkeypatch, made(kind))
    assert run(["explain", "--json"]) == kind.exit_code
    shown, told = capsys.readouterr()
    error = json.loads(shown)
    assert told == "" and error["exit_code"] == kind.exit_code and SECRET not in shown
    fails_with(monkeypatch, made(kind))
    assert run(["explain", "--quiet"]) == kind.exit_code
    shown, told = capsys.readouterr()
    assert shown == "" and told.startswith("error: ") and "Traceback" not in told and SECRET not in told


@pytest.mark.parametrize("as_json", [False, True])
def test_a_bug_ends_with_70_and_a_traceback_without_secrets(as_json, monkeypatch, capsys):
    fails_with(monkeypatch, ValueError(f"no idea what {SECRET} is"))
    assert run(["explain", *(["--json"] if as_json else [])]) == ExitCode.BUG
    shown, told = capsys.readouterr()
    assert "Traceback" in told and "ValueError: no idea what" in told and SECRET not in shown + told
    message = json.loads(shown)["message"] if as_json else told.splitlines()[-2]
    assert message.endswith("a bug in labmodels: ValueError")


def test_debug_adds_the_traceback_of_an_expected_error_and_the_time(monkeypatch, capsys):
    fails_with(monkeypatch, Usage(f"{SECRET} is no code", hint=f"not {SECRET}"))
    assert run(["explain", "--debug"]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert told.startswith("Traceback") and "in explain" in told and SECRET not in told
    assert told.splitlines()[-1].startswith("took ") and told.splitlines()[-3].startswith("error: ")


def test_debug_after_the_two_dashes_is_a_word_and_no_option(in_lab, capsys):
    assert run(["ask", "--env", "dev", "--", "--debug"]) == ExitCode.USAGE
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", "/lab/x"), "cannot use /lab/x: Permission denied"),
        (OSError(28, "No space left on device"), "cannot write the output: No space left on device"),
    ],
)
def test_a_fault_of_the_system_ends_with_74_and_names_the_path(error, message, monkeypatch, capsys):
    fails_with(monkeypatch, error)
    assert run(["explain"]) == ExitCode.STORAGE
    assert capsys.readouterr().err.startswith(f"error: {message}\n")


def test_ctrl_c_ends_with_130_and_says_nothing(monkeypatch, capsys):
    fails_with(monkeypatch, KeyboardInterrupt())
    assert run(["explain"]) == ExitCode.INTERRUPTED

    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "import_module", interrupted)  # before the command has begun
    assert run(["explain"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr() == ("", "")


# -- streams, signals, places ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("schema", "language_model"), ("--help",), ("--version",), ("explain", "--json")])
def test_a_reader_that_went_away_is_no_failure(words):
    reading, writing = os.pipe()
    os.close(reading)
    done = process(*words, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_failure_keeps_its_code_when_nobody_can_be_told():
    reading, writing = os.pipe()
    os.close(reading)
    done = process("nonsense", "--json", stdout=writing, stderr=writing)
    os.close(writing)
    assert done.returncode == ExitCode.USAGE


@pytest.mark.parametrize("words", [("schema", "language_model"), ("--help",), ("--version",), ("explain", "--json")])
def test_output_that_cannot_be_written_is_a_failure(words):
    with Path("/dev/full").open("w") as full:
        done = process(*words, stdout=full)
    assert done.returncode == ExitCode.STORAGE
    assert done.stderr.startswith("error: cannot write the output: No space left on device\n")
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_closed_streams_are_no_trouble(lab):
    script = f'"{sys.executable}" -m labmodels'
    for command, code in [("--version >&-", 0), ("status >&- 2>&- <&-", 0), ("nonsense 2>&-", 2), ("ask - --env dev <&-", 2)]:
        done = subprocess.run(["sh", "-c", f"{script} {command}"], cwd=lab, env=bare(), capture_output=True, timeout=60, check=False)
        assert (done.returncode, b"Traceback" in done.stderr) == (code, False), command


def test_a_folder_that_is_gone_is_said(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'rmdir "{gone}"; exec "{sys.executable}" -m labmodels status'
    done = subprocess.run(["sh", "-c", script], cwd=gone, env=bare(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "error: the current folder is gone\n  hint: cd into a folder that exists\n")


def test_it_runs_in_the_bare_ascii_environment_of_a_cron_job(lab):
    environ = bare(LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    done = process("explain", "LM002", cwd=lab, env=environ)
    assert (done.returncode, done.stderr) == (0, "") and "\x1b" not in done.stdout
    done = process("plan", "--env", "dev", cwd=lab, env={**environ, "LABMODELS__GPT_4__DESCRIPTION": "drüben"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: an argument or a variable is not UTF-8 text\n")


def takes_nothing() -> None:
    """Let every write to a file fail, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_disk_that_takes_nothing_is_never_a_success(tmp_path):
    lay_out(tmp_path)
    assert run(["deploy-config", "--all", "--yes", "--env", "dev", "--lab", str(tmp_path)]) == 0
    for words in (["ask", "hello"], ["switch-config", "--profile", "balanced"], ["plan", "-o", "p.json"]):
        done = process(*words, "--env", "dev", "--quiet", cwd=tmp_path, preexec_fn=takes_nothing)
        assert (done.returncode, done.stdout) == (ExitCode.STORAGE, ""), words
        assert done.stderr.startswith("error: cannot ") and "Traceback" not in done.stderr
    assert not (tmp_path / "p.json").exists()


def test_a_disk_that_takes_nothing_gets_no_half_lab(tmp_path):
    done = process("init", str(tmp_path / "lab"), preexec_fn=takes_nothing)
    assert done.returncode == ExitCode.STORAGE and "Traceback" not in done.stderr
    assert not (tmp_path / "lab" / "labmodels.yaml").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_stops_a_command_that_waits_and_leaves_the_lab_usable(number, code, tmp_path):
    lay_out(tmp_path)
    with Loopback() as provider:
        environ = bare(OPENAI_BASE_URL=provider.openai_url)
        assert run(["deploy-config", "--all", "--env", "dev", "--yes", "--lab", str(tmp_path)]) == 0
        provider.plan.append("silent")
        command = [sys.executable, "-m", "labmodels", "ask", "hello", "--env", "dev"]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=tmp_path, env=environ, text=True, **streams) as asking:
            assert provider.has_seen(1)
            asking.send_signal(number)
            shown, told = asking.communicate(timeout=60)
        assert (asking.returncode, shown, told) == (code, "", "")
        assert process("ask", "hello", "--env", "dev", cwd=tmp_path, env=environ).stdout == "The answer is 42.\n"


def test_storage_faults_of_the_lab_name_the_file(in_lab, capsys):
    folder = in_lab / ".labmodels" / "environments" / "test"
    folder.mkdir(parents=True)
    (folder / "current").write_text("no link")
    assert run(["ask", "hello", "--env", "test"]) == StorageFault.exit_code
    assert str(folder / "current") in capsys.readouterr().err
