"""A proxy in front of a server that counts round trips and delays each message."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import URL

__all__ = ["Proxy", "open_proxy"]


class Proxy:
    """Forwards connections on the loopback to a server.

    trips: how often the client waited for an answer, connecting included: the number of changes
        from messages of the client to messages of the server.
    cut_after: a text; the next connection that sends it is closed when the server has answered,
        and the client does not get the answer.
    """

    def __init__(self, server: URL, seconds: float) -> None:
        self._server = (server.host or "127.0.0.1", server.port or 0)
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.trips = 0
        self.cut_after: bytes | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the accept() of the thread
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, suppress(OSError):
            has_asked = False
            while True:
                readable, _, _ = select.select([client, server], [], [])
                for source in readable:
                    data = source.recv(1 << 20)
                    if not data:
                        return
                    if source is client:
                        if not has_asked:
                            time.sleep(self._seconds)
                        has_asked = True
                        server.sendall(data)
                        if self.cut_after is not None and self.cut_after in data:
                            self.cut_after = None
                            server.recv(1 << 20)
                            return
                    else:
                        self.trips += has_asked
                        has_asked = False
                        client.sendall(data)


@contextmanager
def open_proxy(server: URL, seconds: float = 0.0) -> Iterator[tuple[Proxy, URL]]:
    """Yield a proxy whose round trips take this much longer, and the URL that goes through it."""
    proxy = Proxy(server, seconds)
    try:
        yield proxy, server.set(host="127.0.0.1", port=proxy.port)
    finally:
        proxy.close()
