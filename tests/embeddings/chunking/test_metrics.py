"""Metrics are found by name, help and labels; what they measured is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.embeddings.chunking.cutting import assert_bounded, assert_whole, cut

EXPOSITION = """\
# HELP http_requests_total All requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="get",code="400"} 3
# A comment.
# HELP latency_seconds How long.
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.05"} 24054
latency_seconds_sum 53423
latency_seconds_count 144320
up 1
"""


def test_a_metric_is_one_chunk_without_its_values():
    found = cut("m.prom", EXPOSITION, "metrics")
    assert [(one.line, one.end_line, one.text, one.symbols, one.occurrences) for one in found] == [
        (1, 4, "http_requests_total (counter): All requests.\ncode: 200, 400\nmethod: get, post", ("http_requests_total",), 2),
        (6, 10, "latency_seconds (histogram): How long.\nle", ("latency_seconds",), 3),
        (11, 11, "up", ("up",), 1),
    ]


def test_the_next_scrape_changes_no_hash():
    later = EXPOSITION.replace("1027", "2054").replace("up 1", "up 0")
    assert [one.hash for one in cut("m.prom", EXPOSITION, "metrics")] == [one.hash for one in cut("m.prom", later, "metrics")]


def test_a_label_of_many_values_is_bounded_whatever_their_order():
    lines = [f'hits{{user="{k:05d}"}} 1' for k in range(3000)]
    (only,) = cut("m.prom", "\n".join(lines), "metrics")
    assert only.text == "hits\nuser: 00000, 00001, 00002, 00003, 00004, 00005, 00006, 00007" and only.occurrences == 3000
    assert cut("m.prom", "\n".join(reversed(lines)), "metrics") == [only]


def test_rules_and_catalogues_are_cut_at_what_they_name():
    rules = "groups:\n  - name: gateway\n    rules:\n      # Too many.\n      - alert: HighErrors\n        expr: rate(x[5m]) > 1\n"
    rules += "      - record: job:x\n        expr: sum(x)\n"
    found = [one for one in cut("r.yaml", rules, "metrics") if one.kind == "metric"]
    assert [(one.line, one.end_line, one.trail[-2:], one.symbols) for one in found] == [
        (3, 6, ("gateway", "rules"), ("HighErrors",)),
        (7, 8, ("gateway", "rules"), ("job:x",)),
    ]
    assert_whole(cut("r.yaml", rules, "metrics"), rules, 200)


def test_rows_of_a_markdown_table_are_metrics():
    table = "# Metrics\n\n| name | help |\n|---|---|\n| `up` | is it up |\n| hits_total | how often |\n"
    found = cut("m.md", table, "metrics")
    assert_whole(found, table, 200)
    assert [(one.line, one.kind, one.trail, one.symbols) for one in found][-1] == (6, "metric", ("Metrics",), ("hits_total",))


@given(
    st.lists(st.one_of(st.sampled_from(EXPOSITION.split("\n")), st.text('ab_ {}="\\,1#', max_size=30)), max_size=40), st.integers(16, 60)
)
def test_any_text_keeps_the_bound(lines, most):
    found = cut("m.prom", "\n".join(lines), "metrics", most)
    assert_bounded(found, most)
    assert found == cut("m.prom", "\n".join(lines), "metrics", most)
