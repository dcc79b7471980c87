"""A log is told by its levels and its templates, the worst first; what may be a secret is only counted. Keys are made-up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmodels.providers.basic_nlp.logs import level_of, template_of
from labmodels.providers.basic_nlp.quoting import Material
from tests.providers.basic_nlp.asking import KEY, PASSWORD, ask

LOG = f"""\
2026-11-24T10:00:00Z INFO  scheduler started on node-1 pid=4711
2026-11-24T10:00:01Z INFO  job 81 queued for node-2
2026-11-24T10:00:02Z INFO  job 82 queued for node-3
2026-11-24T10:00:05Z WARN  disk /var/lib/models is 91% full
2026-11-24T10:00:07Z ERROR job 81 failed: cannot allocate 24 GiB on gpu 0
Traceback (most recent call last):
  File "/srv/run.py", line 12, in main
    load(model)
RuntimeError: out of memory
2026-11-24T10:00:09Z ERROR job 82 failed: cannot allocate 40 GiB on gpu 1
2026-11-24T10:00:10Z ERROR login of bob with password={PASSWORD} refused
2026-11-24T10:00:11Z ERROR call with {KEY} refused by https://api.example/v1
2026-11-24T10:00:12Z INFO  job 83 queued for node-2
2026-11-24T10:00:13Z \x1b[31mFATAL\x1b[0m scheduler gives up after 2 failures
"""


def test_what_went_wrong_comes_first_with_counts_and_first_and_last_place():
    answer = ask("explain this log", {"logs/scheduler.log": LOG})
    lines = answer.text.split("\n")
    assert lines[0] == "A summary of a log by counting and quotation; no model wrote this."
    assert lines[1] == "logs/scheduler.log: 14 lines: 2 critical, 4 error, 1 warning, 4 info"
    assert lines[3:5] == [
        "From 2026-11-24T10:00:00Z  [logs/scheduler.log:1]",
        "To 2026-11-24T10:00:13Z  [logs/scheduler.log:14]",
    ]
    wrong = lines[lines.index("What went wrong:") + 1 :]
    assert wrong[0].endswith("RuntimeError: out of memory  [logs/scheduler.log:9]")
    assert wrong[1] == "       1 x critical  scheduler gives up after 2 failures  [logs/scheduler.log:14]"
    assert wrong[2].split()[:3] == ["2", "x", "error"] and wrong[2].endswith("on gpu 0  [logs/scheduler.log:5, last 10]")
    assert answer.text.index("disk /var/lib/models is 91% full") < answer.text.index("What else is frequent:")
    assert answer.text.index("What went wrong:") < answer.text.index("What else is frequent:")


def test_secrets_and_control_characters_of_a_log_are_counted_and_never_shown():
    answer = ask("what happened?", {"s.log": LOG})
    everything = answer.text + "".join(source.text for source in answer.sources)
    assert PASSWORD not in everything and KEY not in everything and "\x1b" not in everything
    assert answer.text.count("(not quoted)") == 2


@pytest.mark.parametrize(
    "line",
    [
        f"connect postgres://lab:{PASSWORD}@db/x failed",
        f'{{"level": "error", "dbPassword": "{PASSWORD}"}}',
        f"run --token {PASSWORD} now",
        f"Authorization: Basic {PASSWORD}",
        f"AWS_SECRET_ACCESS_KEY={PASSWORD}",
        f"X-Api-Key: {PASSWORD}",
        f"GET /?access_token={PASSWORD} 200",
        "drawn: q7Rt2mZ9xK4vB1nY8wP3sD6f",
    ],
)
def test_a_secret_is_known_by_its_name_its_place_or_its_look(line):
    answer = ask(
        "explain this log", {"s.log": f"2026-11-24 10:00:00 INFO start\n2026-11-24 10:00:01 ERROR {line}\n2026-11-24 10:00:02 INFO end\n"}
    )
    assert "(not quoted)  [s.log:2]" in answer.text
    assert PASSWORD not in answer.text and "q7Rt2mZ9" not in answer.text


@pytest.mark.parametrize(
    "line",
    ["api_key: env:OPENAI_API_KEY", "token=$GITHUB_TOKEN", "a secret: the key of a provider", "password: ***", "export KEY_TOKEN=..."],
)
def test_a_reference_to_a_secret_and_prose_about_one_are_quoted(line):
    text = f"10:00:00 INFO start\n10:00:01 ERROR {line}\n10:00:02 INFO end\n"
    assert f"{line}  [s.log:2]" in ask("explain this log", {"s.log": text}).text


def test_a_private_key_is_hidden_to_its_last_line():
    body = "\n".join(["Proc-Type: 4,ENCRYPTED", "", "MIIEpAIBAAKCAQEAfailederror", "c29tZXRoaW5nIHNlY3JldA=="])
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    for name in ("s.log", "s.diff", "s.md"):
        text = ("INFO a\nINFO b 1\nINFO c\n" + key + "\nINFO d\n") * 2
        for question in ("summarise", "keywords", "which info?"):
            answer = ask(question, {name: text})
            assert "MIIE" not in answer.text and "c29t" not in answer.text
    material = Material("s.md", key)
    assert material.quote(key.index("MIIE"), key.index("-----END")) is None
    assert [material.quote_line(index) for index in range(6)] == [None] * 6


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-11-24 10:00:00 [error] 12#0: open() failed", "error"),
        ('{"level":"warn","msg":"slow"}', "warning"),
        ("ts=1 level=info msg=ok", "info"),
        ("E1124 10:00:00.000000 1 kubelet.go:1] node not ready", "error"),
        ("INFO 0 errors, 0 failed", "info"),
        ("[ 12.345678] Out of memory: Killed process 12 (python)", "critical"),
        ('10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 503 12', "error"),
        ('10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 12', "no level"),
        ("wrote /var/log/ERROR.txt", "no level"),
    ],
)
def test_a_level_is_what_the_line_names_else_what_its_words_tell(line, level):
    assert level_of(line) == level


def test_lines_that_differ_in_what_varies_have_one_template():
    assert template_of("10:00:01 job 7 at 0xff took 1.5 s on 10.0.0.1 in /var/a for 'x'") == template_of(
        "10:00:02 job 81 at 0x0a took 22 s on 10.9.0.1 in /srv/b/c for 'other'"
    )
    assert template_of("job 7 failed") != template_of("job 7 queued")
    full = '{"ts": "10:00:01", "level": "error", "msg": "disk full", "user": "u1"}'
    assert template_of(full) != template_of(full.replace("disk full", "slow"))
    assert template_of(full) == template_of(full.replace("u1", "u7"))


_piece = st.sampled_from(
    ["INFO", "ERROR", "job", "17", "failed", "\x1b[31m", "/a/b", "'x'", "\t", "password=abc123", "é", "-", "10:00:01", "\x00"]
)
_line = st.lists(_piece, max_size=9).map(" ".join)


@settings(max_examples=80, deadline=None)
@given(st.lists(_line, max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_whatever_the_log_counts_add_up_and_quotes_stand_where_they_say(lines, end):
    answer = ask("explain this log", {"x.log": end.join(lines)})
    assert "abc123" not in answer.text and "\x1b" not in answer.text and "\x00" not in answer.text


def test_hardly_anything_is_no_log():
    assert ask("explain this log", {"x.log": "one line\n"}).sources == ()
