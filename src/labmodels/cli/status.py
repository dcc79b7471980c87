"""labmodels status: what is live in each environment, which switches hold, and what has drifted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from labmodels.cli.options import DetailedExitCode, EnvironmentOrAll, Json, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.releases.status import EnvironmentStatus


def status(lab: Lab, env: EnvironmentOrAll = None, detailed_exitcode: DetailedExitCode = False, json: Json = False) -> int:
    """Show what is live, and what has drifted from it.

    Two separate facts: whether the live release was modified by hand, and whether sources are not deployed.
    """
    from labmodels.config.schema.base import ENVIRONMENTS
    from labmodels.releases.candidate import Tree
    from labmodels.releases.status import status_of
    from labmodels.terminal.output import emit_json, is_quiet, write
    from labmodels.wiring import store_of

    names = (environment_of(env, ""),) if env or os.environ.get("LABMODELS_ENV") else ENVIRONMENTS
    tree = Tree(lab)
    found = [status_of(tree, store_of(lab, name)) for name in names]
    if json:
        emit_json({"lab": lab.root, "environments": [_as_json(one) for one in found]})
    elif not is_quiet() or any(one.has_drift for one in found):
        write("\n".join(_lines(one) for one in found) + "\n")
    return ExitCode.CHANGES if detailed_exitcode and any(one.has_drift for one in found) else ExitCode.OK


def _as_json(one: EnvironmentStatus) -> dict[str, Any]:
    from labmodels.releases.plan import change_as_json

    release, drift = one.release, one.drift
    return {
        "environment": one.environment,
        "release": {
            "number": release.number,
            "digest": release.digest,
            "created_at": release.created_at,
            "created_by": release.created_by,
            "rollback_of": release.rollback_of,
        }
        if release
        else None,
        "fault": one.fault,
        "live_modified": list(drift.live_modified) if drift else [],
        "source_not_deployed": [change_as_json(change) for change in drift.not_deployed]
        if drift and drift.not_deployed is not None
        else None,
        "source_is_valid": drift.not_deployed is not None if drift else None,
        "profiles": [
            {"domain": row.domain, "profile": row.profile, "reason": row.reason, "ends_at": row.ends_at, "confirm_by": row.confirm_by}
            for row in one.profiles
        ],
        "unfinished": list(one.unfinished),
    }


def _lines(one: EnvironmentStatus) -> str:
    import sys

    from labmodels.terminal.colour import Paint

    paint = Paint.of(sys.stdout)
    if one.fault:
        return f"{paint(one.environment, 'strong')}: {paint('damaged', 'bad')}: {one.fault}\n  hint: {one.hint}"
    if one.release is None:
        return f"{paint(one.environment, 'strong')}: nothing is deployed"
    release = one.release
    origin = f", content of release {release.rollback_of}" if release.rollback_of else ""
    lines = [f"{paint(one.environment, 'strong')}: {release.label} since {release.created_at} by {release.created_by}{origin}"]
    lines += [f"  {row.domain}: {row.profile or 'no profile'}, {row.reason}{_until(row.ends_at, row.confirm_by)}" for row in one.profiles]
    lines += [f"  unfinished: {what}; the next command that changes something completes the journal" for what in one.unfinished]
    drift = one.drift
    if drift is not None:
        lines.append(f"  live modified: {paint(', '.join(drift.live_modified), 'bad')}" if drift.live_modified else "  live modified: no")
        lines.append(f"  source not deployed: {_not_deployed(drift.not_deployed)}")
    return "\n".join(lines)


def _until(ends_at: str | None, confirm_by: str | None) -> str:
    return f", until {ends_at}{' unless confirmed' if confirm_by else ''}" if ends_at else ""


def _not_deployed(changes: Any) -> str:
    if changes is None:
        return "the sources are not valid: labmodels validate-config"
    if not changes:
        return "no"
    names = [change.key for change in changes[:3]]
    more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
    return f"{', '.join(names)}{more}: labmodels plan"
