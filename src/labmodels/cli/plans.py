"""How plans look, for the commands that show one before they act: plan, deploy-config, rollback, diff."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from labmodels.terminal.colour import Paint
from labmodels.terminal.diffs import KeyChange, render_changes
from labmodels.terminal.output import is_quiet, write
from labmodels.terminal.text import wrapped

if TYPE_CHECKING:
    from labmodels.releases.content import Change
    from labmodels.releases.plan import Plan

_MOST_NEW_KEYS = 12


def render_plan(plan: Plan, stream: TextIO | None = None) -> None:
    """Print a plan on stdout, or where a question follows on `stream`: its base, each key that changes, then ceilings and fallbacks."""
    if is_quiet() and stream is None:
        return
    environment = plan.request.environment
    base = f"release {plan.base}" if plan.base else "no base" if plan.repairs else "nothing is live"
    if plan.is_empty:
        write(f"{environment}: no changes; {base} already is this state\n", stream)
        return
    paint = Paint.of(stream or sys.stdout)
    lines = [f"{environment}: {base} -> {plan.digest[:12]}, {counted(plan.changes)} change{'s' * (len(plan.changes) == 1)}"]
    lines += _changes(plan.changes, paint, is_first=plan.base is None)
    if plan.repairs:
        lines += ["repairs:", *(f"  {fault}" for fault in plan.repairs)]
    if plan.overrides:
        lines += ["set by hand:", *(f"  {override}" for override in plan.overrides)]
    if plan.ceilings and plan.base is not None:
        lines += ["cost ceilings:", *_indented(change_lines(plan.ceilings, paint))]
    lines += _reach(plan)
    write("\n".join(lines) + "\n", stream)


def save_plan(plan: Plan, path: Path) -> None:
    """Save a plan durably; write it into what is no regular file, such as /dev/stdout, instead of putting a file in its place."""
    from labmodels.durable import DISK
    from labmodels.errors import StorageFault
    from labmodels.releases.plan import as_json

    text = json.dumps({"schema_version": 1, **as_json(plan)}, indent=1, ensure_ascii=False)
    if path.is_file() or not path.exists():
        DISK.write_file(path.resolve(), text.encode())
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageFault.of(error, f"write {path}") from error


def change_lines(changes: Iterable[Change], paint: Paint) -> str:
    """Return the lines of changed keys: references to secrets are shown, what looks like a secret only as changed."""
    return render_changes([KeyChange(change.key, _text(change.before), _text(change.after)) for change in changes], paint)


def _text(value: Any) -> str | None:
    from labmodels.releases.content import ABSENT
    from labmodels.secrets import redact

    return None if value is ABSENT else redact(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _changes(changes: Sequence[Change], paint: Paint, *, is_first: bool) -> list[str]:
    """Return the changes; of a first release, whose every key is new, only how many keys each config has."""
    if not is_first or len(changes) <= _MOST_NEW_KEYS:
        return _indented(change_lines(changes, paint))
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.key.partition(".")[0]] = counts.get(change.key.partition(".")[0], 0) + 1
    told = "new, with their number of keys: " + ", ".join(f"{name} ({count})" for name, count in counts.items() if count > 1)
    return [f"  {line}" for line in (wrapped(told, paint.width - 2) if paint.width else [told])]


def counted(changes: Sequence[Change]) -> str:
    """Return how many keys there are, in words."""
    return f"{len(changes)} key{'s' * (len(changes) != 1)}"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _reach(plan: Plan) -> list[str]:
    """Return which fallbacks are reachable where that changes, and which are named but not live, in groups of domains."""
    before = {reach.domain: reach for reach in plan.reach_before}
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for reach in plan.reach:
        if before.get(reach.domain) != reach or any(not name.startswith("custom/") for name in reach.not_live):
            groups.setdefault((reach.reachable, reach.not_live), []).append(reach.domain)
    lines = []
    for (reachable, not_live), domains in groups.items():
        missing = f"; not live: {', '.join(not_live)}" if not_live else ""
        lines.append(f"  {', '.join(domains)}: {' > '.join(reachable)}{missing}")
    return ["who answers:", *lines] if lines else []
