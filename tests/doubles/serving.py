"""A real HTTP server on this machine for doubles of hosted systems, and what may go wrong with any of them."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit


class Reply:
    """What a double answers: a document, or bytes; `cut` sends less than the length it promised."""

    def __init__(
        self, document: Any = None, status: int = 200, headers: dict[str, str] | None = None, *, cut: bool = False
    ) -> None:
        self.body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.status, self.headers, self.cut = status, headers or {}, cut


class Asked:
    """One request as the double saw it."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> None:
        parts = urlsplit(target)
        self.method, self.path, self.headers, self.body = method, parts.path, headers, body
        self.params = dict(parse_qsl(parts.query))
        self.lists = parse_qs(parts.query)


class Double:
    """Serves `answer` at `url` until closed. `asked` holds every request; `wrong` replies that take the place of the
    next ones whose path contains a text."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.wrong: list[tuple[str, Reply]] = []
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve(b"")

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def _serve(self, sent: bytes) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, sent)
                double.asked.append(asked)
                reply = double._wrong(asked) or double.answer(asked)
                body = b"" if reply.status == 304 else reply.body
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                if reply.status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if reply.cut else body)
                self.close_connection = reply.cut

            def log_message(self, *said: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        raise NotImplementedError

    def go_wrong(self, where: str, reply: Reply, times: int = 1) -> None:
        """Let the next requests whose path contains `where` be answered so."""
        self.wrong += [(where, reply)] * times

    def _wrong(self, asked: Asked) -> Reply | None:
        for at, (where, reply) in enumerate(self.wrong):
            if where in asked.path:
                del self.wrong[at]
                return reply
        return None

    def count(self, so: Callable[[Asked], bool] = lambda asked: True) -> int:
        """Return how many requests there were (that were so)."""
        return sum(1 for asked in self.asked if so(asked))

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()
