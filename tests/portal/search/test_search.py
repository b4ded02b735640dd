"""Finding anything: by key, by the beginning of a word, in spite of a typing error, and whatever was typed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.request_fields import LONGEST_PARAMETER
from portal.kernel.stable_ids import stable_id
from portal.search import query_terms
from portal.search.actions import index, reindex
from portal.search.events import SearchEmptied
from portal.search.models import SearchEntry
from portal.search.queries import find, retrospective_refs, retrospectives_alike
from releases.environments.actions import create_environment, edit_environment, environment_named
from releases.models import Change, InboundEvent, Repository, Run, Source, StoryLink
from releases.planning.actions import create_release, edit_release
from releases.sources.actions import create_push_source
from squads.discussions.actions import add_comment
from squads.events import StoryCreated
from squads.models import Squad, Story
from squads.retrospectives import actions as retrospectives
from squads.retrospectives.editing import edit
from squads.stories.actions import create_story, edit_story
from squads.teams.actions import create_service, create_squad, edit_squad

pytestmark = pytest.mark.django_db


@pytest.fixture
def write(ana: User, payments: Squad) -> Callable[..., Story]:
    """Write a story, and have the news of it delivered."""

    def written(title: str, **fields: Any) -> Story:
        story = create_story(payments, by=ana, title=title, **fields)
        outbox.deliver()
        return story

    return written


def keys(text: str, **options: Any) -> list[str]:
    return [hit.key for hit in find(text, **options).hits]


def test_the_very_key_comes_first_then_keys_that_begin_so(write: Callable[..., Story]) -> None:
    for number in range(1, 13):
        write(f"Saddle {number}")
    write("Not about PAY-1 at all, but naming pay 1")
    assert keys("pay-1")[:4] == ["PAY-1", "PAY-10", "PAY-11", "PAY-12"]
    assert keys("PAY-12") == ["PAY-12"]


def test_a_title_counts_more_than_what_is_written_below_it(write: Callable[..., Story]) -> None:
    write("Vouchers", description="They replace the gift cards.")
    write("Gift cards")
    write("Refund gift card payments")
    assert keys("gift card") == ["PAY-2", "PAY-3", "PAY-1"]
    assert keys("card gi") == ["PAY-3", "PAY-2", "PAY-1"]


def test_the_beginning_of_a_word_is_enough(write: Callable[..., Story]) -> None:
    write("Überweisung mit Zwischenkonto")
    assert keys("zwisch") == keys("ÜBERW zw") == ["PAY-1"]
    assert keys("konto") == []


@pytest.mark.parametrize("typed", ["paymnet", "paiment", "pament", "paymennt", "ayment", "xayment"])
def test_a_typing_error_is_forgiven_and_said(write: Callable[..., Story], typed: str) -> None:
    write("Payment by instalments")
    write("Parliament")
    found = find(f"{typed} inst")
    assert [hit.key for hit in found.hits] == ["PAY-1"]
    assert found.meant == "payment inst"


def test_a_word_that_is_nowhere_finds_nothing(write: Callable[..., Story]) -> None:
    write("Payment by instalments")
    assert find("quizzical").hits == find("payment quizzical").hits == []
    assert find("").hits == find("   ").hits == find("?!").hits == []


def test_what_was_renamed_is_found_by_its_new_name_only(ana: User, write: Callable[..., Story]) -> None:
    story = write("Old name")
    edit_story(story, by=ana, title="Fresh words")
    outbox.deliver()
    assert keys("fresh") == ["PAY-1"]
    assert keys("old name") == []


def test_what_is_gone_is_not_found(write: Callable[..., Story]) -> None:
    story = write("Short lived")
    pk = story.pk
    story.delete()
    index("story", [pk])
    assert keys("lived") == []


def test_everything_that_people_make_is_found(ana: User, payments: Squad) -> None:
    squad = create_squad(by=ana, name="Marmalade", key_prefix="MAR")
    edit_squad(squad, by=ana, mission="Spread it.")
    service = create_service(by=ana, name="marmalade-api", squad=payments)
    place = create_environment(by=ana, key="marmalade-prod", location="Harbour")
    edit_environment(place, by=ana, name="Marmalade production")
    environment_named("marmalade-test")
    release = create_release(by=ana, version="5.10", line="Marmalade")
    edit_release(release, by=ana, notes="Bitter oranges.")
    outbox.deliver()
    found = {(hit.kind, hit.plain, hit.url) for hit in find("marmal").hits}
    assert found == {
        ("squad", "Marmalade", squad.get_absolute_url()),
        ("service", "marmalade-api", service.get_absolute_url()),
        ("environment", "Marmalade production", place.get_absolute_url()),
        ("environment", "marmalade-test", "/environments/marmalade-test/"),
        ("release", "Marmalade 5.10", release.get_absolute_url()),
    }
    assert [hit.kind for hit in find("5.10").hits] == ["release"]
    assert keys("spread") == ["MAR"] and keys("harbour") == ["marmalade-prod"] and keys("oranges") == ["5.10"]


def test_people_comments_and_sources_are_found_and_what_is_secret_is_not(
    as_ana: Client, ana: User, bo: User, write: Callable[..., Story]
) -> None:
    add_comment(write("Saddles"), by=bo, body="The stirrups are too long.\n\nBoth of them.")
    create_push_source(by=None, kind="report", name="Stable reports")
    outbox.deliver()
    [comment] = find("stirrup").hits
    assert (comment.kind, comment.key, comment.url[:21]) == ("comment", "PAY-1", "/stories/PAY-1/#comme")
    assert comment.title.startswith("Bo: The <mark>stirrup</mark>s are")
    [person] = find("bo", ["person"]).hits
    assert (person.key, person.plain, person.excerpt, person.url) == ("bo", "Bo", "Search", "/stories/?assignee=bo")
    assert [hit.url for hit in find("stable").hits] == ["/sources/stable-reports/"]
    assert find("example.org").hits == [], "nobody's address"
    assert "The stirrups" in as_ana.get("/search/", {"q": "stirrup"}).content.decode().replace("<mark>", "").replace(
        "</mark>", ""
    )


@pytest.fixture
def change(write: Callable[..., Story]) -> Change:
    """A change of PAY-1, and a run of its branch."""
    story = write("Anything")
    now = timezone.now()
    source = Source.objects.create(key="git", name="Git", kind="cdevents")
    event = InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at=now)
    repository = Repository.objects.create(key="shop/checkout")
    for number, subject in enumerate(("Tame the flaky checkout", "Merge branch wild")):
        made = Change.objects.create(
            id=stable_id("c", number),
            repository=repository,
            sha=f"{number}deadbeef{number:031}",
            subject=subject,
            author="Ana",
            committed_at=now - timedelta(days=number),
            event=event,
        )
        StoryLink.objects.create(change=made, key=story.key, story=story, rule="message")
    for number in range(3):
        Run.objects.create(
            id=stable_id("r", number),
            key=str(number),
            repository=repository,
            branch="feature/PAY-1-tame",
            event=event,
            phase="finished",
            outcome="success",
            url=f"https://ci.example.org/{number}",
            finished_at=now - timedelta(hours=number),
        )
    return Change.objects.get(sha__startswith="0dead")


def test_changes_are_found_by_sha_and_subject_and_branches_by_name(change: Change) -> None:
    assert [(hit.kind, hit.key, hit.url) for hit in find("0DEADB").hits] == [
        ("change", "0deadbee", "/stories/PAY-1/changes/")
    ]
    assert [hit.plain for hit in find("flaky tame").hits] == ["Tame the flaky checkout"]
    branches = find("feature/PAY").hits
    assert [(hit.kind, hit.plain, hit.url) for hit in branches] == [
        ("branch", "feature/PAY-1-tame", "https://ci.example.org/0")
    ]
    assert find("dead", kinds=["story"]).hits == []
    StoryLink.objects.all().delete()
    assert [hit.url for hit in find("0deadb").hits] == ["/changes/unlinked/"], "a change of nothing is found as well"


HOSTILE = [
    '"',
    "'",
    "''",
    '"unclosed',
    "a OR b",
    "NOT",
    "NEAR(a b)",
    "a*",
    "*",
    "-",
    "--",
    "a & | ! ( ) : * <->",
    "\\",
    "%",
    "_",
    "key:pay",
    "{title}:x",
    "nul\0byte",
    "x" * 10_000,
    "word " * 2_000,
    "🐎",
    "مدفوعات",
    "\u202etxt",
    "ß",
    "İ",
    "\ud800",
    "1e5 0x1F 12-34",
    "';drop table portal_searchentry;--",
    "<script>alert(1)</script>",
    "\u0301\u0301",
    "x\u2028y",
]


@pytest.mark.parametrize("typed", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_typed_is_answered(as_ana: Client, write: Callable[..., Story], typed: str) -> None:
    write('مدفوعات "quoted" <b>bold</b> 🐎 & more')
    find(typed)
    sent = {"q": typed.encode("utf-8", "replace").decode()}
    for address in ("/search/", "/search/suggestions/"):
        assert as_ana.get(address, sent).status_code == 200
    answer = as_ana.get("/api/v1/search/", sent)
    if len(typed) <= LONGEST_PARAMETER:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "q")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_no_text_makes_it_fail(write: Callable[..., Story], typed: str) -> None:
    find(typed)


def test_titles_are_shown_escaped_with_marks_around_what_was_looked_for(
    as_ana: Client, write: Callable[..., Story]
) -> None:
    write("<script>alert(1)</script> & scripted", description="Long ago " * 40 + "a <b>script</b> ran")
    page = as_ana.get("/search/", {"q": "scri"}).content.decode()
    assert "&lt;<mark>scri</mark>pt&gt;alert(1)&lt;/<mark>scri</mark>pt&gt; &amp; <mark>scri</mark>pted" in page
    assert "&lt;b&gt;<mark>scri</mark>pt&lt;/b&gt; ran" in page
    assert "<script>alert" not in page


def test_the_page_groups_pages_and_teaches(as_ana: Client, write: Callable[..., Story]) -> None:
    for number in range(60):
        write(f"Saddle {number}")
    page = as_ana.get("/search/", {"q": "saddle"}).content.decode()
    assert page.count('<ul class="rows hits">') == 1 and page.count("rows__title") == 5
    assert "All 60 stories" in page
    second = as_ana.get("/search/", {"q": "saddle", "kind": "story", "page": "2"}).content.decode()
    assert second.count("rows__title") == 10 and "51 to 60 of 60 stories" in second
    assert "No matches" in as_ana.get("/search/", {"q": "quizzical"}).content.decode()
    assert "the command menu" in as_ana.get("/search/").content.decode()
    assert "Showing <b><bdi>saddle</bdi></b>" in as_ana.get("/search/", {"q": "sadlde"}).content.decode()


def test_the_api_answers_in_pages_and_names_the_kinds(
    as_ana: Client, client: Client, write: Callable[..., Story]
) -> None:
    for number in range(3):
        write(f"Saddle {number}", description="for a horse")
    said = as_ana.get("/api/v1/search/", {"q": "saddle", "kind": "story", "page_size": 2}).json()
    assert said["count"] == 3 and said["next"]
    assert said["results"][0] == {
        "kind": "story",
        "key": "PAY-3",
        "title": "Saddle 2",
        "excerpt": "",
        "url": "http://testserver/stories/PAY-3/",
    }
    assert as_ana.get("/api/v1/search/", {"q": "horse"}).json()["results"][0]["excerpt"] == "for a horse Payments"
    refused = as_ana.get("/api/v1/search/", {"q": "x", "kind": "horse"})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["attr"] == "kind"
    assert client.get("/api/v1/search/", {"q": "x"}).status_code == 401
    assert client.get("/search/", {"q": "x"}).status_code == 302


def test_the_palette_gets_options_and_for_no_text_ones_own_squads(as_ana: Client, write: Callable[..., Story]) -> None:
    write("Saddle")
    options = as_ana.get("/search/suggestions/", {"q": "sad"}).content.decode()
    assert 'role="option"' in options and 'data-href="/stories/PAY-1/"' in options
    assert 'data-href="/squads/payments/' in as_ana.get("/search/suggestions/").content.decode()


def test_it_asks_the_database_little_whatever_it_finds(write: Callable[..., Story], change: Change) -> None:
    for number in range(30):
        write(f"Saddle {number}")
    counted = []
    for text in ("saddle", "PAY-1", "saddle 12", "dead", "sadlde"):
        with CaptureQueriesContext(connection) as queries:
            find(text)
        counted.append(len(queries))
    assert max(counted[:4]) <= 17
    assert counted[4] <= 29


def test_reindexing_builds_everything_anew(write: Callable[..., Story], ana: User) -> None:
    write("Saddle")
    create_release(by=ana, version="1.0", line="Saddlery")
    SearchEntry.objects.all().delete()
    SearchEntry.objects.create(
        kind="story", ref="999", key="OLD-1", title="Saddle of old", url="/x/", updated_at=timezone.now()
    )
    call_command("reindex")
    assert sorted(keys("saddle")) == ["1.0", "PAY-1"]
    assert reindex()[0]["story"] == 1
    assert keys("sadlde") == ["PAY-1", "1.0"]


def test_many_stories_are_indexed_by_one_message(ana: User, payments: Squad) -> None:
    made = Story.objects.bulk_create(
        Story(squad=payments, number=n, rank=n, key=f"PAY-{n}", title=f"Imported {n}") for n in range(1, 1201)
    )
    outbox.deliver()
    outbox.publish(StoryCreated(ids=[story.pk for story in made]))
    with CaptureQueriesContext(connection) as queries:
        outbox.deliver()
    assert len(find("imported").hits) == 200
    assert SearchEntry.objects.filter(kind="story").count() == 1200
    assert len(queries) < 120
    outbox.publish(SearchEmptied())
    Story.objects.filter(number__gt=1).delete()
    outbox.deliver()
    outbox.deliver()
    assert SearchEntry.objects.filter(kind="story").count() == 1


def test_how_far_apart_words_are() -> None:
    assert query_terms.distance("payment", "paymnet") == query_terms.distance("payment", "paymet") == 1
    assert query_terms.distance("", "abc") == 3 and query_terms.distance("abc", "abc") == 0
    assert query_terms.nearest("chekc", ["check", "chess", "cheque"]) == ["check"]


# Retrospectives


def _published(squad: Squad, by: User, title: str, text: str) -> Any:
    row = retrospectives.create(squad, by=by, kind="incident", title=title)
    edit(row, by=by, **{"section:summary": text})
    return retrospectives.publish(row, by=by)


def test_of_too_many_retrospectives_the_newest_are_looked_at(payments: Squad, ana: User) -> None:
    rows = [_published(payments, ana, f"Number {number}", "The resolver waited.") for number in range(4)]
    outbox.deliver()
    newest = [str(row.pk) for row in reversed(rows)]
    assert retrospective_refs("resolver wait", 3) == newest[:3]
    SearchEntry.objects.all().delete()
    reindex()
    assert retrospective_refs("resolver wait", 3) == newest[:3]
    assert retrospectives_alike(["number"], 2) == [(newest[0], "Number 3"), (newest[1], "Number 2")]


@pytest.mark.only_on("postgresql")
def test_looking_in_retrospectives_leaves_postgresql_as_it_was(payments: Squad, ana: User) -> None:
    _published(payments, ana, "One", "The resolver waited.")
    outbox.deliver()
    assert len(retrospective_refs("resolver", 5)) == 1
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_seqscan")
        assert cursor.fetchone() == ("on",)


@given(
    st.text(st.sampled_from("aAbBσΣςİıßé _-\n"), max_size=40),
    st.lists(st.text(st.sampled_from("abσςß"), min_size=1, max_size=3), max_size=3),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_excerpt_begins_where_a_word_is_marked(text: str, words: list[str]) -> None:
    found = query_terms.excerpt(text, words)
    flat = " ".join(text.split())
    assert bool(found) == ("<mark>" in query_terms.marked(flat, words))
    assert not found or "<mark>" in found
