"""Pulling from a git server over HTTP, with and without a token."""

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel.outbox import deliver
from releases.allowed_hosts import actions
from releases.inbox.models import InboundEvent, Source
from releases.models import Change, Release
from releases.providers.git.client import GitFailed
from releases.pulling import actions as pulling
from releases.pulling import git_pull, leases
from releases.reading.actions import drain_inbox
from releases.sources import connect_git
from squads.models import Notice, Squad
from tests.doubles import http_server
from tests.doubles.git_http import Server, serving
from tests.releases.conftest import Repo

TOKEN = "a-token-of-the-git-server"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A git server that offers the test's repositories."""
    with serving(tmp_path / "repositories") as running:
        yield running


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    """The server of the tests is on this machine, so it must be allowed."""
    settings.RODEO_INTERNAL_HOSTS = ["127.0.0.1", "git.example.org"]


def leads_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have every name lead to these addresses, one answer after the other; return the names that were looked up."""
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    monkeypatch.setattr("portal.kernel.http.addresses.resolve", resolve)
    return asked


def connect(server: Server, squad: Squad, secret: str = "") -> Source:
    url = f"{server.address}/shop/checkout/.git"
    source, _ = connect_git.connect_git(
        by=None, url=url, service="checkout", squad=squad, release_tags="v*", secret=secret
    )
    return source


def pull(source: Source) -> leases.PullResult | None:
    lease = leases.lease_now(source)
    assert lease
    pulled = pulling.pull_source(source.pk, lease)
    source.refresh_from_db()
    drain_inbox()
    return pulled


def test_a_repository_is_pulled_over_http_without_its_files(repo: Repo, payments: Squad, server: Server) -> None:
    (repo.path / "huge.bin").write_bytes(os.urandom(5 * 1024 * 1024))
    repo.run("add", ".")
    repo.commit("PAY-1")
    repo.tag("v1")
    source = connect(server, payments)
    assert pull(source), source.last_error
    assert Change.objects.count() == 1
    assert Release.objects.get().commits == 1
    copy = git_pull.mirror_of(source).path
    assert sum(file.stat().st_size for file in copy.rglob("*") if file.is_file()) < 1024 * 1024
    repo.commit("PAY-2")
    again = pull(source)
    assert again
    assert again.commits == 1


def test_the_token_travels_in_a_header_and_stays_out_of_sight(
    repo: Repo, payments: Squad, server: Server, git_folder: Path
) -> None:
    repo.commit()
    server.wants = "Basic " + base64.b64encode(f"git:{TOKEN}".encode()).decode()
    source = connect(server, payments)
    assert pull(source) is None
    assert "Put a token" in source.last_error
    connect_git.edit_git(source, by=None, secret=TOKEN)
    assert pull(source), source.last_error
    assert server.wants in server.seen
    written = b"".join(file.read_bytes() for file in git_folder.rglob("*") if file.is_file())
    assert TOKEN.encode() not in written
    assert base64.b64encode(f"git:{TOKEN}".encode()) not in written
    assert all(TOKEN not in str(event.headers) + bytes(event.body).decode() for event in InboundEvent.objects.all())


def test_a_token_that_the_server_repeats_is_in_no_error(repo: Repo, payments: Squad, server: Server) -> None:
    repo.commit()
    server.echoes = True
    source = connect(server, payments, secret=TOKEN)
    assert pull(source) is None
    assert source.last_error == "The server has a problem. Rodeo will try again."
    assert "You sent Basic …, in plain git:…" in source.error_detail
    assert TOKEN not in source.error_detail
    assert base64.b64encode(f"git:{TOKEN}".encode()).decode() not in source.error_detail


def test_the_token_is_not_carried_to_another_server(
    repo: Repo, payments: Squad, server: Server, tmp_path: Path, make_repo: Callable[..., Repo]
) -> None:
    repo.commit()
    with serving(tmp_path / "repositories") as other:
        server.elsewhere = other.address
        source = connect(server, payments, secret=TOKEN)
        assert pull(source) is None
        assert "redirects" in source.last_error
        connect_git.edit_git(source, by=None, secret="")
        assert pull(source) is None
        assert "redirects" in source.last_error
    assert other.seen == []


def test_a_source_whose_address_is_mended_after_it_broke_is_pulled_again(
    repo: Repo, payments: Squad, server: Server, as_root: Client
) -> None:
    repo.commit("PAY-1")
    source = connect(server, payments, secret=TOKEN)
    right = source.config["url"]
    Source.objects.update(config={"url": right.replace("checkout", "chekout")})
    for _ in range(pulling.BROKEN_AFTER):
        assert pull(source) is None
    assert source.state == Source.State.BROKEN
    deliver()
    assert Notice.objects.exists()
    elsewhere = as_root.post(
        f"/sources/{source.key}/edit/", {"name": "G", "url": "http://git.example.org/shop.git", "line_is": "service"}
    )
    assert elsewhere.status_code == 400 and "Enter this again" in elsewhere.content.decode()
    mended = as_root.post(f"/sources/{source.key}/edit/", {"name": "G", "url": right, "line_is": "service"})
    assert mended.status_code == 302
    source.refresh_from_db()
    assert (source.state, source.failures, source.credential) == ("active", 0, TOKEN)
    deliver()
    assert not Notice.objects.exists()
    assert [pk for pk, _ in leases.lease_due()] == [source.pk]


def test_a_server_that_is_away_is_an_error_with_a_remedy(payments: Squad, server: Server) -> None:
    source = connect(server, payments)
    assert pull(source) is None
    assert "There’s no repository at this address" in source.last_error
    Source.objects.update(config={"url": "http://127.0.0.1:9/shop.git"})
    source.refresh_from_db()
    assert pull(source) is None
    assert "doesn’t answer" in source.last_error


def test_git_asks_the_address_that_was_checked_whatever_the_name_leads_to_later(
    repo: Repo, payments: Squad, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name leads nowhere for anybody but us: only an address that was handed to git can have been connected to."""
    repo.commit("PAY-1")
    asked = leads_to(monkeypatch, ["127.0.0.1"])
    source = connect(server, payments)
    Source.objects.update(config={"url": f"http://git.example.org:{server.server_port}/shop/checkout/.git"})
    source.refresh_from_db()
    assert pull(source), source.last_error
    assert set(asked) == {"git.example.org"}
    assert set(server.hosts) == {f"git.example.org:{server.server_port}"}


def test_a_git_server_inside_the_network_is_closed_until_it_is_allowed(
    repo: Repo, payments: Squad, server: Server, settings: Any, root: User
) -> None:
    repo.commit("PAY-1")
    settings.RODEO_INTERNAL_HOSTS = []
    source = connect(server, payments)
    assert pull(source) is None
    assert "127.0.0.1 is inside a private network" in source.last_error
    assert "/sources/hosts/" in source.last_error
    assert server.seen == []
    actions.allow(host="127.0.0.1", note="The tests' server", by=root)
    assert pull(source), source.last_error


@pytest.mark.parametrize("url", ["http://{}/x.git", "git://{}/x.git", "ssh://git@{}/x.git", "git@{}:x.git"])
def test_no_kind_of_address_leads_git_inside_by_a_name(
    payments: Squad, server: Server, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    leads_to(monkeypatch, ["93.184.216.34", "127.0.0.1"])
    source = connect(server, payments)
    Source.objects.update(config={"url": url.format("outside.example.org")})
    source.refresh_from_db()
    assert pull(source) is None
    assert "outside.example.org (127.0.0.1) is inside a private network" in source.last_error


def test_a_name_of_the_machines_own_ssh_configuration_works_once_it_is_allowed(db: None, settings: Any) -> None:
    with pytest.raises(GitFailed, match="Unknown host"):
        actions.addresses_for_git("ssh", "work.invalid", 22)
    settings.RODEO_INTERNAL_HOSTS = ["work.invalid"]
    assert actions.addresses_for_git("ssh", "work.invalid", 22) == []
    with pytest.raises(GitFailed, match="Unknown host"):
        actions.addresses_for_git("https", "work.invalid", 443)


def test_a_git_that_cannot_be_kept_to_an_address_is_not_used(
    payments: Squad, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads_to(monkeypatch, ["127.0.0.1"])
    monkeypatch.setattr("releases.providers.git.address_pinning.can_pin", lambda: False)
    source = connect(server, payments)
    Source.objects.update(config={"url": "https://git.example.org/x.git"})
    source.refresh_from_db()
    assert pull(source) is None
    assert "Install git 2.37" in source.last_error


def test_git_trusts_the_companys_own_authority_once_it_is_named(
    repo: Repo, payments: Squad, tmp_path: Path, settings: Any
) -> None:
    repo.commit("PAY-1")
    made = http_server.certificate(tmp_path, "127.0.0.1")
    with serving(tmp_path / "repositories", made) as server:
        source = connect(server, payments)
        assert pull(source) is None
        assert "certificate isn’t trusted" in source.last_error
        settings.RODEO_CA_BUNDLE = str(tmp_path / "missing.pem")
        assert pull(source) is None
        assert "Set RODEO_CA_BUNDLE to a PEM file" in source.last_error
        settings.RODEO_CA_BUNDLE = str(made)
        assert pull(source), source.last_error


def test_a_token_opens_a_git_server_by_its_name(
    repo: Repo, payments: Squad, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit("PAY-1")
    leads_to(monkeypatch, ["127.0.0.1"])
    server.wants = "Basic " + base64.b64encode(f"git:{TOKEN}".encode()).decode()
    source = connect(server, payments, secret=TOKEN)
    Source.objects.update(config={"url": f"http://git.example.org:{server.server_port}/shop/checkout/.git"})
    source.refresh_from_db()
    assert pull(source), source.last_error
    assert server.wants in server.seen
