"""Whatever people say about names, and whenever: what was read meanwhile is what a rebuild makes of it."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from portal.kernel import outbox
from releases.models import AcceptanceRun, Deployment, Environment, MappingRule, Repository, RepositoryPart, Run, Source
from releases.providers.signatures import sign
from releases.reading.actions import drain_inbox, rebuild
from squads.models import Evidence, Service, Squad, Story
from squads.stories.actions import create_story

Send = Callable[..., Any]
PLACES = ("production", "Production", "web-prod", "API-prod", "blue", "Blue", "staging")
SERVICES = ("mono", "mono-web", "Mono-Web", "MONO-API", "other")
SECRET = "between-us"


def _work() -> None:
    while outbox.deliver() + drain_inbox():
        pass


def _rows() -> list[Any]:
    rows: list[Any] = [sorted(str(row) for row in model.objects.values()) for model in (Deployment, AcceptanceRun, Run)]
    columns = ("kind", "service", "environment", "tier", "verdict", "shas", "label", "detail")
    rows.append(sorted(map(str, Evidence.objects.values_list(*columns))))
    return [*rows, sorted(Story.objects.values_list("key", "stage"))]


class People:
    """What happens, one thing after another: events come in, and people say what the names in them mean."""

    def __init__(self, browser: Client, send: Send, choose: random.Random) -> None:
        self.browser, self.send, self.choose = browser, send, choose
        self.count = 0

    def step(self) -> None:
        """Do any of it."""
        self.count += 1
        events = (self.deploy, self.deploy_whole) * 3
        people = (self.check, self.rule, self.unrule, self.part, self.unpart, self.tier, self.claim, self.merge)
        self.choose.choice((*events, *people))()
        _work()

    def _api(self, path: str, **said: Any) -> None:
        self.browser.post(f"/api/v1/{path}/", said, content_type="application/json")

    def _at(self) -> str:
        return f"2026-03-02T{self.count // 60:02}:{self.count % 60:02}:00Z"

    def deploy(self) -> None:
        """A script deploys a service."""
        said = {"service": self.choose.choice(SERVICES), "environment": self.choose.choice(PLACES)}
        sha = self.choose.choice("abc") * 40
        self.send("/api/v1/deployments/", {**said, "commit": sha, "finished_at": self._at()})

    def deploy_whole(self) -> None:
        """GitHub deploys the repository."""
        place, sha = self.choose.choice(PLACES), self.choose.choice("abc") * 40
        moments = {"created_at": self._at(), "updated_at": self._at()}
        said = {
            "action": "created",
            "repository": {"full_name": self.choose.choice(("shop/mono", "Shop/Mono")), "default_branch": "main"},
            "deployment": {"id": self.count, "sha": sha, "ref": "main", "environment": place, **moments},
            "deployment_status": {"id": self.count, "state": "success", "environment": place, **moments},
        }
        body = json.dumps(said).encode()
        headers: Any = {"X-GitHub-Event": "deployment_status", "X-GitHub-Delivery": f"{self.count}"}
        headers["X-Hub-Signature-256"] = sign(body, SECRET)
        Client().post("/hooks/github/", body, content_type="application/json", headers=headers)

    def check(self) -> None:
        """A story is checked somewhere."""
        said = {"story": "PAY-1", "environment": self.choose.choice(PLACES), "outcome": "passed"}
        self.send("/api/v1/acceptance-runs/", {**said, "finished_at": self._at()})

    def rule(self) -> None:
        """Somebody says what an environment's name means."""
        said = {"environment": self.choose.choice(PLACES), "tier": self.choose.choice(("", "production", "staging"))}
        said["service"] = self.choose.choice(("", "", *SERVICES))
        self._api("mapping-rules", kind="environment", pattern=self.choose.choice((*PLACES, "*prod*")), **said)

    def unrule(self) -> None:
        """Somebody takes a rule back."""
        for row in MappingRule.objects.all()[:1]:
            self.browser.delete(f"/api/v1/mapping-rules/{row.pk}/")

    def part(self) -> None:
        """Somebody gives a folder to a service."""
        folder = self.choose.choice(("web", "api"))
        self._api("repository-parts", repository="shop/mono", folder=folder, service=f"mono-{folder}")

    def unpart(self) -> None:
        """Somebody takes it back."""
        for row in RepositoryPart.objects.all()[:1]:
            self.browser.delete(f"/api/v1/repository-parts/{row.pk}/")

    def tier(self) -> None:
        """Somebody confirms a tier, or says another."""
        rows = list(Environment.objects.unmerged().order_by("pk"))
        for row in self.choose.sample(rows, min(1, len(rows))):
            self._api(
                f"environments/{row.slug}/confirmation", tier=self.choose.choice(("production", "staging", "other"))
            )

    def claim(self) -> None:
        """The repository gets or loses its service."""
        service = Service.objects.get(name="mono")
        keys = [] if Repository.objects.filter(service=service).exists() else ["SHOP/mono"]
        said = json.dumps({"repositories": keys})
        self.browser.patch(f"/api/v1/services/{service.slug}/", said, content_type="application/json")

    def merge(self) -> None:
        """Twins are merged, where there are any."""
        for row in self.browser.get("/api/v1/unmapped/?kind=twin").json()["results"][:1]:
            self._api("mergers", kind=row["source"], name=row["name"], into=row["same_as"])


@pytest.mark.parametrize("seed", range(4))
def test_what_people_say_of_names_is_the_same_as_if_it_had_always_been_said(
    as_root: Client, ana: Any, scripts: Source, send: Send, payments: Squad, seed: int
) -> None:
    Source.objects.create(key="github", name="GitHub", kind="github", secret=SECRET)
    service = Service.objects.create(name="mono", slug="mono", squad=payments)
    repository = Repository.objects.create(key="shop/mono", service=service)
    # As an older version left them.
    for name in ("Mono-Web", "mono-web"):
        Service.objects.create(name=name, slug=f"twin-{name}", squad=payments)
    for key in ("blue", "Blue"):
        Environment.objects.create(key=key, slug=f"twin-{key}", name=key, discovered=True, tier_confirmed=False)
    create_story(payments, by=ana, title="Pay")
    _merge_commits(repository)
    people = People(as_root, send, random.Random(seed))
    for _ in range(25):
        people.step()
    before = _rows()
    rebuild()
    _work()
    assert _rows() == before


def _merge_commits(repository: Repository) -> None:
    """Have three commits of the story merged, of which two touch a part."""
    for number, (letter, path) in enumerate((("a", "web/a"), ("b", "api/b"), ("c", "readme"))):
        moment = f"2026-03-01T0{number}:00:00Z"
        pull = {
            "number": number + 1,
            "title": "PAY-1 pay",
            "body": "",
            "merged": True,
            "state": "closed",
            "merge_commit_sha": letter * 40,
            "merged_at": moment,
            "head": {"ref": path, "sha": letter * 40},
            "base": {"ref": "main", "repo": {"full_name": repository.key, "default_branch": "main"}},
            "user": {"login": "ana"},
        }
        body = json.dumps({"action": "closed", "pull_request": pull, "repository": pull["base"]["repo"]}).encode()  # type: ignore[index]
        headers: Any = {"X-GitHub-Event": "pull_request", "X-GitHub-Delivery": f"pull-{number}"}
        headers["X-Hub-Signature-256"] = sign(body, SECRET)
        assert (
            Client().post("/hooks/github/", body, content_type="application/json", headers=headers).status_code == 202
        )
    _work()
