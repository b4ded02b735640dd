"""Parses JUnit XML safely; its test cases name stories by key."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from releases.providers import facts, parse, zones
from releases.providers.facts import Unreadable
from releases.providers.story_keys import keys_in, keys_in_name

DEEPEST = 40
MOST_CASES = 100_000
LONGEST_DAY = 7 * 86400


@dataclass(frozen=True, slots=True)
class Case:
    """One test case: its outcome, the stories it names, when it ran (None without a timestamp), and how long it took.

    `certain` says that the keys are in capitals (PAY-12) and do not only look like keys (test_pay_12, utf-8).
    """

    name: str
    suite: str
    outcome: str
    stories: tuple[str, ...]
    certain: bool
    started_at: datetime | None
    finished_at: datetime | None
    took: timedelta


@dataclass(slots=True)
class _Suite:
    name: str
    at: datetime | None
    took: timedelta
    stories: tuple[str, ...] = ()


def read_cases(body: bytes, config: Mapping[str, Any] | None = None) -> list[Case]:
    """Return the test cases of a JUnit file; raise Unreadable for anything else. `config` says the zone of its times.

    Document types and entities are refused, as are files nested deeper than DEEPEST or with over MOST_CASES cases.
    """
    cases: list[Case] = []
    try:
        _read(body, cases, config or {})
    except DefusedXmlException:
        raise Unreadable("the file declares a document type or entities; remove them") from None
    except (ParseError, LookupError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"the file is not well-formed XML: {error}") from None
    if not cases:
        raise Unreadable("the file holds no test cases")
    return cases


def _read(body: bytes, cases: list[Case], config: Mapping[str, Any]) -> None:
    suites: list[_Suite] = []
    depth = 0
    for happened, element in iterparse(io.BytesIO(body), events=("start", "end"), forbid_dtd=True):
        tag = _tag(element)
        if happened == "start":
            depth += 1
            if depth > DEEPEST:
                raise Unreadable(f"the file is nested deeper than {DEEPEST} elements")
            if depth == 1 and tag not in ("testsuites", "testsuite"):
                raise Unreadable(f"the file starts with <{parse.cut(tag, 40)}>, not with <testsuites> or <testsuite>")
            if tag in ("testsuites", "testsuite"):
                suites.append(_suite(element, suites[-1] if suites else None, config))
            continue
        depth -= 1
        if tag == "testcase" and suites:
            cases.append(_case(element, suites[-1], config))
            if len(cases) > MOST_CASES:
                raise Unreadable(f"the file holds more than {MOST_CASES} test cases; send it in parts")
            element.clear()
        elif tag in ("testsuites", "testsuite"):
            suites.pop()
            element.clear()


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _seconds(text: str | None) -> timedelta:
    try:
        seconds = float((text or "0").replace(",", ""))
    except ValueError:
        return timedelta()
    return timedelta(seconds=seconds) if 0 <= seconds <= LONGEST_DAY else timedelta()


def _suite(element: Element, above: _Suite | None, config: Mapping[str, Any]) -> _Suite:
    name = (element.get("name") or "").strip()
    return _Suite(
        name=name or (above.name if above else ""),
        at=zones.moment(element.get("timestamp"), "timestamp", config) or (above.at if above else None),
        took=_seconds(element.get("time")),
        stories=tuple(keys_in(name)) or (above.stories if above else ()),
    )


def _case(element: Element, suite: _Suite, config: Mapping[str, Any]) -> Case:
    name, place = element.get("name") or "", element.get("classname") or ""
    texts, outcome = [name, place], facts.SUCCESS
    for child in element.iter():
        tag = _tag(child)
        if tag in ("failure", "error"):
            outcome = facts.FAILURE
        elif tag == "skipped" and outcome == facts.SUCCESS:
            outcome = facts.SKIPPED
        elif tag == "property":
            texts += [child.get("value") or "", child.text or ""]
    certain = [key for text in texts for key in keys_in(text)] or list(suite.stories)
    loose = [key for text in (name, place) for key in keys_in_name(text)]
    started = zones.moment(element.get("timestamp"), "timestamp", config)
    took = _seconds(element.get("time"))
    return Case(
        name=name,
        suite=suite.name,
        outcome=outcome,
        took=took,
        stories=tuple(dict.fromkeys(certain or loose)),
        certain=bool(certain),
        started_at=started or suite.at,
        finished_at=started + took if started else suite.at + max(suite.took, took) if suite.at else None,
    )
