"""A pipeline asks whether it may deploy: only “ready” lets it, and who asked is written down."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry
from portal.retention.actions import delete_old_rows
from releases.deployment_checks import actions, queries
from releases.deployment_checks.models import CheckToken, DeploymentCheck
from releases.mappings.merging import merge_twins
from releases.models import Release, ReleaseContent
from releases.planning.actions import abandon_release, create_release, edit_release
from squads.models import Service, Squad, Story
from tests.releases.deployment_checks.conftest import SHA

pytestmark = pytest.mark.django_db
ASK = "/api/v1/deployment-checks/"
Make = Callable[[bool], None]


def ask(client: Client, bearer: dict[str, Any], **named: str) -> Any:
    return client.get(ASK, named, **bearer)


def test_a_ready_release_may_be_deployed(client: Client, bearer: Any, make_ready: Make, release: Release) -> None:
    make_ready(True)
    answer = ask(client, bearer, service="checkout", commit=SHA)
    said = answer.json()
    assert answer.status_code == 200 and said["ready"] is True and said["verdict"] == "ready"
    assert said["release"] == release.slug and said["services"] == ["checkout"]
    assert said["sentence"] == "Ready."
    assert "no-store" in answer["Cache-Control"]


def test_one_that_is_not_ready_is_a_problem_that_names_the_gates(client: Client, bearer: Any, make_ready: Make) -> None:
    make_ready(False)
    answer = ask(client, bearer, service="checkout", commit=SHA)
    said = answer.json()
    assert answer.status_code == 412 and answer["Content-Type"] == "application/problem+json"
    assert said["ready"] is False and said["verdict"] == "not_ready" and said["status"] == 412
    assert said["detail"].startswith("Not ready. 1 gate doesn’t pass: Checklist.")
    assert "Checklist: failed" in [each["detail"] for each in said["errors"]]


def test_a_token_learns_the_verdict_and_who_may_read_learns_the_judgement(
    client: Client, as_ana: Client, bearer: Any, make_ready: Make
) -> None:
    for ready in (False, True):
        make_ready(ready)
        for path in (ASK, f"{ASK}argo-rollouts/"):
            named = {"service": "checkout", "commit": SHA}
            seen = client.get(path, named, **bearer)
            assert seen.json()["readiness"] is None and "Tell support" not in seen.content.decode()
            gates = as_ana.get(path, named).json()["readiness"]["gates"]
            assert [gate["passes"] for gate in gates] == [ready]
    make_ready(False)
    assert "Tell support" in as_ana.get(ASK, named).content.decode()


def test_it_is_judged_again_at_every_press(client: Client, bearer: Any, make_ready: Make) -> None:
    for ready, status in ((True, 200), (False, 412), (True, 200)):
        make_ready(ready)
        assert ask(client, bearer, commit=SHA).status_code == status


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({}, "Say what is to be deployed"),
        ({"commit": "a" * 40}, "No release ships aaaaaaa of checkout"),
        ({"release": "shop-1.0", "commit": "a" * 40}, "ships 5275a45 of checkout, not aaaaaaa"),
        ({"release": "nothing"}, "There’s no release “nothing”"),
        ({"release": "shop-1.0", "version": "1.1"}, "is not version 1.1"),
        ({"tag": "v1"}, "No release ships v1 of checkout"),
        ({"digest": "sha256:abc"}, "No release ships sha256:abc of checkout"),
    ],
)
def test_what_nobody_can_tell_is_unknown_and_not_allowed(
    client: Client, bearer: Any, make_ready: Make, named: dict[str, str], why: str
) -> None:
    make_ready(True)
    answer = ask(client, bearer, **named)
    assert answer.status_code == 412 and answer.json()["verdict"] == "unknown"
    assert why in answer.json()["sentence"]


def test_of_several_releases_that_ship_a_commit_none_is_guessed(
    client: Client, bearer: Any, make_ready: Make, ana: User, checkout: Service
) -> None:
    make_ready(True)
    other = create_release(by=ana, line="Shop", version="1.1")
    ReleaseContent.objects.create(release=other, service=checkout, sha=SHA, by=ana)
    answer = ask(client, bearer, commit=SHA)
    assert answer.status_code == 412 and "Several releases ship it" in answer.json()["sentence"]
    assert ask(client, bearer, commit=SHA, release="shop-1.0").status_code == 200


def test_a_release_is_found_by_the_start_of_a_commit_by_its_version_and_by_its_old_name(
    client: Client, bearer: Any, make_ready: Make, release: Release, ana: User
) -> None:
    make_ready(True)
    assert ask(client, bearer, commit=SHA[:7].upper()).status_code == 200
    assert ask(client, bearer, version="v1.0").status_code == 200
    edit_release(release, by=ana, version="1.0.0", line="Shop")
    assert ask(client, bearer, release="shop-1.0").json()["release"] == "shop-1.0.0"


def test_a_planned_release_is_found_however_old_its_tag_is_until_it_is_out(
    client: Client, bearer: Any, make_ready: Make, release: Release, pam: User
) -> None:
    make_ready(True)
    long_ago = clock.now() - timedelta(days=90)
    Release.objects.filter(pk=release.pk).update(tagged_at=long_ago, released_at=long_ago)
    assert ask(client, bearer, commit=SHA).status_code == 200
    edit_release(release, by=pam, released_at=clock.now() - timedelta(days=31))
    assert "No release ships 5275a45" in ask(client, bearer, commit=SHA).json()["sentence"]


def test_where_not_all_releases_were_looked_at_it_says_so(
    client: Client, bearer: Any, make_ready: Make, pam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ready(True)
    monkeypatch.setattr(queries, "MOST_RELEASES", 1)
    assert ask(client, bearer, commit=SHA).status_code == 200
    create_release(by=pam, version="9.9", line="Shop")
    said = ask(client, bearer, commit=SHA).json()["sentence"]
    assert "None of the newest 1 releases ships 5275a45 of checkout." in said


def test_a_release_that_does_not_ship_the_service_is_no_leave_to_deploy_it(
    client: Client, search: Squad, bo: User, release: Release, make_ready: Make, root: User
) -> None:
    make_ready(True)
    index = Service.objects.create(name="index", slug="index", squad=search)
    _, secret = actions.create_token(index, by=root, name="CI", days=30)
    answer = ask(client, {"headers": {"Authorization": f"Bearer {secret}"}}, release="shop-1.0")
    assert answer.status_code == 412 and "doesn’t ship index" in answer.json()["sentence"]


@pytest.mark.parametrize(
    ("named", "field"),
    [
        ({"service": "chekout"}, "service"),
        ({"commit": "abc"}, "commit"),
        ({"comit": SHA}, "comit"),
        ({"service": "x" * 131}, "service"),
    ],
)
def test_a_question_that_cannot_be_read_names_the_field(
    client: Client, bearer: Any, release: Release, named: dict[str, str], field: str
) -> None:
    answer = ask(client, bearer, **named)
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == field


def test_whoever_may_read_is_told_the_nearest_service(as_ana: Client, release: Release) -> None:
    answer = as_ana.get(ASK, {"service": "chekout", "commit": SHA})
    (error,) = answer.json()["errors"]
    assert answer.status_code == 400 and error["attr"] == "service"
    assert error["detail"] == "There’s no service “chekout”. Did you mean “checkout”?"
    far = as_ana.get(ASK, {"service": "zzz", "commit": SHA}).json()["errors"][0]["detail"]
    assert far == "There’s no service “zzz”. /api/v1/services/ lists them."


def test_a_release_that_was_abandoned_is_not_deployed_unless_it_went_out_all_the_same(
    client: Client, bearer: Any, make_ready: Make, release: Release, ana: User, pam: User
) -> None:
    make_ready(True)
    abandon_release(release, by=pam, because="Nobody needs it.")
    assert "was abandoned" in ask(client, bearer, release=release.slug).json()["sentence"]
    assert "No release ships" in ask(client, bearer, commit=SHA).json()["sentence"]
    Story.objects.update(stage="deployed")
    assert [ask(client, bearer, **named).status_code for named in ({"release": release.slug}, {"commit": SHA})] == [
        200
    ] * 2
    Story.objects.update(stage="in_progress")
    edit_release(release, by=pam, released_at=clock.now() - timedelta(days=1))
    assert [ask(client, bearer, **named).status_code for named in ({"release": release.slug}, {"commit": SHA})] == [
        200
    ] * 2


def test_no_token_learns_who_chose_what_is_shipped(
    client: Client, bearer: Any, token: str, make_ready: Make, ana: User
) -> None:
    make_ready(True)
    ReleaseContent.objects.update(sha="", purl="pkg:oci/checkout@sha256:abc", by=ana)
    named = {"release": "shop-1.0", "commit": SHA}
    said = {"phase": "Progressing", "metadata": {"token": token, **named}}
    for answer in (
        ask(client, bearer, **named),
        client.get(f"{ASK}argo-rollouts/", named, **bearer),
        client.post("/deployment-checks/flagger/", said, content_type="application/json"),
    ):
        assert "isn’t known, so it may not be 5275a45." in answer.content.decode()
        assert ana.name not in answer.content.decode() and ana.username not in answer.content.decode()


# Who asks


def test_a_token_asks_about_its_service_only_and_opens_nothing_else(
    client: Client, bearer: Any, release: Release, search: Squad
) -> None:
    Service.objects.create(name="index", slug="index", squad=search)
    answer = ask(client, bearer, service="index", commit=SHA)
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == "service"
    misspelt = ask(client, bearer, service="indx", commit=SHA)
    for each, name in ((answer, "index"), (misspelt, "indx")):
        assert f"asks about checkout only, not “{name}”" in each.json()["detail"], "which others there are isn’t told"
    assert client.get("/api/v1/stories/", **bearer).status_code == 401
    assert client.get("/api/v1/services/checkout/deployment-checks/", **bearer).status_code == 401


def test_nobody_asks_without_signing_in_and_where_reading_is_open_nobody_is_written_down(
    client: Client, release: Release, settings: Any
) -> None:
    assert ask(client, {}, service="checkout", commit=SHA).status_code == 401
    settings.RODEO_OPEN_READING = True
    assert ask(client, {}, service="checkout", commit=SHA).status_code == 412
    assert ask(client, {"headers": {"Authorization": "Bearer check_wrong"}}).status_code == 401
    assert not DeploymentCheck.objects.exists()


def test_a_revoked_or_expired_token_asks_nothing(client: Client, bearer: Any, release: Release, lea: User) -> None:
    token = CheckToken.objects.get()
    CheckToken.objects.update(expires_at=clock.now())
    assert ask(client, bearer, commit=SHA).status_code == 401
    CheckToken.objects.update(expires_at=clock.now() + timedelta(days=1))
    assert ask(client, bearer, commit=SHA).status_code == 412
    actions.revoke_token(token, by=lea)
    assert ask(client, bearer, commit=SHA).status_code == 401


def test_the_tokens_of_a_service_that_is_merged_into_another_ask_about_that_one(
    client: Client, release: Release, checkout: Service, payments: Squad, root: User, lea: User
) -> None:
    twin = Service.objects.create(name="CHECKOUT", slug="checkout-2", squad=payments)
    token, secret = actions.create_token(twin, by=lea, name="Old CI", days=30)
    closed, _ = actions.create_token(twin, by=lea, name="Closed", days=30)
    actions.revoke_token(closed, by=lea)
    merge_twins("service", "CHECKOUT", "checkout", by=root)
    assert set(CheckToken.objects.values_list("service", flat=True)) == {checkout.pk}
    answer = ask(client, {"headers": {"Authorization": f"Bearer {secret}"}}, release=release.slug)
    assert answer.json()["services"] == ["checkout"] and answer.json()["release"] == release.slug
    did = f"moved the deployment check token {token} from CHECKOUT to checkout, which it was merged into"
    assert AuditEntry.objects.filter(did=did, by=root, kind="token", key="checkout").exists()
    assert AuditEntry.objects.filter(did__startswith="moved").count() == 1, "a closed token opens nothing"
    actions.revoke_token(CheckToken.objects.get(pk=token.pk), by=lea)


def test_a_squads_api_token_asks_as_well_and_a_person_is_no_pipeline(
    client: Client, as_ana: Client, release: Release, payments: Squad, lea: User, checkout: Service
) -> None:
    _, secret = make_token(by=lea, name="Deployer", scopes=["read"], days=30, squad=payments)
    ask(client, {"headers": {"Authorization": f"Bearer {secret}"}}, service="checkout", commit=SHA)
    as_ana.get(ASK, {"service": "checkout", "commit": SHA})
    assert list(DeploymentCheck.objects.order_by("pk").values_list("asker", "by")) == [
        ("script", "Deployer"),
        ("person", "ana"),
    ]
    page = as_ana.get("/services/checkout/deployment-checks/").content.decode()
    assert "has never asked us" not in page and "Deployer" in page


def test_who_looks_in_a_browser_leaves_the_pipeline_one_that_never_asked(
    as_ana: Client, release: Release, checkout: Service
) -> None:
    as_ana.get(ASK, {"service": "checkout", "commit": SHA})
    page = as_ana.get(f"/releases/{release.slug}/deployment-checks/").content.decode()
    assert "The pipeline of checkout has never asked us" in page


@pytest.mark.parametrize(
    "named", [{"commit": "a" * 40}, {"release": "shop-1.0", "commit": "a" * 40}, {"tag": "v9"}, {}]
)
def test_an_ask_is_an_ask_whatever_the_answer(
    client: Client, as_ana: Client, bearer: Any, release: Release, named: dict[str, str]
) -> None:
    assert ask(client, bearer, **named).json()["verdict"] == "unknown"
    for path in (f"/releases/{release.slug}/deployment-checks/", "/services/checkout/deployment-checks/"):
        assert "has never asked us" not in as_ana.get(path).content.decode()


def test_the_same_answer_again_is_counted_in_one_row(client: Client, bearer: Any, make_ready: Make) -> None:
    for ready in (False, False, False, True):
        make_ready(ready)
        ask(client, bearer, commit=SHA)
    assert list(DeploymentCheck.objects.order_by("pk").values_list("verdict", "times")) == [
        ("not_ready", 3),
        ("ready", 1),
    ]


def test_asking_about_a_whole_release_is_asking_about_each_service_it_ships(
    client: Client, release: Release, make_ready: Make, lea: User, ana: User, payments: Squad
) -> None:
    make_ready(True)
    gateway = Service.objects.create(name="gateway", slug="gateway", squad=payments)
    ReleaseContent.objects.create(release=release, service=gateway, sha="b" * 40, by=ana)
    _, secret = make_token(by=lea, name="Deployer", scopes=["read"], days=30, squad=payments)
    answer = ask(client, {"headers": {"Authorization": f"Bearer {secret}"}}, release=release.slug)
    assert answer.json()["services"] == ["checkout", "gateway"]
    assert set(DeploymentCheck.objects.values_list("service__name", flat=True)) == {"checkout", "gateway"}


# The pages


def test_services_whose_pipeline_never_asked_come_first(
    client: Client, as_ana: Client, bearer: Any, release: Release, ana: User, payments: Squad
) -> None:
    zebra = Service.objects.create(name="zebra", slug="zebra", squad=payments)
    ReleaseContent.objects.create(release=release, service=zebra, sha="b" * 40, by=ana)
    ask(client, bearer, commit=SHA)
    for path in (f"/releases/{release.slug}/deployment-checks/", "/deployment-checks/"):
        page = as_ana.get(path).content.decode()
        assert page.index(">zebra</a>") < page.index(">checkout</a>") and "never asked" in page and "Jenkins" in page
    rows = as_ana.get(f"/api/v1/releases/{release.slug}/deployment-checks/").json()["results"]
    assert [(row["service"], row["never_asked"]) for row in rows] == [("zebra", True), ("checkout", False)]
    assert rows[1]["about_this_release"]["verdict"] == "not_ready"


def test_the_services_of_a_release_come_in_pages(as_ana: Client, release: Release, ana: User, payments: Squad) -> None:
    services = [Service(name=f"s{number:02}", slug=f"s{number:02}", squad=payments) for number in range(59)]
    for service in Service.objects.bulk_create(services):
        ReleaseContent.objects.create(release=release, service=service, sha="b" * 40, by=ana)
    place = f"/releases/{release.slug}/deployment-checks/"
    first, second = (as_ana.get(place, {"page": number}).content.decode() for number in (1, 2))
    assert "The pipelines of 60 services have never asked us" in first and ">s58</a>" not in first
    assert ">s58</a>" in second and ">checkout</a>" not in second
    rows = as_ana.get(f"/api/v1{place}", {"page_size": 50}).json()
    assert len(rows["results"]) == 50 and rows["next"]


def test_a_release_that_ships_nothing_says_what_will_be_here(as_ana: Client, ana: User) -> None:
    made = create_release(by=ana, version="2.0")
    assert "It ships none yet" in as_ana.get(f"/releases/{made.slug}/deployment-checks/").content.decode()


def test_the_pages_take_as_many_queries_for_many_services_as_for_two(
    as_ana: Client, ana: User, lea: User, payments: Squad, release: Release, client: Client, bearer: Any
) -> None:
    ask(client, bearer, commit=SHA)
    counts = []
    for number in range(13):
        service = Service.objects.create(name=f"s{number}", slug=f"s{number}", squad=payments)
        ReleaseContent.objects.create(release=release, service=service, sha="b" * 40, by=ana)
        _, secret = actions.create_token(service, by=lea, name="CI", days=30)
        ask(client, {"headers": {"Authorization": f"Bearer {secret}"}}, release=release.slug)
        if number in (0, 12):
            place = f"/releases/{release.slug}/deployment-checks/"
            for path in (place, f"/api/v1{place}", "/deployment-checks/"):
                with CaptureQueriesContext(connection) as queries:
                    as_ana.get(path)
                counts.append(len(queries))
    assert counts[:3] == counts[3:]


def test_the_page_of_a_service_says_where_the_rest_is_written_down(as_ria: Client, checkout: Service) -> None:
    said = as_ria.get(f"/services/{checkout.slug}/deployment-checks/").content.decode()
    assert "<code>docs/deployment-checks.md</code>, which comes with Rodeo" in said


def test_a_lead_makes_a_token_that_is_shown_once(as_lea: Client, as_ana: Client, checkout: Service) -> None:
    path = "/services/checkout/deployment-checks/"
    answer = as_lea.post(f"{path}tokens/", {"name": "Jenkins", "days": 30})
    secret = answer.content.decode().split('id="token"')[1].split(">")[1].split("<")[0]
    assert answer.status_code == 201 and secret.startswith("check_")
    assert secret not in as_lea.get(path).content.decode()
    assert as_ana.post(f"{path}tokens/", {"name": "Mine", "days": 30}).status_code == 403
    assert as_lea.post(f"{path}tokens/", {"name": "", "days": 30}).status_code == 400
    as_lea.post(f"{path}tokens/{CheckToken.objects.get().pk}/revoke/")
    assert not CheckToken.objects.get().is_open
    assert [each.kind for each in AuditEntry.objects.all()] == ["token", "token"]


def test_tokens_over_the_api(as_lea: Client, as_bo: Client, checkout: Service) -> None:
    path = "/api/v1/services/checkout/deployment-check-tokens/"
    made = as_lea.post(path, {"name": "CI", "days": 7}, content_type="application/json")
    assert made.status_code == 201 and made.json()["token"].startswith("check_")
    (row,) = as_lea.get(path).json()["results"]
    assert row["name"] == "CI" and "token" not in row
    assert as_bo.delete(f"{path}{row['id']}/").status_code == 403
    assert as_lea.delete(f"{path}{row['id']}/").status_code == 204


def test_a_service_has_no_more_tokens_than_anybody_keeps_track_of(checkout: Service, lea: User, as_lea: Client) -> None:
    for number in range(actions.MOST_TOKENS):
        actions.create_token(checkout, by=lea, name=str(number), days=30)
    answer = as_lea.post("/services/checkout/deployment-checks/tokens/", {"name": "More", "days": 30})
    assert answer.status_code == 400 and "Revoke one first" in answer.content.decode()


def test_an_open_token_is_shown_however_many_were_revoked_since(as_lea: Client, checkout: Service, lea: User) -> None:
    actions.create_token(checkout, by=lea, name="The old one", days=365)
    for number in range(actions.MOST_TOKENS * 2 + 1):
        actions.create_token(checkout, by=lea, name=f"t{number}", days=7)[0].revoke(by=lea)
    assert "Revoke The old one" in as_lea.get("/services/checkout/deployment-checks/").content.decode()


def test_old_answers_are_deleted_but_the_newest_of_each_service(
    client: Client, bearer: Any, make_ready: Make, checkout: Service
) -> None:
    for ready in (False, True):
        make_ready(ready)
        ask(client, bearer, commit=SHA)
    old = clock.now() - timedelta(days=actions.KEEP_DAYS + 2)
    DeploymentCheck.objects.filter(verdict="not_ready").update(at=old - timedelta(days=1))
    DeploymentCheck.objects.filter(verdict="ready").update(at=old)
    delete_old_rows()
    assert DeploymentCheck.objects.get().verdict == "ready"
