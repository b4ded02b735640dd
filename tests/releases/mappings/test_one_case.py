"""One thing, however it is spelled: environments, services, repositories and keys; and twins that are merged."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.names import fold_name
from releases.models import (
    AcceptanceRun,
    Change,
    Deployment,
    Environment,
    Fact,
    Repository,
    RepositoryPart,
    Run,
    Source,
    StoryLink,
)
from releases.reading.actions import drain_inbox, rebuild
from squads.models import Evidence, Service, Squad, Story
from squads.stories.actions import create_story

Send = Callable[..., Any]
MERGERS = "/api/v1/mergers/"


def _work() -> None:
    while outbox.deliver() + drain_inbox():
        pass


@pytest.fixture
def tell(scripts: Source, send: Send) -> Callable[..., None]:
    """Report something, and have it read."""

    def told(what: str, **said: str) -> None:
        answer = send(f"/api/v1/{what}/", {"finished_at": "2026-03-02T10:00:00Z", **said})
        assert answer.status_code == 202, answer.content
        _work()

    return told


def _rows() -> list[Any]:
    return [sorted(str(row) for row in model.objects.values()) for model in (Deployment, AcceptanceRun, Run, Fact)]


def _evidence() -> list[Any]:
    columns = ("kind", "service", "environment", "tier", "verdict", "shas", "label")
    return sorted(map(str, Evidence.objects.values_list(*columns)))


def test_names_have_in_common_what_case_and_form_do_not_change() -> None:
    assert len({fold_name(each) for each in ("Production", "PRODUCTION", " production ", "ｐroduction")}) == 1
    assert fold_name("PRODUCCIÓN") == fold_name("producción") and fold_name("prod eu") != fold_name("prod-eu")


def test_events_that_spell_a_name_otherwise_mean_the_same_thing(tell: Callable[..., None], as_ana: Client) -> None:
    for service, environment in (("Checkout", "Producción"), ("checkout", "PRODUCCIÓN"), ("CHECKOUT", "producción")):
        tell("deployments", service=service, environment=environment, version=service)
    assert [row.key for row in Environment.objects.all()] == ["Producción"]
    assert [row.name for row in Service.objects.all()] == ["Checkout"]
    for asked in ("service=CHECKOUT", "environment=PRODUCCIÓN", "service=checkout&environment=producción"):
        assert as_ana.get(f"/api/v1/deployments/?{asked}").json()["count"] == 3
    assert as_ana.get("/api/v1/deployments/?service=other").json()["count"] == 0
    before = _rows()
    rebuild()
    assert _rows() == before


def test_a_story_is_checked_and_accepted_whatever_the_case(
    tell: Callable[..., None], payments: Squad, ana: User, checkout: Service
) -> None:
    story = create_story(payments, by=ana, title="Pay")
    tell("acceptance-runs", story=story.key.lower(), environment="Staging", outcome="passed", service="CHECKOUT")
    assert Evidence.objects.get(story=story, kind="test").environment == "Staging"


def test_a_deleted_environment_is_gone_however_the_event_spells_it(ci: Source, send: Send) -> None:
    for number, (what, name) in enumerate((("created", "Blue"), ("deleted", "BLUE"), ("created", "blue"))):
        context = {
            "version": "0.4.1",
            "id": f"{number}",
            "source": "/ci",
            "timestamp": f"2026-03-0{number + 1}T08:00:00Z",
        }
        context["type"] = f"dev.cdevents.environment.{what}.0.2.0"
        assert send("/hooks/ci/", {"context": context, "subject": {"id": name, "content": {}}}).status_code == 202
        _work()
        assert (Environment.objects.get().gone_at is not None) == (what == "deleted")
    rebuild()
    assert Environment.objects.get().gone_at is None


def test_what_people_create_is_not_there_twice(as_ana: Client, checkout: Service, payments: Squad) -> None:
    said = {"name": "CheckOut", "squad": "payments"}
    answer = as_ana.post("/api/v1/services/", said, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "name")
    as_ana.post("/api/v1/environments/", {"key": "prod", "tier": "production"}, content_type="application/json")
    answer = as_ana.post("/api/v1/environments/", {"key": "PROD"}, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "key")
    Repository.objects.create(key="shop/web", service=None)
    claimed = {"repositories": ["Shop/Web", "SHOP/WEB"]}
    assert as_ana.patch("/api/v1/services/checkout/", claimed, content_type="application/json").status_code == 200
    assert [(row.key, row.service) for row in Repository.objects.all()] == [("shop/web", checkout)]


def test_another_spelling_is_no_way_round_whose_service_it_is(client: Client, checkout: Service, search: Squad) -> None:
    root = User.objects.create_user("rooty", "rooty@example.org", "x", is_staff=True)
    _, secret = make_token(by=root, name="CI", scopes=["report"], days=7, squad=search)
    said = {"service": "CHECKOUT", "environment": "production", "version": "1"}
    headers = {"Authorization": f"Bearer {secret}"}
    answer = client.post("/api/v1/deployments/", json.dumps(said), content_type="application/json", headers=headers)
    assert answer.status_code == 403 and "the service CHECKOUT" in answer.content.decode()


def test_evidence_by_hand_counts_for_the_service_in_any_spelling(as_ana: Client, checkout: Service, ana: User) -> None:
    story = create_story(checkout.squad, by=ana, title="Pay")  # type: ignore[arg-type]
    Environment.objects.create(key="Staging", slug="staging", name="Staging", tier="staging")
    said = {"kind": "test", "note": "seen", "service": "CHECKOUT", "environment": "STAGING"}
    address = f"/api/v1/stories/{story.key}/evidence/"
    assert as_ana.post(address, said, content_type="application/json").status_code == 201
    row = Evidence.objects.get()
    assert (row.service, row.environment) == ("checkout", "Staging")


@pytest.fixture
def twins(tell: Callable[..., None], payments: Squad, ana: User) -> Story:
    """Two environments and two services that are one each, as an older version made them, and a story of both."""
    for model, name in ((Environment, "key"), (Service, "name")):
        for spelled in ("Prod", "prod") if model is Environment else ("Shop", "shop"):
            model.objects.create(**{name: spelled}, slug=f"{spelled}-{spelled.islower()}", discovered=True)  # type: ignore[attr-defined]
    Environment.objects.update(name="Prod", tier="production", tier_confirmed=False)
    Environment.objects.filter(key="prod").update(tier_confirmed=True)
    Service.objects.filter(name="shop").update(squad=payments)
    for service, environment, version in (("Shop", "Prod", "1"), ("shop", "prod", "2"), ("shop", "Prod", "3")):
        tell("deployments", service=service, environment=environment, version=version)
    story = create_story(payments, by=ana, title="Pay")
    tell("acceptance-runs", story=story.key, environment="Prod", outcome="passed")
    return story


def test_twins_stay_two_until_they_are_merged_and_are_offered_for_it(as_pam: Client, twins: Story) -> None:
    assert Deployment.objects.filter(service__name="Shop").count() == 1
    assert Deployment.objects.filter(environment__key="Prod").count() == 2
    rows = as_pam.get("/api/v1/unmapped/?kind=twin").json()["results"]
    assert [(row["source"], row["name"], row["same_as"]) for row in rows] == [
        ("environment", "Prod", "prod"),
        ("service", "Shop", "shop"),
    ]
    page = as_pam.get("/sources/unmapped/?kind=twin").content.decode()
    assert "Merge into prod" in page and "Merge into shop" in page


def test_merged_twins_are_one_with_all_their_past(as_pam: Client, twins: Story, tell: Callable[..., None]) -> None:
    for kind, name, into in (("environment", "Prod", "prod"), ("service", "Shop", "shop")):
        said = {"kind": "twin", "name": name, "source": kind, "same_as": into, "back": "/sources/unmapped/"}
        assert (
            f"Merged {name} into {into}" in as_pam.post("/sources/unmapped/mend/", said, follow=True).content.decode()
        )
        again = as_pam.post(MERGERS, {"kind": kind, "name": name, "into": into}, content_type="application/json")
        assert again.status_code == 200
    _work()
    assert set(Deployment.objects.values_list("service__name", "environment__key")) == {("shop", "prod")}
    assert Evidence.objects.get(kind="acceptance").environment == "prod"
    tell("deployments", service="SHOP", environment="Prod", version="4")
    tell("deployments", service="Shop", environment="PROD", version="5")
    assert Deployment.objects.filter(service__name="shop", environment__key="prod").count() == 5
    before, evidence = _rows(), _evidence()
    rebuild()
    assert (_rows(), _evidence()) == (before, evidence)
    assert as_pam.get("/api/v1/unmapped/?kind=twin").json()["count"] == 0
    twin, shop = Environment.objects.get(key="Prod"), Service.objects.get(name="Shop")
    assert as_pam.get(twin.get_absolute_url())["Location"] == Environment.objects.get(key="prod").get_absolute_url()
    assert as_pam.get(shop.get_absolute_url())["Location"] == Service.objects.get(name="shop").get_absolute_url()
    assert [row["key"] for row in as_pam.get("/api/v1/environments/").json()["results"]] == ["prod"]
    assert [row["name"] for row in as_pam.get("/api/v1/services/").json()["results"]] == ["shop"]


def test_repositories_parts_and_evidence_by_hand_go_along(as_pam: Client, twins: Story, ana: User) -> None:
    twin = Service.objects.get(name="Shop")
    repository = Repository.objects.create(key="shop/mono", service=twin)
    RepositoryPart.objects.create(repository=repository, prefix="web", service=twin)
    hand = Evidence.objects.create(
        story=twins, kind="test", at=twin_time(), service="Shop", environment="Prod", by_hand=True, person=ana
    )
    for kind, name, into in (("environment", "Prod", "prod"), ("service", "Shop", "shop")):
        as_pam.post(MERGERS, {"kind": kind, "name": name, "into": into}, content_type="application/json")
    _work()
    hand.refresh_from_db()
    assert (hand.service, hand.environment) == ("shop", "prod")
    assert {repository.service.name for repository in Repository.objects.all()} == {"shop"}  # type: ignore[union-attr]
    assert RepositoryPart.objects.get().service.name == "shop"


def twin_time() -> Any:
    return AcceptanceRun.objects.get().finished_at


def test_a_repository_that_only_events_named_is_merged_into_its_twin(
    as_pam: Client,
    as_ana: Client,
    ana: User,
    payments: Squad,
    checkout: Service,
    tell: Callable[..., None],
    send: Send,
    ci: Source,
) -> None:
    story = create_story(payments, by=ana, title="Pay")
    sha = "a" * 40
    context = {"version": "0.4.1", "id": "1", "source": "/ci", "timestamp": "2026-03-01T08:00:00Z"}
    context["type"] = "dev.cdevents.change.merged.0.2.0"
    subject = {"id": sha, "content": {"repository": {"id": "Shop/Web"}}}
    merged = {"context": context, "subject": subject, "customData": {"message": story.key, "branch": "main"}}
    assert send("/hooks/ci/", merged).status_code == 202
    _work()
    tell("runs", repository="Shop/Web", commit=sha, outcome="success", pipeline="ci", id="1")
    twin = Repository.objects.get()
    change = Change.objects.get()
    said = {"sha": sha}
    hand = create_story(payments, by=ana, title="By hand")
    answer = as_ana.post(f"/api/v1/stories/{hand.key}/changes/", said, content_type="application/json")
    assert answer.status_code in (200, 201), answer.content
    Repository.objects.create(key="shop/web", service=checkout)
    rows = as_pam.get("/api/v1/unmapped/?kind=twin").json()["results"]
    assert [(row["source"], row["name"], row["same_as"]) for row in rows] == [("repository", "Shop/Web", "shop/web")]
    refused = {"kind": "repository", "name": "shop/web", "into": "Shop/Web"}
    assert as_pam.post(MERGERS, refused, content_type="application/json").status_code == 400
    done = {"kind": "repository", "name": "Shop/Web", "into": "shop/web"}
    for _ in range(2):
        assert as_pam.post(MERGERS, done, content_type="application/json").status_code == 200
        _work()
    assert [row.key for row in Repository.objects.all()] == ["shop/web"] and twin.pk != Repository.objects.get().pk
    assert Change.objects.get().repository.key == "shop/web" and Change.objects.get().pk != change.pk
    assert Run.objects.get().repository == Repository.objects.get()
    assert set(StoryLink.objects.values_list("key", "person__username")) == {(story.key, None), (hand.key, "ana")}
    before, evidence = _rows(), _evidence()
    assert any("checkout" in row for row in evidence)
    rebuild()
    assert (_rows(), _evidence()) == (before, evidence)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"kind": "environment", "name": "Prod", "into": "staging"}, "into"),
        ({"kind": "environment", "name": "Prod", "into": "Prod"}, "into"),
        ({"kind": "environment", "name": "no", "into": "prod"}, "name"),
        ({"kind": "squad", "name": "Prod", "into": "prod"}, "kind"),
    ],
)
def test_only_twins_are_merged(as_pam: Client, twins: Story, said: dict[str, str], field: str) -> None:
    answer = as_pam.post(MERGERS, said, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, field)


def test_services_of_two_squads_are_not_merged_and_members_merge_nothing(
    as_pam: Client, as_lea: Client, twins: Story, search: Squad
) -> None:
    said = {"kind": "service", "name": "Shop", "into": "shop"}
    assert as_lea.post(MERGERS, said, content_type="application/json").status_code == 403
    Service.objects.filter(name="Shop").update(squad=search)
    answer = as_pam.post(MERGERS, said, content_type="application/json")
    assert answer.status_code == 400 and "One squad has to own both first" in answer.content.decode()
