"""Counts of several workers add up, and outlive the worker that counted."""

from __future__ import annotations

import os

from labmodels.gateway.metrics import Board, render


def test_counts_of_all_workers_add_up_and_a_new_worker_goes_on_with_the_old_ones():
    board = Board(3)
    for worker in range(3):
        process = os.fork()
        if process == 0:
            page = board.page(worker)
            for _ in range(worker + 1):
                page.count("messages", 200, 0.02, 0.2)
            page.gauge(4, 2)
            os._exit(0)
        os.waitpid(process, 0)
    board.page(1)  # its predecessor died with requests that ran: they are over
    text = render(board.totals())
    assert 'requests_total{route="messages",status="200"} 6\n' in text
    assert "requests_running 8\n" in text and "requests_waiting 4\n" in text
    assert 'first_byte_seconds_bucket{route="messages",le="0.01"} 0\n' in text
    assert 'first_byte_seconds_bucket{route="messages",le="0.025"} 6\n' in text
    assert 'duration_seconds_sum{route="messages"} 1.200000\n' in text and 'duration_seconds_count{route="messages"} 6\n' in text


def test_a_request_without_an_answer_has_no_first_byte_and_an_unknown_status_is_a_fault_of_ours():
    board = Board(1)
    board.page(0).count("other", 499, None, 1.0)
    board.page(0).count("other", 418, 0.1, 0.1)
    text = render(board.totals())
    assert 'status="499"} 1' in text and 'status="500"} 1' in text
    assert 'first_byte_seconds_count{route="other"} 1' in text and 'duration_seconds_count{route="other"} 2' in text
