from hypothesis import given
from hypothesis import strategies as st

from labmodels.releases.history import ABANDONED, CONFIRM, DONE, FAILED, INTENT, LIVE, RUNNING, SWITCH, reconcile, steps, unfinished
from labmodels.releases.journal import Event
from tests.releases.acting import deploy, deploy_value, outcomes, store_of

WHEN, WHO = "2026-11-23T12:00:00.000+00:00", "me@here"


def event(word, id_, **details):
    return Event(word, id_, WHEN, WHO, details)


@st.composite
def journals(draw):
    """A journal as commands and crashes leave it: each command first reconciles what came before it. Also where `current` points."""
    events, live, last_switch = [], None, None
    for number in range(1, draw(st.integers(1, 8)) + 1):
        for open_ in unfinished(events, last_switch):
            events.append(event(LIVE if open_.details.get("folder") == live and live else ABANDONED, open_.id))
        id_ = f"id{number}"
        if draw(st.booleans()):
            folder = f"{number}-x"
            events.append(event(INTENT, id_, release=number, folder=folder))
            ending = draw(st.sampled_from(["live", "failed", "crash before", "crash after"]))
            if ending in ("live", "crash after"):
                live = folder
            if ending in ("live", "failed"):
                events.append(event(LIVE if ending == "live" else FAILED, id_))
        else:
            events.append(event(draw(st.sampled_from([SWITCH, CONFIRM])), id_, domain="*"))
            last_switch = id_ if draw(st.booleans()) else last_switch
    return events, live, last_switch


@given(journals())
def test_nothing_is_ever_pending_and_what_is_live_is_the_last_live_step(journal):
    events, live, last_switch = journal
    found = steps(events, live, last_switch)
    assert {step.outcome for step in found} <= {LIVE, FAILED, ABANDONED, DONE}
    went_live = [step.details["folder"] for step in found if step.outcome == LIVE]
    assert (went_live[-1] if went_live else None) == live
    switched = [step.id for step in found if step.outcome == DONE]
    assert (switched[-1] if switched else None) == last_switch


@given(journals())
def test_history_reads_the_same_before_and_after_it_was_completed(journal):
    events, live, last_switch = journal
    open_ = unfinished(events, last_switch)
    completed = events + [event(LIVE if found.details.get("folder") == live and live else ABANDONED, found.id) for found in open_]
    assert [step[:5] for step in steps(completed, live, last_switch)] == [step[:5] for step in steps(events, live, last_switch)]
    assert not unfinished(completed, last_switch)


def test_only_the_last_intent_can_be_running():
    events = [event(INTENT, "a", release=1, folder="1-x"), event(INTENT, "b", release=2, folder="2-x")]
    assert [step.outcome for step in steps(events, None, None, is_busy=True)] == [ABANDONED, RUNNING]
    assert [step.outcome for step in steps(events, "2-x", None, is_busy=True)] == [ABANDONED, LIVE]


def test_reconciling_twice_writes_once(lab):
    deploy(lab)
    store = store_of(lab)
    store.journal.add(INTENT, "lost", release=2, folder="2-0123456789ab", digest="0")
    assert outcomes(lab) == [(1, "live"), (2, "abandoned")]
    reconcile(store)
    lines = (store.folder / "journal.jsonl").read_bytes()
    reconcile(store)
    assert (store.folder / "journal.jsonl").read_bytes() == lines
    assert outcomes(lab) == [(1, "live"), (2, "abandoned")]


def test_what_a_crash_left_half_written_is_cleared_by_the_next_deployment(lab):
    folder = deploy(lab).release.folder
    store = store_of(lab)
    litter = [folder.parent / ".2-0123456789ab.tmp", store.folder / ".current.0123.tmp", folder.parent / ".trash-1.0123.tmp"]
    for path in litter:
        (path / "sources").mkdir(parents=True)
    deploy_value(lab, 0.5)
    assert not any(path.exists() for path in litter)


def test_a_torn_or_foreign_line_of_the_journal_is_passed_over(lab):
    deploy(lab)
    with (store_of(lab).folder / "journal.jsonl").open("a") as file:
        file.write('[1]\n{"event": "live"}\nnonsense\n{"event": "intent", "id": "x", "a')
    assert outcomes(lab) == [(1, "live")]
    deploy_value(lab, 0.5)
    assert outcomes(lab) == [(1, "live"), (2, "live")]
