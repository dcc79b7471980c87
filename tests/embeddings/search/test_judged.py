"""Judged queries are read with all of their faults at once, and a ranking is compared with them by line or by file."""

from __future__ import annotations

import json

import pytest

from labmodels.embeddings.search.judged import JudgedQuery, judged_ids, read_judged
from labmodels.errors import StorageFault, Usage
from tests.embeddings.indexed import chunk


def test_a_line_is_a_query_with_its_domain_and_grades(tmp_path):
    file = tmp_path / "judged.jsonl"
    rows = [{"query": "a key", "domain": "documentation", "relevant": {"a.md:3": 2}}, {"query": "b", "relevant": {"b.md": 1, "c.md": 0}}]
    file.write_text("\n\n".join(map(json.dumps, rows)))
    assert read_judged(file) == [JudgedQuery("a key", "documentation", {"a.md:3": 2}), JudgedQuery("b", None, {"b.md": 1, "c.md": 0})]


def test_every_fault_of_a_file_is_told_with_its_line(tmp_path):
    file = tmp_path / "judged.jsonl"
    lines = ["{", "[]", '{"query": " "}', '{"query": "a", "relevant": {"a.md": "2"}}', '{"query": "a", "relevant": {"a.md": 0}}']
    file.write_text("\n".join([*lines, '{"query": "a", "domain": 3, "relevant": {"a.md": 1}}']))
    with pytest.raises(Usage) as caught:
        read_judged(file)
    assert all(f"{file}:{number}: " in str(caught.value) for number in range(1, 6)) and "(and 1 more)" in str(caught.value)
    file.write_bytes(b"\xff")
    with pytest.raises(Usage):
        read_judged(file)
    with pytest.raises(StorageFault):
        read_judged(tmp_path / "absent")


def test_a_chunk_meets_the_judgement_of_its_file_or_of_a_line_in_it():
    found = [chunk("a.md", "x\ny\nz", line=4), chunk("b.md", "x"), chunk("c:1.md", "x")]
    assert judged_ids(found, {"a.md:6": 1, "b.md": 2, "c:1.md": 1}) == ["a.md:6", "b.md", "c:1.md"]
    assert judged_ids(found, {"a.md:7": 1, "a.md:3": 1, "a.md:x": 1}) == ["a.md:4", "b.md:1", "c:1.md:1"]


def test_a_chunk_counts_once_as_the_best_that_none_before_it_met():
    found = [chunk("a.md", "x\ny", line=1), chunk("a.md", "z", line=3), chunk("a.md", "z", line=9)]
    assert judged_ids(found, {"a.md": 1, "a.md:2": 3}) == ["a.md:2", "a.md", "a.md"]
