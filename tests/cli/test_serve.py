"""`labmodels serve` and its keys from the command line; what the gateway answers is in tests/gateway."""

from __future__ import annotations

import socket

import pytest

from labmodels.cli.app import run
from labmodels.ledger.callers import keys
from labmodels.ledger.record import Ledger
from tests.cli.operating import operator
from tests.gateway.serving import lab_at, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return lab_at(tmp_path_factory.mktemp("serve") / "lab")


@pytest.fixture
def operate(served, monkeypatch, capsys):
    (served.state / "ledger.db").unlink(missing_ok=True)
    return operator(served, monkeypatch, capsys)


# -- serve -----------------------------------------------------------------------------------------------------------------


def test_a_wide_address_needs_a_key(operate):
    ended = operate("serve", "--host", "0.0.0.0", "--port", "0", LABMODELS_ENV="dev")
    assert ended.code == 2 and "--host 0.0.0.0 can be reached by others" in ended.err and "serve keys add" in ended.err
    operate("serve", "keys", "add", "gone")
    operate("serve", "keys", "revoke", "gone")
    assert operate("serve", "--host", "0.0.0.0", "--port", "0", LABMODELS_ENV="dev").code == 2, "a revoked key protects nothing"


def test_a_port_in_use_is_busy(operate):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = operate("serve", "--port", port, LABMODELS_ENV="dev")
    assert ended.code == 75 and f"127.0.0.1:{port} is in use" in ended.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--env", "test"], "nothing is deployed in test"),
        (["--host", "no-such-host.invalid"], "no address of this machine"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_slips_are_told_before_a_port_is_taken(words, told, operate):
    ended = operate("serve", *words, **({} if "--env" in words else {"LABMODELS_ENV": "dev"}))
    assert ended.code == 2 and told in ended.err


def test_quiet_says_the_url_alone_and_a_stop_is_a_success(served, tmp_path):
    with serving(served, "--quiet", folder=tmp_path) as gateway:
        assert gateway.get("/healthz").text == "ok\n"
        assert gateway.stop() == 0 and gateway.log() == ""


# -- keys ------------------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_alone_on_stdout(operate, served):
    made = operate(
        "serve", "keys", "add", "team", "--domain", "translation", "--day", "5.00", "--month", "$50", "--request", "0.10", "--rpm", "60"
    )
    assert made.code == 0 and made.out.startswith("lm_") and len(made.out.split()) == 1 and "not shown again" in made.err
    listed = operate("serve", "keys", "list")
    assert made.out.strip() not in listed.out and "translation" in listed.out
    (row,) = operate("serve", "keys", "list", "--json").json["keys"]
    assert row["limits"] == {"day": "5.00", "month": "50", "request": "0.10", "requests_per_minute": 60} and row["domains"] == [
        "translation"
    ]
    with Ledger(served.ledger_file) as ledger:
        assert made.out.strip() not in str(keys(ledger))
    assert served.ledger_file.stat().st_mode & 0o077 == 0


def test_json_holds_the_key_and_its_terms(operate):
    made = operate("serve", "keys", "add", "team", "--json").json
    assert set(made) == {"schema_version", "id", "name", "key", "domains", "limits"} and made["key"].startswith("lm_")


@pytest.mark.parametrize("words", [["--day", "much"], ["--day", "5", "--month", "1"], ["--rpm", "0"], ["--domain"]])
def test_terms_that_mean_nothing_make_no_key(words, operate):
    assert operate("serve", "keys", "add", "team", *words).code == 2
    assert operate("serve", "keys", "list", "--json").json["keys"] == []


def test_revoking_twice_is_no_error_and_a_slip_is_one(operate):
    operate("serve", "keys", "add", "team")
    assert "team is revoked" in operate("serve", "keys", "revoke", "team").err
    again = operate("serve", "keys", "revoke", "team")
    assert again.code == 0 and "before" in again.err
    assert operate("serve", "keys", "revoke", "nobody").code == 2
    assert run(["serve", "keys", "revok"]) == 2
