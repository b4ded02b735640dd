"""Pulling from a git server over HTTP, with and without a token."""

import base64
import os
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from releases.intake import pulls, sources
from releases.intake.actions import drain_inbox
from releases.intake.models import InboundEvent, Source
from releases.models import Change, Release
from squads.models import Squad
from tests.releases.conftest import Repo

TOKEN = "a-token-of-the-git-server"


class Server(ThreadingHTTPServer):
    """git http-backend behind a plain HTTP server. Notes what clients sent; asks for the token if told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.wants = ""
        self.elsewhere = ""
        self.seen: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Runs the backend for one request."""

    server: Server

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        authorization = self.headers.get("Authorization", "")
        self.server.seen.append(authorization)
        if self.server.elsewhere:
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere + self.path)
            self.end_headers()
            return
        if self.server.wants and authorization != self.server.wants:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.server.folder), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "uploadpack.allowFilter", "GIT_CONFIG_VALUE_1": "true",
        }  # fmt: skip
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=environment, check=False)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().splitlines() if ": " in line]
        status = next((value for name, value in fields if name == "Status"), "200")
        self.send_response(int(status.split()[0]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A git server that offers the test's repositories."""
    running = Server(tmp_path / "repositories")
    thread = Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def connect(server: Server, squad: Squad, secret: str = "") -> Source:
    url = f"{server.address}/shop/checkout/.git"
    source, _ = sources.connect_git(by=None, url=url, service="checkout", squad=squad, release_tags="v*", secret=secret)
    return source


def pull(source: Source) -> pulls.Pulled | None:
    claim = pulls.claim_now(source)
    assert claim
    pulled = pulls.pull(source.pk, claim)
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
    copy = pulls.mirror_of(source).path
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
    sources.edit_git(source, by=None, secret=TOKEN)
    assert pull(source), source.last_error
    assert server.wants in server.seen
    written = b"".join(file.read_bytes() for file in git_folder.rglob("*") if file.is_file())
    assert TOKEN.encode() not in written
    assert base64.b64encode(f"git:{TOKEN}".encode()) not in written
    assert all(TOKEN not in str(event.headers) + bytes(event.body).decode() for event in InboundEvent.objects.all())


def test_the_token_is_not_carried_to_another_server(
    repo: Repo, payments: Squad, server: Server, tmp_path: Path, make_repo: Callable[..., Repo]
) -> None:
    repo.commit()
    other = Server(tmp_path / "repositories")
    thread = Thread(target=other.serve_forever)
    thread.start()
    server.elsewhere = other.address
    source = connect(server, payments, secret=TOKEN)
    try:
        assert pull(source) is None
    finally:
        other.shutdown()
        thread.join()
        other.server_close()
    assert "leads elsewhere" in source.last_error
    assert other.seen == []


def test_a_server_that_is_away_is_an_error_with_a_remedy(payments: Squad, server: Server) -> None:
    source = connect(server, payments)
    assert pull(source) is None
    assert "There is no repository at this address" in source.last_error
    Source.objects.update(config={"url": "http://127.0.0.1:9/shop.git"})
    source.refresh_from_db()
    assert pull(source) is None
    assert "does not answer" in source.last_error
