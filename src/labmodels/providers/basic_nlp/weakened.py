"""Settings and lines that make a system less safe: what an operator would want pointed out in a configuration or a diff. Pure."""

from __future__ import annotations

import re

_OFF = r"[\"']?(?:false|no|off|0|none|disabled?|never)\b"
_ON = r"[\"']?(?:true|yes|on|1|enabled?|always)\b"
_SET = r"[\"']?\s{0,8}(?:=>|[:=])\s{0,8}"
_LOCAL = r"(?!localhost|127\.|\[::1|0\.0\.0\.0|[\w.-]*\.(?:local|internal|svc)\b|www\.w3\.org|json-schema\.org|schemas?\.)"
_VERIFY = r"(?:ssl|tls|cert|certificate|peer|host)?[_-]?verif(?:y|ication)(?:[_-]?(?:ssl|tls|certs?|peer))?"
_INSECURE = r"(?:insecure(?:[_-]?skip[_-]?(?:tls[_-]?)?verify)?|skip[_-]?(?:tls|ssl|cert)[_-]?verify)"
_UNCHECKED = r"--insecure\b|--no-check-certificate\b|\bCERT_NONE\b|\bNODE_TLS_REJECT_UNAUTHORIZED[\"']?\s?[:=]\s?[\"']?0"
_TLS = rf"\b(?:[\w-]{{0,20}}[_-])?(?:tls|ssl|https)(?:[_-]?enabled)?{_SET}{_OFF}|\bsslmode{_SET}[\"']?(?:disable|allow|prefer)\b"
_AUTH = r"\b(?:auth|authentication|auth[_-]enabled|authorization|login[_-]required|require[_-]auth)"
_LISTEN = r"\b(?:host|bind|listen|(?:bind|listen)?[_-]?address)"
_RULES = tuple(
    (reason, re.compile(pattern, re.IGNORECASE))
    for reason, pattern in (
        ("certificates are not checked", rf"{_VERIFY}{_SET}{_OFF}|{_INSECURE}{_SET}{_ON}|{_UNCHECKED}"),
        ("TLS is off", _TLS),
        ("not encrypted", rf"{_SET}[\"']?(?:http|ftp|ldap|amqp|redis)://{_LOCAL}\w"),
        ("authentication is off", rf"{_AUTH}{_SET}{_OFF}"),
        ("anonymous access", rf"\b(?:allow[_-])?anonymous(?:[_-](?:access|auth|enabled))?{_SET}{_ON}"),
        ("root may log in", r"\bPermitRootLogin\s{0,8}[=: ]\s{0,8}yes\b"),
        ("more privileges than it needs", rf"\b(?:privileged|allowPrivilegeEscalation|hostNetwork|hostPID){_SET}{_ON}"),
        ("listens on every address", rf"{_LISTEN}{_SET}[\"']?(?:0\.0\.0\.0|\[?::\]?(?=[\"':\s]|$))"),
        ("debugging is on", rf"\bdebug{_SET}{_ON}"),
        ("whatever is newest", r"\b(?:image|from)[\"']?[: ]\s{0,4}[\"']?[\w./-]{1,100}:latest\b"),
        ("open to every origin", rf"\b(?:cors|allow)[\w-]{{0,20}}origins?{_SET}\[?[\"']?\*"),
        ("anybody may write", r"\bchmod (?:-R )?0?777\b|\bmode[\"']?\s?[:=]\s?[\"']?0?o?777\b"),
    )
)
_LONGEST = 1000


def weakness(line: str) -> str | None:
    """Return why a line of a configuration or of code makes things less safe; None when it does not seem to."""
    if len(line) > _LONGEST:
        return None
    return next((reason for reason, rule in _RULES if rule.search(line)), None)
