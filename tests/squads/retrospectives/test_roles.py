"""Readers see roles instead of names: wherever a retrospective is read, and in its history too."""

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock, outbox
from squads.discussions.actions import add_comment
from squads.models import Retrospective, RetrospectiveEdit, Squad
from squads.retrospectives import actions
from squads.retrospectives.editing import edit
from squads.retrospectives.roles import in_roles, offered
from squads.stories.actions import create_story

BEGAN = datetime(2026, 3, 4, 12, tzinfo=UTC)
ROLES = {"zoltan": "the on-call engineer"}


@pytest.fixture
def zoltan(db: None) -> User:
    return User.objects.create_user("zoltan", first_name="Zoltan", last_name="Quist")


@pytest.fixture
def row(payments: Squad, ana: User, zoltan: User) -> Retrospective:
    """Published; its summary, an entry and the note on it mention Zoltan, who has a role."""
    made = actions.create(
        payments, by=ana, kind="incident", title="Checkout was down", subject=actions.Subject(began_at=BEGAN)
    )
    edit(made, by=ana, **{"section:summary": "@zoltan restarted it.\n\nThen @Zoltan slept.", "section:impact": "None."})
    entry = actions.add_entry(made, by=ana, text="Paged @zoltan.", at=BEGAN)
    actions.change_entry(made, entry, by=ana, note="by @zoltan's phone")
    edit(made, by=ana, **{"role:zoltan": "the on-call engineer"})
    return actions.publish(made, by=ana)


def shown(browser: Client, url: str) -> str:
    return str(browser.get(url).content.decode())


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("@zoltan restarted it.", "The on-call engineer restarted it."),
        ("It was @zoltan.", "It was the on-call engineer."),
        ("Paged @ZOLTAN, who came", "Paged the on-call engineer, who came"),
        ("Down. @zoltan came", "Down. The on-call engineer came"),
        ("- @zoltan came", "- The on-call engineer came"),
        ("`@zoltan` and [@zoltan](/x)", "`the on-call engineer` and [the on-call engineer](/x)"),
        ("@zoltana, mail@zoltan.example, https://x/@zoltan", "@zoltana, mail@zoltan.example, https://x/@zoltan"),
        ("@zoltan's phone", "The on-call engineer's phone"),
    ],
)
def test_a_name_becomes_the_words_of_its_role_and_nothing_else_does(text: str, read: str) -> None:
    assert in_roles(text, ROLES) == read


def test_no_place_where_it_is_read_shows_the_name(as_ria: Client, row: Retrospective) -> None:
    outbox.deliver()
    page, api = row.get_absolute_url(), f"/api/v1/retrospectives/{row.slug}/"
    places = {
        "page": page,
        "list": "/retrospectives/",
        "found": "/retrospectives/?q=restarted",
        "search": "/search/?q=restarted",
        "feed": "/retrospectives/feed.atom",
        "Markdown": f"{page}export.md",
        "JSON": f"{page}export.json",
        "all JSON": "/retrospectives/export.json",
        "versions": f"{page}versions/",
        "compared": f"{page}versions/compare/",
        "API": api,
        "API timeline": f"{api}timeline/",
        "API list": "/api/v1/retrospectives/",
        "API search": "/api/v1/search/?q=restarted",
    }
    for place, url in places.items():
        answer: Any = as_ria.get(url)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        said = content.decode()
        assert answer.status_code == 200 and "zoltan" not in said.lower(), place
        if place not in ("API search", "compared"):
            assert "on-call engineer" in said, place
    archive: Any = as_ria.get("/retrospectives/export.zip")
    with zipfile.ZipFile(io.BytesIO(b"".join(archive.streaming_content))) as files:
        assert b"zoltan" not in files.read(f"{row.slug}.md").lower()


def test_neither_the_name_nor_the_handle_finds_it_and_the_role_does(as_ria: Client, row: Retrospective) -> None:
    outbox.deliver()
    assert row.slug not in shown(as_ria, "/retrospectives/?q=zoltan")
    assert row.slug in shown(as_ria, "/retrospectives/?q=on-call+engineer")


def test_what_stood_there_before_the_role_was_chosen_is_not_told_by_the_history(
    as_ria: Client, row: Retrospective, ana: User
) -> None:
    edit(row, by=ana, **{"section:summary": "Someone restarted it."})
    for version in range(1, row.version):
        page = shown(as_ria, f"{row.get_absolute_url()}versions/compare/?old={version}")
        assert "zoltan" not in page.lower(), version
    assert "zoltan" not in shown(as_ria, f"{row.get_absolute_url()}versions/").lower()


def test_writers_edit_what_was_written_and_are_told_what_readers_see(as_ana: Client, row: Retrospective) -> None:
    form = shown(as_ana, f"{row.get_absolute_url()}edit/")
    assert "@zoltan restarted it." in form and "What readers see instead of @zoltan" in form
    assert 'value="the on-call engineer"' in form
    sent = {"title": row.title, "version": row.version, "role:zoltan": "the night watch"}
    sent |= {"section:summary": "@zoltan restarted it twice.", "section:impact": "None."}
    saved = as_ana.post(f"{row.get_absolute_url()}edit/", sent, follow=True).content.decode()
    assert "Readers see @zoltan as the night watch." in saved
    page = shown(as_ana, row.get_absolute_url())
    assert "The night watch restarted it twice." in page and "Paged the night watch." in page


def test_without_a_role_the_name_is_shown_and_the_writer_is_told(
    as_ana: Client, as_ria: Client, row: Retrospective
) -> None:
    sent = {"title": row.title, "version": row.version, "role:zoltan": "", "section:summary": "@zoltan restarted it."}
    saved = as_ana.post(f"{row.get_absolute_url()}edit/", sent, follow=True).content.decode()
    assert "Readers see Zoltan Quist by name." in saved
    assert '<span class="mention">@Zoltan Quist</span>' in shown(as_ria, row.get_absolute_url())


def test_a_role_is_a_field_with_history_and_can_change_where_the_text_is_locked(
    as_ana: Client, row: Retrospective, ana: User
) -> None:
    before = row.changed_at
    Retrospective.objects.filter(pk=row.pk).update(published_at=datetime(2026, 1, 1, tzinfo=UTC))
    row.refresh_from_db()
    assert row.is_locked()
    edit(row, by=ana, **{"role:zoltan": "the scribe"})
    assert "The scribe restarted it." in shown(as_ana, row.get_absolute_url())
    last = RetrospectiveEdit.objects.filter(retrospective=row).first()
    assert last is not None
    assert (last.field, last.before, last.after) == ("role:zoltan", "the on-call engineer", "the scribe")
    assert row.changed_at > before and row.lead == "The scribe restarted it."


@pytest.mark.parametrize("words", ["@bo", "<b>x</b>", "[a](http://x)", "x" * 61, "a\n# b`"])
def test_a_role_is_plain_words(row: Retrospective, ana: User, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        edit(row, by=ana, **{"role:zoltan": words})
    assert "role:zoltan" in refused.value.message_dict


def test_the_picker_offers_roles_before_people_and_only_to_writers(
    as_ana: Client, as_ria: Client, row: Retrospective
) -> None:
    url = f"{row.get_absolute_url()}mentions/"
    every = shown(as_ana, url)
    assert every.index("the on-call engineer") < every.index("@ana")
    some = shown(as_ana, f"{url}?q=zol")
    assert "@zoltan" in some and "data-whole" not in some
    assert "the reviewer" in shown(as_ana, f"{url}?q=rev")
    assert as_ria.get(url).status_code == 403
    form = shown(as_ana, f"{row.get_absolute_url()}edit/")
    assert f'data-mentions="{url}"' in form and "Write roles instead of names: the on-call engineer" in form
    entry = shown(as_ana, f"{row.get_absolute_url()}timeline/new/")
    assert f'data-mentions="{url}"' in entry and "Write roles instead of names" in entry


def test_a_squads_own_roles_are_offered_again_but_not_those_of_what_somebody_cannot_read(
    row: Retrospective, payments: Squad, ana: User, bo: User
) -> None:
    edit(row, by=ana, **{"role:zoltan": "the night watch"})
    following = actions.create(payments, by=ana, kind="sprint", title="Two weeks")
    assert offered(following, ana)[-1] == "the night watch"
    actions.add_participant(following, bo, by=ana)
    edit(row, by=ana, restricted=True)
    assert "the night watch" not in offered(following, bo) and "the night watch" in offered(following, ana)


def test_the_api_gives_writers_what_was_written_and_readers_what_they_may_read(
    as_ana: Client, as_ria: Client, row: Retrospective
) -> None:
    api = f"/api/v1/retrospectives/{row.slug}/"
    mine, theirs = as_ana.get(api).json(), as_ria.get(api).json()
    assert mine["roles"] == {"zoltan": "the on-call engineer"} and theirs["roles"] is None
    assert mine["sections"][0]["written"].startswith("@zoltan") and theirs["sections"][0]["written"] is None
    assert mine["sections"][0]["text"] == theirs["sections"][0]["text"]
    body = {"sections": {"summary": "@zoltan woke up."}, "version": row.version, "roles": {"zoltan": "the scribe"}}
    changed = as_ana.patch(api, json.dumps(body), content_type="application/json").json()
    assert changed["sections"][0]["text"] == "The scribe woke up.\n"
    wrong = as_ana.patch(api, json.dumps({"roles": {"zoltan": "@bo"}}), content_type="application/json")
    assert wrong.status_code == 400 and "hyphens" in wrong.content.decode()


def test_what_is_found_again_keeps_its_role_and_is_not_found_twice(payments: Squad, ana: User, zoltan: User) -> None:
    story = create_story(payments, by=ana, title="Refunds")
    add_comment(story, by=ana, body="@zoltan looks at it.")
    about = actions.Subject(began_at=clock.now())
    row = actions.create(payments, by=ana, kind="incident", title="Down", subject=about)
    entry = row.timeline.get()
    assert "@zoltan" in entry.text
    edit(row, by=ana, **{"role:zoltan": "the scribe"})
    assert actions.fill_timeline(row, by=ana).added == 0
    entry.refresh_from_db()
    assert "zoltan" not in entry.text and "the scribe looks at it" in entry.text.lower()


def test_an_entry_full_of_mentions_may_grow_by_its_roles(row: Retrospective, ana: User) -> None:
    long = " ".join(["@zoltan"] * 240)
    entry = actions.add_entry(row, by=ana, text=long, at=BEGAN)
    entry.refresh_from_db()
    assert len(entry.text) > 2000 and entry.source("text") == long


def test_two_versions_show_what_happened_to_the_timeline(as_ria: Client, row: Retrospective, ana: User) -> None:
    entry, started = row.timeline.get(), row.version
    actions.change_entry(row, entry, by=ana, text="Paged twice.")
    actions.add_entry(row, by=ana, text="Rolled back.", at=BEGAN)
    actions.change_entry(row, entry, by=ana, state="dropped")
    kept = RetrospectiveEdit.objects.filter(retrospective=row, field="timeline", version__gt=started)
    assert {each.entry_id for each in kept} == set(row.timeline.values_list("pk", flat=True))
    url = f"{row.get_absolute_url()}versions/compare/"
    page = shown(as_ria, f"{url}?old={started}&new={started + 1}")
    assert "Timeline" in page and "Paged twice." in page and "Paged the on-call engineer." in page
    assert "Rolled back." not in page and "[dropped]" not in page
    page = shown(as_ria, f"{url}?old={started + 1}&new={started + 3}")
    assert "Rolled back." in page and "[dropped]" in page
    assert "Both say the same" in shown(as_ria, f"{url}?old={started}&new={started}")


def test_what_filling_found_is_in_the_comparison_and_what_is_older_than_the_history_is_told(
    as_ria: Client, row: Retrospective
) -> None:
    row.timeline.update(since_version=0)
    page = shown(as_ria, f"{row.get_absolute_url()}versions/compare/")
    assert "Some changes of the timeline are older than its history" in page


def test_what_belongs_to_an_archived_squad_nobody_changes_not_even_its_facilitator(
    as_bo: Client, row: Retrospective, ana: User, bo: User
) -> None:
    edit(row, by=ana, facilitator=bo)
    assert "/edit/" in shown(as_bo, row.get_absolute_url())
    Squad.objects.filter(pk=row.squad_id).update(archived_at=BEGAN)
    assert "/edit/" not in shown(as_bo, row.get_absolute_url())
    for door in ("edit/", "people/", "reopen/"):
        refused = as_bo.get(f"{row.get_absolute_url()}{door}")
        assert refused.status_code == 403 and "is archived" in refused.content.decode(), door
