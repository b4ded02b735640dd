"""The pages of releases, through the browser's door."""

import csv
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel import clock, days
from portal.kernel.stable_ids import stable_id
from releases.models import Change, InboundEvent, Release, Repository, Source, StoryLink
from releases.planning.actions import abandon_release, create_release
from squads.boards.time_in_stage import Usual
from squads.models import Assignment, Evidence, Label, Service, Squad, Story
from squads.stories import ranking
from squads.stories.actions import create_story, judge


@pytest.fixture
def release(root: User) -> Release:
    return create_release(by=root, version="2.0", line="Shop")


@pytest.fixture
def event(db: None) -> InboundEvent:
    source = Source.objects.create(key="ci", name="CI", kind="report")
    return InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at=timezone.now())


def change(event: InboundEvent, number: int, release: Release | None, *stories: Story, **fields: Any) -> Change:
    repository = Repository.objects.get_or_create(key="shop/checkout")[0]
    made = Change.objects.create(
        id=stable_id("change", number),
        repository=repository,
        sha=f"{number:040x}",
        subject=f"Change {number}",
        committed_at=timezone.now() - timedelta(hours=number),
        release=release,
        event=event,
        **fields,
    )
    for story in stories:
        StoryLink.objects.create(change=made, key=story.key, story=story, rule="message")
    return made


def text(client: Client, url: str, **query: str) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return answer.content.decode()


def words(page: str) -> str:
    """The page as it reads, without markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("part", ["", "edit/", "changes/", "unlinked/"])
def test_nobody_is_sent_to_sign_in(client: Client, release: Release, part: str) -> None:
    assert client.get(f"/releases/shop-2.0/{part}")["Location"].startswith("/accounts/login/")


def test_only_members_of_a_squad_plan_releases(client: Client, as_bo: Client, release: Release) -> None:
    client.force_login(User.objects.create_user("lone"))
    for url in ("/releases/new/", "/releases/shop-2.0/edit/"):
        assert client.get(url).status_code == 403
        assert "Join or create a squad first" in client.get(url).content.decode()
        assert as_bo.get(url).status_code == 200


@pytest.mark.parametrize(
    ("version", "address"),
    [("5.10", "/releases/5.10/"), ("v1.2.3+1", "/releases/v1.2.3+1/"), ("2026_11-rc.1", "/releases/2026_11-rc.1/")],
)
def test_a_version_stays_as_it_was_written(as_ana: Client, version: str, address: str) -> None:
    assert as_ana.post("/releases/new/", {"version": version})["Location"] == address
    assert Release.objects.get().version == version
    assert f"<h1>{version}</h1>" in text(as_ana, address)


def test_a_version_of_one_line_exists_once(as_ana: Client, release: Release) -> None:
    answer = as_ana.post("/releases/new/", {"version": "2.0", "line": "Shop"})
    assert answer.status_code == 400
    assert "This line already has this version. Choose another version or line." in answer.content.decode()
    assert as_ana.post("/releases/new/", {"version": "2.0", "line": "Bank"}).status_code == 302


def test_a_wrong_day_is_answered_at_its_field(as_ana: Client) -> None:
    page = as_ana.post("/releases/new/", {"version": "1", "planned_for": "soon"}).content.decode()
    assert "Enter the date as 2026-03-14." in page


def test_a_tagged_release_keeps_its_tag_whatever_the_form_says(as_ana: Client, release: Release) -> None:
    Release.objects.update(origin="tag")
    as_ana.post("/releases/shop-2.0/edit/", {"version": "9", "line": "Other", "notes": "Bigger."})
    release.refresh_from_db()
    assert (release.version, release.line, release.notes) == ("2.0", "Shop", "Bigger.")


def test_releases_are_listed_newest_first_and_5_10_is_newer_than_5_9(as_ana: Client, root: User) -> None:
    day = datetime(2026, 1, 5, tzinfo=UTC)
    for version in ("5.9", "5.10", "5.1", "5.2"):
        create_release(by=root, version=version, released_at=day)
    create_release(by=root, version="6.0", released_at=day + timedelta(days=2.5))
    create_release(by=root, version="next")
    page = text(as_ana, "/releases/")
    assert re.findall(r'<th scope="row"[^>]*><a [^>]*>([^<]+)</a>', page) == [
        "next",
        "6.0",
        "5.10",
        "5.9",
        "5.2",
        "5.1",
    ]
    assert '<td class="number" data-label="Days since previous:">2.5</td>' in page


def test_what_was_abandoned_is_listed_last(as_ana: Client, root: User) -> None:
    create_release(by=root, version="5", released_at=datetime(2026, 1, 5, tzinfo=UTC))
    abandon_release(create_release(by=root, version="4"), by=root, because="No budget.")
    page = text(as_ana, "/releases/")
    assert re.findall(r'<th scope="row"[^>]*><a [^>]*>([^<]+)</a>', page) == ["5", "4"]


def test_list_and_board_say_the_verdict_that_was_kept_last_today_and_its_age(as_ana: Client, release: Release) -> None:
    now = clock.now()
    for ago, verdict in ((1, "ready"), (0, "not_ready")):
        at = now - timedelta(days=ago)
        release.daily_readiness.create(day=days.day_of(at), verdict=verdict, blockers=3, rodeo_done=0, total=0, at=at)
    for address in ("/releases/", "/releases/shop-2.0/"):
        page = text(as_ana, address)
        assert '<a class="nowrap" href="/releases/shop-2.0/readiness/">' in page
        assert 'data-state="bad">not ready</span></a> <span class="small muted">' in page and ">just now</time>" in page
        assert 'data-state="good">ready' not in page
    release.daily_readiness.filter(day=days.today()).delete()
    assert "ready</span>" not in text(as_ana, "/releases/") + text(as_ana, "/releases/shop-2.0/")


def test_interval_counts_within_one_line(as_ana: Client, root: User) -> None:
    for line, day in (("A", 1), ("B", 5), ("A", 11)):
        create_release(by=root, version=str(day), line=line, released_at=datetime(2026, 1, day, tzinfo=UTC))
    page = text(as_ana, "/releases/")
    assert re.findall(r'previous:">([^<]*)</td>', page) == ["10", "", ""]
    assert re.findall(r'<th scope="row"[^>]*><a [^>]*>([^<]+)</a>', text(as_ana, "/releases/", line="B")) == ["B 5"]


def test_size_counts_planned_stories_and_those_found_in_changes_once(
    as_ana: Client, ana: User, payments: Squad, release: Release, event: InboundEvent
) -> None:
    planned = create_story(payments, by=ana, title="Planned", release=release)
    found = create_story(payments, by=ana, title="Found", type="defect")
    change(event, 1, release, planned, found)
    change(event, 2, release, found)
    page = text(as_ana, "/releases/")
    assert '?type=user_story">1</a>' in page
    assert '?type=defect">1</a>' in page


def test_the_talks_nine_releases_are_drawn_with_their_numbers(
    as_root: Client, root: User, payments: Squad, real_data: Path
) -> None:
    number = 0
    for row in csv.DictReader((real_data / "onehealth_2013.csv").open()):
        day = datetime.fromisoformat(row["date"]).replace(tzinfo=UTC)
        release = create_release(by=root, version=row["release"], line="OneHealth", released_at=day)
        for type_ in ["user_story"] * int(row["user_stories"]) + ["defect"] * int(row["defects"]):
            number += 1
            Story.objects.create(
                squad=payments, number=number, rank=number, key=f"PAY-{number}", title="x", type=type_, release=release
            )
    page = text(as_root, "/releases/")
    assert "9 releases: 47 user stories, 344 defects, 391 total; median interval 10.5 days; 6.0 alone is 48 %" in words(
        page
    )
    assert "<title>5.10, 2013-01-25: 3 user stories, 26 defects; 29 in all</title>" in page
    listed = re.findall(r'<th scope="row"[^>]*><a [^>]*>OneHealth ([^<]+)</a>', page)
    assert listed == ["6.0", "5.13", "5.12", "5.11", "5.10", "5.9", "5.8", "5.7", "5.6"]


def test_the_board_puts_every_story_on_its_stage_in_its_squads_row(
    as_bo: Client, ana: User, payments: Squad, search: Squad, release: Release
) -> None:
    create_story(payments, by=ana, title="One", release=release)
    create_story(search, by=ana, title="Two", release=release, type="defect").move_progress("dev_done", by=ana)
    page = text(as_bo, "/releases/shop-2.0/")
    assert re.findall(r'class="board__lane".*?<span>(\w+)<', page) == ["Payments", "Search"]
    assert re.search(r'data-stage="todo" data-squad="payments"[^>]*><article[^>]*>.*?PAY-1', page)
    assert re.search(r'data-stage="dev_done" data-squad="search"[^>]*><article[^>]*>.*?SEA-1', page)
    read = words(page)
    assert "1 to do 50 % of 2" in read
    assert "Not started" in read and 'title="No. To do: nobody has started it (squad Payments)."' in page
    assert "Ladder: dev done reached, integrated missing, tested missing, deployed missing, rodeo done missing" in page


def test_the_board_shows_gaps_withdrawals_and_dark_stories(
    as_bo: Client, ana: User, payments: Squad, checkout: Service, release: Release
) -> None:
    story = create_story(payments, by=ana, title="Photo", release=release, flag="photo")
    now = timezone.now()
    rows = [("change", "", 3), ("deployment", "production", 2)]
    for kind, tier, hours in rows:
        Evidence.objects.create(
            story=story,
            kind=kind,
            verdict="success",
            at=now - timedelta(hours=hours),
            service="checkout",
            environment="prod" if tier else "",
            tier=tier,
            shas=["abc"],
            label="1.0",
        )
    judge([story.pk])
    read = words(text(as_bo, "/releases/shop-2.0/"))
    assert "gap: dev done, integrated, tested" in read
    assert " dark " in read
    Evidence.objects.create(
        story=story,
        kind="deployment",
        verdict="success",
        at=now - timedelta(hours=1),
        service="checkout",
        environment="prod",
        tier="production",
        shas=[],
        label="0.9",
        detail="rollback",
    )
    judge([story.pk])
    page = text(as_bo, "/releases/shop-2.0/")
    read = words(page)
    assert "withdrawn: deployed" in read and "No longer deployed, 1 h" in read
    assert "rolled back to 0.9 in prod, which does not contain it, 1 hour ago (checkout: squad Payments)" in page


def test_stories_nobody_planned_are_found_in_the_changes(
    as_ana: Client, ana: User, payments: Squad, release: Release, event: InboundEvent
) -> None:
    create_story(payments, by=ana, title="Planned", release=release)
    found, refused = (create_story(payments, by=ana, title=each) for each in ("Found", "Refused"))
    change(event, 1, release, found)
    StoryLink.objects.create(change=change(event, 2, release), key="PAY-3", story=refused, rule="message", refused=True)
    page = text(as_ana, "/releases/shop-2.0/")
    assert "not planned</span>" in page
    assert ">Found<" in page
    assert ">Refused<" not in page
    assert ">Planned<" not in text(as_ana, "/releases/shop-2.0/", found="1")


def test_changes_of_no_story_are_counted_and_listed_without_merges(
    as_ana: Client, ana: User, payments: Squad, release: Release, event: InboundEvent
) -> None:
    story = create_story(payments, by=ana, title="One", release=release)
    change(event, 1, release, story)
    change(event, 2, release)
    change(event, 3, release, is_merge=True)
    change(event, 4, None)
    Release.objects.update(commits=3)
    assert '/releases/shop-2.0/unlinked/">1</a>' in text(as_ana, "/releases/shop-2.0/")
    page = text(as_ana, "/releases/shop-2.0/unlinked/")
    assert "Change 2" in page
    assert not any(f"Change {each}<" in page for each in (1, 3, 4))
    page = text(as_ana, "/releases/shop-2.0/changes/")
    assert all(f"Change {each}<" in page for each in (1, 2, 3))
    assert '/stories/PAY-1/">PAY-1</a>' in page
    assert f"/inbox/{event.pk}/" in page


def test_a_part_of_the_board_asks_no_more_of_the_database_than_all_of_it(
    as_ana: Client, ana: User, payments: Squad, release: Release
) -> None:
    for number in range(3):
        create_story(payments, by=ana, title=f"Story {number}", release=release)
    as_ana.get("/releases/shop-2.0/")
    costs = []
    for query in ({}, {"blocked": "1"}, {"assignee": "me"}):
        with CaptureQueriesContext(connection) as asked:
            assert as_ana.get("/releases/shop-2.0/", query).status_code == 200
        costs.append(len(asked))
    assert costs[0] >= max(costs)


def test_the_changes_of_an_untagged_release_are_those_that_are_known_of_its_stories(
    as_ana: Client, ana: User, payments: Squad, release: Release, event: InboundEvent
) -> None:
    address = "/releases/shop-2.0/changes/"
    nothing = text(as_ana, address)
    assert "No changes yet" in nothing and "no tag names this release" in nothing
    assert "is linked to a story" not in text(as_ana, "/releases/shop-2.0/unlinked/")
    change(event, 1, None, create_story(payments, by=ana, title="One", release=release))
    change(event, 2, None, create_story(payments, by=ana, title="Other"))
    ended = create_story(payments, by=ana, title="Cancelled", release=release)
    change(event, 3, None, ended)
    Story.objects.filter(pk=ended.pk).update(ending="cancelled")
    earlier = create_release(by=ana, version="1.9", line="Shop")
    change(event, 5, earlier, create_story(payments, by=ana, title="Left over", release=release))
    known = text(as_ana, address)
    assert "No changes yet" not in known and "No tag names this release yet" in known
    assert "Change 1<" in known and not any(f"Change {each}<" in known for each in (2, 3, 5))
    change(event, 4, release)
    tagged = text(as_ana, address)
    assert "No tag names" not in tagged and "Change 4<" in tagged and "Change 1<" not in tagged


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({"stage": "dev_done"}, {"PAY-2"}),
        ({"type": "defect"}, {"PAY-2"}),
        ({"squad": "search"}, {"SEA-1"}),
        ({"stage": "rodeo_done"}, set()),
        ({"dark": "1"}, set()),
    ],
)
def test_every_count_on_the_board_leads_to_its_stories(
    as_ana: Client, ana: User, payments: Squad, search: Squad, release: Release, query: dict[str, str], keys: set[str]
) -> None:
    create_story(payments, by=ana, title="One", release=release)
    create_story(payments, by=ana, title="Two", release=release, type="defect").move_progress("dev_done", by=ana)
    create_story(search, by=ana, title="Three", release=release)
    page = text(as_ana, "/releases/shop-2.0/", **query)
    assert set(re.findall(r'class="card[^>]* data-key="([^"]+)"', page)) == keys
    assert "Clear filters" in page


def test_the_board_takes_few_queries_whatever_its_size(
    as_ana: Client, ana: User, payments: Squad, search: Squad, release: Release, event: InboundEvent
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            text(as_ana, "/releases/shop-2.0/")
        return len(queries)

    def add(first: int, number: int) -> None:
        for index in range(first, first + number):
            change(event, index, release, create_story((payments, search)[index % 2], by=ana, title=f"Story {index}"))
            create_story(payments, by=ana, title=f"Story {index}", release=release)

    add(1, 2)
    few = count()
    add(10, 30)
    assert count() == few <= 12


def test_a_very_large_release_says_how_many_cards_are_missing_and_where_they_are(
    as_ana: Client, payments: Squad, search: Squad, release: Release
) -> None:
    Story.objects.bulk_create(
        Story(squad=squad, number=n, key=f"{squad.key_prefix}-{n}", rank=n, title="x", release=release)
        for squad, most in ((payments, 450), (search, 60))
        for n in range(1, most + 1)
    )
    page = text(as_ana, "/releases/shop-2.0/")
    assert page.count("<article") == 500
    assert "Showing 500 cards; 10 more are hidden." in page
    assert text(as_ana, "/releases/shop-2.0/", squad="search").count("<article") == 60


def test_htmx_gets_the_board_only_when_it_changed(as_ana: Client, ana: User, payments: Squad, release: Release) -> None:
    story = create_story(payments, by=ana, title="One", release=release)
    headers = {"HX-Request": "true"}
    page = text(as_ana, "/releases/shop-2.0/")
    version = re.search(r'data-version="(\w{16})"', page).group(1)  # type: ignore[union-attr]
    still = as_ana.get("/releases/shop-2.0/", {"version": version}, headers=headers)
    assert (still.status_code, still["Vary"].count("HX-Request")) == (204, 1)
    story.move_progress("in_progress", by=ana)
    changed = as_ana.get("/releases/shop-2.0/", {"version": version}, headers=headers).content.decode()
    assert changed.startswith('<div id="board"')
    assert changed in text(as_ana, "/releases/shop-2.0/")


def test_titles_are_text_not_markup(as_ana: Client, ana: User, payments: Squad, release: Release) -> None:
    create_story(payments, by=ana, title="<script>alert(1)</script>", release=release)
    assert "<script>alert" not in text(as_ana, "/releases/shop-2.0/")


def test_empty_pages_teach_the_next_step(as_root: Client, release: Release) -> None:
    empty = text(as_root, "/releases/shop-2.0/")
    assert "No stories in this release yet" in empty and 'class="button" href="/releases/shop-2.0/plan/"' in empty
    unlinked = "/releases/shop-2.0/unlinked/"
    assert "No tag names this release yet, so no unlinked changes are known." in text(as_root, unlinked)
    Release.objects.update(tagged_at=release.created_at)
    assert "Every change in this release is linked to a story." in text(as_root, unlinked)
    assert "bring no changes that an earlier tag doesn’t have" in text(as_root, "/releases/shop-2.0/changes/")
    release.delete()
    assert "No releases yet" in text(as_root, "/releases/")


def test_the_list_takes_the_same_number_of_queries_whatever_its_length(
    as_ana: Client, ana: User, root: User, payments: Squad
) -> None:
    def add(first: int, number: int) -> None:
        for index in range(first, first + number):
            day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=index)
            made = create_release(by=root, version=str(index), line="ab"[index % 2], released_at=day)
            create_story(payments, by=ana, title="x", release=made)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            text(as_ana, "/releases/")
        return len(queries)

    add(0, 4)
    few = count()
    add(4, 40)
    assert count() == few <= 15


def test_the_list_says_how_much_of_a_release_is_rodeo_done_before_any_chart(
    as_ana: Client, ana: User, payments: Squad, release: Release, event: InboundEvent
) -> None:
    planned = [create_story(payments, by=ana, title=f"Story {number}", release=release) for number in range(3)]
    found = create_story(payments, by=ana, title="Found", type="defect")
    change(event, 1, release, planned[0], found)
    Story.objects.filter(pk__in=[planned[0].pk, found.pk]).update(stage="rodeo_done")
    Release.objects.update(released_at=timezone.now())
    page = text(as_ana, "/releases/")
    assert '<progress class="progress__bar" value="2" max="4" aria-hidden="true"></progress>' in page
    assert '<a href="/releases/shop-2.0/?stage=rodeo_done">2 of 4</a>' in page
    assert page.index("<table") < page.index("<svg viewBox")


@pytest.fixture
def mixed(ana: User, bo: User, payments: Squad, search: Squad, release: Release) -> list[Story]:
    """Four stories of a release: Ana's, a blocked defect, one with a label, and one that stalls."""
    types = ("user_story", "defect", "user_story", "user_story")
    made = [create_story(payments, by=ana, title="x", release=release, type=each) for each in types]
    Assignment.objects.create(story=made[0], person=ana, at=timezone.now())
    ranking.block(made[1], by=ana, because="Bank")
    made[2].labels.add(Label.objects.create(squad=payments, name="web"))
    made[0].labels.add(*made[2].labels.all())
    caches["local"].set(f"stays:{payments.pk}", {"todo": Usual(60, 5)})
    Story.objects.filter(pk=made[3].pk).update(created_at=timezone.now() - timedelta(days=3))
    return made


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("assignee=me", {"PAY-1"}),
        ("blocked=1", {"PAY-2"}),
        ("label=web", {"PAY-1", "PAY-3"}),
        ("label=web&assignee=me", {"PAY-1"}),
        ("stalled=1", {"PAY-4"}),
        ("stalled=1&type=defect", set()),
    ],
)
def test_chips_of_a_release_board_filter_and_combine(
    as_ana: Client, mixed: list[Story], query: str, keys: set[str]
) -> None:
    page = text(as_ana, f"/releases/shop-2.0/?{query}")
    assert set(re.findall(r'class="card[^>]* data-key="([^"]+)"', page)) == keys
    on = re.findall(r'<a class="chip" href="([^"]*)" aria-current="true"', page)
    assert len(on) == query.count("&") + 1
    assert len(on) > 1 or on == ["/releases/shop-2.0/"], "a second click takes it back"
    assert '<a class="chips__clear" href="/releases/shop-2.0/">Clear filters</a>' in page
    assert "data-filtered" in page


def test_a_wall_view_has_no_chips(as_ana: Client, mixed: list[Story]) -> None:
    assert 'class="chip"' in text(as_ana, "/releases/shop-2.0/")
    assert 'class="chip"' not in text(as_ana, "/releases/shop-2.0/", wall="1")


def test_what_stalls_is_asked_once_for_all_squads(
    as_ana: Client, ana: User, payments: Squad, search: Squad, release: Release
) -> None:
    def count() -> int:
        caches["local"].clear()
        with CaptureQueriesContext(connection) as queries:
            text(as_ana, "/releases/shop-2.0/", stalled="1")
        return len(queries)

    create_story(payments, by=ana, title="x", release=release).move_progress("in_progress", by=ana)
    one = count()
    create_story(search, by=ana, title="x", release=release).move_progress("in_progress", by=ana)
    assert count() == one
