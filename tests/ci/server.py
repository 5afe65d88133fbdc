"""A server on the loopback that behaves like the API of GitHub or GitLab for comments."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PERSON, BOT = {"id": 7, "type": "User"}, {"id": 1, "type": "Bot"}


class CodeHost:
    """The comments of one pull request, the requests that were received, and faults to show.

    faults: the answers to the next requests with a method: a status, headers and a body.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.comments: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []
        self.headers: list[Mapping[str, str]] = []
        self.faults: dict[str, list[tuple[int, dict[str, str], bytes]]] = {}
        self.delay = 0.0
        self.author = BOT

    def fail(
        self, method: str, status: int, *, times: int = 1, body: bytes = b"{}", **headers: str
    ) -> None:
        """Answer the next requests with a status."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.setdefault(method, []).extend([(status, named, body)] * times)

    def add(self, body: str, author: Mapping[str, Any]) -> None:
        """Add a comment; GitHub names its author `user`, and GitLab `author`."""
        number = len(self.comments) + 1
        self.comments.append({"id": number, "body": body, "user": author, "author": author})

    def answer(self, method: str, target: str, data: Any) -> tuple[int, dict[str, str], Any]:
        """Return the status, the headers and the data of the answer to a request."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path == "/user":
            is_bot = self.author["type"] == "Bot"
            return (
                (403, {}, {"message": "Resource not accessible"})
                if is_bot
                else (200, {}, self.author)
            )
        if method == "GET":
            size, page = int(query["per_page"][0]), int(query["page"][0])
            shown = self.comments[(page - 1) * size : page * size]
            link = f'<http://192.0.2.1/?page={page + 1}>; rel="next"'
            more = {"Link": link} if page * size < len(self.comments) else {}
            return 200, more, shown
        if method == "POST":
            self.add(data["body"], self.author)
            return (
                201,
                {},
                {**self.comments[-1], "html_url": f"{self.url}/comment/{len(self.comments)}"},
            )
        number = int(re.findall(r"\d+$", path)[0])
        self.comments[number - 1]["body"] = data["body"]
        return 200, {}, self.comments[number - 1]


class _Handler(BaseHTTPRequestHandler):
    host: CodeHost

    def _handle(self) -> None:
        host = self.host
        host.requests.append((self.command, self.path))
        host.headers.append(dict(self.headers))
        data = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        time.sleep(host.delay)
        if faults := host.faults.get(self.command):
            status, headers, body = faults.pop(0)
        else:
            status, headers, answer = host.answer(self.command, self.path, data)
            body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = _handle  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def serve() -> Iterator[CodeHost]:
    """Run the server in a thread."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        host = CodeHost(f"http://127.0.0.1:{server.server_port}")
        handler.host = host  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()
