"""Connecting and pulling: what a repository becomes, and that nothing is lost or doubled on the way."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from portal.accounts.models import User
from portal.kernel import clock
from releases.inbox.actions import store
from releases.inbox.models import InboundEvent, Source
from releases.models import Change, Deployment, Environment, Mainline, Release, Repository, StoryLink, Tag
from releases.planning.actions import edit_release
from releases.providers.git.client import GitFailed
from releases.providers.git.mirror import Mirror
from releases.pulling import actions as pulling
from releases.pulling import git_pull, leases, tasks
from releases.reading.actions import drain_inbox, rebuild
from releases.sources import actions as sources
from releases.sources import connect_git
from squads.models import Service, Squad
from squads.stories.actions import create_story
from tests.releases.conftest import Repo


def connect(repo: Repo, squad: Squad, **rules: Any) -> Source:
    return connect_git.connect_git(by=None, url=str(repo.path), service="checkout", squad=squad, **rules)[0]


def pull(source: Source) -> leases.PullResult:
    lease = leases.lease_now(source)
    assert lease is not None
    pulled = pulling.pull_source(source.pk, lease)
    source.refresh_from_db()
    assert pulled is not None, source.last_error
    drain_inbox()
    return pulled


def failing(source: Source) -> str:
    lease = leases.lease_now(source)
    assert lease is not None
    assert pulling.pull_source(source.pk, lease) is None
    source.refresh_from_db()
    return source.last_error


def release_of(sha: str) -> str | None:
    release = Change.objects.get(sha=sha).release
    return release.version if release else None


# What a repository becomes


def test_a_repository_becomes_changes_releases_and_deployments(repo: Repo, payments: Squad, ana: User) -> None:
    story = create_story(by=ana, squad=payments, title="Refunds")
    first = repo.commit(f"{story.key} begin")
    repo.tag("v1.0", message="one")
    repo.switch("topic", first)
    topic = repo.commit("Topic, PAY-99")
    repo.switch("main")
    merge = repo.merge("topic", f"Merge: {story.key}")
    repo.tag("v1.1")
    repo.tag("nightly")
    later = repo.commit("Later")
    source = connect(repo, payments, release_tags="v*", deploys_to="prod-eu")
    assert pull(source).commits == 4
    assert dict(Change.objects.values_list("sha", "position")) == {first: 0, topic: None, merge: 1, later: 2}
    assert dict(Change.objects.values_list("sha", "landed")) == {first: 0, topic: 1, merge: 1, later: 2}
    assert [release_of(sha) for sha in (first, topic, merge, later)] == ["v1.0", "v1.1", "v1.1", None]
    assert set(StoryLink.objects.values_list("change__sha", "key", "story__key")) == {
        (first, story.key, story.key),
        (merge, story.key, story.key),
        (topic, "PAY-99", None),
    }
    release = Release.objects.get(version="v1.1")
    assert (release.line, release.slug, release.origin) == ("checkout", "checkout-v1.1", "tag")
    assert (release.commits, release.non_merge_commits, release.lead_time_median) == (2, 1, 180.0)
    deployments = Deployment.objects.order_by("finished_at")
    assert [(each.version, each.sha, each.outcome) for each in deployments] == [
        ("v1.0", first, "success"),
        ("v1.1", merge, "success"),
    ]
    assert Environment.objects.get().tier == "production"
    assert {each.event.kind for each in deployments} == {"git.refs"}
    assert Mainline.objects.get().head == later


def test_a_story_written_after_its_commits_finds_them(repo: Repo, payments: Squad, ana: User) -> None:
    sha = repo.commit("PAY-1 before anybody wrote it down")
    pull(connect(repo, payments))
    story = create_story(by=ana, squad=payments, title="Late")
    from portal.kernel.tasks import drain

    drain()
    assert StoryLink.objects.get(story=story).change.sha == sha


def test_versions_of_equal_date_go_by_natural_order(repo: Repo, payments: Squad) -> None:
    sha = repo.commit()
    for name in ("v5.10", "v5.9", "v5.2"):
        repo.tag(name)
    pull(connect(repo, payments, release_tags="v*"))
    assert release_of(sha) == "v5.2"


def test_a_line_can_be_the_whole_company(make_repo: Callable[..., Repo], payments: Squad) -> None:
    for name in ("shop/web", "shop/api"):
        repo = make_repo(name)
        repo.commit()
        repo.tag("2026.1")
        source, _ = connect_git.connect_git(
            by=None, url=str(repo.path), service=name, squad=payments, release_tags="20*", line=""
        )
        pull(source)
    release = Release.objects.get()
    assert (str(release), release.slug, release.commits, release.tags.count()) == ("2026.1", "2026.1", 2, 2)


# Changes of mind


def test_nothing_new_makes_no_event(repo: Repo, payments: Squad) -> None:
    repo.commit()
    source = connect(repo, payments)
    pull(source)
    events = InboundEvent.objects.count()
    assert pull(source) == leases.PullResult(0, False, 0, repo.run("rev-parse", "HEAD"))
    assert InboundEvent.objects.count() == events == 2


def test_a_forced_push_takes_commits_off_the_mainline_and_back(repo: Repo, payments: Squad) -> None:
    first = repo.commit()
    second = repo.commit("Second")
    source = connect(repo, payments)
    pull(source)
    repo.run("reset", "--quiet", "--hard", first)
    third = repo.commit("Instead")
    pull(source)
    assert dict(Change.objects.values_list("sha", "landed")) == {first: 0, second: None, third: 1}
    repo.run("reset", "--quiet", "--hard", second)
    pull(source)
    assert dict(Change.objects.values_list("sha", "landed")) == {first: 0, second: 1, third: None}
    assert InboundEvent.objects.filter(kind="git.refs").count() == 3


def test_a_deleted_tag_gives_its_commits_to_the_next_release(repo: Repo, payments: Squad) -> None:
    first = repo.commit()
    repo.tag("v1")
    second = repo.commit()
    repo.tag("v2")
    source = connect(repo, payments, release_tags="v*", deploys_to="prod")
    pull(source)
    kept = Deployment.objects.get(version="v2")
    repo.run("tag", "-d", "v1")
    pull(source)
    assert [release_of(sha) for sha in (first, second)] == ["v2", "v2"]
    assert Release.objects.get().commits == 2
    assert Deployment.objects.get() == kept
    assert Deployment.objects.get().event_id == kept.event_id


def test_a_release_that_stories_are_planned_for_outlives_its_tag(repo: Repo, payments: Squad, ana: User) -> None:
    repo.commit()
    repo.tag("v1")
    source = connect(repo, payments, release_tags="v*")
    pull(source)
    release = Release.objects.get()
    story = create_story(by=ana, squad=payments, title="Planned")
    type(story).objects.filter(pk=story.pk).update(release=release)
    repo.run("tag", "-d", "v1")
    pull(source)
    release.refresh_from_db()
    assert (release.tagged_at, release.released_at, release.commits) == (None, None, 0)
    assert not Tag.objects.exists()


def test_a_release_a_person_planned_is_filled_by_its_tag(repo: Repo, payments: Squad) -> None:
    planned = Release.objects.create(line="checkout", version="v1", slug="planned", origin="person")
    repo.commit()
    repo.tag("v1")
    pull(connect(repo, payments, release_tags="v*"))
    planned.refresh_from_db()
    assert (planned.commits, planned.slug, planned.origin) == (1, "planned", "person")
    assert planned.released_at == planned.tagged_at


def test_a_planned_version_and_its_tag_are_one_release(repo: Repo, payments: Squad) -> None:
    planned = Release.objects.create(line="checkout", version="5.10", slug="planned", origin="person")
    repo.commit()
    repo.tag("v5.10")
    repo.tag("v5.1")
    pull(connect(repo, payments, release_tags="v*"))
    planned.refresh_from_db()
    assert list(Release.objects.order_by("version_key").values_list("version", flat=True)) == ["v5.1", "5.10"]
    assert (planned.origin, planned.tags.get().name, planned.released_at is not None) == ("person", "v5.10", True)


def test_a_release_planned_after_its_tag_was_found_takes_it_over(
    repo: Repo, payments: Squad, ana: User, client: Client
) -> None:
    repo.commit()
    repo.tag("v5.10")
    source = connect(repo, payments, release_tags="v*")
    pull(source)
    found = Release.objects.get()
    story = create_story(by=ana, squad=payments, title="Planned", release=found)
    planned = Release.objects.create(line="checkout", version="5.10", slug="planned", origin="person")
    repo.commit()
    pull(source)
    story.refresh_from_db()
    assert (Release.objects.get(), story.release_id) == (planned, planned.pk)
    client.force_login(ana)
    assert client.get(f"/releases/{found.slug}/")["Location"] == "/releases/planned/"
    # Its scope history goes on there: it is one release.
    assert [(each.from_release, each.to_release, each.by) for each in story.scope_changes.all()] == [
        (None, planned, ana)
    ]


def test_a_release_that_was_renamed_keeps_its_tag(repo: Repo, payments: Squad, root: User) -> None:
    planned = Release.objects.create(line="checkout", version="5.10", slug="planned", origin="person")
    repo.commit()
    repo.tag("v5.10")
    source = connect(repo, payments, release_tags="v*")
    pull(source)
    edit_release(planned, by=root, version="Spring")
    repo.commit()
    pull(source)
    assert Release.objects.get().tags.get().name == "v5.10"


def test_a_pre_release_of_the_same_moment_counts_its_own_commits(repo: Repo, payments: Squad) -> None:
    repo.commit()
    repo.tag("v5.9")
    repo.commit()
    repo.commit()
    for name in ("v5.10", "v5.10-rc1"):
        repo.tag(name)
    source = connect(repo, payments, release_tags="v*")
    pull(source)
    repo.commit()
    repo.tag("v5.11-rc1")
    repo.commit()
    repo.tag("v5.11")
    pull(source)
    counts = dict(Release.objects.values_list("version", "commits"))
    assert counts == {"v5.9": 1, "v5.10-rc1": 2, "v5.10": 0, "v5.11-rc1": 1, "v5.11": 1}


def test_new_rules_are_worked_out_on_what_is_known(repo: Repo, payments: Squad, root: User) -> None:
    repo.commit()
    repo.tag("v1")
    repo.tag("rc1")
    source = connect(repo, payments)
    pull(source)
    assert not Release.objects.exists()
    connect_git.edit_git(source, by=root, release_tags="rc*", deploys_to="staging")
    drain_inbox()
    assert list(Release.objects.values_list("version", flat=True)) == ["rc1"]
    assert Deployment.objects.get().environment.tier == "staging"
    connect_git.edit_git(source, by=root, release_tags="v*")
    drain_inbox()
    assert list(Release.objects.values_list("version", flat=True)) == ["v1"]
    assert not Deployment.objects.exists()


def test_another_branch_can_become_the_mainline(repo: Repo, payments: Squad, root: User) -> None:
    first = repo.commit()
    repo.switch("stable", first)
    stable = repo.commit("Stable")
    repo.switch("main")
    source = connect(repo, payments)
    pull(source)
    assert not Change.objects.filter(sha=stable).exists()
    connect_git.edit_git(source, by=root, branch="stable")
    pull(source)
    assert Mainline.objects.get().head == stable


def test_rebuilding_makes_the_same_rows(repo: Repo, payments: Squad) -> None:
    repo.commit("PAY-1")
    repo.tag("v1")
    source = connect(repo, payments, release_tags="v*", deploys_to="prod")
    pull(source)
    repo.commit("PAY-2")
    repo.tag("v2")
    pull(source)

    def rows() -> list[Any]:
        tables = (Change, Mainline, Tag, Deployment, Release)
        return [sorted(map(repr, model._default_manager.values_list())) for model in tables]

    before = rows()
    rebuild()
    assert rows() == before


# Claims, failures, being killed


def test_a_source_is_handed_to_one_worker(repo: Repo, payments: Squad) -> None:
    source = connect(repo, payments)
    assert [pk for pk, _ in leases.lease_due()] == [source.pk]
    assert leases.lease_due() == []
    assert leases.lease_now(source) is None
    Source.objects.update(leased_until=clock.now() - timedelta(seconds=1))
    assert [pk for pk, _ in leases.lease_due()] == [source.pk]


@pytest.mark.parametrize(("waits_for", "hours"), [("", 25), ("", 2), ("github.com limits requests", 26)])
def test_after_the_clock_is_set_back_no_source_waits_for_the_old_time(
    repo: Repo, payments: Squad, waits_for: str, hours: int
) -> None:
    source = connect(repo, payments)
    ahead = clock.now() + timedelta(hours=hours)
    Source.objects.update(next_pull_at=ahead, leased_until=ahead, waits_for=waits_for)
    assert [pk for pk, _ in leases.lease_due()] == [source.pk]


@pytest.mark.parametrize(("waits_for", "minutes"), [("", 60), ("github.com limits requests", 23 * 60)])
def test_what_is_rightly_put_off_waits(repo: Repo, payments: Squad, waits_for: str, minutes: int) -> None:
    connect(repo, payments)
    Source.objects.update(next_pull_at=clock.now() + timedelta(minutes=minutes), waits_for=waits_for)
    assert leases.lease_due() == []


def test_paused_sources_and_those_that_push_are_not_due(repo: Repo, payments: Squad, root: User) -> None:
    source = connect(repo, payments)
    sources.create_push_source(by=root, kind="cdevents", name="Deployments")
    sources.pause(source, by=root)
    assert leases.lease_due() == []
    sources.resume(source, by=root)
    assert len(leases.lease_due()) == 1


def test_a_lease_that_is_not_ours_pulls_nothing(repo: Repo, payments: Squad) -> None:
    source = connect(repo, payments)
    assert pulling.pull_source(source.pk, clock.now()) is None
    tasks.pull(source_id=source.pk, lease="rubbish")
    assert not InboundEvent.objects.exists()


def test_the_worker_pulls_what_is_due(repo: Repo, payments: Squad) -> None:
    repo.commit()
    source = connect(repo, payments)
    ((pk, lease),) = leases.lease_due()
    tasks.pull(source_id=pk, lease=str(clock.iso(lease)))
    source.refresh_from_db()
    assert (source.leased_until, source.progress, source.last_error, source.failures) == (None, {}, "", 0)
    assert source.last_success_at
    assert source.next_pull_at
    assert source.next_pull_at > clock.now() + timedelta(seconds=200)
    tasks.pull(source_id=pk, lease=str(clock.iso(lease)))  # handed out a second time
    assert InboundEvent.objects.count() == 2


def test_a_pull_that_nobody_took_while_its_lease_held_expires(
    repo: Repo, payments: Squad, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = connect(repo, payments)
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.pull, "apply_async", lambda **said: sent.append(said))
    tasks.pull_due()
    tasks.pull_due()
    source.refresh_from_db()
    said = {"source_id": source.pk, "lease": clock.iso(source.leased_until)}
    assert sent == [{"kwargs": said, "expires": leases.LEASE_DURATION.total_seconds()}]


def test_a_failure_is_told_and_the_next_try_waits_longer(repo: Repo, payments: Squad, settings: Settings) -> None:
    settings.RODEO_PULL_EVERY = 300
    repo.commit()
    source = connect(repo, payments)
    pull(source)
    repo.path.rename(repo.path.with_name("moved"))
    waits = []
    for _ in range(6):
        assert "no repository at this address" in failing(source)
        assert source.next_pull_at
        waits.append(round((source.next_pull_at - clock.now()).total_seconds() / 300))
    assert waits == [1, 2, 4, 8, 12, 12]
    assert Change.objects.count() == 1
    repo.path.with_name("moved").rename(repo.path)
    pull(source)
    assert (source.failures, source.last_error) == (0, "")


@pytest.mark.parametrize("dies_in", ["commits", "store", "refs"])
def test_a_pull_that_dies_loses_and_doubles_nothing(
    repo: Repo, payments: Squad, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    class Killed(BaseException):
        pass

    monkeypatch.setattr("releases.providers.git.records.MOST_COMMITS", 2)
    for number in range(5):
        repo.commit(f"PAY-{number + 1}")
    repo.tag("v1")
    source = connect(repo, payments, release_tags="v*")
    stored = store

    def dies(*arguments: Any, **named: Any) -> Any:
        kind = named["kind"]
        if (kind == "git.commits") == (dies_in != "refs") and (
            dies_in != "store" or InboundEvent.objects.filter(kind=kind).count() == 1
        ):
            if dies_in != "commits":
                stored(*arguments, **named)
            raise Killed
        return stored(*arguments, **named)

    monkeypatch.setattr(git_pull, "store", dies)
    lease = leases.lease_now(source)
    assert lease
    with pytest.raises(Killed):
        pulling.pull_source(source.pk, lease)
    drain_inbox()
    monkeypatch.setattr(git_pull, "store", stored)
    Source.objects.update(leased_until=clock.now() - timedelta(seconds=1))
    ((pk, lease),) = leases.lease_due()
    assert pulling.pull_source(pk, lease)
    drain_inbox()
    assert Change.objects.count() == StoryLink.objects.count() == 5
    assert InboundEvent.objects.filter(kind="git.commits").count() == 3
    assert InboundEvent.objects.filter(kind="git.refs").count() == 1
    assert Release.objects.get().commits == 5


def test_a_pull_that_was_taken_over_stops(repo: Repo, payments: Squad, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit()
    source = connect(repo, payments)
    lease = leases.lease_now(source)
    assert lease
    fetch = Mirror.fetch

    def taken_over(self: Mirror, *arguments: Any) -> None:
        Source.objects.update(leased_until=clock.now() + timedelta(seconds=99))
        fetch(self, *arguments)

    monkeypatch.setattr(Mirror, "fetch", taken_over)
    monkeypatch.setattr(leases, "RENEW_EVERY", 0)
    assert pulling.pull_source(source.pk, lease) is None
    assert not InboundEvent.objects.filter(kind="git.refs").exists()
    source.refresh_from_db()
    assert source.last_error == ""


def test_a_damaged_copy_is_made_anew(repo: Repo, payments: Squad) -> None:
    repo.commit()
    source = connect(repo, payments)
    pull(source)
    for pack in git_pull.mirror_of(source).path.glob("objects/pack/*"):
        pack.chmod(0o644)
        pack.write_bytes(b"rubbish")
    second = repo.commit()
    assert pull(source).commits == 1
    assert Mainline.objects.get().head == second


def test_a_missing_copy_is_no_reason_to_read_everything_again(repo: Repo, payments: Squad) -> None:
    repo.commit()
    source = connect(repo, payments)
    pull(source)
    git_pull.mirror_of(source).forget()
    assert pull(source).changed is False
    repo.commit()
    assert pull(source).commits == 1


def test_progress_is_told_while_it_works(repo: Repo, payments: Squad, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit()
    source = connect(repo, payments)
    monkeypatch.setattr(leases, "RENEW_EVERY", 0)
    said: list[str] = []
    lease = leases.lease_now(source)
    assert lease
    assert pulling.pull_source(source.pk, lease, on_progress=lambda progress: said.append(progress.get("step", "")))
    assert {"checking for news", "fetching", "reading 1 commit", "read 1 of 1 commit"} <= set(said)


def test_a_look_is_always_later_than_the_one_before(
    repo: Repo, payments: Squad, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 3, 14, tzinfo=UTC)
    repo.commit()
    source = connect(repo, payments)
    monkeypatch.setattr(clock, "now", lambda: moment)
    pull(source)
    head = repo.commit()
    pull(source)
    assert Mainline.objects.get().head == head
    assert InboundEvent.objects.filter(kind="git.refs").count() == 2


# Connecting


def test_saying_it_again_changes_the_rules(repo: Repo, payments: Squad) -> None:
    one, new = connect_git.connect_git(
        by=None, url=str(repo.path), service="checkout", squad=payments, release_tags="v*"
    )
    other, again = connect_git.connect_git(by=None, url=f"{repo.path}/", service="checkout", squad=payments, line="")
    assert (new, again, one.pk) == (True, False, other.pk)
    assert other.config == {"url": str(repo.path), "release_line": ""}


def test_a_repository_that_events_named_is_claimed(payments: Squad) -> None:
    known = Repository.objects.create(key="shop/checkout")
    source, _ = connect_git.connect_git(
        by=None, url="https://git.example.org/shop/checkout.git", service="checkout", squad=payments
    )
    assert source.repository == known
    known.refresh_from_db()
    assert known.service
    assert known.service.squad == payments


def test_two_folders_of_one_name_are_two_repositories(make_repo: Callable[..., Repo], payments: Squad) -> None:
    for number, name in enumerate(("one/app", "two/app")):
        connect_git.connect_git(by=None, url=str(make_repo(name).path), service=f"app-{number}", squad=payments)
    assert sorted(Repository.objects.values_list("key", flat=True)) == ["app", "two/app"]
    assert sorted(Source.objects.values_list("key", flat=True)) == ["app", "app-2"]


def test_a_service_of_another_squad_is_not_taken(repo: Repo, payments: Squad, search: Squad) -> None:
    Service.objects.create(name="checkout", slug="checkout", squad=search)
    with pytest.raises(ValidationError, match="belongs to Search"):
        connect(repo, payments)
    assert not Source.objects.exists()


def test_a_discovered_service_is_claimed(repo: Repo, payments: Squad) -> None:
    Service.objects.create(name="checkout", slug="checkout", discovered=True)
    connect(repo, payments)
    assert Service.objects.get().squad == payments


@pytest.mark.parametrize(
    ("field", "rules"),
    [
        ("release_tags", {"release_tags": "("}),
        ("release_tags", {"deploys_to": "prod"}),
        ("branch", {"branch": "--upload-pack=x"}),
        ("deploys_to", {"release_tags": "v*", "deploys_to": "a\nb"}),
        ("line", {"line": "x" * 121}),
    ],
)
def test_rules_are_refused_by_field(repo: Repo, payments: Squad, field: str, rules: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        connect(repo, payments, **rules)
    assert list(refused.value.message_dict) == [field]


@pytest.mark.parametrize(
    "url", ["file:///etc", "ext::sh -c x", "/etc", "--upload-pack=x", "https://a:b@x/y", "/missing\u00e9"]
)
def test_what_is_no_repository_is_not_connected(payments: Squad, url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        connect_git.connect_git(by=None, url=url, service="x", squad=payments)
    assert list(refused.value.message_dict) == ["url"]
    assert not Source.objects.exists()
    assert not Service.objects.exists()


def test_only_administrators_connect(repo: Repo, payments: Squad, ana: User) -> None:
    with pytest.raises(PermissionDenied):
        connect_git.connect_git(by=ana, url=str(repo.path), service="checkout", squad=payments)
    with pytest.raises(PermissionDenied):
        sources.create_push_source(by=ana, kind="cdevents", name="x")


def test_a_source_with_events_is_paused_and_not_removed(repo: Repo, payments: Squad, root: User) -> None:
    repo.commit()
    source = connect(repo, payments)
    pull(source)
    with pytest.raises(ValidationError, match="Pause it instead"):
        sources.remove(source, by=root)
    other, _ = sources.create_push_source(by=root, kind="cdevents", name="Never used")
    sources.remove(other, by=root)
    assert list(Source.objects.all()) == [source]


# The command line


def test_the_command_connects_and_pulls(repo: Repo, payments: Squad, capsys: pytest.CaptureFixture[str]) -> None:
    repo.commit()
    repo.tag("v1")
    call_command(
        "connect_git",
        str(repo.path),
        "--service",
        "checkout",
        "--squad",
        "pay",
        "--release-tags",
        "v*",
        "--deploys-to",
        "production",
        "--pull",
    )
    said = capsys.readouterr()
    assert "New commits: 1. Tags: 1." in said.out
    assert "reading what was pulled" in said.err
    assert Release.objects.get().commits == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--squad", "Nobody"], "Squads: Payments"),
        (["--squad", "payments", "--release-tags", "("], "release_tags"),
        (["--squad", "payments", "--secret-file", "/missing"], "secret-file"),
    ],
)
def test_the_command_says_what_is_wrong(repo: Repo, payments: Squad, arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("connect_git", str(repo.path), "--service", "checkout", *arguments)


def test_the_command_tells_why_a_pull_failed(repo: Repo, payments: Squad) -> None:
    repo.commit()
    with pytest.raises(CommandError, match="no branch 'trunk'"):
        call_command(
            "connect_git", str(repo.path), "--service", "checkout", "--squad", "PAY", "--branch", "trunk", "--pull"
        )


# Cost


def test_a_pull_with_nothing_new_costs_a_few_queries(
    repo: Repo, payments: Squad, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    repo.commit()
    source = connect(repo, payments)
    pull(source)
    lease = leases.lease_now(source)
    assert lease
    with django_assert_max_num_queries(4):
        assert pulling.pull_source(source.pk, lease) == leases.PullResult(0, False, 0, source.cursor["head"])


def test_what_git_refuses_is_an_error_of_the_source_only(
    repo: Repo, payments: Squad, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = connect(repo, payments)

    def broken(self: Mirror) -> None:
        raise GitFailed("x\0y" * 2000)

    monkeypatch.setattr(Mirror, "remote_refs", broken)
    assert "\0" not in failing(source)
    monkeypatch.setattr(Mirror, "remote_refs", lambda self: 1 / 0)
    assert "ZeroDivisionError" in failing(source)
