"""Writes the example day of the starter lab: logs/2026-11-18-example/*.log, and metrics/gateway.prom as it was scraped before the restart.

What happened on that day is told in logs/README.md. The lines of the gateway have the gateway's own format, the counts of gateway.prom
are those of its lines, counted by the gateway's own code. The same numbers come out each time.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from labmodels.gateway.metrics import Board, render

ROOT = Path(__file__).resolve().parent.parent
DAY = datetime(2026, 11, 18, tzinfo=UTC)
RESTART = 19 * 3600 + 2 * 60.0
TOO_LARGE = (11, 20, 29)  # seconds after 13:05 at which nginx refused a body
REFUSED = (31, 32, 33)  # seconds after it at which nobody listened
SCRAPED = 18 * 3600 + 55 * 60.0
_ROUTES = {
    "/v1/chat/completions": "chat_completions",
    "/v1/messages": "messages",
    "/v1/embeddings": "embeddings",
    "/v1/models": "models",
}


@dataclass(frozen=True)
class Client:
    """Who asks: from where, how, and how often in each hour of the day."""

    address: str
    agent: str
    path: str
    by_hour: Sequence[int]
    candidate: str
    median_s: float
    body_bytes: int

    @property
    def method(self) -> str:
        return "GET" if self.path == "/v1/models" else "POST"


WORKDAY = (1, 0, 0, 0, 0, 1, 3, 12, 27, 36, 38, 30, 18, 30, 36, 33, 27, 21, 9, 3, 4, 3, 1, 0)
CLIENTS = (
    Client("192.0.2.51", "OpenAI/Python 3.2.0", "/v1/chat/completions", WORKDAY, "gpt-4", 1.9, 2900),
    Client("192.0.2.52", "Anthropic/Python 2.1.0", "/v1/messages", [max(0, n - 2) for n in WORKDAY], "claude", 6.5, 4100),
    Client("192.0.2.53", "report-bot/1.4", "/v1/chat/completions", [0, 0, 0, 0, 24, 24, 36] + [2] * 12 + [0] * 5, "gpt-4", 2.6, 1800),
    Client("192.0.2.54", "hr-assistant/0.9", "/v1/chat/completions", [n // 4 for n in WORKDAY], "local_llm", 5.2, 1500),
    Client("192.0.2.51", "OpenAI/Python 3.2.0", "/v1/models", [n // 6 for n in WORKDAY], "-", 0.006, 1900),
)


@dataclass(frozen=True)
class Line:
    """A line of a log: when, in seconds since midnight, and what."""

    at: float
    text: str


@dataclass(frozen=True)
class Asked:
    """A request as the gateway saw it."""

    at: float  # its end: this is when the line is written
    client: Client
    status: int
    candidate: str
    duration_s: float

    @property
    def line(self) -> str:
        asked = f"{self.client.method} {self.client.path}"
        return f"{iso(self.at)} {asked} {self.status} {self.candidate} {self.duration_s * 1000:.0f} ms"


def iso(at: float) -> str:
    return (DAY + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%SZ")


def at(text: str) -> float:
    """Return the seconds since midnight of 09:12 or 09:12:05."""
    parts = [int(part) for part in text.split(":")]
    return float(sum(part * 60 ** (2 - position) for position, part in enumerate(parts)))


# -- requests ------------------------------------------------------------------------------------------------------------


def requests(draw: Random) -> list[Asked]:
    """Return the requests of the day, in the order in which they ended."""
    found = []
    for client in CLIENTS:
        for hour, count in enumerate(client.by_hour):
            for _ in range(count):
                began = hour * 3600 + draw.random() * 3600
                duration_s = client.median_s * math.exp(1.4 * (draw.random() + draw.random() - 1))
                found.append(outcome(client, began, duration_s, draw))
    burst = Client("192.0.2.53", "report-bot/1.4", "/v1/chat/completions", [], "gpt-4", 2.6, 1800)
    found += [
        Asked(at("15:30") + 1.5 * n, burst, 200 if n < 20 else 429, "gpt-4" if n < 20 else "-", 1.2 if n < 20 else 0.004) for n in range(48)
    ]
    found.append(Asked(at("13:09:40"), CLIENTS[0], 413, "-", 0.09))
    indexer = Client("192.0.2.55", "indexer/0.3", "/v1/embeddings", [], "-", 0.01, 280)
    found += [Asked(at("10:20:04") + 2 * n, indexer, 400, "-", 0.007) for n in range(4)]
    storm = Client("192.0.2.56", "agent-runner/2.0", "/v1/messages", [], "-", 10.0, 0)  # asks again at once, ever more often
    found += [Asked(at("09:41") + 2.5 * n, storm, 529, "-", 10.0 if n < 32 else 0.001) for n in range(80)]
    throttled = Client("192.0.2.54", "hr-assistant/0.9", "/v1/chat/completions", [], "local_llm", 5.2, 1500)
    found += [Asked(at("12:43:40") + 31 * n, throttled, 504, "-", 180.0) for n in range(3)]
    return sorted(found, key=lambda one: one.at)


def outcome(client: Client, began: float, duration_s: float, draw: Random) -> Asked:
    """Return how a request ended that began then: as usual, or as the trouble of that hour has it."""
    status, candidate = 200, client.candidate
    if client.path == "/v1/models":
        return Asked(began + duration_s, client, status, candidate, duration_s)
    if client.agent.startswith("report-bot") and at("06:00") <= began < at("06:21"):
        status, candidate, duration_s = 401, "-", 0.002
    elif at("09:12") <= began < at("09:58"):
        status, candidate, duration_s = in_outage(client, began, duration_s, draw)
    elif at("14:02") <= began < at("14:31"):
        status, candidate, duration_s = 503, "-", 0.011
    elif RESTART <= began < RESTART + 30:
        status, candidate, duration_s = 503, "-", 0.001
    elif draw.random() < 0.01:
        status, duration_s = 499, min(duration_s * 3, 30.0)
    elif draw.random() < 0.006:
        status, candidate, duration_s = 400, "-", 0.005
    return Asked(began + duration_s, client, status, candidate, duration_s)


def in_outage(client: Client, began: float, duration_s: float, draw: Random) -> tuple[int, str, float]:
    """OpenAI is overloaded from 09:12, Anthropic too from 09:20; the local model is killed at 09:31:07 and back at 09:32:04."""
    if client.candidate == "local_llm" or began >= at("09:20"):
        if at("09:31:07") <= began < at("09:32:04"):
            return (503, "-", 2.4) if client.candidate == "local_llm" else (200, "basic_nlp", 4.1)
        if began >= at("09:24") and draw.random() < 0.25:
            return 504, "-", 30.0 + 9 * draw.random()
        if draw.random() < 0.2:
            return 499, "-", 60.0
        return 200, "local_llm", 18.0 + 35 * draw.random()
    return 200, "claude", duration_s + 4.0 + 3 * draw.random()


# -- the gateway and what stands in front of it --------------------------------------------------------------------------


def gateway(asked: Sequence[Asked]) -> Iterator[Line]:
    yield Line(0.0, "serving production, release 41 (3875b29cbaf0); keys are needed")
    for one in asked:
        if one.status == 503 and at("14:02") <= one.at < at("14:32"):
            yield Line(one.at - 0.001, "error: cannot write /opt/lab/.labmodels/ledger.db: database or disk is full")
        yield Line(one.at, one.line)
    yield Line(at("11:47:31"), "worker 1 ended with -11; another begins in 0.5 s")
    for minute in range(14 * 60 + 3, 14 * 60 + 31, 4):
        yield Line(minute * 60 + 7.0, "not ready: cannot write /opt/lab/.labmodels/ledger.db: database or disk is full")
    for second in (5.0, 10.0, 15.0):
        yield Line(RESTART + second, f"{iso(RESTART + second)} GET /readyz 503 - 1 ms")
    yield Line(RESTART + 34, "serving production, release 42 (7c732e983400); keys are needed")


def nginx_access(asked: Sequence[Asked], draw: Random) -> Iterator[Line]:
    def entry(when: float, address: str, wanted: str, status: int, size: int, agent: str) -> Line:
        stamp = (DAY + timedelta(seconds=when)).strftime("%d/%b/%Y:%H:%M:%S +0000")
        return Line(when, f'{address} - - [{stamp}] "{wanted} HTTP/1.1" {status} {size} "-" "{agent}"')

    for one in asked:
        is_error = one.status >= 400
        size = 212 if is_error else int(one.client.body_bytes * (0.6 + 0.8 * draw.random()))
        yield entry(
            one.at,
            one.client.address,
            f"{one.client.method} {one.client.path}",
            one.status,
            0 if one.status == 499 else size,
            one.client.agent,
        )
    probed = ("/.env", "/wp-login.php", "/.git/config", "/actuator/health", "/cgi-bin/luci", "/vendor/phpunit/phpunit/phpunit.xml")
    for number, path in enumerate(probed):
        yield entry(at("22:13:40") + number, "198.51.100.77", f"GET {path}", 404, 146, "Mozilla/5.0 zgrab/0.x")
    for second in TOO_LARGE:
        yield entry(at("13:05") + second, "192.0.2.51", "POST /v1/chat/completions", 413, 176, "OpenAI/Python 3.2.0")
    for second in REFUSED:
        yield entry(RESTART + second, "192.0.2.51", "POST /v1/chat/completions", 502, 150, "OpenAI/Python 3.2.0")


def nginx_error() -> Iterator[Line]:
    def entry(when: float, level: str, text: str) -> Line:
        stamp = (DAY + timedelta(seconds=when)).strftime("%Y/%m/%d %H:%M:%S")
        return Line(when, f"{stamp} [{level}] 1187#1187: {text}")

    ending = 'server: models.lab.example, request: "POST /v1/chat/completions HTTP/1.1"'
    for number, second in enumerate(TOO_LARGE):
        large = f"client intended to send too large body: {14_680_064 + number} bytes"
        yield entry(at("13:05") + second, "error", f"*{8101 + number} {large}, client: 192.0.2.51, {ending}")
    for second in REFUSED:
        yield entry(
            RESTART + second,
            "error",
            f"*{9308 + second} connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.51, {ending}, "
            'upstream: "http://127.0.0.1:8080/v1/chat/completions"',
        )
    for minute in (4, 11, 19, 27):
        yield entry(
            at("14:00") + minute * 60.0,
            "crit",
            f'*{8600 + minute} pwrite() "/var/lib/nginx/body/00000{40 + minute}" failed (28: No space left on device), client: 192.0.2.52, '
            'server: models.lab.example, request: "POST /v1/messages HTTP/1.1"',
        )
    for number, when in enumerate(("08:41:10", "10:02:37", "15:12:55")):
        buffered = f"a client request body is buffered to a temporary file /var/lib/nginx/body/00000000{11 + number}"
        yield entry(at(when), "warn", f"*{7300 + number} {buffered}, client: 192.0.2.52, server: models.lab.example")


# -- journals ------------------------------------------------------------------------------------------------------------

# Each line as journalctl has it, without the date and the host.
LAB1 = """\
02:11:20 systemd[1]: Starting labmodels-nightly.service - labmodels nightly update...
02:16:58 systemd[1]: Finished labmodels-nightly.service - labmodels nightly update.
03:21:05 systemd[1]: Starting labmodels-backup.service - labmodels backup...
03:29:44 systemd[1]: Finished labmodels-backup.service - labmodels backup.
11:47:31 kernel: labmodels[81230]: segfault at 18 ip 00007f3a5c1d2e44 sp 00007ffd1b2c9a10 error 4 in libpython3.12.so.1.0
13:36:12 sudo: lab : TTY=pts/1 ; PWD=/opt/lab ; USER=root ; COMMAND=/usr/bin/restic restore latest --target /opt/restore-test
14:02:03 kernel: EXT4-fs (nvme0n1p2): Delayed block allocation failed for inode 4718611 at logical offset 0 with max blocks 8 with error 28
14:02:30 systemd-journald[412]: Failed to write entry to /var/log/journal (12 items, 480 bytes), ignoring: No space left on device
14:06:30 systemd-journald[412]: Failed to write entry to /var/log/journal (12 items, 512 bytes), ignoring: No space left on device
14:13:30 systemd-journald[412]: Failed to write entry to /var/log/journal (9 items, 371 bytes), ignoring: No space left on device
14:15:02 systemd[1]: Starting labmodels-index.service - labmodels hourly index update...
14:15:09 systemd[1]: labmodels-index.service: Main process exited, code=exited, status=74/IOERR
14:15:09 systemd[1]: labmodels-index.service: Failed with result 'exit-code'.
14:15:09 systemd[1]: Failed to start labmodels-index.service - labmodels hourly index update.
14:15:09 systemd[1]: labmodels-index.service: Triggering OnFailure= dependencies.
14:28:30 systemd-journald[412]: Failed to write entry to /var/log/journal (12 items, 480 bytes), ignoring: No space left on device
14:30:41 sudo: lab : TTY=pts/1 ; PWD=/opt/lab ; USER=root ; COMMAND=/usr/bin/rm -rf /opt/restore-test
16:00:02 systemd[1]: Starting certbot.service - Certbot...
16:00:08 certbot[33610]: Renewing an existing certificate for models.lab.example
16:00:09 systemd[1]: Reloading nginx.service - A high performance web server and a reverse proxy server...
16:00:09 systemd[1]: Reloaded nginx.service - A high performance web server and a reverse proxy server.
16:00:10 systemd[1]: Finished certbot.service - Certbot.
18:41:17 sudo: deploy : TTY=pts/2 ; PWD=/opt/lab ; USER=lab ; COMMAND=/opt/lab/.venv/bin/labmodels deploy-config --plan plan.json --probe
19:02:00 systemd[1]: Stopping labmodels-gateway.service - labmodels gateway...
19:02:31 systemd[1]: labmodels-gateway.service: Deactivated successfully.
19:02:31 systemd[1]: Stopped labmodels-gateway.service - labmodels gateway.
19:02:31 systemd[1]: labmodels-gateway.service: Consumed 11min 52.204s CPU time, 318.4M memory peak.
19:02:32 systemd[1]: Started labmodels-gateway.service - labmodels gateway.
"""
GPU1 = """\
09:31:06 kernel: llama-server invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0
09:31:06 kernel: Mem-Info: active_anon:11203342 inactive_anon:4410021 free:33120 free_pcp:0
09:31:06 kernel: [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
09:31:06 kernel: [   1420]   997  1420 18230412 11801219 95641600        0             0 llama-server
09:31:06 kernel: [   2711]  1004  2711  5120331  3911870 33214464        0             0 python3
09:31:07 kernel: Out of memory: Killed process 1420 (llama-server) total-vm:72921648kB, anon-rss:47204876kB, file-rss:0kB, shmem-rss:0kB, UID:997 pgtables:93400kB oom_score_adj:0
09:31:07 systemd[1]: llama-server.service: Main process exited, code=killed, status=9/KILL
09:31:07 systemd[1]: llama-server.service: Failed with result 'oom-kill'.
09:31:12 systemd[1]: llama-server.service: Scheduled restart job, restart counter is at 1.
09:31:12 systemd[1]: Started llama-server.service - llama.cpp server, qwen3-8b.
12:40:21 kernel: CPU14: Core temperature above threshold, cpu clock throttled (total events = 118)
12:44:56 kernel: CPU14: Core temperature/speed normal
20:15:04 kernel: NVRM: Xid (PCI:0000:65:00): 31, pid=2977, name=llama-server, Ch 00000008, intr 00000000. MMU Fault: ENGINE GRAPHICS GPCCLIENT_T1_0 faulted @ 0x7f2a_10000000. Fault is of type FAULT_PDE ACCESS_TYPE_VIRT_READ
20:15:04 llama-server[2977]: CUDA error: an illegal memory access was encountered
20:15:05 systemd[1]: llama-server.service: Main process exited, code=dumped, status=6/ABRT
20:15:05 systemd[1]: llama-server.service: Failed with result 'core-dump'.
20:15:10 systemd[1]: llama-server.service: Scheduled restart job, restart counter is at 2.
20:15:10 systemd[1]: Started llama-server.service - llama.cpp server, qwen3-8b.
"""
LOADING = """\
main: loading model
srv    load_model: loading model '/srv/models/qwen3-8b-q4_k_m.gguf'
llama_model_loader: loaded meta data with 28 key-value pairs and 399 tensors from /srv/models/qwen3-8b-q4_k_m.gguf (version GGUF V3 (latest))
load_tensors: offloaded 37/37 layers to GPU
llama_context: n_ctx_seq (32768) < n_ctx_train (40960) -- the full capacity of the model will not be utilized
"""


def journal(host: str, when: float, program: str, text: str) -> Line:
    return Line(when, f"{(DAY + timedelta(seconds=when)).strftime('%b %d %H:%M:%S')} {host} {program}: {text}")


def told(host: str, block: str) -> Iterator[Line]:
    """Yield the lines of a block."""
    for line in block.splitlines():
        when, program, text = line.split(" ", 2)
        yield journal(host, at(when), program.rstrip(":"), text)


def journal_of_lab1(draw: Random) -> Iterator[Line]:
    yield from told("lab1", LAB1)
    for hour in range(24):
        yield journal(
            "lab1", hour * 3600 + 1021.0, f"CRON[{20417 + hour * 61}]", "(root) CMD (cd / && run-parts --report /etc/cron.hourly)"
        )
        for minute in (3, 33):
            when = hour * 3600 + minute * 60 + int(draw.random() * 50)
            yield journal("lab1", when, "systemd[1]", "Starting sysstat-collect.service - system activity accounting tool...")
            yield journal("lab1", when + 1, "systemd[1]", "Finished sysstat-collect.service - system activity accounting tool.")
            if 8 <= hour < 18:
                accepted = f"Accepted publickey for deploy from 192.0.2.{60 + minute} port {40000 + int(when) % 9999} ssh2: ED25519"
                yield journal("lab1", when + 360, f"sshd[{30000 + hour * 90 + minute}]", accepted)
    for number in range(9):
        refused = f"Invalid user {('root', 'admin', 'ubuntu')[number % 3]} from 198.51.100.77 port {52000 + number * 7}"
        yield journal("lab1", at("22:14:10") + 4 * number, f"sshd[{4100 + number}]", refused)


def journal_of_gpu1(asked: Sequence[Asked]) -> Iterator[Line]:
    yield from told("gpu1", GPU1)
    for process, when in ((1420, "00:00:03"), (2977, "09:31:13"), (3391, "20:15:11")):
        for line in LOADING.splitlines():
            yield journal("gpu1", at(when), f"llama-server[{process}]", line)
        for line in ("main: model loaded", "main: server is listening on http://192.0.2.20:8081 - starting the main loop"):
            yield journal("gpu1", at(when) + 50, f"llama-server[{process}]", line)
    mine = [one for one in asked if one.candidate == "local_llm" and one.status == 200]
    for task, one in enumerate(mine, start=1):
        process = 1420 if one.at < at("09:31:07") else 2977 if one.at < at("20:15:10") else 3391
        yield from served(one, f"llama-server[{process}]", task)


def served(one: Asked, program: str, task: int) -> Iterator[Line]:
    """What llama-server says of one answer: some 55 tokens a second, read at some 2000."""
    read, written = 400 + (task * 173) % 2600, max(12, int(one.duration_s * 44))
    slot = f"id  0 | task {task} |"
    began = one.at - one.duration_s
    yield journal("gpu1", began, program, f"slot launch_slot_: {slot} processing task")
    yield journal("gpu1", began, program, f"slot update_slots: {slot} new prompt, n_ctx_slot = 32768, n_keep = 0, task.n_tokens = {read}")
    for name, tokens, each_ms in (("prompt eval", read, 0.47 + task % 7 / 100), ("       eval", written, 17.4 + task % 11 / 10)):
        took = f"{tokens * each_ms:10.2f} ms / {tokens:5d} tokens ({each_ms:8.2f} ms per token, {1000 / each_ms:8.2f} tokens per second)"
        yield journal("gpu1", one.at, program, f"slot print_timing: {slot} {name} time = {took}")
    yield journal("gpu1", one.at, program, f"slot      release: {slot} stop processing: n_tokens = {read + written}, truncated = 0")
    yield journal("gpu1", one.at, program, "srv  log_server_r: request: POST /v1/chat/completions 192.0.2.10 200")


JOBS = """\
02:11:20 nightly-update: checking the configurations
02:11:22 nightly-update: updating the indexes
02:11:24 nightly-update: busy, trying again in 60 s
02:16:55 nightly-update: comparing production with its sources
02:16:57 nightly-update: production is not what the files say: labmodels plan --all --env production
02:16:58 nightly-update: done
03:21:05 backup: copying the ledger
03:21:19 backup: sending 6 folders
03:28:02 backup: forgetting old snapshots
03:29:44 backup: done
"""


def maintenance() -> Iterator[Line]:
    """What the scripts of scripts/maintenance print, with the time in front."""
    for line in JOBS.splitlines():
        when, _, text = line.partition(" ")
        yield Line(at(when), f"{iso(at(when))} {text}")
    for quarter in range(24 * 4):
        when_s = quarter * 900 + 2.0
        is_full = at("14:02") <= when_s < at("14:31")
        said = "is not ready: nothing is live, the ledger cannot be read, or it is stopping" if is_full else "is well"
        yield Line(when_s, f"{iso(when_s)} check-gateway: http://127.0.0.1:8080 {said}")


# -- writing -------------------------------------------------------------------------------------------------------------


def exposition(asked: Sequence[Asked]) -> str:
    """Return what /metrics said before the restart, counted by the gateway's own code."""
    board = Board(1)
    page = board.page(0)
    for one in asked:
        if one.at < SCRAPED:
            is_stream = one.status == 200 and one.duration_s > 1
            page.count(_ROUTES[one.client.path], one.status, one.duration_s * (0.3 if is_stream else 1.0), one.duration_s)
    page.gauge(1, 0)
    return render(board.totals())


def files() -> dict[str, str]:
    """Return the text of each file by its path below the root."""
    draw = Random(20261118)
    asked = requests(draw)
    logs = {
        "gateway.log": list(gateway(asked)),
        "nginx-access.log": list(nginx_access(asked, draw)),
        "nginx-error.log": list(nginx_error()),
        "journal-lab1.log": list(journal_of_lab1(draw)),
        "journal-gpu1.log": list(journal_of_gpu1(asked)),
        "maintenance.log": list(maintenance()),
    }
    texts = {
        f"logs/2026-11-18-example/{name}": "".join(f"{line.text}\n" for line in sorted(lines, key=lambda line: line.at))
        for name, lines in logs.items()
    }
    return texts | {"metrics/gateway.prom": exposition(asked)}


def main() -> int:
    for name, text in files().items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
