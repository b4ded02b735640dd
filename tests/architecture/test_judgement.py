"""docs/judgement.md names the test that holds each rule; this holds the document to the tests."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "judgement.md"
ROW = re.compile(r"^\|(?P<rule> (?!rule \|)[^|]+)\|(?P<why>[^|]+)\|(?P<says>[^|]*)\|(?P<tests>[^|]+)\|$")
TEST = re.compile(r"`(test_\w+)`")


def rows() -> list[re.Match[str]]:
    return [found for line in DOCUMENT.read_text().splitlines() if (found := ROW.match(line))]


def test_every_row_of_the_rules_can_be_read() -> None:
    lines = [
        line
        for line in DOCUMENT.read_text().splitlines()
        if line.startswith("|") and not line.startswith(("| rule |", "|---"))
    ]
    assert [line for line in lines if not ROW.match(line)] == []


def test_every_rule_names_a_test_that_exists() -> None:
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^\s*def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }
    assert [row["rule"] for row in rows() if not TEST.findall(row["tests"])] == []
    assert {name for row in rows() for name in TEST.findall(row["tests"])} <= there
