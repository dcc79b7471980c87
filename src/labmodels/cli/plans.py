"""How plans look, for the commands that show one before they act: plan, deploy-config, rollback, diff."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labmodels.terminal.colour import Paint
from labmodels.terminal.diffs import KeyChange, render_changes
from labmodels.terminal.output import is_quiet, write

if TYPE_CHECKING:
    from labmodels.releases.content import Change
    from labmodels.releases.plan import Plan

_MOST_NEW_KEYS = 12


def render_plan(plan: Plan) -> None:
    """Print a plan on stdout: where it starts, each key that changes, then ceilings and fallbacks."""
    if is_quiet():
        return
    environment = plan.request.environment
    base = f"release {plan.base}" if plan.base else "nothing is live"
    if plan.is_empty:
        write(f"{environment}: no changes; {base} already is this state\n")
        return
    lines = [f"{environment}: {base} -> {plan.digest[:12]}, {_counted(plan.changes)}"]
    lines += _changes(plan.changes, is_first=plan.base is None)
    if plan.overrides:
        lines += ["set by hand:", *(f"  {override}" for override in plan.overrides)]
    if plan.ceilings and plan.base is not None:
        lines += ["cost ceilings:", *_indented(change_lines(plan.ceilings))]
    lines += _reach(plan)
    write("\n".join(lines) + "\n")


def save_plan(plan: Plan, path: Path) -> None:
    """Save a plan durably."""
    from labmodels.durable import DISK
    from labmodels.releases.plan import as_json

    DISK.write_file(path.absolute(), json.dumps({"schema_version": 1, **as_json(plan)}, indent=1, ensure_ascii=False).encode())


def change_lines(changes: Iterable[Change]) -> str:
    """Return the lines of changed keys: references to secrets are shown, what looks like a secret only as changed."""
    paint = Paint.of(sys.stdout)
    return render_changes([KeyChange(change.key, _text(change.before), _text(change.after)) for change in changes], paint)


def _text(value: Any) -> str | None:
    from labmodels.releases.content import ABSENT
    from labmodels.secrets import redact

    return None if value is ABSENT else redact(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _changes(changes: Sequence[Change], *, is_first: bool) -> list[str]:
    """Return the changes; of a first release, whose every key is new, only how many keys each config has."""
    if not is_first or len(changes) <= _MOST_NEW_KEYS:
        return _indented(change_lines(changes))
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.key.partition(".")[0]] = counts.get(change.key.partition(".")[0], 0) + 1
    names = [f"{name} ({count})" for name, count in counts.items() if count > 1]
    return ["  new, with their number of keys: " + ", ".join(names)]


def _counted(changes: Sequence[Change]) -> str:
    return f"{len(changes)} key{'s' * (len(changes) != 1)} change"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _reach(plan: Plan) -> list[str]:
    """Return which fallbacks are reachable where that changes, and which are named but not live, in groups of domains."""
    before = {reach.domain: reach for reach in plan.reach_before}
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for reach in plan.reach:
        if before.get(reach.domain) != reach or reach.not_live:
            groups.setdefault((reach.reachable, reach.not_live), []).append(reach.domain)
    lines = []
    for (reachable, not_live), domains in groups.items():
        missing = f"; not live: {', '.join(not_live)}" if not_live else ""
        lines.append(f"  {', '.join(domains)}: {' > '.join(reachable)}{missing}")
    return ["who answers:", *lines] if lines else []
