"""Editing a story in its page and over the API, and that nobody overwrites anybody."""

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from releases.planning.models import Release
from squads.models import Evidence, Membership, Relation, Squad, Story, StoryEdit
from squads.stories import relations
from squads.stories.actions import create_story
from squads.stories.editing import Conflict, edit_story, tick

API = "/api/v1/stories/PAY-1/"


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(
        payments,
        by=ana,
        title="Refunds",
        description="Give it back.",
        acceptance_criteria="Ten euro arrive.\nA mail is sent.",
    )


@pytest.fixture
def cem(payments: Squad) -> User:
    person = User.objects.create_user("cem", "cem@example.org", "cem-password", first_name="Cem")
    Membership.objects.create(squad=payments, user=person)
    return person


@pytest.fixture
def as_cem(cem: User) -> Client:
    browser = Client()
    browser.force_login(cem)
    return browser


def whole(story: Story, **fields: Any) -> dict[str, Any]:
    """What the whole form sends: every field as it was, but for these."""
    return {
        "title": story.title,
        "type": story.type,
        "release": story.release_id or "",
        "description": story.description,
        "acceptance_criteria": story.acceptance_criteria,
        "production_checks": story.production_checks,
        "flag": story.flag,
        "audience": story.audience,
        "version": story.version,
        **fields,
    }


def patch(browser: Client, body: dict[str, Any], match: str = "") -> HttpResponse:
    headers = {"If-Match": match} if match else {}
    return browser.patch(API, body, content_type="application/json", headers=headers)  # type: ignore[return-value]


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


# The verb


def test_an_edit_counts_and_leaves_what_was_and_what_is(story: Story, ana: User) -> None:
    edit_story(story, by=ana, title="Refunds in parts", description="Give it back.", type="defect")
    assert story.version == 2
    edits = {edit.field: (edit.before, edit.after, edit.by, edit.version) for edit in StoryEdit.objects.all()}
    assert edits == {"title": ("Refunds", "Refunds in parts", ana, 2), "type": ("user_story", "defect", ana, 2)}


def test_an_edit_that_changes_nothing_leaves_nothing(story: Story, ana: User) -> None:
    edit_story(story, by=ana, title="Refunds", description="Give it back.\r\n".strip())
    assert (story.version, StoryEdit.objects.count()) == (1, 0)


def test_two_people_who_edit_different_fields_both_win(story: Story, ana: User, cem: User) -> None:
    mine, theirs = Story.objects.get(), Story.objects.get()
    edit_story(theirs, by=cem, base_version=1, title="Refunds", description="All of it.")
    edit_story(mine, by=ana, base_version=1, title="Money back", description="Give it back.")
    assert (mine.title, mine.description, mine.version) == ("Money back", "All of it.", 3)


def test_the_same_field_is_told_with_both_values_and_nothing_is_written(story: Story, ana: User, cem: User) -> None:
    edit_story(Story.objects.get(), by=cem, base_version=1, title="Theirs")
    with pytest.raises(Conflict, match="Cem changed the title of PAY-1") as caught:
        edit_story(story, by=ana, base_version=1, title="Mine", type="defect")
    (clash,) = caught.value.clashes
    assert (clash.field, clash.mine, clash.theirs, clash.by, caught.value.version) == (
        "title",
        "Mine",
        "Theirs",
        cem,
        2,
    )
    story.refresh_from_db()
    assert (story.title, story.type, story.version) == ("Theirs", "user_story", 2)


def test_two_people_who_want_the_same_agree(story: Story, ana: User, cem: User) -> None:
    edit_story(Story.objects.get(), by=cem, base_version=1, title="Same")
    edit_story(story, by=ana, base_version=1, title="Same")
    assert (story.title, story.version) == ("Same", 2)


def test_a_field_changed_and_changed_back_is_no_conflict(story: Story, ana: User, cem: User) -> None:
    edit_story(Story.objects.get(), by=cem, title="Other")
    edit_story(Story.objects.get(), by=cem, title="Refunds")
    edit_story(story, by=ana, base_version=1, title="Mine")
    assert story.title == "Mine"


def test_a_release_is_compared_by_what_it_is(story: Story, ana: User, cem: User) -> None:
    first, second = (Release.objects.create(version=each, slug=each) for each in ("1", "2"))
    edit_story(Story.objects.get(), by=cem, base_version=1, release=first)
    with pytest.raises(Conflict):
        edit_story(story, by=ana, base_version=1, release=second)
    edit_story(story, by=ana, base_version=2, release=second)
    assert StoryEdit.objects.last().before == {"id": str(first.pk), "name": "1"}  # type: ignore[union-attr]


def test_a_changed_line_loses_its_tick_and_the_others_keep_theirs(story: Story, ana: User) -> None:
    for line in ("Ten euro arrive.", "A mail is sent."):
        tick(story, "acceptance_criteria", line, True, by=ana)
    edit_story(story, by=ana, acceptance_criteria="Twenty euro arrive.\nA mail is sent.")
    assert story.criteria_met == ["A mail is sent."]


def test_two_people_tick_different_lines_and_both_stay(story: Story, ana: User, cem: User) -> None:
    one, other = Story.objects.get(), Story.objects.get()
    tick(one, "acceptance_criteria", "A mail is sent.", True, by=ana)
    tick(other, "acceptance_criteria", "Ten euro arrive.", True, by=cem)
    assert Story.objects.get().criteria_met == ["Ten euro arrive.", "A mail is sent."]


def at_once(work: Callable[[int], None], count: int = 8) -> None:
    def one(number: int) -> None:
        try:
            work(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_edit_one_field_at_once_one_wins_and_seven_are_told(story: Story, ana: User) -> None:
    told: list[Conflict] = []

    def work(number: int) -> None:
        try:
            edit_story(Story.objects.get(), by=ana, base_version=1, title=f"By {number}")
        except Conflict as conflict:
            told.append(conflict)

    at_once(work)
    story.refresh_from_db()
    assert (len(told), story.version, StoryEdit.objects.count()) == (7, 2, 1)
    assert StoryEdit.objects.get().after == story.title


@pytest.mark.django_db(transaction=True)
def test_everybody_who_ticks_at_once_is_kept(payments: Squad, ana: User) -> None:
    lines = [f"Line {number}." for number in range(8)]
    story = create_story(payments, by=ana, title="Refunds", acceptance_criteria="\n".join(lines))
    at_once(lambda number: tick(Story.objects.get(), "acceptance_criteria", lines[number], True, by=ana) and None)
    story.refresh_from_db()
    assert (story.criteria_met, story.version) == (lines, 9)


@pytest.mark.django_db(transaction=True)
def test_of_two_stories_that_block_each_other_at_once_one_does(story: Story, ana: User) -> None:
    other = create_story(story.squad, by=ana, title="Other")
    refused: list[ValidationError] = []

    def work(number: int) -> None:
        one, two = (story, other) if number % 2 else (other, story)
        try:
            relations.relate(Story.objects.get(pk=one.pk), "blocks", two.key, by=ana)
        except ValidationError as error:
            refused.append(error)

    at_once(work)
    assert (Relation.objects.count(), len(refused)) == (1, 7)


# The pages


def test_the_second_to_save_sees_both_values_and_loses_nothing(as_ana: Client, as_cem: Client, story: Story) -> None:
    as_cem.post("/stories/PAY-1/edit/", whole(story, title="Theirs", flag="photo"))
    answer = as_ana.post("/stories/PAY-1/edit/", whole(story, title="Mine", description="My long text"))
    assert answer.status_code == 409
    said = words(answer)
    assert "Cem wrote" in said and "Theirs" in said and "Mine" in said and "My long text" in said
    page = answer.content.decode()
    # Sent again, the form keeps what the other wrote in fields this person never touched.
    assert 'name="version" value="2"' in page
    assert 'value="photo"' in page
    assert Story.objects.get().title == "Theirs"


@pytest.mark.parametrize(("take", "title"), [("theirs", "Theirs"), ("mine", "Mine and theirs")])
def test_they_choose_theirs_or_what_they_made_of_both(
    as_ana: Client, as_cem: Client, story: Story, take: str, title: str
) -> None:
    as_cem.post("/stories/PAY-1/edit/", whole(story, title="Theirs"))
    again = whole(story, title="Mine and theirs", description="Mine", version=2, take_title=take)
    assert as_ana.post("/stories/PAY-1/edit/", again).status_code == 302
    made = Story.objects.get()
    assert (made.title, made.description) == (title, "Mine")


def test_a_third_person_in_between_is_told_again(as_ana: Client, as_cem: Client, story: Story) -> None:
    as_cem.post("/stories/PAY-1/edit/", whole(story, title="First"))
    as_cem.post("/stories/PAY-1/edit/", whole(story, title="Second", version=2))
    assert as_ana.post("/stories/PAY-1/edit/", whole(story, title="Mine", version=2)).status_code == 409


def test_one_field_is_edited_in_its_place(as_ana: Client, story: Story) -> None:
    place, htmx = "/stories/PAY-1/fields/description/", {"HX-Request": "true"}
    form = as_ana.get(place, headers=htmx)
    assert form.content.decode().strip().startswith('<div id="field-description"')
    answer = as_ana.post(place, {"description": "**All** of it.", "version": 1}, headers=htmx)
    assert "<strong>All</strong> of it." in answer.content.decode()
    assert answer["HX-Trigger"] == "rodeo:changed"
    assert (Story.objects.get().description, Story.objects.get().title) == ("**All** of it.", "Refunds")


def test_one_field_is_edited_without_javascript_too(as_ana: Client, story: Story) -> None:
    assert "<h1>Edit PAY-1: title</h1>" in as_ana.get("/stories/PAY-1/fields/title/").content.decode()
    answer = as_ana.post("/stories/PAY-1/fields/title/", {"title": "Money back", "version": 1})
    assert answer["Location"] == "/stories/PAY-1/"
    assert Story.objects.get().title == "Money back"


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_one_field_in_its_place_is_not_overwritten_either(
    as_ana: Client, as_cem: Client, story: Story, headers: dict[str, str]
) -> None:
    as_cem.post("/stories/PAY-1/fields/title/", {"title": "Theirs", "version": 1})
    answer = as_ana.post("/stories/PAY-1/fields/title/", {"title": "Mine", "version": 1}, headers=headers)
    assert answer.status_code == 409
    assert 'name="take_title" value="theirs"' in answer.content.decode()


@pytest.mark.parametrize("name", ["title", "flag", "description", "acceptance_criteria", "release"])
def test_cancelling_shows_the_field_as_it_is(as_ana: Client, story: Story, name: str) -> None:
    place = f"/stories/PAY-1/fields/{name}/"
    answer = as_ana.get(place, {"shown": ""}, headers={"HX-Request": "true"})
    assert f'id="field-{name}"' in answer.content.decode() and "<form class=" not in answer.content.decode()
    assert as_ana.get(place, {"shown": ""})["Location"] == "/stories/PAY-1/"


def test_an_empty_title_is_answered_at_its_field(as_ana: Client, story: Story) -> None:
    answer = as_ana.post("/stories/PAY-1/fields/title/", {"title": " ", "version": 1}, headers={"HX-Request": "true"})
    assert answer.status_code == 400
    assert "This field is required." in answer.content.decode()


def test_lines_are_ticked_with_history_and_a_line_that_is_gone_is_told(as_ana: Client, story: Story) -> None:
    place = "/stories/PAY-1/checklists/acceptance_criteria/"
    as_ana.post(place, {"on": "A mail is sent."})
    assert Story.objects.get().criteria_met == ["A mail is sent."]
    assert "ticked “A mail is sent.”" in words(as_ana.get("/stories/PAY-1/history/"))
    answer = as_ana.post(place, {"on": "Never written."})
    assert answer.status_code == 400
    assert "“Never written.” is no longer in the acceptance criteria" in words(answer)
    fragment = as_ana.post(place, {"off": "A mail is sent."}, headers={"HX-Request": "true"}).content.decode()
    assert fragment.count('aria-checked="false"') == 2
    assert Story.objects.get().criteria_met == []


@pytest.mark.parametrize("part", ["fields/title/", "checklists/acceptance_criteria/", "relations/"])
def test_another_squad_may_not(as_bo: Client, story: Story, part: str) -> None:
    answer = as_bo.post(f"/stories/PAY-1/{part}", {"title": "x", "on": "A mail is sent.", "kind": "blocks", "key": "x"})
    assert answer.status_code == 403
    assert "Only members of Payments can change PAY-1." in answer.content.decode()


def test_a_field_or_list_nobody_knows_is_not_found(as_ana: Client, story: Story) -> None:
    assert as_ana.get("/stories/PAY-1/fields/stage/").status_code == 404
    assert as_ana.post("/stories/PAY-1/checklists/title/", {"on": "x"}).status_code == 404


def test_descriptions_are_markdown_made_safe(as_ana: Client, story: Story, ana: User) -> None:
    edit_story(story, by=ana, description="**bold** <script>alert(1)</script> PAY-1 @ana [x](javascript:1)")
    page = as_ana.get("/stories/PAY-1/").content.decode()
    assert "<strong>bold</strong> &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<a href="/stories/PAY-1/" class="key"' in page
    assert '<span class="mention">@Ana</span>' in page
    assert "javascript:1)" in page and 'href="javascript' not in page


def test_markdown_is_previewed_before_it_is_kept(as_ana: Client, client: Client, story: Story) -> None:
    assert "<em>so</em>" in as_ana.post("/stories/preview/", {"body": "*so*"}).content.decode()
    fragment = as_ana.post("/stories/preview/", {"description": "PAY-1"}, headers={"HX-Request": "true"})
    assert "<html" not in fragment.content.decode()
    assert 'href="/stories/PAY-1/"' in fragment.content.decode()
    assert client.post("/stories/preview/", {"body": "x"})["Location"].startswith("/accounts/login/")


def test_the_history_tells_who_did_what_in_one_list(as_ana: Client, story: Story, ana: User, cem: User) -> None:
    story.move_progress("in_progress", by=ana)
    edit_story(story, by=cem, title="Money back", description="Other\nwords")
    as_ana.post("/stories/PAY-1/block/", {"because": "Waits for the bank."})
    as_ana.post("/stories/PAY-1/unblock/")
    as_ana.post(
        "/stories/PAY-1/evidence/",
        {"kind": "test", "verdict": "success", "at": "2026-01-05T12:00", "note": "Tried it."},
    )
    said = words(as_ana.get("/stories/PAY-1/history/"))
    for part in (
        "Ana to do → in progress",
        "Cem title: Refunds → Money back",
        "Cem edited the description",
        "Ana added evidence by hand: test before production, passed : Tried it.",
        "Ana blocked this : Waits for the bank.",
        "Ana unblocked this",
    ):
        assert part in said


def test_the_history_comes_in_pages(as_ana: Client, story: Story, ana: User) -> None:
    for number in range(55):
        edit_story(story, by=ana, title=f"Title {number}")
    first, second = (words(as_ana.get("/stories/PAY-1/history/", {"page": page})) for page in (1, 2))
    assert "Title 53 → Title 54" in first and "Refunds → Title 0" not in first
    assert "Refunds → Title 0" in second


# Related stories


@pytest.fixture
def other(search: Squad, bo: User) -> Story:
    return create_story(search, by=bo, title="Find refunds")


def test_a_related_story_is_shown_from_both_ends_with_its_stage(as_ana: Client, story: Story, other: Story) -> None:
    as_ana.post("/stories/PAY-1/relations/", {"kind": "blocked_by", "key": "sea-1"})
    assert "Blocked by SEA-1 Find refunds to do, Search" in words(as_ana.get("/stories/PAY-1/"))
    assert "Blocks PAY-1 Refunds to do, Payments" in words(as_ana.get("/stories/SEA-1/"))
    row = Relation.objects.get()
    assert (row.story, row.kind, row.other) == (other, "blocks", story)
    as_ana.post(f"/stories/PAY-1/relations/{row.pk}/remove/")
    assert not Relation.objects.exists()
    said = words(as_ana.get("/stories/PAY-1/history/"))
    assert "added to related stories: blocked by SEA-1" in said
    assert "removed from related stories: blocked by SEA-1" in said


@pytest.mark.parametrize(
    ("there", "asked", "said"),
    [
        (None, ("blocks", "PAY-1"), "PAY-1 is this story. Enter another one."),
        (None, ("blocks", "PAY-99"), "There’s no story PAY-99."),
        ("blocks", ("blocks", "SEA-1"), "PAY-1 already blocks SEA-1."),
        ("blocks", ("blocked_by", "SEA-1"), "PAY-1 blocks SEA-1, so it can’t be the other way round too."),
        ("duplicated_by", ("duplicates", "SEA-1"), "SEA-1 duplicates PAY-1, so it can’t be"),
        ("relates", ("relates", "SEA-1"), "PAY-1 is already related to SEA-1."),
        (None, ("hates", "SEA-1"), "Choose one of blocks"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    as_ana: Client, ana: User, story: Story, other: Story, there: str | None, asked: tuple[str, str], said: str
) -> None:
    if there:
        relations.relate(story, there, "SEA-1", by=ana)
    count = Relation.objects.count()
    answer = as_ana.post("/stories/PAY-1/relations/", {"kind": asked[0], "key": asked[1]})
    assert answer.status_code == 400
    assert said in words(answer)
    assert f'value="{asked[1]}"' in answer.content.decode()
    assert Relation.objects.count() == count


def test_a_relation_is_in_the_history_of_both_stories_where_one_may_change_both(
    as_ana: Client, ana: User, story: Story, other: Story
) -> None:
    create_story(story.squad, by=ana, title="Ours too")
    for key in ("PAY-2", "SEA-1"):
        as_ana.post("/stories/PAY-1/relations/", {"kind": "blocks", "key": key})
    as_ana.post(f"/stories/PAY-2/relations/{Relation.objects.get(other__key='PAY-2').pk}/remove/")
    for key, said in (("PAY-1", "blocks"), ("PAY-2", "blocked by")):
        page = words(as_ana.get(f"/stories/{key}/"))  # type: ignore[arg-type]
        assert f"added to related stories: {said}" in page and f"removed from related stories: {said}" in page
    theirs = Story.objects.get(key="SEA-1")
    assert (theirs.version, theirs.edits.count()) == (1, 0)
    assert "Blocked by" in as_ana.get("/stories/SEA-1/").content.decode()


def test_a_relation_of_other_stories_is_not_taken_away_from_here(
    as_ana: Client, bo: User, story: Story, other: Story
) -> None:
    third = create_story(other.squad, by=bo, title="Third")
    row = relations.relate(other, "blocks", third.key, by=bo)
    as_ana.post(f"/stories/PAY-1/relations/{row.pk}/remove/")
    assert as_ana.delete(f"{API}relations/{row.pk}/").status_code == 204
    assert Relation.objects.filter(pk=row.pk).exists()


# The API


def test_the_version_is_the_etag(as_ana: Client, story: Story) -> None:
    answer = as_ana.get(API)
    assert (answer.json()["version"], answer["ETag"]) == (1, '"v1"')
    answer = patch(as_ana, {"title": "Money back"}, '"v1"')
    assert (answer.json()["version"], answer["ETag"]) == (2, '"v2"')


def test_the_api_does_not_overwrite_and_answers_with_both_values(as_ana: Client, as_cem: Client, story: Story) -> None:
    patch(as_cem, {"title": "Theirs"}, '"v1"')
    answer = patch(as_ana, {"title": "Mine", "type": "defect"}, '"v1"')
    assert answer.status_code == 412
    said = answer.json()
    assert (said["version"], answer["ETag"]) == (2, '"v2"')
    (clash,) = said["conflicts"]
    assert (clash["field"], clash["theirs"], clash["yours"], clash["by"]) == ("title", "Theirs", "Mine", "cem")
    assert said["errors"][0]["attr"] == "title"
    assert (Story.objects.get().title, Story.objects.get().type) == ("Theirs", "user_story")
    assert patch(as_ana, {"description": "Mine"}, '"v1"').json()["title"] == "Theirs"
    assert patch(as_ana, {"title": "Mine"}, '"v3"').json()["title"] == "Mine"


def test_without_if_match_only_what_is_sent_is_written(as_ana: Client, as_cem: Client, story: Story) -> None:
    patch(as_cem, {"title": "Theirs"})
    answer = patch(as_ana, {"description": "Mine"})
    assert (answer.json()["title"], answer.json()["description"]) == ("Theirs", "Mine")
    assert patch(as_ana, {"title": "Mine"}, "*").status_code == 200


@pytest.mark.parametrize("match", ["v1", '"1"', "yes", '"v99"'])
def test_a_version_that_makes_no_sense_is_refused(as_ana: Client, story: Story, match: str) -> None:
    assert patch(as_ana, {"title": "Mine"}, match).status_code == 400
    assert Story.objects.get().title == "Refunds"


def test_lines_are_ticked_over_the_api(as_ana: Client, as_bo: Client, story: Story) -> None:
    body = {"checklist": "acceptance_criteria", "line": "A mail is sent.", "met": True}
    assert as_bo.post(f"{API}ticks/", body, content_type="application/json").status_code == 403
    assert as_ana.post(f"{API}ticks/", body, content_type="application/json").json()["criteria_met"] == [
        "A mail is sent."
    ]
    body["line"] = "Never written."
    assert as_ana.post(f"{API}ticks/", body, content_type="application/json").status_code == 400


def test_relations_over_the_api(as_ana: Client, as_bo: Client, story: Story, other: Story) -> None:
    body = {"relation": "blocks", "key": "SEA-1"}
    assert as_bo.post(f"{API}relations/", body, content_type="application/json").status_code == 403
    made = as_ana.post(f"{API}relations/", body, content_type="application/json")
    assert made.status_code == 201
    assert as_bo.get("/api/v1/stories/SEA-1/relations/").json()["results"][0]["relation"] == "blocked_by"
    assert as_ana.post(f"{API}relations/", body, content_type="application/json").status_code == 400
    assert as_ana.delete(f"{API}relations/{made.json()['id']}/").status_code == 204
    assert not Relation.objects.exists()


# The cost


def test_the_page_costs_the_same_however_much_is_on_it(as_ana: Client, ana: User, story: Story) -> None:
    from squads.discussions.actions import add_comment

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert as_ana.get("/stories/PAY-1/").status_code == 200
        return len(queries)

    def add(number: int) -> None:
        for index in range(number):
            add_comment(story, by=ana, body=f"PAY-1, @ana, number {index}")
            edit_story(story, by=ana, title=f"Title {index} of {number}")
            tick(story, "acceptance_criteria", "A mail is sent.", index % 2 == 0, by=ana)
            Evidence.objects.create(
                story=story, kind="test", verdict="success", at=timezone.now(), person=ana, by_hand=True, note="x"
            )
            made = create_story(story.squad, by=ana, title=f"Other {index}")
            relations.relate(story, "blocks", made.key, by=ana)
            story.move_progress(("in_progress", "todo")[index % 2], by=ana)

    add(2)
    few = count()
    add(40)
    assert count() == few
    assert few <= 27
