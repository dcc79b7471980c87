"""Writes a log of any length as a host with a few services keeps it: many templates, values that hardly repeat, and some stack traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

_BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
_HOSTS = ("web-1", "web-2", "db-1", "gpu-1")
_NAMES = ("ada", "grace", "linus", "barbara", "edsger", "margaret", "ken", "radia")

# Of about the weights that a busy host has: half of its lines are requests.
_TEMPLATES = (
    (24, 'nginx[{pid}]: {ip} - - "GET /api/v1/items/{n} HTTP/1.1" 200 {n} "-" "client/{small}.{small}"'),
    (12, 'nginx[{pid}]: {ip} - {name} "POST /api/v1/orders HTTP/1.1" 201 {n} "https://shop.example/cart" "Mozilla/5.0"'),
    (4, 'nginx[{pid}]: {ip} - - "GET /static/{hex}.js HTTP/1.1" 304 0 "-" "Mozilla/5.0"'),
    (8, 'orders[{pid}]: level=info msg="order {id} accepted" user={name} items={small} total={n}.{small}'),
    (6, 'orders[{pid}]: level=info msg="payment of order {id} settled after {n} ms" attempt={small}'),
    (3, 'orders[{pid}]: level=warning msg="payment provider slow: {n} ms" request={hex}'),
    (1, 'orders[{pid}]: level=error msg="order {id} refused: stock of item {n} is {small}" user={name}'),
    (6, "postgres[{pid}]: LOG:  duration: {n}.{small} ms  execute <unnamed>: SELECT * FROM items WHERE id = {n}"),
    (2, "postgres[{pid}]: LOG:  checkpoint complete: wrote {n} buffers ({small}.{small}%); write={n}.{small} s, sync=0.{n} s"),
    (1, 'postgres[{pid}]: ERROR:  deadlock detected on relation "orders" process {pid} waits for ShareLock on transaction {n}'),
    (6, "sshd[{pid}]: Accepted publickey for {name} from {ip} port {n} ssh2: ED25519 SHA256:{hex}"),
    (4, "sshd[{pid}]: Failed password for invalid user {name}{small} from {ip} port {n} ssh2"),
    (3, "systemd[1]: Started Session {n} of user {name}."),
    (2, "systemd[1]: session-{n}.scope: Deactivated successfully."),
    (2, "CRON[{pid}]: ({name}) CMD (/usr/local/bin/report --day {small} --out /var/reports/{hex}.csv)"),
    (3, "kernel: [{n}.{n}] TCP: request_sock_TCP: Possible SYN flooding on port {n}. Sending cookies."),
    (1, "kernel: [{n}.{n}] Out of memory: Killed process {pid} (worker) total-vm:{n}kB, anon-rss:{n}kB"),
    (4, "dhclient[{pid}]: DHCPACK of {ip} from {ip}"),
    (4, "worker[{pid}]: INFO task {id} done in {n}.{small} s, queue depth {small}"),
    (2, "worker[{pid}]: ERROR task {id} failed: ConnectionResetError: [Errno 104] Connection reset by peer"),
    (1, "worker[{pid}]: CRITICAL cannot write /var/lib/worker/{hex}/state.json: No space left on device"),
)
_TRACE = (
    "Traceback (most recent call last):",
    '  File "/srv/worker/run.py", line {small}, in <module>',
    "    task.run()",
    '  File "/srv/worker/task.py", line {n}, in run',
    "    raise TaskError(self.id)",
)


def lines(count: int) -> Iterator[str]:
    """Yield `count` lines, the same in every run."""
    random = Random(1)
    texts, weights = [text for _, text in _TEMPLATES], [weight for weight, _ in _TEMPLATES]
    written = 0
    at = _BEGAN
    while written < count:
        for text in random.choices(texts, weights, k=min(500, count - written)):
            at += timedelta(milliseconds=random.randrange(400))
            yield f"{at:%b %d %H:%M:%S} {random.choice(_HOSTS)} {_filled(text, random)}"
        written += min(500, count - written)
        for text in _TRACE[: count - written]:
            yield _filled(text, random)
        written += min(len(_TRACE), count - written)


def _filled(text: str, random: Random) -> str:
    values: dict[str, Callable[[], object]] = {
        "pid": lambda: random.randrange(200, 32_000),
        "n": lambda: random.randrange(1_000_000),
        "small": lambda: random.randrange(100),
        "ip": lambda: f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(256)}",
        "hex": lambda: f"{random.getrandbits(64):016x}",
        "id": lambda: f"{random.getrandbits(32):08x}-4b1c-4f6e-9d2a-{random.getrandbits(48):012x}",
        "name": lambda: random.choice(_NAMES),
    }
    first, *parts = text.split("{")
    filled = [first]
    for part in parts:
        name, _, rest = part.partition("}")
        filled += [str(values[name]()), rest]
    return "".join(filled)
