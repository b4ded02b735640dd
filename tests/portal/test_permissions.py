"""Who may do what: every address in every role, with real requests; and no object of another squad changes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.ops.permissions import Row, document, rows
from squads.models import Service, Story
from squads.retrospectives.actions import create as create_retrospective
from squads.stories.actions import create_story

from .permissions import CASES, MAY, ROLES, SIGNED_IN, Case, World
from .retrospective_cases import THROUGH_OWN as THROUGH_OWN_RETROSPECTIVE

ROWS = rows()
CHANGING = [row for row in ROWS if set(row.methods) - {"GET"}]
# Who may what is decided by no database, and asking every address as everybody takes minutes.
pytestmark = pytest.mark.only_on("sqlite")
DOCUMENT = Path(__file__).resolve().parents[2] / "docs/permissions.md"


def case_of(row: Row) -> Case:
    if row.name not in CASES:
        pytest.fail(
            f'tests/portal/permissions.py knows no way to make {row.route}: add to CASES  "{row.name}": Case(...), with '
            "`args` for the address and `body` for what is sent, then run `manage.py permissions > docs/permissions.md`."
        )
    return CASES[row.name]


def ask(browser: Client, row: Row, method: str, made: World, args: list[Any] | None = None) -> HttpResponseBase:
    case = case_of(row)
    address = reverse(row.name, args=case.args(made) if args is None else args)
    if method == "GET":
        return browser.get(address)
    if method == "POST" and not row.route.startswith("/api/"):
        return browser.post(address, case.body(made))
    # What takes something away takes no fields.
    body = {} if method == "DELETE" else case.body(made)
    if any(hasattr(value, "read") for value in body.values()):
        return browser.post(address, body)
    return getattr(browser, method.lower())(address, body, content_type="application/json")  # type: ignore[no-any-return]


def asked_alone(browser: Client, row: Row, method: str, made: World) -> HttpResponseBase:
    """Ask, and take back what came of it, so that the next request finds the same world."""
    with transaction.atomic():
        answer = ask(browser, row, method, made)
        transaction.set_rollback(True)
    return answer


def refused(answer: HttpResponseBase) -> bool:
    """Say whether somebody was not let in: told so, or sent to sign in."""
    to_sign_in = answer.status_code == 302 and str(answer.headers.get("Location", "")).startswith(
        "/accounts/login/?next="
    )
    return answer.status_code in (401, 403) or to_sign_in


def expected(row: Row, method: str) -> set[str]:
    case = case_of(row)
    return (MAY[row.mark] | case.also.get(method, set())) - case.never.get(method, set())


def without_new_source(changed: set[str]) -> set[str]:
    """Return what changed but for the source of a squad's tokens, which its first report makes, and the news of that."""
    rest = {key for key in changed if not key.startswith("releases.source ")}
    return rest if rest == changed else {key for key in rest if not key.startswith("portal.message ")}


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
            answer = asked_alone(browser, row, method, made)
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


def test_what_no_member_may_do_is_not_marked_as_for_members() -> None:
    """The table is read without the tests: a mark that lets in fewer than it says would mislead."""
    few = MAY["managers"]
    said = {f"{method} {row.name}" for row in CHANGING for method in row.methods if row.mark == "planners"}
    wrong = {f"{method} {row.name}" for row in CHANGING for method in row.methods if expected(row, method) <= few}
    # Members of both squads do the first two, and of some names the third: in this world nobody is, and the name is of all.
    some = {"POST squads:handovers:squad", "POST api:story-squad", "POST releases:mappings:unmapped_resolve"}
    assert said & wrong == some


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

OTHERS = {"session", "usersession", "logentry", "contenttype", "permission", "group"}
# What may be new or newer after a refused request: it belongs to the one who asked.
IGNORED = {"last_login", "last_used_at", "last_seen_at", "looked_at"}


def snapshot() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for model in apps.get_models():
        if model._meta.model_name in OTHERS or not model._meta.managed:
            continue
        for row in serializers.serialize("python", model._default_manager.all()):
            fields = {name: str(value) for name, value in row["fields"].items() if name not in IGNORED}
            found[f"{row['model']} {row['pk']}"] = fields
    return found


READS = ("SELECT ", "SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ")


@contextmanager
def statements() -> Iterator[list[str]]:
    """Note every statement that may write: where there is none, nothing has changed, and no table needs a look."""
    wrote: list[str] = []

    def noted(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not sql.startswith(READS):
            wrote.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(noted):
        yield wrote


@pytest.fixture(scope="module")
def snapshot_of_module(world_of_module: World, django_db_blocker: DjangoDbBlocker) -> dict[str, dict[str, Any]]:
    """What is in every table before a test."""
    with django_db_blocker.unblock():
        return snapshot()


# Nothing to end in this world: nobody there is signed in twice.
TRACELESS = {
    "squads:stories:preview",
    # It answers and keeps nothing (tests/squads/language_coach/test_page.py).
    "squads:language_coach:check",
    "caught_up",
    "admin_login",
    "account:session_end",
    "administration:test_mail",
    "api:gate-template-preview",
}


def leaves_a_trace(row: Row) -> bool:
    """Leave out previews, signing in, and what nobody but a program may (tests/releases/inbox)."""
    traceless = row.route.startswith("/accounts/") or row.name in TRACELESS
    return not traceless and not (CASES[row.name].fine if row.name in CASES else ()) and row.mark != "reports"


@pytest.mark.parametrize(
    "row", [row for row in CHANGING if leaves_a_trace(row)], ids=lambda row: f"{row.methods} {row.route} {row.name}"
)
def test_what_somebody_may_do_is_really_done(
    row: Row, snapshot_of_module: dict[str, dict[str, Any]], made: World
) -> None:
    """Else a refusal would prove nothing: the request might fail for everybody."""
    for method in set(row.methods) - {"GET"}:
        role = next(each for each in ROLES if each in expected(row, method) - {"anonymous"})
        browser = Client()
        with transaction.atomic():
            browser.force_login(made.people[role])  # type: ignore[arg-type]
            answer = ask(browser, row, method, made)
            did = snapshot() != snapshot_of_module
            transaction.set_rollback(True)
        assert did, f"{method} {row.route} as {role} did nothing: {answer.status_code}"


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
                with statements() as wrote:
                    answer = ask(browser, row, method, made)
                assert refused(answer) or answer.status_code in (400, 404), (
                    f"{method} {row.route}: {answer.status_code}"
                )
                assert not wrote or snapshot() == before, f"{method} {row.route} changed something"
                asked += 1
    assert asked > 25


# Addresses whose first part is one's own and whose second is another squad's: nobody gets at the second through the first.
THROUGH_OWN = {
    "squads:comments:edit": lambda w: w.comment.pk,
    "squads:comments:remove": lambda w: w.comment.pk,
    "squads:stories:evidence_take_back": lambda w: w.seen.pk,
    "squads:comments:relation_remove": lambda w: w.relation.pk,
    "squads:acceptance:answer": lambda w: w.by_name.pk,
    "squads:acceptance:withdraw": lambda w: w.by_squad.pk,
    "squads:boards:remove_view": lambda w: w.view.pk,
    "squads:imports:detail": lambda w: w.imported.pk,
    "squads:imports:mapping": lambda w: w.imported.pk,
    "squads:imports:run": lambda w: w.imported.pk,
    "squads:imports:discard": lambda w: w.imported.pk,
    "squads:teams:member_change": lambda w: w.membership.pk,
    "squads:teams:invitation_revoke": lambda w: w.invitation.pk,
    "squads:teams:token_revoke": lambda w: w.token.pk,
    "releases:evidence:unlink": lambda w: w.change.pk,
    "releases:deployment_checks:token_revoke": lambda w: w.check_token.pk,
    "api:service-deployment-check-token-detail": lambda w: w.check_token.pk,
    "api:squad-member": lambda w: "mo",
    "api:import-detail": lambda w: w.imported.pk,
    "api:import-run": lambda w: w.imported.pk,
    "api:comment-detail": lambda w: w.comment.pk,
    "api:story-take-back": lambda w: w.seen.pk,
    "api:relation-detail": lambda w: w.relation.pk,
    "api:acceptance-request-answer": lambda w: w.by_squad.pk,
    "api:acceptance-request-withdraw": lambda w: w.by_squad.pk,
    "api:story-change-detail": lambda w: w.change.pk,
    "squads:labels:rename": lambda w: w.squad.labels.get().pk,
    "squads:labels:remove": lambda w: w.squad.labels.get().pk,
    "api:label-detail": lambda w: w.squad.labels.get().pk,
    "squads:attachments:download": lambda w: w.story.attachments.get().pk,
    "squads:attachments:remove": lambda w: w.story.attachments.get().pk,
    "api:attachment-detail": lambda w: w.story.attachments.get().pk,
    "api:attachment-content": lambda w: w.story.attachments.get().pk,
    "releases:release_notes:version": lambda w: 1,
    "releases:approvals:answer": lambda w: w.approval.pk,
    "releases:approvals:withdraw": lambda w: w.approval.pk,
    "api:release-approval-answer": lambda w: w.approval.pk,
    "api:release-approval-withdraw": lambda w: w.approval.pk,
    "releases:sharing:revoke": lambda w: w.link.pk,
    "releases:contents:service": lambda w: w.service.slug,
    "releases:contents:choose": lambda w: w.service.slug,
    "releases:contents:clear": lambda w: w.service.slug,
    "releases:contents:name": lambda w: w.service.slug,
    "api:release-content": lambda w: w.service.slug,
    "api:release-schema-changes": lambda w: w.service.slug,
    "api:release-link-detail": lambda w: w.link.pk,
    "releases:learnings:read": lambda w: w.retrospectives["published"].slug,
    "releases:learnings:take_back": lambda w: w.retrospectives["published"].slug,
    "api:release-learning-read": lambda w: w.retrospectives["published"].slug,
    "releases:readiness:withdraw": lambda w: w.overridden.pk,
    "releases:readiness:drop_flag": lambda w: w.need.pk,
    "releases:readiness:tick": lambda w: w.item.pk,
    "releases:readiness:untick": lambda w: w.item.pk,
    "releases:readiness:remove_item": lambda w: w.item.pk,
    "api:gate-override-detail": lambda w: w.overridden.pk,
    "api:flag-need-detail": lambda w: w.need.pk,
    "api:checklist-detail": lambda w: w.item.pk,
    "api:checklist-tick": lambda w: w.item.pk,
    **THROUGH_OWN_RETROSPECTIVE,
}
# Two parts, of which the second is nobody's: words, and what lies under one's own account.
NAMES_NOTHING = {
    "squads:stories:field",
    "squads:stories:checklist",
    "account_reset_password_from_key",
    "releases:readiness:gate",
    "releases:readiness:override",
    "squads:retrospective_pages:template",
}


def test_nothing_of_another_squad_is_reached_through_what_is_ones_own(made: World) -> None:
    other: Any = made.people["other"]
    story = create_story(made.search, by=other, title="Find")
    own = create_retrospective(made.search, by=other, kind="sprint", title="Two weeks")
    browser, asked = Client(), 0
    browser.force_login(other)
    before = snapshot()
    for row in ROWS:
        if row.name not in THROUGH_OWN:
            continue
        first = story.key if "<str:key>" in row.route or "P<key>" in row.route else made.search.slug
        first = own.slug if row.route.startswith("/retrospectives/") else first
        args = [first, THROUGH_OWN[row.name](made)]
        for method in row.methods:
            with statements() as wrote:
                answer = ask(browser, row, method, made, args)
            assert not wrote or snapshot() == before, f"{method} {row.route}: {answer.status_code}"
            assert answer.status_code in (204, 302, 400, 404), f"{method} {row.route}: {answer.status_code}"
            asked += 1
    assert asked > len(THROUGH_OWN)


def test_every_address_of_two_parts_was_asked_with_one_of_another_squad() -> None:
    two = {row.name for row in ROWS if row.route.count("<") - row.route.count("(?P<format>") > 1}
    assert two == set(THROUGH_OWN) | NAMES_NOTHING


def test_naming_another_squads_things_changes_nothing_of_them(made: World) -> None:
    """What is said about one's own may name another squad's; that stays as it is."""
    other: Any = made.people["other"]
    story = create_story(made.search, by=other, title="Find")
    service = Service.objects.create(name="index", slug="index", squad=made.search)
    before = snapshot()
    browser = Client(**bearer(by=other, user=other))
    place = f"/api/v1/stories/{story.key}/"
    rows = f"key,title\n{made.story.key},Taken\n".encode()
    for how, address, body, status in (
        ("post", f"{place}place/", {"after": made.story.key}, 400),
        ("post", f"{place}relations/", {"relation": "blocked_by", "key": made.story.key}, 201),
        ("post", f"{place}changes/", {"sha": made.change.sha}, 201),
        ("delete", f"{place}changes/{made.change.pk}/", {}, 204),
        ("patch", place, {"squad": "payments", "title": "Found"}, 400),
        ("patch", f"/api/v1/services/{service.slug}/", {"repositories": ["shop/checkout"]}, 400),
        ("post", "/api/v1/services/", {"name": "checkout", "squad": "search"}, 400),
        ("patch", "/api/v1/squads/search/", {"name": "Payments"}, 400),
        ("post", "/api/v1/squads/search/imports/", {"file": SimpleUploadedFile("x.csv", rows), "kind": "rodeo"}, 201),
    ):
        multipart = "file" in body
        answer = getattr(browser, how)(address, body, **({} if multipart else {"content_type": "application/json"}))
        assert answer.status_code == status, f"{how} {address}: {answer.status_code} {answer.content!r}"
        if multipart:
            assert browser.post(f"{address}{answer.json()['id']}/run/", {"leave_out": True}).status_code == 200
    after = snapshot()
    mine = {f"squads.story {story.pk}", f"squads.service {service.pk}", f"squads.squad {made.search.pk}"}
    changed = {key for key in before if before[key] != after.get(key)} - mine
    assert not {key for key in changed if not key.startswith(("portal.apitoken ", "releases.source "))}
    assert story.key in set(Story.objects.filter(squad=made.search).values_list("key", flat=True))


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
            with statements() as wrote:
                answer = ask(browser, row, method, made)
            assert answer.status_code in (400, 401, 403, 404), f"{method} {row.route}: {answer.status_code}"
            after = snapshot() if wrote else before
            changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
            assert not without_new_source(changed), f"{method} {row.route}"
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
        if asked_alone(browser, row, method, made).status_code < 400
    }
    wanted = {
        f"{method} {row.name}"
        for row in CHANGING
        if row.route.startswith("/api/") and row.mark in ("members", "planners", "reports")
        for method in row.methods
    }
    # Like every account it may comment and save views, in its own name; it answers for nobody, and takes nobody's evidence
    # back.
    # It is in no other squad, so it hands nothing over. What somebody else did to many stories, it does not undo.
    nobody = {"POST api:story-take-back", "POST api:story-squad", "POST api:many-stories-undo"}
    # Mail isn’t set up here.
    nobody.add("POST api:release-notes-mail")
    # What counts as the word of a person opens gates: programs don't say it (docs/adr/0062).
    nobody |= {"POST api:release-approval-withdraw"}
    nobody |= {"POST api:checklist-tick", "DELETE api:checklist-tick", "DELETE api:checklist-detail"}
    nobody |= {"POST api:attribution-list", "POST api:attribution-answer"}
    nobody |= {"POST api:release-learning-read", "DELETE api:release-learning-read"}
    nobody |= {"POST api:flag-need-list", "DELETE api:flag-need-detail"}
    # Who reads a retrospective is for people to say; this one's review is over already.
    nobody |= {"POST api:retrospective-publication", "DELETE api:retrospective-review"}
    nobody |= {"POST api:retrospective-action-answers"}
    # Sessions are for people.
    nobody |= {each for each in wanted if each.startswith("POST api:retrospective-session-")}
    personal = {"comment-list", "story-view-list", "readiness-view-list"}
    assert let_in == wanted - nobody | {f"POST api:{name}" for name in personal} | {"PATCH api:readiness-digest"}


def test_people_of_every_role_are_in_the_world(made: World) -> None:
    assert set(made.people) == set(ROLES)
    assert User.objects.filter(username__in=SIGNED_IN).count() == len(SIGNED_IN)
