"""The documents of a lab, their layers, and how an operator's argument becomes a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from labmodels.config.catalog import config_files, find_config, in_lab, load
from labmodels.errors import Usage
from labmodels.lab import Lab
from tests.labs import CLAUDE, GPT4, LAB_FILE, MODEL, EditedLab


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return EditedLab(tmp_path / "lab")


def document(lab, name):
    return load(lab).by_name[name]


def test_every_file_is_read_once_in_the_order_of_paths(lab):
    catalog = load(lab, extra=[lab.root / GPT4])
    paths = [source.path for source in catalog.sources]
    assert paths == [lab.config_file, *sorted(lab.configs.rglob("*.yaml"))]
    assert catalog.lab_file is not None
    assert catalog.lab_file.path == lab.config_file
    assert [found.name for found in catalog.of_kind("language_model")] == ["claude", "gpt-4", "local_llm"]


def test_a_file_elsewhere_can_be_read_along(lab, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(MODEL.format(name="other"))
    assert load(lab, extra=[other]).by_name["other"].path == other


def test_a_document_without_a_name_is_called_after_its_file(lab):
    lab.write("configs/language_models/nameless.yaml", "kind: language_model\n")
    assert document(lab, "nameless").path.name == "nameless.yaml"


def test_hidden_files_other_endings_and_linked_folders_are_left_out(lab, tmp_path):
    before = set(lab.configs.glob("*/*.yaml"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.yaml").write_text("a: 1\n")
    (lab.configs / "link").symlink_to(tmp_path / "elsewhere")
    (lab.configs / "round").symlink_to(lab.configs)
    lab.write("configs/.x.yaml", "")
    lab.write("configs/x.json", "")
    lab.write("configs/deep/er/x.yml", "")
    assert set(config_files(lab.configs)) == before | {lab.configs / "deep/er/x.yml"}
    assert config_files(lab.root / "none") == []


def test_a_document_without_an_overlay_is_the_same_object_in_every_environment(lab):
    gpt4 = document(lab, "gpt-4")
    assert document(lab, "multimodal").merged("dev") is not gpt4.merged("dev")
    multimodal = document(lab, "multimodal")
    assert multimodal.merged("dev") is multimodal.merged("production") is multimodal.data
    assert gpt4.merged("test")["parameters"]["seed"] == 7
    assert "seed" not in gpt4.data["parameters"]


def test_the_layers_of_a_document_are_the_file_and_its_overlay_with_their_places(lab):
    file, overlay = document(lab, "gpt-4").layers("test")
    assert (file.name, overlay.name) == ("file", "environment test")
    assert overlay.span_of(("parameters", "seed")).line == file.source.text[: file.source.text.index("seed: 7")].count("\n") + 1
    assert [layer.name for layer in document(lab, "multimodal").layers("test")] == ["file"]
    (profile,) = document(lab, "balanced").layers("test", ("overlay",))
    assert (profile.name, profile.prefix, set(profile.data)) == ("performance profile balanced", ("overlay",), {"parameters"})


def test_deletions_of_an_environment_are_made_and_leave_the_file_as_it_is(lab):
    lab.edit(GPT4, ("      temperature: 0 ", "      temperature: !delete "))
    gpt4 = document(lab, "gpt-4")
    assert "temperature" not in gpt4.merged("test")["parameters"]
    assert gpt4.merged("dev")["parameters"]["temperature"] == 0.2


def test_names_that_a_broken_file_gives_are_remembered(lab):
    lab.edit(GPT4, ("context_tokens: 200000", "context_tokens: ["))
    lab.edit(CLAUDE, ("kind: language_model", "kind: model"))
    assert load(lab).unsettled == {"gpt-4", "claude"}


@pytest.mark.parametrize("argument", [f"lab/{GPT4}", GPT4, "language_models/gpt4_config.yaml", "gpt4_config.yaml", "gpt4_config", "gpt-4"])
def test_a_config_is_found_by_path_file_name_or_name(lab, argument):
    assert find_config(lab, argument) == lab.root / GPT4


def test_the_lab_file_is_found_by_its_name(lab):
    assert find_config(lab, LAB_FILE) == lab.config_file
    assert find_config(lab, "labmodels") == lab.config_file


def test_a_path_goes_before_a_name(lab):
    lab.write("configs/gpt-4", MODEL.format(name="x"))
    assert find_config(lab, "gpt-4") == lab.configs / "gpt-4"


@pytest.mark.parametrize("argument", ["", "x" * 300, "nul\0l", "configs/language_models/none.yaml", "language_models"])
def test_what_is_no_config_is_a_usage_error(lab, argument):
    with pytest.raises(Usage):
        find_config(lab, argument)


def test_two_configs_of_one_name_or_file_name_are_ambiguous(lab):
    lab.write("configs/a/same.yaml", MODEL.format(name="twin"))
    lab.write("configs/b/other.yaml", MODEL.format(name="twin"))
    with pytest.raises(Usage, match=r"twin is ambiguous: configs/a/same\.yaml, configs/b/other\.yaml"):
        find_config(lab, "twin")
    lab.write("configs/c/same.yaml", MODEL.format(name="x"))
    with pytest.raises(Usage, match=r"same\.yaml is ambiguous: configs/a/same.yaml, configs/c/same.yaml"):
        find_config(lab, "same.yaml")


def test_a_path_is_named_as_the_lab_names_it_whatever_links_and_dots_it_came_with(lab, tmp_path):
    (tmp_path / "link").symlink_to(lab.root)
    real, linked = Lab(lab.root), Lab(tmp_path / "link")
    assert in_lab(real, tmp_path / "link" / GPT4) == lab.root / GPT4
    assert in_lab(linked, lab.root / GPT4) == tmp_path / "link" / GPT4
    assert in_lab(real, lab.root / "configs" / ".." / GPT4) == lab.root / GPT4
    assert in_lab(real, tmp_path / "link") == lab.root
    assert in_lab(real, Path("/elsewhere/x.yaml")) == Path("/elsewhere/x.yaml")


def test_a_linked_file_keeps_its_own_name(lab, tmp_path):
    (tmp_path / "target.txt").write_text(MODEL.format(name="x"))
    (lab.configs / "x.yaml").symlink_to(tmp_path / "target.txt")
    assert find_config(lab, "x.yaml") == lab.configs / "x.yaml"
