"""A code host on the loopback, and the variables of a job that runs for a pull request on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ci.server import CodeHost, serve

TOKEN = "ghs_SECRET0123456789"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeHost]:
    """Start the code host; requests to it bypass the proxy and are retried without a delay."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("autodiff.ci.server._PAUSES", (0.0, 0.0))
    with serve() as running:
        yield running


@pytest.fixture
def github(host: CodeHost, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Return a function that returns the variables of GitHub Actions for pull request 5."""

    def variables(*, head: str | None = "acme/shop", **more: str) -> dict[str, str]:
        repository = None if head is None else {"full_name": head}
        pull_request = {"number": 5, "head": {"repo": repository}, "base": {"sha": "abc"}}
        event = tmp_path / "event.json"
        event.write_text(json.dumps({"pull_request": pull_request}))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": host.url,
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_TOKEN": TOKEN,
            **more,
        }

    return variables


@pytest.fixture
def gitlab(host: CodeHost) -> dict[str, str]:
    """Return the variables of GitLab CI for merge request 5."""
    return {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": host.url,
        "CI_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "5",
        "GITLAB_TOKEN": TOKEN,
    }
