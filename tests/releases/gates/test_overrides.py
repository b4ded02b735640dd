"""An override covers what it was given for, and not what came of it: another problem of the same gate voids it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from releases.gates.facts import (
    ApprovalFact,
    FlagFact,
    FlagNeed,
    FreezeFact,
    IncidentFact,
    LackingFact,
    OutsideFact,
    ReleaseFacts,
)
from releases.gates.readiness import judge
from tests.releases.gates.cases import (
    AT,
    DAY,
    LEDGER,
    OTHER,
    TESTED,
    Change,
    check,
    place,
    ready,
    run,
    template,
    with_,
    with_service,
    with_story,
)
from tests.releases.gates.test_readiness import of, override

HOUR = timedelta(hours=1)
WEB_CHANGES = (("web", "3" * 40),)


class Other(NamedTuple):
    """What an override was given for, and what it doesn't cover although it is in the same gate and the same state."""

    gate: str
    given_for: Change
    now: Change
    settings: dict[str, Any] = {}
    later: timedelta = timedelta()


def sale(**values: Any) -> Change:
    return with_(freezes=(replace(FreezeFact("Sale", "", AT - HOUR, AT + DAY), **values),))


def board(detail: str, since: Any = AT) -> Change:
    return with_(outside=(OutsideFact("1", "board", "failure", detail, AT, since),))


def stale(**heard: timedelta) -> Change:
    def change(facts: ReleaseFacts) -> ReleaseFacts:
        for name, ago in heard.items():
            facts = with_service(name, watched_at=AT - ago)(facts)
        return facts

    return change


WALLET = (FlagNeed("wallet", False),)
BEHIND = with_story("PAY-1", stage="integrated")
CASES = [
    Other("stories", BEHIND, with_story("PAY-1", stage="dev_done")),
    Other("stories", BEHIND, with_story("PAY-1", stage="integrated", changes=WEB_CHANGES)),
    Other(
        "runs",
        with_service("web", runs=(run(outcome="failure"),)),
        with_service("web", runs=(run(outcome="error", id="2"),)),
    ),
    Other("schema_changes", with_service("web", unread=(LEDGER,)), with_service("web", unread=("3" * 40,))),
    Other("runs", with_service("web", sha="", why="Two tags fit."), with_service("web", sha="", why="No tag fits.")),
    Other(
        "runs",
        with_(unclaimed=("tools",)),
        lambda facts: with_story("PAY-1", changes=(("tools", LEDGER),))(with_(unclaimed=("tools",))(facts)),
    ),
    Other(
        "artifacts",
        with_service("web", checks=(check("failure"),)),
        with_service("web", checks=(check("failure", name="load"),)),
    ),
    Other(
        "artifacts",
        with_service("web", checks=(check("failure"),)),
        with_service("web", checks=(check("failure", at=AT),)),
    ),
    Other(
        "artifacts",
        with_service("web", checks=(check("failure"),)),
        with_service("web", places=(place("production", digest=OTHER),)),
    ),
    Other("artifacts", with_service("web", digest=""), with_service("web", digest=TESTED, checks=())),
    Other("soak", with_service("web", places=()), with_service("web", places=(place("staging", healthy=False),))),
    Other(
        "soak",
        with_service("web", places=(place("staging", since=AT - 3 * HOUR),)),
        with_service("web", places=(place("staging", since=AT - HOUR),)),
    ),
    Other(
        "flags",
        with_(flags=(FlagFact("wallet", "eu", True, "everyone", AT), FlagFact("wallet", "us", False, "everyone", AT))),
        with_(flags=(FlagFact("wallet", "eu", True, "everyone", AT), FlagFact("wallet", "us", True, "everyone", AT))),
    ),
    Other(
        "flags",
        with_(flags=(FlagFact("wallet", "eu", True, "beta", AT),)),
        with_(flags=(FlagFact("wallet", "eu", True, "everyone", AT),)),
    ),
    Other(
        "incidents",
        with_(incidents=(IncidentFact("9", "Slow", "web", "prod", AT - DAY),)),
        with_(incidents=(IncidentFact("9", "Slow", "web", "prod", AT),)),
    ),
    Other("incidents", stale(web=2 * DAY), stale(web=2 * DAY, ledger=DAY), {"stale_after_hours": 12}),
    Other("freezes", sale(), sale(ends=AT + 2 * DAY)),
    Other("freezes", sale(starts=AT + HOUR / 2), sale(starts=AT + HOUR / 2), later=HOUR),
    Other("freezes", sale(services=("web",)), sale(services=("web", "ledger"))),
    Other("approvals", with_(approvals=()), with_(approvals=(), content="other"), {"of": ["security"]}),
    Other(
        "approvals",
        with_(approvals=(ApprovalFact("7", "Lea", "waiting"),)),
        with_(approvals=(ApprovalFact("7", "Lea", "waiting"),), content="other"),
    ),
    Other("outside_checks", board("No."), board("No.", AT + HOUR)),
    Other("outside_checks", board("No."), lambda facts: replace(board("No.")(facts), content="other")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.gate)
def test_an_override_does_not_cover_another_problem_of_its_gate(case: Other) -> None:
    gates = template(**{case.gate: case.settings})
    first = case.given_for(ready())
    given_for = override(judge(first, gates), case.gate)
    now = case.now(replace(ready(), at=AT + case.later))

    assert of(case.gate, judge(first, gates, [given_for])).override == given_for
    found = of(case.gate, judge(now, gates, [given_for]))
    assert found.override is None
    assert found.void_overrides[0][1].startswith("It was given for something else. New since: ")


KEPT = [
    ("runs", with_service("web", runs=(run(outcome="failure"),)), with_story("PAY-1", changes=WEB_CHANGES)),
    ("stories", BEHIND, with_service("web", sha="4" * 40)),
    ("freezes", sale(), with_(content="other")),
    ("incidents", with_(incidents=(IncidentFact("9", "Slow", "web", "prod", AT),)), with_story("PAY-1", lacks="Time")),
    ("outside_checks", board("No."), with_(approvals=())),
    ("outside_checks", board("errors is 0.31."), board("errors is 0.32.")),
]


@pytest.mark.parametrize(("gate", "given_for", "beside"), KEPT, ids=[each[0] for each in KEPT])
def test_an_override_stays_when_something_else_changes(gate: str, given_for: Change, beside: Change) -> None:
    made = override(judge(given_for(ready()), template()), gate)

    assert of(gate, judge(beside(given_for(ready())), template(), [made])).override == made


def test_an_override_holds_for_the_service_that_asks_too() -> None:
    facts = with_story("PAY-2", stage="integrated", changes=WEB_CHANGES)(BEHIND(ready()))
    made = override(judge(facts, template()), "stories")

    assert of("stories", judge(facts.of_service("web"), template(), [made])).override == made


MANY = [f"service-with-a-long-name-{number}" for number in range(200)]
LONG = [
    ("stories", with_service("web", lacking=tuple(LackingFact("PAY-2", f"{n:040}", True) for n in range(200)))),
    ("freezes", sale(services=tuple(MANY))),
    ("flags", with_(flags=tuple(FlagFact("wallet", "eu", True, name, AT) for name in MANY))),
    ("schema_changes", with_service("web", unread=tuple(f"{n:040}" for n in range(200)))),
]


@pytest.mark.parametrize(("gate", "change"), LONG, ids=[each[0] for each in LONG])
def test_what_blocks_is_named_in_a_few_words_however_much_it_is_about(gate: str, change: Change) -> None:
    [blocker] = of(gate, judge(change(ready()), template())).blockers

    assert len(blocker.identity) < 300
