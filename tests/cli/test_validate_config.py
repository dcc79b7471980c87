"""validate-config as a command: what is checked, what is printed where, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from benchmarks.generated_lab import generate

from labmodels.cli.app import run
from labmodels.lab import Lab
from tests.labs import BALANCED, CLAUDE, CODE_ANALYSIS, FALLBACK, GPT4, LAB_FILE, MODEL, EditedLab

FILES = 17  # of the starter lab


@pytest.fixture
def lab(tmp_path, monkeypatch):
    for name in ("GITHUB_ACTIONS", "GITHUB_BASE_REF", "LABMODELS_LAB", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    made = EditedLab(tmp_path / "lab")
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def validate(capsys):
    """Run the command in this process and return its exit code, stdout and stderr."""

    def go(*arguments):
        capsys.readouterr()
        code = run(["validate-config", *map(str, arguments)])
        return code, *capsys.readouterr()

    return go


def summary(validate, *arguments):
    code, out, err = validate(*arguments, "--json")
    assert err == ""
    return code, json.loads(out)["summary"]


def concise(validate, *arguments):
    _, out, _ = validate(*arguments, "--format", "concise")
    return [line for line in out.splitlines() if " LM402 " not in line and " LM309 " not in line]


# -- what is checked -----------------------------------------------------------------------------------------------------


def test_nothing_is_the_whole_lab(lab, validate):
    code, counts = summary(validate)
    assert (code, counts["files"], counts["errors"], counts["warnings"]) == (0, FILES, 0, 0)
    assert counts["combinations"] > FILES * 3


@pytest.mark.parametrize(
    "argument",
    [
        GPT4,
        "language_models/gpt4_config.yaml",
        "gpt4_config.yaml",
        "gpt4_config",
        "gpt-4",
        "./configs/../configs/language_models/gpt4_config.yaml",
    ],
)
def test_a_file_is_found_by_its_path_by_its_path_below_configs_and_by_its_names(lab, validate, argument):
    code, counts = summary(validate, argument)
    assert (code, counts["files"]) == (0, 1)


def test_a_file_is_found_from_any_folder_of_the_lab_and_from_elsewhere(lab, validate, monkeypatch, tmp_path):
    monkeypatch.chdir(lab.configs / "performance_profiles")
    assert summary(validate, "../language_models/gpt4_config.yaml")[1]["files"] == 1
    assert summary(validate, "balanced.yaml")[1]["files"] == 1
    monkeypatch.chdir(tmp_path)
    assert summary(validate, f"lab/{GPT4}")[1]["files"] == 1
    assert summary(validate, lab.root / GPT4)[1]["files"] == 1


def test_a_lab_reached_by_a_link_is_the_same_lab(lab, validate, monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to(lab.root)
    assert summary(validate, tmp_path / "link" / GPT4)[1]["errors"] == 0
    assert summary(validate, tmp_path / "link")[1]["files"] == FILES
    assert summary(validate, "--lab", tmp_path / "link", lab.root / GPT4)[1]["errors"] == 0


@pytest.mark.parametrize(
    ("folder", "files"),
    [("configs", FILES - 1), ("configs/language_models", 4), ("language_models", 4), (".", FILES), ("configs/", FILES - 1)],
)
def test_a_folder_is_every_file_below_it(lab, validate, folder, files):
    assert summary(validate, folder)[1]["files"] == files


def test_several_arguments_are_checked_together_and_once(lab, validate):
    assert summary(validate, GPT4, "claude", "gpt-4", "performance_profiles")[1]["files"] == 6


def test_a_folder_without_yaml_is_a_usage_error(lab, validate):
    (lab.root / "empty").mkdir()
    code, out, err = validate("empty")
    assert (code, out) == (2, "")
    assert "empty holds no YAML file" in err


def test_an_unknown_name_is_a_usage_error_that_says_what_was_meant(lab, validate):
    code, out, err = validate("gpt4_confg")
    assert (code, out) == (2, "")
    assert "no config gpt4_confg" in err
    assert "did you mean gpt4_config?" in err


def test_a_missing_file_is_a_usage_error(lab, validate):
    assert validate("configs/language_models/none.yaml")[0] == 2


def test_an_ambiguous_name_is_a_usage_error_with_the_candidates(lab, validate):
    lab.write("configs/a/twin.yaml", MODEL.format(name="one"))
    lab.write("configs/b/twin.yaml", MODEL.format(name="two"))
    code, _, err = validate("twin")
    assert code == 2
    assert "twin is ambiguous: configs/a/twin.yaml, configs/b/twin.yaml" in err


def test_what_stands_in_a_files_place_is_a_finding_and_no_usage_error(lab, validate):
    folder = lab.configs / "language_models"
    (folder / "folder.yaml").mkdir()
    (folder / "dangling.yaml").symlink_to("nowhere.yaml")
    (folder / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(folder / "pipe.yaml")
    names = ["dangling.yaml", "folder.yaml", "loop.yaml", "pipe.yaml"]
    assert [line.split()[0].rpartition("/")[2] for line in concise(validate)] == [f"{name}:1:1:" for name in names]
    for name in names:
        assert [line.split()[1] for line in concise(validate, f"configs/language_models/{name}")] == ["LM001"], name
    assert [line.split()[1] for line in concise(validate, "configs/language_models/folder.yaml/")] == ["LM001"]


def test_what_is_no_configuration_is_left_alone(lab, validate):
    lab.write("configs/README.md", "text")
    lab.write("configs/.hidden.yaml", "a: [")
    lab.write("configs/.git/x.yaml", "a: [")
    assert summary(validate)[1]["files"] == FILES


def test_a_file_with_another_ending_and_deeper_folders_count(lab, validate):
    lab.write("configs/a/b/c/x.yml", MODEL.format(name="x"))
    assert summary(validate)[1]["files"] == FILES + 1


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: 1\n", "has no kind"), ("kind: lab\n", "only labmodels.yaml"), ("kind: langage_model\nname: x\n", "unknown kind")],
)
def test_a_file_of_no_known_kind_is_an_error(lab, validate, text, message):
    lab.write("configs/x.yaml", text)
    (line,) = concise(validate)
    assert line.startswith("configs/x.yaml:1:")
    assert message in line


def test_outside_of_a_lab_nothing_is_a_usage_error(validate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = validate()
    assert code == 2
    assert "labmodels init DIR" in err


def test_a_file_of_no_lab_is_checked_by_itself(validate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MODEL.format(name="m"))
    code, counts = summary(validate, "m.yaml")
    assert (code, counts["files"], counts["errors"]) == (0, 1, 0)
    (tmp_path / "m.yaml").write_text(MODEL.format(name="m") + "tempo: 1\n")
    assert [line.split()[1] for line in concise(validate, "m.yaml")] == ["LM202"]


def test_the_lab_may_be_named(lab, validate, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    assert summary(validate, "--lab", lab.root)[1]["files"] == FILES
    monkeypatch.setenv("LABMODELS_LAB", str(lab.root))
    assert summary(validate, "gpt-4")[1]["files"] == 1
    code, _, err = validate("--lab", tmp_path / "none")
    assert code == 2
    assert "is no lab" in err


def test_a_selected_file_is_told_what_it_breaks_elsewhere_and_nothing_of_others(lab, validate):
    lab.edit(BALANCED, ("max_output_tokens: 4096", "max_output_tokens: 60000"))
    lab.edit(CLAUDE, ("retries:", "retires:"))
    assert {line.split(":")[0] for line in concise(validate, BALANCED)} == {BALANCED}
    assert {line.split(":")[0] for line in concise(validate, CLAUDE)} == {CLAUDE}
    assert concise(validate, FALLBACK) == []
    assert {line.split(":")[0] for line in concise(validate, "local_llm")} == {BALANCED}


def test_a_thousand_files_are_checked_in_every_combination(validate, tmp_path, monkeypatch):
    generate(tmp_path, 1000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENERATED_API_KEY", "x")
    code, counts = summary(validate)
    assert (code, counts["files"], counts["errors"]) == (0, 1008, 0)
    assert counts["combinations"] > 1000 * 3 * 5
    for path in sorted(Lab(tmp_path).configs.glob("language_models/model_*.yaml"))[::100]:
        path.write_text(path.read_text().replace("context_tokens: 128000", "context_tokens: many"))
    assert summary(validate)[1]["errors"] == 10


# -- how it is printed, and how it ends ----------------------------------------------------------------------------------


def test_errors_end_with_1_and_warnings_and_infos_with_0(lab, validate):
    lab.edit(BALANCED, ("requests_per_minute: 60", "requests_per_minute: 900"))
    code, counts = summary(validate)
    assert (code, counts["warnings"], counts["errors"]) == (0, 1, 0)
    lab.edit(GPT4, ("context_tokens: 200000", "context_tokens: -1"))
    assert summary(validate)[0] == 1


def test_data_goes_to_stdout_and_a_valid_lab_says_so_in_its_last_line(lab, validate):
    code, out, err = validate()
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith(f"{FILES} files valid (")


def test_quiet_prints_on_failure_only(lab, validate):
    assert validate("--quiet") == (0, "", "")
    lab.edit(GPT4, ("context_tokens: 200000", "context_tokens: -1"))
    code, out, _ = validate("--quiet")
    assert code == 1
    assert "LM205" in out


def test_a_finding_is_shown_with_its_line_a_caret_and_help(lab, validate):
    lab.edit(GPT4, ("retries:\n", "retires:\n"))
    code, out, _ = validate("gpt-4")
    assert code == 1
    assert "error[LM202]: unknown key retires" in out
    assert "^^^^^^^" in out
    assert "did you mean retries?" in out


def test_formats_go_each_to_its_file(lab, validate, tmp_path):
    lab.edit(GPT4, ("retries:\n", "retires:\n"))
    code, out, _ = validate(
        "--format", "sarif", "-o", tmp_path / "x.sarif", "--format", "junit", "-o", tmp_path / "x.xml", "--format", "concise"
    )
    assert code == 1
    assert f"{GPT4}:42:1: LM202 unknown key retires\n" in out
    assert json.loads((tmp_path / "x.sarif").read_text())["version"] == "2.1.0"
    assert (tmp_path / "x.xml").read_text().startswith("<?xml")


def test_an_output_is_written_quietly_too(lab, validate, tmp_path):
    assert validate("--quiet", "--format", "json", "-o", tmp_path / "x.json") == (0, "", "")
    assert json.loads((tmp_path / "x.json").read_text())["summary"]["files"] == FILES


@pytest.mark.parametrize(
    "arguments", [("--format", "xml"), ("--format", "json", "--format", "sarif"), ("-o", "a", "-o", "b"), ("--formt", "json")]
)
def test_a_wrong_option_is_a_usage_error(lab, validate, arguments):
    assert validate(*arguments)[0] == 2


def test_an_output_that_cannot_be_written_is_a_storage_fault(lab, validate, tmp_path):
    code, _, err = validate("--format", "json", "-o", tmp_path / "none" / "x.json")
    assert code == 74
    assert "cannot write" in err


def test_json_is_one_object_with_a_schema_version(lab, validate):
    lab.edit(GPT4, ("retries:\n", "retires:\n"))
    code, out, err = validate("gpt-4", "--json")
    report = json.loads(out)
    assert (code, err, report["schema_version"]) == (1, "", 1)
    (found,) = [one for one in report["diagnostics"] if one["severity"] == "error"]
    assert (found["code"], found["file"], found["line"], found["column"]) == ("LM202", GPT4, 42, 1)


def test_json_of_a_usage_error_is_one_error_object(lab, validate):
    code, out, _ = validate("none", "--json")
    assert (code, json.loads(out)["error"]) == (2, "Usage")


# -- GitHub Actions ------------------------------------------------------------------------------------------------------


def test_under_github_actions_findings_are_annotations_by_themselves(lab, validate, monkeypatch):
    lab.edit(GPT4, ("retries:\n", "retires:\n"))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    code, out, _ = validate()
    assert code == 1
    assert f"::error file={GPT4},line=42" in out
    assert validate("--format", "concise")[1].startswith(("configs/", "labmodels.yaml:"))


def git(folder, *words):
    identity = ["-c", "user.name=x", "-c", "user.email=x@lab.example", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", folder, *identity, *words], check=True, capture_output=True, timeout=60)


def test_in_a_pull_request_the_files_that_it_touches_are_annotated_first(lab, validate, monkeypatch):
    for number in range(12):
        lab.write(f"configs/language_models/a{number:02}.yaml", MODEL.format(name=f"a{number}") + "tempo: 1\n")
    git(lab.root, "init", "-q")
    git(lab.root, "add", ".")
    git(lab.root, "commit", "-qm", "base")
    git(lab.root, "update-ref", "refs/remotes/origin/main", "HEAD")
    lab.write("configs/language_models/zz ä.yaml", MODEL.format(name="zz") + "tempo: 1\n")
    git(lab.root, "add", ".")
    git(lab.root, "commit", "-qm", "change")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    _, out, err = validate()
    errors = [line for line in out.splitlines() if line.startswith("::error")]
    assert "zz ä.yaml" in errors[0]
    assert len(errors) == 10
    assert err == ""


def test_an_unknown_base_is_a_warning_and_no_failure(lab, validate, monkeypatch):
    git(lab.root, "init", "-q")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "none")
    code, _, err = validate()
    assert code == 0
    assert "origin/none" in err


# -- --fix ---------------------------------------------------------------------------------------------------------------


def test_fix_makes_the_safe_repairs_and_checks_again(lab, validate):
    path = lab.edit(GPT4, ("retries:\n", "retires:\n"), ("  tools: true", "  tools: yes"), ("temperature: 0.2", 'temperature: "0.2"'))
    path.chmod(0o640)
    code, out, err = validate("--fix")
    assert (code, err) == (0, "Fixed 3 findings in 1 file.\n")
    assert "fixable" not in out
    original = EditedLab(lab.root / "original").root / GPT4
    assert path.read_text() == original.read_text()
    assert path.stat().st_mode & 0o777 == 0o640


def test_fixing_twice_is_fixing_once(lab, validate):
    lab.edit(GPT4, ("retries:\n", "retires:\n"), ("  seed: 7", "  seed: 007"))
    lab.edit(LAB_FILE, ("name: starter_lab", "name: 3.10"), ("enabled: true", "enabled: on"))
    lab.edit(CODE_ANALYSIS, ("task: code_analysis", "task: code_analyss"))
    assert validate("--fix")[2] == "Fixed 5 findings in 3 files.\n"
    after = {path: path.read_bytes() for path in lab.root.rglob("*.yaml")}
    code, out, err = validate("--fix")
    assert (code, err) == (0, "")
    assert "fixable" not in out
    assert {path: path.read_bytes() for path in lab.root.rglob("*.yaml")} == after


def test_fix_keeps_the_byte_order_mark_the_line_ends_the_comments_and_a_link(lab, validate):
    text = "\ufeff# ä\r\n" + MODEL.format(name="x").replace("\n", "\r\n") + "local: off   # ö\r\n"
    target = lab.write("elsewhere.txt", text)
    link = lab.configs / "language_models" / "x.yaml"
    link.symlink_to(target)
    assert validate("--fix", "x")[0] == 0
    assert target.read_bytes().decode() == text.replace("off", "false")
    assert link.is_symlink()


def test_fix_touches_no_other_file_than_those_that_were_named(lab, validate):
    lab.edit(GPT4, ("  tools: true", "  tools: yes"))
    lab.edit(CLAUDE, ("  tools: true", "  tools: yes"))
    validate("--fix", GPT4)
    assert "tools: yes" in (lab.root / CLAUDE).read_text()
    assert "tools: yes" not in (lab.root / GPT4).read_text()


def test_fix_changes_nothing_where_nothing_is_safe(lab, validate):
    path = lab.edit(GPT4, ("context_tokens: 200000", "context_tokens: many"))
    before = path.read_bytes()
    assert validate("--fix")[0] == 1
    assert path.read_bytes() == before


def test_fix_gives_a_missing_kind_where_the_folder_leaves_no_doubt(lab, validate):
    path = lab.edit(BALANCED, ("kind: performance_profile\n", ""))
    assert validate("--fix")[0] == 0
    assert "\nkind: performance_profile\nname: balanced\n" in path.read_text()


def test_fix_never_makes_a_key_stand_twice(lab, validate):
    lab.edit(GPT4, ("  temperature: 0.2", "  temprature: 0.3\n  temperature: 0.2"))
    code, out, err = validate("--fix")
    assert (code, err) == (1, "")
    assert "unknown key parameters.temprature" in out
