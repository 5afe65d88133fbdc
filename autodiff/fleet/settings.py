"""Parse the table [tool.autodiff.targets]; no file or database is read yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from autodiff.errors import ConfigError
from autodiff.utils.values import limit_of, value_kind

__all__ = ["PARALLEL", "Canary", "FleetSettings", "Within", "parse_canary", "parse_settings"]

Within: TypeAlias = Literal["schema", "database"]
Canary: TypeAlias = int | tuple[str, ...]
"""How many targets go first, or their names."""
PARALLEL = 4
"""The default of `parallel`: few connections, even for a small server."""

_SOURCES = ("urls", "file", "query")
_COUNTS = ("parallel", "stop_after")
_KNOWN = (
    *(*_SOURCES, "schema", "database", "search_path", *_COUNTS, "canary"),
    *("outcomes", "canary_wait"),
)
CANARY_WAIT = 3600.0
"""The default of `canary_wait`: a migration of a canary can take long."""
_EXAMPLE = 'query = "SELECT name FROM tenants" with schema = "tenant_{name}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """The source of the targets, and how a run processes them.

    urls, file, query: exactly one is set. A line of the file is a URL, or a name and a URL.
    within, template: whether a name becomes a schema or a database of the project's server, and
        the template of its name.
    search_path: schemas that are searched after the target's own.
    parallel: how many targets at a time.
    canary: how many targets go first, or their names.
    stop_after: after how many failures no further target is started; None for no limit.
    outcomes: the URL of the database for the outcomes of runs that are recorded.
    canary_wait: how many seconds a shard waits for the canaries of other shards.
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
    outcomes: str | None = field(default=None, repr=False)
    canary_wait: float = CANARY_WAIT


def parse_settings(data: Mapping[str, Any] | None) -> FleetSettings:
    """Return the settings of the table `targets`.

    Raises ConfigError if there is no such table, or for a setting that is unknown, invalid or
    conflicts with another one.
    """
    if data is None:
        raise ConfigError(
            "no targets are configured",
            hint='name the databases under [tool.autodiff.targets] with urls = ["..."], '
            f'file = "tenants.txt", or {_EXAMPLE}',
        )
    if unknown := sorted(set(data) - set(_KNOWN)):
        raise ConfigError(
            f"targets: unknown setting {unknown[0]!r}",
            hint=f"known settings: {', '.join(sorted(_KNOWN))}",
        )
    source = _one_of(data, _SOURCES)
    if source is None:
        raise ConfigError(
            "targets: one of urls, file and query is required",
            hint=f'set urls = ["..."], file = "tenants.txt", or {_EXAMPLE}',
        )
    within: Within | None = _one_of(data, ("schema", "database"))
    _check_together(data, source, within)
    return FleetSettings(
        urls=_texts(data, "urls") if source == "urls" else None,
        file=_text(data, "file") if source == "file" else None,
        query=_text(data, "query") if source == "query" else None,
        within=within,
        template=_text(data, within) if within else "",
        search_path=_texts(data, "search_path"),
        parallel=_count(data, "parallel") or PARALLEL,
        canary=parse_canary(data.get("canary", 0)),
        stop_after=_count(data, "stop_after"),
        outcomes=_text(data, "outcomes") if "outcomes" in data else None,
        canary_wait=_seconds(data, "canary_wait", CANARY_WAIT),
    )


def parse_canary(value: object) -> Canary:
    """Return the number or the names of the targets that go first.

    Raises ConfigError for anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    names = (value,) if isinstance(value, str) else value
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return tuple(names)
    raise ConfigError(
        f"targets: canary must be a number, a name or a list of names, not {value_kind(value)}",
        hint='set canary = 1 to start with one target, or canary = ["acme"] to start with acme',
    )


def _one_of(data: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return the name that is set, or None.

    Raises ConfigError if more than one is set.
    """
    present = [name for name in names if name in data]
    if len(present) > 1:
        raise ConfigError(
            f"targets: {' and '.join(present)} exclude each other",
            hint=f"keep only one of {', '.join(present)}",
        )
    return present[0] if present else None


def _check_together(data: Mapping[str, Any], source: str, within: Within | None) -> None:
    if source == "urls" and within is not None:
        raise ConfigError(
            f"targets: {within} is a template for names, but urls are not names",
            hint=f"remove {within}, or list the names in a file",
        )
    if "search_path" in data and within != "schema":
        raise ConfigError(
            "targets: search_path is only valid for targets that are schemas",
            hint='add schema = "tenant_{name}", or remove search_path',
        )


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data[key]
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(
            f"targets: {key} must be a string, not {value_kind(value)}",
            hint=f'write it like {key} = "..."',
        )
    return value


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = data.get(key, ())
    items = (value,) if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ConfigError(
            f"targets: {key} must be a list of strings, not {value_kind(value)}",
            hint=f'write it like {key} = ["..."]',
        )
    return tuple(items)


def _count(data: Mapping[str, Any], key: str) -> int | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(
            f"targets: {key} must be an integer of 1 or more, not {value_kind(value)}",
            hint=f"write it like {key} = 4",
        )
    return value


def _seconds(data: Mapping[str, Any], key: str, default: float) -> float:
    seconds = limit_of(data.get(key, default))
    if seconds is None:
        raise ConfigError(
            f"targets: {key} must be a number of seconds, not {value_kind(data[key])}",
            hint=f"write it like {key} = {default:g}",
        )
    return seconds
