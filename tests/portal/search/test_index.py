"""The index holds what the tables say, whichever way a row was made, changed or taken away."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import User
from portal.kernel.outbox import deliver
from portal.kernel.tasks import drain
from portal.sample import company, removal, talk
from portal.search.actions import differences, reindex
from portal.search.models import SearchEntry
from releases.models import Environment, Source
from releases.providers.signatures import token_digest
from squads.models import Comment, Service, Squad
from squads.stories.actions import create_story
from squads.teams.actions import create_squad
from tests.releases.conftest import TOKEN, Repo

pytestmark = pytest.mark.django_db

API = "/api/v1/"


def wrong() -> list[tuple[str, str, str]]:
    """Deliver what waits, and return where the index is not what the tables say."""
    drain()
    while deliver():
        pass
    return [(each.kind, each.problem, each.name) for each in differences()]


def entries(kind: str) -> set[str]:
    return set(SearchEntry.objects.filter(kind=kind).values_list("key", flat=True))


def send(client: Client, address: str, body: Any, method: str = "post", **also: Any) -> None:
    answer = getattr(client, method)(urljoin(API, address), body, content_type="application/json", **also)
    assert answer.status_code < 300, answer.content


def test_stories_squads_and_comments_of_the_pages(as_root: Client, root: User, bo: User) -> None:
    reindex()
    as_root.post("/squads/new/", {"name": "Marmalade", "key_prefix": "MAR", "kind": "horizontal", "mission": "Spread"})
    made = Squad.objects.get(key_prefix="MAR")
    story = {"squad": made.pk, "title": "Bitter oranges", "type": "user_story", "audience": "everyone"}
    as_root.post("/stories/new/", story)
    as_root.post("/stories/MAR-1/comments/new/", {"body": "From Seville, please."})
    as_root.post("/squads/marmalade/members/", {"username": "bo"})
    assert wrong() == []
    assert entries("comment") == entries("story") == {"MAR-1"} and "MAR" in entries("squad")
    fields = {"name": "Jam", "key_prefix": "MAR", "kind": "horizontal"}
    as_root.post("/squads/marmalade/edit/", fields)
    assert wrong() == [], "the squad's stories name it"
    as_root.post("/stories/MAR-1/squad/", {"squad": "search"})
    assert wrong() == [] and entries("comment") == {"SEA-1"}, "comments lead to the story's new key"
    as_root.post(f"/stories/SEA-1/comments/{Comment.objects.get().pk}/remove/")
    assert wrong() == [] and entries("comment") == set()


def test_what_files_bring_in(as_ana: Client, payments: Squad) -> None:
    reindex()
    jira = (Path(__file__).parents[2] / "squads/imports/fixtures/jira.json").read_bytes()
    table = "Key,Title\nA-1,Pay by card\nA-2,Pay by phone\n"
    for name, body in (("jira.json", jira), ("a.csv", table.encode()), ("a.csv", table.replace("ph", "an").encode())):
        brought = as_ana.post(f"{API}squads/payments/imports/", {"file": SimpleUploadedFile(name, body)}).json()
        url = f"squads/payments/imports/{brought['id']}/"
        send(as_ana, url, {"plan_releases": True}, "patch")
        send(as_ana, f"{url}run/", {"leave_out": True})
        assert wrong() == []
    assert entries("story") == {"PAY-1", "PAY-2", "PAY-3", "PAY-4"} and entries("comment") == {"PAY-1"}
    assert len(entries("release")) == 1


def test_the_admin_pages(as_root: Client, root: User, bo: User, search: Squad) -> None:
    source = Source.objects.create(key="ci", name="CI", kind="report")
    reindex()
    form = {"name": "Finding", "slug": "search", "kind": "vertical", "mission": "", "key_repositories": "[]"}
    form |= {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0", "key_prefix": "SEA"}
    answer = as_root.post(f"/admin/squads/squad/{search.pk}/change/", form)
    assert answer.status_code == 302, answer.context["errors"]
    assert as_root.post(f"/admin/releases/source/{source.pk}/change/", {"name": "Jenkins"}).status_code == 302
    assert wrong() == []
    assert {"Finding", "Jenkins"} <= set(SearchEntry.objects.values_list("title", flat=True))


def test_the_pages_of_people(as_root: Client, root: User) -> None:
    nia = User.objects.create_user("nia")
    reindex()
    page = f"/administration/people/{nia.pk}/"
    as_root.post(f"{page}state/", {"state": "inactive"})
    assert wrong() == [] and "nia" not in entries("person")
    as_root.post(f"{page}state/", {"state": "active"})
    assert wrong() == [] and "nia" in entries("person")
    as_root.post(f"{page}state/", {"state": "inactive"})
    as_root.post(f"{page}delete/")
    assert wrong() == [] and not User.objects.filter(pk=nia.pk).exists()


def test_people_come_and_go(root: User, bo: User) -> None:
    reindex()
    call_command("createsuperuser", username="zoe", email="zoe@example.org", interactive=False)
    assert wrong() == [] and {"bo", "zoe"} <= entries("person")
    bo.is_active = False
    bo.save()
    assert wrong() == [] and "bo" not in entries("person"), "who left is not found"


def test_what_scripts_report(client: Client, root: User, checkout: Service) -> None:
    source = Source.objects.create(key="ci", name="CI", kind="report", secret=TOKEN, token_digest=token_digest(TOKEN))
    reindex()
    as_script = {"headers": {"Authorization": f"Bearer {TOKEN}"}}
    report = {"service": "basket", "environment": "prod-eu", "outcome": "success", "version": "1.0"}
    send(client, "deployments/", report, **as_script)
    assert wrong() == [] and "basket" in entries("service") and "prod-eu" in entries("environment")
    assert source.events.count() == 1


def test_what_webhooks_say_of_an_environment(client: Client, root: User) -> None:
    Source.objects.create(key="ci", name="CI", kind="cdevents", secret=TOKEN, token_digest=token_digest(TOKEN))
    reindex()
    folder = Path(__file__).parents[2] / "releases/providers/cdevents/fixtures"
    said = {
        name: json.loads((folder / f"environment_{name}.json").read_text()) for name in ("created__0_4", "deleted__0_3")
    }
    for event, there in (("created__0_4", True), ("deleted__0_3", False)):
        context = {"id": event, "timestamp": f"2026-03-1{8 - there}T15:09:26Z"}
        said[event]["context"].update(context)
        send(client, "/hooks/ci/", said[event], headers={"Authorization": f"Bearer {TOKEN}"})
        assert wrong() == []
        assert (Environment.objects.get().key in entries("environment")) is there
    call_command("rebuild", stdout=StringIO())
    assert wrong() == []


def test_a_repository_its_tags_and_a_rebuild(tmp_path: Path, settings: Settings, root: User, payments: Squad) -> None:
    settings.RODEO_GIT_DIR = tmp_path / "git"
    repo = Repo(tmp_path / "shop")
    create_story(payments, by=root, title="Pay")
    for version in ("1.0", "1.1", "2.0"):
        repo.commit(f"PAY-1: {version}")
        repo.run("tag", version)
    reindex()
    options = {"service": "shop", "squad": "PAY", "release_tags": "*", "deploys_to": "production", "pull": True}
    call_command("connect_git", str(repo.path), **options, stdout=StringIO())
    assert wrong() == [] and entries("release") == {"1.0", "1.1", "2.0"} and entries("source") == {"shop"}
    repo.run("tag", "--delete", "1.1")
    call_command("connect_git", str(repo.path), **options, stdout=StringIO())
    assert wrong() == [] and entries("release") == {"1.0", "2.0"}
    call_command("rebuild", stdout=StringIO())
    assert wrong() == []
    assert Environment.objects.get().key in entries("environment")


@pytest.fixture
def sample(
    settings: Settings, tmp_path: Path, root: User, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], bool]]:
    """The sample company, with the smallest of the talk's releases only, beside a squad of one's own."""
    for each in (company, talk):
        monkeypatch.setattr(each, "PAUSE", 0)
    monkeypatch.setattr(talk, "TALK", [each for each in talk.TALK if each[3] < 5])
    settings.STATE_DIR, settings.RODEO_GIT_DIR = tmp_path, tmp_path / "git"
    create_story(create_squad(by=root, name="Ours", key_prefix="OUR"), by=root, title="Ours")
    company.load()
    yield removal.remove


def test_the_sample_company_is_found_and_gone_again(sample: Callable[[], bool]) -> None:
    assert wrong() == []
    assert len(entries("release")) == 9
    sample()
    assert wrong() == [] and entries("story") == {"OUR-1"} and entries("release") == set()


def test_the_command_says_what_differed(root: User, payments: Squad) -> None:
    create_story(payments, by=root, title="Saddle")
    drain()
    SearchEntry.objects.filter(kind="story").update(title="Old name")
    SearchEntry.objects.filter(kind="squad").delete()
    first = SearchEntry.objects.get(kind="person")
    first.pk, first.ref, first.key = None, "999", "ghost"
    first.save()
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("reindex", check=True, stdout=said)
    call_command("reindex", stdout=said)
    assert said.getvalue().count("1 × story outdated: PAY-1") == 2
    assert "1 × squad missing: PAY" in said.getvalue() and "1 × person gone: ghost" in said.getvalue()
    call_command("reindex", stdout=(again := StringIO()))
    assert "The index was already correct." in again.getvalue()
