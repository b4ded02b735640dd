"""A release of two services that is ready: everything about it was told by systems, or said by people with their verbs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from releases.approvals.queries import content_now
from releases.contents.models import DeployOrder
from releases.environments.actions import create_environment
from releases.gates.findings import Finding
from releases.gates.readiness import GATES, Readiness
from releases.inbox.models import Source
from releases.mappings.models import MappingRule
from releases.outside_checks.actions import add_check
from releases.outside_checks.models import OutsideAnswer, OutsideCheck
from releases.pipelines.models import Repository
from releases.planning.actions import create_release
from releases.planning.models import Release
from releases.readiness.actions import add_item, need_flag, tick
from releases.readiness.gate_templates import save_template
from releases.readiness.models import ChecklistItem, FlagNeed
from releases.readiness.queries import readiness_of
from releases.reading.actions import drain_inbox
from squads.acceptance.actions import plan_accepters
from squads.models import Membership, Service, Squad, Story
from squads.stories.actions import create_story
from squads.stories.editing import edit_story
from tests.releases.conftest import TOKEN, source
from tests.releases.contents.conftest import Told
from tests.releases.evidence.conftest import API, hour, sha_of
from tests.releases.incidents.test_alerts import alert, body

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

EVERY_GATE = [{"gate": gate.name} for gate in GATES]
DIGESTS = {"checkout": "1f" * 32, "ledger": "2f" * 32}


def purl_of(service: str, digest: str = "") -> str:
    return f"pkg:oci/{service}@sha256%3A{digest or DIGESTS[service]}"


@dataclass
class Shop:
    """The release, and what can happen to it."""

    release: Release
    send: Callable[..., HttpResponse]
    squad: Squad
    ana: User
    pam: User
    ria: User
    alerts: Source
    services: dict[str, Service] = field(default_factory=dict)
    stories: dict[str, Story] = field(default_factory=dict)
    need: FlagNeed | None = None
    item: ChecklistItem | None = None
    check: OutsideCheck | None = None

    def browser(self, person: User | None = None) -> Client:
        """Return a browser that somebody is signed in with: Ana, unless another is named."""
        browser = Client()
        browser.force_login(person or self.ana)
        return browser

    def report(self, what: str, at: float, **said: Any) -> None:
        """A script reports something that ended at an hour."""
        answer = self.send(f"{API}{what}/", {**said, "finished_at": hour(at).isoformat()})
        assert answer.status_code in (200, 202), answer.content
        drain_inbox()

    def run(self, service: str, at: float, outcome: str = "success", **said: Any) -> None:
        """A run of the service's commit on its mainline ended."""
        own = {
            "id": f"{service}-{at}",
            "pipeline": "ci",
            "branch": "main",
            "commit": sha_of(service),
            "outcome": outcome,
        }
        self.report("runs", at, service=service, **{**own, **said})

    def deploy(self, service: str, environment: str, at: float, **said: Any) -> None:
        """The service's artifact was deployed."""
        own = {"commit": sha_of(service), "artifact": purl_of(service)}
        self.report("deployments", at, service=service, environment=environment, **{**own, **said})

    def test(self, service: str, at: float, outcome: str = "passed", **said: Any) -> None:
        """The service was tested in staging."""
        own = {"name": "smoke", "outcome": outcome, "environment": "staging", "service": service}
        own |= {"started_at": hour(at - 0.1).isoformat()}
        self.report("acceptance-runs", at, **{**own, **said})

    def flag(self, on: bool, at: str, environment: str = "production") -> None:
        """The flag of PAY-1 was turned on or off."""
        answer = self.send(f"{API}flag-states/", {"flag": "refunds", "environment": environment, "on": on, "at": at})
        assert answer.status_code in (200, 202), answer.content
        drain_inbox()

    def alert(self, name: str, began: float, ended: float | None = None, **labels: str) -> None:
        """Alertmanager told of an alert."""
        told = body(alert(name, began, ended, **labels), group=name)
        assert self.send(f"/hooks/{self.alerts.key}/", told).status_code == 202
        drain_inbox()

    def readiness(self) -> Readiness:
        """Judge it now."""
        self.release.refresh_from_db()
        return readiness_of([self.release])[self.release.pk]

    def gate(self, name: str) -> Finding:
        """Return what one gate says now."""
        return next(each for each in self.readiness().findings if each.gate == name)

    def states(self) -> dict[str, str]:
        """Return the state of every gate."""
        return {each.gate: each.state for each in self.readiness().findings}


def _tell_of(shop: Shop, name: str) -> None:
    """A service with a repository, a story with a commit there, tagged, built, deployed to staging and tested."""
    service, _ = Service.objects.get_or_create(name=name, slug=name, defaults={"squad": shop.squad})
    repository = Repository.objects.create(key=f"shop/{name}", service=service)
    config = {"repository": repository.key, "release_tags": "v*", "release_line": "Shop"}
    git = Source.objects.create(key=f"git-{name}", name=name, kind="git", repository=repository, config=config)
    story = create_story(shop.squad, by=shop.ana, title=f"Refund with {name}", release=shop.release)
    shop.services[name], shop.stories[name] = service, story
    history = Told(git, shop.send)
    history.touch(name, f"{story.key} refund\n\nSchema-Change: Expand", 0, files=(f"{name}/migrations/0001_a.py",))
    history.look(name, **{"v1.0": (name, 1)})
    shop.run(name, 2, artifact=purl_of(name))
    shop.deploy(name, "staging", 3)
    shop.test(name, 4)


def _person(name: str, **fields: Any) -> User:
    return User.objects.create_user(name, f"{name}@example.org", first_name=name.title(), **fields)


def _post(path: str, told: Any) -> HttpResponse:
    headers: Any = {"Authorization": f"Bearer {TOKEN}"}
    return Client().post(path, json.dumps(told), content_type="application/json", headers=headers)  # type: ignore[return-value]


def build() -> Shop:
    """Have everything told and said about the release Shop 1.0."""
    cache.clear()
    squad = Squad.objects.create(name="Payments", slug="payments", key_prefix="PAY")
    ana, pam, ria = _person("ana"), _person("pam", is_project_manager=True), _person("ria")
    Membership.objects.create(squad=squad, user=ana)
    for key in ("production", "staging"):
        create_environment(by=pam, key=key, tier=key)
    MappingRule.objects.create(kind="alert", pattern="*", role="incident")
    source("scripts", "report")
    release = create_release(by=pam, version="1.0", line="Shop")
    shop = Shop(release, _post, squad, ana, pam, ria, source("am", "alertmanager"))
    for name in ("checkout", "ledger"):
        _tell_of(shop, name)
    shop.alert("Watchdog", 60, 61)
    save_template(by=pam, line="Shop", gates=EVERY_GATE, monitors=["am"], version=0)
    edit_story(shop.stories["checkout"], by=ana, flag="refunds")
    plan_accepters(shop.stories.values(), pam, by=pam)
    shop.flag(False, hour(5).isoformat())
    shop.need = need_flag(release, by=pam, flag="refunds", on=False)
    DeployOrder.objects.create(first=shop.services["checkout"], then=shop.services["ledger"], by=pam)
    shop.item = add_item(by=pam, line="Shop", text="Tell support")
    tick(shop.item, release, by=ana)
    shop.check = add_check(by=pam, release=release, name="Change board", url="https://change.example.org/{version}")
    said(shop, "success")
    return shop


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: "DjangoDbBlocker") -> Iterator[Shop]:
    """The release, made once for all tests of a module, which each undo what they do."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


@pytest.fixture
def shop(built: Shop, db: None) -> Shop:
    """The ready release Shop 1.0."""
    cache.clear()
    return replace(built, release=Release.objects.get(pk=built.release.pk))


def said(shop: Shop, outcome: str) -> None:
    """What the change board said a minute ago; asking it over HTTP has tests of its own."""
    at = clock.now() - timedelta(minutes=1)
    row = OutsideAnswer.objects.filter(of=shop.check)
    content = content_now(shop.release).digest
    row.update(outcome=outcome, detail="It said so.", content=content, at=at, since=at, wanted_at=None)
