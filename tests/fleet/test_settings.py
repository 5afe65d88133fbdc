"""Test the settings of the targets, and the errors for invalid ones."""

from __future__ import annotations

from typing import Any

import pytest

from autodiff.errors import ConfigError
from autodiff.fleet.settings import FleetSettings, parse_settings


def test_every_setting_is_read() -> None:
    """Omitted settings have their defaults."""
    assert parse_settings({"urls": ["sqlite:///a.db"]}) == FleetSettings(urls=("sqlite:///a.db",))
    data = {
        "query": "SELECT name FROM tenants",
        "schema": "tenant_{name}",
        "search_path": ["public"],
        "parallel": 8,
        "canary": ["acme"],
        "stop_after": 3,
    }
    assert parse_settings(data) == FleetSettings(
        query="SELECT name FROM tenants",
        within="schema",
        template="tenant_{name}",
        search_path=("public",),
        parallel=8,
        canary=("acme",),
        stop_after=3,
    )


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (None, "no targets are configured", "[tool.autodiff.targets]"),
        ({}, "one of urls, file and query is required", "urls ="),
        ({"url": "sqlite://"}, "targets: unknown setting 'url'", "known settings: canary"),
        ({"urls": [], "file": "a"}, "urls and file exclude each other", "keep only one of"),
        (
            {"file": "a", "schema": "s", "database": "d"},
            "schema and database exclude each other",
            "keep only one of",
        ),
        ({"urls": ["x"], "schema": "s"}, "urls are not names", "list the names in a file"),
        (
            {"file": "a", "search_path": []},
            "search_path is only valid for targets that are schemas",
            "add",
        ),
        ({"urls": "x", "parallel": 0}, "parallel must be an integer of 1 or more, not 0", None),
        ({"urls": "x", "stop_after": True}, "stop_after must be an integer", None),
        ({"urls": "x", "canary": -1}, "canary must be a number, a name or a list", "canary = 1"),
        ({"urls": [1]}, "urls must be a list of strings, not a list with 1", None),
        ({"query": " "}, "query must be a string", None),
    ],
)
def test_an_invalid_setting_is_refused(data: Any, message: str, hint: str | None) -> None:
    """Each message names the setting, and most errors have a hint."""
    with pytest.raises(ConfigError) as caught:
        parse_settings(data)
    assert message in caught.value.message
    if hint is not None:
        assert hint in str(caught.value.hint)
