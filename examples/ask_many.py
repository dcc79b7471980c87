"""Asks the lab one question a line and writes one JSON object a line, in order. Stops before a sum of money is exceeded.

    python examples/ask_many.py questions.txt --domain documentation --most 0.50 > answers.jsonl

One router stays open for all questions, so that breakers, limits and connections are shared. A question that nobody can answer is
written with its reason, and the next one is asked.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from labmodels import open_lab
from labmodels.errors import NoProvider
from labmodels.router.outcome import Outcome
from labmodels.router.question import Question

PICO = Decimal("1e-12")


def cost_usd(outcome: Outcome) -> Decimal | None:
    """Return what all attempts cost together, failed ones included; None where a bill is unknown."""
    costs = [attempt.cost_pico_usd for attempt in outcome.attempts if attempt.outcome != "skipped"]
    return None if any(cost is None for cost in costs) else sum((cost * PICO for cost in costs if cost is not None), Decimal(0))


def answers(questions: Iterable[str], domain: str | None, most_usd: Decimal) -> Iterator[dict[str, Any]]:
    """Yield the answer to each question until `most_usd` is spent. An unknown cost counts as nothing, and is told as null."""
    spent = Decimal(0)
    with open_lab().router() as router:
        for question in questions:
            if spent >= most_usd:
                return
            try:
                outcome = router.ask(Question.of(question, domain=domain))
            except NoProvider as error:
                yield {"question": question, "error": str(error)}
                continue
            cost = cost_usd(outcome)
            spent += cost or Decimal(0)
            yield {
                "question": question,
                "answer": outcome.answer.text,
                "candidate": outcome.attempts[-1].candidate,
                "degraded": outcome.answer.degraded,
                "cost_usd": None if cost is None else f"{cost:f}",
            }


def main() -> int:
    """Read the command line, ask, and write; 1 when a question had no answer."""
    parser = argparse.ArgumentParser(description="Ask the lab many questions.")
    parser.add_argument("questions", type=Path, help="a text file, one question a line")
    parser.add_argument("--domain")
    parser.add_argument("--most", type=Decimal, default=Decimal("1.00"), metavar="DOLLARS")
    given = parser.parse_args()
    lines = [line.strip() for line in given.questions.read_text(encoding="utf-8").splitlines() if line.strip()]
    failed = asked = 0
    for answer in answers(lines, given.domain, given.most):
        asked += 1
        failed += "error" in answer
        print(json.dumps(answer), flush=True)
    if asked < len(lines):
        print(f"stopped at {given.most} dollars: {len(lines) - asked} of {len(lines)} questions were not asked", file=sys.stderr)
    return 1 if failed or asked < len(lines) else 0


if __name__ == "__main__":
    sys.exit(main())
