"""The door over a real ledger: what is reserved, corrected and kept; breakers and budgets that all processes share."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from labmodels.ledger.record import Ledger
from labmodels.router.admission import Admission, Ending, Entry, Ticket
from labmodels.router.breaker import Rules
from labmodels.router.quota import PICO, Ceiling, Count, Need, Refusal, windows_at
from tests.ledger.test_record import attempt

RULES = Rules(threshold=3, cooldown_s=30.0)
NAME = "dev/gpt-4"
PLAIN = Entry(NAME, (), Need(0, 0), probe_s=60.0)
DEAD = Ending("dead", "overloaded")


class Wall:
    now = 1_795_521_630.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


@pytest.fixture
def door(ledger, wall):
    return Admission(ledger, RULES, wall)


def fail(door, times: int = 1, entry: Entry = PLAIN) -> None:
    for _ in range(times):
        door.settle(door.admit(entry, is_forced=True), [], DEAD)


def counted(door, entry: Entry) -> dict[str, Count]:
    return {window.period: count for (_, window), count in door.look(entry).counts.items()}


# -- breakers --------------------------------------------------------------------------------------------------------------


def test_after_the_third_failure_is_recorded_nothing_new_is_admitted(door, ledger, wall):
    fail(door, 2)
    assert isinstance(door.admit(PLAIN), Ticket)
    fail(door)
    another_process = Admission(Ledger(ledger.path), RULES, wall)
    refused = another_process.admit(PLAIN)
    assert refused == Refusal("breaker", "its breaker is open for 30 s more, after 3 failures (overloaded)", 30.0)


def test_an_answer_forgets_the_failures_before_it(door):
    fail(door, 2)
    door.settle(door.admit(PLAIN), [], Ending("alive"))
    fail(door, 2)
    assert isinstance(door.admit(PLAIN), Ticket)


def test_a_limit_of_the_provider_neither_opens_nor_closes(door):
    fail(door, 2)
    door.settle(door.admit(PLAIN), [], Ending("unknown", "rate_limited"))
    fail(door)
    assert isinstance(door.admit(PLAIN), Refusal)


def test_one_probe_at_a_time_and_its_answer_closes(door, wall):
    fail(door, 3)
    wall.now += 30
    probe = door.admit(PLAIN)
    assert isinstance(probe, Ticket) and probe.is_probe
    assert door.admit(PLAIN).kind == "breaker"
    door.settle(probe, [], Ending("alive"))
    assert not door.admit(PLAIN).is_probe and door.breakers("dev/") == {}


def test_a_probe_that_fails_opens_for_twice_as_long_and_one_that_dies_frees_its_place(door, wall):
    fail(door, 3)
    wall.now += 30
    door.settle(door.admit(PLAIN), [], DEAD)
    assert door.admit(PLAIN).retry_after_s == 60.0
    wall.now += 60
    assert door.admit(PLAIN).is_probe  # and is never heard of again
    wall.now += 59
    assert isinstance(door.admit(PLAIN), Refusal)
    wall.now += 1
    assert door.admit(PLAIN).is_probe


def test_a_probe_that_proves_nothing_frees_its_place(door, wall):
    fail(door, 3)
    wall.now += 30
    door.settle(door.admit(PLAIN), [], Ending("unknown", "rate_limited"))
    assert door.admit(PLAIN).is_probe


def test_the_last_one_is_let_through_and_known_as_such(door):
    fail(door, 3)
    ticket = door.admit(PLAIN, is_forced=True)
    assert ticket.is_forced and not ticket.is_probe


def test_breakers_are_closed_by_hand_by_name_and_within_their_environment(door):
    for name in ("dev/gpt-4", "dev/claude", "test/gpt-4", "dev%/x"):
        fail(door, 3, replace(PLAIN, breaker=name))
    assert list(door.breakers("dev/")) == ["dev/claude", "dev/gpt-4"]
    assert door.close_breakers("dev/", ["dev/gpt-4"]) == ["dev/gpt-4"]
    assert door.close_breakers("dev/") == ["dev/claude"]
    assert list(door.breakers("test/")) == ["test/gpt-4"]


# -- limits and budgets ----------------------------------------------------------------------------------------------------

BUDGET = Ceiling("dev/model:gpt-4", "gpt-4", requests_per_minute=100, day=Decimal(1), month=Decimal(10), is_by_try=True)


def costing(dollars: str, **more) -> Entry:
    return Entry(None, (BUDGET,), Need(50, int(Decimal(dollars) * PICO), **more))


def test_what_is_reserved_counts_until_it_is_settled_with_what_it_was(door):
    ticket = door.admit(costing("0.60"))
    assert isinstance(door.admit(costing("0.60")), Refusal)
    door.settle(ticket, [], Ending("alive", None, 20, int(Decimal("0.10") * PICO)))
    assert counted(door, costing("0")) == dict.fromkeys(("minute", "day", "month"), Count(1, 20, 10**11))
    assert isinstance(door.admit(costing("0.60")), Ticket)


def test_a_bill_that_nobody_knows_stays_counted_at_its_most(door):
    door.settle(door.admit(costing("0.60")), [], Ending("dead", "truncated"))
    assert counted(door, costing("0"))["day"] == Count(1, 50, 6 * 10**11)


def test_a_reservation_is_corrected_in_the_window_that_it_was_made_in(door, wall):
    ticket = door.admit(costing("0.60"))
    wall.now += 86_400
    door.settle(ticket, [], Ending("alive", None, 0, 0))
    assert counted(door, costing("0")) == {"month": Count(1, 0, 0)}
    wall.now -= 86_400
    assert counted(door, costing("0"))["day"] == Count(1, 0, 0)


def test_a_refusal_reserves_nothing_anywhere(door):
    domain = Ceiling("dev/domain:d", "the domain d", day=Decimal("0.10"))
    entry = Entry(NAME, (BUDGET, domain), Need(5, 2 * 10**11))
    assert door.admit(entry).reason.startswith("the domain d may spend $0.10 a day")
    assert counted(door, entry) == {}


def test_rows_reservation_and_breaker_are_written_together_or_not_at_all(door, ledger):
    ticket = door.admit(replace(costing("0.60"), breaker=NAME))
    row = attempt()
    with pytest.raises(Exception, match="UNIQUE"):
        door.settle(ticket, [row, row], Ending("dead", "overloaded", 0, 0))
    seen = door.look(ticket.entry)
    assert seen.breaker.failures == 0 and counted(door, ticket.entry)["day"].cost_pico_usd == 6 * 10**11
    with ledger.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM attempts").scalar_one() == 0


def test_minutes_of_the_past_do_not_pile_up(door, ledger, wall):
    for _ in range(200):
        door.settle(door.admit(costing("0.001")), [], Ending("alive", None, 1, 0))
        wall.now += 60
    with ledger.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM windows WHERE period = 'minute'").scalar_one() <= 62


def test_looking_changes_nothing(door, wall):
    fail(door, 3)
    wall.now += 30
    entry = replace(costing("0.60"), breaker=NAME)
    assert door.look(entry).refusal is None
    assert counted(door, entry) == {} and door.admit(entry).is_probe


SPENDER = """
import sys
from decimal import Decimal
from pathlib import Path
from labmodels.ledger.record import Ledger
from labmodels.router.admission import Admission, Ending, Entry
from labmodels.router.breaker import Rules
from labmodels.router.quota import PICO, Ceiling, Need, Refusal

door = Admission(Ledger(Path(sys.argv[1])), Rules())
ceiling = Ceiling("dev/model:m", "m", day=Decimal("5.00"), month=Decimal("5.00"), is_by_try=True)
most, real = int(Decimal("0.02") * PICO), int(Decimal("0.01") * PICO)
spent = 0
for _ in range(200):
    ticket = door.admit(Entry(None, (ceiling,), Need(1, most)))
    if not isinstance(ticket, Refusal):
        door.settle(ticket, [], Ending("alive", None, 1, real))
        spent += 1
print(spent)
"""


def test_eight_processes_with_200_requests_each_never_exceed_one_budget_by_a_cent(tmp_path):
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    running = [subprocess.Popen([sys.executable, "-c", SPENDER, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(8)]
    admitted = sum(int(process.communicate(timeout=100)[0]) for process in running)
    assert all(process.returncode == 0 for process in running)
    with Ledger(path) as ledger:
        door = Admission(ledger, Rules())
        day = windows_at(door._wall())[1]
        seen = door.look(Entry(None, (Ceiling("dev/model:m", "m", day=Decimal(5)),), Need(0, 0)))
        spent = seen.counts["dev/model:m", day].cost_pico_usd
    assert spent == admitted * 10**10 <= 5 * 10**12
    assert admitted in (498, 499, 500)  # a cent is spent and two are reserved: the last ones may not fit while another is under way
