"""Finds literal secrets in what was read, and references to secrets that are not defined here. Never repeats a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from labmodels.config.catalog import Document
from labmodels.config.diagnostics import Diagnostic, Severity, Span
from labmodels.config.layers import leaves
from labmodels.config.reader import Source
from labmodels.config.schema.base import ENVIRONMENTS
from labmodels.secrets import is_defined, looks_like_secret

_HINT = "remove it, revoke the key with its provider, and write a reference: env:NAME, file:PATH or keyring:SERVICE/USER"
_SECRET_KEY = re.compile(r"(?i)^(.*[_-])?(api[_-]?key|secret([_-]key)?|password|passwd)$|^((access|auth|bearer|refresh)[_-]?)?token$")
_SECRET_WORDS = ("api_key", "api-key", "apikey", "secret", "passw", "token")  # the keys above all have one of these
_HARMLESS = ("env:", "file:", "keyring:", "null", "~", "{", "[", "#")
_REFERENCE = re.compile(r"(env|file|keyring):")


def literal_secrets(source: Source) -> Iterator[Diagnostic]:
    """Yield a finding for each line, comments included, that holds what looks like a secret, and for literals under keys like api_key."""
    lines_found: set[int] = set()
    if looks_like_secret(source.text):
        for number, line in enumerate(source.text.split("\n"), start=1):
            if looks_like_secret(line):
                lines_found.add(number)
                start = len(line) - len(line.lstrip()) + 1
                yield _literal(Span(source.path, number, start, number, len(line.rstrip()) + 1))
    if source.data is None or not _may_hold_literal(source.text.lower()):
        return
    for path, value in leaves(source.data):
        if (
            path
            and isinstance(value, str)
            and value
            and isinstance(path[-1], str)
            and _SECRET_KEY.match(path[-1])
            and not _REFERENCE.match(value)
        ):
            span = source.place(path).value
            if span.line not in lines_found:
                yield _literal(span)


def _may_hold_literal(text: str) -> bool:
    """Whether a key with one of the words has a value that may be a literal. Plain searches: most files have none, and end here."""
    for word in _SECRET_WORDS:
        start = text.find(word)
        while start >= 0:
            key, colon, value = text[start : start + 80].partition("\n")[0].partition(":")
            if colon and " " not in key.strip() and value.strip(" \t\"'") and not value.strip(" \t\"'").startswith(_HARMLESS):
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
