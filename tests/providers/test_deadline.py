"""The limits of a call, on a clock that only the test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.language_model import Timeouts
from labmodels.providers import anthropic, openai
from labmodels.providers.deadline import Watch
from labmodels.providers.exchange import Exchange

FLOOR = 2.0  # tokens a second: 80 bytes in ten seconds


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def watched(clock: Clock, **timeouts) -> Watch:
    limits = {"total": "600 s", "first_token": "60 s", "between_tokens": "50 s", "least_tokens_per_second": FLOOR} | timeouts
    return Watch(Timeouts(**limits), None, streaming=True, clock=clock)


def test_the_first_token_has_a_limit_of_its_own_and_an_event_without_output_is_none():
    clock = Clock()
    watch = watched(clock)
    clock.now += 59
    watch.wrote("")
    assert (watch.left_s(), watch.exceeded()) == (1, "timeout_first_token")
    watch.wrote("thinking")
    assert (watch.left_s(), watch.exceeded()) == (10, "timeout_throughput")
    unhurried = watched(clock, least_tokens_per_second=None)
    unhurried.wrote("x")
    assert (unhurried.left_s(), unhurried.exceeded()) == (50, "timeout_between_tokens")
    clock.now += 49
    unhurried.wrote("")  # it goes on, if only in what is no output
    assert unhurried.left_s() == 50


def test_a_stream_above_the_floor_goes_on_and_one_below_it_is_given_up():
    clock = Clock()
    watch = watched(clock)
    for _ in range(40):
        watch.wrote("123456789")
        clock.now += 1
        assert watch.left_s() > 0
    for _ in range(10):
        watch.wrote("1234567")
        clock.now += 1
    assert watch.left_s() <= 0 and watch.exceeded() == "timeout_throughput"


def test_a_long_silence_after_a_burst_is_too_slow_before_it_is_too_silent():
    clock = Clock()
    watch = watched(clock)
    watch.wrote("x" * 10_000)
    assert (watch.left_s(), watch.exceeded()) == (10, "timeout_throughput")


def test_letters_count_by_their_bytes():
    clock = Clock()
    watch = watched(clock)
    watch.wrote("x")
    clock.now += 5
    watch.wrote("語" * 27)  # 81 bytes
    assert watch.left_s() == 10


def test_the_time_in_which_the_consumer_holds_the_stream_counts_for_the_whole_call_only():
    clock = Clock()
    watch = watched(clock)
    watch.wrote("x")
    watch.pause()
    clock.now += 500
    watch.resume()
    assert (watch.left_s(), watch.exceeded()) == (10, "timeout_throughput")
    watch.pause()
    clock.now += 95
    watch.resume()
    assert (watch.left_s(), watch.exceeded()) == (5, "timeout_total")


def test_without_streaming_only_the_whole_call_has_a_limit():
    clock = Clock()
    watch = Watch(Timeouts(least_tokens_per_second=FLOOR), 7.0, streaming=False, clock=clock)
    assert (watch.left_s(), watch.exceeded()) == (7, "timeout_total")


THOUGHTS = [
    (openai, {"choices": [{"delta": {"reasoning_content": "Hm."}}]}),
    (openai, {"choices": [{"delta": {"reasoning": "Hm."}}]}),
    (openai, {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "lookup"}}]}}]}),
    (anthropic, {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}}),
    (anthropic, {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}}),
    (anthropic, {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{"}}),
]
SIGNS_OF_LIFE = [
    (openai, {"choices": [{"delta": {"role": "assistant", "content": ""}}]}),
    (openai, {"choices": []}),
    (anthropic, {"type": "ping"}),
    (anthropic, {"type": "message_start", "message": {"model": "m"}}),
]


@pytest.mark.parametrize(("adapter", "event", "counts"), [(*one, True) for one in THOUGHTS] + [(*one, False) for one in SIGNS_OF_LIFE])
def test_what_a_model_thinks_is_progress_and_a_sign_of_life_is_none(adapter, event, counts):
    watch = watched(Clock(), least_tokens_per_second=None)
    writing = adapter._Writing(Exchange("p", adapter, lambda: None, watch, 1, is_own=True), None)
    assert "Hm." not in str(writing.take_event(event))
    assert watch.exceeded() == ("timeout_between_tokens" if counts else "timeout_first_token")


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 60)), min_size=1, max_size=40))
def test_a_stream_is_given_up_exactly_when_a_window_of_ten_seconds_holds_too_little(steps):
    clock = Clock()
    watch = watched(clock)
    watch.wrote("x")
    written = [(clock.now, 1)]
    for wait, size in steps:
        for _ in range(wait):  # second by second, as the definition has it
            clock.now += 1
            recent = sum(size for at, size in written if at > clock.now - 10)
            is_slow = clock.now - written[0][0] >= 10 and recent < FLOOR * 10 * 4
            assert (watch.left_s() <= 0) == is_slow
            if is_slow:
                return
        watch.wrote("x" * size)
        written.append((clock.now, size))


@pytest.mark.parametrize("seconds, left", [(3.0, 3.0), (9000.0, 60.0)])
def test_the_end_is_only_ever_brought_nearer(seconds, left):
    watch = watched(Clock())
    watch.end_within(seconds)
    assert watch.left_s() == left
