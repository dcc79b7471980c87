import pytest

from labmodels.config.diagnostics import InvalidConfiguration
from labmodels.errors import Usage
from labmodels.lab import LAB_FILE, Lab
from labmodels.releases.candidate import config_paths
from tests.labs import CLAUDE, GPT4, LOCAL
from tests.releases.acting import deploy, live_value, store_of


def live_of(lab):
    return store_of(lab).live().content


def test_the_first_deployment_of_one_file_takes_the_lab_file_along(lab):
    deploy(lab, GPT4)
    live = live_of(lab)
    assert list(live.configs) == ["gpt-4"]
    assert set(live.sources) | {LAB_FILE, GPT4} == {LAB_FILE, GPT4}
    assert live_value(lab, "model_integration.primary_models.language") == "gpt-4"


def test_deploying_one_file_carries_everything_else_over_as_it_is_live(lab):
    deploy(lab)
    lab.edit(CLAUDE, ("max_output_tokens: 4096", "max_output_tokens: 4000"))
    lab.edit(LAB_FILE, ("keep: 20", "keep: 19"))
    lab.edit(GPT4, ("max_output_tokens: 2048", "max_output_tokens: 2000"))
    before = live_of(lab).flat()
    deploy(lab, GPT4)
    after = live_of(lab).flat()
    assert {key for key in before if before[key] != after[key]} == {"gpt-4.parameters.max_output_tokens"}
    folder = store_of(lab).live().folder / "sources"
    assert "4096" in (folder / CLAUDE).read_text(), "the source that was deployed, not the one that lies in the tree"
    deploy(lab, LAB_FILE)
    assert (live_value(lab, "releases.keep"), live_value(lab, "claude.parameters.max_output_tokens")) == (19, 4096)


def test_a_config_that_is_gone_from_the_tree_leaves_with_everything_and_not_before(lab):
    deploy(lab)
    (lab.root / "configs/embedding_models/multimodal.yaml").unlink()
    deploy(lab, GPT4, settings=("gpt-4.parameters.seed=1",))
    assert "multimodal" in live_of(lab).configs
    deploy(lab)
    assert "multimodal" not in live_of(lab).configs
    assert not list((store_of(lab).live().folder / "sources").rglob("multimodal.yaml"))


def test_a_file_that_moved_and_kept_its_name_replaces_itself(lab):
    deploy(lab)
    moved = GPT4.replace("gpt4_config", "openai")
    (lab.root / GPT4).rename(lab.root / moved)
    deploy(lab, moved, settings=("gpt-4.parameters.seed=1",))
    assert live_of(lab).configs["gpt-4"].path == moved
    sources = store_of(lab).live().folder / "sources"
    assert (sources / moved).exists() and not (sources / GPT4).exists()


def test_a_file_whose_config_was_renamed_takes_the_old_name_out_of_the_release(lab):
    lab.write("configs/language_models/extra.yaml", "kind: language_model\nname: old\nprovider: openai\nmodel: m\ncontext_tokens: 9000\n")
    deploy(lab)
    lab.edit("configs/language_models/extra.yaml", ("name: old", "name: new"))
    deploy(lab, "configs/language_models/extra.yaml")
    assert {"old", "new"} & set(live_of(lab).configs) == {"new"}


def test_each_environment_gets_its_own_values(lab):
    for environment in ("dev", "production"):
        deploy(lab, environment=environment)
    assert [live_value(lab, "releases.keep", environment) for environment in ("dev", "production")] == [20, 50]
    assert "environments" not in store_of(lab).live().content.lab


def test_every_error_of_what_is_deployed_is_reported_and_nothing_of_the_rest(lab):
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 9"), ("max_output_tokens: 2048", "max_output_tokens: -1"))
    with pytest.raises(InvalidConfiguration, match="2 errors in what is to be deployed; nothing was changed") as caught:
        deploy(lab)
    assert len(caught.value.diagnostics) == 2
    assert deploy(lab, LOCAL).is_new
    assert store_of(lab).live().number == 1


def test_a_file_outside_of_configs_is_refused_rather_than_passed_over(lab):
    stray = lab.write("stray.yaml", (lab.root / GPT4).read_text())
    with pytest.raises(Usage, match=r"stray\.yaml is not in .*configs"):
        deploy(lab, *config_paths(lab, [stray]))
    with pytest.raises(Usage, match="is not in the lab"):
        config_paths(lab, [lab.root.parent / "elsewhere.yaml"])


def test_a_path_is_the_same_file_however_it_is_written(lab, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(lab.root)
    spellings = [lab.root / GPT4, link / GPT4, lab.root / "configs" / ".." / GPT4]
    for root in (lab.root, link, lab.root / ".." / "lab"):
        assert config_paths(Lab(root), spellings) == (GPT4,)


def test_a_config_that_is_a_link_keeps_its_own_name(lab, tmp_path):
    target = tmp_path / "shared.yaml"
    (lab.root / GPT4).rename(target)
    (lab.root / GPT4).symlink_to(target)
    assert config_paths(lab, [lab.root / GPT4]) == (GPT4,)
    deploy(lab, GPT4)
    assert (store_of(lab).live().folder / "sources" / GPT4).read_bytes() == target.read_bytes()
