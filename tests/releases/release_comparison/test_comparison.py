"""Two releases or artifacts side by side, by what their commits contain: what only one has, and what nobody knows."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from releases.contents.models import ReleaseContent
from releases.models import Artifact, Release, Repository
from releases.planning.actions import create_release, edit_release
from squads.models import Service, Squad, Story
from squads.stories.actions import create_story
from tests.releases.contents import conftest
from tests.releases.contents.conftest import Told, sha_of

pytestmark = pytest.mark.django_db
history, story = conftest.history, conftest.story
API = "/api/v1/release-comparison/"


def compared(browser: Client, this: str, other: str) -> dict[str, Any]:
    answer = browser.get(API, {"this": this, "other": other})
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def line(browser: Client, this: str, other: str) -> dict[str, Any]:
    [row] = compared(browser, this, other)["services"]
    return dict(row)


def chosen(release: Release, service: Service, name: str, by: Any) -> None:
    ReleaseContent.objects.update_or_create(release=release, service=service, defaults={"sha": sha_of(name), "by": by})


@pytest.fixture
def later(payments: Squad, ana: Any) -> Story:
    return create_story(payments, by=ana, title="Vouchers", flag="vouchers")


@pytest.fixture
def two(history: Told, story: Story, later: Story, checkout: Service, ana: Any) -> list[Release]:
    """Release 1.0 ships the first story's change, 2.0 the second one's as well, with a change of the schema."""
    history.touch("start", "Start", 0)
    history.touch("refund", f"{story.key}: refund in parts", 1, "start")
    history.touch("voucher", f"{later.key}: vouchers", 2, "refund", files=("db/migrations/7.sql",))
    history.touch("tidy", "Tidy up", 3, "voucher", files=None)
    history.look("tidy")
    made = [create_release(by=ana, version=version, line="shop") for version in ("1.0", "2.0")]
    chosen(made[0], checkout, "refund", ana)
    chosen(made[1], checkout, "tidy", ana)
    return made


def test_what_only_the_newer_release_contains_is_named(two: list[Release], later: Story, as_ana: Client) -> None:
    row = line(as_ana, "shop-2.0", "shop-1.0")
    only = row["only_this"]
    assert (row["service"], row["same"], row["why_not"], row["unknown"]) == ("checkout", False, "", 0)
    assert only["stories"] == [later.key] and only["flags"] == ["vouchers"]
    assert sorted(each["subject"] for each in only["changes"]) == ["PAY-2: vouchers", "Tidy up"]
    assert [(each["path"], each["kind"]) for each in only["schema_changes"]] == [("db/migrations/7.sql", "")]
    assert only["schema_unknown"] == 1 and row["only_other"]["changes"] == []
    assert line(as_ana, "shop-1.0", "shop-2.0")["only_other"] == only
    page = as_ana.get("/comparison/?this=shop-2.0&other=shop-1.0").content.decode()
    assert (
        "1 of 1 service differs." in page
        and "Only in shop 2.0" in page
        and "The files of 1 change aren’t known." in page
    )
    assert f'href="/stories/{later.key}/"' in page and "<code>vouchers</code>" in page


def test_a_fix_that_was_picked_to_the_release_branch_is_in_both(
    history: Told, two: list[Release], story: Story, checkout: Service, as_ana: Client, ana: Any
) -> None:
    history.touch("pick", f"{story.key}: refund in parts\n\n(cherry picked from commit {sha_of('refund')})", 5, "start")
    history.look("tidy", **{"v1.0.1": ("pick", 6)})
    chosen(two[0], checkout, "pick", ana)
    assert line(as_ana, "shop-2.0", "shop-1.0")["only_this"]["stories"] == ["PAY-2"]
    assert line(as_ana, "shop-2.0", "shop-1.0")["only_other"]["stories"] == []


def test_a_revert_leaves_the_story_only_in_the_older_release(
    history: Told, two: list[Release], story: Story, checkout: Service, as_ana: Client, ana: Any
) -> None:
    history.touch("undo", f"Take it out\n\nThis reverts commit {sha_of('refund')}.", 5, "tidy")
    history.look("undo")
    chosen(two[1], checkout, "undo", ana)
    row = line(as_ana, "shop-2.0", "shop-1.0")
    assert row["only_other"]["stories"] == [story.key] and "PAY-2" in row["only_this"]["stories"]


def test_what_git_does_not_tell_is_unknown_never_the_same(
    two: list[Release], checkout: Service, as_ana: Client, ana: Any
) -> None:
    ReleaseContent.objects.filter(release=two[1]).update(sha="f" * 40)
    row = line(as_ana, "shop-2.0", "shop-1.0")
    assert row["why_not"] == "Git wasn’t read as far as fffffff." and row["only_this"]["changes"] == []
    assert (
        "So what only one has is unknown." in as_ana.get("/comparison/?this=shop-2.0&other=shop-1.0").content.decode()
    )
    Repository.objects.update(service=None)
    assert line(as_ana, "shop-2.0", "shop-1.0")["why_not"] == "No repository is connected for this service."


def test_a_service_that_only_one_ships_is_said_so(
    two: list[Release], as_ana: Client, ana: Any, payments: Squad
) -> None:
    other = Service.objects.create(name="ledger", slug="ledger", squad=payments)
    chosen(two[1], other, "tidy", ana)
    rows = {each["service"]: each for each in compared(as_ana, "shop-2.0", "shop-1.0")["services"]}
    assert rows["ledger"]["other_sha"] is None and rows["ledger"]["this_sha"] == sha_of("tidy")
    assert (
        "Only shop 2.0 ships this service." in as_ana.get("/comparison/?this=shop-2.0&other=shop-1.0").content.decode()
    )


def test_artifacts_are_compared_by_the_commits_they_were_made_from(
    two: list[Release], later: Story, as_ana: Client
) -> None:
    repository = Repository.objects.get()
    purls = [f"pkg:oci/checkout@sha256:{digit * 64}" for digit in "ab"]
    for purl, name in zip(purls, ("refund", "voucher"), strict=True):
        Artifact.objects.create(id=sha_uuid(purl), purl=purl, sha=sha_of(name), repository=repository)
    assert line(as_ana, purls[1], purls[0])["only_this"]["stories"] == [later.key]
    assert line(as_ana, purls[1], "shop-2.0")["only_other"]["stories"] == []
    assert [each["subject"] for each in line(as_ana, "shop-2.0", purls[1])["only_this"]["changes"]] == ["Tidy up"]
    Artifact.objects.filter(purl=purls[0]).update(sha="")
    assert line(as_ana, purls[1], purls[0])["why_not"] == "The commit it was made from isn’t known."
    Artifact.objects.filter(purl=purls[0]).update(repository=None)
    page = as_ana.get("/comparison/", {"this": purls[1], "other": purls[0]}).content.decode()
    assert f"Nothing tells which service {purls[0]} is of." in page


def sha_uuid(text: str) -> Any:
    from portal.kernel.stable_ids import stable_id

    return stable_id("artifact", text)


def test_stories_without_a_change_are_named_beside(
    two: list[Release], payments: Squad, ana: Any, as_ana: Client
) -> None:
    create_story(payments, by=ana, title="Nothing yet", release=two[1])
    assert compared(as_ana, "shop-2.0", "shop-1.0")["without_change"] == [["PAY-3"], []]
    assert "Planned, without a change" in as_ana.get("/comparison/?this=shop-2.0&other=shop-1.0").content.decode()


def test_unknown_names_are_said_and_nothing_is_guessed(two: list[Release], as_ana: Client, ana: Any) -> None:
    page = as_ana.get("/comparison/", {"this": "shop-2.0", "other": "<shop>"})
    assert page.status_code == 404 and "There’s no release or artifact <bdi>&lt;shop&gt;</bdi>" in page.content.decode()
    answer = as_ana.get(API, {"this": "shop-2.0"})
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == "other"
    assert as_ana.get(API, {"this": "shop-2.0", "other": "shop-2.0"}).status_code == 400
    assert as_ana.get(API, {"this": "shop-2.0", "other": "shop-1.0", "with": "x"}).status_code == 400
    assert "Choose two releases" in as_ana.get("/comparison/").content.decode()
    assert "These are the same." in as_ana.get("/comparison/?this=shop-2.0&other=shop-2.0").content.decode()
    edit_release(two[0], by=ana, version="1.1")
    assert line(as_ana, "shop-2.0", "shop-1.0")["only_this"]["stories"] == ["PAY-2"]


def test_a_comparison_costs_the_same_whatever_lies_between(
    history: Told, two: list[Release], payments: Squad, checkout: Service, as_ana: Client, ana: Any
) -> None:
    costs = []
    above = "tidy"
    for number in range(12):
        made = create_story(payments, by=ana, title=f"Story {number}")
        above = (history.touch(f"n{number}", f"{made.key}: more", 5 + number, above), f"n{number}")[1]
        if number in (2, 11):
            history.look(above)
            chosen(two[1], checkout, above, ana)
            with CaptureQueriesContext(connection) as asked:
                as_ana.get("/comparison/?this=shop-2.0&other=shop-1.0")
            costs.append(len(asked))
    assert costs[0] == costs[1]
