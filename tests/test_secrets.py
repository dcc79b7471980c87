"""References resolve to values that nothing shows; what looks like a key is told from what does not."""

from __future__ import annotations

import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmodels.errors import Usage
from labmodels.secrets import Secret, is_defined, looks_like_secret, redact, resolve

# Put together here, so that no scanner of repositories takes this file for a leak.
BODY = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"
KEYS = {
    "openai": "sk-" + BODY, "openai project": "sk-proj-" + BODY, "anthropic": "sk-ant-" + "api03-" + BODY, "github": "ghp_" + BODY[:36],
    "github server": "ghs_" + BODY[:36], "github oauth": "gho_" + BODY[:36], "github user": "ghu_" + BODY[:36],
    "github refresh": "ghr_" + BODY[:36],
    "github fine": "github_pat_" + BODY + "_" + BODY,
    "gitlab": "glpat-" + BODY[:20], "aws": "AKIA" + "IOSFODNN7EXAMPL2", "aws session": "ASIA" + "IOSFODNN7EXAMPL2",
    "slack": "xoxb-" + "123456789012-" + BODY[:24], "google": "AIza" + BODY[:35],
    "hugging face": "hf_" + BODY[:34], "token": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + BODY, "bearer": "Bearer " + BODY,
    "private key": "-----BEGIN " + "OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END " + "OPENSSH PRIVATE KEY-----",
}  # fmt: skip
HARMLESS = [
    "env:OPENAI_API_KEY", "file:/run/secrets/openai_key", "keyring:labmodels/openai", "https://api.openai.com/v1",
    "/var/lib/models/sk-models/7b",
    "sk-...", "sk-ant-...", "sk-your-key-here", "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "Bearer <token>",
    "Bearer tokens are sent in a header",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "d41d8cd98f00b204e9800998ecf8427e", "gpt-4-0613", "hf_hub",
    "risk-adjusted-return-on-capital-2024-report", "task-force-of-the-lab-1234567890abc", "-----BEGIN CERTIFICATE-----",
    "claude-3-5-sonnet-20241022",
    "a sentence of prose about keys, AIza and AKIA and eyJ and hf_ and xoxb-",
]  # fmt: skip


@pytest.mark.parametrize("kind", KEYS)
def test_every_well_known_key_is_seen_and_redacted_within_other_text(kind):
    text = f'api_key: "{KEYS[kind]}"  # the key'
    assert looks_like_secret(text)
    shown = redact(text)
    assert "***" in shown and shown.startswith("api_key") and shown.endswith("# the key")
    assert not any(piece in shown for piece in (BODY[:16], "b3BlbnNzaC1r", "IOSFODNN7"))


@pytest.mark.parametrize("text", HARMLESS)
def test_references_addresses_hashes_placeholders_and_prose_raise_no_alarm(text):
    assert not looks_like_secret(text)
    assert redact(text) == text


@given(st.text(max_size=300))
def test_redaction_is_total_and_leaves_nothing_to_redact(text):
    assert redact(redact(text)) == redact(text)


@given(st.sampled_from(sorted(KEYS.values())), st.text(alphabet=" \n\"':,=()[]", max_size=5), st.text(alphabet=" \n\"',)]", max_size=5))
def test_a_key_is_found_between_any_punctuation(key, before, after):
    assert looks_like_secret(before + key + after)
    assert key not in redact(before + key + after)


def test_a_resolved_value_is_redacted_whatever_its_shape():
    secret = resolve("env:ODD_KEY", {"ODD_KEY": "correct horse battery"})
    assert secret.reveal() == "correct horse battery"
    assert redact("the key is correct horse battery.") == "the key is ***."


def test_a_secret_within_a_longer_secret_does_not_leave_the_rest_of_it():
    resolve("env:A", {"A": "alpha-bravo"})
    resolve("env:B", {"B": "alpha-bravo-charlie"})
    assert redact("alpha-bravo-charlie") == "***"


def test_a_secret_does_not_show_itself():
    secret = Secret("hidden-value-1")
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@pytest.mark.parametrize("environ", [{}, {"MY_KEY": ""}, {"MY_KEY": "  "}])
def test_a_variable_that_is_unset_or_empty_is_named(environ):
    assert is_defined("env:MY_KEY", environ) == "MY_KEY is not set"
    with pytest.raises(Usage, match="MY_KEY is not set"):
        resolve("env:MY_KEY", environ)


def test_a_file_of_ones_own_with_mode_0600_is_read(tmp_path):
    path = tmp_path / "key"
    path.write_text("from-a-file\n")
    path.chmod(0o600)
    assert resolve(f"file:{path}").reveal() == "from-a-file"
    assert is_defined(f"file:{path}") is None


def test_a_file_that_others_may_read_or_that_is_no_file_is_refused_with_the_reason(tmp_path):
    path = tmp_path / "key"
    path.write_text("from-a-file")
    for mode in (0o640, 0o604, 0o660, 0o700):
        path.chmod(mode)
        assert f"has mode {mode:04o}, which others may use: chmod 600" in (is_defined(f"file:{path}") or "")
    path.chmod(0o600)
    path.write_text("")
    assert "is empty" in (is_defined(f"file:{path}") or "")
    path.write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in (is_defined(f"file:{path}") or "")
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in (is_defined(f"file:{tmp_path / 'pipe'}") or "")
    assert "not a regular file" in (is_defined(f"file:{tmp_path}") or "")
    assert "No such file" in (is_defined(f"file:{tmp_path / 'absent'}") or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path):
    path = tmp_path / "key"
    path.write_text("from-a-file")
    path.chmod(0o600)
    os.chown(path, 65534, 65534)
    assert "belongs to another user" in (is_defined(f"file:{path}") or "")


def test_a_keyring_entry_is_read_and_an_absent_one_is_named(monkeypatch):
    import keyring
    from keyring.backend import KeyringBackend

    class InMemory(KeyringBackend):
        priority = 1

        def get_password(self, service, username):
            return {("labmodels", "openai"): "from-the-keyring"}.get((service, username))

        set_password = delete_password = None

    monkeypatch.setattr(keyring, "get_password", InMemory().get_password)
    assert resolve("keyring:labmodels/openai").reveal() == "from-the-keyring"
    assert is_defined("keyring:labmodels/other") == "keyring labmodels/other holds nothing"


def test_a_malformed_reference_is_not_repeated_for_it_may_be_the_secret():
    assert "hunter2" not in (is_defined("hunter2-the-password") or "")
