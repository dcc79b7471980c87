"""The gateway as a process: keys, limits, back-pressure, a deployment while it runs, how it ends, several workers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from labmodels.cli.app import run
from labmodels.providers.loopback import TEXT
from tests.gateway.serving import eventually, lab_at, providers, rows, serving
from tests.labs import FALLBACK, GPT4

CHAT = "/v1/chat/completions"
ASKED = {"model": "gpt-4", "messages": [{"role": "user", "content": "What is the answer?"}]}
STREAMED = {**ASKED, "stream": True}


@pytest.fixture
def lab(tmp_path):
    return lab_at(tmp_path / "lab")


@pytest.fixture
def behind():
    with providers() as found:
        yield found


def made_key(lab, capsys, *options: str) -> str:
    capsys.readouterr()
    assert run(["serve", "keys", "add", *options, "--lab", str(lab.root)]) == 0
    return capsys.readouterr().out.strip()


def together(count: int, work) -> list:
    """Run `work` in so many threads; return what they returned."""
    found: list = []
    threads = [threading.Thread(target=lambda: found.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


# -- keys ------------------------------------------------------------------------------------------------------------------


def test_from_the_first_key_on_every_request_needs_one_and_a_revoked_one_opens_nothing(lab, behind, tmp_path, capsys):
    with serving(lab, folder=tmp_path, variables=behind[2]) as gateway:
        assert gateway.post(CHAT, ASKED).status_code == 200
        key = made_key(lab, capsys, "team")
        assert eventually(lambda: gateway.post(CHAT, ASKED).status_code == 401)
        for header in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}):
            assert gateway.post(CHAT, ASKED, **header).status_code == 200
        assert gateway.post(CHAT, ASKED, authorization="Bearer lm_wrong").status_code == 401
        assert (gateway.get("/healthz").status_code, gateway.get("/readyz").status_code) == (200, 200)
        assert gateway.get("/metrics").status_code == 401 and gateway.get("/v1/models").status_code == 401
        assert rows(lab)[-1].caller is not None
        assert run(["serve", "keys", "revoke", "team", "--lab", str(lab.root)]) == 0
        assert eventually(lambda: gateway.post(CHAT, ASKED, authorization=f"Bearer {key}").status_code == 401)
        assert gateway.post(CHAT, ASKED).status_code == 401, "a gateway whose keys are all revoked stays closed"
        assert key not in gateway.log() and key.encode() not in lab.ledger_file.read_bytes()


def test_a_key_opens_its_domains_only_and_spends_its_own_budget(lab, behind, tmp_path, capsys):
    scoped = made_key(lab, capsys, "scoped", "--domain", "translation")
    poor = made_key(lab, capsys, "poor", "--request", "0.000001")
    slow = made_key(lab, capsys, "slow", "--rpm", "1")
    with serving(lab, folder=tmp_path, variables=behind[2]) as gateway:
        assert gateway.post(CHAT, ASKED, authorization=f"Bearer {scoped}").json()["error"]["code"] == "out_of_scope"
        for answer in (
            gateway.post(CHAT, {**ASKED, "model": "translation"}, authorization=f"Bearer {scoped}"),
            gateway.post(CHAT, ASKED, authorization=f"Bearer {scoped}", **{"x-labmodels-domain": "translation"}),
        ):
            assert answer.status_code == 200
        listed = gateway.get("/v1/models", authorization=f"Bearer {scoped}").json()["data"]
        assert {one["id"] for one in listed if one["labmodels"]["kind"] == "domain"} == {"translation"}
        refused = gateway.post(CHAT, ASKED, authorization=f"Bearer {poor}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
        assert refused.headers["x-should-retry"] == "false"
        assert gateway.post(CHAT, ASKED, authorization=f"Bearer {slow}").status_code == 200
        limited = gateway.post(CHAT, ASKED, authorization=f"Bearer {slow}")
        assert (limited.status_code, limited.json()["error"]["code"]) == (429, "rate_limited")
        assert 1 <= int(limited.headers["retry-after"]) <= 60


def test_a_web_page_may_not_ask_a_gateway_without_keys(lab, behind, tmp_path):
    with serving(lab, folder=tmp_path, variables=behind[2]) as gateway:
        assert gateway.post(CHAT, ASKED, origin="https://example.org").status_code == 403
        assert behind[0].seen == []


# -- what is live ----------------------------------------------------------------------------------------------------------


def test_a_deployment_holds_from_the_next_request_on_and_a_request_in_flight_ends_with_the_old_release(lab, behind, tmp_path):
    openai = behind[0]
    with serving(lab, folder=tmp_path, variables=behind[2]) as gateway, httpx2.Client(timeout=30) as client:
        openai.plan.append("slow_headers")
        begun = threading.Thread(target=lambda: gateway.post(CHAT, ASKED))
        begun.start()
        assert openai.has_seen(1)
        lab.edit(GPT4, ("gpt-6-luna", "gpt-7"))
        assert run(["deploy-config", "--all", "--yes", "--lab", str(lab.root), "--env", "dev"]) == 0
        assert client.post(gateway.url + CHAT, json=ASKED).status_code == 200
        assert [one.body["model"] for one in openai.seen] == ["gpt-6-luna", "gpt-7"]
        assert [row.release for row in rows(lab)] == [2] and "release 2" in gateway.get("/readyz").text
        openai.stopping.set()
        begun.join(30)
        assert [row.release for row in rows(lab)] == [1, 2], "in the order in which they began"


@pytest.mark.parametrize(("policy", "is_whole"), [("continue", True), ("restart", False), ("terminate", False)])
def test_a_stream_that_breaks_goes_on_unseen_or_ends_in_an_error_and_never_begins_anew(policy, is_whole, lab, behind, tmp_path):
    openai, anthropic, variables = behind
    lab.edit(FALLBACK, ("after_output: terminate", f"after_output: {policy}"))
    assert run(["deploy-config", "--all", "--yes", "--lab", str(lab.root), "--env", "dev"]) == 0
    openai.plan.append("cut")
    anthropic.reply = "and so on"
    with serving(lab, folder=tmp_path, variables=variables) as gateway:
        lines = gateway.post(CHAT, {**STREAMED, "model": "translation"}).text.strip().split("\n\n")
    told = [json.loads(line.removeprefix("data: ")) for line in lines if not line.endswith("[DONE]")]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in told if "choices" in chunk)
    assert text.startswith("The ") and ("and so on" in text) is is_whole
    assert ("error" in told[-1], lines[-1].endswith("[DONE]")) == (not is_whole, is_whole)
    if is_whole:
        assert (told[-1]["labmodels"]["switches"], told[-1]["labmodels"]["candidate"]) == (1, "claude")


# -- limits ----------------------------------------------------------------------------------------------------------------


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(lab, behind, tmp_path):
    with serving(lab, "--max-body", "0.01", folder=tmp_path, variables=behind[2]) as gateway:
        answer = gateway.post(CHAT, {**ASKED, "user": "x" * 20_000})
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
        chunked = httpx2.post(gateway.url + CHAT, content=iter([b"x" * 6_000] * 3), timeout=30)
        assert chunked.status_code == 413
        assert gateway.post(CHAT, ASKED).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_a_bad_request(body, stage):
    answer = httpx2.post(stage.gateway.url + CHAT, content=body, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_a_head_that_never_ends_is_cut_off(stage):
    host, port = stage.gateway.url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), 30)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: ")
        received = b""
        try:
            for _ in range(100):
                connection.sendall(b"x" * 4096)
            received = connection.recv(100)
        except OSError:  # it hung up on us
            pass
    assert not received or b" 431 " in received
    assert stage.gateway.get("/healthz").status_code == 200


def test_what_finds_no_room_is_refused_at_once_and_told_to_come_back(lab, behind, tmp_path):
    openai = behind[0]
    openai.plan.extend(["slow_headers"] * 2)
    with serving(lab, "--concurrency", "1", folder=tmp_path, variables=behind[2]) as gateway:
        answers: list[httpx2.Response] = []
        threads = [threading.Thread(target=lambda: answers.append(gateway.post(CHAT, ASKED))) for _ in range(2)]
        threads[0].start()
        assert openai.has_seen(1)
        threads[1].start()
        assert eventually(lambda: "labmodels_gateway_requests_waiting 1" in gateway.get("/metrics").text)
        refused = gateway.post(CHAT, ASKED)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert refused.headers["retry-after"] and refused.headers["x-should-retry"] == "true"
        assert gateway.post("/v1/messages", {**ASKED, "max_tokens": 5}).status_code == 529
        openai.stopping.set()
        for thread in threads:
            thread.join(30)
        assert sorted(answer.status_code for answer in answers)[0] in (200, 503) and len(answers) == 2


def test_a_client_that_goes_away_ends_the_providers_call_and_its_row_is_written(lab, behind, tmp_path):
    word = {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": {"content": "word "}}]}
    behind[0].plan.append([word] * 30_000)
    with serving(lab, folder=tmp_path, variables=behind[2]) as gateway:
        with httpx2.stream("POST", gateway.url + CHAT, json=STREAMED, timeout=30) as answer:
            next(answer.iter_bytes())
        assert eventually(lambda: "labmodels_gateway_requests_running 0" in gateway.get("/metrics").text)
        (row,) = rows(lab)
        assert row.outcome == "abandoned", "not the truncated answer that the provider would have come to"
        assert gateway.has_said(f"POST {CHAT} 499")
        assert gateway.post(CHAT, ASKED).status_code == 200


# -- ending ----------------------------------------------------------------------------------------------------------------


def begin_stream(gateway, openai):
    """Begin a stream that stays silent after its first output; return the events as they come, and an event set at the first one."""
    openai.plan.append("silent_midway")
    pieces: list[bytes] = []
    first = threading.Event()

    def read() -> None:
        try:
            with httpx2.stream("POST", gateway.url + CHAT, json=STREAMED, timeout=60) as answer:
                for piece in answer.iter_bytes():
                    pieces.append(piece)
                    first.set()
        except httpx2.HTTPError:
            pieces.append(b"broken")

    thread = threading.Thread(target=read)
    thread.start()
    assert first.wait(30)
    return pieces, thread


def test_a_stop_cuts_streams_after_the_drain_with_an_error_in_them_and_exits_0(lab, behind, tmp_path):
    with serving(lab, "--drain", "0.5", folder=tmp_path, variables=behind[2]) as gateway:
        pieces, thread = begin_stream(gateway, behind[0])
        assert gateway.stop() == 0
        thread.join(30)
    last = b"".join(pieces).decode().strip().split("\n\n")[-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "stopping"


def test_a_stop_lets_answers_end_and_takes_nothing_new(lab, behind, tmp_path):
    openai = behind[0]
    openai.plan.append("slow_headers")
    with serving(lab, folder=tmp_path, variables=behind[2]) as gateway:
        host, port = gateway.url.removeprefix("http://").split(":")
        answers: list[httpx2.Response] = []
        asking = threading.Thread(target=lambda: answers.append(gateway.post(CHAT, STREAMED)))
        asking.start()
        assert openai.has_seen(1)
        gateway.process.send_signal(signal.SIGTERM)

        def is_closed() -> bool:
            try:
                socket.create_connection((host, int(port)), 1).close()
            except OSError:
                return True
            return False

        assert eventually(is_closed)
        assert gateway.process.poll() is None, "it waits for the answer"
        openai.stopping.set()  # the provider hangs up: an error is an answer as well
        asking.join(30)
        assert [answer.status_code for answer in answers] == [503] and "no_provider" in answers[0].text
        assert gateway.process.wait(30) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_ends_at_once(workers, number, code, lab, behind, tmp_path):
    with serving(lab, "--workers", workers, folder=tmp_path, variables=behind[2]) as gateway:
        _, thread = begin_stream(gateway, behind[0])
        gateway.process.send_signal(number)
        assert eventually(lambda: not _listens(gateway.url))
        assert gateway.stop(number) == code
        thread.join(30)


def _listens(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


# -- workers ---------------------------------------------------------------------------------------------------------------


def children(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_workers_share_the_port_the_counts_and_the_limits_and_a_dead_one_is_replaced(lab, behind, tmp_path, capsys):
    key = made_key(lab, capsys, "slow", "--rpm", "30")
    header = {"authorization": f"Bearer {key}"}
    with serving(lab, "--workers", "2", "--open-metrics", folder=tmp_path, variables=behind[2]) as gateway:
        assert eventually(lambda: len(children(gateway.process.pid)) == 2)
        statuses = together(8, lambda: [gateway.post(CHAT, ASKED, **header).status_code for _ in range(5)])
        flat = [status for one in statuses for status in one]
        assert flat.count(200) == 30 and flat.count(429) == 10, "as if it were one"
        text = gateway.get("/metrics").text
        assert 'labmodels_gateway_requests_total{route="chat_completions",status="200"} 30' in text
        before = children(gateway.process.pid)
        os.kill(before[0], signal.SIGKILL)
        assert eventually(lambda: len(children(gateway.process.pid)) == 2 and before[0] not in children(gateway.process.pid))
        assert "ended with -9; another begins" in gateway.log()
        assert 'status="200"} 30' in gateway.get("/metrics").text, "counts outlive their worker"
        assert gateway.stop() == 0
        assert not any(_is_alive(one) for one in before)


def test_workers_end_when_their_parent_is_killed(lab, behind, tmp_path):
    with serving(lab, "--workers", "2", folder=tmp_path, variables=behind[2]) as gateway:
        assert eventually(lambda: len(children(gateway.process.pid)) == 2)
        assert gateway.get("/healthz").status_code == 200
        orphans = children(gateway.process.pid)
        gateway.process.kill()
        gateway.process.wait(30)
        assert eventually(lambda: not any(_is_alive(one) for one in orphans))


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# -- looking ---------------------------------------------------------------------------------------------------------------


def test_the_log_has_a_line_for_each_request_and_no_content(stage):
    assert stage.gateway.post(CHAT, ASKED).json()["choices"][0]["message"]["content"] == TEXT
    assert stage.gateway.has_said(f"POST {CHAT} 200 gpt-4 ")
    assert "What is the answer?" not in stage.gateway.log() and TEXT not in stage.gateway.log()
    assert "a-key-for-openai" not in stage.gateway.log()


def test_metrics_are_in_prometheus_format(stage):
    stage.gateway.post(CHAT, ASKED)
    answer = stage.gateway.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    line = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.]+(e[+-][0-9]+)?')
    for one in answer.text.splitlines():
        assert one.startswith(("# HELP ", "# TYPE ")) or line.fullmatch(one), one
    buckets = re.findall(r'duration_seconds_bucket\{route="chat_completions",le="([^"]+)"\} (\d+)', answer.text)
    counts = [int(count) for _, count in buckets]
    (total,) = re.findall(r'duration_seconds_count\{route="chat_completions"\} (\d+)', answer.text)
    assert counts == sorted(counts) and counts[-1] == int(total) > 0 and buckets[-1][0] == "+Inf"


def test_not_ready_without_a_ledger_that_can_be_read(lab, behind, tmp_path):
    with serving(lab, folder=tmp_path, variables=behind[2]) as gateway:
        assert gateway.get("/readyz").status_code == 200
        (lab.environment_folder("dev") / "current").unlink()
        answer = gateway.get("/readyz")
        assert answer.status_code == 503 and str(lab.root) not in answer.text
        assert gateway.get("/healthz").status_code == 200
