"""The worker that serves pages under gunicorn: threads, and one more that only ever answers /healthz.

A request that waits for a locked database holds its thread, so a few senders can hold all of them. Whoever asks whether the
process is alive must not wait behind them, or it is restarted just when it is busy.
"""

import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ

from gunicorn.workers.gthread import TConn, ThreadWorker

HEALTH = (b"GET /healthz ", b"HEAD /healthz ", b"GET /healthz?")
END_OF_HEAD = b"\r\n\r\n"
LONGEST_HEAD = 8192


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """Gunicorn's worker with threads. It waits for the first bytes of a connection itself, and looks at them once."""

    def init_process(self) -> None:
        self.health_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="health")
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Have a request handled by a thread; a connection that said nothing yet waits without one."""
        said = _said(conn)
        if said is None and not (conn.initialized or conn.data_ready):
            self._wait_for_data(conn)
            return
        # Only a request that is all there: one that dawdles must not keep the next from being answered.
        alive = said is not None and said.startswith(HEALTH) and END_OF_HEAD in said
        done = (self.health_pool if alive else self.tpool).submit(self.handle, conn)
        done.add_done_callback(lambda each: self.method_queue.defer(self.finish_request, conn, each))

    def _wait_for_data(self, conn: TConn) -> None:
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))


def _said(conn: TConn) -> bytes | None:
    """Return what a client has sent so far without taking it; None if that is nothing yet."""
    if type(conn.sock) is not socket.socket:
        # What TLS has decrypted cannot be looked at beforehand.
        return b""
    try:
        return conn.sock.recv(LONGEST_HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        # Closed or reset: handling it finds out, and ends the connection.
        return b""
