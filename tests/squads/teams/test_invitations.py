"""Inviting people, and who leads a squad."""

import io
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.actions import make_token
from portal.accounts.models import Invitation, User
from portal.kernel import clock
from squads.models import Membership, Squad
from squads.teams.invitations import MOST_OPEN, accept, invite

NEW = {"first_name": "Nia", "username": "nia", "password": "a long pass phrase"}


def made(lea: User, squad: Squad | None, **fields: Any) -> tuple[Invitation, str]:
    row, secret = invite(by=lea, email="nia@example.org", squad=squad, **fields)
    return row, f"/invitations/{secret}/"


def test_only_a_digest_of_the_link_is_kept(as_lea: Client, payments: Squad) -> None:
    answer = as_lea.post("/squads/payments/invitations/", {"email": "nia@example.org", "role": "lead"})
    assert answer.status_code == 201
    link = answer.content.decode().split('<pre id="link" tabindex="0">')[1].split("</pre>")[0]
    secret = link.rstrip("/").rsplit("/", 1)[1]
    assert secret not in str(Invitation.objects.values_list()[0])
    assert timedelta(days=6) < Invitation.objects.get().expires_at - clock.now() <= timedelta(days=7)
    assert "E-mail is off" in answer.content.decode()
    assert mail.outbox == []


@pytest.mark.parametrize("why", ["used", "expired", "withdrawn", "made up"])
def test_a_link_that_is_over_opens_nothing(
    client: Client, as_lea: Client, lea: User, payments: Squad, why: str
) -> None:
    row, link = made(lea, payments)
    if why == "used":
        Client().post(link, NEW)
    elif why == "expired":
        Invitation.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    elif why == "withdrawn":
        as_lea.post(f"/squads/payments/invitations/{row.pk}/revoke/")
    else:
        link = "/invitations/nonsense/"
    before = User.objects.count()
    assert client.get(link).status_code == 404
    answer = client.post(link, {**NEW, "username": "mia"})
    assert answer.status_code == 404
    assert "Ask for a new one." in answer.content.decode()
    assert User.objects.count() == before


@pytest.mark.parametrize("why", ["taken out of the squad", "lead no more", "account closed"])
def test_nobody_lets_themselves_in_again_by_a_link_they_made_as_a_lead(
    as_lea: Client, as_root: Client, lea: User, ana: User, payments: Squad, why: str
) -> None:
    answer = as_lea.post("/squads/payments/invitations/", {"email": "lea.too@example.org", "role": "lead"})
    link = answer.content.decode().split('<pre id="link" tabindex="0">')[1].split("</pre>")[0]
    link = "/invitations/" + link.rstrip("/").rsplit("/", 1)[1] + "/"
    assert as_lea.get(link).status_code == 200
    if why == "taken out of the squad":
        as_root.post("/squads/payments/members/remove/", {"username": "lea"})
        assert not payments.memberships.filter(user=lea).exists()
    elif why == "lead no more":
        as_root.post(f"/squads/payments/people/{lea.memberships.get().pk}/", {"role": "member"})
        assert not payments.is_led_by(lea)
    else:
        User.objects.filter(pk=lea.pk).update(is_active=False)
    before = list(payments.memberships.values_list("user", "role").order_by("pk"))
    for browser in (as_lea, Client()):
        assert browser.post(link, NEW).status_code == 404
    assert list(payments.memberships.values_list("user", "role").order_by("pk")) == before
    assert not User.objects.filter(username="nia").exists()
    assert "lea.too@example.org" not in as_root.get("/invitations/").content.decode()


def test_it_is_good_once_even_for_two_at_a_time(lea: User, ana: User, bo: User, payments: Squad) -> None:
    row, _ = made(lea, payments, role="lead")
    accept(Invitation.objects.get(), by=bo)
    with pytest.raises(ValidationError, match="was used"):
        accept(row, by=ana)
    assert not Membership.objects.get(user=ana).is_lead


def test_whoever_comes_in_is_no_administrator_and_only_in_that_squad(
    client: Client, lea: User, payments: Squad
) -> None:
    _, link = made(lea, payments, role="lead")
    client.post(link, {**NEW, "is_staff": "on", "is_project_manager": "on", "role": "lead", "squad": "search"})
    nia = User.objects.get(username="nia")
    assert (nia.is_staff, nia.is_project_manager, nia.email) == (False, False, "nia@example.org")
    assert [(each.squad, each.role) for each in nia.memberships.all()] == [(payments, "lead")]
    assert client.get("/account/").status_code == 200, "and is signed in"


def test_the_log_does_not_name_a_link_that_is_still_good(client: Client, lea: User, payments: Squad) -> None:
    _, link = made(lea, payments)
    handler = next(each for each in logging.getLogger().handlers if each.get_name() == "console")
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(io.StringIO())
    try:
        assert client.post(link, {**NEW, "password": ""}).status_code == 400
        assert Client(enforce_csrf_checks=True).post(link, NEW).status_code == 403
        assert client.get("/accounts/password/reset/key/1-abc-def/").status_code == 200
    finally:
        log = handler.setStream(before).getvalue()  # type: ignore[union-attr]
    assert "Bad Request: /invitations/…/" in log
    assert link.split("/")[2] not in log


@pytest.mark.parametrize(
    ("body", "remedy"),
    [
        ({"username": "ana"}, "This user name is taken. Choose another."),
        ({"username": "ANA"}, "This user name is taken. Choose another."),
        ({"password": "12345678"}, "too common"),
        ({"password": ""}, "This field is required."),
    ],
)
def test_errors_of_a_newcomer_name_the_field_and_spend_nothing(
    client: Client, lea: User, ana: User, payments: Squad, body: dict[str, str], remedy: str
) -> None:
    row, link = made(lea, payments)
    answer = client.post(link, {**NEW, **body})
    assert answer.status_code == 400
    assert remedy in answer.content.decode()
    row.refresh_from_db()
    assert (row.accepted_at, row.revoked_at) == (None, None)


def test_somebody_with_an_account_is_sent_to_sign_in(client: Client, root: User, ana: User) -> None:
    _, secret = invite(by=root, email="ANA@example.org", squad=None)
    answer = client.post(f"/invitations/{secret}/", NEW)
    assert "There’s already an account for ANA@example.org. Sign in" in answer.content.decode()
    assert f"?next=/invitations/{secret}/" in answer.content.decode()


def test_who_is_in_the_squad_is_not_invited_again(as_lea: Client, ana: User, payments: Squad) -> None:
    answer = as_lea.post("/squads/payments/invitations/", {"email": "ana@example.org", "role": "member"})
    assert answer.status_code == 400
    assert "This person is already in Payments" in answer.content.decode()


def test_an_administrator_invites_to_any_squad_or_none(as_root: Client, client: Client, search: Squad) -> None:
    for squad in ("", "search"):
        body = {"email": f"n{squad}@example.org", "role": "member", "squad": squad}
        assert as_root.post("/invitations/", body).status_code == 201
    assert {each.squad for each in Invitation.objects.all()} == {None, search}
    page = as_root.get("/invitations/").content.decode()
    assert "nsearch@example.org" in page
    as_root.post(f"/invitations/{Invitation.objects.get(squad=None).pk}/revoke/")
    assert "n@example.org" not in as_root.get("/invitations/", follow=True).content.decode().split('waiting-title">')[1]


def test_no_token_and_no_invitation_of_a_squad_opens_anything_unseen(
    as_lea: Client, lea: User, payments: Squad
) -> None:
    for number in range(MOST_OPEN - 1):
        invite(by=lea, email=f"n{number}@example.org", squad=payments)
        make_token(by=lea, name=f"Script {number}", scopes=["read"], days=7, squad=payments)
    asked = (
        ("invitations", {"email": "last@example.org", "role": "member"}, "open invitations, which is the most"),
        ("tokens", {"name": "The last", "scopes": ["read"], "days": 7}, "The squad already has 100 tokens"),
    )
    for address, body, said in asked:
        assert as_lea.post(f"/squads/payments/{address}/", body).status_code == 201
        refused = as_lea.post(f"/squads/payments/{address}/", body)
        assert refused.status_code == 400 and said in refused.content.decode()
    page = as_lea.get("/squads/payments/people/").content.decode()
    assert all(f"n{number}@example.org" in page and f"Script {number}" in page for number in range(MOST_OPEN - 1))


def test_a_lead_withdraws_only_what_is_of_the_squad(as_lea: Client, root: User, payments: Squad, search: Squad) -> None:
    row, _ = made(root, search)
    assert as_lea.post(f"/squads/payments/invitations/{row.pk}/revoke/").status_code == 404
    row.refresh_from_db()
    assert (row.accepted_at, row.revoked_at) == (None, None)


def test_a_squad_with_members_keeps_a_lead(
    as_lea: Client, as_root: Client, lea: User, ana: User, payments: Squad
) -> None:
    mine = Membership.objects.get(user=lea)
    for address, body in (
        (f"/squads/payments/people/{mine.pk}/", {"role": "member"}),
        ("/squads/payments/members/remove/", {"username": "lea"}),
    ):
        page = as_lea.post(address, body, follow=True).content.decode()
        assert "Lea is the only lead of Payments. Make someone else lead first" in page
    assert Membership.objects.get(user=lea).is_lead
    hers = Membership.objects.get(user=ana)
    as_lea.post(f"/squads/payments/people/{hers.pk}/", {"role": "lead", "accepts": "on"})
    hers.refresh_from_db()
    assert (hers.is_lead, hers.accepts) == (True, True)
    as_lea.post("/squads/payments/members/remove/", {"username": "lea"})
    assert list(payments.members.all()) == [ana]
    as_root.post(f"/squads/payments/people/{hers.pk}/", {"role": "member"})
    hers.refresh_from_db()
    assert not hers.is_lead, "an administrator may"


def test_a_member_may_leave_and_take_nobody_along(as_ana: Client, lea: User, payments: Squad) -> None:
    assert as_ana.post("/squads/payments/members/remove/", {"username": "lea"}).status_code == 403
    assert (
        "You are no longer in Payments."
        in as_ana.post("/squads/payments/members/remove/", {"username": "ana"}, follow=True).content.decode()
    )
    assert list(payments.members.all()) == [lea]


def test_the_page_takes_the_same_number_of_queries_whatever_its_length(as_lea: Client, payments: Squad) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert as_lea.get("/squads/payments/people/").status_code == 200
        return len(seen)

    def more(start: int, stop: int) -> None:
        for number in range(start, stop):
            person = User.objects.create(username=f"p{number}", email=f"p{number}@example.org")
            Membership.objects.create(squad=payments, user=person)
            invite(by=person, email=f"i{number}@example.org", squad=payments)

    more(0, 3)
    before = asked()
    more(3, 30)
    assert asked() == before <= 14


def test_a_project_manager_plans_stories_of_any_squad_and_nothing_else(
    as_pam: Client, as_bo: Client, lea: User, payments: Squad
) -> None:
    from releases.planning.actions import create_release
    from squads.stories.actions import create_story

    story, release = create_story(payments, by=lea, title="Pay"), create_release(by=lea, version="1.0")
    as_pam.post("/stories/PAY-1/release/", {"release": release.pk})
    story.refresh_from_db()
    assert story.release == release
    address = "/api/v1/stories/PAY-1/"
    kind = "application/json"
    assert as_pam.patch(address, {"release": None}, content_type=kind).status_code == 200
    assert as_pam.patch(address, {"release": None, "title": "x"}, content_type=kind).status_code == 403
    assert as_pam.patch(address, {"title": "x"}, content_type=kind).status_code == 403
    assert as_bo.patch(address, {"release": release.slug}, content_type=kind).status_code == 403
    refusal = as_bo.post("/stories/PAY-1/release/", {"release": ""})
    assert "Only project managers and members of Payments can plan PAY-1." in refusal.content.decode()
