"""References to secrets, resolved at use, and redaction by value and by shape.

A configuration holds references (env:NAME, file:PATH, keyring:SERVICE/USER), never secrets. This module turns a reference into
its value at the moment of a call and remembers that value for `redact`, so that no message, log or row shows it. It neither
stores nor caches secrets, and it leaves the syntax of references to the schema.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from labmodels.errors import LabmodelsError, MissingExtra, Usage

_MASK = "***"
_SHORTEST_REDACTED = 6  # a shorter value would blot out ordinary words; no provider issues one
_LARGEST_FILE = 64 * 1024
_resolved: set[str] = set()


class Secret:
    """A secret value that shows as *** wherever it is printed; `reveal()` is the one way to read it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= _SHORTEST_REDACTED:
            _resolved.add(value)

    def reveal(self) -> str:
        """Return the value, for the call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return _MASK

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not serialised")


class _Undefined(Exception):
    """A reference that leads to nothing; its text is the reason, by name."""


def resolve(reference: str, environ: Mapping[str, str] | None = None) -> Secret:
    """Return the secret behind `reference`; raise Usage naming what is not set, or MissingExtra without keyring."""
    try:
        return Secret(_read(reference, os.environ if environ is None else environ))
    except _Undefined as missing:
        raise Usage(str(missing), hint=f"define {reference}, or point credentials.api_key at another reference") from None


def is_defined(reference: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return None when `reference` resolves, else the reason, which names the reference and never its value."""
    try:
        _read(reference, os.environ if environ is None else environ)
    except _Undefined as missing:
        return str(missing)
    except LabmodelsError as missing:
        return f"{reference}: {missing}"
    return None


def _read(reference: str, environ: Mapping[str, str]) -> str:
    scheme, _, place = reference.partition(":")
    if scheme == "env":
        value = environ.get(place, "").strip()
        if not value:
            raise _Undefined(f"{place} is not set")
        return value
    if scheme == "file":
        return _read_file(Path(place).expanduser())
    if scheme == "keyring":
        return _read_keyring(place)
    raise _Undefined("a secret is given by env:NAME, file:PATH or keyring:SERVICE/USER")  # the text itself may be the secret


def _read_file(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not make us wait for its writer
    except OSError as error:
        raise _Undefined(f"{path}: {error.strerror}") from None
    try:
        if why := _unsafe(os.fstat(descriptor)):
            raise _Undefined(f"{path} {why}")
        value = os.read(descriptor, _LARGEST_FILE).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise _Undefined(f"{path} is not UTF-8 text") from None
    finally:
        os.close(descriptor)
    if not value:
        raise _Undefined(f"{path} is empty")
    return value


def _unsafe(status: os.stat_result) -> str | None:
    """Return why a file is not fit to hold a secret; None when only its owner, this user, can read it."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_uid != os.geteuid():
        return "belongs to another user"
    return f"has mode {stat.S_IMODE(status.st_mode):04o}, which others may use: chmod 600" if status.st_mode & 0o177 else None


def _read_keyring(place: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise MissingExtra("keyring", "providers") from None
    service, _, user = place.partition("/")
    try:
        value = keyring.get_password(service, user)
    except KeyringError as error:
        raise _Undefined(f"keyring {place}: {type(error).__name__}") from None
    if not value:
        raise _Undefined(f"keyring {place} holds nothing")
    return value


# The shapes that issuers document. Each wants enough random-looking characters that prose and placeholders do not match.
@cache
def _shapes() -> re.Pattern[str]:
    return re.compile(
        r"""
          -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----(?:.*?-----END\ [A-Z ]*PRIVATE\ KEY-----)?
        | (?<![A-Za-z0-9_-]) (?:
              sk-(?:ant-|proj-|or-|svcacct-|admin-)?[A-Za-z0-9_-]{16,}
            | gh[pousr]_[A-Za-z0-9]{30,}
            | github_pat_[A-Za-z0-9_]{40,}
            | glpat-[A-Za-z0-9_-]{18,}
            | (?:AKIA|ASIA)[A-Z0-9]{16}
            | xox[abeoprs]-[A-Za-z0-9-]{12,}
            | AIza[A-Za-z0-9_-]{30,}
            | hf_[A-Za-z0-9]{24,}
            | lm_[A-Za-z0-9_-]{43}
            | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}
          ) (?![A-Za-z0-9])
        | (?<![A-Za-z]) Bearer\ [A-Za-z0-9._~+/-]{20,}=*
        """,
        re.VERBOSE | re.DOTALL,
    )


_BEGINNINGS = (
    "-----BEGIN", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "AKIA", "ASIA", "xox", "AIza", "hf_", "lm_",
    "eyJ", "Bearer ",
)  # fmt: skip


def _is_random(shape: str) -> bool:
    """Whether a match of a shape looks drawn rather than written: digits among it, and more than a few different characters."""
    if shape.startswith("-----"):
        return True
    body = shape.removeprefix("Bearer ")
    return any(c.isdigit() for c in body) and len(set(body.lower())) >= 9


def looks_like_secret(text: str) -> bool:
    """Whether `text` holds what has the shape of a well-known key, token or private key."""
    if not any(beginning in text for beginning in _BEGINNINGS):  # plain searches: a thousand files pass here
        return False
    return any(_is_random(match[0]) for match in _shapes().finditer(text))


def redact(text: str) -> str:
    """Return `text` with every secret that this process resolved, and everything shaped like one, as ***."""
    for value in sorted(_resolved, key=len, reverse=True):  # a secret that contains another goes first
        text = text.replace(value, _MASK)
    return _shapes().sub(lambda match: _MASK if _is_random(match[0]) else match[0], text)
