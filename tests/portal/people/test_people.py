"""Administrators manage accounts: roles, closing and opening them, sessions, second factors, new passwords."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.kernel.actors import actor_of
from portal.kernel.models import AuditEntry
from portal.people import views
from squads.models import Squad
from squads.stories.actions import create_story
from squads.teams.invitations import invite
from tests.conftest import posted
from tests.portal.test_at_once import at_once

PEOPLE = "/administration/people/"


def did() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("did", flat=True))


def act(client: Client, person: User, what: str, **body: str) -> Any:
    return client.post(f"{PEOPLE}{person.pk}/{what}/", body, follow=True)


def shown(client: Client, **asked: str) -> list[str]:
    page = client.get(PEOPLE, asked).content.decode()
    return re.findall(r'<span class="muted small">(\w+)</span>', page)


def test_everybody_is_listed_and_found_by_name_role_and_state(
    as_root: Client, ana: User, pam: User, bo: User, payments: Squad
) -> None:
    make_token(by=ana, name="CI", scopes=["read"], days=7, squad=payments)
    User.objects.filter(pk=bo.pk).update(is_active=False)
    assert {"ana", "bo", "pam", "root"} <= set(shown(as_root))
    assert not [name for name in shown(as_root) if name.startswith("squad")]
    assert shown(as_root, text="pam@") == ["pam"]
    assert shown(as_root, role="administrator") == ["root"]
    assert shown(as_root, state="inactive") == ["bo"]
    assert "Nobody matches" in as_root.get(PEOPLE, {"text": "zzz"}).content.decode()


def test_a_list_takes_as_many_queries_for_many_as_for_one(as_root: Client, payments: Squad) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert as_root.get(PEOPLE).status_code == 200
        return len(seen)

    before = queries()
    for number in range(20):
        User.objects.create_user(f"p{number}").memberships.create(squad=payments)  # type: ignore[attr-defined]
    assert queries() == before


def test_a_role_is_changed_and_noted(as_root: Client, ana: User) -> None:
    page = act(as_root, ana, "role", role="project_manager", was="reader").content.decode()
    assert "Ana: project manager." in page
    ana.refresh_from_db()
    assert (ana.role, ana.is_staff) == ("project_manager", False)
    act(as_root, ana, "role", role="administrator", was="project_manager")
    ana.refresh_from_db()
    assert (ana.role, ana.is_superuser, ana.is_project_manager) == ("administrator", True, False)
    assert did() == [
        "made Ana a project manager, who was a reader",
        "made Ana an administrator, who was a project manager",
    ]


def test_of_two_who_change_a_role_the_second_is_told(as_root: Client, ana: User) -> None:
    act(as_root, ana, "role", role="project_manager", was="reader")
    answer = act(as_root, ana, "role", role="administrator", was="reader")
    assert answer.status_code == 409
    assert "Ana is now “project manager”, so it can’t become “administrator”." in answer.content.decode()
    ana.refresh_from_db()
    assert ana.role == "project_manager"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_change_a_role_at_the_same_moment_one_is_told() -> None:
    root = User.objects.create_superuser("root", "", "root-password")
    User.objects.create_user("ana", first_name="Ana")
    bodies = [{"role": role, "was": "reader"} for role in ("project_manager", "administrator")]
    answers = at_once(root, "/api/v1/people/ana/role/", *bodies)
    assert sorted(status for status, _ in answers) == [200, 409]


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_step_down_at_the_same_moment_leave_one() -> None:
    people = [User.objects.create_superuser(name, "", "x-password") for name in ("root", "rita")]
    answers = [
        *at_once(people[0], "/api/v1/people/rita/role/", {"role": "reader"}),
        *at_once(people[0], f"/api/v1/people/{people[0].username}/role/", {"role": "reader"}),
    ]
    assert sorted(status for status, _ in answers) == [200, 400]
    assert User.objects.filter(is_staff=True).count() == 1


def test_the_only_administrator_stays_one(as_root: Client, root: User) -> None:
    answer = act(as_root, root, "role", role="reader")
    assert answer.status_code == 400
    assert "Root is the only administrator. Make someone else an administrator first." in answer.content.decode()
    assert "can’t deactivate your own account" in act(as_root, root, "state", state="inactive").content.decode()
    root.refresh_from_db()
    assert root.is_staff and root.is_active


def test_a_closed_account_opens_nothing_until_it_is_open_again(
    as_root: Client, as_lea: Client, lea: User, payments: Squad
) -> None:
    _, secret = make_token(by=lea, user=lea, name="Script", scopes=["read"], days=7)
    _, link = invite(by=lea, email="new@example.org", squad=payments)
    bearer = {"authorization": f"Bearer {secret}"}
    page = act(as_root, lea, "state", state="inactive").content.decode()
    assert "Lea’s account is inactive" in page
    assert as_lea.get("/account/")["Location"].startswith("/accounts/login/")
    assert Client().get("/api/v1/squads/", headers=bearer).status_code == 401
    assert Client().get(f"/invitations/{link}/").status_code == 404
    answer = Client().post("/accounts/login/", {"login": "lea", "password": "lea-password"}, follow=True)
    assert "disabled" in answer.content.decode()
    act(as_root, lea, "state", state="active")
    assert Client().get("/api/v1/squads/", headers=bearer).status_code == 200
    # What was open before stays closed.
    assert as_lea.get("/account/")["Location"].startswith("/accounts/login/")
    assert did()[-2:] == ["deactivated Lea", "activated Lea"]
    assert act(as_root, lea, "state", state="active").status_code == 409


def test_an_account_is_deleted_only_if_it_never_did_anything(as_root: Client, ana: User, payments: Squad) -> None:
    newcomer = User.objects.create_user("newcomer")
    create_story(payments, by=ana, title="Refunds")
    assert "Deactivate it first" in act(as_root, newcomer, "delete").content.decode()
    for person in (newcomer, ana):
        act(as_root, person, "state", state="inactive")
    assert "newcomer’s account is deleted." in act(as_root, newcomer, "delete").content.decode()
    assert "did things that are kept with their name" in act(as_root, ana, "delete").content.decode()
    assert set(User.objects.values_list("username", flat=True)) >= {"ana"}
    assert not User.objects.filter(username="newcomer").exists()


def test_an_address_is_set_and_counts_as_unconfirmed(as_root: Client, ana: User, bo: User) -> None:
    ana.emailaddress_set.create(email="ana@example.org", verified=True, primary=True)
    assert "Address changed to a@example.com." in act(as_root, ana, "email", email="a@example.com").content.decode()
    ana.refresh_from_db()
    assert ana.email == "a@example.com" and not ana.emailaddress_set.exists()
    assert "Another account has this address." in act(as_root, ana, "email", email="BO@example.org").content.decode()
    assert "Enter an address like" in act(as_root, ana, "email", email="a@").content.decode()
    assert did() == ["changed the e-mail address of Ana from ana@example.org to a@example.com"]


def test_an_address_that_somebody_else_confirmed_is_not_set(as_root: Client, ana: User, bo: User) -> None:
    bo.emailaddress_set.create(email="second@example.org", verified=True)
    page = act(as_root, ana, "email", email="Second@example.org").content.decode()
    assert "Another account has this address." in page


def test_nobody_gets_around_confirming_who_they_are_by_managing_themselves(
    as_root: Client, root: User, settings: Any
) -> None:
    """Under Your account, each of these asks for the password; a browser left open, or a token, must not do without."""
    Authenticator.objects.create(user=root, type="totp", data={})
    assert "This is your own account." in act(as_root, root, "second-factor").content.decode()
    assert "This is your own account." in act(as_root, root, "password").content.decode()
    _, secret = make_token(by=root, name="script", scopes=["write"], days=7, user=root)
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    assert program.post(f"/api/v1/people/{root.username}/password-link/").status_code == 400
    assert program.delete(f"/api/v1/people/{root.username}/second-factor/").status_code == 400
    assert Authenticator.objects.filter(user=root).exists()
    # While mail is off, no mail to an address sets a password.
    assert "Address changed to" in act(as_root, root, "email", email="root@example.com").content.decode()
    settings.RODEO_MAIL = True
    assert "This is your own account." in act(as_root, root, "email", email="x@example.com").content.decode()
    page = as_root.get(f"{PEOPLE}{root.pk}/").content.decode()
    assert not [what for what in ("second-factor", "password", "email") if f"{PEOPLE}{root.pk}/{what}/" in page]


@pytest.mark.parametrize("what", ["role", "email", "state", "delete", "sign-out", "second-factor", "password"])
def test_whoever_manages_an_account_that_was_just_deleted_is_told(
    what: str, as_root: Client, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(request: Any) -> Any:
        User.objects.filter(pk=ana.pk).delete()
        return actor_of(request)

    # The other administrator is faster by so little that this request has found the account already.
    monkeypatch.setattr(views, "actor_of", late)
    body = {"role": "project_manager", "email": "a@example.com", "state": "inactive"}
    answer = act(as_root, ana, what, **body)
    assert (answer.status_code, answer.request["PATH_INFO"]) == (200, PEOPLE)
    assert "Ana is now “deleted”" in answer.content.decode()


def test_an_administrator_signs_themselves_out_everywhere(as_root: Client, root: User) -> None:
    # Their session was noted a while ago, so it would be noted again.
    session = as_root.session
    session["noted"] = ["", "", 0]
    session.save()
    answer = act(as_root, root, "sign-out")
    assert answer.status_code == 200 and answer.request["PATH_INFO"] == "/accounts/login/"


def test_names_in_mails_are_as_people_write_them(as_root: Client, root: User, ana: User, settings: Any) -> None:
    settings.RODEO_MAIL = True
    User.objects.filter(pk=root.pk).update(first_name="Ro & Co", last_name="O'Neil")
    Authenticator.objects.create(user=ana, type="totp", data={})
    act(as_root, ana, "second-factor")
    act(as_root, ana, "password")
    assert ["Ro & Co O'Neil" in mail.body for mail in posted()] == [True, True]


def test_somebody_is_signed_out_everywhere(as_root: Client, as_ana: Client, ana: User) -> None:
    assert as_ana.get("/account/").status_code == 200
    assert "Ana is signed out everywhere." in act(as_root, ana, "sign-out").content.decode()
    assert as_ana.get("/account/").status_code == 302


def test_a_lost_second_factor_is_taken_away_and_its_owner_told(
    as_root: Client, as_ana: Client, ana: User, settings: Any
) -> None:
    settings.RODEO_MAIL = True
    assert "Ana has no two-step sign-in" in act(as_root, ana, "second-factor").content.decode()
    Authenticator.objects.create(user=ana, type="totp", data={})
    assert "app" in as_root.get(f"{PEOPLE}{ana.pk}/").content.decode()
    act(as_root, ana, "second-factor")
    assert not Authenticator.objects.filter(user=ana).exists()
    assert as_ana.get("/account/").status_code == 302
    (mail,) = posted()
    assert mail.to == ["ana@example.org"] and "Root removed the two-step sign-in" in mail.body


def test_without_mail_the_link_for_a_new_password_is_shown_once(as_root: Client, ana: User) -> None:
    answer = act(as_root, ana, "password")
    assert answer.status_code == 201 and "no-store" in answer["Cache-Control"]
    assert "no-store" in as_root.post("/api/v1/people/ana/password-link/")["Cache-Control"]
    link = re.search(r"http://[^<]+", answer.content.decode())
    assert link is not None
    browser = Client()
    form = browser.get(link[0].partition("8000")[2] or link[0], follow=True)
    browser.post(form.redirect_chain[-1][0], {"password1": "another pass phrase", "password2": "another pass phrase"})
    ana.refresh_from_db()
    assert ana.check_password("another pass phrase")
    # The link proves nothing of an address: an administrator passed it on.
    assert not ana.emailaddress_set.filter(verified=True).exists()
    assert did() == ["made a link for a new password for Ana"] * 2


def test_a_link_for_a_new_password_opens_nothing_while_the_account_is_closed(as_root: Client, ana: User) -> None:
    link = as_root.post("/api/v1/people/ana/password-link/").json()["url"]
    path = link[link.index("/accounts/") :]
    browser = Client()
    form = browser.get(path, follow=True)
    act(as_root, ana, "state", state="inactive")
    browser.post(form.redirect_chain[-1][0], {"password1": "another pass phrase", "password2": "another pass phrase"})
    late = Client().get(path, follow=True)
    assert not late.redirect_chain
    ana.refresh_from_db()
    assert ana.check_password("ana-password")


def test_with_mail_the_link_goes_to_its_owner_and_nobody_else_sees_it(
    as_root: Client, ana: User, settings: Any
) -> None:
    settings.RODEO_MAIL = True
    page = act(as_root, ana, "password").content.decode()
    assert "Ana gets a link by e-mail, at ana@example.org." in page
    assert "/accounts/password/reset/key/" not in page
    (mail,) = posted()
    assert "/accounts/password/reset/key/" in mail.body
    answer = as_root.post("/api/v1/people/ana/password-link/")
    assert answer.json() == {"url": "", "mailed_to": "ana@example.org"}


def test_where_passwords_are_off_nobody_gets_a_new_one(as_root: Client, ana: User, settings: Any) -> None:
    settings.RODEO_PASSWORD_SIGN_IN = False
    assert "Passwords are off here" in act(as_root, ana, "password").content.decode()


def test_the_account_of_a_squads_tokens_is_nobodys_to_manage(as_root: Client, lea: User, payments: Squad) -> None:
    make_token(by=lea, name="CI", scopes=["read"], days=7, squad=payments)
    program = User.objects.get(program_of=payments)
    assert as_root.get(f"{PEOPLE}{program.pk}/").status_code == 404
    assert as_root.post(f"{PEOPLE}{program.pk}/role/", {"role": "administrator"}).status_code == 404
    assert as_root.post(f"/api/v1/people/{program.username}/deactivate/").status_code == 404


def test_the_api_tells_and_does_the_same(as_root: Client, ana: User) -> None:
    found = as_root.get("/api/v1/people/", {"role": "reader", "text": "ana"}).json()["results"]
    assert [(each["username"], each["role"], each["second_factor"]) for each in found] == [("ana", "reader", False)]
    answer = as_root.post(
        "/api/v1/people/ana/role/", {"role": "administrator", "was": "reader"}, content_type="application/json"
    )
    assert answer.json()["role"] == "administrator"
    assert as_root.post("/api/v1/people/ana/deactivate/").json()["is_active"] is False
    assert as_root.post("/api/v1/people/ana/deactivate/").status_code == 409
    assert as_root.post("/api/v1/people/ana/sign-out/").status_code == 204


def test_the_page_shows_what_was_done_to_an_account_and_leads_to_what_it_did(as_root: Client, ana: User) -> None:
    act(as_root, ana, "role", role="administrator")
    page = as_root.get(f"{PEOPLE}{ana.pk}/").content.decode()
    assert "Root made Ana an administrator, who was a reader" in page
    assert "/administration/audit/?by=ana" in page


def test_what_hands_an_account_over_takes_a_person_and_no_token(root: User, ana: User) -> None:
    ana.emailaddress_set.create(email="ana@example.org", verified=True, primary=True)
    Authenticator.objects.create(user=ana, type="totp", data={})
    _, secret = make_token(by=root, user=root, name="Script", scopes=["read", "write"], days=7)
    browser = Client(headers={"authorization": f"Bearer {secret}"})
    for how, what, body in (
        ("post", "password-link", {}),
        ("delete", "second-factor", {}),
        ("post", "email", {"email": "thief@example.org"}),
    ):
        answer = getattr(browser, how)(f"/api/v1/people/ana/{what}/", body, content_type="application/json")
        assert answer.status_code == 403 and "API tokens can’t" in answer.json()["detail"], what
    assert Authenticator.objects.filter(user=ana).exists() and did() == ["created the API token “Script” (read, write)"]
    assert browser.post("/api/v1/people/ana/sign-out/").status_code == 204
