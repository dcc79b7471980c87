"""Labs for the reliability tests: this repository's own, laid out elsewhere and brought to a state, and what a reader sees in them.

Reading goes through the product's own functions, as the next request does, and then looks at the files once more by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from labmodels.lab import Lab
from labmodels.ledger.record import Ledger
from labmodels.releases.history import history
from labmodels.releases.live import Live
from labmodels.releases.store import ReleaseStore
from labmodels.router.admission import Admission, Ending, Entry, Ticket
from labmodels.router.breaker import Rules
from labmodels.router.quota import Need

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = "dev"
KEY = "gpt-4.parameters.temperature"
QUESTION = "how do I roll back a release?"
BACK_TO_THE_FIRST = ("rollback", "1", "--env", ENVIRONMENT, "--yes")


def environment(lab: Path, home: Path) -> dict[str, str]:
    """Return the whole environment of a program under test: nothing of the caller's but where programs are."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'src'}",
        "HOME": str(home),
        "USER": "operator",
        "LANG": "C.UTF-8",
        "LABMODELS_LAB": str(lab),
    }


def run(lab: Path, *words: str, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run labmodels on `lab` without a terminal, and return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "labmodels", *words],
        cwd=lab.parent,
        env={**environment(lab, lab.parent), **(more or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _run_well(lab: Path, *words: str) -> None:
    done = run(lab, *words)
    assert done.returncode == 0, f"labmodels {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}"


def lay_out(lab: Path) -> None:
    """Lay out a lab with nothing deployed."""
    lab.mkdir(parents=True)
    for source in [REPOSITORY / "labmodels.yaml", *REPOSITORY.glob("configs/*/*.yaml")]:
        target = lab / source.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def deployed(lab: Path) -> None:
    """Lay out a lab and deploy all of it."""
    lay_out(lab)
    _run_well(lab, "deploy-config", "--all", "--env", ENVIRONMENT, "--yes")


def edited_since_the_last_deploy(lab: Path) -> None:
    """Deploy, then change a value and add nothing."""
    deployed(lab)
    path = lab / "configs" / "language_models" / "gpt4_config.yaml"
    text = path.read_text()
    assert "temperature: 0.2" in text
    path.write_text(text.replace("temperature: 0.2", "temperature: 0.4"))


def deployed_twice(lab: Path) -> None:
    """Deploy all, then one value."""
    deployed(lab)
    _run_well(lab, "deploy-config", "language_models/gpt4_config.yaml", "--env", ENVIRONMENT, "--yes", "--set", f"{KEY}=0.3")


def asked(lab: Path) -> None:
    """Deploy, and ask a question."""
    deployed(lab)
    _run_well(lab, "ask", QUESTION, "--env", ENVIRONMENT)


def tripped(lab: Path) -> None:
    """Deploy, and let a model fail until its breaker opens."""
    asked(lab)
    with Ledger(Lab(lab).ledger_file) as ledger:
        door = Admission(ledger, Rules(threshold=3))
        entry = Entry(f"{ENVIRONMENT}/gpt-4", (), Need(0, 0))
        for _ in range(3):
            ticket = door.admit(entry)
            assert isinstance(ticket, Ticket)
            door.settle(ticket, (), Ending("dead", "overloaded"))


def keyed(lab: Path) -> None:
    """Deploy, ask, and make a key."""
    asked(lab)
    _run_well(lab, "serve", "keys", "add", "ci")


def store(lab: Path) -> ReleaseStore:
    """Return the releases of `lab`."""
    return ReleaseStore(Lab(lab).environment_folder(ENVIRONMENT))


def live(lab: Path) -> str:
    """Return the digest of the live release, or `nothing` before the first one; raise when it is not whole."""
    release = store(lab).live()
    if release is None:
        return "nothing"
    _see_that_sources_are_whole(store(lab), release.folder)
    return release.digest[:12]


def switched(lab: Path) -> str:
    """Return the profile that the next request of the switched domain is answered with, whether by a switch, and its release."""
    now = Live(store(lab), {})
    choice = now.profile("code_analysis")
    return f"{choice.profile} {'switched' if choice.is_switch else 'by default'} of {now.release.digest[:12]}"


def _see_that_sources_are_whole(releases: ReleaseStore, folder: Path) -> None:
    try:
        recorded = json.loads((folder / "release.json").read_bytes())["files"]
        found = {path: sha256((folder / "sources" / path).read_bytes()).hexdigest() for path in recorded}
    except FileNotFoundError:
        # Retention may take a release away once another one is live, not before.
        assert releases.live_folder() != folder, "files of the live release are missing"
        return
    assert recorded and found == recorded, "sources of the live release are not what its manifest says"


def _rows(lab: Path, query: str) -> list[tuple]:
    """Read the ledger by itself, without the product's code; nothing before there is one."""
    path = Lab(lab).ledger_file
    if not path.exists():
        return []
    connection = sqlite3.connect(path, timeout=10)
    try:
        if not connection.execute("SELECT name FROM sqlite_master WHERE name = 'windows'").fetchall():
            return []
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def answered(lab: Path) -> str:
    """Return whether somebody was answered; raise when a request has left a part of its rows: they are written together."""
    outcomes = _rows(
        lab, "SELECT request_id, group_concat(candidate || ' ' || outcome, ', ') FROM (SELECT * FROM attempts ORDER BY id) GROUP BY 1"
    )
    partial = [rows for _, rows in outcomes if rows != "gpt-4 skipped, claude skipped, local_llm skipped, basic_nlp ok"]
    assert not partial, f"a request has left a part of its rows: {partial}"
    return "answered" if outcomes else "nobody asked"


def opinions(lab: Path) -> str:
    """Return whether somebody said what they think of the answer."""
    answered(lab)
    return "given" if _rows(lab, "SELECT 1 FROM feedback JOIN attempts ON attempts.id = attempt_id") else "none"


def keys(lab: Path) -> str:
    """Return whether the gateway has a key that opens it."""
    return "open to a key" if _rows(lab, "SELECT 1 FROM callers WHERE revoked_at IS NULL") else "no key"


def breaker(lab: Path) -> str:
    """Return what the next request would meet."""
    with Ledger(Lab(lab).ledger_file) as ledger:
        return "open" if Admission(ledger, Rules(threshold=3)).breakers(f"{ENVIRONMENT}/") else "closed"


def ledger_is_sound(lab: Path) -> None:
    """Raise when the ledger is not in order, or the release is not."""
    audit(lab)
    assert _rows(lab, "PRAGMA integrity_check") == [("ok",)]
    answered(lab)


def audit(lab: Path) -> None:
    """Raise when the history does not fit what is live, or something half done lies about."""
    releases = store(lab)
    steps = history(releases)
    assert steps, "nothing is in the history"
    open_steps = [step for step in steps if step.outcome not in ("live", "failed", "abandoned", "done")]
    assert not open_steps, f"the history has steps without an outcome: {open_steps}"
    live_folder = releases.live_folder()
    assert live_folder is not None
    deployments = [step for step in steps if step.what in ("deploy", "rollback") and step.outcome == "live"]
    assert deployments and deployments[-1].details["folder"] == live_folder.name, "the last live step of the history is not what is live"
    litter = [path for path in [*releases.folder.iterdir(), *releases.releases.iterdir()] if path.name.endswith(".tmp")]
    assert not litter, f"left behind: {litter}"
