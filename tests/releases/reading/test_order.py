"""The order, repetition and batching of events never change the answer, and a rebuild makes every derived row again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.kernel.models import Message
from releases.inbox.actions import replay, store
from releases.inbox.models import InboundEvent, Source
from releases.pipelines.models import Change, Repository, StoryLink
from releases.planning.models import Release
from releases.providers.git.records import (
    CommitRecord,
    RefsSnapshot,
    TagRecord,
    commit_bodies,
    refs_body,
    refs_delivery,
)
from releases.reading.actions import read_batch, rebuild
from releases.reading.registry import DERIVED
from squads.events import StageChanged
from squads.judge.judgement import say
from squads.models import Evidence, StageChange, Story
from squads.stories.actions import create_story, record_by_hand

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
A, B, C, SIDE, MERGE = ("a" * 40, "b" * 40, "c" * 40, "d" * 40, "e" * 40)


def hour(number: float) -> datetime:
    return T0 + timedelta(hours=number)


def record(sha: str, parents: tuple[str, ...], at: float, message: str) -> CommitRecord:
    seconds = int(hour(at).timestamp())
    return CommitRecord(sha, parents, seconds, seconds, "Ana", "ana@example.org", message)


COMMITS = [
    record(A, (), 0, "Begin"),
    record(B, (A,), 1, "PAY-1 refund to the card"),
    record(SIDE, (B,), 2, "PAY-2 gift cards"),
    record(C, (B,), 3, "PAY-1 refund in the currency of the purchase"),
    record(MERGE, (C, SIDE), 4, "Merge gift cards"),
]


def look(at: float, head: str, *tags: tuple[str, str, float]) -> tuple[str, str, bytes]:
    moment = hour(at).isoformat()
    lines = tuple(TagRecord(name, sha, hour(when), moment) for name, sha, when in tags)
    return "git.refs", refs_delivery(moment), refs_body(RefsSnapshot(moment, "main", head, lines))


def commits(*records: CommitRecord) -> tuple[str, str, bytes]:
    [(_, body)] = commit_bodies(records)
    return "git.commits", "", body


def event(kind: str, at: float, subject: str, content: dict[str, Any], **custom: str) -> tuple[str, str, bytes]:
    body = {
        "context": {
            "version": "0.4.1",
            "id": f"{kind}-{at}",
            "source": "/ci",
            "type": f"dev.cdevents.{kind}.0.2.0",
            "timestamp": hour(at).isoformat(),
        },
        "subject": {"id": subject, "type": kind.split(".")[0], "content": content},
        "customData": custom,
    }
    return f"dev.cdevents.{kind}.0.2.0", f"{kind}-{at}", json.dumps(body).encode()


def deployed(at: float, purl: str, where: str = "production", kind: str = "service.deployed") -> tuple[str, str, bytes]:
    return event(kind, at, "checkout", {"environment": {"id": where}, "artifactId": purl})


def packaged(at: float, purl: str, sha: str) -> tuple[str, str, bytes]:
    return event("artifact.packaged", at, purl, {"change": {"id": sha, "source": "shop/checkout"}})


def checked(at: float, key: str, outcome: str, where: str = "production") -> tuple[str, str, bytes]:
    content = {"outcome": outcome, "environment": {"id": where}, "testCase": {"id": "t", "name": f"{key} works"}}
    return event("testcaserun.finished", at, f"check-{at}", content, story=key)


def ran(at: float, sha: str, outcome: str, phase: str = "finished") -> tuple[str, str, bytes]:
    return event(
        f"pipelinerun.{phase}",
        at,
        f"run-{sha[:2]}",
        {"pipelineName": "main", "outcome": outcome},
        commit=sha,
        repository="shop/checkout",
    )


GIT = [
    commits(*COMMITS[:2]),
    commits(*COMMITS[2:]),
    look(2.5, B, ("v1", B, 2.4)),
    look(4.5, MERGE, ("v1", B, 2.4), ("v2", MERGE, 4.4)),
]
CI = [
    ran(1.1, B, "", "started"),
    ran(1.5, B, "success"),
    ran(4.6, MERGE, "success"),
    packaged(1.6, "pkg:oci/checkout@sha256:1", B),
    packaged(4.7, "pkg:oci/checkout@sha256:2", MERGE),
    deployed(2, "pkg:oci/checkout@sha256:1", "staging"),
    deployed(2.6, "pkg:oci/checkout@sha256:1"),
    checked(2.2, "PAY-1", "pass", "staging"),
    checked(3, "PAY-1", "pass"),
    deployed(5, "pkg:oci/checkout@sha256:2"),
    checked(6, "PAY-2", "pass"),
    checked(6.5, "PAY-1", "pass"),
    deployed(7, "pkg:oci/checkout@sha256:1", kind="service.rolledback"),
    deployed(8, "pkg:oci/checkout@sha256:2"),
    checked(9, "PAY-1", "pass"),
    checked(9.5, "PAY-2", "fail"),
    event("incident.detected", 8.5, "inc-1", {"description": "slow", "environment": {"id": "production"}}),
    event("environment.modified", 8.6, "staging", {"name": "Staging EU"}),
]
EVENTS = [("git", each) for each in GIT] + [("ci", each) for each in CI]


@pytest.fixture
def scene(payments: Any, checkout: Any, ana: Any) -> list[Story]:
    repository = Repository.objects.create(key="shop/checkout", service=checkout)
    Source.objects.create(key="ci", name="CI", kind="cdevents")
    Source.objects.create(
        key="git",
        name="checkout",
        kind="git",
        repository=repository,
        config={"repository": "shop/checkout", "release_tags": "v*", "release_line": "checkout"},
    )
    stories = [create_story(payments, by=ana, title=title) for title in ("Refunds", "Gift cards", "Invoices")]
    record_by_hand(stories[2], by=ana, kind="deployment", at=hour(3), note="Seen on the status page")
    return stories


def send(which: tuple[str, tuple[str, str, bytes]]) -> InboundEvent:
    source, (kind, delivery, body) = which
    return store(
        Source.objects.get(key=source),
        delivery=delivery,
        kind=kind,
        body=body,
        content_type="application/json",
        at=hour(24),
    )[0]


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every derived row, every column."""
    tables: dict[str, Any] = {model.__name__: model.objects.order_by("pk") for model in DERIVED}
    tables["Evidence"] = Evidence.objects.derived().order_by("pk")
    tables["StageChange"] = StageChange.objects.order_by("pk")
    tables["Story"] = Story.objects.order_by("pk")
    tables["Release"] = Release.objects.order_by("pk")
    rows = {name: list(table.values()) for name, table in tables.items()}
    # Ids of what people configure (services, environments) and of links are not derived.
    rows["StoryLink"] = list(
        StoryLink.objects.order_by("change_id", "key").values(
            "change_id", "key", "story_id", "rule", "mention", "git_named", "told_named"
        )
    )
    return rows


def comparable() -> dict[str, list[dict[str, Any]]]:
    """Every derived row, with environments and services by name: their ids depend on who was named first."""
    from releases.models import Environment
    from squads.models import Service

    names = {
        "environment_id": dict(Environment.objects.values_list("pk", "name")),
        "service_id": dict(Service.objects.values_list("pk", "name")),
    }
    return {
        table: [{key: names[key].get(value) if key in names else value for key, value in row.items()} for row in rows]
        for table, rows in everything().items()
    }


def answers() -> list[str]:
    return [
        say(story.standing, at=hour(30), squad="Payments", owners={"checkout": "Payments"})
        for story in Story.objects.order_by("key")
    ]


def told() -> list[dict[str, Any]]:
    """What was published of changes of stage."""
    return list(Message.objects.filter(topic=StageChanged.topic).order_by("pk").values_list("payload", flat=True))


def read_all() -> None:
    while read_batch():
        pass


def test_the_events_of_a_release_end_in_these_answers(scene: list[Story]) -> None:
    for each in EVENTS:
        send(each)
    read_all()
    assert not InboundEvent.objects.exclude(state="processed").exists()
    gap = "Gap: its squad never said dev done; "
    guess = " Unconfirmed: nobody has said yet that production is production."
    assert answers() == [
        f"Yes. Rodeo done: accepted in production 21 hours ago. {gap}never tested before production.{guess}",
        "No. Deployed 22 hours ago to production; PAY-2 works failed in production 20 hours ago (squad Payments). "
        f"{gap}never tested before production.{guess}",
        "No. Deployed 1 day ago to production; not accepted yet (squad Payments). "
        f"{gap}no successful mainline run seen; never tested before production.",
    ]
    assert dict(Change.objects.values_list("sha", "release__version")) == {
        A: "v1",
        B: "v1",
        C: "v2",
        SIDE: "v2",
        MERGE: "v2",
    }


def test_a_rebuild_makes_every_derived_row_again_byte_for_byte(scene: list[Story]) -> None:
    for each in EVENTS:
        send(each)
        read_all()
    before = everything()
    names = ("Fact", "Evidence", "Change", "Deployment", "Run", "Tag", "AcceptanceRun", "StageChange")
    assert all(before[name] for name in names)
    news = told()
    assert rebuild() == len(EVENTS)
    assert everything() == before
    assert told() == news


def test_a_rebuild_tells_only_the_changes_that_nobody_knew(scene: list[Story]) -> None:
    for each in EVENTS:
        send(each)
        read_all()
    before, news = everything(), told()
    # As if a version before this one had not understood one of the events.
    lost = StageChange.objects.filter(story=scene[0]).order_by("at")[1].pk
    StageChange.objects.filter(pk=lost).delete()
    rebuild()
    assert everything() == before
    assert [message["changes"][0]["id"] for message in told()[len(news) :]] == [str(lost)]


def test_stages_follow_each_other_and_each_change_names_its_event(scene: list[Story]) -> None:
    for each in EVENTS:
        send(each)
    read_all()
    for story in scene:
        story.refresh_from_db()
        stage, at = "todo", None
        for change in story.stage_changes.order_by("at"):
            assert change.from_stage == stage
            stage, at = change.to_stage, change.at
            seen = Evidence.objects.get(pk=change.evidence)
            assert (change.at, change.event_id) == (seen.at, seen.event_id)
        assert (story.stage, story.stage_at) == (stage, at)
    rolled_back = InboundEvent.objects.get(kind__contains="rolledback")
    withdrawn = StageChange.objects.filter(event_id=rolled_back.pk)
    assert withdrawn.values("cause").distinct().count() == 1
    assert set(withdrawn.values_list("story__key", "at")) == {("PAY-1", hour(7)), ("PAY-2", hour(7))}
    assert [message["event"] for message in told()].count(str(rolled_back.pk)) == 1


def test_a_rebuild_keeps_what_people_said(scene: list[Story], ana: Any) -> None:
    for each in EVENTS:
        send(each)
    read_all()
    hand = Evidence.objects.get(by_hand=True)
    change = Change.objects.get(sha=A)
    StoryLink.objects.create(change=change, key="PAY-3", story=scene[2], rule="person", person=ana)
    StoryLink.objects.filter(change__sha=SIDE).update(refused=True, person=ana)
    rebuild()
    assert Evidence.objects.get(by_hand=True) == hand
    assert StoryLink.objects.get(key="PAY-3").change == change
    assert StoryLink.objects.get(change__sha=SIDE).refused


def test_replaying_every_event_changes_nothing(scene: list[Story]) -> None:
    for each in EVENTS:
        send(each)
    read_all()
    before, news = everything(), told()
    replay(InboundEvent.objects.values_list("pk", flat=True))
    read_all()
    assert everything() == before
    assert told() == news


def test_sending_every_event_twice_changes_nothing(scene: list[Story]) -> None:
    for each in EVENTS:
        send(each)
    read_all()
    before = everything()
    for each in EVENTS:
        send(each)
    assert not InboundEvent.objects.filter(state="pending").exists()
    assert everything() == before


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_in_any_batches_ends_the_same(scene: list[Story], data: Any) -> None:
    if not hasattr(test_any_order_in_any_batches_ends_the_same, "expected"):
        with transaction.atomic():
            for each in EVENTS:
                send(each)
            read_all()
            test_any_order_in_any_batches_ends_the_same.expected = comparable(), answers()  # type: ignore[attr-defined]
            transaction.set_rollback(True)
    order = data.draw(st.permutations(EVENTS))
    stops = data.draw(st.sets(st.integers(0, len(EVENTS)), max_size=6))
    with transaction.atomic():
        for number, each in enumerate(order):
            send(each)
            if number in stops:
                read_all()
        read_all()
        found = comparable(), answers()
        transaction.set_rollback(True)
    assert found[1] == test_any_order_in_any_batches_ends_the_same.expected[1]  # type: ignore[attr-defined]
    assert found[0] == test_any_order_in_any_batches_ends_the_same.expected[0]  # type: ignore[attr-defined]
