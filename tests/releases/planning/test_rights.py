"""What the gates of a release depend on is changed by who answers for it; what counts as a person's word is said by people."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry
from releases.approvals.actions import ask
from releases.freezes.actions import create_freeze
from releases.freezes.models import Freeze, FreezeLift
from releases.models import Approval, Release
from releases.planning.actions import create_release, edit_release
from releases.readiness.actions import add_item, need_flag, tick
from squads.models import Squad

pytestmark = pytest.mark.django_db
API = "/api/v1/releases/"
Sends = Callable[[str, str, dict[str, Any]], Any]


@pytest.fixture
def release(pam: User, ana: User) -> Release:
    return create_release(by=pam, version="1.0", line="Shop")


@pytest.fixture
def token(client: Client, payments: Squad, lea: User) -> Sends:
    """A program of squad Payments."""
    _, secret = make_token(by=lea, name="CI", scopes=["read", "write"], days=7, squad=payments)

    def send(verb: str, address: str, body: dict[str, Any]) -> Any:
        headers = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
        return getattr(client, verb)(address, body, content_type="application/json", **headers)

    return send


@pytest.mark.parametrize(("field", "value"), [("owner", "ana"), ("line", "Elsewhere")])
def test_no_member_makes_itself_owner_or_moves_a_release_to_other_gates(
    as_ana: Client, as_pam: Client, token: Sends, release: Release, field: str, value: str
) -> None:
    address, body = f"{API}{release.slug}/", {field: value}
    refused = as_ana.patch(address, body, content_type="application/json")
    said = f"Only the release’s owner, project managers and administrators can change the {field} of a release."
    assert (refused.status_code, refused.json()["detail"]) == (403, said)
    assert token("patch", address, body).status_code == 403
    assert as_ana.patch(address, {"goal": "Faster."}, content_type="application/json").status_code == 200
    assert as_pam.patch(address, body, content_type="application/json").status_code == 200


def test_an_owner_who_is_in_no_squad_abandons_it_and_goes_on_with_it_from_its_board(
    as_ria: Client, ria: User, pam: User, release: Release
) -> None:
    address = release.get_absolute_url()
    edit_release(release, by=pam, owner=ria)
    board = as_ria.get(address).content.decode()
    assert f'href="{address}abandon/"' in board and f'href="{address}edit/"' not in board
    assert as_ria.post(f"{address}abandon/", {"because": "No budget."}).status_code == 302
    assert "Resume release" in as_ria.get(address).content.decode()
    assert as_ria.post(f"{address}resume/").status_code == 302
    assert Release.objects.get().abandoned_at is None


def test_the_form_shows_them_and_takes_no_others(as_ana: Client, release: Release, ana: User) -> None:
    address = f"{release.get_absolute_url()}edit/"
    assert (
        "Only the owner, project managers and administrators can change this." in as_ana.get(address).content.decode()
    )
    said = {"version": "1.0", "line": "Elsewhere", "owner": ana.pk, "goal": "Faster."}
    assert as_ana.post(address, said).status_code == 302
    release.refresh_from_db()
    assert (release.owner, release.line, release.goal) == (None, "Shop", "Faster.")
    as_ana.post("/releases/new/", {"version": "2.0", "line": "Shop", "owner": ana.pk})
    assert Release.objects.get(version="2.0").owner is None


def test_an_owner_passes_it_on_and_nobody_owns_a_new_one_by_creating_it(
    as_ana: Client, release: Release, ana: User, lea: User
) -> None:
    Release.objects.update(owner=ana)
    answer = as_ana.patch(f"{API}{release.slug}/", {"owner": "lea"}, content_type="application/json")
    assert answer.json()["owner"] == "lea"
    assert as_ana.post(API, {"version": "3.0", "owner": "ana"}, content_type="application/json").status_code == 403


def test_a_program_does_not_say_that_a_release_is_out(token: Sends, release: Release) -> None:
    address, then = f"{API}{release.slug}/", clock.iso(clock.now() - timedelta(days=1))
    answer = token("patch", address, {"released_at": then})
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "Only people can say when a release went out. A squad’s token can’t.",
    )
    assert token("post", API, {"version": "2.0", "released_at": then}).status_code == 403
    assert token("patch", address, {"goal": "Faster."}).status_code == 200


def test_only_who_answers_for_a_release_says_that_it_is_out_or_is_not(
    as_ana: Client, as_pam: Client, release: Release
) -> None:
    address, then = f"{API}{release.slug}/", clock.iso(clock.now() - timedelta(days=1))
    said = "Only the release’s owner, project managers and administrators can say when a release went out."
    for browser, when, code in (
        (as_ana, then, 403),
        (as_pam, then, 200),
        (as_ana, None, 403),
        (as_ana, clock.iso(clock.now() - timedelta(days=2)), 403),
        (as_pam, None, 200),
    ):
        answer = browser.patch(address, {"released_at": when}, content_type="application/json")
        assert answer.status_code == code and (code == 200 or answer.json()["detail"] == said), when
    born = {"version": "2.0", "released_at": then}
    assert as_ana.post(API, born, content_type="application/json").status_code == 403
    assert as_pam.post(API, born, content_type="application/json").json()["is_out"] is True


def test_a_member_edits_the_rest_of_what_is_out_also_in_the_form(as_ana: Client, release: Release, pam: User) -> None:
    out = edit_release(release, by=pam, released_at=clock.now() - timedelta(days=1)).released_at
    address = f"{release.get_absolute_url()}edit/"
    assert as_ana.get(address).content.decode().count("Only the owner, project managers and administrators") == 3
    said = {"version": "1.0", "goal": "Faster.", "released_at": "2026-03-14T15:09:26"}
    assert as_ana.post(address, said).status_code == 302
    release.refresh_from_db()
    assert (release.goal, release.is_out, release.released_at) == ("Faster.", True, out)


def test_a_program_ticks_nothing_removes_nothing_and_says_of_no_flag_what_it_must_be(
    token: Sends, release: Release, pam: User
) -> None:
    place = f"{API}{release.slug}/"
    done, todo = (add_item(by=pam, release=release, text=text) for text in ("Tell support", "Tell sales"))
    tick(done, release, by=pam)
    need = need_flag(release, by=pam, flag="photo", on=True)
    for verb, address, body in (
        ("post", f"checklist/{todo.pk}/tick/", {}),
        ("delete", f"checklist/{done.pk}/tick/", {}),
        ("delete", f"checklist/{todo.pk}/", {}),
        ("post", "flag-needs/", {"flag": "photo", "on": False}),
        ("delete", f"flag-needs/{need.pk}/", {}),
    ):
        answer = token(verb, f"{place}{address}", body)
        assert answer.status_code == 403 and "A squad’s token can’t." in answer.json()["detail"], address
    assert token("post", f"{place}checklist/", {"text": "One more"}).status_code == 201


def test_what_was_said_for_the_gates_is_taken_back_by_who_said_it_or_who_answers_for_the_release(
    as_ana: Client, as_pam: Client, release: Release, pam: User, ana: User
) -> None:
    place, page = f"{API}{release.slug}/", release.get_absolute_url()
    for whose, browser in ((pam, as_pam), (ana, as_ana)):
        item, need = (
            add_item(by=whose, release=release, text="Tell support"),
            need_flag(release, by=whose, flag="photo", on=True),
        )
        addresses = (f"{place}checklist/{item.pk}/", f"{place}flag-needs/{need.pk}/")
        if whose is pam:
            who = "Only Pam, who added it, the release’s owner, project managers and administrators can"
            refused = [as_ana.delete(each) for each in addresses]
            refused.append(
                as_ana.post(f"{place}flag-needs/", {"flag": "photo", "on": False}, content_type="application/json")
            )
            said = ["remove “Tell support”.", "remove photo.", "change what photo must be."]
            assert [each.json()["detail"] for each in refused] == [f"{who} {each}" for each in said]
            assert as_ana.post(f"{page}checklist/{item.pk}/remove/").status_code == 403
            assert as_ana.post(f"{page}flags/{need.pk}/drop/").status_code == 403
        assert [browser.delete(each).status_code for each in addresses] == [204, 204]


def test_an_approval_is_withdrawn_by_who_asked_or_who_answers_for_the_release(
    as_ana: Client, as_pam: Client, token: Sends, release: Release, pam: User, lea: User, ana: User
) -> None:
    asked = ask(release, by=lea, kind="person", person=pam)
    place = f"{API}{release.slug}/approvals/{asked.pk}/withdraw/"
    page = f"{release.get_absolute_url()}approvals/"
    assert token("post", place, {}).status_code == as_ana.post(place).status_code == 403
    assert as_ana.post(f"{page}{asked.pk}/withdraw/").status_code == 403
    assert "Withdraw" not in as_ana.get(page).content.decode() and "Withdraw" in as_pam.get(page).content.decode()
    assert as_pam.post(place).json()["state"] == "withdrawn"
    own = ask(release, by=ana, kind="person", person=pam)
    as_ana.post(f"{page}{own.pk}/withdraw/")
    assert Approval.objects.get(pk=own.pk).state == "withdrawn"


@pytest.fixture
def freeze(pam: User) -> Freeze:
    today = clock.now().date()
    return create_freeze(by=pam, name="Always", starts_on=today, ends_on=today + timedelta(days=9))


def lifted(freeze: Freeze, release: Release | None) -> dict[str, Any]:
    until = clock.iso(clock.now() + timedelta(days=1))
    said = {"freeze": freeze.pk, "day": str(freeze.starts_on), "reason": "A hotfix.", "expires_at": until}
    return said | ({"release": release.slug} if release else {})


def test_a_freeze_is_changed_by_those_who_answer_for_all_releases(
    as_ana: Client, as_pam: Client, token: Sends, freeze: Freeze
) -> None:
    place = f"/api/v1/freezes/{freeze.pk}/"
    body = {"ends_on": str(freeze.starts_on)}
    assert token("patch", place, body).status_code == token("delete", place, {}).status_code == 403
    refused = as_ana.patch(place, body, content_type="application/json")
    assert refused.json()["detail"] == "Only project managers and administrators can change freezes."
    assert as_ana.get(f"/freezes/{freeze.pk}/edit/").status_code == 403
    assert as_ana.post(f"/freezes/{freeze.pk}/delete/").status_code == 403
    page = as_ana.get(f"/freezes/{freeze.pk}/").content.decode()
    assert "Delete</button>" not in page and "Lift</a>" not in page
    assert as_pam.patch(place, body, content_type="application/json").status_code == 200


def test_a_freeze_is_lifted_for_a_release_by_its_owner_and_for_all_by_project_managers(
    as_ana: Client, as_pam: Client, token: Sends, freeze: Freeze, release: Release, ana: User
) -> None:
    place = "/api/v1/freeze-lifts/"

    def lift(browser: Client, of: Release | None) -> int:
        code: int = browser.post(place, lifted(freeze, of), content_type="application/json").status_code
        return code

    assert token("post", place, lifted(freeze, release)).status_code == 403
    assert (lift(as_ana, release), lift(as_ana, None)) == (403, 403)
    assert as_ana.get(f"/freezes/{freeze.pk}/lift/").status_code == 403
    Release.objects.update(owner=ana)
    form = as_ana.get(f"/freezes/{freeze.pk}/lift/").content.decode()
    assert "Shop 1.0" in form and "All releases" not in form
    assert (lift(as_ana, release), lift(as_ana, None), lift(as_pam, None)) == (201, 403, 201)
    own, of_all = FreezeLift.objects.order_by("pk")
    assert as_ana.delete(f"{place}{of_all.pk}/").status_code == 403
    assert as_ana.delete(f"{place}{own.pk}/").status_code == 204
    assert AuditEntry.objects.filter(kind="freeze", did__startswith="lifted the freeze").count() == 2


def test_the_gate_says_who_lifted_a_freeze_until_when_and_why(as_pam: Client, freeze: Freeze, release: Release) -> None:
    place = f"{API}{release.slug}/readiness/"

    def gate() -> dict[str, Any]:
        return next(each for each in as_pam.get(place).json()["gates"] if each["gate"] == "freezes")

    assert gate()["state"] == "failed"
    answer = as_pam.post("/api/v1/freeze-lifts/", lifted(freeze, release), content_type="application/json")
    until = answer.json()["expires_at"][:16].replace("T", " ")
    found = gate()
    assert (found["state"], found["reason"]) == (
        "passed",
        f"Always is on, but Pam lifted it until {until} UTC: A hotfix.",
    )


def test_nobody_answers_for_releases_by_a_program_that_owns_one(
    token: Sends, release: Release, payments: Squad
) -> None:
    program = User.objects.get(program_of=payments)
    Release.objects.update(owner=program)
    with pytest.raises(PermissionDenied):
        create_release(by=program, version="4.0", owner=program, planned_for=date(2026, 12, 1))
    assert token("patch", f"{API}{release.slug}/", {"line": "Elsewhere"}).status_code == 403
