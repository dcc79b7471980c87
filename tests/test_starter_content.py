"""What the starter lab ships to be found is true of this program: every domain has something, and each file names only what exists."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from scripts import example_telemetry

from labmodels.cli.app import COMMANDS
from labmodels.config.catalog import load
from labmodels.embeddings.documents import documents
from labmodels.gateway import metrics
from labmodels.lab import Lab
from labmodels.starter import lay_out, starter_files
from tests.labs import REPOSITORY as ROOT

SCRIPTS = sorted((ROOT / "scripts/maintenance").glob("*.sh"))
UNITS = sorted((ROOT / "infrastructure/systemd").iterdir())
ALERTS = yaml.safe_load((ROOT / "monitoring/alerts.yaml").read_text())
CATALOGUE = {entry["name"]: entry for entry in yaml.safe_load((ROOT / "metrics/catalogue.yaml").read_text())["metrics"]}


def families(text: str) -> dict[str, str]:
    """Return the help of each metric of exposition text by its name."""
    return dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))


# -- domains -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fresh_lab(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("lab")
    lay_out(root)
    return root


def domains():
    models = load(Lab(ROOT)).of_kind("embedding_model")
    return {name: domain for model in models for name, domain in model.model.model_validate(model.data).domains.items()}


@pytest.mark.parametrize("name", sorted(domains()))
def test_a_fresh_lab_has_something_to_find_in_every_domain(fresh_lab, name):
    found = list(documents(fresh_lab, domains()[name]))
    assert found
    assert all(document.text.strip() for document in found)


def test_every_file_of_a_fresh_lab_that_is_no_machinery_is_in_a_domain(fresh_lab):
    indexed = {document.path for domain in domains().values() for document in documents(fresh_lab, domain)}
    left_out = {name for name in starter_files() if name not in indexed and not name.startswith("schemas/")}
    assert left_out == {"logs/README.md"}


def test_no_domain_holds_what_was_made_for_tests():
    indexed = {document.path for domain in domains().values() for document in documents(ROOT, domain)}
    assert not [path for path in indexed if path.startswith(("tests/", "benchmarks/", ".venv/"))]


# -- scripts and units ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_bash_and_calls_only_commands_that_there_are(script):
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    text = re.sub(r"^\s*#.*$", "", script.read_text(), flags=re.MULTILINE)
    called = re.findall(r"labmodels --lab \"\$lab\" ((?:[a-z-]+ ?)+)", text)
    for words in (line.split() for line in called):
        assert any(" ".join(words[:count]) in COMMANDS for count in (3, 2, 1)), words
    assert text.startswith("#!") is False and script.read_text().startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text


def test_a_gateway_that_is_not_there_is_not_well():
    done = subprocess.run(
        [str(ROOT / "scripts/maintenance/check-gateway.sh"), "http://127.0.0.1:9"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "check-gateway: http://127.0.0.1:9 does not answer: is the service running?\n")


def test_a_secret_file_that_others_may_read_and_one_that_is_gone_are_told(tmp_path):
    open_to_all = tmp_path / "open"
    open_to_all.write_text("")
    open_to_all.chmod(0o644)
    closed = tmp_path / "closed"
    closed.write_text("")
    closed.chmod(0o600)
    lab = tmp_path / "lab"
    (lab / "configs").mkdir(parents=True)
    (lab / "labmodels.yaml").write_text("")
    keys = (open_to_all, closed, tmp_path / "gone")
    (lab / "configs/models.yaml").write_text("".join(f"- api_key: file:{path}\n" for path in keys))
    done = subprocess.run(
        [str(ROOT / "scripts/maintenance/check-keys.sh"), str(lab)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{closed}: 0 days old, mode 600",
        f"{tmp_path / 'gone'}: is not there",
        f"{open_to_all}: 0 days old, mode 644: others may use it, chmod 600",
    ]


@pytest.mark.parametrize("path", [*UNITS, ROOT / "infrastructure/cron/labmodels.cron"], ids=lambda path: path.name)
def test_a_unit_and_the_crontab_start_scripts_that_are_shipped(path):
    for script in re.findall(r"/opt/lab/(scripts/\S+\.sh)", path.read_text()):
        assert script in starter_files()


def test_each_timer_has_its_service():
    names = {path.name for path in UNITS}
    assert {path.name.replace(".timer", ".service") for path in UNITS if path.suffix == ".timer"} <= names


def test_the_manifests_are_yaml_and_wait_longer_than_the_gateway_drains():
    compose = yaml.safe_load((ROOT / "infrastructure/compose.yaml").read_text())["services"]["gateway"]
    stateful, service = yaml.safe_load_all((ROOT / "infrastructure/kubernetes/gateway.yaml").read_text())
    pod = stateful["spec"]["template"]["spec"]
    unit = (ROOT / "infrastructure/systemd/labmodels-gateway.service").read_text()
    graces = [
        int(compose["stop_grace_period"].rstrip("s")),
        pod["terminationGracePeriodSeconds"],
        int(re.search(r"TimeoutStopSec=(\d+)", unit)[1]),
    ]
    assert min(graces) > 30 + 5, "--drain, and what follows it"
    assert stateful["spec"]["replicas"] == 1, "the ledger has one host"
    assert service["spec"]["selector"] == stateful["spec"]["selector"]["matchLabels"]


# -- metrics and alerts --------------------------------------------------------------------------------------------------


def test_the_catalogue_tells_of_every_metric_of_the_gateway_in_its_own_words():
    rendered = families(metrics.render(metrics.Board(1).totals()))
    assert {name: entry["help"] for name, entry in CATALOGUE.items() if name.startswith("labmodels_")} == rendered
    local = families((ROOT / "metrics/llama_server.prom").read_text())
    assert {name for name in CATALOGUE if name.startswith("llamacpp:")} == local.keys()


def expressions() -> list[str]:
    rules = [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
    panels = json.loads((ROOT / "monitoring/dashboard.json").read_text())["panels"]
    return [*rules, *(target["expr"] for panel in panels for target in panel["targets"]), *(entry["query"] for entry in CATALOGUE.values())]


@pytest.mark.parametrize("expression", expressions())
def test_alerts_panels_and_queries_name_metrics_and_labels_that_exist(expression):
    for name in re.findall(r"\b(?:labmodels_\w+|llamacpp:\w+)", expression):
        assert re.sub(r"_(bucket|sum|count)$", "", name) in CATALOGUE, name
    for route in (part for group in re.findall(r'route=~?"([^"]+)"', expression) for part in group.split("|")):
        assert route in metrics.ROUTES
    for status in re.findall(r"\b([45]\d\d)\b", " ".join(re.findall(r'status=~?"([^"]+)"', expression))):
        assert int(status) in metrics.STATUSES


def test_each_alert_leads_to_its_section():
    page = (ROOT / "monitoring/when-an-alert-fires.md").read_text()
    sections = {f"monitoring/when-an-alert-fires.md#{heading.lower()}" for heading in re.findall(r"^## (\w+)$", page, re.MULTILINE)}
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]
    assert {rule["annotations"]["runbook"] for rule in rules} == sections
    assert {rule["labels"]["severity"] for rule in rules} <= {"page", "ticket"}


# -- the example day -----------------------------------------------------------------------------------------------------


def test_the_example_day_is_the_one_that_its_script_writes():
    written = example_telemetry.files()
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "logs").rglob("*.log")} == {
        name for name in written if name.endswith(".log")
    }
    for name, text in written.items():
        assert (ROOT / name).read_text() == text, f"{name}: python scripts/example_telemetry.py writes it"
    assert sum(len(text) for name, text in written.items() if name.startswith("logs/")) < 300_000
