"""SARIF 2.1.0: the structure against a closed schema of the part that is used, and what each property says."""

import json

import jsonschema

from labmodels import __version__
from labmodels.config.codes import CODES
from labmodels.terminal.colour import PLAIN
from labmodels.terminal.formats.sarif import render
from tests.terminal.reports import ALL, SUSPICIOUS, TOO_HIGH, UNKNOWN_KEY, report, span


def block(required, **properties):
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def many(items, least=0):
    return {"type": "array", "items": items, "minItems": least}


TEXT = {"type": "string", "minLength": 1}
POSITION = {"type": "integer", "minimum": 1}
MESSAGE = block(["text"], text=TEXT, markdown=TEXT)
LEVEL = {"enum": ["none", "note", "warning", "error"]}
ARTIFACT = block(["uri"], uri={"type": "string", "format": "uri-reference", "pattern": r"^[^\s\\<>]+$"})
REGION = block(
    ["startLine", "startColumn", "endLine", "endColumn"], startLine=POSITION, startColumn=POSITION, endLine=POSITION, endColumn=POSITION
)
PLACE = block(["artifactLocation"], artifactLocation=ARTIFACT, region=REGION)
RULE = block(["id"], id=TEXT, shortDescription=MESSAGE, fullDescription=MESSAGE, help=MESSAGE, defaultConfiguration=block([], level=LEVEL))
REPLACEMENT = block(["deletedRegion"], deletedRegion=REGION, insertedContent=block([], text={"type": "string"}))
CHANGE = block(["artifactLocation", "replacements"], artifactLocation=ARTIFACT, replacements=many(REPLACEMENT, 1))
RESULT = block(
    ["message", "ruleId", "ruleIndex", "level", "locations", "partialFingerprints"],
    message=MESSAGE,
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    locations=many(block([], physicalLocation=PLACE), 1),
    relatedLocations=many(block([], id={"type": "integer"}, message=MESSAGE, physicalLocation=PLACE)),
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    fixes=many(block(["artifactChanges"], description=MESSAGE, artifactChanges=many(CHANGE, 1))),
    properties={"type": "object"},
)
DRIVER = block(["name"], name=TEXT, version=TEXT, semanticVersion=TEXT, rules=many(RULE))
RUN = block(
    ["tool"], tool=block(["driver"], driver=DRIVER), columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]}, results=many(RESULT)
)
LOG = block(["version", "runs"], **{"$schema": TEXT, "version": {"const": "2.1.0"}, "runs": many(RUN, 1)})


def run_of(*findings):
    log = json.loads(render(report(*findings), PLAIN))
    jsonschema.validate(log, LOG)
    return log["runs"][0]


def test_the_log_has_the_structure_of_sarif_with_and_without_findings():
    assert run_of(*ALL)["tool"]["driver"]["version"] == __version__
    assert run_of()["results"] == []


def test_every_result_points_at_its_rule_and_every_rule_has_help():
    run = run_of(*ALL)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["LM101", "LM202", "LM205", "LM309"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert rules[1]["shortDescription"]["text"] == "unknown key"
    assert rules[1]["help"]["markdown"] == f"{CODES['LM202'].explanation}\n\n{CODES['LM202'].example}"
    assert [result["level"] for result in run["results"]] == ["warning", "error", "note", "error"]


def test_a_result_has_its_region_message_fix_and_combinations():
    result = run_of(UNKNOWN_KEY)["results"][0]
    region = {"startLine": 5, "startColumn": 3, "endLine": 5, "endColumn": 13}
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "gpt4.yaml"}, "region": region}}]
    assert result["message"] == {"text": "unknown key parameters.temprature\nhelp: did you mean temperature?"}
    assert result["properties"] == {"combinations": ["production with high_accuracy", "dev with balanced"]}
    assert result["fixes"] == [
        {
            "description": {"text": "did you mean temperature?"},
            "artifactChanges": [
                {
                    "artifactLocation": {"uri": "gpt4.yaml"},
                    "replacements": [{"deletedRegion": region, "insertedContent": {"text": "temperature"}}],
                }
            ],
        }
    ]


def test_notes_are_related_locations_and_those_without_a_place_stand_in_the_message():
    result = run_of(TOO_HIGH)["results"][0]
    assert result["relatedLocations"] == [
        {
            "id": 1,
            "message": {"text": "shadows 0.2 of file"},
            "physicalLocation": {
                "artifactLocation": {"uri": "gpt4.yaml"},
                "region": {"startLine": 5, "startColumn": 15, "endLine": 5, "endColumn": 18},
            },
        }
    ]
    assert result["message"]["text"].split("\n")[1] == "note: set by profile high_accuracy"


def test_paths_are_uris():
    uris = [
        run_of(SUSPICIOUS._replace(span=span(path)))["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for path in ("a b/ü#1.yaml", "/elsewhere/a b.yaml")
    ]
    assert uris == ["a%20b/%C3%BC%231.yaml", "file:///elsewhere/a%20b.yaml"]
