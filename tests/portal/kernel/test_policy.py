"""Who may open what."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from portal.accounts.models import User
from portal.kernel import policy

MARKS = ["public", "reading", "writing", "administrators"]


def answer(mark: str, person: object) -> str:
    @getattr(policy, mark)
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("in")

    request = RequestFactory().get("/somewhere/?page=2")
    request.user = person  # type: ignore[assignment]
    try:
        response = view(request)
    except PermissionDenied:
        return "refused"
    return "in" if response.status_code == 200 else str(response["Location"])


SIGN_IN = "/accounts/login/?next=/somewhere/%3Fpage%3D2"


@pytest.mark.parametrize(("mark", "what"), list(zip(MARKS, ["in", SIGN_IN, SIGN_IN, SIGN_IN], strict=True)))
def test_somebody_unknown_is_asked_to_sign_in_and_brought_back(mark: str, what: str) -> None:
    assert answer(mark, AnonymousUser()) == what


@pytest.mark.parametrize(("mark", "what"), list(zip(MARKS, ["in", "in", "in", "refused"], strict=True)))
def test_a_member_reads_and_writes_and_does_not_administer(mark: str, what: str, ana: User) -> None:
    assert answer(mark, ana) == what


@pytest.mark.parametrize("mark", MARKS)
def test_an_administrator_may_open_everything(mark: str, root: User) -> None:
    assert answer(mark, root) == "in"


@pytest.mark.parametrize(("mark", "what"), list(zip(MARKS, ["in", "in", SIGN_IN, SIGN_IN], strict=True)))
def test_open_reading_opens_reading_and_nothing_else(mark: str, what: str, settings: Settings) -> None:
    settings.RODEO_OPEN_READING = True
    assert answer(mark, AnonymousUser()) == what


@pytest.mark.parametrize(
    ("sent_from", "back"),
    [
        ("http://testserver/stories/PAY-1/?part=title", "/stories/PAY-1/%3Fpart%3Dtitle"),
        ("https://elsewhere.example/stories/PAY-1/", "/"),
        ("", "/"),
    ],
)
def test_who_was_signed_out_meanwhile_hears_that_nothing_was_saved_and_is_led_back_to_the_form(
    client: Client, sent_from: str, back: str
) -> None:
    answer = client.post("/stories/PAY-1/cancel/", {"because": "Too late"}, headers={"Referer": sent_from})
    assert answer["Location"] == f"/accounts/login/?next={back}"
    assert policy.SIGNED_OUT in client.get(answer["Location"]).content.decode()


@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {"X-Part": "1"}, {"Accept": "application/json"}])
def test_scripts_hear_so_too_and_are_not_answered_with_the_page_to_sign_in(
    client: Client, headers: dict[str, str]
) -> None:
    answer = client.post("/stories/PAY-1/cancel/", {"because": "Too late"}, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"message": policy.SIGNED_OUT})


def test_the_mark_can_be_seen_on_the_view() -> None:
    assert policy.reading(lambda request: HttpResponse()).policy == "reading"  # type: ignore[attr-defined]
