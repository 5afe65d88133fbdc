"""The table [tool.autodiff.targets]: checked, and nothing read yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from autodiff.errors import ConfigError

__all__ = ["PARALLEL", "Canary", "Settings", "Within", "parse_canary", "parse_settings"]

Within: TypeAlias = Literal["schema", "database"]
Canary: TypeAlias = int | tuple[str, ...]
"""So many that go first, or their names."""
PARALLEL = 4
"""How many databases are migrated at a time, by default."""

_SOURCES = ("urls", "file", "query")
_COUNTS = ("parallel", "stop_after")
_KNOWN = (*_SOURCES, "schema", "database", "search_path", *_COUNTS, "canary")
_EXAMPLE = 'query = "SELECT name FROM tenants" with schema = "tenant_{name}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the targets come from, and how they are gone through.

    urls, file, query: one of them. A line of the file is a URL, or a name and a URL.
    within, template: how a name becomes a schema or a database of the project's own server.
    search_path: schemas that are looked in after the target's own.
    parallel: how many at a time. canary: who goes first. stop_after: how many failures are enough.
    """

    urls: tuple[str, ...] | None = None
    file: str | None = None
    query: str | None = None
    within: Within | None = None
    template: str = ""
    search_path: tuple[str, ...] = ()
    parallel: int = PARALLEL
    canary: Canary = 0
    stop_after: int | None = None


def parse_settings(data: Mapping[str, Any] | None) -> Settings:
    """The settings of the table.

    Raises ConfigError where there is none, for what is unknown, wrong, or said twice.
    """
    if data is None:
        raise ConfigError(
            "no targets are configured",
            hint=f'say which databases there are, under [tool.autodiff.targets]: urls = ["..."], '
            f'file = "tenants.txt", or {_EXAMPLE}',
        )
    if unknown := sorted(set(data) - set(_KNOWN)):
        raise ConfigError(
            f"targets: unknown setting {unknown[0]!r}",
            hint=f"known are {', '.join(sorted(_KNOWN))}",
        )
    source = _one_of(data, _SOURCES, "where the targets come from")
    if source is None:
        raise ConfigError(
            "targets: it does not say where they come from",
            hint=f'urls = ["..."], file = "tenants.txt", or {_EXAMPLE}',
        )
    within: Within | None = _one_of(data, ("schema", "database"), "what a name stands for")
    _check_together(data, source, within)
    return Settings(
        urls=_texts(data, "urls") if source == "urls" else None,
        file=_text(data, "file") if source == "file" else None,
        query=_text(data, "query") if source == "query" else None,
        within=within,
        template=_text(data, within) if within else "",
        search_path=_texts(data, "search_path"),
        parallel=_count(data, "parallel") or PARALLEL,
        canary=parse_canary(data.get("canary", 0)),
        stop_after=_count(data, "stop_after"),
    )


def parse_canary(value: object) -> Canary:
    """Who goes first: a number, or names.

    Raises ConfigError for anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    names = (value,) if isinstance(value, str) else value
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return tuple(names)
    raise ConfigError(
        f"targets: canary must be a number, a name or a list of names, not {value!r}",
        hint='canary = 1 lets the first one go first; canary = ["acme"] lets acme',
    )


def _one_of(data: Mapping[str, Any], names: tuple[str, ...], what: str) -> Any:
    """The name that is set, None where none is."""
    found = [name for name in names if name in data]
    if len(found) > 1:
        raise ConfigError(f"targets: {' and '.join(found)} both say {what}", hint="leave one out")
    return found[0] if found else None


def _check_together(data: Mapping[str, Any], source: str, within: Within | None) -> None:
    if source == "urls" and within is not None:
        raise ConfigError(
            f"targets: {within} says what a name stands for, and urls are no names",
            hint=f"leave {within} out, or list names in a file",
        )
    if "search_path" in data and within != "schema":
        raise ConfigError(
            "targets: search_path is for targets that are schemas",
            hint='add schema = "tenant_{name}", or leave it out',
        )


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data[key]
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"targets: {key} must be a text, not {value!r}")
    return value


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = data.get(key, ())
    items = (value,) if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ConfigError(f"targets: {key} must be a list of texts, not {value!r}")
    return tuple(items)


def _count(data: Mapping[str, Any], key: str) -> int | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"targets: {key} must be a whole number, 1 or more, not {value!r}")
    return value
