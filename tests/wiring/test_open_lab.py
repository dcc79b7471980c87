"""The Python API, which is wiring's face, and what wiring alone decides: environments, where retrieval looks, and the probe.

Asking end to end is in tests/cli/test_ask.py.
"""

from __future__ import annotations

import os

import pytest

import labmodels
from labmodels import open_lab
from labmodels.durable import FileSystem
from labmodels.errors import GateFailed, NoProvider, StalePlan, Usage
from labmodels.ledger.record import Ledger
from labmodels.providers.loopback import Loopback
from labmodels.wiring import default_environment, ledger_of, live_of, retrieve, store_of
from tests.labs import CODE_ANALYSIS, GPT4, EditedLab

PAGE = "# Releases\n\n## Roll back a release\n\nRun `labmodels rollback`.\n"


@pytest.fixture
def lab(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("LABMODELS", "OPENAI", "ANTHROPIC", "LOCAL_LLM"))]:
        monkeypatch.delenv(name)
    # Durability is tests/test_durable.py's; without waiting for the disk these tests take a third of the time.
    monkeypatch.setattr(FileSystem, "fsync_file", lambda *_: None)
    monkeypatch.setattr(FileSystem, "fsync_folder", lambda *_: None)
    lab = EditedLab(tmp_path)
    lab.write("docs/releases.md", PAGE)
    lab.write("knowledge_base/ponds.md", "# Ponds\n\nThe deep pond is closed in winter.\n")
    return lab


@pytest.fixture
def openai(monkeypatch):
    with Loopback() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.openai_url)
        yield server


# -- open_lab --------------------------------------------------------------------------------------------------------------


def test_a_program_does_the_main_job(lab, openai):
    opened = open_lab(lab.root)
    assert opened.validate().is_valid
    plan = opened.plan()
    assert (plan.request.environment, plan.base, plan.is_empty) == ("dev", None, False)
    done = opened.deploy(plan, why="the first one")
    assert done.is_new and done.release.number == 1
    assert opened.plan().is_empty
    change = opened.switch("high_accuracy", "text_generation", lasts_s=3600, why="a trial")
    assert (change.before, change.after, change.ends_at is not None) == ("fast_response", "high_accuracy", True)
    status = opened.status()
    assert not status.has_drift
    assert {(row.domain, row.profile) for row in status.profiles} >= {("text_generation", "high_accuracy")}
    openai.reply = "The answer is forty-two, as everybody knows."
    outcome = opened.ask("What is the answer?", domain="text_generation")
    assert (outcome.answer.text, outcome.attempts[-1].candidate) == (openai.reply, "gpt-4")
    assert openai.seen[-1].body["max_tokens"] == 8192


def test_a_lab_is_found_as_the_command_line_finds_it(lab, monkeypatch, tmp_path):
    (tmp_path / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "down")
    assert open_lab().lab.root == lab.root
    assert open_lab(str(lab.root)).lab.root == lab.root
    with pytest.raises(Usage, match="is no lab"):
        open_lab(tmp_path / "deep")
    assert set(labmodels.__all__) == {"__version__", "open_lab"}


def test_the_environment_is_the_argument_or_the_variable_or_the_default(lab, monkeypatch):
    opened = open_lab(lab.root)
    assert opened.plan().request.environment == "dev"
    monkeypatch.setenv("LABMODELS_ENV", "test")
    assert opened.plan().request.environment == "test"
    assert opened.plan(environment="production").request.environment == "production"
    for ask in (opened.plan, opened.status):
        with pytest.raises(Usage, match="no environment is called prod"):
            ask(environment="prod")
    assert not lab.state.exists()


def test_a_plan_is_deployed_exactly_or_not_at_all(lab):
    opened = open_lab(lab.root)
    opened.deploy(opened.plan())
    plan = opened.plan("gpt-4", settings=["gpt-4.parameters.temperature=0.4"])
    assert [change.key for change in plan.changes] == ["gpt-4.parameters.temperature"]
    lab.edit(GPT4, ("temperature: 0.2", "temperature: 0.9"), ("seed: 7", "seed: 8"), ("attempts: 2", "attempts: 1"))
    with pytest.raises(StalePlan, match=r"gpt-4\.retries\.attempts"):
        opened.deploy(plan)
    assert live_of(lab, "dev").release.number == 1


def test_nobody_can_answer_is_an_error_with_every_attempt(lab):
    opened = open_lab(lab.root)
    opened.deploy(opened.plan())
    with pytest.raises(NoProvider) as caught:
        opened.ask("Translate this", domain="translation")
    assert [one.candidate for one in caught.value.attempts] == ["gpt-4", "claude", "local_llm"]


# -- parts -----------------------------------------------------------------------------------------------------------------


def test_the_default_environment_is_the_labs_own(lab):
    assert default_environment(lab) == "dev"
    lab.edit("labmodels.yaml", ("default_environment: dev", "default_environment: test"))
    assert default_environment(lab) == "test"
    lab.edit("labmodels.yaml", ("default_environment: test", ""))
    assert default_environment(lab) == "dev"


def test_a_store_of_an_unknown_environment_is_refused_before_a_folder_is_made(lab):
    for name in ("nowhere", "../dev", ""):
        with pytest.raises(Usage, match="no environment is called"):
            store_of(lab, name)


def test_a_ledger_is_made_for_its_owner_alone(lab):
    with ledger_of(lab) as ledger:
        assert isinstance(ledger, Ledger)
    assert lab.state.stat().st_mode & 0o777 == 0o700


def test_retrieval_looks_where_the_domain_says_else_in_its_own_index_else_in_the_default_one(lab):
    lab.write("src/turtles.py", '"""Counts the turtles."""\n\nTURTLES = 4\n')
    opened = open_lab(lab.root)
    opened.deploy(opened.plan())
    live = live_of(lab, "dev")

    def found(query: str, domain: str) -> set[str]:
        return {passage.path for passage in retrieve(lab, live.effective, query, domain)}

    assert found("turtles", "code_analysis") == {"src/turtles.py"}, "retrieve.domains of the specialised model"
    assert found("turtles", "source_code") == {"src/turtles.py"}, "an index of that name"
    assert (found("turtles", ""), found("the deep pond", "")) == (set(), {"knowledge_base/ponds.md"}), "primary_models.embeddings"
    assert found("roll back a release", "documentation") == {"docs/releases.md"}
    assert found("turtles", "nothing_of_the_kind") == set()


def test_the_number_of_passages_is_the_specialised_models(lab):
    for number in range(12):
        lab.write(f"src/turtles_{number}.py", f'"""Counts the turtles of pond {number}."""\n\nTURTLES = {number}\n')
    opened = open_lab(lab.root)
    lab.edit(CODE_ANALYSIS, ("domains: [source_code, configuration]", "domains: [source_code]"), ("passages: 8", "passages: 3"))
    opened.deploy(opened.plan())
    assert len({passage.path for passage in retrieve(lab, live_of(lab, "dev").effective, "turtles", "code_analysis")}) == 3


# -- the probe -------------------------------------------------------------------------------------------------------------


def attempts(lab) -> list:
    from sqlalchemy import select

    from labmodels.ledger.tables import ATTEMPTS

    with Ledger(lab.ledger_file) as ledger, ledger.reading() as connection:
        return list(connection.execute(select(ATTEMPTS)))


def test_a_probe_asks_each_changed_model_that_can_be_asked_once_and_little(lab, openai):
    opened = open_lab(lab.root)
    assert opened.deploy(opened.plan(), probe=True).is_new
    (request,) = openai.seen  # claude has no key, local_llm no address
    assert request.body["max_tokens"] == 16
    (row,) = attempts(lab)
    assert (row.candidate, row.origin, row.outcome) == ("gpt-4", "probe", "ok")
    opened.deploy(opened.plan(settings=["claude.parameters.max_output_tokens=5000"]), probe=True)
    assert len(openai.seen) == 1, "gpt-4 did not change"


def test_a_probe_that_fails_keeps_the_previous_release_live(lab, openai):
    opened = open_lab(lab.root)
    opened.deploy(opened.plan())
    openai.plan.extend(["401"] * 9)
    plan = opened.plan(settings=["gpt-4.parameters.temperature=0.4"])
    with pytest.raises(GateFailed, match="gpt-4 does not answer"):
        opened.deploy(plan, probe=True)
    assert live_of(lab, "dev").release.number == 1
    assert [(row.origin, row.error_class) for row in attempts(lab)] == [("probe", "auth")]
