"""A tiny GGUF answers in this process through the real llama.cpp: what it says, when it stops, who waits for whom, what is refused."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.config.schema.language_model import LanguageModel, LocalWeights, Parameters, Timeouts
from labmodels.providers import gguf_model
from labmodels.providers.gguf_model import Loading, load
from labmodels.providers.llama_cpp import LlamaCpp, _Writing
from labmodels.providers.protocol import Answer, Finished, Image, Message, ProviderFault, Request, Text, TextDelta, Tool, ToolCall, Usage
from labmodels.training.gguf import tiny_model

MESSAGES = (Message("system", "Be brief."), Message("user", "What is the answer? 🙂"))
LONG = Timeouts(first_token="60 s", between_tokens="60 s", total="100 s")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("llama") / "tiny.gguf"
    tiny_model(path, seed=2, context=4096)
    return path


def provider(path: Path | str, *, context_tokens: int = 512, timeouts: Timeouts = LONG, environ=None, **settings) -> LlamaCpp:
    weights = LocalWeights(gguf=str(path), threads=1)
    declared = LanguageModel(
        name="m", provider="llama_cpp", model="x", context_tokens=context_tokens, weights=weights, timeouts=timeouts, **settings
    )
    return LlamaCpp(declared, environ)


def ask(seed: int | None = 7, tokens: int | None = 40, messages=MESSAGES, **settings) -> Request:
    parameters = Parameters(seed=seed, max_output_tokens=tokens, **{"temperature": 1.2, **settings})
    return Request(messages, parameters=parameters)


def fault(llama: LlamaCpp, request: Request) -> ProviderFault:
    with pytest.raises(ProviderFault) as caught:
        llama.complete(request)
    return caught.value


def streamed(llama: LlamaCpp, request: Request) -> tuple[list[str], Answer]:
    *deltas, finished = llama.stream(request)
    assert isinstance(finished, Finished) and all(isinstance(delta, TextDelta) and delta.text for delta in deltas)
    return [delta.text for delta in deltas], finished.answer


def is_free(path: Path, context_tokens: int = 512) -> bool:
    return not load(Loading(path, context_tokens, 1, 0), 1).lock.locked()


# -- answers


def test_a_stream_comes_in_pieces_that_make_the_answer_and_its_tokens_are_counted(tiny):
    pieces, answer = streamed(provider(tiny), ask())
    assert len(pieces) > 10 and "".join(pieces) == answer.text
    gguf = load(Loading(tiny, 512, 1, 0), 1)
    prompt = "<|bos|>system: Be brief.<|eot|>\nuser: What is the answer? 🙂<|eot|>\nassistant: "
    counted = len(gguf._llama.tokenize(prompt.encode(), add_bos=False, special=True))
    assert answer.usage == Usage(input_tokens=counted, output_tokens=40)
    assert (answer.finish, answer.model_returned) == ("length", "tiny-random-2")


@pytest.mark.parametrize("temperature", [0, 1.2])
def test_a_seed_repeats_the_answer_whatever_was_asked_before(tiny, temperature):
    llama = provider(tiny)
    first = llama.complete(ask(seed=3, temperature=temperature))
    llama.complete(ask(seed=4, messages=(*MESSAGES, Message("assistant", "42"), Message("user", "Why?"))))
    assert llama.complete(ask(seed=3, temperature=temperature)) == first


def test_other_seeds_and_none_give_other_answers(tiny):
    llama = provider(tiny)
    assert len({llama.complete(ask(seed=seed)).text for seed in (0, 1, -1, 2**32, None, None)}) >= 5


def test_the_models_own_end_is_a_stop_and_leaves_no_trace_in_the_text(tiny):
    answers = [provider(tiny).complete(ask(seed=seed, tokens=300)) for seed in range(20)]
    stopped = [answer for answer in answers if answer.finish == "stop"]
    assert stopped and all("<|" not in answer.text and answer.usage.output_tokens < 300 for answer in stopped)


def test_a_stop_sequence_ends_the_answer_before_it(tiny):
    llama = provider(tiny)
    whole = llama.complete(ask()).text
    stop = whole[20:23]
    pieces, answer = streamed(llama, ask(stop=["never", stop]))
    assert answer.text == whole[: whole.index(stop)] == "".join(pieces)
    assert answer.finish == "stop"


def test_sampling_is_as_asked_and_what_is_unknown_is_refused(tiny):
    llama = provider(tiny)
    greedy = llama.complete(ask(temperature=0)).text
    assert llama.complete(ask(temperature=2, extra={"top_k": 1})).text == greedy == llama.complete(ask(temperature=2, top_p=1e-6)).text
    for extra in ({"reasoning_effort": "low"}, {"top_k": "1"}, {"min_p": True}):
        assert fault(llama, ask(extra=extra)).error_class == "invalid_request"


@given(st.text(max_size=30), st.data())
def test_characters_split_over_tokens_come_out_whole(text, data):
    encoded = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(encoded)), max_size=20)))
    writing = _Writing(())
    pieces = [encoded[a:b] for a, b in zip([0, *cuts], [*cuts, len(encoded)], strict=True)]
    shown = "".join(map(writing.take, pieces)) + writing.rest()
    assert shown == writing.text == encoded.decode()


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_a_stop_sequence_is_never_shown_and_nothing_before_it_is_lost(text, stop):
    writing = _Writing(stop)
    shown = ""
    for character in text:
        shown += writing.take(character.encode())
        if writing.finish == "stop":
            break
    shown += writing.rest()
    ends = [text.index(sequence) + len(sequence) for sequence in stop if sequence in text]
    until = text[: min(ends)] if ends else text
    begins = [until.index(sequence) for sequence in stop if sequence in until]
    assert shown == writing.text == (until[: min(begins)] if begins else until)


@pytest.mark.parametrize("bad", [b"\xe0\x80\x80", b"\xf5\x80\x80\x80", b"\xed\xa0\x80"])
def test_a_broken_character_is_one_replacement_however_it_comes(bad):
    whole, bytewise = _Writing(()), _Writing(())
    assert whole.take(b"a" + bad + b"b") + whole.rest() == "a\ufffdb"
    assert "".join(bytewise.take(bytes([byte])) for byte in b"a" + bad + b"b") + bytewise.rest() == "a\ufffdb"


# -- one model, many who ask


def test_threads_that_ask_at_once_each_get_the_answer_that_they_get_alone(tiny):
    llama = provider(tiny)
    alone = {seed: llama.complete(ask(seed=seed)).text for seed in range(6)}
    with ThreadPoolExecutor(6) as pool:
        together = dict(zip(alone, pool.map(lambda seed: "".join(streamed(provider(tiny), ask(seed=seed))[0]), alone), strict=True))
    assert together == alone and len(set(alone.values())) == 6


def test_a_model_is_loaded_once_for_all_and_anew_when_its_file_changes(tmp_path):
    path = tmp_path / "tiny.gguf"
    tiny_model(path, seed=1)
    with ThreadPoolExecutor(4) as pool:
        models = set(pool.map(lambda _: load(Loading(path, 64, 1, 0), 60), range(8)))
    assert len(models) == 1
    first = provider(path, context_tokens=256).complete(ask())
    tiny_model(path, seed=2)
    os.utime(path, ns=(1, 1))
    assert provider(path, context_tokens=256).complete(ask()).model_returned != first.model_returned
    assert sum(key.loading.path == path for key in gguf_model._loaded) == 2  # one for each size of context, none of the old file


def test_a_stream_that_is_left_midway_frees_the_model(tiny):
    llama = provider(tiny)
    with closing(llama.stream(ask(tokens=None))) as stream:
        next(stream)
        assert not is_free(tiny)
    assert is_free(tiny)
    abandoned = llama.stream(ask(tokens=None))
    next(abandoned)
    del abandoned
    assert is_free(tiny)
    assert llama.complete(ask()).text


def test_who_waits_for_a_busy_model_waits_no_longer_than_for_a_first_token(tiny):
    impatient = Timeouts(first_token="50 ms", between_tokens="50 ms", total="60 s")
    with closing(provider(tiny).stream(ask(tokens=None))) as stream:
        next(stream)
        assert fault(provider(tiny, timeouts=impatient), ask()).error_class == "timeout_first_token"
        hurried = dataclasses.replace(ask(), deadline_s=0.05)
        assert fault(provider(tiny), hurried).error_class == "timeout_total"
    assert provider(tiny, timeouts=LONG).complete(ask()).text


def test_a_deadline_ends_an_answer_between_tokens_and_frees_the_model(tiny):
    llama = provider(tiny)
    stream = llama.stream(dataclasses.replace(ask(tokens=None), deadline_s=0.2))
    next(stream)
    threading.Event().wait(0.25)
    with pytest.raises(ProviderFault) as caught:
        list(stream)
    assert caught.value.error_class == "timeout_total" and is_free(tiny)


def test_a_reader_that_pauses_is_not_held_against_the_model(tiny):
    llama = provider(tiny, timeouts=Timeouts(first_token="60 s", between_tokens="1 s", total="100 s"))
    stream = llama.stream(ask(tokens=5))
    next(stream)
    threading.Event().wait(1.1)
    assert any(isinstance(event, Finished) for event in stream)


def test_the_reading_of_a_long_prompt_can_be_ended_between_its_pieces(tiny):
    gguf = load(Loading(tiny, 4096, 1, 0), 60)
    prompt = gguf.prompt([{"role": "user", "content": "x" * 3500}])

    def over() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        next(gguf.generate(prompt, None, None, {}, over))
    assert 0 < gguf._llama.n_tokens < 200
    request = dataclasses.replace(ask(messages=(Message("user", "x" * 3500),)), deadline_s=0.001)
    assert fault(provider(tiny, context_tokens=4096), request).error_class == "timeout_total" and is_free(tiny, 4096)


# -- what does not fit, is not there, or cannot be done


def test_a_prompt_and_an_answer_that_do_not_fit_are_refused_before_a_token(tiny):
    llama = provider(tiny, context_tokens=100)
    used = llama.complete(ask(tokens=1)).usage.input_tokens
    assert llama.complete(ask(tokens=100 - used)).usage.input_tokens == used
    assert fault(llama, ask(tokens=101 - used)).error_class == "context_overflow"
    assert fault(llama, ask(tokens=None, messages=(Message("user", "x" * 200),))).error_class == "context_overflow"


def test_without_a_limit_the_context_or_the_models_own_is_the_limit(tiny):
    seeds = range(30)
    full = [provider(tiny, context_tokens=100).complete(ask(seed=seed, tokens=None)) for seed in seeds]
    assert {answer.usage.input_tokens + answer.usage.output_tokens for answer in full if answer.finish == "length"} == {100}
    short = [provider(tiny, max_output_tokens=5).complete(ask(seed=seed, tokens=None)) for seed in seeds]
    assert {answer.usage.output_tokens for answer in short if answer.finish == "length"} == {5}


@pytest.mark.parametrize("damage", ["missing", "folder", "empty", "text", "cut", "no_template_language", "huge_context"])
def test_a_model_that_cannot_be_loaded_is_a_connection_fault_that_names_the_file(tiny, tmp_path, damage):
    path, context_tokens = tmp_path / "bad.gguf", 512
    if damage == "folder":
        path.mkdir()
    elif damage == "no_template_language":
        tiny_model(path, seed=2, chat_template="{% for message of messages %}")
    elif damage != "missing":
        whole = tiny.read_bytes()
        path.write_bytes({"empty": b"", "text": b"hello" * 100, "cut": whole[: len(whole) // 2]}.get(damage, whole))
    if damage == "huge_context":
        context_tokens = 10**12
    found = fault(provider(path, context_tokens=context_tokens), ask())
    assert found.error_class == "connection" and "bad.gguf" in str(found)
    assert damage != "huge_context" or "GiB" in str(found)
    assert not [key for key in gguf_model._loaded if key.loading.path == path]


def test_weights_named_by_a_variable_are_found_when_they_are_used(tiny):
    assert provider("env:TINY", environ={"TINY": str(tiny)}).complete(ask()).text
    assert fault(provider("env:TINY", environ={}), ask()).error_class == "connection"


def test_an_answer_without_text_is_empty_and_its_tokens_are_told(tmp_path):
    path = tmp_path / "mute.gguf"
    tiny_model(path, seed=1)
    alike = bytes(270 * 32 * 4)  # output.weight, which comes last: all tokens score the same, and the greedy choice is the first
    path.write_bytes(path.read_bytes()[: -len(alike)] + alike)
    answer = provider(path).complete(ask(temperature=0))
    assert set(answer.text) == {answer.text[0]}
    found = fault(provider(path), ask(temperature=0, stop=[answer.text[0]]))
    assert found.error_class == "empty" and found.usage == Usage(input_tokens=answer.usage.input_tokens, output_tokens=1)


def test_what_it_cannot_do_is_an_invalid_request(tiny):
    llama = provider(tiny)
    tool = Tool("f", "does f", {"type": "object"})
    assert fault(llama, dataclasses.replace(ask(), tools=(tool,))).error_class == "invalid_request"
    assert llama.complete(dataclasses.replace(ask(), tools=(tool,), tool_choice="none")).text
    picture = Message("user", (Text("what is it?"), Image("data:image/png;base64,AAAA")))
    assert fault(llama, ask(messages=(picture,))).error_class == "invalid_request"
    with pytest.raises(ProviderFault) as caught:
        llama.embed(["a"])
    assert caught.value.error_class == "invalid_request"


def test_earlier_tool_calls_are_shown_to_the_template(tiny):
    turns = (
        *MESSAGES,
        Message("assistant", "", (ToolCall("1", "f", '{"a": 1}'), ToolCall("2", "g", "{broken"))),
        Message("tool", "3", (), "1"),
    )
    assert provider(tiny).complete(ask(messages=turns)).text


def test_messages_that_the_template_refuses_are_an_invalid_request(tmp_path):
    path = tmp_path / "strict.gguf"
    tiny_model(path, seed=2, chat_template="{{ raise_exception('roles must alternate') }}")
    found = fault(provider(path), ask())
    assert found.error_class == "invalid_request" and "roles must alternate" in str(found)


def test_a_template_cannot_reach_into_the_process(tmp_path):
    path = tmp_path / "evil.gguf"
    tiny_model(path, seed=2, chat_template="{{ messages.__class__.__base__.__subclasses__() }}")
    assert fault(provider(path), ask()).error_class == "invalid_request"


def test_a_file_without_a_template_is_asked_in_plain_turns(tmp_path):
    path = tmp_path / "plain.gguf"
    tiny_model(path, seed=2, chat_template=None)
    gguf = load(Loading(path, 512, 1, 0), 60)
    shown = b"".join(map(gguf.piece, gguf.prompt([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}])))
    assert shown == b"system: Be brief.\nuser: Why?\nassistant:" and gguf.stop == ("\nuser:",)
    assert provider(path).complete(ask()).text


# -- the process around it


def test_loading_swallows_nothing_that_others_write_and_prints_nothing_itself(tiny):
    code = (
        "import os, sys, threading\n"
        "from pathlib import Path\n"
        "from labmodels.providers.gguf_model import Loading, load\n"
        "over = threading.Event()\n"
        "def write():\n"
        "    n = 0\n"
        "    while not over.is_set() or n < 2000:\n"
        "        os.write(2, b'%d\\n' % n); os.write(1, b'%d\\n' % n); n += 1\n"
        "thread = threading.Thread(target=write); thread.start()\n"
        "for context in range(64, 94): load(Loading(Path(sys.argv[1]), context, 1, 0), 60)\n"
        "over.set(); thread.join()\n"
    )
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, str(tiny)], env=environ, capture_output=True, text=True, timeout=100, check=True)
    assert done.stderr.split() == done.stdout.split() == [str(n) for n in range(len(done.stdout.split()))]


def test_a_stream_left_open_at_exit_does_not_crash_the_process(tiny):
    code = (
        "import sys\n"
        "from labmodels.config.schema.language_model import LanguageModel, LocalWeights\n"
        "from labmodels.providers.protocol import Message, Request\n"
        "from labmodels.providers.registry import build\n"
        "weights = LocalWeights(gguf=sys.argv[1])\n"
        "model = LanguageModel(name='m', provider='llama_cpp', model='x', context_tokens=256, weights=weights)\n"
        "stream = build(model, {}).stream(Request((Message('user', 'hello'),)))\n"
        "print(len(next(stream).text) > 0)\n"
        "assert 'openai' not in sys.modules and 'anthropic' not in sys.modules\n"
        "from labmodels.providers import gguf_model\n"
        "del gguf_model._log  # as the interpreter does at its end, in an order of its own\n"
    )
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, str(tiny)], env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
