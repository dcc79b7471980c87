import pytest

from labmodels.errors import Usage
from labmodels.releases.live import Live
from labmodels.releases.store import Damaged
from tests.releases.acting import KEY, damage, deploy, store_of

VARIABLE = "LABMODELS__GPT_4__PARAMETERS__TEMPERATURE"


def temperature(lab, environ, environment="dev"):
    live = Live(store_of(lab, environment), environ)
    return live.language_model("gpt-4", None, live.profile(None)).parameters.temperature


def test_a_variable_acts_on_requests_outside_of_production_and_not_in_it(lab):
    for environment in ("dev", "test", "production"):
        deploy(lab, environment=environment)
    plain = {environment: temperature(lab, {}, environment) for environment in ("dev", "test", "production")}
    assert 1.5 not in plain.values()
    found = {environment: temperature(lab, {VARIABLE: "1.5"}, environment) for environment in plain}
    assert found == {"dev": 1.5, "test": 1.5, "production": plain["production"]}


def test_a_value_that_was_set_for_the_release_goes_over_the_variable(lab):
    deploy(lab, settings=(f"{KEY}=0.9",))
    assert temperature(lab, {VARIABLE: "1.5"}) == 0.9
    deploy(lab, environ={VARIABLE: "1.1"})
    assert (temperature(lab, {}), temperature(lab, {VARIABLE: "1.5"})) == (1.1, 1.5)


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        (VARIABLE, "hot", f"{VARIABLE} makes gpt-4 invalid: parameters.temperature"),
        ("LABMODELS__GPT_4__PARAMETERS", "5", "LABMODELS__GPT_4__PARAMETERS does not fit gpt-4"),
        ("LABMODELS__GPT_9__PARAMETERS__SEED", "5", "LABMODELS__GPT_9__PARAMETERS__SEED sets a key of"),
    ],
)
def test_a_variable_that_does_not_fit_is_the_operators_error_and_named(lab, variable, text, message):
    deploy(lab)
    with pytest.raises(Usage, match=message):
        Live(store_of(lab), {variable: text})


def test_what_is_not_released_or_is_damaged_is_not_asked(lab):
    with pytest.raises(Usage, match="nothing is deployed in dev"):
        Live(store_of(lab), {})
    release = deploy(lab).release
    live = Live(store_of(lab), {})
    assert live.language_model("basic_nlp", None, live.profile(None)) is None
    assert live.language_model("code_analysis", None, live.profile(None)) is None
    damage(release.folder / "release.json")
    with pytest.raises(Damaged, match="damaged") as caught:
        Live(store_of(lab), {})
    assert int(caught.value.exit_code) == 74


def test_one_reading_stays_as_it_was_while_another_release_goes_live(lab):
    deploy(lab)
    live = Live(store_of(lab), {})
    deploy(lab, settings=(f"{KEY}=1.7",))
    assert live.language_model("gpt-4", None, live.profile(None)).parameters.temperature != 1.7
    assert temperature(lab, {}) == 1.7
