"""Notes of a release come from its stories and changes, stay what people made of them, and reach people by mail or copy."""

from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel.markdown import to_html
from portal.kernel.models import AuditEntry
from releases.inbox.actions import store
from releases.inbox.models import Source
from releases.models import Change, NotesVersion, Release, ReleaseNotes, Repository, StoryLink
from releases.planning.actions import create_release, edit_release
from releases.release_notes import actions, queries
from releases.release_notes.markdown_text import escaped
from squads.endings.actions import cancel
from squads.models import Squad
from squads.stories.actions import create_story
from squads.stories.editing import edit_story
from tests.conftest import posted

pytestmark = pytest.mark.django_db


@pytest.fixture
def release(ana: User) -> Release:
    return create_release(by=ana, version="1.0", line="Shop")


def change(release: Release, sha: str, subject: str, *, merge: bool = False) -> Change:
    source, _ = Source.objects.get_or_create(key="ci", name="CI", kind="report")
    event, _ = store(source, delivery=sha, kind="k", body=b"{}")
    repository, _ = Repository.objects.get_or_create(key="shop/checkout")
    return Change.objects.create(
        id=StoryLink.stable_id_of(release.pk, sha),
        repository=repository,
        sha=sha,
        subject=subject,
        is_merge=merge,
        release=release,
        event=event,
    )


def generated(browser: Client, release: Release, **said: Any) -> Any:
    row = queries.notes_of(release)
    said.setdefault("version", row.version if row else 0)
    return browser.post(f"{release.get_absolute_url()}notes/generate/", said, follow=True)


def test_notes_are_generated_by_type_with_changes_that_no_story_asked_for(
    as_ana: Client, ana: User, payments: Squad, release: Release
) -> None:
    create_story(payments, by=ana, title="Pay by card", release=release)
    create_story(payments, by=ana, title="Wrong total", type="defect", release=release)
    create_story(payments, by=ana, title="Renew certificates", type="chore", release=release)
    cancel(create_story(payments, by=ana, title="Cheques", release=release), by=ana, because="Nobody has any.")
    named = create_story(payments, by=ana, title="Pay later")
    linked = change(release, "a" * 40, "PAY-5 Pay later")
    StoryLink.objects.create(change=linked, key=named.key, story=named, rule="message")
    change(release, "b" * 40, "Silence the linter")
    change(release, "c" * 40, "Merge branch x", merge=True)
    page = generated(as_ana, release).content.decode()
    assert (
        "Notes generated." in page
        and "5 of these stories" not in page
        and "4 of these stories aren’t in production" in page
    )
    assert ReleaseNotes.objects.get().text == (
        "# Shop 1.0\n\n## User stories\n\n- PAY-1 Pay by card\n- PAY-5 Pay later\n\n## Defects\n\n- PAY-2 Wrong total\n\n"
        "## Chores\n\n- PAY-3 Renew certificates\n\n## Changes without a story\n\n- bbbbbbbb Silence the linter\n"
    )


@pytest.mark.parametrize(
    "title",
    [
        "[x](javascript:alert(1))",
        "`code` **bold** _em_ ~~gone~~",
        "<script>alert(1)</script> &amp; <b>",
        "two\nlines\n# heading\u2028- item",
        "![image](x.png)",
        "a | b | c \\ end",
        "<mailto:ana@example.org>",
        "as in https://evil.example/a_b?x=1&y=2, http://x",
        "for @ana, @ana. and mail@ana",
    ],
)
def test_what_a_title_says_stays_text(title: str) -> None:
    html = to_html(f"- PAY-1 {escaped(title)}", people={"ana": "Ana of Payments"})
    shown = " ".join(title.replace("\u2028", " ").split())
    assert unescape(html.replace("<ul>\n<li>", "").replace("</li>\n</ul>\n", "")) == f"PAY-1 {shown}"


def test_the_file_and_the_page_say_the_same(as_ana: Client, ana: User, payments: Squad, release: Release) -> None:
    create_story(payments, by=ana, title="Pay [x](javascript:alert(1))", release=release)
    generated(as_ana, release)
    file = as_ana.get(f"{release.get_absolute_url()}notes.md")
    assert file["Content-Type"].startswith("text/markdown") and "attachment" in file["Content-Disposition"]
    assert file.content.decode() == ReleaseNotes.objects.get().text
    page = as_ana.get(f"{release.get_absolute_url()}notes/").content.decode()
    assert 'href="javascript' not in page and "javascript:alert(1)" in page
    assert '<a href="/stories/PAY-1/"' in page and 'data-copies="notes-markdown"' in page


def test_generating_again_keeps_what_people_edited_and_shows_what_both_changed(
    as_ana: Client, ana: User, payments: Squad, release: Release
) -> None:
    first = create_story(payments, by=ana, title="Pay by card", release=release)
    second = create_story(payments, by=ana, title="Pay back", release=release)
    generated(as_ana, release)
    notes = ReleaseNotes.objects.get()
    mine = notes.text.replace("Pay by card", "Cards, at last").replace("# Shop 1.0", "# Spring")
    place = f"{release.get_absolute_url()}notes/"
    as_ana.post(f"{place}edit/", {"text": mine, "version": notes.version})
    edit_story(first, by=ana, title="Pay by any card")
    edit_story(second, by=ana, title="Refund")
    create_story(payments, by=ana, title="Pay later", release=release)
    assert "Generate them again" in as_ana.get(place).content.decode()
    page = generated(as_ana, release).content.decode()
    text = ReleaseNotes.objects.get().text
    assert text.startswith("# Spring\n") and "- PAY-1 Cards, at last\n- PAY-2 Refund\n- PAY-3 Pay later\n" in text
    assert "Edited lines that would be generated differently" in page and "Pay by any card" in page
    assert "Generate them again" not in page
    assert "Nothing changed since." in generated(as_ana, release).content.decode()
    assert [row.made for row in NotesVersion.objects.order_by("version")] == ["generated", "edited", "generated"]


def test_who_edits_what_somebody_else_changed_meanwhile_overwrites_nothing(
    as_ana: Client, ana: User, lea: User, release: Release
) -> None:
    generated(as_ana, release)
    place = f"{release.get_absolute_url()}notes/"
    actions.edit(release, by=lea, text="Lea's notes\n", version=1)
    answer = as_ana.post(f"{place}edit/", {"text": "Ana's notes", "version": 1})
    page = answer.content.decode()
    assert answer.status_code == 409 and "Lea&#x27;s notes" in page and "Ana&#x27;s notes" in page
    assert ReleaseNotes.objects.get().text == "Lea's notes\n"
    assert "Someone else changed the notes of Shop 1.0" in generated(as_ana, release, version=1).content.decode()
    as_ana.post(f"{place}edit/", {"text": "Both", "version": 2})
    assert ReleaseNotes.objects.get().text == "Both\n"
    versions = as_ana.get(f"{place}versions/").content.decode()
    assert "Version 3" in versions and "Lea" in versions
    assert "Lea&#x27;s notes" in as_ana.get(f"{place}versions/2/").content.decode()
    assert as_ana.get(f"{place}versions/9/").status_code == 404
    assert AuditEntry.objects.filter(key=release.slug, did__contains="edited notes of Shop 1.0 (version 2)").exists()


def test_notes_are_mailed_to_people_with_an_account_and_to_nobody_else(
    as_ana: Client, ana: User, lea: User, ria: User, release: Release, settings: Any
) -> None:
    place = f"{release.get_absolute_url()}notes/mail/"
    generated(as_ana, release)
    settings.RODEO_MAIL = True
    answer = as_ana.post(place, {"people": "lea, stranger@example.org", "version": 1})
    assert (
        answer.status_code == 400
        and "No account with an e-mail address: stranger@example.org" in answer.content.decode()
    )
    answer = as_ana.post(place, {"people": " ".join(f"p{number}" for number in range(51)), "version": 1})
    assert answer.status_code == 400 and "50 is the most" in answer.content.decode()
    assert as_ana.post(place, {"people": "", "version": 1}).status_code == 400
    assert posted() == []
    page = as_ana.post(place, {"people": "@LEA ria lea", "version": 1}, follow=True).content.decode()
    assert "Mailing the notes to 2 people." in page
    mails = posted()
    assert sorted(mail.to[0] for mail in mails) == ["lea@example.org", "ria@example.org"]
    assert mails[0].subject == "Release notes: Shop 1.0" and mails[0].body.startswith("# Shop 1.0")
    assert "/releases/shop-1.0/notes/" in mails[0].body and "Ana sent you this" in mails[0].body
    entry = AuditEntry.objects.filter(did__startswith="mailed").get()
    assert entry.did == "mailed notes of Shop 1.0 (version 1) to lea, ria" and entry.by == ana
    settings.RODEO_MAIL = False
    answer = as_ana.post(place, {"people": "lea", "version": 1})
    assert answer.status_code == 400 and "Mail isn’t set up" in answer.content.decode()


def test_readers_read_notes_and_write_none(as_ria: Client, as_ana: Client, release: Release) -> None:
    place = f"{release.get_absolute_url()}notes/"
    page = as_ria.get(place).content.decode()
    assert "No notes yet" in page and "Generate notes" not in page
    assert as_ria.post(f"{place}generate/", {"version": 0}).status_code == 403
    generated(as_ana, release)
    page = as_ria.get(place).content.decode()
    assert "No stories and no changes yet." in page and "notes/edit/" not in page
    for way, said in (("edit", {"text": "x", "version": 1}), ("mail", {"people": "ria", "version": 1})):
        assert as_ria.post(f"{place}{way}/", said).status_code == 403
    assert ReleaseNotes.objects.get().version == 1


def test_old_addresses_lead_to_the_notes(as_ana: Client, ana: User, release: Release) -> None:
    generated(as_ana, release)
    edit_release(release, by=ana, version="1.1")
    assert as_ana.get("/releases/shop-1.0/notes/")["Location"] == "/releases/shop-1.1/notes/"


def test_programs_generate_edit_and_read_notes(as_ana: Client, ana: User, payments: Squad, release: Release) -> None:
    place = f"/api/v1/releases/{release.slug}/notes/"
    assert as_ana.get(place).status_code == 404
    story = create_story(payments, by=ana, title="Pay by card", release=release)
    made = as_ana.post(f"{place}generation/", {"version": 0}, content_type="application/json")
    assert made.status_code == 200 and made.json()["version"] == 1 and "PAY-1 Pay by card" in made.json()["text"]
    text = made.json()["text"].replace("Pay by card", "Cards")
    saved = as_ana.patch(place, {"text": text, "version": 1}, content_type="application/json")
    assert saved.json()["version"] == 2 and saved.json()["outdated"] is False
    assert as_ana.patch(place, {"text": "x", "version": 1}, content_type="application/json").status_code == 409
    edit_story(story, by=ana, title="Pay by any card")
    assert as_ana.get(place).json()["outdated"] is True
    again = as_ana.post(f"{place}generation/", {}, content_type="application/json").json()
    assert again["differences"] == [
        {"before": "- PAY-1 Pay by card", "edited": "- PAY-1 Cards", "generated": "- PAY-1 Pay by any card"}
    ]
    file = as_ana.get(f"/api/v1/releases/{release.slug}/notes.md")
    assert file["Content-Type"].startswith("text/markdown") and file.content.decode() == again["text"]
    rows = as_ana.get(f"{place}versions/").json()["results"]
    assert [row["version"] for row in rows] == [3, 2, 1] and rows[0]["by"] == "ana"
    long = as_ana.patch(place, {"text": "x" * 100_001}, content_type="application/json")
    assert long.status_code == 400 and long.json()["errors"][0]["attr"] == "text"


def test_programs_mail_notes(as_ana: Client, lea: User, release: Release, settings: Any) -> None:
    settings.RODEO_MAIL = True
    place = f"/api/v1/releases/{release.slug}/notes/mail/"
    refused = as_ana.post(place, {"people": ["lea"]}, content_type="application/json")
    assert refused.status_code == 400 and "no notes yet" in refused.content.decode()
    generated(as_ana, release)
    assert as_ana.post(place, {"people": ["lea"]}, content_type="application/json").json() == {"mails": 1}
    assert [mail.to for mail in posted()] == [["lea@example.org"]]


def test_long_lists_are_cut_and_that_is_said(
    ana: User, payments: Squad, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_STORIES", 2)
    monkeypatch.setattr(queries, "MOST_CHANGES", 1)
    for number in range(3):
        create_story(payments, by=ana, title=f"Story {number}", release=release)
        change(release, f"{number}" * 40, "Work")
    text = queries.material(release).text
    assert text.count("- PAY-") == 2 and "And 1 more story." in text and "And 2 more changes without a story." in text


def test_notes_cost_the_same_whatever_is_in_the_release(
    as_ana: Client, ana: User, payments: Squad, release: Release
) -> None:
    costs = []
    for number in range(12):
        create_story(payments, by=ana, title=f"Story {number}", release=release)
        change(release, f"{number:040}", "Work")
        actions.generate(release, by=ana)
        if number in (1, 11):
            with CaptureQueriesContext(connection) as asked:
                as_ana.get(f"{release.get_absolute_url()}notes/")
            costs.append(len(asked))
    assert costs[0] == costs[1]
