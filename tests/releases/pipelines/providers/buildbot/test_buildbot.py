"""What Buildbot says of a build, pushed and read, in old words and new, whole and with holes."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from releases.intake.actions import drain_inbox
from releases.intake.models import InboundEvent
from releases.models import Run
from releases.pipelines.facts import RunSeen
from releases.pipelines.providers.base import Message, Page, PullFailed, PullRefused
from releases.pipelines.providers.buildbot import client
from releases.pipelines.providers.buildbot.webhook import translate
from tests.doubles.serving import Reply, Serving
from tests.doubles.sessions import session
from tests.releases.intake.conftest import source

SHA, ASKED = "a" * 40, "b" * 40
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROOT = "https://bot.example/"


def stamp(**more: Any) -> dict[str, Any]:
    return {"codebase": "", "revision": ASKED, "branch": "main", "patch": None,
            "repository": "https://git.example/shop/checkout.git", **more}  # fmt: skip


def build(number: int = 7, **more: Any) -> dict[str, Any]:
    return {
        "buildid": 100 + number, "number": number, "builderid": 3, "buildrequestid": 200 + number, "complete": True,
        "started_at": 1772000000, "complete_at": 1772000060, "results": 0, "state_string": "build successful",
        "builder": {"name": "checkout-main"}, "url": f"{ROOT}#/builders/3/builds/{number}",
        "buildset": {"sourcestamps": [stamp()]}, "properties": {"got_revision": [SHA, "Git"]}, **more,
    }  # fmt: skip


def run(said: dict[str, Any], kind: str = "build", **config: Any) -> RunSeen:
    found = translate(kind, Message({}, json.dumps(said).encode()), config)
    assert found is not None and isinstance(found[0], RunSeen)
    return found[0]


@pytest.mark.parametrize(
    ("results", "outcome", "word"),
    [(0, "success", "SUCCESS"), (1, "warning", "WARNINGS"), (2, "failure", "FAILURE"), (3, "skipped", "SKIPPED"),
     (4, "error", "EXCEPTION"), (5, "cancelled", "RETRY"), (6, "cancelled", "CANCELLED"), (7, "unknown", "results 7"),
     (None, "unknown", "results missing"), (True, "unknown", "results missing")],
)  # fmt: skip
def test_every_result_means_what_the_table_says_and_others_mean_nothing(results: Any, outcome: str, word: str) -> None:
    found = run(build(results=results))
    assert (found.phase, found.outcome) == ("finished", outcome)
    assert found.words == f"{word}: build successful"


def test_a_build_has_no_outcome_until_it_is_complete() -> None:
    found = run(build(complete=False, complete_at=None, results=0, state_string="testing"))
    assert (found.phase, found.outcome, found.words, found.finished_at) == ("running", "", "testing", None)


def test_what_was_checked_out_counts_and_not_what_was_asked_for() -> None:
    assert run(build()).sha == SHA
    assert run(build(properties={})).sha == ASKED
    assert run(build(properties={}, buildset={"sourcestamps": [stamp(revision=None)]})).sha == ""


def test_a_build_of_a_patch_belongs_to_no_commit() -> None:
    assert run(build(buildset={"sourcestamps": [stamp(patch={"patchid": 1})]})).sha == ""


def test_of_several_codebases_the_named_one_is_followed_or_none() -> None:
    library = stamp(codebase="library", repository="https://git.example/shop/library", revision="c" * 40)
    several = build(
        buildset={"sourcestamps": [stamp(codebase="checkout"), library]},
        properties={"got_revision": [{"checkout": SHA, "library": "c" * 40}, "Git"]},
    )
    assert (run(several).sha, run(several).repository) == ("", "")
    found = run(several, codebase="checkout")
    assert (found.sha, found.repository) == (SHA, "shop/checkout")


def test_a_pushed_and_a_read_build_are_one_run_whatever_the_master_calls_itself() -> None:
    pushed = run(build(url="http://inside:8010/#/builders/3/builds/7"), url=ROOT)
    read = run({name: value for name, value in build().items() if name != "url"}, "pull.build", url=ROOT)
    assert pushed == read
    assert pushed.url == f"{ROOT}#/builders/3/builds/7"


@pytest.mark.parametrize(
    "said",
    [{}, {"buildid": 1}, build(number=None, url=""), build(started_at=None, complete_at=None, url=5)],
    ids=["empty", "an id alone", "no number", "no times"],
)
def test_a_build_that_cannot_be_known_is_unreadable_and_names_the_field(
    said: dict[str, Any], db: None, send: Callable[..., HttpResponse]
) -> None:
    source("bot", "buildbot")
    assert send("/hooks/bot", {"buildid": 1, **said}).status_code == 202
    drain_inbox()
    event = InboundEvent.objects.get()
    assert event.state == "failed" or Run.objects.exists()
    if event.state == "failed":
        assert "number" in event.error


def test_the_password_that_buildbot_sends_opens_the_door_with_and_without_a_slash(db: None, client: Client) -> None:
    source("bot", "buildbot", secret="a-b")
    for path, password, status in (("/hooks/bot", "YS1i", 202), ("/hooks/bot/", "YS1i", 200), ("/hooks/bot", "YS1j", 401)):
        body = json.dumps(build()).encode()
        # rodeo:a-b, and one letter off
        answer = client.post(path, body, content_type="application/json", headers={"Authorization": f"Basic cm9kZW86{password}"})
        assert answer.status_code == status, path


def test_real_messages_are_runs_and_again_change_nothing(
    real_data: Path, db: None, send: Callable[..., HttpResponse]
) -> None:
    source("bot", "buildbot")
    files = sorted((real_data / "webhooks" / "buildbot").glob("*.json"))
    assert files
    for _ in range(2):
        for file in files:
            assert send("/hooks/bot/", file.read_bytes()).status_code < 300
        drain_inbox()
        assert list(Run.objects.values_list("pipeline", "phase", "outcome", "words", "finished_at", "url")) == [
            ("runtests", "finished", "success", "SUCCESS", datetime(2019, 3, 30, 1, 49, 12, tzinfo=UTC),
             "http://exampleurl.com/#/builders/1/builds/33")
        ]  # fmt: skip
    assert InboundEvent.objects.count() == len(files)


class Master:
    """Plays the REST API: filters by id, order and limit, as Buildbot 4 documents them."""

    def __init__(self) -> None:
        self.builds: dict[int, dict[str, Any]] = {}
        self.broken = False
        self.serving = Serving(self.answer)

    @property
    def url(self) -> str:
        return self.serving.url

    def add(self, *numbers: int, **more: Any) -> None:
        for each in numbers:
            said = build(each, **more)
            self.builds[said["buildid"]] = {name: value for name, value in said.items() if name not in {"builder", "buildset", "url"}}

    def answer(self, request: Any) -> Reply:
        asked, what = request.query_lists, request.path.rpartition("/")[2]
        if what == "builders":
            return Reply.of({"builders": [{"builderid": 3, "name": "checkout-main"}, {"builderid": 4, "name": "docs"}]})
        if what == "buildrequests":
            return Reply.of({what: [{"buildrequestid": int(each), "buildsetid": int(each) + 1} for each in asked["buildrequestid"]]})
        if what == "buildsets":
            return Reply.of({what: [{"bsid": int(each), "sourcestamps": [stamp()]} for each in asked["bsid"]]})
        found = sorted(self.builds.values(), key=lambda each: int(each["buildid"]))
        if "buildid" in asked:
            found = [each for each in found if str(each["buildid"]) in asked["buildid"]]
        if "buildid__gt" in asked:
            if self.broken and asked["buildid__gt"] != ["0"]:
                return Reply(500, b"")
            found = [each for each in found if each["buildid"] > int(asked["buildid__gt"][0])]
        if asked.get("order") == ["-buildid"]:
            found.reverse()
        return Reply.of({what: found[: int(asked.get("limit", ["1000"])[0])]})
