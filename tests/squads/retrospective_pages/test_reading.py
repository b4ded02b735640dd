"""Reading retrospectives: the list and its filters, the page, what is like it, feeds and exports; and who can read which."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from portal.kernel import clock, outbox
from squads.models import Retrospective, Service, Squad
from squads.retrospectives import actions
from squads.retrospectives.editing import edit

LIST = "/retrospectives/"
BEGAN = datetime(2025, 3, 4, 12, 0, tzinfo=UTC)
Make = Callable[..., Retrospective]


@pytest.fixture
def make(payments: Squad, ana: User) -> Make:
    """Return what publishes a retrospective of Payments."""

    def made(title: str, summary: str = "It was down.", *, publish: bool = True, **more: Any) -> Retrospective:
        about = actions.Subject(
            began_at=more.pop("began_at", BEGAN), services=more.pop("services", ()), severity=more.pop("severity", "")
        )
        squad = more.pop("squad", payments)
        row = actions.create(squad, by=ana, kind=more.pop("kind", "incident"), title=title, subject=about, **more)
        edit(row, by=ana, **{"section:summary": summary})
        return actions.publish(row, by=ana) if publish else row

    return made


def shown(browser: Client, url: str = LIST) -> str:
    return str(browser.get(url).content.decode())


def test_the_newest_comes_first_with_its_first_paragraph(as_ria: Client, make: Make) -> None:
    make("First", "The **cache** was cold.\n\nMuch later text.")
    make("Second")
    page = shown(as_ria)
    assert page.index("Second</bdi>") < page.index("First</bdi>")
    assert "cache" in page and "Much later text." not in page


def test_it_is_narrowed_by_everything_it_shows(as_ria: Client, make: Make, checkout: Service) -> None:
    make("Wanted", services=[checkout], severity="SEV1", themes=["dns"], kind="release")
    make("Other", began_at=datetime(2024, 1, 1, tzinfo=UTC))
    for query in ("service=checkout", "severity=SEV1", "theme=dns", "kind=release", "year=2025"):
        page = shown(as_ria, f"{LIST}?{query}")
        assert "Wanted</bdi>" in page and "Other</bdi>" not in page, query
    assert "No matches" in shown(as_ria, f"{LIST}?year=soon")


def test_words_are_found_in_it_with_where_they_stand(as_ria: Client, make: Make) -> None:
    make("Wanted", "Everything waited for the resolver, which waited for itself.")
    make("Other")
    outbox.deliver()
    page = shown(as_ria, f"{LIST}?q=resolver+wait")
    assert "Wanted</bdi>" in page and "Other</bdi>" not in page and "<mark>resolver</mark>" in page


def test_the_squad_finds_words_of_its_drafts(as_ana: Client, as_bo: Client, make: Make) -> None:
    make("Not yet", "The resolver waited.", publish=False)
    outbox.deliver()
    assert "Not yet" in shown(as_ana, f"{LIST}?q=resolver")
    assert "Not yet" not in shown(as_bo, f"{LIST}?q=resolver")


def test_the_page_has_anchors_contents_and_how_long_it_takes(as_ria: Client, make: Make) -> None:
    row = make("Wanted", "word " * 900)
    edit(row, by=row.created_by, **{"section:factors": "Several.", "section:learnings": "Ask earlier."})
    page = shown(as_ria, row.get_absolute_url())
    assert "4 minutes to read" in page
    assert 'id="factors"' in page and 'href="#learnings"' in page and 'id="impact"' not in page


def test_what_is_like_it_stands_below_the_most_alike_first(as_ria: Client, make: Make, checkout: Service) -> None:
    row = make("The resolver waited", services=[checkout], themes=["dns"])
    make("Words alone: resolver")
    make("Same service", services=[checkout])
    make("Service and theme", services=[checkout], themes=["dns"])
    make("Nothing alike")
    outbox.deliver()
    below = shown(as_ria, row.get_absolute_url()).split("Related", 1)[1]
    places = [below.index(title) for title in ("Service and theme", "Same service", "Words alone")]
    assert places == sorted(places) and "Nothing alike" not in below


def test_a_restricted_one_that_is_alike_stands_below_only_for_who_can_read_it(
    as_ria: Client, as_ana: Client, make: Make, checkout: Service
) -> None:
    row = make("Wanted", services=[checkout], themes=["dns"])
    for number in range(7):
        make(f"Alike {number}", services=[checkout], restricted=number in (1, 6))
    outbox.deliver()

    def below(browser: Client) -> list[str]:
        page = shown(browser, row.get_absolute_url()).split("Related", 1)[1]
        return sorted((f"Alike {number}" for number in range(7) if f"Alike {number}<" in page), key=page.index)

    assert below(as_ria) == [f"Alike {number}" for number in (5, 4, 3, 2, 0)]
    assert below(as_ana) == [f"Alike {number}" for number in (6, 5, 4, 3, 2)]


def test_words_of_a_title_count_beside_services_and_themes(as_ria: Client, make: Make, checkout: Service) -> None:
    row = make("The resolver waited again overnight", services=[checkout])
    make("A resolver waited again overnight")
    make("Same service", services=[checkout])
    make("Same service, and a resolver", services=[checkout])
    outbox.deliver()
    below = shown(as_ria, row.get_absolute_url()).split("Related", 1)[1]
    titles = ["Same service, and a resolver", "A resolver waited", "Same service<"]
    places = [below.index(title) for title in titles]
    assert places == sorted(places)


def test_this_day_in_another_year_is_remembered(as_ria: Client, make: Make) -> None:
    today = clock.now()
    make("A year ago", began_at=today.replace(year=today.year - 4, day=min(today.day, 28)))
    make("Another day", began_at=today - timedelta(days=400))
    page = shown(as_ria)
    assert ("This day in our history" in page) is (today.day <= 28)


def test_reading_is_counted_once_a_day_for_a_browser_and_says_nobody(as_ria: Client, make: Make) -> None:
    row = make("Wanted")
    for _ in range(2):
        assert as_ria.post(f"{row.get_absolute_url()}read/").status_code == 204
    assert "Read 1 time." in shown(as_ria, row.get_absolute_url())
    changed = row.changed_at
    row.refresh_from_db()
    assert row.changed_at == changed


def test_i_learned_something_counts_people_and_can_be_taken_back(as_ria: Client, as_bo: Client, make: Make) -> None:
    row = make("Wanted")
    url = f"{row.get_absolute_url()}learned/"
    for browser in (as_ria, as_ria, as_bo):
        browser.post(url)
    assert "2 people learned something" in shown(as_ria, row.get_absolute_url())
    as_ria.post(url, {"off": "1"})
    assert "1 person learned something" in shown(as_ria, row.get_absolute_url())


def test_the_feed_keeps_ids_and_is_new_only_when_the_text_changed(as_ria: Client, make: Make, ana: User) -> None:
    row = make("Wanted", "It was <down> & out.")
    first = shown(as_ria, f"{LIST}feed.atom")
    assert f"<id>urn:uuid:{row.pk}</id>" in first and "It was &lt;down&gt; &amp; out." in first
    as_ria.post(f"{row.get_absolute_url()}read/")
    as_ria.post(f"{row.get_absolute_url()}learned/")
    edit(row, by=ana, themes=["dns"])
    assert shown(as_ria, f"{LIST}feed.atom") == first
    edit(row, by=ana, **{"section:learnings": "Ask earlier."})
    assert shown(as_ria, f"{LIST}feed.atom") != first


def test_one_or_all_are_files_of_markdown_and_json(as_ria: Client, make: Make, checkout: Service, ana: User) -> None:
    row = make("Wanted: “all”", "It was down.", services=[checkout], themes=["dns"])
    actions.add_entry(row, by=ana, text="Paged", at=BEGAN, url="/stories/PAY-1/")
    make("Other")
    text = shown(as_ria, f"{row.get_absolute_url()}export.md")
    assert (
        "\n# Wanted: “all”\n\n## Summary\n\nIt was down.\n\n## Timeline\n\n- 2025-03-04 12:00:00 UTC: Paged <http"
        in text
    )
    one = as_ria.get(f"{row.get_absolute_url()}export.json").json()
    assert one["services"] == ["checkout"] and one["timeline"][0]["text"] == "Paged"
    every = b"".join(as_ria.get(f"{LIST}export.json?service=checkout").streaming_content)  # type: ignore[attr-defined]
    assert json.loads(every) == [one]
    archive = b"".join(as_ria.get(f"{LIST}export.zip").streaming_content)  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert len(files.namelist()) == 2 and files.read(f"{row.slug}.md").decode() == text


def test_no_list_costs_more_with_more_of_them(
    as_ria: Client, make: Make, checkout: Service, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(6):
        row = make(f"Number {number}", services=[checkout], themes=["dns"])
    with django_assert_max_num_queries(9):
        as_ria.get(LIST)
    for minutes in range(30):
        actions.add_entry(row, by=row.created_by, text=f"PAY-1 {minutes}", at=BEGAN + timedelta(minutes=minutes))
    with django_assert_max_num_queries(10):
        as_ria.get(row.get_absolute_url())


# Restricted


def test_a_restricted_one_is_nowhere_for_who_cannot_read_it(
    as_ria: Client, as_ana: Client, as_root: Client, make: Make, checkout: Service
) -> None:
    open_one = make("Open resolver", services=[checkout], themes=["dns"])
    row = make(
        "Hidden resolver",
        "Zanzibar zanzibar.",
        services=[checkout],
        themes=["dns", "secret"],
        severity="SEV9",
        restricted=True,
    )
    outbox.deliver()
    url = row.get_absolute_url()
    everywhere = [
        LIST,
        f"{LIST}?q=zanzibar",
        f"{LIST}?theme=secret",
        f"{LIST}?severity=SEV9",
        f"{LIST}feed.atom",
        f"{LIST}export.json",
        f"{LIST}export.zip",
        open_one.get_absolute_url(),
        "/search/?q=zanzibar",
        "/search/?q=zanzibra",
        "/search/?q=hidden",
        "/api/v1/search/?q=hidden",
        "/services/checkout/",
        "/",
    ]
    for address in everywhere:
        answer = as_ria.get(address)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        text = body.decode("utf-8", "replace").replace("zanzibra", "").replace('value="zanzibar"', "")
        assert "Hidden" not in text and row.slug not in text and "secret" not in text.replace('"?q=', ""), address
        assert "SEV9</option>" not in text, address
    for address in (
        url,
        f"{url}export.md",
        f"{url}export.json",
        f"{url}versions/",
        f"{url}versions/compare/?old=1&new=1",
    ):
        assert as_ria.get(address).status_code == 404, address
    for address in (f"{url}read/", f"{url}learned/"):
        assert as_ria.post(address).status_code == 404, address
    for browser in (as_ana, as_root):
        assert "Hidden resolver" in shown(browser) and browser.get(url).status_code == 200
    assert "Hidden resolver" in shown(as_ana, f"{LIST}?q=zanzibar")


def test_restricting_a_published_one_takes_it_out_of_the_search(as_ria: Client, make: Make, ana: User) -> None:
    row = make("Open resolver")
    outbox.deliver()
    assert row.slug in shown(as_ria, "/search/?q=open+resolver")
    edit(row, by=ana, restricted=True)
    assert row.slug not in shown(as_ria, "/search/?q=open+resolver"), "at once, before the index hears of it"
    outbox.deliver()
    assert row.slug not in shown(as_ria, "/search/?q=open+resolver")


def test_where_reading_is_open_to_all_nobody_signed_in_reads_what_is_published(
    client: Client, make: Make, settings: Any
) -> None:
    row, hidden = make("Open"), make("Hidden", restricted=True)
    draft = make("Draft", publish=False)
    assert client.get(LIST).status_code == 302
    settings.RODEO_OPEN_READING = True
    assert "Open</bdi>" in shown(client)
    assert client.get(row.get_absolute_url()).status_code == 200
    assert [client.get(each.get_absolute_url()).status_code for each in (hidden, draft)] == [404, 404]
