"""What a consumer of a stream receives when candidates fail: before the first output nothing, after it what the policy says."""

from __future__ import annotations

import pytest

from labmodels.config.schema.language_model import Capabilities, OutputCheck, Retries
from labmodels.errors import StorageFault
from labmodels.ledger.record import Ledger
from labmodels.providers.protocol import Answer, Finished, Message, ProviderFault, Request, TextDelta, ToolCall, ToolCallDelta, Usage
from labmodels.router.admission import Admission
from labmodels.router.breaker import Rules
from labmodels.router.candidates import Candidate
from labmodels.router.loop import Means, Terms, stream
from labmodels.router.outcome import Answered, Began, Interrupted, RouteSpent, Switched
from tests.router.test_loop import OCCASION, REQUEST, Clock, OpenDoor, candidate, fault

CUT = fault("truncated")


class Pieces:
    """A provider that streams the pieces of its next script; a fault among them is raised."""

    def __init__(self, clock: Clock, *scripts: list) -> None:
        self.clock, self.scripts, self.requests, self.closed = clock, list(scripts), [], 0

    def stream(self, request: Request):
        self.requests.append(request)
        text, calls = "", []
        try:
            for piece in self.scripts.pop(0):
                self.clock.now += 1.0
                if isinstance(piece, ProviderFault):
                    raise piece
                if isinstance(piece, ToolCallDelta):
                    calls.append(ToolCall(piece.id, piece.name, piece.arguments))
                    yield piece
                else:
                    text += piece
                    yield TextDelta(piece)
            yield Finished(Answer(text, "tool_calls" if calls else "stop", Usage(10, 0, 0, 5), tool_calls=tuple(calls)))
        finally:
            self.closed += 1

    def complete(self, request: Request) -> Answer:
        *_, finished = self.stream(request)
        return finished.answer


def begin(scripts: dict[str, list[list]], after_output: str = "terminate", route: list[Candidate] | None = None):
    clock, rows = Clock(), []
    providers = {name: Pieces(clock, *script) for name, script in scripts.items()}
    route = route or [candidate(name) for name in scripts]
    means = Means(lambda one: providers[one.name], OpenDoor(rows), clock=clock, sleep=clock.sleep, rng=lambda: 0.5)
    return stream(REQUEST, route, Terms(OCCASION, 60.0, after_output=after_output), means), rows, providers


def told(rows) -> list[tuple[str, str, str | None]]:
    return [(row.candidate, row.outcome, row.error_class) for row in rows]


def text_of(events) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_pieces_come_as_they_are_and_the_outcome_at_the_end():
    events, rows, _ = begin({"a": [["The ", "", "answer"]]})
    events = list(events)
    assert events[:-1] == [Began(rows[0].request_id, "a"), TextDelta("The "), TextDelta("answer")]
    assert isinstance(events[-1], Answered) and events[-1].outcome.answer.text == "The answer"
    assert (rows[0].first_token_s, rows[0].latency_s) == (1.0, 3.0)


def test_what_fails_before_its_first_output_falls_back_unseen():
    events, rows, _ = begin({"a": [[fault("overloaded")]] * 3, "b": [["yes"]]})
    events = list(events)
    assert events[:-1] == [Began(rows[-1].request_id, "b"), TextDelta("yes")]
    assert told(rows) == [("a", "failed", "overloaded")] * 3 + [("b", "ok", None)]


def test_after_output_the_stream_ends_with_an_error_and_nobody_else_is_asked():
    events, rows, providers = begin({"a": [["The ", CUT]], "b": [["other"]]})
    assert isinstance(next(events), Began) and next(events) == TextDelta("The ")
    with pytest.raises(Interrupted, match="broke off after its first output") as caught:
        list(events)
    assert told(rows) == told(caught.value.attempts) == [("a", "failed", "truncated")]
    assert providers["b"].requests == []


def test_restart_tells_that_what_was_received_is_void():
    events, _, _ = begin({"a": [["The ", CUT]], "b": [["A new ", "answer"]]}, "restart")
    events = list(events)
    assert events[1:-1] == [
        TextDelta("The "),
        Switched("restart", "b", "x: truncated"),
        TextDelta("A new "),
        TextDelta("answer"),
    ]
    assert events[-1].outcome.answer.text == "A new answer"


def test_continue_goes_on_where_it_stopped_and_the_outcome_is_the_whole():
    events, _, providers = begin({"a": [["The ans", CUT]], "b": [["wer is ", "42."]]}, "continue")
    events = list(events)
    assert text_of(events) == events[-1].outcome.answer.text == "The answer is 42."
    assert [event for event in events if isinstance(event, Switched)] == [Switched("continue", "b", "x: truncated")]
    asked = providers["b"].requests[0].messages
    assert asked[:-2] == REQUEST.messages and asked[-2] == Message("assistant", "The ans") and asked[-1].role == "user"


def test_two_breaks_in_a_row_are_two_switches():
    events, _, providers = begin({"a": [["1", CUT]], "b": [["2", CUT]], "c": [["3"]]}, "continue")
    events = list(events)
    assert text_of(events) == "123" and sum(isinstance(event, Switched) for event in events) == 2
    assert providers["c"].requests[0].messages[-2] == Message("assistant", "12")


def test_quotes_never_go_on_with_a_model_s_answer():
    route = [candidate("a"), Candidate("basic_nlp", "basic_nlp")]
    events, rows, _ = begin({"a": [["The ans", CUT]], "basic_nlp": [["quote"]]}, "continue", route)
    with pytest.raises(RouteSpent, match="cannot go on with an answer that another began"):
        list(events)
    assert told(rows)[-1] == ("basic_nlp", "skipped", None)


@pytest.mark.parametrize("policy", ["restart", "continue"])
def test_a_fault_that_the_table_does_not_reroute_ends_the_stream_under_every_policy(policy):
    events, _, providers = begin({"a": [["The ", fault("content_filtered")]], "b": [["other"]]}, policy)
    with pytest.raises(Interrupted):
        list(events)
    assert providers["b"].requests == []


def test_a_tool_call_that_was_begun_is_not_continued():
    call = ToolCallDelta(0, "c1", "look", '{"x":')
    events, _, providers = begin({"a": [[call, CUT]], "b": [["other"]]}, "continue")
    assert isinstance(next(events), Began) and next(events) == call
    with pytest.raises(Interrupted):
        list(events)
    assert providers["b"].requests == []


def test_a_consumer_that_goes_away_ends_the_call_and_leaves_its_row():
    events, rows, providers = begin({"a": [["The ", "answer"]], "b": [["other"]]})
    assert isinstance(next(events), Began) and next(events) == TextDelta("The ")
    events.close()
    assert providers["a"].closed == 1 and providers["b"].requests == []
    assert told(rows) == [("a", "abandoned", None)] and rows[0].reason == "GeneratorExit"


def test_a_model_that_cannot_stream_is_heard_only_when_its_answer_is_proven():
    whole = candidate(
        "a", capabilities=Capabilities(streaming=False), output_checks=[OutputCheck(name="long", min_chars=10)], retries=Retries(attempts=0)
    )
    events, rows, _ = begin({"a": [["short"]], "b": [["from b"]]}, route=[whole, candidate("b")])
    assert text_of(list(events)) == "from b"
    assert told(rows) == [("a", "failed", "check_failed"), ("b", "ok", None)]
    events, _, _ = begin({"a": [["long enough ", "as a whole"]]}, route=[whole])
    assert [type(event).__name__ for event in events] == ["Began", "TextDelta", "Answered"]


def test_a_check_that_fails_after_output_was_seen_is_a_break_like_any_other():
    strict = candidate("a", output_checks=[OutputCheck(name="long", min_chars=10)])
    events, _, _ = begin({"a": [["short"]], "b": [["a longer answer"]]}, "restart", [strict, candidate("b")])
    events = list(events)
    assert [event.policy for event in events if isinstance(event, Switched)] == ["restart"]
    assert events[-1].outcome.answer.text == "a longer answer"


def test_an_answer_that_cannot_be_recorded_is_given_all_the_same_and_says_so():
    class FullDisk(OpenDoor):
        def settle(self, ticket, attempts, ending, more=()):
            if attempts[-1].outcome == "ok":
                raise StorageFault("cannot write /lab/ledger.db: disk full")
            super().settle(ticket, attempts, ending, more)

    clock, rows = Clock(), []
    providers = {"a": Pieces(clock, [fault("auth")]), "b": Pieces(clock, ["The ", "answer"])}
    means = Means(lambda one: providers[one.name], FullDisk(rows), clock=clock, sleep=clock.sleep)
    *deltas, last = stream(REQUEST, [candidate("a"), candidate("b")], Terms(OCCASION, 60.0), means)
    assert text_of(deltas) == "The answer" and "disk full" in str(last.outcome.unrecorded)


def test_a_model_whose_breaker_is_open_is_asked_last_and_only_if_nobody_else_could(tmp_path):
    clock = Clock()
    with Ledger(tmp_path / "ledger.db") as ledger:
        door = Admission(ledger, Rules(threshold=2, cooldown_s=1000.0))

        def answered_by(*scripts: tuple[str, list[list]]) -> list[tuple[str, str, str | None]]:
            providers = {name: Pieces(clock, *script) for name, script in scripts}
            route = [candidate(name, retries=Retries(attempts=0)) for name in providers]
            means = Means(lambda one: providers[one.name], door, clock=clock, sleep=clock.sleep)
            try:
                *_, last = stream(REQUEST, route, Terms(OCCASION, 600.0), means)
            except RouteSpent as spent:
                return told(spent.attempts)
            return told(last.outcome.attempts)

        for _ in range(2):
            answered_by(("a", [[CUT]]), ("b", [["yes"]]))
        assert answered_by(("a", [["never"]]), ("b", [["yes"]])) == [("a", "skipped", None), ("b", "ok", None)]
        late = answered_by(("a", [["back again"]]), ("b", [[CUT]]))
        assert late == [("a", "skipped", None), ("b", "failed", "truncated"), ("a", "ok", None)]
        assert answered_by(("a", [["closed by that"]]), ("b", []))[0] == ("a", "ok", None)
        assert answered_by(("a", [[CUT]] * 4)) == [("a", "failed", "truncated")], "the only one is never blocked"
