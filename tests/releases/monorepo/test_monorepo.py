"""One repository, several services: a change belongs to those whose folders it touches, found in real git."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.kernel import outbox
from portal.kernel.stable_ids import stable_id
from releases.evidence.actions import derive_affected
from releases.inbox.actions import store
from releases.inbox.affected import Affected
from releases.models import Change, Deployment, Fact, Repository, RepositoryPart, Source
from releases.pipelines.projection import project_change
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox, rebuild
from squads.models import Evidence, Service, Squad, Story
from squads.stories.actions import create_story

Send = Callable[..., HttpResponse]
PARTS = "/sources/mapping/parts/"
API = "/api/v1/repository-parts/"


@pytest.fixture
def story(payments: Squad, ana: Any) -> Story:
    return create_story(payments, by=ana, title="Pay by card")


@pytest.fixture
def shop(repo: Any, checkout: Service, story: Story) -> Source:
    """A repository with two services in folders, connected to git, whose story touched both of them."""
    for path in ("services/pay/a", "services/mail/a", "README"):
        file = repo.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    repo.run("add", ".")
    repo.commit("First")
    (repo.path / "services/pay/a").write_text("2")
    repo.run("add", ".")
    repo.commit(f"{story.key} pay")
    repository = Repository.objects.create(key="shop/checkout", service=checkout)
    return Source.objects.create(
        key="shop", name="shop", kind="git", config={"url": str(repo.path)}, repository=repository
    )


def _pull(source: Source) -> None:
    lease = leases.lease_now(source)
    assert lease is not None and pulling.pull_source(source.pk, lease) is not None, Source.objects.get().last_error
    _work()


def _work() -> None:
    while outbox.deliver() + drain_inbox():
        pass


def _add(browser: Client, prefix: str, service: str) -> Any:
    return browser.post(f"{PARTS}new/", {"repository": "shop/checkout", "folder": prefix, "service": service})


def _services(story: Story) -> list[str]:
    return sorted(Evidence.objects.filter(story=story, kind="change").values_list("service", flat=True))


def _rows() -> list[Any]:
    return [sorted(str(row) for row in model.objects.values()) for model in (Change, Evidence)]


def test_a_part_added_later_takes_over_its_past(as_pam: Client, shop: Source, story: Story) -> None:
    _pull(shop)
    assert _services(story) == ["checkout"] and not Change.objects.exclude(depth=0).exists()
    assert _add(as_pam, "/services/pay/", "pay").status_code == 302
    _pull(shop)
    assert _services(story) == ["pay"]
    before = _rows()
    rebuild()
    assert _rows() == before
    as_pam.post(f"{PARTS}{RepositoryPart.objects.get().pk}/remove/")
    _work()
    assert _services(story) == ["checkout"]


def test_a_change_that_touches_two_services_needs_both_deployed(
    as_pam: Client, shop: Source, story: Story, repo: Any, scripts: Source, send: Send
) -> None:
    (repo.path / "services/mail/a").write_text("2")
    (repo.path / "services/pay/a").write_text("3")
    repo.run("add", ".")
    sha = repo.commit(f"{story.key} both")
    _add(as_pam, "services/pay", "pay")
    _add(as_pam, "services/mail", "mail")
    _pull(shop)
    assert _services(story) == ["mail", "pay", "pay"]
    send("/api/v1/runs/", {"id": "1", "outcome": "success", "commit": sha, "repository": "shop/checkout"})

    def deploy(service: str, commit: str) -> str:
        said = {"service": service, "environment": "production", "commit": commit, "outcome": "success"}
        assert send("/api/v1/deployments/", said).status_code < 300
        _work()
        story.refresh_from_db()
        return story.stage

    story.progress = "dev_done"
    assert deploy("pay", sha) != "deployed"
    first = Evidence.objects.filter(story=story, kind="deployment", service="pay").get()
    assert sha in first.shas
    deploy("mail", sha)
    there = Evidence.objects.filter(story=story, kind="deployment").values_list("service", "shas")
    assert {service for service, shas in there if sha in shas} == {"pay", "mail"}
    before = _rows()
    rebuild()
    assert _rows() == before


def test_a_tag_that_deploys_deploys_every_part(as_pam: Client, repo: Any, shop: Source) -> None:
    Source.objects.update(config={"url": str(repo.path), "release_tags": "v*", "deploys_to": "production"})
    shop.refresh_from_db()
    repo.tag("v1")
    _pull(shop)
    assert _tagged() == ["checkout"]
    _add(as_pam, "services/pay", "pay")
    _work()
    assert _tagged() == ["checkout", "pay"]
    before = sorted(str(row) for row in Deployment.objects.values())
    rebuild()
    assert sorted(str(row) for row in Deployment.objects.values()) == before
    as_pam.post(f"{PARTS}{RepositoryPart.objects.get().pk}/remove/")
    _work()
    assert _tagged() == ["checkout"]


def _tagged() -> list[str]:
    return sorted(Deployment.objects.filter(version="v1").values_list("service__name", flat=True))


def test_a_run_of_one_part_integrates_no_other(
    as_pam: Client, shop: Source, story: Story, repo: Any, scripts: Source, send: Send
) -> None:
    _add(as_pam, "services/pay", "pay")
    _add(as_pam, "services/mail", "mail")
    _pull(shop)
    said = {"outcome": "success", "commit": repo.run("rev-parse", "HEAD"), "repository": "shop/checkout"}
    send("/api/v1/runs/", {"id": "1", "service": "mail", **said})
    _work()
    assert not Evidence.objects.filter(story=story, kind="run").exists()
    send("/api/v1/runs/", {"id": "2", "service": "pay", **said})
    _work()
    assert Evidence.objects.filter(story=story, kind="run", service="pay").count() == 1


def test_a_merge_touches_what_it_merged(as_pam: Client, shop: Source, story: Story, repo: Any) -> None:
    repo.switch("work", "HEAD")
    (repo.path / "services/mail/a").write_text("2")
    repo.run("add", ".")
    repo.commit("Mail")
    repo.switch("main")
    repo.merge("work", f"Merge {story.key}")
    _add(as_pam, "services/mail", "mail")
    _pull(shop)
    assert _services(story) == ["checkout", "mail"]


def test_deeper_parts_have_git_asked_again(as_pam: Client, shop: Source, story: Story) -> None:
    _add(as_pam, "services", "all")
    _pull(shop)
    assert _services(story) == ["all"]
    _add(as_pam, "services/pay", "pay")
    _pull(shop)
    assert _services(story) == ["pay"]
    events = Source.objects.get(pk=shop.pk).events.count()
    _pull(shop)
    assert Source.objects.get(pk=shop.pk).events.count() == events


@pytest.mark.parametrize("prefix", ["", "/", "..", "a/../b", "a//b", "services/*", "/".join("a" * 21)])
def test_what_is_no_folder_is_refused(as_pam: Client, shop: Source, prefix: str) -> None:
    assert _add(as_pam, prefix, "pay").status_code == 400
    assert not RepositoryPart.objects.exists()


def test_a_folder_makes_one_service(as_pam: Client, shop: Source) -> None:
    _add(as_pam, "web", "web")
    answer = _add(as_pam, "web/", "other")
    assert answer.status_code == 400 and "Remove that first" in answer.content.decode()


def test_programs_say_it_too(as_pam: Client, shop: Source, story: Story) -> None:
    _pull(shop)
    said = {"repository": "shop/checkout", "folder": "/services/pay/", "service": "pay"}
    made = as_pam.post(API, said, content_type="application/json")
    assert (made.status_code, made.json()["folder"], made.json()["service"]) == (201, "services/pay", "pay")
    _pull(shop)
    assert _services(story) == ["pay"]
    for folder, why in (("services/pay", "Remove that first"), ("a/../b", "Enter a folder from the repository’s root")):
        answer = as_pam.post(API, {**said, "folder": folder}, content_type="application/json")
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "folder")
        assert why in answer.json()["errors"][0]["detail"]
    strange = as_pam.post(API, {**said, "repository": "no/such"}, content_type="application/json")
    assert (strange.status_code, strange.json()["errors"][0]["attr"]) == (400, "repository")
    (listed,) = as_pam.get(API, {"repository": "shop/checkout"}).json()["results"]
    assert listed == made.json() and as_pam.get(API, {"service": "other"}).json()["results"] == []
    assert as_pam.delete(f"{API}{listed['id']}/").status_code == 204
    _work()
    assert _services(story) == ["checkout"]


def test_what_an_event_says_of_paths_decides_where_git_is_not_read(
    as_pam: Client, story: Story, checkout: Service, ci: Source
) -> None:
    repository = Repository.objects.create(key="shop/checkout", service=checkout)
    RepositoryPart.objects.create(
        repository=repository, prefix="web", service=Service.objects.create(name="web", slug="web")
    )
    event, _ = store(ci, delivery="1", kind="k", body=b"{}")
    data = {
        "repository": "shop/checkout",
        "merged_at": "2026-01-01T00:00:00+00:00",
        "paths": ["web/app.js"],
        "texts": [["message", story.key]],
    }
    pk = stable_id("fact", event.pk, 0)
    fact = Fact(id=pk, event=event, kind="change", key="abcdef1", at=event.received_at, data=data)
    touched = Affected()
    project_change("abcdef1", [fact], touched)
    derive_affected(touched)
    assert _services(story) == ["web"]
