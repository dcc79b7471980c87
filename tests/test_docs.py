"""The handbook names commands and options that there are, and its links lead somewhere."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

from labmodels.cli.app import COMMANDS, run
from labmodels.config.codes import CODES
from labmodels.config.schema.fallback import DEFAULT_DECISIONS

ROOT = Path(__file__).resolve().parent.parent
LAB_PAGES = [
    page for folder in ("knowledge_base", "infrastructure", "monitoring", "logs") for page in sorted((ROOT / folder).rglob("*.md"))
]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")), *LAB_PAGES]
COMMAND = re.compile(r"(?:`|^\$ |^> |^ *(?:- |\d+\. )?)labmodels ([a-z][^`\n#|]*)", re.MULTILINE)


@cache
def options_of(command: str) -> frozenset[str]:
    shown = io.StringIO()
    with redirect_stdout(shown):
        assert run([*command.split(), "--help"]) == 0
    return frozenset(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", shown.getvalue().partition("\nOptions:\n")[2]))


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_command_and_option_of_a_page_exists(page):
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        words = line.split()
        command = next((name for count in (3, 2, 1) if (name := " ".join(words[:count])) in COMMANDS), "")
        assert command, line
        named = {found[1] for word in words if (found := re.match(r"\[?(--?[a-z][a-z-]*)", word))}
        assert named <= options_of(command), f"labmodels {line}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_link_of_a_page_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{target} leads nowhere"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


@pytest.mark.parametrize("page", [page for page in PAGES if page.name == "validation.md"], ids=page_id)
def test_the_ranges_of_codes_are_the_ones_that_exist(page):
    ranges = re.findall(r"^\| (LM\d+) to (LM\d+) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    by_group = {code[:3]: [other for other in CODES if other[:3] == code[:3]] for code in CODES}
    assert ranges == [(group[0], group[-1]) for group in by_group.values()]


def test_every_page_is_reached_from_the_first_one():
    links = {page: set(re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))) for page in PAGES}
    reached, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [(page.parent / target).resolve() for target in links.get(page, ()) if target.endswith(".md")]
    pages = {page for page in PAGES if page.is_relative_to(ROOT / "docs") and "decisions" not in page.parts and page.name != "log.md"}
    assert pages <= reached, pages - reached


def test_the_page_on_routing_holds_the_default_decision_of_every_class():
    page = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| .* \| `(\w+)` \|$", page, re.MULTILINE))
    assert table == DEFAULT_DECISIONS
