"""Parses JUnit XML safely. A property `story` or `stories` says which stories a test case, or a whole suite, proves."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from releases.providers import facts, parse, zones
from releases.providers.facts import Unreadable
from releases.providers.story_keys import keys_in, keys_in_name, keys_told

DEEPEST = 40
MOST_CASES = 100_000
LONGEST_DAY = 7 * 86400
# What Surefire and Gradle write of a test that was run again: each time it failed, or not the last time.
FAILED = ("failure", "error", "rerunfailure", "rerunerror")
PASSED_WHEN_RUN_AGAIN = ("flakyfailure", "flakyerror")
STORY_PROPERTIES = ("story", "stories")


@dataclass(frozen=True, slots=True)
class Case:
    """One test case: its outcome, the stories it proves, when it ran (None without a timestamp), and how long it took.

    `looks_like` are the keys that its names only resemble (test_pay_12, PAY-12 refunds, utf-8): they prove nothing.
    """

    name: str
    suite: str
    outcome: str
    stories: tuple[str, ...]
    looks_like: tuple[str, ...]
    started_at: datetime | None
    finished_at: datetime | None
    took: timedelta
    # Passed, but only when it was run again.
    flaky: bool = False
    # A timestamp, of its own or of its suite, that is no moment.
    unread: str = ""


@dataclass(slots=True)
class _Suite:
    name: str
    at: datetime | None
    took: timedelta
    inherited: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    unread: str = ""
    # The places of its cases that tell no story themselves.
    silent: list[int] = field(default_factory=list)

    @property
    def stories(self) -> tuple[str, ...]:
        """The stories that its own properties tell, else those of the suite around it."""
        return self.told or self.inherited


def read_cases(body: bytes, config: Mapping[str, Any] | None = None, *, keys_in_names: bool = False) -> list[Case]:
    """Return the test cases of a JUnit file; raise Unreadable for anything else. `config` says the zone of its times.

    With `keys_in_names`, keys in capitals in the names of tests, classes and suites count like the property. Document types
    and entities are refused, as are files nested deeper than DEEPEST or with over MOST_CASES cases.
    """
    cases: list[Case] = []
    try:
        _read(body, cases, config or {}, keys_in_names)
    except DefusedXmlException:
        raise Unreadable("the file declares a document type or entities; remove them") from None
    except (ParseError, LookupError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"the file is not well-formed XML: {error}") from None
    if not cases:
        raise Unreadable("the file has no test cases")
    return cases


def _read(body: bytes, cases: list[Case], config: Mapping[str, Any], keys_in_names: bool) -> None:
    suites: list[_Suite] = []
    depth, within = 0, ""
    for happened, element in iterparse(io.BytesIO(body), events=("start", "end"), forbid_dtd=True):
        tag = _tag(element)
        if happened == "start":
            depth += 1
            if depth > DEEPEST:
                raise Unreadable(f"the file is nested deeper than {DEEPEST} elements")
            if depth == 1 and tag not in ("testsuites", "testsuite"):
                raise Unreadable(f"the file starts with <{parse.cut(tag, 40)}>, not with <testsuites> or <testsuite>")
            if tag in ("testsuites", "testsuite"):
                suites.append(_suite(element, suites[-1] if suites else None, config, keys_in_names))
            within = "case" if tag == "testcase" else within
            continue
        depth -= 1
        if tag == "testcase" and suites:
            within = ""
            case, tells = _case(element, suites[-1], config, keys_in_names)
            suites[-1].silent += [] if tells else [len(cases)]
            cases.append(case)
            if len(cases) > MOST_CASES:
                raise Unreadable(f"the file has more than {MOST_CASES} test cases; send it in parts")
            element.clear()
        elif tag == "property" and suites and not within:
            suites[-1].told += tuple(_told(element))
        elif tag in ("testsuites", "testsuite"):
            _end(suites, cases)
            element.clear()


def _end(suites: list[_Suite], cases: list[Case]) -> None:
    """Give the cases of the suite that ends its stories: some tools write its properties after them."""
    ended = suites.pop()
    for place in ended.silent if ended.told else ():
        cases[place] = replace(cases[place], stories=tuple(dict.fromkeys(ended.told)))
    if suites and not ended.told:
        suites[-1].silent += ended.silent


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _seconds(text: str | None) -> timedelta:
    try:
        seconds = float((text or "0").replace(",", ""))
    except ValueError:
        return timedelta()
    return timedelta(seconds=seconds) if 0 <= seconds <= LONGEST_DAY else timedelta()


def _told(element: Element) -> list[str]:
    """Return the keys in a property that says which stories are proved; nothing for other properties."""
    if (element.get("name") or "").strip().lower() not in STORY_PROPERTIES:
        return []
    return keys_told(f"{element.get('value') or ''} {element.text or ''}")


def _suite(element: Element, above: _Suite | None, config: Mapping[str, Any], keys_in_names: bool) -> _Suite:
    name = (element.get("name") or "").strip()
    return _Suite(
        name=name or (above.name if above else ""),
        at=zones.moment(element.get("timestamp"), "timestamp", config) or (above.at if above else None),
        took=_seconds(element.get("time")),
        inherited=above.stories if above else (),
        told=tuple(keys_in(name)) if keys_in_names else (),
        unread=_unread(element, config) or (above.unread if above else ""),
    )


def _unread(element: Element, config: Mapping[str, Any]) -> str:
    """Return the timestamp of a suite or case if it is no moment; "" for one that is, for none, and for the year 1."""
    text = (element.get("timestamp") or "").strip()
    is_read = text.startswith("0001-") or zones.moment(text, "timestamp", config) is not None
    return "" if is_read else text


def _case(element: Element, suite: _Suite, config: Mapping[str, Any], keys_in_names: bool) -> tuple[Case, bool]:
    """Return a test case, and whether it tells its stories itself.

    One that failed and passed when it was run again (flakyFailure) passed; one that failed each time (rerunFailure) failed.
    """
    name, place = element.get("name") or "", element.get("classname") or ""
    told, outcome, flaky = [], facts.SUCCESS, False
    for child in element.iter():
        tag = _tag(child)
        if tag in FAILED:
            outcome = facts.FAILURE
        elif tag in PASSED_WHEN_RUN_AGAIN:
            flaky = True
        elif tag == "skipped" and outcome == facts.SUCCESS:
            outcome = facts.SKIPPED
        elif tag == "property":
            told += _told(child)
    if keys_in_names:
        told += [key for text in (name, place) for key in keys_in(text)]
    stories = tuple(dict.fromkeys(told or suite.stories))
    started = zones.moment(element.get("timestamp"), "timestamp", config)
    took = _seconds(element.get("time"))
    case = Case(
        name=name,
        suite=suite.name,
        outcome=outcome,
        took=took,
        stories=stories,
        looks_like=tuple(key for text in (name, place, suite.name) for key in keys_in_name(text) if key not in stories),
        started_at=started or suite.at,
        finished_at=started + took if started else suite.at + max(suite.took, took) if suite.at else None,
        flaky=flaky and outcome == facts.SUCCESS,
        unread=_unread(element, config) or suite.unread,
    )
    return case, bool(told)
