"""Connecting the systems a company has: by page and API, with secrets that are shown once, and told when they break."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.outbox import deliver
from releases.allowed_hosts.models import AllowedHost
from releases.inbox.models import InboundEvent, Source
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox
from releases.sources import connect_system
from squads.models import Notice, Squad
from tests.doubles.gitlab import TOKEN, GitLab
from tests.doubles.serving import Reply

pytestmark = pytest.mark.django_db
NEW = "/sources/new/gitlab/"


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    double = GitLab()
    double.add("shop/checkout")
    double.put("shop/checkout", "pipelines", *(pipeline(number) for number in range(1, 121)))
    yield double
    double.close()


def pipeline(number: int) -> dict[str, Any]:
    at = f"2026-01-01T{number // 60:02}:{number % 60:02}:00.000Z"
    return {
        "id": number,
        "iid": number,
        "sha": "4f5e6d7c8b9a00112233445566778899aabbccdd",
        "ref": "main",
        "status": "success",
        "source": "push",
        "created_at": at,
        "updated_at": at,
        "web_url": f"https://gitlab.example/shop/checkout/-/pipelines/{number}",
    }


@pytest.fixture
def connected(gitlab: GitLab, root: User, payments: Squad) -> Source:
    AllowedHost.objects.create(host="127.0.0.1", by=root)
    source, _ = connect_system.connect_system(
        by=root, kind="gitlab", name="Our GitLab", url=gitlab.url, credential=TOKEN, squad=payments
    )
    return source


def pull(source: Source) -> leases.PullResult | None:
    Source.objects.filter(pk=source.pk).update(leased_until=None)
    lease = leases.lease_now(source)
    assert lease is not None
    pulled = pulling.pull_source(source.pk, lease)
    source.refresh_from_db()
    return pulled


def test_every_kind_can_be_chosen_and_has_its_steps(as_root: Client) -> None:
    page = as_root.get("/sources/new/").content.decode()
    for kind, name in connect_system.SYSTEM_KINDS:
        assert as_root.get(f"/sources/help/{kind}/").status_code == 200, kind
        if kind not in ("cdevents", "report"):
            assert f'href="/sources/new/{kind}/"' in page, name
            assert as_root.get(f"/sources/new/{kind}/").status_code == 200, kind


def test_what_is_connected_shows_its_secret_once_and_its_address(as_root: Client) -> None:
    made = as_root.post(NEW, {"name": "Our GitLab", "asked": "on", "credential": "glpat-read-only"})
    assert made.status_code == 201
    source = Source.objects.get()
    text = made.content.decode()
    assert source.secret in text and "/hooks/our-gitlab/" in text
    page = as_root.get("/sources/our-gitlab/").content.decode()
    assert source.secret not in page and "glpat-read-only" not in page
    assert "set" in page and "/hooks/our-gitlab/" in page
    assert source.next_pull_at is not None and source.config["url"] == "https://gitlab.com"
    raw = as_root.get("/api/v1/sources/our-gitlab/").content.decode()
    assert source.secret not in raw and "glpat-read-only" not in raw


def test_buildbot_is_shown_an_address_without_the_slash_that_it_refuses(as_root: Client) -> None:
    made = as_root.post("/sources/new/buildbot/", {"name": "Buildbot"})
    assert made.status_code == 201
    for page in (made, as_root.get("/sources/buildbot/")):
        text = page.content.decode()
        assert "/hooks/buildbot<" in text and "/hooks/buildbot/" not in text


def test_a_choice_that_says_what_empty_means_offers_it_once(as_root: Client) -> None:
    form = as_root.get("/sources/new/github/").content.decode()
    assert form.count('<option value="" selected>Read</option>') == 2 and "default" not in form
    assert "nothing yet" in as_root.get("/sources/new/generic/").content.decode()


def test_a_pull_under_way_says_how_far_it_is_and_that_its_turn_is_now(connected: Source, as_ana: Client) -> None:
    later = clock.now() + timedelta(hours=1)
    progress = {"step": "runs of shop/checkout", "done": 300, "of": 1200}
    Source.objects.update(leased_until=later, next_pull_at=clock.now() - timedelta(minutes=2), progress=progress)
    page = as_ana.get(f"/sources/{connected.key}/").content.decode()
    assert "runs of shop/checkout" in page and "300 of 1,200" in page and "<dt>Next pull</dt><dd>now</dd>" in page
    Source.objects.update(progress={})
    claimed = as_ana.get(f"/sources/{connected.key}/").content.decode()
    assert "starting within seconds" in claimed and "pulling" not in claimed, "no worker took it yet"
    Source.objects.update(progress={**progress, "of": 0})
    assert "300 so far" in as_ana.get(f"/sources/{connected.key}/").content.decode()
    assert 'data-label="Next pull:">now</td>' in as_ana.get("/sources/").content.decode()


def test_a_system_that_only_sends_is_never_asked(as_root: Client) -> None:
    as_root.post(NEW, {"name": "Our GitLab", "secret": "made-over-there"})
    source = Source.objects.get()
    assert (source.secret, source.next_pull_at, source.config) == ("made-over-there", None, {})
    assert leases.lease_due() == []
    refused = as_root.post("/sources/our-gitlab/pull/", follow=True).content.decode()
    assert "It sends events instead" in refused


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "G", "asked": "on", "url": "ftp://git.example.org"}, "http"),
        ({"name": "G", "asked": "on", "setting_since": "yesterday"}, "2026-01-31"),
    ],
    ids=["name", "address", "setting"],
)
def test_what_cannot_work_is_said_at_its_field(as_root: Client, said: dict[str, str], told: str) -> None:
    answer = as_root.post(NEW, said)
    assert answer.status_code == 400
    assert told in answer.content.decode()
    assert not Source.objects.exists()


def test_the_api_connects_changes_tries_and_gives_a_new_secret(as_root: Client, gitlab: GitLab, root: User) -> None:
    AllowedHost.objects.create(host="127.0.0.1", by=root)
    body = {"kind": "gitlab", "name": "G", "url": gitlab.url, "credential": TOKEN}
    made = as_root.post("/api/v1/sources/system/", body, content_type="application/json")
    assert made.status_code == 201, made.content
    first = made.json()["token"]
    seen = as_root.post("/api/v1/sources/g/test/").json()["seen"]
    assert any("project" in each for each in seen)
    changed = as_root.patch("/api/v1/sources/g/", {"name": "Git"}, content_type="application/json")
    assert (changed.status_code, changed.json()["name"]) == (200, "Git")
    source = Source.objects.get()
    assert (source.credential, source.secret) == (TOKEN, first)
    second = as_root.post("/api/v1/sources/g/secret/").json()["token"]
    assert second != first
    odd = {"settings": {"colour": "red"}}
    refused = as_root.patch("/api/v1/sources/g/", odd, content_type="application/json")
    assert refused.status_code == 400 and "colour" in refused.content.decode()


def push(source: Source, secret: str, number: int) -> int:
    body = json.dumps({"object_kind": "note", "n": number})
    headers: Any = {"X-Gitlab-Token": secret, "X-Gitlab-Event": "Note Hook"}
    return Client().post(f"/hooks/{source.key}/", body, content_type="application/json", headers=headers).status_code


def test_the_secret_before_is_good_for_a_day_or_not_at_all(connected: Source, as_root: Client, root: User) -> None:
    first = connected.secret
    second = connect_system.rotate_secret(connected, by=root)
    assert [push(connected, secret, n) for n, secret in enumerate((first, second, "other"))] == [202, 202, 401]
    Source.objects.update(previous_until=clock.now() - timedelta(seconds=1))
    assert push(connected, first, 4) == 401
    as_root.post(f"/sources/{connected.key}/token/", {"at_once": "on"})
    assert push(connected, second, 5) == 401


def test_a_pull_brings_what_there_is_and_the_next_nothing(connected: Source) -> None:
    pulled = pull(connected)
    assert pulled is not None and pulled.records > 0
    assert InboundEvent.objects.count() == pulled.records
    drain_inbox()
    assert not InboundEvent.objects.filter(state="failed").exists()
    again = pull(connected)
    assert again is not None and again.records == 0
    assert connected.last_error == ""


def test_the_test_says_what_can_be_seen_or_what_is_wrong(connected: Source, as_root: Client, root: User) -> None:
    good = as_root.post(f"/sources/{connected.key}/test/", follow=True).content.decode()
    assert "Rodeo can see:" in good
    connect_system.edit_system(connected, by=root, name="G", url=connected.config["url"], credential="wrong")
    bad = as_root.post(f"/sources/{connected.key}/test/", follow=True).content.decode()
    assert "401" in bad and "wrong" not in bad.split("401")[0][-60:]


def test_a_final_error_ends_in_broken_and_the_squad_reads_so_until_it_is_mended(
    connected: Source, root: User, as_ana: Client, as_root: Client
) -> None:
    said: dict[str, Any] = {"name": "Our GitLab", "url": connected.config["url"], "squad": connected.squad}
    connect_system.edit_system(connected, by=root, credential="wrong", **said)
    for failures in range(1, pulling.BROKEN_AFTER + 1):
        assert pull(connected) is None
        assert (connected.failures, connected.state) == (
            failures,
            "broken" if failures == pulling.BROKEN_AFTER else "active",
        )
    Source.objects.update(next_pull_at=clock.now() - timedelta(days=1), leased_until=None)
    assert leases.lease_due() == []
    deliver()
    for place in ("/squads/payments/", "/squads/payments/board/", "/"):
        assert "The source Our GitLab is broken" in as_ana.get(place).content.decode(), place
    page = as_root.get(f"/sources/{connected.key}/").content.decode()
    assert "Broken. Fix the error" in page and "Try again" in page
    assert push(connected, connected.secret, 1) == 202, "what it sends is still taken"

    connect_system.edit_system(connected, by=root, credential=TOKEN, **said)
    assert connected.state == "active"
    deliver()
    assert not Notice.objects.exists()
    assert pull(connected) is not None


def test_one_project_that_is_gone_keeps_nothing_back_from_the_others_and_is_said(
    connected: Source, gitlab: GitLab, root: User, as_ana: Client
) -> None:
    url = connected.config["url"]
    named = {"projects": "shop/gone\nshop/checkout"}
    connect_system.edit_system(connected, by=root, name="Our GitLab", url=url, squad=connected.squad, settings=named)
    for failures in range(1, pulling.BROKEN_AFTER + 2):
        gitlab.put("shop/checkout", "pipelines", pipeline(200 + failures))
        before = InboundEvent.objects.count()
        assert pull(connected) is None
        assert (connected.state, connected.failures) == ("active", failures)
        assert InboundEvent.objects.count() > before, "the news of the others came"
        assert connected.next_pull_at is not None
        assert (connected.next_pull_at - clock.now()).total_seconds() <= 300
    deliver()
    assert "no project shop/gone" in as_ana.get("/squads/payments/").content.decode()
    assert "failing" in as_ana.get("/sources/").content.decode()
    connect_system.edit_system(connected, by=root, name="Our GitLab", url=url, squad=connected.squad)
    deliver()
    assert not Notice.objects.exists()


def test_what_may_get_well_by_itself_backs_off_and_is_asked_again(connected: Source, gitlab: GitLab) -> None:
    gitlab.go_wrong("/api/v4", Reply({}, 500), times=100)
    pauses = []
    for _ in range(pulling.BROKEN_AFTER + 1):
        assert pull(connected) is None
        assert connected.next_pull_at is not None
        pauses.append(round((connected.next_pull_at - clock.now()).total_seconds()))
    assert connected.state == "active" and sorted(pauses) == pauses and pauses[-1] <= pulling.LONGEST_BACKOFF
    deliver()
    assert Notice.objects.count() == 1


def test_a_system_that_answers_too_slowly_is_given_up_and_keeps_no_worker(
    connected: Source, as_root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("releases.pulling.api_pull.LONGEST_STEP", -1)
    monkeypatch.setattr("releases.pulling.api_pull.LONGEST_TEST", -1)
    assert pull(connected) is None
    assert "answers slowly" in connected.last_error
    assert (connected.state, connected.failures, connected.leased_until) == ("active", 1, None)
    tried = as_root.post(f"/sources/{connected.key}/test/", follow=True).content.decode()
    assert "answers slowly" in tried


def test_patience_that_is_asked_for_is_no_failure(connected: Source, gitlab: GitLab) -> None:
    gitlab.go_wrong("/api/v4", Reply({}, 429, {"Retry-After": "120"}))
    assert pull(connected) is None
    assert (connected.failures, connected.last_error) == (0, "")
    assert "limits requests" in connected.waits_for
    assert connected.next_pull_at is not None
    assert 100 < (connected.next_pull_at - clock.now()).total_seconds() <= 120


def test_a_long_pull_stops_behind_a_page_and_goes_on_there(connected: Source, settings: Any) -> None:
    settings.RODEO_PULL_SLICE = 0
    Source.objects.update(failures=2, last_error="It was away.")
    seen = 0
    for _ in range(50):
        pulled = pull(connected)
        assert pulled is not None
        seen += pulled.records
        if not pulled.more:
            break
        assert connected.next_pull_at is not None and connected.next_pull_at <= clock.now()
        assert connected.last_success_at is None
        assert connected.failures == (0 if seen else 2), "one that brought nothing says nothing yet"
    assert seen == InboundEvent.objects.count() > 0
    assert (connected.failures, connected.last_error) == (0, "")
    settings.RODEO_PULL_SLICE = 60
    again = pull(connected)
    assert again is not None and (again.records, again.more) == (0, False)


def test_a_kept_credential_goes_to_no_other_server_than_it_was_given_for(connected: Source, as_root: Client) -> None:
    address = f"/api/v1/sources/{connected.key}/"

    def patched(**said: Any) -> HttpResponse:
        return as_root.patch(address, said, content_type="application/json")

    refused = patched(url="https://elsewhere.example.org")
    assert refused.status_code == 400 and "Enter this again" in refused.content.decode()
    page = as_root.post(
        f"/sources/{connected.key}/edit/", {"name": "G", "asked": "on", "url": "https://elsewhere.example.org"}
    )
    assert page.status_code == 400 and "Enter this again" in page.content.decode()
    # Nor by a way around: asked no more, and then at another address.
    assert patched(asked=False).status_code == 200
    assert patched(asked=True, url="https://elsewhere.example.org").status_code == 400
    connected.refresh_from_db()
    assert "url" not in connected.config
    assert patched(asked=True, url="https://elsewhere.example.org", credential="another").status_code == 200


def test_another_path_on_the_same_server_needs_no_credential_again(connected: Source, as_root: Client) -> None:
    said = {"url": f"{connected.config['url']}/gitlab"}
    changed = as_root.patch(f"/api/v1/sources/{connected.key}/", said, content_type="application/json")
    assert changed.status_code == 200
    connected.refresh_from_db()
    assert connected.credential == TOKEN


def test_a_pull_that_began_before_a_source_was_changed_keeps_nothing(connected: Source, root: User) -> None:
    lease = leases.lease_now(connected)
    assert lease is not None
    changes: list[int] = []

    def change_it(progress: dict[str, Any]) -> None:
        if not changes:
            changes.append(1)
            elsewhere = f"{connected.config['url']}/moved"
            connect_system.edit_system(Source.objects.get(), by=root, name="G", url=elsewhere, credential="another")

    assert pulling.pull_source(connected.pk, lease, on_progress=change_it) is None
    connected.refresh_from_db()
    assert (connected.cursor, connected.last_error) == ({}, "") and changes


def test_the_api_pauses_resumes_and_removes_as_the_page_does(connected: Source, as_root: Client) -> None:
    address = f"/api/v1/sources/{connected.key}/"
    assert as_root.post(f"{address}pause/").json()["state"] == "paused"
    assert as_root.post(f"{address}pause/").status_code == 200, "twice is as good as once"
    assert leases.lease_due() == [] and push(connected, connected.secret, 1) == 503
    assert as_root.delete(f"{address}pause/").json()["state"] == "active"
    assert push(connected, connected.secret, 1) == 202
    kept = as_root.delete(address)
    assert kept.status_code == 400 and "Pause it instead" in kept.content.decode()
    InboundEvent.objects.all().delete()
    assert as_root.delete(address).status_code == 204 and not Source.objects.exists()


def test_pulling_a_broken_source_says_what_to_do(connected: Source, as_root: Client) -> None:
    Source.objects.update(state="broken")
    refused = as_root.post(f"/api/v1/sources/{connected.key}/pull/")
    assert refused.status_code == 400 and "choose “Try again”" in refused.content.decode()


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    [
        ("gitlab", {"projects": True}, "projects"),
        ("gitlab", {"projects": {"shop/checkout": 1}}, "projects"),
        ("gitlab", {"projects": [["shop/checkout"]]}, "projects"),
        ("gitlab", {"projects": ["shop/check\0out"]}, "projects"),
        ("gitlab", {"projects": "shop/\ud800"}, "settings"),
        ("gitlab", {"since": ["2026-01-31", "2026-02-01"]}, "since"),
        ("jenkins", {"user": {"name": "x"}}, "user"),
        ("generic", {"words": 3}, "words"),
        ("generic", {"makes": ["run", "change"]}, "makes"),
        ("github", {"issues": "never"}, "issues"),
    ],
)
def test_a_setting_of_another_shape_is_refused_by_its_name(
    as_root: Client, kind: str, given: dict[str, Any], field: str
) -> None:
    body = {"kind": kind, "name": "G", "url": "https://ci.example.org", "settings": given}
    refused = as_root.post("/api/v1/sources/system/", json.dumps(body), content_type="application/json")
    assert refused.status_code == 400, refused.content
    assert [each["attr"] for each in refused.json()["errors"]] == [field]
    assert not Source.objects.exists()


def test_a_setting_that_says_nothing_is_as_good_as_left_out(as_root: Client) -> None:
    body = {"kind": "gitlab", "name": "G", "settings": {"projects": None, "since": ""}}
    assert as_root.post("/api/v1/sources/system/", body, content_type="application/json").status_code == 201
    assert Source.objects.get().config == {"url": "https://gitlab.com"}


def test_two_who_look_for_due_sources_at_the_same_moment_never_get_the_same_one(connected: Source) -> None:
    others: list[tuple[int, datetime]] = []

    def somebody_is_first(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE") and not others:
            others.append((0, clock.now()))
            others[:] = leases.lease_due()
        return execute(sql, *rest)

    with connection.execute_wrapper(somebody_is_first):
        mine = leases.lease_due()
    assert [pk for pk, _ in others] == [connected.pk] and mine == []
    connected.refresh_from_db()
    assert connected.leased_until == others[0][1], "the claim of whoever was first stands"
