"""The starter lab keeps its promises: its configurations are valid and honest, and its pages name only what exists."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from itertools import product
from pathlib import Path

import pytest
import yaml

from labmodels.cli.app import COMMANDS
from labmodels.config.catalog import load
from labmodels.config.diagnostics import Severity
from labmodels.config.layers import merge
from labmodels.config.schema import KINDS
from labmodels.config.schema.base import ENVIRONMENTS, Document
from labmodels.config.schema.shape import merge_keys
from labmodels.config.validate import validate
from labmodels.embeddings.lexical import retrieve
from labmodels.lab import Lab

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted([ROOT / "labmodels.yaml", *(ROOT / "configs").rglob("*.yaml")])
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
BLANK = "  "  # the block's empty lines are indented

INTEGRATION = f"""\
model_integration:
  primary_models:
    language: "gpt-4"
    code_analysis: "custom/code_reviewer"
    embeddings: "text_embeddings/knowledge_base"
{BLANK}
  fallback_strategy:
    enabled: true
    fallback_order: ["claude", "local_llm", "basic_nlp"]
    failure_threshold: 3
{BLANK}
  performance_monitoring:
    enabled: true
    metrics: ["latency", "accuracy", "cost_per_request"]
    alert_thresholds:
      latency: "5 seconds"
      accuracy: "85%"
      cost_per_request: "$0.10"
"""


@cache
def catalog():
    return load(Lab(ROOT))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# -- configurations ------------------------------------------------------------------------------------------------------


def test_the_integration_block_stands_byte_for_byte_as_it_was_asked_for():
    assert f"\n{INTEGRATION}\n".encode() in (ROOT / "labmodels.yaml").read_bytes()


@pytest.mark.parametrize("path", CONFIGS, ids=named)
def test_a_file_tells_the_editor_the_schema_of_its_own_kind(path):
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    modeline = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    kind = yaml.safe_load(path.read_text(encoding="utf-8")).get("kind", "lab")
    assert modeline is not None
    assert (path.parent / modeline[1]).resolve() == ROOT / "schemas" / f"{kind}.schema.json"
    assert (ROOT / "schemas" / f"{kind}.schema.json").is_file()


@pytest.mark.parametrize("path", CONFIGS, ids=named)
def test_a_file_says_what_it_is_for_and_who_answers_for_it(path):
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert declared["description"]
    assert declared["owner"]


def test_every_kind_of_file_is_shipped():
    assert {document.kind for document in catalog().documents} | {"lab"} == set(KINDS)


def test_the_lab_is_valid_in_every_environment_and_profile_without_a_warning():
    outcome = validate(catalog())
    assert [found for found in outcome.diagnostics if found.severity is not Severity.INFO] == []
    assert outcome.files_count == len(CONFIGS)
    assert outcome.combinations_count > len(CONFIGS) * len(ENVIRONMENTS)


def resolved_models():
    """Yield every language model in every environment under every profile, without a domain and for each domain."""
    profiles = list(catalog().of_kind("performance_profile"))
    domains = [None, *catalog().of_kind("specialized_model")]
    for document, environment, profile, domain in product(catalog().of_kind("language_model"), ENVIRONMENTS, profiles, domains):
        values = document.merged(environment)
        for overlaying in (profile, domain):
            overlay = overlaying.merged(environment).get("overlay", {}) if overlaying else {}
            values = merge(values, overlay, merge_keys(document.model))
        yield document.model.model_validate(values)


def test_no_request_that_the_context_holds_can_exceed_its_budget():
    for model in resolved_models():
        written = model.parameters.max_output_tokens
        assert written is not None, model.name
        worst = (model.prices.input * (model.context_tokens - written) + model.prices.output * written) / 1_000_000
        assert model.budgets.request is None or worst <= model.budgets.request, (model.name, worst)


def test_nothing_lays_sampling_over_claude_which_answers_it_with_an_error():
    sampling = [(model.parameters.temperature, model.parameters.top_p) for model in resolved_models() if model.provider == "anthropic"]
    assert set(sampling) == {(None, None)}


def test_what_may_be_spent_grows_from_dev_to_production():
    for document in catalog().of_kind("language_model"):
        budgets = [document.model.model_validate(document.merged(environment)).budgets for environment in ENVIRONMENTS]
        for period in ("day", "month"):
            amounts = [getattr(budget, period) for budget in budgets]
            assert amounts == [None] * 3 or amounts == sorted(amounts), (document.name, period)


def test_the_twelve_embedding_domains_are_in_their_groups():
    groups: dict[str, set[str]] = {}
    for document in catalog().of_kind("embedding_model"):
        for domain, declared in document.data["domains"].items():
            groups.setdefault(declared["group"], set()).add(domain)
    assert groups == {
        "text": {"documentation", "procedures", "troubleshooting", "knowledge_base"},
        "code": {"source_code", "configuration", "scripts", "api_definitions"},
        "system": {"infrastructure", "monitoring", "logs", "metrics"},
    }


def test_the_documentation_domain_covers_the_pages_and_the_readme():
    domain = catalog().by_name["text_embeddings"].data["domains"]["documentation"]
    covered = {path for glob in domain["sources"] for path in ROOT.glob(glob)} - {
        path for glob in domain["exclude"] for path in ROOT.glob(glob)
    }
    assert {ROOT / "README.md", ROOT / "docs/releases.md", ROOT / "docs/procedures/provider-outage.md"} <= covered


# -- pages ---------------------------------------------------------------------------------------------------------------


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings as GitHub and GitLab make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_inside_the_repository_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file), target


def test_every_page_is_reached_from_the_index():
    linked: set[Path] = set()
    pending = [ROOT / "docs" / "index.md"]
    while pending:
        page = pending.pop()
        if page not in linked and page.suffix == ".md" and page.exists():
            linked.add(page)
            pending += [(page.parent / target.partition("#")[0]).resolve() for target in re.findall(r"\]\(([^)\s:]+)\)", text_of(page))]
    own = {page for page in (ROOT / "docs").rglob("*.md") if "decisions" not in page.parts and page.name != "log.md"}
    assert own - linked == set()


@pytest.mark.parametrize(
    ("question", "domain", "page"),
    [
        ("how do I roll back a release?", "documentation", "docs/releases.md"),
        ("what is drift?", "documentation", "docs/releases.md"),
        ("how do I set a budget?", "documentation", "docs/configuration.md"),
        ("how do I rotate a provider key?", "procedures", "docs/procedures/rotate-a-provider-key.md"),
        ("what do I do in a provider outage?", "procedures", "docs/procedures/provider-outage.md"),
        ("my plan is stale", "troubleshooting", "docs/troubleshooting.md"),
    ],
)
def test_an_operators_question_finds_the_page_that_answers_it(question, domain, page):
    embeddings = catalog().by_name["text_embeddings"]
    declared = embeddings.model.model_validate(embeddings.data).domains[domain]
    assert page in {passage.path for passage in retrieve(ROOT, [declared], question, 3)}


def commands(text: str) -> set[str]:
    """Return the labmodels command lines of a page: whole inline code spans and lines of its code blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    lines = [line for block in blocks for line in block.splitlines()] + spans
    return {found[1] for line in lines if (found := re.match(r"\s*(?:- |\$ )?(?:[A-Z_]+=\S+ )*labmodels (.+)$", line))}


@cache
def help_of(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "labmodels", *command.split(), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"COLUMNS": "200"},
    )
    assert done.returncode == 0, f"labmodels {command}: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_and_flag_in_a_page_exists(page):
    for line in commands(text_of(page)):
        words = line.partition(" #")[0].split()
        if not words[0].startswith("-"):
            command = next(name for count in (3, 2, 1) if (name := " ".join(words[:count])) in COMMANDS)
            offered = set(re.findall(r"--?[a-z][a-z-]*", help_of(command)))
            assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= offered, line


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("A language model", "language_model"),
        ("A specialised model", "specialized_model"),
        ("A performance profile", "performance_profile"),
    ],
)
def test_the_page_on_configuration_names_every_key_of_a_kind_and_no_other(section, kind):
    page = text_of(ROOT / "docs/configuration.md")
    table = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    told = {key.partition(".")[0] for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for key in re.findall(r"`([^`]+)`", row)}
    assert told == set(KINDS[kind].model.model_fields) - set(Document.model_fields) - {"kind"}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_example_of_a_configuration_is_yaml(page):
    for block in re.findall(r"^```yaml\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE):
        assert yaml.compose(block) is not None or block.startswith("#")


# -- continuous integration ----------------------------------------------------------------------------------------------


def test_the_pre_commit_hook_runs_for_the_files_of_a_lab_and_for_no_other():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["id"] == "labmodels-validate-config"
    assert all(re.search(hook["files"], named(path)) for path in CONFIGS)
    assert re.search(hook["files"], "labs/north/configs/language_models/x.yml")
    assert not any(
        re.search(hook["files"], path) for path in ("README.md", "myconfigs/x.yaml", "docs/releases.md", "src/labmodels.yaml.md")
    )


def test_the_workflow_validates_when_a_file_of_the_lab_changes():
    workflow = yaml.safe_load((ROOT / ".github/workflows/validate-configs.yml").read_text(encoding="utf-8"))
    triggers = workflow[True]  # YAML 1.1 reads `on` as true
    assert {"labmodels.yaml", "configs/**"} <= set(triggers["pull_request"]["paths"])
    assert workflow["permissions"] == {"contents": "read"}
    assert {"run": "labmodels validate-config"} in workflow["jobs"]["validate"]["steps"]
