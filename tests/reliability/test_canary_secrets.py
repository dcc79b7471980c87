"""Secrets that must not be seen again: every command, in success and in error and with --debug, then every file that it left."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from labmodels.cli.app import COMMANDS
from tests.reliability import labs

# Where a secret comes from -> its value; some have the shape of a key, some only the operator knows for one.
CANARIES = {
    "OPENAI_API_KEY": "sk-proj-q7Wn2Zt8Lk4Vb9Xc3Rm6Jd1F",
    "ANTHROPIC_API_KEY": "sk-ant-api03-Hy5Pq8Ns2Kw7Tz4Mb1Gc6V",
    "HF_TOKEN": "hf_Zk3Qm9Wt5Xr2Vn8Lb4Jc7Hd1Ps6Gy",
    "GITHUB_TOKEN": "ghp_R5tK9wZ2mX7vQ4nB8cL1jH6dP3sG0yTfEaUi",
    "AWS_ACCESS_KEY_ID": "AKIAQ7W2E9R4T6Y1U8IO",
    "AWS_SECRET_ACCESS_KEY": "m4Kx9Vq2/Zt7Wn5Lb8Rc3Jd6Hy1Ps0GfEaTuXi",
    "SLACK_TOKEN": "xoxb-719283746501-Kw7Tz4Mb1Gc6VhQ9",
    "DATABASE_URL": "postgresql://lab:Vn8Lb4Jc7Hd1Ps6@127.0.0.1/ledger",
    "LABMODELS__GPT_4__CREDENTIALS__API_KEY": "sk-proj-Bd6Yr1Uo8Ie3Wq7Zx5Cv2Nm9",
    "a file": "tangerine-Xr2Vn8Lb-orchard-5Jc7",
    "an option": "sk-proj-T4gB7yH2nU5jM8kI1oL6pQ9w",
    "a configuration": "sk-proj-E3rF6vD9cX2sZ5aQ8wK1mJ4h",
}
ONLY_WHERE_ASKED = ("LABMODELS__GPT_4__CREDENTIALS__API_KEY",)  # a variable that makes each deployment fail: for one run alone
GPT4 = "language_models/gpt4_config.yaml"
DEV = ("--env", "dev")


class Echo(BaseHTTPRequestHandler):
    """Refuses every request and quotes the key that came with it, as real providers have done."""

    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        key = self.headers.get("authorization") or self.headers.get("x-api-key") or ""
        self.seen.append(key)
        body = json.dumps({"type": "error", "error": {"type": "authentication_error", "message": f"wrong key {key}; {key!r} is not known"}})
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("x-echo", key)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def lay_out(lab: Path, provider: str) -> None:
    """Lay out a lab whose models ask `provider`, one of them with a key from a file."""
    labs.lay_out(lab)
    key_file = lab.parent / "key"
    key_file.write_text(CANARIES["a file"] + "\n")
    key_file.chmod(0o600)
    for name in ("gpt4", "claude"):
        path = lab / "configs" / "language_models" / f"{name}_config.yaml"
        text = path.read_text().replace("base_url: null", f"base_url: {provider}/v1" if name == "gpt4" else f"base_url: {provider}")
        path.write_text(text)
        copy = text.replace("env:OPENAI_API_KEY", f"file:{key_file}").replace("name: gpt-4\n", "name: filed\n", 1)
        if name == "gpt4":
            path.with_name("filed.yaml").write_text(copy)


def broken(lab: Path) -> Path:
    """Return a configuration with a key written into it, outside of `lab`."""
    path = lab.parent / "broken.yaml"
    text = (lab / "configs" / GPT4).read_text()
    path.write_text(text.replace("env:OPENAI_API_KEY", CANARIES["a configuration"]).replace("temperature: 0.2", "temperature: 9"))
    return path


# command -> (words that succeed, words that fail); run in this order, in one lab
RUNS: list[tuple[str, tuple[str, ...] | None, tuple[str, ...] | None]] = [
    ("validate-config", (), ("BROKEN",)),
    ("plan", ("--all", *DEV), ("--all", *DEV, "--set", "gpt-4.credentials.api_key=OPTION")),
    ("deploy-config", ("--all", *DEV, "--yes"), (GPT4, *DEV, "--yes", "--set", "gpt-4.credentials.api_key=OPTION")),
    ("deploy-config", (GPT4, *DEV, "--yes", "--set", f"{labs.KEY}=0.3"), (GPT4, *DEV, "--yes", "--probe", "--set", f"{labs.KEY}=0.6")),
    ("deploy-config", None, (GPT4, *DEV, "--yes", "--set", "gpt-4.description=OPTION")),
    ("diff", DEV, ("1", "99", *DEV)),
    ("rollback", ("1", *DEV, "--yes", "--why", "the key OPTION was tried"), ("99", *DEV, "--yes")),
    (
        "switch-config",
        ("--profile", "high_accuracy", "--domain", "documentation", *DEV, "--why", "because of OPTION"),
        ("--profile", "OPTION", *DEV),
    ),
    ("status", (), ("--env", "OPTION")),
    ("history", DEV, ("--env", "nowhere")),
    ("explain-config", ("gpt-4.credentials.api_key", *DEV), ("gpt-4.credentials.OPTION", *DEV)),
    ("schema", ("language_model",), ("OPTION",)),
    ("explain", ("LM204",), ("OPTION",)),
    ("ask", ("how do I roll back a release?", *DEV), ("hello", "--model", "gpt-4", *DEV)),
    ("ask", None, ("hello", "--model", "claude", *DEV)),
    ("ask", None, ("hello", "--model", "filed", *DEV)),
    ("feedback", ("last", "good", "--reason", "it kept OPTION secret"), ("OPTION", "good")),
    ("router explain", ("hello", *DEV), ("hello", "--model", "OPTION", *DEV)),
    ("router status", DEV, ("--env", "OPTION")),
    ("router reset", DEV, ("OPTION", *DEV)),
    ("router drill", DEV, ("--domain", "OPTION", *DEV)),
    ("models list", DEV, ("--env", "OPTION")),
    ("models pull", None, ("lab/OPTION",)),
    ("serve", None, ("--host", "0.0.0.0", *DEV)),
    ("serve keys add", ("ci",), ("other", "--day", "OPTION")),
    ("serve keys list", (), None),
    ("serve keys revoke", ("ci",), ("OPTION",)),
    ("update-embeddings", ("--domain", "documentation", "--incremental", *DEV), ("--domain", "OPTION", *DEV)),
    ("embeddings list", (), ("--env", "OPTION")),
    ("embeddings show", ("documentation",), ("OPTION",)),
    ("embeddings check", (), ("OPTION",)),
    ("embeddings rollback", None, ("documentation", "99")),
    ("embeddings gc", (), ("--keep", "OPTION")),
    ("search", ("how do I keep OPTION secret?", *DEV), ("x", "--domain", "OPTION", *DEV)),
    ("search-eval", None, ("OPTION", *DEV)),
    ("links", None, ("docs/OPTION.md:1", *DEV)),
    ("monitor", (), ("--since", "OPTION")),
    ("init", ("ELSEWHERE",), ("BROKEN",)),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Path:
    lab = tmp_path_factory.mktemp("canaries") / "lab"
    lay_out(lab, provider)
    broken(lab)
    return lab


def environ(*without: str) -> dict[str, str]:
    return {name: value for name, value in CANARIES.items() if name.isupper() and name not in without}


def words(lab: Path, given: tuple[str, ...]) -> list[str]:
    places = {"BROKEN": lab.parent / "broken.yaml", "ELSEWHERE": lab.parent / "elsewhere"}
    return [str(places.get(word, word.replace("OPTION", CANARIES["an option"]))) for word in given]


def assert_unseen(text: str, where: str) -> None:
    leaked = [name for name, value in CANARIES.items() for piece in (value[-14:], value[-24:-10]) if piece in text]
    assert not leaked, f"{where} shows the secret of {leaked}"


@pytest.mark.timeout(600)  # dozens of processes, perhaps on a busy machine
def test_no_command_shows_a_secret_or_leaves_one_in_a_file(lab):
    assert {name for name, _, _ in RUNS} == set(COMMANDS), "a command has no run here"
    for name, well, badly in RUNS:
        for given, more in ((well, ("--debug",)), (badly, ()), (badly, ("--debug",))):
            if given is not None:
                is_well = given is well
                done = labs.run(lab, *name.split(), *words(lab, given), *more, more=environ(*ONLY_WHERE_ASKED))
                shown = done.stdout + done.stderr
                label = f"labmodels {name} {' '.join(given)} {' '.join(more)}"
                assert_unseen(shown, label)
                assert (done.returncode == 0) == is_well, f"{label} ended with {done.returncode}: {shown}"
                assert done.returncode != 70 and ("Traceback" in shown) <= bool(more), f"{label}: {shown}"
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "a file"):
        assert any(CANARIES[key] in seen for seen in Echo.seen), f"the secret of {key} was never used, so nothing was tested"
    left = [path for folder in (lab, lab.parent / "elsewhere") for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "ledger.db" for path in left) and any(path.name == "journal.jsonl" for path in left)
    for path in left:
        assert_unseen(path.read_bytes().decode(errors="replace"), str(path))


def test_a_secret_in_a_variable_of_the_configuration_is_refused_and_not_shown(lab):
    for more in ((), ("--debug",), ("--json",)):
        done = labs.run(lab, "deploy-config", "--all", "--env", "test", "--yes", *more, more=environ())
        assert done.returncode != 0
        assert_unseen(done.stdout + done.stderr, f"deploy-config with {ONLY_WHERE_ASKED[0]} {' '.join(more)}")


@pytest.mark.parametrize("form", ["full", "concise", "json", "jsonl", "github", "gitlab", "sarif", "junit"])
def test_no_format_of_a_finding_quotes_the_secret_that_it_is_about(form, lab):
    done = labs.run(lab, "validate-config", str(lab.parent / "broken.yaml"), "--format", form)
    assert done.returncode == 1
    assert "broken.yaml" in done.stdout + done.stderr
    assert_unseen(done.stdout + done.stderr, f"--format {form}")
