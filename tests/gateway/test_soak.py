"""A twentieth of the soak; `python -m tests.gateway.soak` runs all of it, and there memory is asserted, too."""

from __future__ import annotations

from tests.gateway.soak import soak


def test_no_row_is_lost_or_doubled_under_load_and_faults(tmp_path):
    soaked = soak(500, tmp_path)
    assert sum(soaked.answers.values()) == 500 and set(soaked.answers) <= {200, 429, 503}
    assert soaked.request_ids == 500, "each request is in the ledger"
    assert soaked.rows == soaked.seen, "a row for each try that the provider saw, and no other"
    assert set(soaked.outcomes) <= {"ok", "failed", "skipped"} and soaked.outcomes["failed"] > 50
    assert "Traceback" not in soaked.log
