"""Who may do what: every address in every role, with real requests; and no object of another squad changes."""

from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.ops.permissions import Row, document, rows

from .permissions import CASES, MAY, ROLES, SIGNED_IN, Case, World, world

ROWS = rows()
CHANGING = [row for row in ROWS if set(row.methods) - {"GET"}]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs/permissions.md"


@pytest.fixture
def made(db: None) -> World:
    return world()


def case_of(row: Row) -> Case:
    if row.name not in CASES:
        pytest.fail(
            f'tests/portal/permissions.py knows no way to make {row.route}: add to CASES  "{row.name}": Case(...), with '
            "`args` for the address and `body` for what is sent, then run `manage.py permissions > docs/permissions.md`."
        )
    return CASES[row.name]


def ask(browser: Client, row: Row, method: str, made: World) -> HttpResponseBase:
    case = case_of(row)
    address = reverse(row.name, args=case.args(made))
    if method == "GET":
        return browser.get(address)
    if method == "POST" and not row.route.startswith("/api/"):
        return browser.post(address, case.body(made))
    body = case.body(made)
    if any(hasattr(value, "read") for value in body.values()):
        return browser.post(address, body)
    return getattr(browser, method.lower())(address, body, content_type="application/json")  # type: ignore[no-any-return]


def refused(answer: HttpResponseBase) -> bool:
    """Say whether somebody was not let in: told so, or sent to sign in."""
    to_sign_in = answer.status_code == 302 and str(answer.headers.get("Location", "")).startswith(
        "/accounts/login/?next="
    )
    return answer.status_code in (401, 403) or to_sign_in


def expected(row: Row, method: str) -> set[str]:
    case = case_of(row)
    return (MAY[row.mark] | case.also.get(method, set())) - case.never.get(method, set())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.methods[0]} {row.route} {row.name}")
def test_every_address_opens_for_exactly_those_it_should(row: Row, made: World) -> None:
    case = case_of(row)
    assert row.mark in MAY, (
        f"{row.route} {row.methods} carries no mark: see portal.kernel.policy, or `marks` of an endpoint"
    )
    wrong = []
    for method in row.methods:
        for role in ROLES:
            browser = Client()
            if (person := made.people[role]) is not None:
                browser.force_login(person)
            with transaction.atomic():
                answer = ask(browser, row, method, made)
                transaction.set_rollback(True)
            if answer.status_code in case.fine:
                continue
            if role in expected(row, method):
                ok = not refused(answer) and answer.status_code < 400
            else:
                ok = refused(answer) or answer.status_code in case.refusals
            if row.name == "admin_login" and role == "anonymous":
                ok = answer.status_code == 302
            if not ok:
                wrong.append(f"{method} as {role}: {answer.status_code}")
    assert not wrong, f"{row.route} ({row.mark}): {', '.join(wrong)}"


def test_there_is_no_row_for_an_address_that_is_gone() -> None:
    assert set(CASES) - {row.name for row in ROWS} == set()


def test_the_document_is_current() -> None:
    assert DOCUMENT.read_text() == document(), "run: .venv/bin/python manage.py permissions > docs/permissions.md"


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.mark == "reading"], ids=lambda row: f"{row.route} {row.name}"
)
def test_open_reading_opens_reading_and_nothing_else(row: Row, made: World, settings: Any) -> None:
    settings.RODEO_OPEN_READING = True
    assert not refused(ask(Client(), row, "GET", made))


def test_open_reading_opens_nothing_that_changes_something(made: World, settings: Any) -> None:
    settings.RODEO_OPEN_READING = True
    let_in = [
        f"{method} {row.route}"
        for row in CHANGING
        if row.mark != "public"
        for method in row.methods
        if not refused(ask(Client(), row, method, made))
    ]
    assert let_in == []


# Nobody changes what is another squad's

OTHERS = {"session", "logentry", "contenttype", "permission", "group"}
# What may be new or newer after a refused request: it belongs to the one who asked.
IGNORED = {"last_login", "last_used_at", "looked_at"}


def snapshot() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for model in apps.get_models():
        if model._meta.model_name in OTHERS or not model._meta.managed:
            continue
        for row in serializers.serialize("python", model._default_manager.all()):
            fields = {name: str(value) for name, value in row["fields"].items() if name not in IGNORED}
            found[f"{row['model']} {row['pk']}"] = fields
    return found


def reachable(role: str, row: Row, method: str) -> bool:
    return role not in expected(row, method) and method != "GET"


@pytest.mark.parametrize("role", ["other", "reader", "manager"])
def test_nothing_of_another_squad_changes_by_any_address(made: World, role: str) -> None:
    """Every request that changes something, by somebody who may not: the database is the same before and after."""
    person: Any = made.people[role]
    browser = Client()
    browser.force_login(person)
    before, asked = snapshot(), 0
    for row in CHANGING:
        for method in row.methods:
            if reachable(role, row, method):
                answer = ask(browser, row, method, made)
                assert refused(answer) or answer.status_code in (400, 404), (
                    f"{method} {row.route}: {answer.status_code}"
                )
                assert snapshot() == before, f"{method} {row.route} changed something"
                asked += 1
    assert asked > 25


def bearer(**whose: Any) -> dict[str, str]:
    _, secret = make_token(
        name="x", scopes=["read", "report", "write"] if "squad" in whose else ["read", "write"], days=7, **whose
    )
    return {"HTTP_AUTHORIZATION": f"Bearer {secret}"}


@pytest.mark.parametrize("whose", ["a token of another squad", "a token of a person of another squad"])
def test_nothing_of_another_squad_changes_through_the_api_with(made: World, whose: str) -> None:
    other: Any = made.people["other"]
    owner = {"squad": made.search} if "person" not in whose else {"user": other}
    browser = Client(**bearer(by=other, **owner))
    assert browser.get("/api/v1/stories/").status_code == 200
    before, asked = snapshot(), 0
    for row in CHANGING:
        if not row.route.startswith("/api/"):
            continue
        for method in row.methods:
            if "other" in expected(row, method):
                continue
            answer = ask(browser, row, method, made)
            assert answer.status_code in (400, 401, 403, 404), f"{method} {row.route}: {answer.status_code}"
            after = snapshot()
            changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
            assert not {key for key in changed if not key.startswith("releases.source ")}, f"{method} {row.route}"
            asked += 1
    assert asked > 12


def test_a_squads_token_writes_for_its_squad_and_leads_nothing(made: World) -> None:
    lead: Any = made.people["lead"]
    browser = Client(**bearer(by=lead, squad=made.squad))
    let_in = {
        f"{method} {row.name}"
        for row in CHANGING
        if row.route.startswith("/api/")
        for method in row.methods
        if not refused(ask(browser, row, method, made))
    }
    wanted = {
        f"{method} {row.name}"
        for row in CHANGING
        if row.route.startswith("/api/") and row.mark in ("members", "planners", "reports")
        for method in row.methods
    }
    assert let_in == wanted


def test_people_of_every_role_are_in_the_world(made: World) -> None:
    assert set(made.people) == set(ROLES)
    assert User.objects.filter(username__in=SIGNED_IN).count() == len(SIGNED_IN)
