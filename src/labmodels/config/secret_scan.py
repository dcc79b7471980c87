"""Finds literal secrets in what was read, and references to secrets that are not defined here. Never repeats a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from labmodels.config.catalog import Document
from labmodels.config.diagnostics import Diagnostic, Severity, Span
from labmodels.config.reader import KeyPath, Source
from labmodels.config.schema.base import ENVIRONMENTS
from labmodels.secrets import is_defined, looks_like_secret

_HINT = "remove it, revoke the key with its provider, and write a reference: env:NAME, file:PATH or keyring:SERVICE/USER"
_SECRET_KEY = re.compile(
    r"(?i)^(.*[_-])?((api|access|private)[_-]?key|secret([_-]key)?|password|passwd|passphrase)$|^((access|auth|bearer|refresh)[_-]?)?token$"
)
_SECRET_WORDS = ("key", "secret", "password", "passwd", "passphrase", "token")  # the keys above all end in one of these
_URL_PASSWORD = re.compile(r"://[^\s/@:\"']*:(?![*<$]|\.\.\.)[^\s/@\"']+@")
_KEY_BEGINNING = re.compile(r"[\w-]+\Z")
_HARMLESS = ("env:", "file:", "keyring:", "null", "~", "{")
_REFERENCE = re.compile(r"(env|file|keyring):")


def literal_secrets(source: Source) -> Iterator[Diagnostic]:
    """Yield a finding for each line, comments included, that holds what looks like a secret, and for literals under keys like api_key."""
    lines_found: set[int] = set()
    if looks_like_secret(source.text) or ("@" in source.text and _URL_PASSWORD.search(source.text)):
        for number, line in enumerate(source.text.split("\n"), start=1):
            if looks_like_secret(line) or _URL_PASSWORD.search(line):
                lines_found.add(number)
                start = len(line) - len(line.lstrip()) + 1
                yield _literal(Span(source.path, number, start, number, len(line.rstrip()) + 1))
    if source.data is None or not _may_hold_literal(source.text.lower()):
        return
    for path, value in _under_keys(source.data):
        if _SECRET_KEY.match(next(step for step in reversed(path) if isinstance(step, str))) and _is_literal(value):
            span = source.place(path).value
            if span.line not in lines_found:
                yield _literal(span)


def _under_keys(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every scalar with its path, those in lists too."""
    if isinstance(value, dict | list):
        for step, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _under_keys(below, (*path, step))
    else:
        yield path, value


def _is_literal(value: Any) -> bool:
    """Whether the value of a secret's key is the secret: text that is no reference, or digits enough for one."""
    if isinstance(value, str):
        return bool(value) and not _REFERENCE.match(value)
    return type(value) is int and value >= 1_000_000


def _may_hold_literal(text: str) -> bool:
    """Whether a key with one of the words has a value that may be a literal. Plain searches: most files have none, and end here."""
    for word in _SECRET_WORDS:
        start = text.find(word)
        while start >= 0:
            key, colon, value = text[start : start + 80].partition("\n")[0].partition(":")
            if colon and not value.strip(" \t\"'").startswith(_HARMLESS):
                beginning = _KEY_BEGINNING.search(text, max(0, start - 40), start)
                if _SECRET_KEY.match((beginning[0] if beginning else "") + key.rstrip(" \"'")):
                    return True
            start = text.find(word, start + 1)
    return False


def _literal(span: Span) -> Diagnostic:
    return Diagnostic("LM401", Severity.ERROR, "a literal secret", span, _HINT)


def undefined_references(documents: list[Document], environ: Mapping[str, str] | None = None) -> Iterator[Diagnostic]:
    """Yield one finding for each reference that cannot be resolved on this machine, however many files use it."""
    users: dict[str, list[tuple[Document, tuple[str, ...]]]] = {}
    for document in documents:
        for reference, path in _references(document):
            users.setdefault(reference, []).append((document, path))
    for reference, places in users.items():
        reason = is_defined(reference, environ)
        if reason is not None:
            document, path = places[0]
            also = len({place[0].path for place in places}) - 1
            yield Diagnostic("LM402", Severity.INFO, f"{reason}: what needs it is skipped", document.source.place(path).value, more=also)


def _references(document: Document) -> Iterator[tuple[str, tuple[str, ...]]]:
    parts = [((), document.data)] + [(("environments", name), overlay) for name in ENVIRONMENTS if (overlay := document.overlay(name))]
    for prefix, data in parts:
        credentials = data.get("credentials")
        if isinstance(credentials, dict) and isinstance(reference := credentials.get("api_key"), str) and _REFERENCE.match(reference):
            yield reference, (*prefix, "credentials", "api_key")
        if isinstance(address := data.get("base_url"), str) and address.startswith("env:"):
            yield address, (*prefix, "base_url")
