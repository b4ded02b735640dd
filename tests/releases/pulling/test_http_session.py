"""What a provider asks its system through, against a real server that answers as real systems do."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from portal.accounts.models import User
from portal.kernel import clock, http
from releases.allowed_hosts import actions
from releases.inbox.models import Source
from releases.providers import PROVIDERS, base
from releases.providers.base import Missing, PullFailed, PullRefused, RateLimited
from releases.pulling import http_session
from releases.pulling.http_session import HttpSession, session_of
from tests.doubles.http_server import Raw, answer, certificate, serving

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
TOKEN = "s3cret-token"


@pytest.fixture
def server() -> Iterator[Raw]:
    with serving() as running:
        yield running


@pytest.fixture
def ticks() -> list[int]:
    return []


@pytest.fixture
def session(server: Raw, ticks: list[int]) -> Iterator[HttpSession]:
    door = http.HttpClient(
        allowed=frozenset({"127.0.0.1"}), limits=http.Limits(connect=2, read=5, whole=10, body=100_000)
    )
    made = HttpSession(
        f"{server.url}/jenkins/",
        door,
        headers={"Authorization": f"Bearer {TOKEN}"},
        tick=lambda: ticks.append(1),
        hidden=TOKEN,
    )
    with closing(made):
        yield made


# Asking


def test_a_path_is_below_the_sources_address(server: Raw, session: HttpSession, ticks: list[int]) -> None:
    server.replies["/jenkins/api/json"] = answer(body=b'{"jobs": []}', ETag='"1"')
    found = session.get("/api/json", {"tree": "jobs[name]", "depth": 1}, {"If-None-Match": '"0"'})
    assert (found.status, found.json(), found.headers["etag"]) == (200, {"jobs": []}, '"1"')
    asked = server.asked[0]
    assert asked.target == "/jenkins/api/json?tree=jobs%5Bname%5D&depth=1"
    assert (asked.headers["authorization"], asked.headers["if-none-match"]) == (f"Bearer {TOKEN}", '"0"')
    assert ticks == [1]


def test_a_whole_address_is_asked_on_the_same_server_only(server: Raw, session: HttpSession) -> None:
    server.replies["/other"] = answer(body=b"[]")
    assert session.get(f"{server.url}/other?page=2", {"per_page": 100}).body == b"[]"
    assert server.asked[0].target == "/other?page=2&per_page=100"
    for elsewhere in (
        f"http://localhost:{server.port}/other",
        f"https://127.0.0.1:{server.port}/other",
        "http://169.254.169.254/x",
        f"http://127.0.0.1:{server.port + 1}/other",
        f"http://127.0.0.1:{server.port}@example.org/other",
    ):
        with pytest.raises(PullRefused):
            session.get(elsewhere)
    assert len(server.asked) == 1


@pytest.mark.parametrize("path", ["/../admin", "a/../../b", "a/%2e%2e/b", "a\\..\\b", ".", "a\r\nHost: evil", "a\0b"])
def test_a_name_from_elsewhere_leads_no_request_astray(server: Raw, session: HttpSession, path: str) -> None:
    with pytest.raises(PullRefused):
        session.get(path)
    assert server.connections == 0


@pytest.mark.parametrize("path", ["//example.org/x", "@example.org/x", ":80/x", "job/a b/ü"])
def test_an_odd_path_stays_on_the_server(server: Raw, session: HttpSession, path: str) -> None:
    with pytest.raises(Missing):
        session.get(path)
    assert server.asked[0].target.startswith("/jenkins/")
    assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"


def test_json_is_sent_and_nothing_is_sent_twice(server: Raw, session: HttpSession) -> None:
    server.replies["/jenkins/graphql"] = answer(body=b'{"data": 1}')
    assert session.post("graphql", {"query": "é"}, {"X-Two": "2"}).json() == {"data": 1}
    asked = server.asked[0]
    assert (asked.body, asked.headers["content-type"]) == (b'{"query": "\\u00e9"}', "application/json")
    assert asked.headers["x-two"] == "2"


def test_what_has_not_changed_is_an_answer(server: Raw, session: HttpSession) -> None:
    server.replies["/jenkins/a"] = answer("304 Not Modified", ETag='"1"')
    found = session.get("a", headers={"If-None-Match": '"1"'})
    assert (found.status, found.body) == (304, b"")


def test_an_answer_that_is_not_json_is_said_so_without_the_query(server: Raw, session: HttpSession) -> None:
    server.replies["/jenkins/a"] = answer(body=b"<html>")
    with pytest.raises(PullFailed, match="other than JSON") as error:
        session.get("a", {"private_token": TOKEN}).json()
    assert TOKEN not in str(error.value)


# Refusals


def said(server: Raw, session: HttpSession, status: str, body: bytes = b"", **headers: str) -> PullFailed:
    server.replies["/jenkins/a"] = answer(status, body, **headers)
    with pytest.raises(PullFailed) as error:
        session.get("a")
    return error.value


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        ("401 Unauthorized", PullRefused, "Give this source a valid token"),
        ("403 Forbidden", PullRefused, "read access"),
        ("404 Not Found", Missing, "Check the address"),
        ("410 Gone", Missing, "Check the address"),
        ("400 Bad Request", PullFailed, "didn’t expect"),
        ("422 Unprocessable", PullFailed, "didn’t expect"),
        ("500 Oops", PullFailed, "try again"),
        ("502 Bad Gateway", PullFailed, "try again"),
        ("503 Unavailable", PullFailed, "try again"),
        ("300 Many", PullFailed, "didn’t expect"),
    ],
)
def test_every_refusal_has_its_kind_and_its_remedy(
    server: Raw, session: HttpSession, status: str, kind: type, remedy: str, ticks: list[int]
) -> None:
    error = said(server, session, status, b'{"message": "Because."}')
    assert type(error) is kind
    assert remedy in str(error)
    assert "It says: Because." in str(error)
    assert f"{server.url}/jenkins/a" in str(error)
    assert ticks == [1]


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        ("429 Slow down", {"Retry-After": "120"}, 120),
        ("429 Slow down", {}, 60),
        ("429 Slow down", {"Retry-After": "soon"}, 60),
        ("429 Slow down", {"Retry-After": "0"}, 1),
        ("429 Slow down", {"Retry-After": "999999999999"}, 86400),
        ("429 Slow down", {"Retry-After": format_datetime(NOW + timedelta(minutes=5), usegmt=True)}, 300),
        ("429 Slow down", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 1),
        ("429 Slow down", {"RateLimit-Reset": "30"}, 30),
        ("429 Slow down", {"RateLimit-Reset": str(int(NOW.timestamp()) + 45)}, 45),
        ("403 Forbidden", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 600)}, 600),
        ("403 Forbidden", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, 1),
        ("403 Forbidden", {"RateLimit-Remaining": "0"}, 60),
        ("403 Forbidden", {"Retry-After": "10", "X-RateLimit-Remaining": "4999"}, 10),
    ],
)
def test_a_rate_limit_says_until_when_to_wait(
    server: Raw,
    session: HttpSession,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    headers: dict[str, str],
    seconds: int,
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    error = said(server, session, status, **{name.replace("-", "_"): value for name, value in headers.items()})
    assert isinstance(error, RateLimited)
    assert error.until == NOW + timedelta(seconds=seconds)


def test_a_limit_that_only_the_text_tells_of_is_no_wrong_token(server: Raw, session: HttpSession) -> None:
    body = b'{"message": "You have exceeded a secondary rate limit."}'
    assert isinstance(said(server, session, "403 Forbidden", body, X_RateLimit_Remaining="4000"), RateLimited)


def test_what_breaks_off_or_is_too_large_is_tried_again(server: Raw, session: HttpSession) -> None:
    server.replies["/jenkins/a"] = lambda _, to: to.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    server.replies["/jenkins/b"] = answer(body=b"x" * 200_000)
    for path in ("a", "b"):
        with pytest.raises(PullFailed, match="try again") as error:
            session.get(path)
        assert type(error.value) is PullFailed


def test_a_redirect_to_the_address_of_clouds_is_refused_for_good(server: Raw, session: HttpSession) -> None:
    server.replies["/jenkins/a"] = answer("302 Found", Location="http://169.254.169.254/latest/meta-data/")
    with pytest.raises(PullRefused, match="another server"):
        session.get("a")


def test_a_secret_that_the_answer_repeats_is_in_no_text(
    server: Raw, session: HttpSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = said(server, session, "401 No", f'{{"message": "Unknown token {TOKEN} of Bearer {TOKEN}"}}'.encode())
    assert "Unknown token …" in str(error)
    assert TOKEN not in str(error) + caplog.text


# Pace


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


def test_requests_are_paced_evenly_after_the_first_minutes_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    monkeypatch.setattr(http_session, "time", time)
    ticks: list[float] = []
    pace = http_session.Pace(10, lambda: ticks.append(time.now))
    for _ in range(10):
        pace.wait()
    assert time.slept == []
    for _ in range(5):
        pace.wait()
    assert time.now == pytest.approx(30, abs=0.01)
    assert max(time.slept) <= 1
    assert len(ticks) == len(time.slept)


# From a source


def look(session: base.Session, config: Any) -> list[str]:
    return []


def signing(session: base.Session, config: Any, credential: str) -> dict[str, str]:
    crumb = session.get("crumb").json()["crumb"]
    return {"Authorization": f"Bearer {credential}", "Crumb": crumb}


@pytest.fixture
def make_source(monkeypatch: pytest.MonkeyPatch, db: None) -> Callable[..., Source]:
    """A source of a kind that is pulled over HTTP, made up for the test."""
    pulling = base.Pulling(headers=signing, pages=lambda *_: iter(()), test_connection=look, default_url="")
    kind = base.Provider(
        kind="tried", name="Tried", pushes=False, pulls=True, label=None, translate=lambda *_: None, pulling=pulling
    )
    monkeypatch.setitem(PROVIDERS, "tried", kind)
    return lambda **config: Source.objects.create(
        key="tried", name="Tried", kind="tried", config=config, credential=TOKEN
    )


def test_a_session_signs_in_before_anything_else(
    server: Raw, make_source: Callable[..., Source], settings: Any
) -> None:
    settings.RODEO_INTERNAL_HOSTS = ["127.0.0.1"]
    server.replies |= {"/crumb": answer(body=b'{"crumb": "c1"}'), "/runs": answer(body=b"[]")}
    with closing(session_of(make_source(url=server.url))) as session:
        session.get("runs")
    first, second = server.asked
    assert "authorization" not in first.headers
    assert (second.headers["authorization"], second.headers["crumb"]) == (f"Bearer {TOKEN}", "c1")


def test_a_closed_host_is_refused_with_the_page_where_it_is_allowed(
    server: Raw, make_source: Callable[..., Source], root: User
) -> None:
    source = make_source(url=server.url)
    with pytest.raises(PullRefused, match="/sources/hosts/"):
        session_of(source)
    assert server.connections == 0
    server.replies["/crumb"] = answer(body=b'{"crumb": "c1"}')
    actions.allow(host="127.0.0.1", by=root)
    session_of(source).close()
    assert len(server.asked) == 1


def test_a_certificate_of_the_companys_own_authority_is_accepted_once_it_is_named(
    tmp_path: Path, make_source: Callable[..., Source], settings: Any
) -> None:
    settings.RODEO_INTERNAL_HOSTS = ["127.0.0.1"]
    made = certificate(tmp_path, "127.0.0.1")
    with serving(made) as server:
        server.replies["/crumb"] = answer(body=b'{"crumb": "c1"}')
        source = make_source(url=server.url)
        with pytest.raises(PullRefused, match="RODEO_CA_BUNDLE"):
            session_of(source)
        settings.RODEO_CA_BUNDLE = str(made)
        session_of(source).close()


@pytest.mark.parametrize("url", ["", "jenkins", "ftp://example.org", "http://u:p@example.org/", "http://2130706433/"])
def test_a_source_without_a_proper_address_says_what_to_do(make_source: Callable[..., Source], url: str) -> None:
    with pytest.raises(PullRefused):
        session_of(make_source(url=url))


def test_a_source_that_only_sends_is_not_asked(scripts: Source) -> None:
    with pytest.raises(PullRefused, match="sends events instead"):
        session_of(scripts)
