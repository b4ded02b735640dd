"""Reading what others write."""

import pytest

from releases.providers import parse
from releases.providers.payloads import NotJson, headers_to_store, parse_json


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("shop/checkout", "shop/checkout"),
        ("https://git.example/shop/checkout.git", "shop/checkout"),
        ("https://ana@git.example:8443/group/shop/checkout/", "group/shop/checkout"),
        ("ssh://git@git.example/shop/checkout.git", "shop/checkout"),
        ("git@git.example:shop/checkout.git", "shop/checkout"),
        ("git.example/shop/checkout", "shop/checkout"),
        ("checkout", "checkout"),
        ("my.project", "my.project"),
    ],
)
def test_a_repository_has_one_name_however_it_is_written(written: str, name: str) -> None:
    assert parse.repository(written) == name


@pytest.mark.parametrize(
    ("written", "purl"),
    [
        ("pkg:oci/app@sha256:0f", "pkg:oci/app@sha256%3A0f"),
        ("pkg:oci/app@sha256%3a0f", "pkg:oci/app@sha256%3A0f"),
        ("PKG:oci/app@sha256%3A0f?tag=a:b", "pkg:oci/app@sha256%3A0f?tag=a:b"),
        ("pkg:npm/%40scope/app@1.0", "pkg:npm/%40scope/app@1.0"),
        ("pkg:golang/a.example/b", "pkg:golang/a.example/b"),
        ("plain", "plain"),
    ],
)
def test_a_purl_has_one_spelling(written: str, purl: str) -> None:
    assert parse.purl(written) == purl


@pytest.mark.parametrize(
    "written", ["", "yesterday", "2026-01-31", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "1760000000", None, 5]
)
def test_what_is_no_moment_is_none(written: object) -> None:
    assert parse.moment(written) is None


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T13:00:00+01:00",
        "2026-01-31 13:00:00 +0100",
        "2026-01-31 12:00:00 UTC",
        "2026-01-31T12:00:00.000000000Z",
        "20260131T120000Z",
    ],
)
def test_a_moment_is_read_in_utc(written: str) -> None:
    read = parse.moment(written)
    assert read is not None and read.isoformat() == "2026-01-31T12:00:00+00:00"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nope",
        b"\xff\xfe{}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\x00"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
        b'{"a": 1} x',
    ],
)
def test_what_is_no_json_is_refused_whatever_it_is(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse_json(body)


def test_secrets_are_never_kept_and_other_headers_only_when_they_help() -> None:
    sent = {
        "Authorization": "Bearer x",
        "Cookie": "a",
        "X-Rodeo-Token": "x",
        "X-Hub-Signature-256": "x",
        "X-GitLab-Token": "x",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "1",
        "ce-id": "7",
        "ce-secretthing": "x",
        "User-Agent": "curl",
        "X-Forwarded-For": "10.0.0.1",
        "Accept": "*/*",
        "X-Api-Key": "x",
        "X-GitHub-Hook-Password": "x",
    }
    assert headers_to_store(sent) == {
        "x-github-event": "push",
        "x-github-delivery": "1",
        "ce-id": "7",
        "user-agent": "curl",
    }
    assert headers_to_store({"x-event": "a"}, ("x-event",)) == {}
