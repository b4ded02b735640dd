"""The pages of what releases ship, of schema files, and of the order of deployment."""

from typing import Any

import pytest
from django.test import Client

from portal.kernel.models import AuditEntry, StateChange
from releases.contents.models import AskedPattern, DeployOrder, SchemaNaming, SchemaPatterns
from releases.contents.queries import contents_of
from releases.inbox.models import Source
from releases.pipelines.models import Change
from releases.planning.models import Release
from squads.models import Service, Squad, Story
from tests.releases.contents.conftest import ASKED, Told, only, put

PAGE = "/releases/checkout-1.0/contents/"
NAMES = "/api/v1/releases/checkout-1.0/contents/checkout/schema-changes/"
ORDERS = "/api/v1/deploy-orders/"


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def shipped(history: Told, story: Story, release: Release) -> Release:
    """The release ships a tagged commit that touches two files of the schema."""
    history.touch("first", f"{story.key} a", 0, files=("db/1.sql", "db/2.sql"))
    history.look("first", **{"v1.0": ("first", 2)})
    return release


def test_the_page_says_what_ships_and_how_that_is_known(shipped: Release, as_bo: Client) -> None:
    page = text(as_bo.get(PAGE))
    assert "Contents of checkout 1.0" in page and "Tag v1.0 of shop/checkout." in page
    assert "db/1.sql" in page and "not named" in page and "artifact unknown" in page
    # Bo is in another squad.
    assert 'value="expand"' not in page


def test_an_empty_page_says_how_services_come_here(as_lea: Client, db: None) -> None:
    Release.objects.create(version="9", slug="9")
    page = text(as_lea.get("/releases/9/contents/"))
    assert "No services yet" in page and "/releases/9/plan/" in page


def test_a_member_names_a_schema_change_on_the_page(shipped: Release, as_ana: Client) -> None:
    change = Change.objects.get()
    said = {"change": str(change.pk), "path": "db/1.sql", "kind": "expand", "back": PAGE}
    answer = as_ana.post(f"{PAGE}checkout/schema/", said)
    assert answer.status_code == 302 and answer["Location"] == PAGE
    assert [(each.kind, each.named_by) for each in only(shipped).schema_changes] == [("expand", "Ana"), ("", "")]
    assert AuditEntry.objects.get().did.startswith("called db/1.sql of")
    as_ana.post(f"{PAGE}checkout/schema/", {**said, "kind": ""})
    assert not SchemaNaming.objects.exists()
    kept = StateChange.objects.filter(kind="schema change").values_list("from_state", "to_state")
    assert list(kept) == [("", "expand"), ("expand", "")]


def test_a_person_counts_before_the_commit_message(
    history: Told, story: Story, release: Release, as_ana: Client
) -> None:
    history.touch("first", f"{story.key} a\n\nSchema-Change: expand", 0, files=("db/1.sql",))
    history.look("first")
    assert only(release).schema_changes[0].kind == "expand"
    change = Change.objects.get()
    put(as_ana, NAMES, {"change": str(change.pk), "path": "db/1.sql", "kind": "contract"})
    (named,) = only(release).schema_changes
    assert (named.kind, named.named_by) == ("contract", "Ana")


@pytest.mark.parametrize("path", ["db/3.sql", "README.md"])
def test_only_schema_files_of_the_change_can_be_named(shipped: Release, as_ana: Client, path: str) -> None:
    answer = put(as_ana, NAMES, {"change": str(Change.objects.get().pk), "path": path, "kind": "expand"})
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == "path"


def test_the_page_of_a_service_shows_the_history(shipped: Release, as_lea: Client, checkout: Service) -> None:
    as_lea.post(f"{PAGE}checkout/choose/", {"configuration": "7", "version": 0})
    page = text(as_lea.get(f"{PAGE}checkout/"))
    assert "configuration 7" in page and "nothing chosen → configuration 7" in page
    as_lea.post(f"{PAGE}checkout/clear/")
    assert "configuration 7 → nothing chosen" in text(as_lea.get(f"{PAGE}checkout/"))


def test_twelve_services_cost_no_more_queries_than_one(
    shipped: Release, payments: Squad, as_lea: Client, lea: Any, django_assert_max_num_queries: Any
) -> None:
    as_lea.get(PAGE)
    with django_assert_max_num_queries(30) as one:
        as_lea.get(PAGE)
    for number in range(12):
        service = Service.objects.create(name=f"part-{number}", slug=f"part-{number}", squad=payments)
        shipped.chosen_contents.create(service=service, sha="c" * 40, by=lea)
    with django_assert_max_num_queries(len(one)):
        assert "part-11" in text(as_lea.get(PAGE))


# Which files are schema changes


def test_a_lead_sees_what_other_patterns_change_before_saving_them(shipped: Release, as_lea: Client) -> None:
    page = "/services/checkout/schema-files/"
    preview = as_lea.post(f"{page}save/", {"patterns": "db/1.sql\nproto/**", "preview": "1", "version": 0})
    said = text(preview)
    assert preview.status_code == 200 and 'removed: <span class="breaks">db/2.sql</span>' in said
    assert "Git hasn’t been asked about <code>db/1.sql</code>, <code>proto/**</code> yet" in said
    assert not SchemaPatterns.objects.exists()


def test_patterns_that_git_was_not_asked_by_leave_it_unknown(shipped: Release, as_lea: Client) -> None:
    as_lea.post("/services/checkout/schema-files/save/", {"patterns": "**/*.sql\nproto/**", "version": 0})
    assert list(AskedPattern.objects.values_list("number", "pattern")) == [(ASKED + 1, "proto/**")]
    found = only(shipped)
    assert found.schema_unknown == 1 and len(found.schema_changes) == 2
    Change.objects.update(files_asked=ASKED + 1)
    assert only(shipped).schema_unknown == 0
    # One that git was asked by already is known at once.
    as_lea.post("/services/checkout/schema-files/save/", {"patterns": "**/*.sql\n!db/2.sql", "version": 1})
    found = only(shipped)
    assert [each.path for each in found.schema_changes] == ["db/1.sql"] and found.schema_unknown == 0
    assert AskedPattern.objects.count() == 1


def test_the_companys_patterns_are_for_services_without_their_own(shipped: Release, as_pam: Client) -> None:
    answer = put(as_pam, "/api/v1/schema-patterns/", {"patterns": ["**/migrations/*.py"], "version": 0})
    assert answer.json()["own"] is True and answer.json()["version"] == 1
    assert only(shipped).schema_changes == ()
    mine = as_pam.get("/api/v1/services/checkout/schema-patterns/").json()
    assert (mine["own"], mine["patterns"], mine["version"]) == (False, ["**/migrations/*.py"], 0)
    assert put(as_pam, "/api/v1/schema-patterns/", {"patterns": [], "version": 0}).status_code == 409
    put(as_pam, "/api/v1/schema-patterns/", {"patterns": []})
    assert len(only(shipped).schema_changes) == 2


@pytest.mark.parametrize(
    ("patterns", "words"),
    [(["**"], "fits every file"), (["!**/*.sql"], "only exclude files"), (["x"] * 61, "")],
)
def test_patterns_that_mean_nothing_are_refused(as_pam: Client, db: None, patterns: list[str], words: str) -> None:
    answer = put(as_pam, "/api/v1/schema-patterns/", {"patterns": patterns})
    assert answer.status_code == 400 and words in answer.json()["errors"][0]["detail"]


def test_members_cannot_change_patterns(checkout: Service, as_ana: Client) -> None:
    answer = as_ana.post("/services/checkout/schema-files/save/", {"patterns": "**/*.sql"})
    assert answer.status_code == 403
    assert "Only leads of Payments, project managers and administrators" in answer.content.decode()


def test_git_sources_are_pulled_when_there_is_a_new_pattern(history: Told, as_pam: Client) -> None:
    assert Source.objects.get(key="git").next_pull_at is None
    put(as_pam, "/api/v1/schema-patterns/", {"patterns": ["proto/**"]})
    assert Source.objects.get(key="git").next_pull_at is not None


# The order of deployment


@pytest.fixture
def others(payments: Squad, search: Squad) -> list[Service]:
    return [Service.objects.create(name=name, slug=name, squad=search) for name in ("index", "ledger")]


def test_a_lead_of_either_squad_requires_an_order(
    shipped: Release, others: list[Service], as_lea: Client, as_ana: Client, lea: Any
) -> None:
    said = {"first": "index", "then": "checkout"}
    assert as_ana.post(ORDERS, said, content_type="application/json").status_code == 403
    assert as_lea.post(ORDERS, said, content_type="application/json").status_code == 201
    assert only(shipped).after == ()
    shipped.chosen_contents.create(service=others[0], configuration="7", by=lea)
    services = {each.name: each.after for each in contents_of([shipped])[shipped.pk].services}
    assert services == {"checkout": ("index",), "index": ()}
    row = DeployOrder.objects.get()
    assert as_lea.post(f"/deploy-order/{row.pk}/remove/").status_code == 302
    assert not DeployOrder.objects.exists() and AuditEntry.objects.count() == 2


def test_a_cycle_is_refused_by_its_name(checkout: Service, others: list[Service], as_pam: Client) -> None:
    for first, then in (("index", "ledger"), ("ledger", "checkout")):
        as_pam.post("/deploy-order/new/", {"first": first, "then": then})
    answer = as_pam.post("/deploy-order/new/", {"first": "checkout", "then": "index"})
    assert answer.status_code == 400
    words = "index goes before ledger, ledger goes before checkout, so checkout can’t go before index."
    assert words in text(answer)
    assert DeployOrder.objects.count() == 2


def test_a_service_that_is_not_shipped_still_orders_those_around_it(
    shipped: Release, others: list[Service], as_pam: Client, lea: Any
) -> None:
    for first, then in (("index", "ledger"), ("ledger", "checkout")):
        as_pam.post("/deploy-order/new/", {"first": first, "then": then})
    shipped.chosen_contents.create(service=others[0], configuration="7", by=lea)
    services = {each.name: each.after for each in contents_of([shipped])[shipped.pk].services}
    assert services["checkout"] == ("index",)


def test_the_page_of_the_order_says_what_is_required(checkout: Service, others: list[Service], as_pam: Client) -> None:
    assert "No rules yet" in text(as_pam.get("/deploy-order/"))
    as_pam.post("/deploy-order/new/", {"first": "index", "then": "checkout"})
    assert 'Remove<span class="sr"> index before checkout</span>' in text(as_pam.get("/deploy-order/"))
