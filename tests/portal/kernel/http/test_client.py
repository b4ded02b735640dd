"""The door for outbound calls, against real servers that mean no good."""

import gzip
import logging
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from portal.kernel import http
from portal.kernel.http import HttpClient, Limits, addresses
from tests.doubles.http_server import Asked, Raw, answer, certificate, serving

HERE = frozenset({"127.0.0.1"})
QUICK = Limits(connect=2, read=5, whole=10, body=100_000)


@pytest.fixture
def server() -> Iterator[Raw]:
    with serving() as running:
        yield running


@pytest.fixture
def door() -> Iterator[HttpClient]:
    with HttpClient(allowed=HERE, limits=QUICK) as made:
        yield made


def leads_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    monkeypatch.setattr(addresses, "resolve", resolve)
    return asked


def test_an_answer_comes_whole(server: Raw, door: HttpClient) -> None:
    server.replies["/a"] = answer(body=b"hello", Content_Type="text/plain", X_Two="1")
    found = door.ask(f"{server.url}/a?secret=1", headers={"Accept": "text/plain"})
    assert (found.status, found.body, found.headers["content-type"]) == (200, b"hello", "text/plain")
    assert found.url == f"{server.url}/a"
    asked = server.asked[0]
    assert asked.target == "/a?secret=1"
    assert asked.headers["accept-encoding"] == "gzip"
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"


def test_one_connection_serves_many_requests(server: Raw, door: HttpClient) -> None:
    server.replies["/a"] = answer(body=gzip.compress(b"x" * 1000), Content_Encoding="gzip")
    for _ in range(20):
        assert door.ask(f"{server.url}/a").body == b"x" * 1000
    assert (len(server.asked), server.connections) == (20, 1)


def test_no_cookie_is_kept_and_no_proxy_of_the_environment_asked(
    server: Raw, door: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.replies["/a"] = answer(Set_Cookie="session=1; Path=/")
    door.ask(f"{server.url}/a")
    door.ask(f"{server.url}/a")
    assert all("cookie" not in asked.headers for asked in server.asked)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate", "two gzips", "x-gzip", "identity"])
def test_compressed_answers_are_read(server: Raw, door: HttpClient, encoding: str) -> None:
    text = b"0123456789" * 500
    raw = zlib.compressobj(wbits=-15)
    bodies = {
        "gzip": gzip.compress(text),
        "x-gzip": gzip.compress(text),
        "deflate": zlib.compress(text),
        "identity": text,
        "raw deflate": raw.compress(text) + raw.flush(),
        "two gzips": gzip.compress(text[:900]) + gzip.compress(text[900:]),
    }
    name = {"raw deflate": "deflate", "two gzips": "gzip"}.get(encoding, encoding)
    server.replies["/a"] = answer(body=bodies[encoding], Content_Encoding=name)
    assert door.ask(f"{server.url}/a").body == text


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_encoding_nobody_asked_for_is_refused(server: Raw, door: HttpClient, encoding: str) -> None:
    server.replies["/a"] = answer(body=b"whatever", Content_Encoding=encoding)
    with pytest.raises(http.BrokenOff, match="didn’t ask for"):
        door.ask(f"{server.url}/a")


def bomb(kind: str) -> bytes:
    packed = zlib.compressobj(9, wbits=31 if kind == "gzip" else 15)
    made = [packed.compress(b"\0" * 1024**2) for _ in range(300)]
    return b"".join([*made, packed.flush()])


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_a_zip_bomb_never_unfolds(server: Raw, door: HttpClient, kind: str) -> None:
    packed = bomb(kind)
    assert len(packed) < 400_000
    server.replies["/a"] = answer(body=packed, Content_Encoding=kind)
    tracemalloc.start()
    with pytest.raises(http.TooLarge, match="It wasn’t saved"):
        door.ask(f"{server.url}/a")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5 * 1024**2, f"300 MiB unfolded to {most} bytes"


def test_a_bomb_of_empty_parts_ends_too(server: Raw, door: HttpClient) -> None:
    server.replies["/a"] = answer(body=gzip.compress(b"") * 20_000, Content_Encoding="gzip")
    with pytest.raises(http.TooLarge):
        door.ask(f"{server.url}/a")


def test_a_plain_body_is_read_no_further_than_allowed(server: Raw, door: HttpClient) -> None:
    sent: list[int] = []

    def endless(_: Asked, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        while len(sent) < 1000:
            connection.sendall(b"x" * 65536)
            sent.append(65536)

    server.replies["/a"] = endless
    with pytest.raises(http.TooLarge):
        door.ask(f"{server.url}/a")
    assert len(sent) < 1000


def drip(first: bytes) -> Callable[[Asked, socket.socket], None]:
    def slowly(_: Asked, connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.02)

    return slowly


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"]
)
def test_a_server_that_drips_is_given_up(server: Raw, first: bytes) -> None:
    """A byte now and then keeps every read short: only the time of the whole request ends it."""
    server.replies["/a"] = drip(first)
    with (
        HttpClient(allowed=HERE, limits=Limits(read=5, whole=0.1)) as door,
        pytest.raises(http.TooSlow, match="longer than"),
    ):
        door.ask(f"{server.url}/a")


def test_a_server_that_says_nothing_is_given_up(server: Raw) -> None:
    server.replies["/a"] = lambda asked, connection: server.over.wait(5) and None
    with (
        HttpClient(allowed=HERE, limits=Limits(read=0.05)) as door,
        pytest.raises(http.TooSlow, match="didn’t answer"),
    ):
        door.ask(f"{server.url}/a")


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(b"x" * 500)[:-9],
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n",
        b"",
    ],
    ids=[
        "short",
        "chunks without an end",
        "half a gzip",
        "no gzip",
        "two lengths",
        "half a header",
        "not HTTP",
        "endless headers",
        "nothing",
    ],
)
def test_an_answer_that_is_not_whole_is_no_answer(server: Raw, door: HttpClient, sent: bytes) -> None:
    server.replies["/a"] = lambda asked, connection: connection.sendall(sent)
    with pytest.raises(http.BrokenOff):
        door.ask(f"{server.url}/a")


# Redirects


def redirect(to: str, status: str = "302 Found") -> bytes:
    return answer(status, Location=to)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_on_the_same_server_is_followed(server: Raw, door: HttpClient, status: str) -> None:
    server.replies |= {"/a": redirect("/b?x=1", status), "/b": answer(body=b"here")}
    found = door.ask(f"{server.url}/a", headers={"Authorization": "Bearer token"})
    assert (found.body, found.url) == (b"here", f"{server.url}/b")
    assert server.asked[1].headers["authorization"] == "Bearer token"


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:{port}/b",
        "https://127.0.0.1:{port}/b",
        "http://127.0.0.1:1/b",
        "//example.org/b",
        "http://127.0.0.1:{port}@example.org/b",
        "ftp://127.0.0.1/b",
        "file:///etc/passwd",
        "http://[::1]:{port}/b",
        "http://a@127.0.0.1:{port}/b",
        "http://2130706433:{port}/b",
        "http://127.1:{port}/b",
        "http://[",
        "gopher:x",
    ],
)
def test_a_redirect_to_elsewhere_is_never_followed(
    server: Raw, door: HttpClient, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = leads_to(monkeypatch, ["127.0.0.1"])
    server.replies |= {"/a": redirect(to.format(port=server.port)), "/b": answer(body=b"stolen")}
    with pytest.raises(http.Astray):
        door.ask(f"{server.url}/a", headers={"Authorization": "Bearer token"})
    assert [each.target for each in server.asked] == ["/a"]
    assert asked == []


def test_redirects_do_not_go_on_for_ever(server: Raw, door: HttpClient) -> None:
    server.replies["/a"] = redirect("/a")
    with pytest.raises(http.Astray, match="more than 5"):
        door.ask(f"{server.url}/a")
    assert len(server.asked) == 6


def test_what_is_sent_is_not_carried_along(server: Raw, door: HttpClient) -> None:
    server.replies |= {"/a": redirect("/b"), "/b": answer()}
    with pytest.raises(http.Astray):
        door.ask(f"{server.url}/a", method="POST", content=b"{}")
    assert len(server.asked) == 1


# Addresses


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
def test_this_machine_is_closed(server: Raw, host: str) -> None:
    with HttpClient() as door, pytest.raises(http.Closed, match="private network"):
        door.ask(f"http://{host}:{server.port}/")
    assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://a@b/",
        "http://a:b@127.0.0.1/",
        "http://127.0.0.1\\@example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "example.org",
        "",
        "http://",
        "http://example.org:0/",
        "http://example.org:70000/",
        "http://exa mple.org/",
        "http://exa%6dple.org/",
        "http://x/\r\nA: b",
        "http://①②⑦.⓪.⓪.①/",
        "http://[::1%25lo]/",
        "javascript:alert(1)",
    ],
)
def test_dubious_addresses_are_refused_before_anybody_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = leads_to(monkeypatch, ["93.184.216.34"])
    with HttpClient(allowed=HERE) as door, pytest.raises((http.BadAddress, http.Closed)):
        door.ask(url)
    assert asked == []


def test_a_name_that_leads_to_this_machine_is_closed(server: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, ["127.0.0.1"])
    with HttpClient(allowed=HERE) as door, pytest.raises(http.Closed, match=r"shop\.example\.org \(127\.0\.0\.1\)"):
        door.ask(f"http://shop.example.org:{server.port}/")
    assert server.connections == 0


def test_one_closed_address_among_open_ones_closes_the_name(server: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, ["93.184.216.34", "127.0.0.1"])
    with HttpClient() as door, pytest.raises(http.Closed):
        door.ask(f"http://shop.example.org:{server.port}/")
    assert server.connections == 0


def test_the_address_connected_to_is_the_one_that_was_checked(server: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name leads outside when it is checked and to this machine ever after; the connection goes where was checked."""
    asked = leads_to(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    dialled: list[str] = []

    def dial(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        dialled.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", dial)
    with HttpClient() as door, pytest.raises(http.Unreachable, match="doesn’t answer"):
        door.ask(f"http://shop.example.org:{server.port}/")
    assert (asked, dialled) == (["shop.example.org"], ["93.184.216.34"])


def test_a_later_connection_is_checked_anew(server: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    server.replies["/a"] = answer(body=b"1", Connection="close")
    with HttpClient(allowed=frozenset({"ci.example.org"}), limits=QUICK) as door:
        assert door.ask(f"http://ci.example.org:{server.port}/a").body == b"1"
        with pytest.raises(http.Closed):
            door.ask(f"http://ci.example.org:{server.port}/a")


def test_the_next_address_is_tried_when_the_first_does_not_answer(server: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, ["::1", "127.0.0.1"])
    server.replies["/a"] = answer(body=b"1")
    with HttpClient(allowed=frozenset({"ci.example.org"}), limits=QUICK) as door:
        assert door.ask(f"http://ci.example.org:{server.port}/a").body == b"1"
    assert server.asked[0].headers["host"] == f"ci.example.org:{server.port}"


def test_an_ipv6_server_is_asked_by_its_address() -> None:
    with serving(address="::1") as server, HttpClient(allowed=frozenset({"::1"}), limits=QUICK) as door:
        server.replies["/a"] = answer(body=b"six")
        assert door.ask(f"http://[0:0::1]:{server.port}/a").body == b"six"
        assert server.asked[0].headers["host"] == f"[::1]:{server.port}"


def test_nobody_listening_is_said_so(server: Raw, door: HttpClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(http.Unreachable, match="doesn’t answer on port"):
            door.ask(f"http://127.0.0.1:{unused.getsockname()[1]}/")


# Certificates


def test_a_certificate_nobody_vouches_for_is_refused_and_accepted_with_its_authority(tmp_path: Path) -> None:
    made = certificate(tmp_path, "127.0.0.1")
    with serving(made) as server:
        server.replies["/a"] = answer(body=b"safe")
        with HttpClient(allowed=HERE, limits=QUICK) as door, pytest.raises(http.NotTrusted, match="RODEO_CA_BUNDLE"):
            door.ask(f"{server.url}/a")
        assert server.asked == []
        with HttpClient(allowed=HERE, limits=QUICK, ca_bundle=str(made)) as door:
            assert door.ask(f"{server.url}/a").body == b"safe"


def test_a_certificate_is_for_the_name_in_the_address_not_for_where_it_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(tmp_path, "ci.example.org")
    leads_to(monkeypatch, ["127.0.0.1"])
    allowed = frozenset({"ci.example.org", "other.example.org"})
    with serving(made) as server, HttpClient(allowed=allowed, limits=QUICK, ca_bundle=str(made)) as door:
        server.replies["/a"] = answer(body=b"safe")
        assert door.ask(f"https://ci.example.org:{server.port}/a").body == b"safe"
        with pytest.raises(http.NotTrusted, match="mismatch"):
            door.ask(f"https://other.example.org:{server.port}/a")


def test_a_server_without_tls_is_said_so(door: HttpClient) -> None:
    def plainly(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        Thread(target=plainly, args=(listening,), daemon=True).start()
        with pytest.raises(http.Unreachable, match="doesn’t accept TLS"):
            door.ask(f"https://127.0.0.1:{listening.getsockname()[1]}/a")


def test_a_bundle_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "bundle.pem").write_text("nothing")
    for path in (tmp_path / "bundle.pem", tmp_path / "missing.pem"):
        with pytest.raises(http.BadAddress, match="RODEO_CA_BUNDLE"):
            HttpClient(ca_bundle=str(path))


# Headers and secrets


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer token\r\nX-Evil: 1"},
        {"Authorization": "Bearer tok\0en"},
        {"Authorization": "Bearer t€ken"},
        {"X-Evil: 1\r\nX": "1"},
        {"Host": "example.org"},
        {"Content-Length": "0"},
        {"Transfer-Encoding": "chunked"},
    ],
)
def test_a_header_never_becomes_two(server: Raw, door: HttpClient, headers: dict[str, str]) -> None:
    with pytest.raises(http.BadAddress) as error:
        door.ask(f"{server.url}/a", headers=headers)
    assert not {"token", "tok", "t€ken", "Bearer"} & set(str(error.value).split())
    assert server.connections == 0


def test_a_token_pasted_with_a_line_break_at_its_end_works(server: Raw, door: HttpClient) -> None:
    server.replies["/a"] = answer()
    door.ask(f"{server.url}/a", headers={"Authorization": "Bearer token\n"})
    assert server.asked[0].headers["authorization"] == "Bearer token"


def test_secrets_are_in_no_log_and_no_error(server: Raw, door: HttpClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.replies |= {
        "/ok": answer(body=b"fine"),
        "/half": answer(body=b"x", Content_Length="9"),
        "/away": redirect("http://b.example/?k=s3cret-q"),
        "/odd": answer(body=b"x", Content_Encoding="br"),
    }
    server.replies["/half"] = lambda asked, connection: connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"
    )
    texts = []
    for path in ("ok", "half", "away", "odd"):
        try:
            texts.append(
                repr(door.ask(f"{server.url}/{path}?key=s3cret-q", headers={"Authorization": "Bearer s3cret-h"}))
            )
        except http.NotAnswered as error:
            texts.append(str(error))
    for url in (f"http://u:s3cret-u@127.0.0.1:{server.port}/", "http://nobody.invalid/?key=s3cret-q"):
        with pytest.raises(http.NotAnswered) as refused:
            door.ask(url)
        texts.append(str(refused.value))
    assert len(texts) == 6
    assert all(f"s3cret-{kind}" not in text for kind in "qhu" for text in [*texts, caplog.text])
