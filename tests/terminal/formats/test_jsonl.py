"""One JSON object a line."""

import json

from labmodels.terminal.colour import PLAIN
from labmodels.terminal.formats import json as json_format
from labmodels.terminal.formats import jsonl
from tests.terminal.reports import ALL, report


def test_json_lines_hold_one_finding_each_with_the_fields_of_the_document():
    lines = jsonl.render(report(*ALL), PLAIN).split("\n")
    assert lines.pop() == ""
    records = [json.loads(line) for line in lines]
    assert [record.pop("schema_version") for record in records] == [1, 1, 1, 1]
    assert records == json.loads(json_format.render(report(*ALL), PLAIN))["diagnostics"]
    assert jsonl.render(report(), PLAIN) == ""
