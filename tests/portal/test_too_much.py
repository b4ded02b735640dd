"""More than anybody means to write: refused at both doors with the field and the remedy, and nothing half-written."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import StateChange
from squads.boards.actions import MOST_VIEWS
from squads.models import Evidence, Relation, SavedView, Service, Squad, Story
from squads.stories.actions import create_story
from squads.stories.editing import edit_story
from squads.stories.relations import MOST
from squads.teams.actions import MOST_REPOSITORIES

LONG = "x" * 50_001
CRITERIA = "\n".join(f"Criterion {number}" for number in range(501))
LONGER, LINES = "This is over 50000 characters.", "This has 501 lines; 500 is the most."


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Pay")


def objected(answer: Any) -> dict[str | None, str]:
    """What an answer of the API objects to, by field."""
    assert answer.status_code == 400, answer.content
    return {each["attr"]: each["detail"] for each in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("description", LONG, LONGER),
        ("acceptance_criteria", LONG, LONGER),
        ("acceptance_criteria", CRITERIA, LINES),
        ("production_checks", CRITERIA, LINES),
    ],
)
def test_a_new_story_is_held_to_the_same_lengths_as_an_edit(
    as_ana: Client, payments: Squad, story: Story, field: str, text: str, said: str
) -> None:
    new = {"squad": "payments", "title": "Pay more", field: text}
    assert said in objected(as_ana.post("/api/v1/stories/", new, content_type="application/json"))[field]
    form = {"squad": payments.pk, "title": "Pay more", "type": "user_story", field: text}
    page = as_ana.post("/stories/new/", form)
    assert page.status_code == 400 and said in page.content.decode()
    change = as_ana.patch("/api/v1/stories/PAY-1/", {field: text}, content_type="application/json")
    assert said in objected(change)[field]
    assert list(Story.objects.values_list("key", "description", "acceptance_criteria")) == [("PAY-1", "", "")]


def test_a_text_that_came_longer_from_elsewhere_keeps_nobody_from_the_other_fields(
    as_ana: Client, ana: User, story: Story
) -> None:
    Story.objects.update(description=LONG)
    change = as_ana.patch("/api/v1/stories/PAY-1/", {"title": "Pay now"}, content_type="application/json")
    assert change.status_code == 200
    form = {"title": "Pay later", "type": "chore", "description": LONG, "version": change.json()["version"]}
    assert as_ana.post("/stories/PAY-1/edit/", form).status_code == 302
    story.refresh_from_db()
    assert (story.title, story.type, story.description) == ("Pay later", "chore", LONG)
    edit_story(story, by=ana, description="Short.")
    assert story.description == "Short."


@pytest.mark.parametrize("address", ["progress", "place"])
def test_a_reason_nobody_would_read_moves_nothing(as_ana: Client, story: Story, address: str) -> None:
    answer = as_ana.post(f"/stories/PAY-1/{address}/", {"to": "in_progress", "because": "x" * 2001}, follow=True)
    assert "Use 2000 characters or fewer." in answer.content.decode()
    story.refresh_from_db()
    assert story.progress == "todo"
    assert not StateChange.objects.exists()


def test_evidence_by_hand_is_of_a_time_that_had_systems(as_ana: Client, story: Story) -> None:
    for at in ("1969-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        said = {"kind": "run", "note": "Seen.", "at": at}
        assert "at" in objected(as_ana.post("/api/v1/stories/PAY-1/evidence/", said, content_type="application/json"))
    form = {"kind": "run", "verdict": "success", "at": "0001-01-01T00:00", "note": "Seen."}
    answer = as_ana.post("/stories/PAY-1/evidence/", form)
    assert answer.status_code == 400 and "This is before 1970." in answer.content.decode()
    assert not Evidence.objects.exists()


def test_whoever_has_the_longest_name_vouches_too(as_ana: Client, story: Story) -> None:
    as_ana.post("/account/", {"first_name": "A" * 150, "last_name": "N" * 150})
    said = {"kind": "run", "note": "Seen."}
    answer = as_ana.post("/api/v1/stories/PAY-1/evidence/", said, content_type="application/json")
    assert answer.status_code == 201
    assert answer.json()["label"].endswith("N, by hand")


def test_evidence_by_hand_has_a_note_that_can_be_read(as_ana: Client, story: Story) -> None:
    said = {"kind": "run", "verdict": "success", "at": "2026-01-01T10:00", "note": "x" * 10_001}
    answer = as_ana.post("/stories/PAY-1/evidence/", said)
    assert answer.status_code == 400 and "at most 10000 characters" in answer.content.decode()
    assert not Evidence.objects.exists()


@pytest.mark.parametrize("door", ["page", "api"])
def test_squads_and_services_say_what_they_are_in_a_few_thousand_characters(
    as_lea: Client, lea: User, payments: Squad, checkout: Service, door: str
) -> None:
    User.objects.filter(pk=lea.pk).update(is_project_manager=True)
    text, said = "x" * 5001, "This is over 5000 characters."
    squad = {"name": "Payments", "key_prefix": "PAY", "kind": "vertical", "mission": text}
    service = {"squad": payments.pk if door == "page" else "payments", "description": text}
    many = {**service, "description": "", "repositories": [f"shop/{n}" for n in range(MOST_REPOSITORIES + 1)]}
    for address, fields, field, words in (
        ("squads/payments", squad, "mission", said),
        ("squads/new", {**squad, "name": "New", "key_prefix": "NEW"}, "mission", said),
        ("services/checkout", service, "description", said),
        ("services/new", {**service, "name": "ledger"}, "description", said),
        ("services/checkout", many, "repositories", "is the most"),
    ):
        if door == "page":
            sent = {**fields, "repositories": "\n".join(fields.get("repositories", ()))}
            page = as_lea.post(f"/{address}/" + ("" if address.endswith("new") else "edit/"), sent)
            assert page.status_code == 400, address
            assert words in page.content.decode()
        elif address.endswith("new"):
            there = address.removesuffix("new")
            assert words in objected(as_lea.post(f"/api/v1/{there}", fields, content_type="application/json"))[field]
        else:
            answer = as_lea.patch(f"/api/v1/{address}/", fields, content_type="application/json")
            assert words in objected(answer)[field]
    assert list(Squad.objects.values_list("name", "mission")) == [("Payments", "")]
    assert list(Service.objects.values_list("name", "description")) == [("checkout", "")]
    assert not checkout.repositories.exists()


def test_a_person_keeps_so_many_views_of_a_board_and_may_still_change_them(
    as_ana: Client, ana: User, payments: Squad
) -> None:
    for number in range(MOST_VIEWS + 1):
        answer = as_ana.post("/squads/payments/board/views/", {"name": f"View {number}", "query": "q=a"}, follow=True)
    assert f"You already have {MOST_VIEWS} views of this board." in answer.content.decode()
    assert SavedView.objects.count() == MOST_VIEWS
    as_ana.post("/squads/payments/board/views/", {"name": "View 0", "query": "q=b"})
    assert SavedView.objects.get(name="View 0").query == "q=b"


def test_a_name_of_a_million_letters_is_refused_like_any_other(as_ana: Client) -> None:
    said = {"kind": "pipeline", "name": "x" * 1_000_000, "role": "ci"}
    assert as_ana.post("/sources/unmapped/mend/", said).status_code == 403


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("squads/payments/members/remove", "username"),
        ("squads/payments/members", "username"),
        ("stories/PAY-1/acceptance-requests", "accepter"),
    ],
)
def test_nobody_is_called_by_a_million_letters(as_lea: Client, story: Story, address: str, field: str) -> None:
    answer = as_lea.post(f"/{address}/", {field: "x" * 1_000_000})
    assert answer.status_code in (302, 400)
    assert story.squad.memberships.count() == 2


@pytest.mark.parametrize(
    ("address", "body", "field"),
    [
        ("stories/", {"squad": "payments", "title": "Pay", "type": "\ud800"}, "type"),
        ("stories/", {"squad": "\ud800", "title": "Pay"}, "squad"),
        ("stories/", {"squad": "payments", "title": "half \udfff"}, "title"),
        ("stories/", {"squad": "payments", "title": "Pay", "\ud800": 1}, None),
        ("stories/PAY-1/place/", {"to": "\ud800"}, "to"),
        ("services/", {"name": "a", "squad": "payments", "repositories": ["a", "\ud800"]}, "repositories"),
        ("stories/PAY-1/comments/", ["\ud800"], None),
    ],
)
def test_half_a_character_is_refused_at_its_field(
    as_ana: Client, story: Story, address: str, body: Any, field: str | None
) -> None:
    answer = as_ana.post(f"/api/v1/{address}", body, content_type="application/json")
    ((named, said),) = objected(answer).items()
    assert named == field and said.startswith("This contains an invalid character")
    assert Story.objects.count() == 1 and not Service.objects.exists()


def test_a_body_that_is_too_large_is_told_the_most_there_may_be(as_ana: Client, payments: Squad) -> None:
    body = {"squad": "payments", "title": "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE}
    answer = as_ana.post("/api/v1/stories/", body, content_type="application/json")
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["detail"].startswith("The body is over 3 MB.")
    assert not Story.objects.exists()


def test_a_form_of_the_api_with_thousands_of_fields_is_refused(as_ana: Client, payments: Squad) -> None:
    fields = {f"field{number}": "x" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    answer = as_ana.post("/api/v1/squads/payments/imports/", fields)
    assert "too many fields or files" in objected(answer)[None]


def test_a_story_of_which_much_was_said_takes_one_relation_more(as_ana: Client, ana: User, story: Story) -> None:
    others = [create_story(story.squad, by=ana, title=f"Other {number}") for number in range(MOST + 1)]
    Relation.objects.bulk_create(
        Relation(story=other, other=story, kind="blocks", by=ana, at=clock.now()) for other in others[:MOST]
    )
    said = {"relation": "blocked_by", "key": others[MOST].key}
    answer = as_ana.post("/api/v1/stories/PAY-1/relations/", said, content_type="application/json")
    assert objected(answer) == {"key": f"PAY-1 has {MOST} related stories, which is the most. Remove one first."}
    # From the other end nothing keeps anybody from saying it, though PAY-1 lists no more.
    said = {"relation": "blocks", "key": "PAY-1"}
    answer = as_ana.post(f"/api/v1/stories/{others[MOST].key}/relations/", said, content_type="application/json")
    assert answer.status_code == 201
    assert (answer.json()["relation"], answer.json()["key"], answer.json()["title"]) == ("blocks", "PAY-1", "Pay")


def test_no_cache_on_the_way_keeps_what_was_made_for_one_person(as_ana: Client, ana: User, story: Story) -> None:
    for address in ("/", "/stories/PAY-1/", "/account/", "/api/v1/stories/", "/stories/export.csv", "/is/PAY-1"):
        said = as_ana.get(address)["Cache-Control"]
        assert said in ("private, no-cache", "no-cache, private"), address
