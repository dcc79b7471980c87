import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmodels.errors import Busy, StorageFault, Usage
from labmodels.lab import locked
from labmodels.releases.effective import Effective
from labmodels.releases.history import history
from labmodels.releases.live import Live
from labmodels.releases.switch import EVERY_DOMAIN, Switch, Switches, Wish, choose, confirm, in_effect, read_switches, remembered, switch
from tests.labs import BALANCED
from tests.releases.acting import Failing, deploy, store_of

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOMAIN = "code_analysis"


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests turn: `clock.at` is now."""

    class Clock:
        at = START

        def turn(self, **by):
            self.at += timedelta(**by)

    found = Clock()
    for module in ("switch", "live", "journal", "status"):
        monkeypatch.setattr(f"labmodels.releases.{module}.now", lambda: found.at)
    return found


@pytest.fixture
def store(lab):
    deploy(lab)
    return store_of(lab)


def to(store, profile, domain=DOMAIN, **more):
    return switch(store, Wish(profile, domain, **more))


def profile(store, domain=DOMAIN, environ=None):
    return Live(store, environ or {}).profile(domain).profile


def at(**after):
    return (START + timedelta(**after)).isoformat()


def test_a_switch_holds_at_the_next_read_and_in_its_domain_alone(store):
    assert (profile(store), profile(store, "documentation")) == ("balanced", "fast_response")
    change = to(store, "high_accuracy", why="the release")
    assert (change.before, change.after, change.is_new) == ("balanced", "high_accuracy", True)
    assert (profile(store), profile(store, "documentation")) == ("high_accuracy", "fast_response")


def test_a_switch_changes_what_the_models_are_asked_with_above_the_domain(store):
    def tokens():
        live = Live(store, {})
        return live.language_model("gpt-4", "summarization", live.profile("summarization")).parameters.max_output_tokens

    assert tokens() == 2048, "the domain's own overlay goes over its profile"
    to(store, "balanced", "summarization")
    assert tokens() == 4096, "a switch goes over the domain"


def test_a_switch_of_every_domain_leaves_those_with_one_of_their_own(store):
    to(store, "high_accuracy")
    to(store, "batch_processing", None)
    assert [profile(store, domain) for domain in (DOMAIN, "translation", None)] == ["high_accuracy", "batch_processing", "batch_processing"]


def test_switching_to_what_already_holds_is_a_no_op(store):
    to(store, "high_accuracy")
    lines = (store.folder / "journal.jsonl").read_bytes()
    assert not to(store, "high_accuracy").is_new
    assert (store.folder / "journal.jsonl").read_bytes() == lines


def test_a_timed_switch_is_over_at_its_instant_without_anybody_doing_anything(store, clock):
    change = to(store, "high_accuracy", lasts_s=7200)
    assert change.ends_at == START + timedelta(hours=2)
    before = sorted((path, path.stat().st_mtime_ns) for path in store.folder.rglob("*"))
    clock.turn(hours=1, minutes=59, seconds=59.9)
    assert profile(store) == "high_accuracy"
    clock.turn(seconds=0.1)
    assert profile(store) == "balanced"
    assert sorted((path, path.stat().st_mtime_ns) for path in store.folder.rglob("*")) == before


def test_a_short_time_is_kept_to_the_millisecond(store, clock):
    clock.turn(milliseconds=900)
    to(store, "high_accuracy", lasts_s=0.5)
    clock.turn(milliseconds=499)
    assert profile(store) == "high_accuracy"
    clock.turn(milliseconds=1)
    assert profile(store) == "balanced"


def test_an_unconfirmed_switch_reverts_and_a_confirmed_one_stays(store, clock):
    to(store, "high_accuracy", confirm_within_s=600)
    clock.turn(minutes=10)
    assert profile(store) == "balanced"
    with pytest.raises(Usage, match="no switch waits for confirmation in code_analysis"):
        confirm(store, DOMAIN)
    to(store, "high_accuracy", confirm_within_s=600)
    clock.turn(minutes=9)
    (kept,) = confirm(store, None)
    assert kept.is_kept and kept.after == "high_accuracy"
    clock.turn(days=300)
    assert profile(store) == "high_accuracy"


def test_confirming_keeps_the_time_that_a_switch_was_given(store, clock):
    to(store, "high_accuracy", lasts_s=7200, confirm_within_s=600)
    (kept,) = confirm(store, DOMAIN)
    assert kept.ends_at == START + timedelta(hours=2)
    clock.turn(hours=2)
    assert profile(store) == "balanced"


def test_confirming_one_domain_leaves_the_others_waiting(store, clock):
    for domain in (DOMAIN, "translation"):
        to(store, "high_accuracy", domain, confirm_within_s=600)
    confirm(store, "translation")
    clock.turn(minutes=11)
    assert (profile(store), profile(store, "translation")) == ("balanced", "high_accuracy")


def test_nested_timed_switches_each_give_way_to_the_one_before(store, clock):
    to(store, "batch_processing")
    to(store, "high_accuracy", lasts_s=3600)
    to(store, "fast_response", lasts_s=600)
    seen = []
    for _ in range(4):
        seen.append(profile(store))
        clock.turn(minutes=25)
    assert seen == ["fast_response", "high_accuracy", "high_accuracy", "batch_processing"]


def test_a_shorter_outer_switch_is_not_revived_when_the_inner_one_is_over(store, clock):
    to(store, "high_accuracy", lasts_s=600)
    to(store, "fast_response", lasts_s=3600)
    clock.turn(minutes=60)
    assert profile(store) == "balanced"


def test_going_back_toggles_between_two_as_cd_does(store):
    to(store, "high_accuracy")
    to(store, "batch_processing")
    assert [to(store, None, None).after for _ in range(3)] == ["high_accuracy", "batch_processing", "high_accuracy"]


def test_going_back_from_the_first_switch_is_the_domains_own_default(store):
    to(store, "high_accuracy")
    assert to(store, None).after == "balanced"
    assert Live(store, {}).profile(DOMAIN).reason == "profile of domain code_analysis"
    assert to(store, None).after == "high_accuracy"


def test_going_back_is_about_the_domain_that_was_switched_last(store):
    to(store, "high_accuracy", "translation")
    to(store, "high_accuracy")
    assert to(store, None, None).domain == DOMAIN
    assert (profile(store), profile(store, "translation")) == ("balanced", "high_accuracy")


def test_going_back_to_a_timed_switch_gives_it_no_more_time_than_it_had(store, clock):
    to(store, "high_accuracy", lasts_s=3600)
    to(store, "fast_response")
    clock.turn(minutes=30)
    back = to(store, None)
    assert (back.after, back.ends_at) == ("high_accuracy", START + timedelta(hours=1))
    clock.turn(minutes=30)
    assert profile(store) == "balanced"


def test_going_back_to_a_timed_switch_that_is_over_goes_to_what_was_before_it(store, clock):
    to(store, "high_accuracy", lasts_s=60)
    to(store, "fast_response")
    clock.turn(minutes=30)
    assert to(store, None).after == "balanced"


def test_there_is_nothing_to_go_back_from_before_a_switch_or_after_it_is_over(store, clock):
    with pytest.raises(Usage, match="nothing was switched in dev yet"):
        to(store, None, None)
    with pytest.raises(Usage, match="no switch to go back from in code_analysis"):
        to(store, None)
    to(store, "high_accuracy", lasts_s=60)
    clock.turn(minutes=2)
    with pytest.raises(Usage, match="no switch to go back from"):
        to(store, None)


def test_switching_for_a_while_every_minute_for_a_day_keeps_little():
    held, moment = None, START
    for _ in range(60 * 24):
        moment += timedelta(minutes=1)
        held = _timed(remembered(in_effect(held, moment)), moment)
    assert depth(held) <= 3


def _timed(before, now_):
    return Switch("high_accuracy", now_.isoformat(), "me", expires_at=(now_ + timedelta(hours=1)).isoformat(), before=before)


def depth(held):
    return 0 if held is None else 1 + depth(held.before)


ends = st.none() | st.integers(1, 15)


@given(st.lists(ends, min_size=1, max_size=12), st.integers(0, 16))
@settings(max_examples=400)
def test_what_is_forgotten_of_earlier_switches_never_would_have_held_again(lasting, minute):
    """Switches made one after another, all at the start: with and without forgetting, the same one holds at every later minute."""
    whole = pruned = None
    for index, end in enumerate(lasting):
        expires = at(minutes=end) if end else None
        whole = Switch(str(index), at(), "me", expires_at=expires, before=whole)
        pruned = Switch(str(index), at(), "me", expires_at=expires, before=remembered(pruned))
    moment = START + timedelta(minutes=minute)
    names = [held.profile if (held := in_effect(chain, moment)) else None for chain in (whole, pruned)]
    assert names[0] == names[1]


@given(st.lists(ends, min_size=1, max_size=12), st.integers(0, 16))
def test_what_holds_has_not_ended(lasting, minute):
    chain = None
    for index, end in enumerate(lasting):
        chain = Switch(str(index), at(), "me", confirm_by=at(minutes=end) if end else None, before=chain)
    moment = START + timedelta(minutes=minute)
    held = in_effect(chain, moment)
    assert held is None or held.ends_at() is None or held.ends_at() > moment


def test_the_variable_of_a_shell_goes_before_the_switch_and_reaches_nobody_else(store):
    to(store, "high_accuracy")
    choice = Live(store, {"LABMODELS_PROFILE": "batch_processing"}).profile(DOMAIN)
    assert (choice.profile, choice.reason) == ("batch_processing", "LABMODELS_PROFILE")
    assert profile(store) == "high_accuracy"
    assert Live(store, {"LABMODELS_PROFILE": "batch_processing"}).profile(DOMAIN, asked="balanced").profile == "balanced"


@pytest.mark.parametrize(
    ("wish", "message", "hint"),
    [
        (Wish("high_acuracy", DOMAIN), "the profile high_acuracy is not released", "did you mean high_accuracy?"),
        (Wish("nonsense", DOMAIN), "is not released", "released: balanced, batch_processing"),
        (Wish("balanced", "code_analisys"), "no domain is called code_analisys", "did you mean code_analysis?"),
        (Wish("balanced", DOMAIN, lasts_s=1e18), "--for", "leave it out"),
    ],
)
def test_what_is_not_known_is_refused_with_what_was_meant(store, wish, message, hint):
    with pytest.raises(Usage, match=message) as caught:
        switch(store, wish)
    assert hint in caught.value.hint
    assert not store.switches_file.exists()


def test_a_variable_that_names_no_released_profile_is_refused(store):
    with pytest.raises(Usage, match="LABMODELS_PROFILE: the profile fast is not released"):
        profile(store, environ={"LABMODELS_PROFILE": "fast"})


def test_nothing_can_be_switched_where_nothing_is_live(lab):
    with pytest.raises(Usage, match="nothing is deployed in test"):
        to(store_of(lab, "test"), "balanced")


def test_a_switch_survives_a_deployment_that_removes_its_profile_and_holds_again_with_the_profile(lab, store):
    to(store, "high_accuracy")
    path = lab.configs / "performance_profiles" / "high_accuracy.yaml"
    text = path.read_text()
    path.unlink()
    deploy(lab)
    assert profile(store) == "balanced"
    path.write_text(text)
    deploy(lab)
    assert profile(store) == "high_accuracy"


def test_a_switch_reads_what_is_released_and_not_the_working_tree(lab, store):
    lab.edit(BALANCED, ("max_output_tokens: 4096", "max_output_tokens: 4000"))
    to(store, "balanced", "summarization")
    live = Live(store, {})
    assert live.language_model("gpt-4", None, live.profile("summarization")).parameters.max_output_tokens == 4096


def test_everything_is_journaled_with_who_when_from_to_and_why(store, clock):
    to(store, "high_accuracy", lasts_s=3600, confirm_within_s=60, why="the key sk-proj-q7Wn2Zt8Lk4Vb9Xc3Rm6Jd1F leaked")
    confirm(store, None)
    to(store, None)
    steps = [step for step in history(store) if step.what in ("switch", "confirm")]
    assert [(step.what, step.outcome) for step in steps] == [("switch", "done"), ("confirm", "done"), ("switch", "done")]
    first = steps[0]
    assert "@" in first.by and datetime.fromisoformat(first.at) == START
    assert first.details == {
        "domain": DOMAIN, "from": "balanced", "to": "high_accuracy", "why": "the key *** leaked",
        "expires_at": (START + timedelta(hours=1)).isoformat(timespec="milliseconds"),
        "confirm_by": (START + timedelta(minutes=1)).isoformat(timespec="milliseconds"),
    }  # fmt: skip
    assert (steps[2].details["from"], steps[2].details["to"]) == ("high_accuracy", "balanced")
    assert steps[1].details["domains"] == [DOMAIN]


def test_a_switch_that_was_journaled_and_not_made_reads_as_abandoned_and_is_not_gone_back_from(lab, store):
    to(store, "high_accuracy")
    with pytest.raises(StorageFault):
        to(
            store_of(lab, files=Failing(lambda step, path: step == "rename" and path.name == "switches.json")),
            "batch_processing",
            "translation",
        )
    assert [step.outcome for step in history(store)] == ["live", "done", "abandoned"]
    assert profile(store, "translation") == "balanced"
    assert to(store, None, None).domain == DOMAIN
    assert [step.outcome for step in history(store)] == ["live", "done", "abandoned", "done"]


def test_a_switch_waits_for_the_lock_no_longer_than_it_was_told(store):
    with locked(store.lock, 0), pytest.raises(Busy):
        switch(store, Wish("balanced", DOMAIN), lock_wait_s=0.02)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"switches": {"*": 7}, "last_event": null}', '{"switches": {}}'])
def test_damaged_switches_are_reported_and_stop_no_deployment(lab, store, text):
    to(store, "high_accuracy")
    store.switches_file.write_text(text)
    with pytest.raises(StorageFault, match=r"switches\.json is damaged"):
        read_switches(store)
    assert deploy(lab, settings=("gpt-4.parameters.seed=1",)).is_new
    assert [step.outcome for step in history(store)] == ["live", "done", "live"]


def test_choosing_goes_from_the_option_down_to_the_default(store):
    effective = Effective(store.live().content)
    held = Switch("high_accuracy", START.isoformat(), "me")
    every = Switch("batch_processing", START.isoformat(), "me")
    both = Switches({DOMAIN: held, EVERY_DOMAIN: every})
    rows = [
        (both, "balanced", "fast_response", "balanced"),
        (both, None, "fast_response", "fast_response"),
        (both, None, None, "high_accuracy"),
        (Switches({EVERY_DOMAIN: every}), None, None, "batch_processing"),
        (Switches(), None, None, "balanced"),
    ]
    for switches, asked, variable, wanted in rows:
        assert choose(effective, switches, DOMAIN, START, asked, variable).profile == wanted


def test_switches_are_stored_with_everything_that_they_go_back_to(store, clock):
    to(store, "batch_processing")
    to(store, "high_accuracy", lasts_s=3600)
    data = json.loads(store.switches_file.read_text())
    assert data["schema_version"] == 1
    assert data["switches"][DOMAIN]["before"]["profile"] == "batch_processing"
    assert read_switches(store).by_domain[DOMAIN].before.profile == "batch_processing"
