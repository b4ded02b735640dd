"""What is learned late changes the answer as if it had been known all along: reading on equals reading everything anew."""

import json
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from portal.kernel import outbox
from releases.environments.actions import edit_environment
from releases.inbox.actions import replay, store
from releases.inbox.models import InboundEvent, Source
from releases.models import Environment, Repository
from releases.providers.cdevents import webhook
from releases.reading.actions import rebuild
from releases.required_pipelines.actions import require_pipelines
from squads.handovers.actions import move_to_squad
from squads.models import Service, Squad, Story
from squads.stories.actions import create_story, edit_story
from squads.teams.actions import create_service, edit_service
from tests.releases.reading import test_order
from tests.releases.reading.test_order import (
    answers,
    checked,
    commits,
    deployed,
    event,
    everything,
    hour,
    look,
    packaged,
    read_all,
    record,
    send,
)

pytestmark = pytest.mark.usefixtures("scene")
Said = tuple[str, str, bytes]
scene = test_order.scene

# A straight history, one commit an hour: a begins, b is PAY-1's, c PAY-2's, e PAY-3's.
MESSAGES = {"a": "Begin", "b": "PAY-1 one", "c": "PAY-2 two", "d": "nothing", "e": "PAY-3 three", "f": "the end"}
LETTERS = "abcdef"
# More of them, from another start: RODEO_FUZZ=1000:400 make test ARGS="-k whatever_comes"
# Each database has histories of its own.
USUAL = "8:8" if os.environ.get("DATABASE_URL") else "0:8"
FIRST, SEEDS = map(int, os.environ.get("RODEO_FUZZ", USUAL).split(":"))
HISTORY = [
    record(letter * 40, (LETTERS[number - 1] * 40,) if number else (), number, MESSAGES[letter])
    for number, letter in enumerate(LETTERS)
]


def step(*events: tuple[str, Said]) -> None:
    for each in events:
        send(each)
    read_all()
    outbox.deliver()
    read_all()


def github(*said: Said) -> list[tuple[str, Said]]:
    return [("github", each) for each in said]


def git(*said: Said) -> list[tuple[str, Said]]:
    return [("git", each) for each in said]


def ci(*said: Said) -> list[tuple[str, Said]]:
    return [("ci", each) for each in said]


def pulled(upto: str, at: float, *tags: tuple[str, str, float]) -> list[tuple[str, Said]]:
    end = LETTERS.index(upto) + 1
    return git(commits(*HISTORY[:end]), look(at, upto * 40, *tags))


def put(at: float, where: str = "production", service: str = "checkout", **custom: str) -> Said:
    return event("service.deployed", at, service, {"environment": {"id": where}}, **custom)


def ran(at: float, name: str, outcome: str = "success", **custom: str) -> Said:
    return event("pipelinerun.finished", at, name, {"pipelineName": "main", "outcome": outcome}, **custom)


def report(number: int, kind: str = "deployment", **said: Any) -> None:
    source = Source.objects.get_or_create(key="scripts", defaults={"name": "Scripts", "kind": "report"})[0]
    headers = {"source": "scripts", "delivery": f"d{number}", "received-at": hour(24).isoformat()}
    body = json.dumps(said).encode()
    store(source, delivery=f"{kind} {number}", kind=kind, body=body, headers=headers, at=hour(24))
    read_all()


def deployment(number: int, at: float, letter: str, **said: Any) -> None:
    where = {"service": "checkout", "environment": "production", "commit": letter * 40}
    report(number, **{**where, "finished_at": hour(at).isoformat(), **said})


def stages() -> dict[str, str]:
    return dict(Story.objects.values_list("key", "stage"))


def assert_a_rebuild_changes_nothing() -> None:
    rows, said = everything(), answers()
    rebuild()
    again = everything()
    assert answers() == said
    assert [name for name in rows if rows[name] != again[name]] == []


def test_a_short_sha_is_understood_when_its_commit_is_read() -> None:
    step(*pulled("c", 2.5), *ci(put(4, commit="ddddddd"), ran(4.1, "r1", commit="ddddddd")))
    step(*pulled("d", 4.5))
    assert stages()["PAY-1"] == "deployed"
    assert_a_rebuild_changes_nothing()


def test_a_run_that_names_only_a_short_sha_counts() -> None:
    step(*pulled("d", 4.5))
    step(*ci(ran(5, "r1", commit="ddddddd")))
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()


@pytest.mark.parametrize("before", [[], [("v1.2", "a" * 40, 2.2)]], ids=["a new tag", "a tag that moved"])
def test_a_version_is_understood_when_its_tag_is_read(before: list[tuple[str, str, float]]) -> None:
    step(*pulled("c", 2.5, *before))
    step(*ci(put(4, version="1.2")))
    step(*git(look(4.5, "c" * 40, ("v1.2", "c" * 40, 4.2))))
    assert stages()["PAY-1"] == "deployed"
    assert_a_rebuild_changes_nothing()


def test_a_run_of_a_commit_beside_the_mainline_does_not_take_the_news_from_the_mainlines_run() -> None:
    step(*pulled("e", 4.5), *git(commits(record("9" * 40, ("d" * 40,), 4, "a branch"))))
    step(*ci(ran(5, "r1", commit="9" * 40, repository="shop/checkout", branch="feature")))
    assert stages()["PAY-1"] == "todo"
    step(*ci(ran(6, "r2", commit="e" * 40, repository="shop/checkout", branch="main")))
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()


@pytest.mark.parametrize(
    "branch", ["gh-readonly-queue/main/pr-12-c", "refs/merge-requests/5/train", "v2.0", "topic", ""]
)
def test_a_run_counts_for_the_commit_it_built_whatever_its_branch_is_called(branch: str) -> None:
    step(*ci(ran(5, "r1", commit="d" * 40, repository="shop/checkout", branch=branch)))
    step(*pulled("e", 4.5))
    assert (stages()["PAY-1"], stages()["PAY-3"]) == ("integrated", "todo")
    assert_a_rebuild_changes_nothing()


def test_only_the_real_mainline_counts_once_it_is_known() -> None:
    step(*git(commits(*HISTORY[:3]), look(2.5, "a" * 40)))
    step(*ci(ran(5, "r1", commit="c" * 40, repository="shop/checkout", branch="release")))
    assert stages()["PAY-1"] == "todo"
    kind, delivery, body = look(6, "c" * 40)
    step(("git", (kind, delivery, body.replace(b'"main"', b'"release"'))))
    assert stages()["PAY-1"] == "integrated"
    step(*ci(ran(7, "r2", commit="c" * 40, repository="shop/checkout", branch="master")))
    assert_a_rebuild_changes_nothing()


def test_a_repository_nobody_claimed_makes_the_service_of_its_name() -> None:
    step(*ci(event("change.merged", 1, "b" * 40, {"repository": {"id": "basket"}}, message="PAY-1 x")))
    step(*ci(put(2, service="basket", commit="b" * 40)))
    assert stages()["PAY-1"] == "deployed"
    assert_a_rebuild_changes_nothing()


def test_a_report_that_is_corrected_takes_back_what_it_said() -> None:
    step(*pulled("f", 6))
    deployment(1, 7, "a", id="1")
    deployment(2, 8, "f", id="2")
    assert stages()["PAY-2"] == "deployed"
    deployment(3, 8.5, "b", id="2")
    assert stages()["PAY-2"] == "todo"
    assert_a_rebuild_changes_nothing()


def test_a_report_that_is_moved_in_time_changes_what_came_between() -> None:
    step(*pulled("f", 6))
    for number, (at, letter) in enumerate([(7, "a"), (8, "f"), (9, "b"), (10, "c")]):
        deployment(number, at, letter, id=str(number))
    deployment(9, 12, "f", id="1")
    assert stages()["PAY-3"] == "deployed"
    assert_a_rebuild_changes_nothing()


def test_an_unhealthy_deployment_put_nothing_there() -> None:
    step(*pulled("f", 6))
    for number, (at, letter, healthy) in enumerate([(7, "a", True), (8, "f", True), (9, "a", False), (10, "a", True)]):
        deployment(number, at, letter, healthy=healthy)
    assert set(stages().values()) == {"todo"} | ({"deployed"} & {stages()["PAY-3"]})
    assert_a_rebuild_changes_nothing()


def test_a_service_of_two_repositories_has_two_mainlines(checkout: Any) -> None:
    web = Repository.objects.create(key="shop/web", service=checkout)
    Source.objects.create(key="git2", name="web", kind="git", repository=web, config={"repository": "shop/web"})
    theirs = [record(str(n) * 40, (str(n - 1) * 40,) if n > 1 else (), n, "web") for n in range(1, 8)]
    step(*pulled("f", 6), ("git2", commits(*theirs)), ("git2", look(6.5, "7" * 40)))
    for at, sha in ((8, "f" * 40), (9, "1" * 40), (10, "b" * 40)):
        step(*ci(put(at, commit=sha)))
    assert_a_rebuild_changes_nothing()


def test_a_commit_with_a_wrong_clock_is_judged_alone_as_in_company() -> None:
    wrong = [record("a" * 40, (), 0, "PAY-1 old"), record("b" * 40, ("a" * 40,), 60, "PAY-2 the clock is wrong")]
    step(*git(commits(*wrong), look(4.5, "b" * 40)))
    step(*ci(ran(6, "r1", commit="b" * 40, repository="shop/checkout", branch="main")))
    step(*ci(checked(7, "PAY-2", "pass")))
    assert stages()["PAY-2"] == "integrated"
    assert_a_rebuild_changes_nothing()


def test_a_parent_that_is_read_late_takes_what_stands_on_it_along() -> None:
    one, two = record("1" * 40, ("c" * 40,), 4, "x"), record("2" * 40, ("1" * 40,), 5, "y")
    step(*pulled("c", 2.5))
    step(*git(commits(two)), *ci(put(6, commit="2" * 40)))
    step(*git(commits(one), look(6.5, "c" * 40)))
    assert stages()["PAY-1"] == "deployed"
    assert_a_rebuild_changes_nothing()


def test_an_event_that_is_read_differently_now_takes_its_rows_back(monkeypatch: pytest.MonkeyPatch) -> None:
    step(*pulled("c", 2.5), *ci(put(6, commit="c" * 40)))
    assert stages()["PAY-1"] == "deployed"
    monkeypatch.delitem(webhook.TRANSLATORS, "service.deployed")
    replay(InboundEvent.objects.filter(kind__contains="service").values_list("pk", flat=True))
    read_all()
    assert stages()["PAY-1"] == "todo"
    assert_a_rebuild_changes_nothing()


def test_a_deleted_environment_runs_nothing() -> None:
    step(*pulled("c", 2.5), *ci(put(3, "prod-one", commit="c" * 40)))
    assert stages()["PAY-1"] == "deployed"
    step(*ci(event("environment.deleted", 3.5, "prod-one", {})))
    assert "No longer deployed: taken off prod-one 20 hours ago" in answers()[0].replace("1 day ago", "20 hours ago")
    step(*ci(put(4, "prod-new", commit="c" * 40)))
    assert stages()["PAY-1"] == "deployed"
    assert_a_rebuild_changes_nothing()


def test_two_environments_of_one_name_stay_two(root: Any) -> None:
    step(*pulled("c", 2.5), *ci(put(3, "prod-eu", commit="a" * 40), put(4, "prod-us", commit="c" * 40)))
    for place in Environment.objects.filter(key__startswith="prod-"):
        edit_environment(place, by=root, name="Production")
    outbox.deliver()
    assert stages()["PAY-1"] == "todo"
    assert "prod-eu runs aaaaaaa without bbbbbbb (it is in prod-us)" in json.dumps(
        Story.objects.get(key="PAY-1").standing, ensure_ascii=False
    )


def test_a_flag_that_is_switched_off_withdraws() -> None:
    Story.objects.filter(key="PAY-1").update(flag="x")
    step(*pulled("b", 2.5), *ci(put(3, commit="b" * 40)))
    report(1, "flag-state", flag="x", environment="production", on=True, at=hour(3.5).isoformat())
    step(*ci(checked(4, "PAY-1", "pass")))
    assert stages()["PAY-1"] == "rodeo_done"
    report(2, "flag-state", flag="x", environment="production", on=False, at=hour(5).isoformat())
    standing = Story.objects.get(key="PAY-1").standing
    assert standing["rungs"][-1]["state"] == "withdrawn"
    assert answers()[0].startswith("No. No longer rodeo done: dark: flag x is off for everyone in production, since ")
    assert_a_rebuild_changes_nothing()


def test_a_gap_says_what_was_seen() -> None:
    step(*pulled("b", 2.5), *ci(put(3, "staging", commit="b" * 40), checked(4, "PAY-1", "pass", "staging")))
    step(*ci(put(5, commit="b" * 40), checked(6, "PAY-1", "fail", "staging")))
    assert (
        "Gap: its squad never said dev done; no successful mainline run seen; PAY-1 works failed in staging."
        in answers()[0]
    )


def test_a_name_means_the_repository_that_people_connected(payments: Squad, ana: Any) -> None:
    for number, name in enumerate(["acme/shop/web", "shop/web", "beta/shop/web"]):
        merged = {"repository": {"id": name}}
        step(*ci(event("change.merged", 1 + number, str(number) * 40, merged, message="PAY-1 x")))
    assert Repository.objects.filter(changes__isnull=False).count() == 3
    assert_a_rebuild_changes_nothing()
    service = create_service(by=ana, name="web", squad=payments, repositories=["acme/shop/web"])
    step()
    named = Repository.objects.filter(changes__isnull=False).values_list("key", "changes__sha")
    assert set(named) == {("acme/shop/web", "0" * 40), ("acme/shop/web", "1" * 40), ("beta/shop/web", "2" * 40)}
    assert not Repository.objects.filter(key="shop/web").exists()
    assert_a_rebuild_changes_nothing()
    edit_service(service, by=ana, repositories=[])
    step()
    assert_a_rebuild_changes_nothing()


def test_a_check_of_a_commit_without_the_story_accepts_nothing() -> None:
    step(*pulled("c", 2.5), *ci(put(3, commit="c" * 40)))
    said = {"environment": "production", "service": "checkout", "story": "PAY-2", "outcome": "passed"}
    report(1, "acceptance-run", **said, commit="b" * 40, finished_at=hour(4).isoformat())
    assert stages()["PAY-2"] == "deployed"
    report(2, "acceptance-run", **said, commit="c" * 40, finished_at=hour(5).isoformat())
    assert stages()["PAY-2"] == "rodeo_done"
    assert_a_rebuild_changes_nothing()


def test_a_service_check_that_fails_again_takes_its_word_back() -> None:
    step(*pulled("c", 2.5))
    said = {"environment": "staging", "service": "checkout", "commit": "c" * 40, "name": "regression"}
    report(1, "acceptance-run", **said, outcome="passed", finished_at=hour(4).isoformat())
    assert stages()["PAY-1"] == "tested"
    report(2, "acceptance-run", **said, outcome="failed", finished_at=hour(5).isoformat())
    assert stages()["PAY-1"] == "todo"
    assert "regression failed in staging" in answers()[0]
    report(3, "acceptance-run", **said, outcome="passed", finished_at=hour(6).isoformat())
    assert stages()["PAY-1"] == "tested"
    assert_a_rebuild_changes_nothing()


@pytest.mark.parametrize(
    "said", [lambda: put(48, commit="c" * 40), lambda: checked(48, "PAY-1", "pass")], ids=["deployment", "check"]
)
def test_what_lies_in_the_future_is_refused_with_the_remedy(said: Callable[[], Said]) -> None:
    step(*ci(said()))
    failed = InboundEvent.objects.get()
    assert failed.state == "failed"
    assert "is in the future (2026-03-04 09:00 UTC, received 2026-03-03 09:00); set the sender's clock" in failed.error


def some_event(r: random.Random, at: float) -> list[tuple[str, Said]]:
    """Anything a company's systems may say, in full or in short."""
    sha = r.choice(LETTERS) * r.choice([40, 40, 7, 12])
    where = r.choice(["production", "production", "staging", "prod-us"])
    artifact = f"pkg:oci/checkout@sha256:{r.randrange(4)}"
    key = r.choice(["PAY-1", "PAY-2", "PAY-3", "PAY-4", "SEA-1"])
    service = r.choice(["checkout", "checkout", "checkout", "basket"])
    branch = r.choice(["main", "", "feature"])
    return r.choice(
        [
            lambda: ci(put(at, where, service, commit=sha)),
            lambda: ci(put(at, where, service, version=r.choice(["v1", "1.2", "v2"]))),
            lambda: ci(deployed(at, artifact, where)),
            lambda: ci(deployed(at, artifact, where, kind="service.rolledback")),
            lambda: ci(event("service.removed", at, service, {"environment": {"id": where}})),
            lambda: ci(packaged(at, artifact, sha)),
            lambda: ci(ran(at, f"r{r.randrange(5)}", r.choice(["success", "failure"]), commit=sha, branch=branch)),
            lambda: ci(
                ran(at, f"s{at}", commit=sha, branch=branch, repository=r.choice(["shop/checkout", "checkout"]))
            ),
            lambda: ci(checked(at, key, r.choice(["pass", "fail"]), where)),
            lambda: ci(
                event(
                    "testsuiterun.finished",
                    at,
                    f"t{at}",
                    {
                        "outcome": r.choice(["pass", "pass", "fail"]),
                        "environment": {"id": "staging"},
                        "testSuite": {"id": "s"},
                    },
                    service="checkout",
                )
            ),
            lambda: ci(
                event(
                    "change.merged",
                    at,
                    sha.ljust(40, sha[0]),
                    {"repository": {"id": r.choice(["basket", "shop/checkout", "https://git.example/shop/checkout"])}},
                    message=f"{key} merged",
                )
            ),
            lambda: ci(event(r.choice(["environment.deleted", "environment.created"]), at, where, {})),
            lambda: git(look(at, "f" * 40, ("v1", r.choice(LETTERS) * 40, 2), ("v1.2", "c" * 40, 3))),
            lambda: git(look(at, r.choice("cdf") * 40, *some_tags(r, at))),
            *[lambda: github(some_workflow(r, at))] * 4,
        ]
    )()


def some_tags(r: random.Random, at: float) -> list[tuple[str, str, float]]:
    """Tags that were made, moved or deleted since the last look."""
    names = r.sample(["v1", "v2", "stable"], r.randrange(4))
    return [(name, r.choice(LETTERS) * 40, r.choice([2.2, at - 0.1])) for name in sorted(names)]


def some_workflow(r: random.Random, at: float) -> Said:
    """Any attempt at any workflow of any commit, for whatever reason."""
    sha = r.choice(LETTERS) * 40
    pipeline, attempt = r.choice(["Lint", "Tests", "Publish"]), r.choice([1, 1, 2])
    event_, status = r.choice(["push", "push", "schedule", "workflow_dispatch", "pull_request"]), r.choice("srw")
    run = {
        "id": f"{sha[:2]}{pipeline}{event_}",
        "name": pipeline,
        "head_sha": sha,
        "head_branch": r.choice(["main", "v1", "topic"]),
        "event": event_,
        "run_attempt": attempt,
        "status": {"s": "completed", "r": "in_progress", "w": "waiting"}[status],
        "conclusion": r.choice(["success", "success", "failure", "cancelled", "skipped"]) if status == "s" else None,
        "run_started_at": hour(at - r.choice([0.1, 0.5, 2])).isoformat(),
        "updated_at": hour(at).isoformat(),
    }
    body = json.dumps({"repository": {"full_name": "shop/checkout"}, "workflow_run": run}).encode()
    return "workflow_run", f"run {at}", body


def some_deed(r: random.Random, number: int, payments: Squad, ana: Any) -> None:
    """Anything people may do meanwhile."""
    story = r.choice(list(Story.objects.order_by("pk")))
    place = r.choice([*Environment.objects.order_by("pk"), None])
    deed = r.randrange(7)
    if deed == 0 and not Story.objects.filter(key="PAY-4").exists():
        create_story(payments, by=ana, title="Late")
    elif deed == 1:
        edit_story(story, by=ana, flag=r.choice(["", "x"]))
    elif deed == 2 and place is not None:
        edit_environment(place, by=ana, tier=r.choice(["production", "staging", "other"]))
    elif deed == 6:
        search, _ = Squad.objects.get_or_create(name="Search", slug="search", key_prefix="SEA")
        move_to_squad(story, search if story.squad_id == payments.pk else payments, by=ana)
    elif deed == 5:
        require_pipelines(Service.objects.get(name="checkout"), r.sample(["lint", "Tests"], r.randrange(3)), by=ana)
    elif deed == 3:
        on = r.choice([True, False])
        report(number, "flag-state", flag="x", environment="production", on=on, at=hour(number / 2).isoformat())
    else:
        deployment(
            number, 3 + number / 2, r.choice(LETTERS), id=str(r.randrange(3)), healthy=r.choice([True, True, False])
        )


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_whatever_comes_in_whatever_order_a_rebuild_changes_nothing(seed: int, payments: Squad, ana: Any) -> None:
    r = random.Random(seed)
    ana.is_project_manager = True
    Source.objects.create(key="github", name="GitHub", kind="github")
    if seed % 2:
        source = Source.objects.get(key="git")
        source.config |= {"deploys_to": "production", "release_tags": "*"}
        source.save()
    said = [
        *pulled("c", 2.5, ("v1", "b" * 40, 2.2)),
        *git(commits(*HISTORY[3:]), look(6, "f" * 40, ("v2", "e" * 40, 5))),
    ]
    for number in range(16):
        said += some_event(r, 3 + number + r.random())
    r.shuffle(said)
    while said:
        share = r.choice([1, 1, 1, 2, 4])
        some, said = said[:share], said[share:]
        step(*some)
        if r.random() < 0.4:
            some_deed(r, len(said) + 1, payments, ana)
            step()
    assert_a_rebuild_changes_nothing()
