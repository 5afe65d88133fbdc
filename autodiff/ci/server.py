"""Send requests to the API of a code host, and turn every failure into one message."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from autodiff.errors import AutodiffError, ConfigError, one_line

__all__ = ["CommentError", "Server"]

_TIMEOUT = 20.0
"""Seconds for one answer. The hosts answer in less than one, or are down."""
_PAUSES = (1.0, 3.0)
"""Seconds before each repetition of a request that failed for a reason of the server."""
_PAGE_SIZE, _MOST_PAGES = 100, 100
"""Both hosts send at most 100 comments at a time; 10,000 are more than anybody reads."""
_LARGEST_ANSWER = 20_000_000
_LONGEST_REASON = 200


class CommentError(AutodiffError):
    """The comment cannot be written.

    status: the HTTP status of the answer; None without an answer.
    """

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: the token would be sent to another address."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Server:
    """The API of a code host.

    name: the host in messages, such as GitHub.
    url: the address of the API.
    header: the name of the header for the token, and the text before the token in it.
    permission: what the token needs, for the hint of a refused request.
    timeout: the seconds to wait for an answer.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        token: str,
        header: tuple[str, str],
        permission: str,
        timeout: float = _TIMEOUT,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigError(
                f"the address of {name}'s API is not an HTTP address: {one_line(url)}",
                hint="unset the variable, or set it to an address such as https://example.org/api",
            )
        # http.client would name the token in its error:
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise ConfigError(
                f"the token for {name} contains a space or a character that is not printable",
                hint="copy the token again, without line ends",
            )
        self._name, self._url, self._token = name, url.rstrip("/"), token
        self._headers = {header[0]: f"{header[1]}{token}", "User-Agent": "autodiff"}
        self._permission, self.timeout = permission, timeout
        self._opener = urllib.request.build_opener(_NoRedirects)

    def items(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Yield the items of a list, which the server sends in pages.

        The page is counted here: the address of the next page in the answer can name another host.
        """
        for page in range(1, _MOST_PAGES + 1):
            data, headers = self._send("GET", f"{path}?per_page={_PAGE_SIZE}&page={page}", None)
            yield from (item for item in _listed(data) if isinstance(item, dict))
            if 'rel="next"' not in (headers.get("Link") or ""):
                return

    def get(self, path: str) -> Mapping[str, Any]:
        """Return an object."""
        return _mapping(self._send("GET", path, None)[0])

    def write(self, method: str, path: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create an object with POST, or replace its contents with PATCH or PUT."""
        return _mapping(self._send(method, path, data)[0])

    def _send(
        self, method: str, path: str, data: Mapping[str, Any] | None
    ) -> tuple[Any, Mapping[str, str]]:
        """Send a request; repeat it if the server failed, unless that could create two objects."""
        for pause in () if method == "POST" else _PAUSES:
            try:
                return self._send_once(method, path, data)
            except CommentError as error:
                if error.status is not None and error.status < 500:
                    raise
            time.sleep(pause)
        return self._send_once(method, path, data)

    def _send_once(
        self, method: str, path: str, data: Mapping[str, Any] | None
    ) -> tuple[Any, Mapping[str, str]]:
        request = urllib.request.Request(f"{self._url}{path}", method=method)
        for name, value in self._headers.items():
            request.add_header(name, value)
        if data is not None:
            request.data = json.dumps(data).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                text = answer.read(_LARGEST_ANSWER)
                return json.loads(text), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (ValueError, RecursionError):
            raise CommentError(
                f"{self._name} did not answer with JSON",
                hint=f"check the address of the API: {self._host}",
            ) from None
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from None

    @property
    def _host(self) -> str:
        return one_line(urlsplit(self._url).netloc.rpartition("@")[2])

    def _unreachable(self, error: Exception) -> CommentError:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        is_timeout = isinstance(reason, TimeoutError)
        text = f"no answer in {self.timeout:g} s" if is_timeout else self._clean(str(reason))
        return CommentError(
            f"cannot reach {self._name} at {self._host}: {text}",
            hint="run the job again; if it still fails, check the network of the runner",
        )

    def _refused(self, error: urllib.error.HTTPError) -> CommentError:
        """Return the error for an answer with a status other than success."""
        status = error.code
        limited = error.headers.get("X-RateLimit-Remaining") == "0"
        if status == 429 or (status == 403 and limited):
            message, hint = "has refused too many requests", "run the job again in some minutes"
        elif status == 401:
            message, hint = "does not accept the token", "check that the token has not expired"
        elif status == 403:
            message, hint = "does not let this token write comments", self._permission
        elif status == 404:
            message = "does not know the pull request, or the token may not see it"
            hint = self._permission
        elif status >= 500:
            message, hint = f"failed with status {status}", "run the job again"
        elif status >= 400:
            message = f"refused the comment with status {status}{self._reason(error)}"
            hint = "run the job again; if it still fails, report a bug"
        else:
            message = f"answered with a redirect (status {status}), which is not followed"
            hint = f"the repository was moved, or the address of the API is wrong: {self._host}"
        return CommentError(f"{self._name} {message}", hint=hint, status=status)

    def _reason(self, error: urllib.error.HTTPError) -> str:
        """Return the reason that the server gave, if it can be read."""
        try:
            reason = _mapping(json.loads(error.read(_LARGEST_ANSWER))).get("message")
        except (OSError, HTTPException, ValueError, RecursionError):
            return ""
        return f": {self._clean(str(reason))}" if reason else ""

    def _clean(self, text: str) -> str:
        return one_line(text.replace(self._token, "***"))[:_LONGEST_REASON]


def _listed(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []


def _mapping(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}
