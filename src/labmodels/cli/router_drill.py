"""labmodels router drill: rehearse faults against the live route, and see whether the router does what the decision table says."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from labmodels.cli.options import Domain, Environment, Json, Profile, environment_of
from labmodels.errors import ExitCode
from labmodels.lab import Lab

if TYPE_CHECKING:
    from labmodels.router.drill import Scene


def router_drill(lab: Lab, domain: Domain = None, profile: Profile = None, env: Environment = None, json: Json = False) -> int:
    """Rehearse faults against the live route.

    Copies of the live models are asked at a provider on this machine that fails on demand; the first model of the route has each fault
    in turn. Nothing leaves the machine, and live breakers and budgets are not touched. Exits 1 unless every fault ends as declared.
    """
    from labmodels.router.drill import score
    from labmodels.router.question import Question
    from labmodels.terminal.output import emit_json, is_quiet, say, write
    from labmodels.wiring import default_environment
    from labmodels.wiring.drill import drill
    from labmodels.wiring.router import LabRouter

    environment = environment_of(env, default_environment(lab))
    scenes = []
    with LabRouter(lab, environment) as router:
        for scene in drill(router, Question.of("What is the answer?", domain=domain, profile=profile)):
            scenes.append(scene)
            if not json and len(scenes) % 10 == 0:
                say(f"rehearsed {len(scenes)} faults")
    good, total = score(scenes)
    if json:
        told = [{**asdict(scene), "is_as_expected": scene.is_as_expected} for scene in scenes]
        emit_json({"environment": environment, "domain": domain, "score": good, "of": total, "scenes": told})
    elif not is_quiet() or good < total:
        write(_text(scenes) + f"\n{environment}: {good} of {total} as declared\n")
    return ExitCode.OK if good == total else ExitCode.VERDICT_NO


def _text(scenes: list[Scene]) -> str:
    import sys

    from labmodels.terminal.colour import Paint
    from labmodels.terminal.tables import table

    rows = [
        (
            "ok" if scene.is_as_expected else "NOT",
            scene.told,
            scene.seen.error_class,
            scene.seen.tries,
            scene.seen.answered_by if scene.is_as_expected else f"{scene.seen.answered_by}, not {scene.expected.answered_by}",
            round(scene.seen.took_s, 2),
        )
        for scene in scenes
    ]
    return table(("", "when", "taken for", "tries", "answered by", "s"), rows, Paint.of(sys.stdout))
