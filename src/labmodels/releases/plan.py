"""What a deployment would change: the base it starts from, the digests it rests on, each key that moves, ceilings and reachable fallbacks.

Changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from labmodels.config.schema.base import BASIC_NLP, ENVIRONMENTS
from labmodels.errors import StalePlan, Usage
from labmodels.releases.candidate import Request
from labmodels.releases.content import ABSENT, Change, Content, changes, flat_changes
from labmodels.releases.effective import Choice, Effective
from labmodels.releases.store import Standing

_NO_PROFILE = Choice(None, "", is_switch=False)


class Reach(NamedTuple):
    """Who can answer for a domain: the route, split into what is released (or built in) and what is not."""

    domain: str
    reachable: tuple[str, ...]
    not_live: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A deployment that has not happened. `flat` is the whole target by key, so that a stale plan can name the key that moved."""

    request: Request
    base: int | None
    base_digest: str | None
    base_flat: Mapping[str, Any]
    sources: Mapping[str, str]
    digest: str
    flat: Mapping[str, Any]
    changes: tuple[Change, ...]
    ceilings: tuple[Change, ...]
    reach: tuple[Reach, ...]
    reach_before: tuple[Reach, ...]
    overrides: tuple[str, ...]
    repairs: tuple[str, ...] = ()  # what of the live release is not as it was deployed

    @property
    def is_empty(self) -> bool:
        """Whether the live release already is the target, and whole."""
        return self.digest == self.base_digest and not self.repairs


def make_plan(request: Request, content: Content, standing: Standing) -> Plan:
    """Return the plan that leads from what is live to `content`. What is too damaged to be read is no base."""
    live = standing.release
    before = live.content if live else None
    return Plan(
        request=request,
        base=live.number if live else None,
        base_digest=live.digest if live else None,
        base_flat=before.flat() if before else {},
        sources={path: sha256(text.encode()).hexdigest() for path, text in sorted(content.sources.items())},
        digest=content.digest,
        flat=content.flat(),
        changes=tuple(changes(before, content)),
        ceilings=tuple(flat_changes(_ceilings(before), _ceilings(content))),
        reach=_reach(content),
        reach_before=_reach(before) if before else (),
        overrides=tuple(
            f"{override.key}={json.dumps(override.value, ensure_ascii=False)} ({override.layer})" for override in content.overrides
        ),
        repairs=standing.faults(),
    )


def _ceilings(content: Content | None) -> dict[str, str]:
    """Return the most that may be spent, by model and period, and over all models; `unlimited` where a released model has no budget."""
    if content is None:
        return {}
    effective = Effective(content)
    models = [model for name in effective.names("language_model") if (model := effective.language_model(name, None, _NO_PROFILE))]
    found: dict[str, str] = {}
    for period in ("request", "day", "month"):
        amounts = {model.name: getattr(model.budgets, period) for model in models if not _is_free(model.prices)}
        found |= {f"{name} a {period}": f"${amount}" for name, amount in amounts.items() if amount is not None}
        if amounts and period != "request":
            unlimited = sorted(name for name, amount in amounts.items() if amount is None)
            total = sum((amount for amount in amounts.values() if amount is not None), start=type(next(iter(amounts.values())) or 0)(0))
            found[f"all models a {period}"] = f"unlimited ({', '.join(unlimited)})" if unlimited else f"${total}"
    return found


def _is_free(prices: Any) -> bool:
    return prices is not None and not prices.input and not prices.output


def _reach(content: Content) -> tuple[Reach, ...]:
    effective = Effective(content)
    return tuple(_reach_of(domain, effective) for domain in ("", *effective.domains()))


def _reach_of(domain: str, effective: Effective) -> Reach:
    route = effective.route(domain or None)
    live = tuple(name for name in route if name in effective.content.configs or name == BASIC_NLP)
    return Reach(domain or "any domain", live, tuple(name for name in route if name not in live))


def refuse_if_stale(planned: Plan, found: Plan, base_then: Mapping[str, Any] | None, shown_as: str) -> None:
    """Raise StalePlan, naming the key that moved, unless `found` (made now) is what was `planned`.

    `base_then`: the planned base's keys, if still there.
    """
    if planned.base != found.base or planned.base_digest != found.base_digest:
        moved = flat_changes(base_then if base_then is not None else planned.base_flat, found.base_flat)
        if moved:
            then, now = (f" (release {base})" if base else " (nothing live)" for base in (planned.base, found.base))
            raise StalePlan(shown_as, moved[0].key, _shown(moved[0].before) + then, _shown(moved[0].after) + now)
        raise StalePlan(shown_as, "the live release", str(planned.base or "none"), str(found.base or "none"))
    if planned.digest != found.digest:
        moved = flat_changes(planned.flat, found.flat)
        if moved:
            raise StalePlan(shown_as, moved[0].key, _shown(moved[0].before), _shown(moved[0].after))
        raise StalePlan(shown_as, "the target", planned.digest[:12], found.digest[:12])


def _shown(value: Any) -> str:
    from labmodels.secrets import redact

    return "absent" if value is ABSENT else redact(json.dumps(value, ensure_ascii=False))


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as it is saved: references to secrets, never secrets."""
    return {
        "environment": plan.request.environment,
        "paths": list(plan.request.paths),
        "settings": list(plan.request.settings),
        "base": plan.base,
        "base_digest": plan.base_digest,
        "digest": plan.digest,
        "is_empty": plan.is_empty,
        "sources": dict(plan.sources),
        "overrides": list(plan.overrides),
        "repairs": list(plan.repairs),
        "changes": [change_as_json(change) for change in plan.changes],
        "cost_ceilings": [change_as_json(change) for change in plan.ceilings],
        "reachable": [reach._asdict() for reach in plan.reach],
        "reachable_before": [reach._asdict() for reach in plan.reach_before],
        "base_values": dict(plan.base_flat),
        "values": dict(plan.flat),
    }


def change_as_json(change: Change) -> dict[str, Any]:
    """Return one change; the side that is absent has no key."""
    return {"key": change.key} | {
        side: value for side, value in (("before", change.before), ("after", change.after)) if value is not ABSENT
    }


def load_plan(path: Path) -> Plan:
    """Read a plan that `plan -o` saved. Raises Usage for anything else."""
    try:
        return _from_json(json.loads(path.read_bytes()))
    except OSError as error:
        raise Usage(f"{path} cannot be read: {error.strerror}", hint="labmodels plan -o PLAN.json") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Usage(f"{path} is not a plan", hint="labmodels plan -o PLAN.json") from None


def _from_json(data: Mapping[str, Any]) -> Plan:
    if data["environment"] not in ENVIRONMENTS:  # it names a folder
        raise ValueError(data["environment"])
    return Plan(
        request=Request(data["environment"], tuple(map(str, data["paths"])), tuple(map(str, data["settings"]))),
        base=data["base"],
        base_digest=data["base_digest"],
        base_flat=dict(data["base_values"]),
        sources=dict(data["sources"]),
        digest=str(data["digest"]),
        flat=dict(data["values"]),
        changes=_changes_from_json(data["changes"]),
        ceilings=_changes_from_json(data["cost_ceilings"]),
        reach=_reach_from_json(data["reachable"]),
        reach_before=_reach_from_json(data["reachable_before"]),
        overrides=tuple(map(str, data["overrides"])),
        repairs=tuple(map(str, data["repairs"])),
    )


def _changes_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[Change, ...]:
    return tuple(Change(change["key"], change.get("before", ABSENT), change.get("after", ABSENT)) for change in data)


def _reach_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[Reach, ...]:
    return tuple(Reach(reach["domain"], tuple(reach["reachable"]), tuple(reach["not_live"])) for reach in data)
