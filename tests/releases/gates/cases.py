"""A release that is ready, and for every gate what makes it fail, wait, go stale or become unknown."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from releases.gates.facts import (
    ApprovalFact,
    CheckFact,
    ChecklistFact,
    FlagFact,
    FlagNeed,
    FreezeFact,
    IncidentFact,
    LackingFact,
    LearningFact,
    LearningReadFact,
    OutsideFact,
    PlaceFact,
    ReleaseFacts,
    RunFact,
    SchemaChangeFact,
    ServiceFact,
    SquadFact,
    StoryFact,
)
from releases.gates.findings import FAILED, PASSED, STALE, UNKNOWN, WAITING
from releases.gates.parameters import GateSetting
from releases.gates.readiness import GATES

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LEDGER, WEB, OTHER_SHA = "1" * 40, "2" * 40, "3" * 40
TESTED, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def story(key: str, **values: Any) -> StoryFact:
    """A tested story of squad Payments."""
    told = {
        "stage": "tested",
        "since": AT - 2 * DAY,
        "squad": "Payments",
        "squad_slug": "payments",
        "accepter": "Ana",
        "services": ("ledger",),
    }
    return StoryFact(key, **{**told, **values})


def service(name: str, sha: str, **values: Any) -> ServiceFact:
    """A service of squad Payments whose artifact was built, tested in staging and runs there."""
    told: dict[str, Any] = {
        "sha": sha,
        "digest": TESTED,
        "made_from": (sha,),
        "runs": (RunFact("build", "finished", "success", AT - 3 * DAY, AT - 3 * DAY + timedelta(minutes=5)),),
        "checks": (CheckFact("smoke", "staging", "staging", "success", sha, TESTED, AT - 2 * DAY),),
        "places": (PlaceFact("staging", "staging", sha, TESTED, AT - 3 * DAY, True),),
        "watched_at": AT - timedelta(minutes=1),
        "calm_since": AT - 10 * DAY,
    }
    return ServiceFact(name, name, "Payments", "payments", **{**told, **values})


def ready() -> ReleaseFacts:
    """A release in which every gate has something to check, and passes."""
    return ReleaseFacts(
        AT,
        "2026.4",
        owner="Pam",
        stories=(
            story("PAY-1", flag="wallet"),
            story("PAY-2", services=("web",)),
            story("PAY-3", stage="rodeo_done", accepter=""),
        ),
        services=(
            service("ledger", LEDGER, schema_changes=(SchemaChangeFact(LEDGER, "db/1.sql", "expand", AT - 4 * DAY),)),
            service("web", WEB, after=("ledger",)),
        ),
        squads=(SquadFact("Payments", "payments", 5),),
        flags=(FlagFact("wallet", "prod", False, "everyone", AT - DAY),),
        flags_heard={"wallet": AT - timedelta(minutes=2)},
        flag_needs=(FlagNeed("wallet", False),),
        freezes=(FreezeFact("Christmas", "", AT + 200 * DAY, AT + 210 * DAY),),
        approvals=(ApprovalFact("7", "Lea", "given", "Lea", AT - DAY),),
        checklist=(ChecklistFact("1", "Tell support", "Pam", AT - DAY),),
        outside=(OutsideFact("1", "change board", "success", "", AT - timedelta(minutes=3), AT - DAY),),
        learnings=(learning(),),
    )


def learning(**values: Any) -> LearningFact:
    """The incident review about ledger, which Ana read yesterday."""
    told: dict[str, Any] = {
        "id": "r1",
        "kind": "incident review",
        "squad": "Payments",
        "services": ("ledger",),
        "published_at": AT - 30 * DAY,
        "version": 3,
        "reads": (LearningReadFact("Ana", AT - DAY, 3),),
    }
    return LearningFact(**{**told, **values})


# Every gate there is, with the settings they have by default but for those that are about age, set to what `ready` keeps.
AGED = {"stale_after_hours": 24 * 30, "steady_minutes": 60}


def template(**changed: dict[str, Any]) -> tuple[GateSetting, ...]:
    """Every gate, with some settings changed."""
    made = []
    for gate in GATES:
        aged = AGED if STALE in gate.states else {}
        made.append(GateSetting(gate.name, gate.clean({**aged, **changed.get(gate.name, {})})))
    return tuple(made)


Change = Callable[[ReleaseFacts], ReleaseFacts]


def with_service(name: str, **values: Any) -> Change:
    """Change one service."""
    return lambda facts: replace(
        facts, services=tuple(replace(each, **values) if each.name == name else each for each in facts.services)
    )


def with_story(key: str, **values: Any) -> Change:
    """Change one story."""
    return lambda facts: replace(
        facts, stories=tuple(replace(each, **values) if each.key == key else each for each in facts.stories)
    )


def with_(**values: Any) -> Change:
    """Change what is known of the release."""
    return lambda facts: replace(facts, **values)


def run(
    phase: str = "finished", outcome: str = "success", hours: float = 24, pipeline: str = "build", id: str = "1"
) -> RunFact:
    """A run that ended so many hours ago."""
    at = AT - timedelta(hours=hours)
    return RunFact(pipeline, phase, outcome, at, at if phase == "finished" else None, id)


def check(outcome: str = "success", digest: str = TESTED, sha: str = WEB, **values: Any) -> CheckFact:
    """A check of web in staging."""
    return CheckFact(
        values.get("name", "smoke"), "staging", "staging", outcome, sha, digest, values.get("at", AT - DAY)
    )


def place(tier: str, sha: str = WEB, digest: str = TESTED, **values: Any) -> PlaceFact:
    """Where web runs, unless the sha is another's."""
    since, environment = values.get("since", AT - 3 * DAY), values.get("environment", tier)
    return PlaceFact(
        environment, tier, sha, digest, since, values.get("healthy", True), tier not in ("production?", "other")
    )


def places(*there: PlaceFact) -> tuple[PlaceFact, ...]:
    """Return some places, and staging, in which web runs too."""
    return (*there, place("staging"))


class Case(NamedTuple):
    """What is done to the ready release, and what one gate says then, as a part of its reason. `settings` of that gate."""

    gate: str
    state: str
    change: Change
    says: str
    settings: dict[str, Any] = {}
    asked: str = ""


OLD, NEW = {"stale_after_hours": 1}, {"steady_minutes": 60 * 24 * 30}

CASES = [
    Case(
        "stories",
        FAILED,
        with_story("PAY-1", stage="dev_done", lacks="Waits for CI"),
        "PAY-1 isn’t tested: waits for CI.",
    ),
    Case(
        "stories",
        FAILED,
        with_story("PAY-2", stage="deployed", gaps=("tested",)),
        "PAY-2 is deployed but was never tested.",
    ),
    Case("stories", FAILED, with_(), "PAY-1 is tested", {"stage": "rodeo_done"}),
    Case("stories", UNKNOWN, with_(stories=()), "It has no stories yet."),
    Case(
        "stories",
        FAILED,
        with_service("web", lacking=(LackingFact("PAY-2", OTHER_SHA, True), LackingFact("PAY-2", LEDGER, True))),
        "2222222 of web doesn’t contain 3333333 and 1 other change of PAY-2.",
    ),
    Case(
        "stories",
        UNKNOWN,
        with_service("web", lacking=(LackingFact("PAY-2", OTHER_SHA, False),)),
        "Nothing tells whether 2222222 of web contains 3333333 of PAY-2.",
    ),
    Case("stories", STALE, with_(), "2 days old", OLD),
    Case("stories", WAITING, with_(), "It has held for 2 days; it needs 1 month", {"steady_minutes": 60 * 24 * 30}),
    Case("runs", FAILED, with_service("web", runs=(run(outcome="failure"),)), "build of web on 2222222 failed."),
    Case("runs", FAILED, with_service("web", runs=(run(), run(outcome="warning", hours=2))), "ended with warnings"),
    Case("runs", FAILED, with_service("web", runs=(run(), run(outcome="error", pipeline="lint"))), "lint of web"),
    Case("runs", WAITING, with_service("web", runs=(run(), run("running", "", 1))), "isn’t finished"),
    Case("runs", WAITING, with_(), "passed 1 time in a row; 3 are needed", {"passes": 3}),
    Case("runs", UNKNOWN, with_service("web", runs=()), "No run of web on 2222222 is known."),
    Case("runs", UNKNOWN, with_service("web", runs=(run(), run(outcome="cancelled", hours=1))), "was cancelled"),
    Case("runs", UNKNOWN, with_service("web", runs=(run(outcome="skipped"),)), "was skipped, which says nothing"),
    Case("runs", UNKNOWN, with_service("web", runs=(run(outcome="unknown"),)), "a status nobody knows"),
    Case("runs", UNKNOWN, with_service("web", missing_pipelines=("e2e",)), "e2e of web has no run on 2222222."),
    Case(
        "runs", UNKNOWN, with_service("web", sha="", why="two tags fit."), "which commit of web it ships: two tags fit."
    ),
    Case("runs", UNKNOWN, with_(services=()), "Nobody knows which services it ships"),
    Case("runs", UNKNOWN, with_(unclaimed=("shop/tools",)), "changes of shop/tools, which belongs to no service."),
    Case("runs", STALE, with_(), "2 days old", OLD),
    Case("artifacts", FAILED, with_service("web", digest=OTHER), "was tested in staging, but sha256:bbbbbbbbbbbb"),
    Case("artifacts", FAILED, with_service("web", checks=(check("failure"),)), "didn’t pass with sha256:aaaaaaaaaaaa"),
    Case("artifacts", FAILED, with_service("web", checks=(check(at=AT - 2 * DAY), check("failure"))), "didn’t pass"),
    Case(
        "artifacts", FAILED, with_service("web", places=(place("production", digest=OTHER),)), "which isn’t the tested"
    ),
    Case(
        "artifacts",
        UNKNOWN,
        with_service("web", places=places(place("production?", digest=OTHER, environment="prod2"))),
        "prod2 runs sha256:bbbbbbbbbbbb of web, which isn’t the tested sha256:aaaaaaaaaaaa. "
        "Nobody said whether that’s production.",
    ),
    Case(
        "artifacts", UNKNOWN, with_service("web", digest=""), "No artifact of web with a digest is known for 2222222."
    ),
    Case("artifacts", UNKNOWN, with_service("web", checks=()), "No test of sha256:aaaaaaaaaaaa of web"),
    Case("artifacts", UNKNOWN, with_service("web", checks=(check(digest=""),)), "nobody knows with which artifact"),
    Case(
        "artifacts", UNKNOWN, with_service("web", checks=(check(digest=OTHER, sha=LEDGER),)), "No test of sha256:aaaa"
    ),
    Case("artifacts", UNKNOWN, with_service("web", checks=(check("cancelled"),)), "neither passed nor failed"),
    Case("artifacts", FAILED, with_service("web", made_from=(OTHER_SHA,)), "web was made from 3333333, but 2222222"),
    Case("artifacts", UNKNOWN, with_service("web", made_from=()), "Nothing tells which commit sha256:aaaaaaaaaaaa"),
    Case(
        "artifacts",
        FAILED,
        with_service("web", checks=(check(at=AT - 2 * DAY), check("failure", digest=""))),
        "smoke in staging didn’t pass with 2222222 of web, and nobody knows with which artifact.",
    ),
    Case(
        "artifacts",
        FAILED,
        with_service("web", checks=(check(at=AT - 2 * DAY), check("failure", digest="", name="load"))),
        "load in staging didn’t pass",
    ),
    Case("artifacts", STALE, with_(), "2 days old", OLD),
    Case("artifacts", WAITING, with_(), "it needs 1 month", NEW),
    Case("soak", FAILED, with_service("web", places=()), "web 2222222 doesn’t run in staging."),
    Case("soak", FAILED, with_service("web", places=(place("staging", healthy=False),)), "isn’t healthy in staging"),
    Case(
        "soak",
        FAILED,
        with_service("web", places=(place("staging", sha="3" * 40, digest=OTHER),)),
        "doesn’t run in staging",
    ),
    Case(
        "soak",
        WAITING,
        with_service("web", places=(place("staging", since=AT - DAY / 2),)),
        "for 12 hours; it needs 1 day",
    ),
    Case(
        "soak",
        UNKNOWN,
        with_service("web", places=(place("staging", since=None),)),
        "since when web has run in staging",
    ),
    Case(
        "schema_changes",
        FAILED,
        with_service("web", schema_changes=(SchemaChangeFact(WEB, "a.sql", ""),)),
        "a.sql of web",
    ),
    Case(
        "schema_changes", UNKNOWN, with_service("web", unread=(LEDGER, OTHER_SHA)), "which files 2 changes of web touch"
    ),
    Case(
        "schema_changes",
        UNKNOWN,
        with_service("web", production_unknown=True),
        "what 2222222 of web changes in production",
    ),
    Case("schema_changes", STALE, with_(), "4 days old", OLD),
    Case("schema_changes", WAITING, with_(), "it needs 1 month", NEW),
    Case(
        "deploy_order",
        FAILED,
        with_service("web", places=places(place("production"))),
        "web is in production, but ledger goes before it and isn’t in production yet.",
    ),
    Case(
        "deploy_order",
        FAILED,
        with_service(
            "web",
            places=places(
                place("production", environment="us", sha=OTHER_SHA, digest=OTHER),
                place("production", environment="eu", healthy=False),
            ),
        ),
        "web is in eu, but ledger goes before it and isn’t in production yet.",
    ),
    Case(
        "deploy_order",
        UNKNOWN,
        with_service("web", places=places(place("production?", environment="prod2"))),
        "web is in prod2 before ledger. Nobody said whether that’s production.",
    ),
    Case(
        "deploy_order",
        UNKNOWN,
        with_service("web", places=places(place("other", environment="blue"))),
        "web is in blue before ledger.",
    ),
    Case(
        "deploy_order",
        WAITING,
        with_(),
        "ledger goes to production before web, and isn’t in production yet.",
        asked="web",
    ),
    Case("deploy_order", UNKNOWN, with_service("ledger", sha=""), "nobody knows which commit of it", asked="web"),
    Case("flags", FAILED, with_(flag_needs=(FlagNeed("wallet", True),)), "wallet is off in prod; it must be on."),
    Case(
        "flags", FAILED, with_(flags=(FlagFact("wallet", "prod", True, "beta", AT),)), "wallet is on for beta in prod"
    ),
    Case("flags", UNKNOWN, with_(flag_needs=()), "PAY-1 is behind wallet, and nobody said"),
    Case("flags", UNKNOWN, with_(flags=()), "Nothing tells the state of wallet in production"),
    Case(
        "flags",
        UNKNOWN,
        with_service(
            "ledger", places=(*service("ledger", LEDGER).places, PlaceFact("blue", "other", OTHER, "", AT, True, False))
        ),
        "Nothing tells the state of wallet in blue",
    ),
    Case(
        "flags",
        UNKNOWN,
        with_(
            flags=(
                FlagFact("wallet", "prod", False, "everyone", AT - DAY),
                FlagFact("wallet", "blue", True, "everyone", AT, False),
            )
        ),
        "wallet is on for everyone in blue; it must be off if that’s production. Nobody said whether it is.",
    ),
    Case("flags", UNKNOWN, with_(flags_heard={}), "Nothing tells how old"),
    Case("flags", STALE, with_(flags_heard={"wallet": AT - DAY}), "1 day old", OLD),
    Case("flags", WAITING, with_(), "it needs 1 month", NEW),
    Case(
        "incidents",
        FAILED,
        with_(incidents=(IncidentFact("9", "Slow", "web", "prod", AT - DAY),)),
        "Open incident on web: Slow.",
    ),
    Case(
        "incidents", FAILED, with_(incidents=(IncidentFact("9", "", "", "prod", AT),)), "on a service nobody named: 9."
    ),
    Case(
        "incidents",
        UNKNOWN,
        with_(incidents=(IncidentFact("9", "Slow", "web", "blue", AT, classified=False),)),
        "Open incident on web: Slow, in blue. Nobody said whether that’s production.",
    ),
    Case("incidents", UNKNOWN, with_service("web", watched_at=None), "No monitoring system that watches web"),
    Case("incidents", STALE, with_service("web", watched_at=AT - DAY), "1 day old", OLD),
    Case(
        "incidents",
        WAITING,
        with_service("web", calm_since=AT - timedelta(minutes=5)),
        "held for 5 minutes; it needs 1 hour",
    ),
    Case(
        "learnings",
        FAILED,
        with_(learnings=(learning(reads=()),)),
        "Nobody read the incident review of squad Payments about ledger, published 2026-01-31.",
    ),
    Case(
        "learnings",
        FAILED,
        with_(learnings=(learning(version=4),)),
        "Ana read the incident review of squad Payments about ledger, published 2026-01-31, and its text changed since.",
    ),
    Case("learnings", UNKNOWN, with_(learnings=None), "Nobody looked for retrospectives about its services."),
    Case("learnings", UNKNOWN, with_(unclaimed=("shop/new",)), "which belongs to no service"),
    Case(
        "freezes",
        FAILED,
        with_(freezes=(FreezeFact("Sale", "Easter", AT, AT + DAY),)),
        "Sale is on for 1 day more (Easter).",
    ),
    Case(
        "freezes",
        FAILED,
        with_(freezes=(FreezeFact("Sale", "", AT + DAY / 48, AT + DAY),)),
        "Sale begins in 30 minutes",
    ),
    Case("batch", FAILED, with_(), "It has 3 stories; 2 is the most here.", {"most": 2}),
    Case(
        "batch",
        FAILED,
        with_(squads=(SquadFact("Payments", "payments", 2),)),
        "Payments has 3 stories in it; its limit is 2.",
    ),
    Case("acceptance", FAILED, with_story("PAY-2", accepter=""), "Nobody is planned to accept PAY-2."),
    Case(
        "acceptance",
        FAILED,
        with_story("PAY-2", accepter="", unable="Ana"),
        "Ana was planned to accept PAY-2 and can’t any more: they can’t sign in, or made the change.",
    ),
    Case(
        "approvals",
        FAILED,
        with_(approvers=(("person:4", "Sam"),)),
        "Approval by Sam is needed",
        {"of": ["person:4"]},
    ),
    Case("approvals", FAILED, with_(), "someone who isn’t here any more (person:5)", {"of": ["person:5"]}),
    Case(
        "approvals",
        FAILED,
        with_(approvals=(ApprovalFact("7", "Lea", "declined", "Lea", AT, "Too big"),)),
        "Lea declined: Too big.",
    ),
    Case(
        "approvals",
        FAILED,
        with_(approvals=(ApprovalFact("7", "Lea", "void", "Lea", AT, why_void="PAY-2 was added."),)),
        "Approval by Lea no longer counts: PAY-2 was added.",
    ),
    Case("approvals", WAITING, with_(approvals=(ApprovalFact("7", "Lea", "waiting"),)), "Waits for Lea to answer."),
    Case("approvals", UNKNOWN, with_(approvals=(ApprovalFact("7", "Lea", "odd"),)), "in a state nobody knows (odd)"),
    Case("approvals", STALE, with_(), "1 day old", OLD),
    Case("checklist", FAILED, with_(checklist=(ChecklistFact("1", "Tell support"),)), "Not ticked: Tell support"),
    Case("checklist", UNKNOWN, with_(checklist=(ChecklistFact("1", "Tell support", "Pam"),)), "Nothing tells how old"),
    Case("checklist", STALE, with_(), "1 day old", OLD),
    Case("checklist", WAITING, with_(), "it needs 1 month", NEW),
    Case("outside_checks", FAILED, with_(outside=(OutsideFact("1", "board", "failure", "No.", AT, AT),)), "board: No."),
    Case(
        "outside_checks",
        UNKNOWN,
        with_(outside=(OutsideFact("1", "board", "", "", None, None),)),
        "board: it wasn’t asked yet.",
    ),
    Case(
        "outside_checks",
        STALE,
        with_(outside=(OutsideFact("1", "board", "success", "", AT - DAY, AT - 2 * DAY),)),
        "1 day old",
        OLD,
    ),
    Case("outside_checks", WAITING, with_(), "it needs 1 month", NEW),
]
PASSES = [Case(gate.name, PASSED, with_(), "") for gate in GATES]
