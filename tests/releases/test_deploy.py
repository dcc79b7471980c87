import json

import pytest

from labmodels.errors import Busy, Declined, GateFailed, RollbackFailed, StalePlan, StorageFault, Usage
from labmodels.lab import locked
from labmodels.releases.deploy import plan_rollback, rollback
from labmodels.releases.history import history
from labmodels.releases.store import Damaged, read_release
from tests.labs import BALANCED, CLAUDE, GPT4
from tests.releases.acting import KEY, Failing, damage, deploy, deploy_value, live_value, outcomes, planned, store_of


def test_what_is_deployed_is_live_with_its_sources_and_its_provenance(lab):
    outcome = deploy(lab, why="the first one")
    live = store_of(lab).live()
    assert outcome.is_new and live.digest == outcome.release.digest == outcome.plan.digest
    assert (live.number, live.base, live.rollback_of, live.why) == (1, None, None, "the first one")
    assert "@" in live.created_by
    assert (live.folder / "sources" / GPT4).read_bytes() == (lab.root / GPT4).read_bytes()


def test_deploying_the_same_again_changes_nothing_on_disk(lab):
    deploy(lab)
    before = sorted(lab.state.rglob("*"))
    journal = store_of(lab).folder / "journal.jsonl"
    lines = journal.read_bytes()
    again = deploy(lab)
    assert not again.is_new and again.release.number == 1
    assert (sorted(lab.state.rglob("*")), journal.read_bytes()) == (before, lines)


def test_comments_and_other_spellings_of_a_unit_are_no_change(lab):
    deploy(lab)
    lab.edit(GPT4, ('total: "60 seconds"', "total: 1 min   # as long as a cup of tea takes"))
    assert not deploy(lab).is_new


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf", b"\r\n"], ids=["BOM", "CRLF"])
def test_a_file_with_a_bom_or_windows_line_ends_is_deployed_whole(lab, text):
    path = lab.root / GPT4
    path.write_bytes(text + path.read_bytes() if text.startswith(b"\xef") else path.read_bytes().replace(b"\n", text))
    deploy(lab)
    assert not deploy(lab).is_new
    assert not store_of(lab).standing().faults()


def test_a_live_release_that_was_modified_by_hand_is_repaired_by_a_new_one(lab):
    first = deploy(lab).release
    damage(first.folder / "sources" / CLAUDE)
    outcome = deploy(lab)
    assert outcome.is_new and outcome.release.number == 2 and outcome.release.digest == first.digest
    assert outcome.plan.repairs == (f"{CLAUDE} of release 1 was modified by hand",)
    assert not store_of(lab).standing().faults()
    assert not deploy(lab).is_new


def test_a_file_that_somebody_added_to_the_live_release_is_found_and_left_behind(lab):
    folder = deploy(lab).release.folder
    (folder / "sources" / "notes.txt").write_text("mine")
    outcome = deploy(lab)
    assert outcome.is_new and not (outcome.release.folder / "sources" / "notes.txt").exists()


def test_one_file_is_not_deployed_on_modified_sources_that_it_would_carry_over_as_good(lab):
    folder = deploy(lab).release.folder
    damage(folder / "sources" / CLAUDE)
    with pytest.raises(Damaged, match="claude_config") as caught:
        deploy_value(lab, 0.5)
    assert "--all" in caught.value.hint
    assert deploy(lab, CLAUDE).is_new, "the modified file itself is replaced"


@pytest.mark.parametrize("how", ["changed", "torn", "gone", "empty folder"])
def test_a_damaged_live_release_is_no_base_and_everything_can_be_deployed_over_it(lab, how):
    manifest = deploy(lab).release.folder / "release.json"
    if how == "changed":
        damage(manifest)
    elif how == "torn":
        manifest.write_bytes(manifest.read_bytes()[:100])
    elif how == "gone":
        manifest.unlink()
    else:
        for path in sorted(manifest.parent.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(Damaged, match="carried over"):
        deploy(lab, GPT4)
    made = planned(lab)
    assert made.base is None and "damaged" in made.repairs[0]
    outcome = deploy(lab)
    assert outcome.is_new and outcome.release.number == 2 and outcome.release.base == 1
    assert not deploy(lab).is_new


def test_a_damaged_live_release_can_be_rolled_back_from(lab):
    deploy(lab)
    folder = deploy_value(lab, 0.5).release.folder
    damage(folder / "release.json")
    outcome = rollback(store_of(lab), 1)
    assert outcome.is_new and outcome.release.rollback_of == 1
    assert outcomes(lab) == [(1, "live"), (2, "live"), (3, "live")]
    assert not deploy(lab).is_new


def test_a_rollback_without_a_number_from_a_damaged_release_finds_the_last_good_one(lab):
    deploy(lab)
    damage(deploy_value(lab, 0.5).release.folder / "release.json")
    assert rollback(store_of(lab), None).release.rollback_of == 1


def test_a_candidate_that_the_gate_refuses_is_kept_and_the_previous_release_stays_live(lab):
    deploy(lab)

    def probe(content, changed):
        assert content.flat()[KEY] == 0.5
        assert changed == {"gpt-4"}
        raise GateFailed("gpt-4 does not answer", hint="check it")

    with pytest.raises(GateFailed, match=r"release 2 was refused: gpt-4 does not answer; release 1 \(\w{12}\) is still live") as caught:
        deploy_value(lab, 0.5, probe=probe)
    assert int(caught.value.exit_code) == 5
    store = store_of(lab)
    assert store.live().number == 1
    assert read_release(store.numbered()[2]).content.flat()[KEY] == 0.5, "the evidence"
    assert str(store.numbered()[2]) in caught.value.hint
    assert outcomes(lab) == [(1, "live"), (2, "failed")]
    assert history(store)[-1].details["reason"] == "gpt-4 does not answer"
    assert deploy_value(lab, 0.5).release.number == 3, "a number is used once"


def test_a_first_release_that_is_refused_leaves_nothing_live(lab):
    def probe(content, changed):
        raise GateFailed("no")

    with pytest.raises(GateFailed, match="nothing is live, as before"):
        deploy(lab, probe=probe)
    assert store_of(lab).live() is None


def test_a_profile_that_fits_no_model_of_the_live_release_is_refused_by_the_gate(lab):
    deploy(lab)
    with pytest.raises(GateFailed, match=r"claude under balanced for any domain: parameters.max_output_tokens is 900000"):
        deploy(lab, BALANCED, settings=("balanced.overlay.parameters.max_output_tokens=900000",))
    assert store_of(lab).live().number == 1


def test_a_flip_that_fails_leaves_the_previous_release_live_and_says_so(lab):
    deploy(lab)
    disk = Failing(lambda step, path: step == "symlink" or (step == "rename" and path.name == "current"))
    with pytest.raises(GateFailed, match=r"release 1 .* is still live"):
        deploy_value(lab, 0.5, files=disk)
    assert store_of(lab).live().number == 1
    assert outcomes(lab) == [(1, "live"), (2, "failed")]


def test_a_flip_that_is_not_durable_is_flipped_back(lab):
    deploy(lab)
    store = store_of(lab)
    flips = []

    def is_bad(step, path):
        if step == "fsync folder" and path == store.folder and str(store.live_folder()).rpartition("/")[2].startswith("2-"):
            flips.append(path)
            return True
        return False

    with pytest.raises(GateFailed, match="still live"):
        deploy_value(lab, 0.5, files=Failing(is_bad))
    assert flips, "the flip itself went through"
    assert store.live().number == 1


def test_a_first_flip_that_is_not_durable_is_taken_back(lab):
    store = store_of(lab)
    disk = Failing(lambda step, path: step == "fsync folder" and path == store.folder and store.pointer.is_symlink())
    with pytest.raises(GateFailed, match="nothing is live"):
        deploy(lab, files=disk)
    assert store.live() is None
    assert deploy(lab).is_new


def test_a_flip_back_that_fails_calls_for_help_with_the_command_that_helps(lab):
    first = deploy(lab).release
    store = store_of(lab)
    disk = Failing(lambda step, path: step == "fsync folder" and path == store.folder and store.pointer.readlink().name.startswith("2-"))
    disk.symlink = lambda target, path: _only(target, "2-", path)
    with pytest.raises(RollbackFailed) as caught:
        deploy_value(lab, 0.5, files=disk)
    assert int(caught.value.exit_code) == 6
    assert f"ln -sfn releases/{first.folder.name} {store.pointer}" in caught.value.hint
    assert outcomes(lab)[-1] == (2, "failed")


def _only(target, beginning, path):
    if not target.removeprefix("releases/").startswith(beginning):
        raise OSError(5, "Input/output error", str(path))
    path.symlink_to(target)


def test_a_journal_that_fails_after_the_flip_does_not_hide_that_the_release_is_live(lab):
    deploy(lab)
    disk = Failing(lambda step, path: '"live"' in step)
    with pytest.raises(StorageFault, match=r"release 2 \(\w{12}\) is live, but"):
        deploy_value(lab, 0.5, files=disk)
    assert live_value(lab) == 0.5
    assert outcomes(lab) == [(1, "live"), (2, "live")], "history knows it from where current points"
    deploy_value(lab, 0.6)
    assert outcomes(lab) == [(1, "live"), (2, "live"), (3, "live")]


def test_a_disk_that_is_full_before_the_intent_changes_nothing(lab):
    deploy(lab)
    for is_bad in (lambda step, path: step == "write", lambda step, path: '"intent"' in step):
        with pytest.raises(StorageFault, match="No space left"):
            deploy_value(lab, 0.5, files=Failing(is_bad))
        assert store_of(lab).live().number == 1
        assert outcomes(lab) == [(1, "live")]
    assert deploy_value(lab, 0.5).is_new


def test_an_intent_that_a_crash_left_before_the_flip_reads_and_is_recorded_as_abandoned(lab):
    deploy(lab)

    def crash(content, changed):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy_value(lab, 0.5, probe=crash)
    assert outcomes(lab) == [(1, "live"), (2, "abandoned")]
    deploy_value(lab, 0.6)
    assert outcomes(lab) == [(1, "live"), (2, "abandoned"), (3, "live")]
    told = [json.loads(line) for line in (store_of(lab).folder / "journal.jsonl").read_text().splitlines()]
    assert [line["event"] for line in told] == ["intent", "live", "intent", "abandoned", "intent", "live"]


def test_a_deployment_that_runs_is_not_called_abandoned(lab):
    deploy(lab)

    def look(content, changed):
        assert outcomes(lab) == [(1, "live"), (2, "running")]
        raise Declined("enough seen")

    with pytest.raises(GateFailed):
        deploy_value(lab, 0.5, probe=look)
    assert outcomes(lab) == [(1, "live"), (2, "failed")]


def test_a_deployment_waits_for_the_lock_no_longer_than_it_was_told(lab):
    deploy(lab)
    with locked(store_of(lab).lock, 0), pytest.raises(Busy, match="another command holds"):
        deploy_value(lab, 0.5, lock_wait_s=0.05)
    assert deploy_value(lab, 0.5).is_new


def test_a_plan_that_still_holds_is_deployed_and_deploying_it_twice_is_a_no_op(lab):
    deploy(lab)
    made = planned(lab, GPT4, settings=(f"{KEY}=0.5",))
    for is_new in (True, False):
        outcome = deploy_value(lab, 0.5, expected=(made, "p.json"))
        assert (outcome.is_new, outcome.release.number) == (is_new, 2)


def test_a_stale_plan_is_refused_and_names_the_key_that_moved(lab):
    deploy(lab)
    made = planned(lab, GPT4, settings=(f"{KEY}=0.5",))
    lab.edit(GPT4, ("max_output_tokens: 2048", "max_output_tokens: 2047"))
    with pytest.raises(StalePlan, match=r"p.json is stale: gpt-4.parameters.max_output_tokens was 2048 .* is 2047 now"):
        deploy_value(lab, 0.5, expected=(made, "p.json"))
    assert outcomes(lab) == [(1, "live")]


def test_a_rollback_goes_to_the_last_other_content_and_walks_further_back_each_time(lab):
    for value in (0.1, 0.2, 0.3):
        deploy_value(lab, value)
    store = store_of(lab)
    assert (rollback(store, None).release.rollback_of, live_value(lab)) == (2, 0.2)
    assert (rollback(store, None).release.rollback_of, live_value(lab)) == (1, 0.1)
    with pytest.raises(Usage, match="nothing before release 5"):
        rollback(store, None)


def test_a_rollback_can_be_undone_and_names_the_release_that_the_content_comes_from(lab):
    for value in (0.1, 0.2):
        deploy_value(lab, value)
    store = store_of(lab)
    rollback(store, 1)
    assert (rollback(store, 2, why="undo").release.number, live_value(lab)) == (4, 0.2)
    assert rollback(store, 3).release.rollback_of == 1, "release 3 was a rollback itself: its content is that of 1"
    assert live_value(lab) == 0.1
    assert store.live().base == 4


def test_rolling_back_to_what_is_live_is_a_no_op(lab):
    deploy(lab)
    assert not rollback(store_of(lab), 1).is_new
    assert len(outcomes(lab)) == 1


def test_a_default_rollback_passes_over_what_was_refused_or_is_not_whole(lab):
    deploy(lab)
    for value in (0.1, 0.2, 0.3):
        deploy_value(lab, value)
    store = store_of(lab)
    damage(store.numbered()[3] / "sources" / CLAUDE)
    with pytest.raises(GateFailed):
        deploy(lab, BALANCED, settings=("balanced.overlay.parameters.max_output_tokens=900000",))
    assert rollback(store, None).release.rollback_of == 2


def test_nobody_rolls_back_to_what_never_was_live_or_is_gone_or_not_whole(lab):
    deploy(lab)
    deploy_value(lab, 0.3)
    store = store_of(lab)
    with pytest.raises(GateFailed):
        deploy(lab, BALANCED, settings=("balanced.overlay.parameters.max_output_tokens=900000",))
    with pytest.raises(Usage, match="release 3 never was live: claude under balanced"):
        rollback(store, 3)
    with pytest.raises(Usage, match="no release 9 in dev: kept are 1, 2, 3"):
        rollback(store, 9)
    damage(store.numbered()[1] / "sources" / CLAUDE)
    with pytest.raises(Damaged, match="claude_config"):
        rollback(store, 1)
    assert store.live().number == 2


def test_a_rollback_that_was_shown_is_refused_when_something_else_went_live(lab):
    for value in (0.1, 0.2):
        deploy_value(lab, value)
    store = store_of(lab)
    standing, target, _ = plan_rollback(store, None)
    deploy_value(lab, 0.3)
    with pytest.raises(StalePlan, match=r"the live release was 2 .* is 3 now"):
        rollback(store, target.number, expected_live=standing.number)


def test_retention_keeps_the_newest_the_base_and_what_a_rollback_would_need(lab):
    lab.edit("labmodels.yaml", ("keep: 20", "keep: 2"))
    deploy(lab)
    for value in (0.1, 0.2, 0.3, 0.4):
        deploy_value(lab, value)
    store = store_of(lab)
    assert sorted(store.numbered()) == [4, 5]
    rollback(store, 4)
    assert sorted(store.numbered()) == [4, 5, 6]


def test_what_a_rollback_would_go_back_to_is_kept_however_old_it_is(lab):
    lab.edit("labmodels.yaml", ("keep: 20", "keep: 3"))
    for value in (0.1, 0.2, 0.3):
        deploy_value(lab, value)
    store = store_of(lab)
    rollback(store, None)
    assert sorted(store.numbered()) == [1, 2, 3, 4]
    assert rollback(store, None).release.rollback_of == 1


def test_the_last_good_release_outlives_any_number_of_refused_ones(lab):
    lab.edit("labmodels.yaml", ("keep: 20", "keep: 2"))
    deploy(lab)
    for value in (0.1, 0.2):
        deploy_value(lab, value)
    for _ in range(4):
        with pytest.raises(GateFailed):
            deploy(lab, BALANCED, settings=("balanced.overlay.parameters.max_output_tokens=900000",))
    deploy_value(lab, 0.3)
    store = store_of(lab)
    assert sorted(store.numbered()) == [3, 6, 7, 8], "two that were live, and the evidence of two that were not"
    assert rollback(store, None).release.rollback_of == 3


def test_the_number_of_kept_releases_can_be_set_by_hand(lab):
    for value in (0.1, 0.2, 0.3):
        deploy_value(lab, value)
    deploy(lab, "labmodels.yaml", settings=("releases.keep=2",))
    assert sorted(store_of(lab).numbered()) == [3, 4]


def test_a_why_is_kept_without_the_secrets_that_were_pasted_into_it(lab):
    deploy(lab, why="the key sk-proj-q7Wn2Zt8Lk4Vb9Xc3Rm6Jd1F leaked")
    store = store_of(lab)
    assert store.live().why == history(store)[-1].details["why"] == "the key *** leaked"


def test_nothing_that_is_done_to_dev_reaches_another_environment(lab):
    def tree(environment):
        folder = lab.environment_folder(environment)
        return {path: (path.lstat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in sorted(folder.rglob("*"))}

    for environment in ("test", "production"):
        deploy(lab, environment=environment)
    before = tree("test"), tree("production")
    deploy(lab)
    deploy_value(lab, 0.9)
    rollback(store_of(lab), 1)
    with pytest.raises(GateFailed):
        deploy(lab, BALANCED, settings=("balanced.overlay.parameters.max_output_tokens=900000",))
    assert (tree("test"), tree("production")) == before
    assert live_value(lab, "gpt-4.budgets.day", "production") != live_value(lab, "gpt-4.budgets.day")
    links = [path.resolve() for path in lab.state.rglob("*") if path.is_symlink()]
    assert len(links) == 3
    assert len({path.parents[1].name for path in links}) == 3, "each pointer leads into its own environment"
