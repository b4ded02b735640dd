"""Every page there is: readable for everybody in both schemes, and no wider than a phone. A new page is looked at unasked."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from axe_playwright_python.sync_playwright import Axe
from django.apps import apps
from django.db import transaction
from django.db.models import CharField, TextField
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, Route

from portal.accounts.models import User
from portal.ops.permissions import Row, rows
from releases.providers import PROVIDERS
from tests.journeys.axe import RULES
from tests.portal.permissions import CASES, ROLES, World, world

# What is looked at here is what the browser makes of a page, whatever database it came from.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite")]
# In the other scheme only the colours are other ones.
COLOURS: dict[str, Any] = {
    "preload": False,
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
}
# What is too wide for a phone scrolls there, by keyboard too.
SCROLLING = {**COLOURS, "runOnly": {"type": "rule", "values": ["scrollable-region-focusable"]}}
# Django's own administration, and the API's documentation by its own tool.
NOT_OURS = ("/admin/", "/api/")
LOOKED_AT = [row for row in rows() if "GET" in row.methods and not row.route.startswith(NOT_OURS)]
LOTS = 4
# The innermost elements that reach beyond the window.
TOO_WIDE = """() => {
  const cuts = (each) => getComputedStyle(each).overflowX !== 'visible';
  const isCut = (each) => each && each !== document.body && (cuts(each) || isCut(each.parentElement));
  return [...document.querySelectorAll('body *')]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1 && !isCut(each.parentElement))
    .filter((each, _, all) => !all.some((other) => other !== each && each.contains(other)))
    .slice(0, 3).map((each) => each.outerHTML.slice(0, 120));
}"""


# What people name and write, in every model: each is one long word here, as a pasted address or a careless key is.
WRITTEN = (
    "title",
    "name",
    "description",
    "mission",
    "note",
    "subject",
    "because",
    "text",
    "body",
    "first_name",
    "last_name",
)


def lengthen() -> None:
    """Make a word of 200 letters of whatever people wrote, or as long a one as fits."""
    for model in apps.get_models():
        if model._meta.app_label not in ("portal", "squads", "releases"):
            continue
        single = {name for each in model._meta.constraints for name in getattr(each, "fields", ())}
        for field in model._meta.local_fields:
            if field.name not in WRITTEN or not isinstance(field, CharField | TextField):
                continue
            rows = model._default_manager.exclude(**{field.name: ""})
            for pk in rows.values_list("pk", flat=True):
                own = f"{pk}"[-6:] if field.unique or field.name in single else ""
                rows.filter(pk=pk).update(**{field.name: own + "W" * (min(field.max_length or 200, 200) - len(own))})


def opened_by(row: Row, address: str, made: World) -> str:
    """Return who sees this page: the administrator, or else whoever it lets in, or "" where it is no page."""
    for role in (*reversed(ROLES[1:]), "anonymous"):
        browser = Client()
        if (person := made.people[role]) is not None:
            browser.force_login(person)
        answer = browser.get(address, headers={"Accept": "text/html"})
        # Parts of pages are looked at in the page they are put into.
        if answer.status_code == 200 and b"<html" in answer.getvalue()[:200]:
            return role
    return ""


def faults(page: Page, address: str) -> list[str]:
    """What is wrong with a page for somebody."""
    page.set_viewport_size({"width": 1280, "height": 900})
    # A colour on its way from one scheme to the other has the contrast of neither.
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(address)
    found = [("light", each) for each in Axe().run(page, options=RULES).response["violations"]]
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    # axe is in the page by now: sending it there takes a third of the time of looking.
    found += [("dark", each) for each in page.evaluate("options => axe.run(options)", COLOURS)["violations"]]
    said = [f"{scheme} {each['id']}: {each['nodes'][0]['html'][:200]}" for scheme, each in found]
    page.set_viewport_size({"width": 320, "height": 700})
    if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
        said.append(f"it scrolls sideways on a phone: {page.evaluate(TOO_WIDE)}")
    scrolling = page.evaluate("options => axe.run(options)", SCROLLING)["violations"]
    said += [f"phone {each['id']}: {each['nodes'][0]['html'][:200]}" for each in scrolling]
    return said


@pytest.mark.parametrize("lot", range(LOTS))
def test_everybody_can_read_every_page(open_for: Callable[..., Page], lot: int) -> None:
    made, pages, wrong, seen = world(), {}, {}, 0
    lengthen()
    for row in LOOKED_AT[lot::LOTS]:
        case = CASES[row.name]
        address = reverse(row.name, args=case.args(made)) + case.query
        role = opened_by(row, address, made)
        if not role:
            continue
        if role not in pages:
            pages[role] = open_for(made.people[role], reduced_motion="reduce")
        seen += 1
        if said := faults(pages[role], address):
            wrong[address] = said
    assert wrong == {}
    assert seen > 15


WITH_A_FORM = [row for row in LOOKED_AT if "POST" in row.methods and not row.route.startswith("/hooks/")]


def objection_to_nothing(address: str, made: World) -> HttpResponseBase | None:
    """What comes of an empty form, if it is a page that objects; whatever else came of it is taken back."""
    browser = Client()
    browser.force_login(made.people["administrator"])  # type: ignore[arg-type]
    with transaction.atomic():
        answer = browser.post(address, headers={"Accept": "text/html"})
        transaction.set_rollback(True)
    is_page = answer.status_code in (200, 400) and b"<html" in getattr(answer, "content", b"")[:200]
    return answer if is_page else None


def faults_of(answer: HttpResponseBase, page: Page, address: str) -> list[str]:
    """What is wrong with an answer for somebody, looked at as if a GET of this address had brought it."""
    body = answer.content  # type: ignore[attr-defined]
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}

    def bring(route: Route) -> None:
        route.fulfill(body=body, headers=headers)

    here = re.compile(re.escape(address) + "$")
    page.route(here, bring)
    try:
        return faults(page, address)
    finally:
        page.unroute(here)


@pytest.mark.parametrize("lot", range(LOTS))
def test_everybody_can_read_what_a_form_objects_to(open_for: Callable[..., Page], lot: int) -> None:
    made, wrong, seen = world(), {}, 0
    page = open_for(made.people["administrator"], reduced_motion="reduce")
    for row in WITH_A_FORM[lot::LOTS]:
        case = CASES[row.name]
        address = reverse(row.name, args=case.args(made)) + case.query
        if (answer := objection_to_nothing(address, made)) is None:
            continue
        seen += 1
        if said := faults_of(answer, page, address):
            wrong[address] = said
    assert wrong == {}
    assert seen > 3


def test_everybody_can_read_that_something_is_missing_or_not_for_them(open_for: Callable[..., Page]) -> None:
    reader: Any = world().people["reader"]
    page, browser = open_for(reader, reduced_motion="reduce"), Client()
    browser.force_login(reader)
    for address, status in (("/stories/PAY-99/", 404), ("/nowhere/", 404), ("/invitations/", 403)):
        answer = browser.get(address, headers={"Accept": "text/html"})
        assert answer.status_code == status
        assert faults_of(answer, page, address) == [], address


def test_everybody_can_read_the_steps_of_a_second_factor(open_for: Callable[..., Page], ana: User) -> None:
    """Pages that one comes to only by a step before them."""
    Authenticator.objects.create(
        user=ana, type="webauthn", data={"name": "Laptop", "credential": {"clientExtensionResults": {}}}
    )
    key = Authenticator.objects.get().pk
    app = TOTP.activate(ana, generate_totp_secret()).instance
    RecoveryCodes.activate(ana)
    page = open_for(ana, reduced_motion="reduce")
    assert faults(page, "/accounts/2fa/reauthenticate/") == []
    page.goto("/accounts/reauthenticate/")
    page.get_by_label("Password", exact=True).fill("ana-password")
    page.get_by_role("button", name="Continue").click()
    for address in (
        "recovery-codes/",
        "recovery-codes/new/",
        "app/deactivate/",
        "passkeys/",
        f"passkeys/{key}/edit/",
        f"passkeys/{key}/remove/",
    ):
        assert faults(page, f"/accounts/2fa/{address}") == [], address
        assert page.url.endswith(f"/accounts/2fa/{address}")
    app.delete()
    assert faults(page, "/accounts/2fa/app/activate/") == []
    assert page.url.endswith("/accounts/2fa/app/activate/")


def test_everybody_can_read_the_steps_for_every_system(open_for: Callable[..., Page], root: User) -> None:
    page = open_for(root, reduced_motion="reduce")
    found = {kind: faults(page, f"/sources/help/{kind}/") for kind in PROVIDERS}
    assert {kind: said for kind, said in found.items() if said} == {}
