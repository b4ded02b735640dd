"""What Buildbot says of a build, pushed and read, in old words and new, whole and with holes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from releases.providers.base import Message, Page, PullFailed, PullRefused
from releases.providers.buildbot import client
from releases.providers.buildbot.webhook import translate
from releases.providers.facts import RunSeen
from tests.doubles.serving import Asked, Double, Reply
from tests.doubles.sessions import session

SHA, ASKED = "a" * 40, "b" * 40
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROOT = "https://bot.example/"


def stamp(**more: Any) -> dict[str, Any]:
    return {
        "codebase": "",
        "revision": ASKED,
        "branch": "main",
        "patch": None,
        "repository": "https://git.example/shop/checkout.git",
        **more,
    }


def build(number: int = 7, **more: Any) -> dict[str, Any]:
    return {
        "buildid": 100 + number,
        "number": number,
        "builderid": 3,
        "buildrequestid": 200 + number,
        "complete": True,
        "started_at": 1772000000,
        "complete_at": 1772000060,
        "results": 0,
        "state_string": "build successful",
        "builder": {"name": "checkout-main"},
        "url": f"{ROOT}#/builders/3/builds/{number}",
        "buildset": {"sourcestamps": [stamp()]},
        "properties": {"got_revision": [SHA, "Git"]},
        **more,
    }


def run(said: dict[str, Any], kind: str = "build", **config: Any) -> RunSeen:
    found = translate(kind, Message({}, json.dumps(said).encode()), config)
    assert found is not None and isinstance(found[0], RunSeen)
    return found[0]


@pytest.mark.parametrize(
    ("results", "outcome", "word"),
    [
        (0, "success", "SUCCESS"),
        (1, "warning", "WARNINGS"),
        (2, "failure", "FAILURE"),
        (3, "skipped", "SKIPPED"),
        (4, "error", "EXCEPTION"),
        (5, "cancelled", "RETRY"),
        (6, "cancelled", "CANCELLED"),
        (7, "unknown", "results 7"),
        (None, "unknown", "results missing"),
        (True, "unknown", "results missing"),
    ],
)
def test_every_result_means_what_the_table_says_and_others_mean_nothing(results: Any, outcome: str, word: str) -> None:
    found = run(build(results=results))
    assert (found.phase, found.outcome) == ("finished", outcome)
    assert found.raw_status == f"{word}: build successful"


def test_a_build_has_no_outcome_until_it_is_complete() -> None:
    found = run(build(complete=False, complete_at=None, results=0, state_string="testing"))
    assert (found.phase, found.outcome, found.raw_status, found.finished_at) == ("running", "", "testing", None)


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


class Master(Double):
    """Plays the REST API: filters by id, order and limit, as Buildbot 4 documents them."""

    def __init__(self) -> None:
        self.builds: dict[int, dict[str, Any]] = {}
        super().__init__()

    def add(self, *numbers: int, **more: Any) -> None:
        """Have these builds."""
        for each in numbers:
            said = build(each, **more)
            for name in ("builder", "buildset", "url"):
                del said[name]
            self.builds[said["buildid"]] = said

    def answer(self, asked: Asked) -> Reply:
        what = asked.path.rpartition("/")[2]
        if what == "builders":
            return Reply({what: [{"builderid": 3, "name": "checkout-main"}, {"builderid": 4, "name": "docs"}]})
        if what == "buildrequests":
            ids = asked.lists["buildrequestid"]
            return Reply({what: [{"buildrequestid": int(each), "buildsetid": int(each) + 1} for each in ids]})
        if what == "buildsets":
            return Reply({what: [{"bsid": int(each), "sourcestamps": [stamp()]} for each in asked.lists["bsid"]]})
        found = sorted(self.builds.values(), key=lambda each: int(each["buildid"]))
        if "buildid" in asked.lists:
            found = [each for each in found if str(each["buildid"]) in asked.lists["buildid"]]
        found = [each for each in found if each["buildid"] > int(asked.params.get("buildid__gt", "0"))]
        if asked.params.get("order") == "-buildid":
            found.reverse()
        return Reply({what: found[: int(asked.params.get("limit", "1000"))]})


@pytest.fixture
def master() -> Iterator[Master]:
    double = Master()
    yield double
    double.close()


def read(master: Master, cursor: dict[str, Any] | None = None, **config: Any) -> list[Page]:
    return list(client.pages(session(master.url), config, cursor or {}, NOW))


def builds(pages: list[Page]) -> list[int]:
    return [json.loads(each.body)["number"] for page in pages for each in page.records]


def test_builds_are_read_oldest_first_and_once(master: Master) -> None:
    master.add(*range(1, 121))
    pages = read(master)
    assert builds(pages) == list(range(1, 121))
    assert run(json.loads(pages[0].records[0].body), "pull.build", url=ROOT).repository == "shop/checkout"
    before = master.count()
    assert read(master, dict(pages[-1].cursor)) == []
    assert master.count() - before == 2


def test_a_build_that_ran_the_last_time_is_read_again_until_it_ends(master: Master) -> None:
    master.add(1, complete=False, complete_at=None, results=None)
    master.add(2)
    cursor = dict(read(master)[-1].cursor)
    master.add(1, results=2)
    pages = read(master, cursor)
    assert builds(pages) == [1]
    assert run(json.loads(pages[0].records[0].body), "pull.build", url=ROOT).outcome == "failure"
    assert read(master, dict(pages[-1].cursor)) == []


def test_a_page_that_fails_leaves_a_cursor_behind_it_and_the_next_pull_goes_on(master: Master) -> None:
    master.add(*range(1, 121))
    kept: list[Page] = []
    with pytest.raises(PullFailed):
        for page in client.pages(session(master.url), {}, {}, NOW):
            kept.append(page)
            master.go_wrong("/builds", Reply({}, 500), times=5)
    master.wrong.clear()
    assert builds(kept) + builds(read(master, dict(kept[-1].cursor))) == list(range(1, 121))


@pytest.mark.parametrize("count", [1, 3, 5], ids=["fewer", "as many", "more"])
def test_a_master_made_anew_is_noticed_whatever_number_its_builds_have_reached(count: int, master: Master) -> None:
    master.add(1, 2, 3)
    cursor = dict(read(master)[-1].cursor)
    assert builds(read(master, cursor)) == []
    master.builds.clear()
    master.add(*range(1, count + 1), started_at=1_900_000_000)
    assert builds(read(master, cursor)) == list(range(1, count + 1))


def test_only_the_builders_that_are_named_are_followed(master: Master) -> None:
    master.add(1)
    master.add(2, builderid=4)
    assert builds(read(master, builders=["checkout-*"])) == [1]
    assert client.test_connection(session(master.url), {"builders": ["doc?", "check*"]}) == ["2 builders"]
    with pytest.raises(PullFailed, match="Check Builders"):
        client.test_connection(session(master.url), {"builders": ["nothing"]})


def test_a_master_that_was_made_anew_is_read_from_its_beginning(master: Master) -> None:
    master.add(1)
    assert builds(read(master, {"done": 5000, "open": [4999]})) == [1]


@pytest.mark.parametrize("said", [[], {}, {"builders": 5}, "text"])
def test_what_is_no_buildbot_says_what_to_check(master: Master, said: Any) -> None:
    master.go_wrong("/builders", Reply(said))
    with pytest.raises(PullRefused, match="Check that this is the address"):
        read(master)
