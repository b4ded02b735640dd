"""Asking somebody to accept a story in production, and their answer."""

import re
import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel.models import Message, StateChange
from portal.kernel.stable_ids import stable_id
from releases.models import Change, InboundEvent, Repository, Source, StoryLink
from squads.acceptance import actions
from squads.models import AcceptanceRequest, Evidence, Membership, Squad, Story
from squads.stories.actions import create_story, judge, record_by_hand
from squads.stories.authorship import own_change_reason

ASK = "/stories/PAY-1/acceptance-requests/"
API = "/api/v1/stories/PAY-1/acceptance-requests/"


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    """A story that production runs, not accepted yet."""
    made = create_story(
        payments, by=ana, title="Refunds", acceptance_criteria="Ten euro arrive.", production_checks="Look at the log."
    )
    deploy(made)
    return made


def deploy(story: Story, ago: timedelta = timedelta(hours=1)) -> None:
    for kind, tier, at in (("change", "", 3), ("run", "", 2), ("deployment", "production", 0)):
        Evidence.objects.create(
            story=story,
            kind=kind,
            verdict="success",
            at=timezone.now() - ago - timedelta(minutes=at),
            service="checkout",
            environment="Production" if tier else "",
            tier=tier,
            shas=["abc"],
            label="checkout 1.4",
        )
    judge([story.pk])
    story.refresh_from_db()


@pytest.fixture
def pia(payments: Squad) -> User:
    """The product owner of Payments: an accepter."""
    person = User.objects.create_user("pia", "pia@example.org", "pia-password", first_name="Pia")
    Membership.objects.create(squad=payments, user=person, accepts=True)
    return person


@pytest.fixture
def as_pia(pia: User) -> Client:
    browser = Client()
    browser.force_login(pia)
    return browser


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def place(request: AcceptanceRequest, what: str = "answer") -> str:
    return f"{ASK}{request.pk}/{what}/"


def change(story: Story, author: str) -> None:
    source = Source.objects.create(key="ci", name="CI", kind="report")
    event = InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at=timezone.now())
    made = Change.objects.create(
        id=stable_id("change", author),
        repository=Repository.objects.create(key="shop/checkout"),
        sha="abc",
        author=author,
        event=event,
    )
    StoryLink.objects.create(change=made, key=story.key, story=story, rule="message")


# Asking


def test_a_squad_asks_and_an_accepter_finds_where_it_runs_and_what_to_look_at(
    as_ana: Client, as_pia: Client, story: Story
) -> None:
    as_ana.post(ASK, {"accepter": "", "note": "Try **iDEAL**."})
    page = as_pia.get("/acceptance/")
    said = words(page)
    for part in (
        "PAY-1 Refunds",
        "Ana (Payments) asked any accepter",
        "Production : checkout checkout 1.4",
        "Ten euro arrive.",
        "Look at the log.",
    ):
        assert part in said
    assert "Try <strong>iDEAL</strong>." in page.content.decode()
    assert "Inbox 1 waiting for you" in said
    assert Message.objects.get(topic="acceptance.asked").payload["key"] == "PAY-1"


def test_nobody_is_asked_before_production_runs_it(as_ana: Client, ana: User, pia: User, payments: Squad) -> None:
    create_story(payments, by=ana, title="Not yet")
    answer = as_ana.post(ASK, {"note": "kept"})
    assert answer.status_code == 400
    said = words(answer)
    assert "PAY-1 can’t be accepted yet: no change is linked to it" in said
    assert "kept" in said
    assert not AcceptanceRequest.objects.exists()


def test_there_is_one_question_at_a_time(as_ana: Client, pia: User, story: Story) -> None:
    as_ana.post(ASK)
    answer = as_ana.post(ASK)
    assert answer.status_code == 400
    assert "Ana already asked just now. Withdraw that request to ask again." in words(answer)
    as_ana.post(place(AcceptanceRequest.objects.get(), "withdraw"))
    assert as_ana.post(ASK).status_code == 302
    assert sorted(AcceptanceRequest.objects.values_list("state", flat=True)) == ["open", "withdrawn"]


def test_a_squad_without_an_accepter_is_told_what_to_do(as_ana: Client, story: Story) -> None:
    answer = as_ana.post(ASK)
    assert answer.status_code == 400
    assert "Payments has no accepter who didn’t make this change." in words(answer)


def test_somebody_outside_the_squad_is_asked_by_name(
    as_ana: Client, as_bo: Client, as_pia: Client, story: Story
) -> None:
    as_ana.post(ASK, {"accepter": "bo"})
    assert "Ana (Payments) asked you" in words(as_bo.get("/acceptance/"))
    assert "Nothing waiting for you" in words(as_pia.get("/acceptance/"))
    request = AcceptanceRequest.objects.get()
    assert as_pia.post(place(request), {"answer": "accepted", "note": "x"}).status_code == 403
    as_bo.post(place(request), {"answer": "accepted", "note": "Works."})
    assert Story.objects.get().stage == "rodeo_done"


def test_a_name_nobody_has_is_answered(as_ana: Client, story: Story) -> None:
    answer = as_ana.post(ASK, {"accepter": "nobody"})
    assert answer.status_code == 400
    assert "There’s no account “nobody”." in words(answer)


def test_only_members_ask_and_withdraw(as_bo: Client, as_ana: Client, pia: User, story: Story) -> None:
    assert as_bo.post(ASK).status_code == 403
    as_ana.post(ASK)
    assert as_bo.post(place(AcceptanceRequest.objects.get(), "withdraw")).status_code == 403


# Answering


def test_accepting_is_evidence_by_hand_with_a_name_and_the_story_is_rodeo_done(
    as_ana: Client, as_pia: Client, pia: User, story: Story
) -> None:
    as_ana.post(ASK)
    request = AcceptanceRequest.objects.get()
    assert as_pia.post(place(request), {"answer": "accepted", "note": "Got ten euro."}).status_code == 302
    request.refresh_from_db()
    evidence = request.evidence
    assert evidence is not None
    assert (request.state, request.answered_by, request.answer) == ("accepted", pia, "Got ten euro.")
    assert (evidence.kind, evidence.verdict, evidence.person, evidence.environment) == (
        "acceptance",
        "success",
        pia,
        "Production",
    )
    assert Story.objects.get().stage == "rodeo_done"
    said = words(as_ana.get("/stories/PAY-1/history/"))
    assert "Pia accepted this in production : Got ten euro." in said
    assert said.count("Got ten euro.") == 1
    assert "Nothing waiting for you" in words(as_pia.get("/acceptance/"))


def test_declining_needs_a_note_and_is_a_failed_check(as_ana: Client, as_pia: Client, pia: User, story: Story) -> None:
    as_ana.post(ASK)
    request = AcceptanceRequest.objects.get()
    answer = as_pia.post(place(request), {"answer": "declined", "link": "https://a.example/shot.png"})
    assert answer.status_code == 400
    said = answer.content.decode()
    assert "Say what failed, so the squad can fix it." in said and "https://a.example/shot.png" in said
    as_pia.post(place(request), {"answer": "declined", "note": "Nine euro only."})
    made = Story.objects.get()
    assert (made.stage, Evidence.objects.get(kind="acceptance").verdict) == ("deployed", "failure")
    page = words(as_ana.get("/stories/PAY-1/"))
    assert "No. Deployed" in page and "the check (Pia, by hand) failed in Production just now" in page
    assert re.search("Pia declined it .* : Nine euro only.", page) and "Not requested" not in page
    assert as_ana.post(ASK).status_code == 302
    assert "Ana asked any accepter" in (page := words(as_ana.get("/stories/PAY-1/")))
    assert "Pia declined it" not in page.split("History")[0]


def test_an_answer_that_was_taken_back_is_no_longer_told(as_ana: Client, as_pia: Client, story: Story) -> None:
    as_ana.post(ASK)
    as_pia.post(place(AcceptanceRequest.objects.get()), {"answer": "declined", "note": "Nine euro only."})
    assert "Pia declined it in production" in words(as_ana.get("/"))
    failed = Evidence.objects.get(kind="acceptance")
    as_pia.post(f"/stories/PAY-1/evidence/{failed.pk}/take-back/", {"because": "It was the old card."})
    assert "Pia declined it" not in words(as_ana.get("/"))
    assert "Not requested yet." in words(as_ana.get("/stories/PAY-1/"))


def test_accepting_needs_a_note_or_a_link(as_ana: Client, as_pia: Client, story: Story) -> None:
    as_ana.post(ASK)
    request = AcceptanceRequest.objects.get()
    assert as_pia.post(place(request), {"answer": "accepted"}).status_code == 400
    assert as_pia.post(place(request), {"answer": "accepted", "link": "javascript:alert(1)"}).status_code == 400
    assert as_pia.post(place(request), {"answer": "maybe", "note": "x"}).status_code == 400
    request.refresh_from_db()
    assert (request.state, StateChange.objects.filter(kind="acceptancerequest").count()) == ("open", 0)
    assert as_pia.post(place(request), {"answer": "accepted", "link": "https://a.example/"}).status_code == 302


def test_what_is_no_longer_in_production_is_not_accepted(as_ana: Client, as_pia: Client, story: Story) -> None:
    as_ana.post(ASK)
    Evidence.objects.create(
        story=story,
        kind="deployment",
        verdict="success",
        at=timezone.now(),
        service="checkout",
        environment="Production",
        tier="production",
        shas=[],
        label="checkout 1.3",
        detail="rollback",
    )
    judge([story.pk])
    request = AcceptanceRequest.objects.get()
    answer = as_pia.post(place(request), {"answer": "accepted", "note": "x"})
    assert answer.status_code == 400
    assert "PAY-1 is no longer in production: rolled back to checkout 1.3" in words(answer)
    request.refresh_from_db()
    assert request.state == "open"


def test_whoever_comes_second_is_told_who_was_first(
    as_ana: Client, as_pia: Client, pia: User, story: Story, payments: Squad
) -> None:
    as_ana.post(ASK)
    request = AcceptanceRequest.objects.get()
    stale = AcceptanceRequest.objects.get()
    as_pia.post(place(request), {"answer": "accepted", "note": "Works."})
    with pytest.raises(actions.AlreadyAnswered, match="Pia already answered: PAY-1 was accepted just now"):
        actions.answer(stale, by=pia, accepted=False, note="No.")
    again = as_pia.post(
        f"{API}{request.pk}/answer/", {"answer": "declined", "note": "x"}, content_type="application/json"
    )
    assert again.status_code == 409
    assert Evidence.objects.filter(kind="acceptance").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_eight_answers_at_once_one_counts(payments: Squad, ana: User, pia: User) -> None:
    story = create_story(payments, by=ana, title="Refunds")
    deploy(story)
    request = actions.ask(story, by=ana)
    outcomes: list[str] = []

    def one(number: int) -> None:
        try:
            row = AcceptanceRequest.objects.select_related("story__squad").get(pk=request.pk)
            actions.answer(row, by=pia, accepted=number % 2 == 0, note="x")
            outcomes.append("answered")
        except actions.AlreadyAnswered:
            outcomes.append("told")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["answered"] + ["told"] * 7
    assert Evidence.objects.filter(kind="acceptance").count() == 1
    assert StateChange.objects.filter(kind="acceptancerequest").count() == 1


# Not by whoever made the change


@pytest.mark.parametrize("how", ["asked", "moved", "full name", "user name", "e-mail"])
def test_nobody_accepts_what_they_made_unless_their_squad_lets_them(
    as_ana: Client, as_pia: Client, ana: User, pia: User, story: Story, payments: Squad, how: str
) -> None:
    second = User.objects.create_user("sol")
    Membership.objects.create(squad=payments, user=second, accepts=True)
    actions.ask(story, by=pia if how == "asked" else ana)
    request = AcceptanceRequest.objects.get()
    if how == "moved":
        story.move_progress("in_progress", by=pia)
    elif how != "asked":
        change(story, {"full name": "pia", "user name": "Pia", "e-mail": "P. <Pia@example.org>"}[how])
    assert "Nothing waiting for you" in words(as_pia.get("/acceptance/"))
    answer = as_pia.post(place(request), {"answer": "accepted", "note": "x"})
    assert answer.status_code == 403
    assert "Someone else has to accept it" in words(answer)
    assert "You can’t answer this" in words(as_pia.get("/stories/PAY-1/"))
    payments.accepts_own = True
    payments.save()
    assert "PAY-1 Refunds" in words(as_pia.get("/acceptance/"))
    assert as_pia.post(place(request), {"answer": "accepted", "note": "x"}).status_code == 302


def test_somebody_who_made_it_is_not_asked_by_name(as_ana: Client, pia: User, story: Story) -> None:
    story.move_progress("dev_done", by=pia)
    assert "Pia worked on PAY-1." in words(as_ana.post(ASK, {"accepter": "pia"}))
    assert "doesn’t let people accept their own changes" in words(as_ana.post(ASK, {"accepter": "ana"}))
    assert not AcceptanceRequest.objects.exists()


def test_administrators_are_not_accepters_by_themselves(
    as_ana: Client, as_root: Client, pia: User, story: Story
) -> None:
    as_ana.post(ASK)
    request = AcceptanceRequest.objects.get()
    assert as_root.post(place(request), {"answer": "accepted", "note": "x"}).status_code == 403


def test_nobody_unknown_sees_what_waits(client: Client, settings: object) -> None:
    settings.RODEO_OPEN_READING = True  # type: ignore[attr-defined]
    assert client.get("/acceptance/")["Location"].startswith("/accounts/login/")


# The API


def test_asking_and_answering_over_the_api(as_ana: Client, as_bo: Client, as_pia: Client, story: Story) -> None:
    made = as_ana.post(API, {"note": "Try it."}, content_type="application/json")
    assert (made.status_code, made.json()["state"], made.json()["accepter"]) == (201, "open", None)
    assert as_bo.post(API, {}, content_type="application/json").status_code == 403
    address = f"{API}{made.json()['id']}/answer/"
    assert as_bo.post(address, {"answer": "accepted", "note": "x"}, content_type="application/json").status_code == 403
    assert as_pia.post(address, {"answer": "declined"}, content_type="application/json").status_code == 400
    answer = as_pia.post(address, {"answer": "accepted", "note": "Works."}, content_type="application/json")
    assert (answer.status_code, answer.json()["state"], answer.json()["answered_by"]) == (200, "accepted", "pia")
    assert as_bo.get(API).json()["results"][0]["evidence"] == answer.json()["evidence"]
    assert as_ana.post(API, {}, content_type="application/json").status_code == 400


def test_withdrawing_over_the_api(as_ana: Client, as_bo: Client, pia: User, story: Story) -> None:
    made = as_ana.post(API, {"accepter": "pia"}, content_type="application/json").json()
    address = f"{API}{made['id']}/withdraw/"
    assert as_bo.post(address).status_code == 403
    assert as_ana.post(address).json()["state"] == "withdrawn"
    assert as_ana.post(address).status_code == 409


# The cost


def test_the_list_costs_the_same_however_much_waits(as_pia: Client, pia: User, ana: User, payments: Squad) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert as_pia.get("/acceptance/").status_code == 200
        return len(queries)

    costs = []
    for number in (2, 15):
        for index in range(number):
            made = create_story(payments, by=ana, title=f"Story {index}")
            record_by_hand(made, by=ana, kind="deployment", note="x")
            actions.ask(made, by=ana, note=f"@ana {made.key}")
        costs.append(count())
    assert costs[0] == costs[1] <= 12


def test_the_badge_costs_one_query_and_only_for_people(client: Client, as_pia: Client, settings: object) -> None:
    settings.RODEO_OPEN_READING = True  # type: ignore[attr-defined]
    with CaptureQueriesContext(connection) as queries:
        as_pia.get("/squads/")
    asked = [each["sql"] for each in queries if "acceptancerequest" in each["sql"]]
    assert len(asked) == 1
    with CaptureQueriesContext(connection) as queries:
        client.get("/squads/")
    assert not [each["sql"] for each in queries if "acceptancerequest" in each["sql"]]


@pytest.mark.parametrize("author", ["Ana", "ANA", "Ana <ana@example.org>", "ana@example.org"])
def test_another_name_does_not_make_a_change_somebody_elses(
    as_ana: Client, story: Story, ana: User, bo: User, pia: User, author: str
) -> None:
    StateChange.objects.all().delete()
    Membership.objects.filter(user=ana).update(accepts=True)
    change(story, author)
    as_ana.post("/account/", {"first_name": "Zoe", "last_name": "Ek"})
    ana.refresh_from_db()
    ana.username, ana.email = "zoe", "zoe@example.org"
    ana.save()
    assert (ana.name, own_change_reason(story, ana)[:9]) == ("Zoe Ek", "Zoe Ek wr")
    actions.ask(story, by=bo)
    assert not AcceptanceRequest.objects.waiting_for(ana).exists()
    with pytest.raises(ValidationError, match="Zoe Ek wrote"):
        record_by_hand(story, by=ana, kind="acceptance", note="I say so.")
