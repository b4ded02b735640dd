"""Administrators say which hosts inside the network may be asked; everybody else cannot even read which."""

from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from releases.allowed_hosts import actions
from releases.allowed_hosts.models import AllowedHost
from releases.inbox.models import Source
from releases.sources.actions import create_push_source

PAGE = "/sources/hosts/"
API = "/api/v1/allowed-hosts/"


def test_a_host_is_allowed_and_closed_again_and_both_stay_known(as_root: Client, root: User) -> None:
    answer = as_root.post(PAGE, {"host": "Jenkins.Example.ORG.", "note": "The Jenkins of Payments"}, follow=True)
    text = answer.content.decode()
    assert "jenkins.example.org is now allowed." in text
    row = AllowedHost.objects.get()
    assert (row.host, row.note, row.by) == ("jenkins.example.org", "The Jenkins of Payments", root)
    assert actions.allowed_hosts() == {"jenkins.example.org"}
    text = as_root.post(f"{PAGE}{row.pk}/remove/", follow=True).content.decode()
    assert "removed" in text
    assert not AllowedHost.objects.exists()
    past = [(each.host, each.was, each.who, each.because) for each in actions.history()]
    assert past == [
        ("jenkins.example.org", "removed", "Root", ""),
        ("jenkins.example.org", "allowed", "Root", "The Jenkins of Payments"),
    ]
    assert "The Jenkins of Payments" in text


@pytest.mark.parametrize(
    ("host", "remedy"),
    [
        ("", "required"),
        ("https://ci.example.org/", "Enter only the host"),
        ("a@b", "Enter only the host"),
        ("*.example.org", "one host at a time"),
        ("ci.example.org:8080", "Leave out the port"),
        ("a b", "isn’t a host name"),
        ("2130706433", "four numbers"),
        ("0.0.0.0", "can’t be allowed"),
        ("255.255.255.255", "can’t be allowed"),
        ("ff02::1", "can’t be allowed"),
        ("x" * 300, "253"),
        ("a\0b", "Null characters"),
    ],
)
def test_what_is_no_host_is_refused_at_its_field(as_root: Client, host: str, remedy: str) -> None:
    answer = as_root.post(PAGE, {"host": host})
    assert answer.status_code == 400
    assert remedy in answer.content.decode()
    assert not AllowedHost.objects.exists()


def test_allowing_twice_is_answered(as_root: Client) -> None:
    as_root.post(PAGE, {"host": "10.1.2.3"})
    answer = as_root.post(PAGE, {"host": "10.1.2.3"})
    assert (answer.status_code, AllowedHost.objects.count()) == (400, 1)
    assert "already allowed" in answer.content.decode()


def test_closing_twice_is_no_second_decision(root: User) -> None:
    row = actions.allow(host="10.1.2.3", by=root)
    actions.close(row, by=root)
    actions.close(row, by=root)
    assert [each.was for each in actions.history()] == ["removed", "allowed"]


def test_the_page_says_what_the_installation_allows_and_shows_pages(as_root: Client, settings: Any) -> None:
    settings.RODEO_INTERNAL_HOSTS = ["Git.Example.org", "not a host", "::0001"]
    assert actions.configured_hosts() == ["::1", "git.example.org"]
    AllowedHost.objects.bulk_create(AllowedHost(host=f"ci-{number:02}.example.org") for number in range(60))
    text = as_root.get(PAGE).content.decode()
    assert "git.example.org" in text
    assert "1 to 50 of 60 hosts" in text
    assert "ci-55.example.org" in as_root.get(f"{PAGE}?page=2").content.decode()


def test_the_list_asks_as_little_for_many_as_for_one(
    as_root: Client, root: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        actions.allow(host=f"ci-{number}.example.org", by=root)
    with django_assert_max_num_queries(7):
        as_root.get(PAGE)


@pytest.mark.parametrize("browser", ["as_ana", "as_lea", "as_pam", "as_ria"])
def test_nobody_else_sees_or_changes_them(browser: str, request: pytest.FixtureRequest, root: User) -> None:
    client: Client = request.getfixturevalue(browser)
    row = actions.allow(host="10.1.2.3", by=root)
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"host": "10.1.2.4"}).status_code == 403
    assert client.post(f"{PAGE}{row.pk}/remove/").status_code == 403
    assert client.get(API).status_code == 403
    assert client.post(API, {"host": "10.1.2.4"}, content_type="application/json").status_code == 403
    assert client.delete(f"{API}10.1.2.3/").status_code == 403
    assert list(AllowedHost.objects.values_list("host", flat=True)) == ["10.1.2.3"]


def test_the_api_lists_allows_and_closes(as_root: Client) -> None:
    made = as_root.post(API, {"host": "CI.example.org", "note": "Jenkins"}, content_type="application/json")
    assert (made.status_code, made.json()["host"], made.json()["by"]) == (201, "ci.example.org", "root")
    as_root.post(API, {"host": "[fd00::1]"}, content_type="application/json")
    assert [each["host"] for each in as_root.get(API).json()["results"]] == ["ci.example.org", "fd00::1"]
    refused = as_root.post(API, {"host": "http://x/"}, content_type="application/json")
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "host")
    for host in ("ci.example.org", "fd00::1"):
        assert as_root.delete(f"{API}{host}/").status_code == 204
    assert as_root.delete(f"{API}ci.example.org/").status_code == 404


def test_a_source_called_hosts_gets_another_address(root: User) -> None:
    source, _ = create_push_source(by=root, kind="report", name="Hosts")
    assert source.key == "hosts-2"
    assert Source.objects.get().get_absolute_url() == "/sources/hosts-2/"
