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
# A prefilter with literal beginnings, which the regex engine looks for quickly: most files have none of these with a literal value.
_SUSPICIOUS = [
    re.compile(word + r"""["']?[ \t]*:[ \t]+(?!env:|file:|keyring:|null\b|["']?(?:env|file|keyring):)\S""")
    for word in ("api[_-]?key", "secret(?:[_-]key)?", "passw(?:or)?d", "access[_-]token", "auth[_-]token", "bearer[_-]token", "refresh[_-]token", r"\btoken")
]
_REFERENCE = re.compile(r"(env|file|keyring):")


def literal_secrets(source: Source) -> Iterator[Diagnostic]:
    """Yield a finding for each line of the file, comments included, that holds what looks like a secret, and for values of keys called api_key and the like."""
    lines_found: set[int] = set()
    if looks_like_secret(source.text):
        for number, line in enumerate(source.text.split("\n"), start=1):
            if looks_like_secret(line):
                lines_found.add(number)
                start = len(line) - len(line.lstrip()) + 1
                yield _literal(Span(source.path, number, start, number, len(line.rstrip()) + 1))
    text = source.text.lower()
    if source.data is None or not any(pattern.search(text) for pattern in _SUSPICIOUS):
        return
    for path, value in leaves(source.data):
        if path and isinstance(value, str) and value and isinstance(path[-1], str) and _SECRET_KEY.match(path[-1]) and not _REFERENCE.match(value):
            span = source.place(path).value
            if span.line not in lines_found:
                yield _literal(span)


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
