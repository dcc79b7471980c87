"""Takes what is in the working tree from test to production, and goes back when the first minutes are bad. For a CI job.

    python examples/promote.py --questions questions.txt --why "ticket 4711"

Deploys to test, asks each question there, deploys the same sources to production with a probe as gate, and asks again. A degraded
answer counts as bad: it means that no model answered. After a bad answer in production the release before is made live again, by
`labmodels rollback`, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from labmodels import open_lab
from labmodels.errors import GateFailed, NoProvider, StalePlan


def bad_answers(questions: Sequence[str], environment: str) -> list[str]:
    """Return the questions that no model answers in `environment`."""
    bad = []
    for question in questions:
        try:
            outcome = open_lab().ask(question, environment=environment)
        except NoProvider:
            bad.append(question)
            continue
        if outcome.answer.degraded:
            bad.append(question)
    return bad


def deploy(environment: str, why: str) -> bool:
    """Deploy everything; return whether there was something to deploy."""
    lab = open_lab()
    plan = lab.plan(environment=environment)
    if plan.is_empty:
        return False
    lab.deploy(plan, why=why, probe=environment == "production")
    return True


def main() -> int:
    """Promote, or say why not."""
    parser = argparse.ArgumentParser(description="Promote the working tree to production.")
    parser.add_argument("--questions", type=Path, required=True, help="a text file, one question a line")
    parser.add_argument("--why", required=True)
    given = parser.parse_args()
    questions = [line for line in given.questions.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not open_lab().validate().is_valid:
        print("the configurations are not valid: labmodels validate-config", file=sys.stderr)
        return 1
    try:
        deploy("test", given.why)
        if bad := bad_answers(questions, "test"):
            print(f"test does not answer {len(bad)} of {len(questions)} questions, first: {bad[0]}", file=sys.stderr)
            return 1
        if not deploy("production", given.why):
            print("production has all of this already")
            return 0
    except (GateFailed, StalePlan) as error:
        print(f"{error}\n  hint: {error.hint}", file=sys.stderr)
        return int(error.exit_code)
    if bad := bad_answers(questions, "production"):
        print(f"production does not answer {len(bad)} of {len(questions)} questions: going back", file=sys.stderr)
        return subprocess.run(["labmodels", "rollback", "--env", "production", "--yes"], check=False).returncode or 1
    print("production is live")
    return 0


if __name__ == "__main__":
    sys.exit(main())
