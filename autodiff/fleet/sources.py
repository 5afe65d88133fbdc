"""Read the targets from the configuration, a file, or the rows of a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from autodiff.errors import ConfigError, DatabaseError, database_words
from autodiff.fleet.settings import FleetSettings, parse_settings
from autodiff.fleet.targets import Row, Target, fill_template, parse_line, refuse_duplicates
from autodiff.utils.connections import (
    mask_passwords,
    only_public_options,
    open_connection,
    parse_url,
)

if TYPE_CHECKING:
    from sqlalchemy import URL

    from autodiff.config import Config
    from autodiff.workspace import Workspace

__all__ = ["targets_of"]


def targets_of(project: Workspace) -> tuple[Target, ...]:
    """Return all targets of a project's configuration, in the order of their source.

    Raises ConfigError for invalid targets or settings, DatabaseError if the query fails.
    """
    settings = parse_settings(project.config.targets)
    targets = tuple(_targets(project, settings))
    refuse_duplicates(targets)
    return targets


def _targets(project: Workspace, settings: FleetSettings) -> Iterator[Target]:
    for row in _rows(project, settings):
        if settings.within is None:
            url = _url(project.config, row["url"], row.get("name"))
            yield Target(
                name=row.get("name") or _name_from_url(row["url"], project.config), url=url
            )
        else:
            yield _within(project, settings, row)


def _within(project: Workspace, settings: FleetSettings, row: Row) -> Target:
    """Return the target for a schema of the project's database, or for a database of its server."""
    assert settings.within is not None
    name = fill_template(settings.template, row, settings.within)
    if settings.within == "database":
        return Target(name=row["name"], url=_with_database(project.url, name, project.config))
    return Target(name=row["name"], url=project.url, schema=name, search_path=settings.search_path)


def _with_database(url: URL, name: str, config: Config) -> URL:
    if url.get_backend_name() == "sqlite":
        return url.set(database=str(config.root / name))
    return url.set(database=name)


def _rows(project: Workspace, settings: FleetSettings) -> Iterable[Row]:
    if settings.urls is not None:
        return [{"url": url} for url in settings.urls]
    if settings.file is not None:
        return _rows_from_file(project.config, settings)
    return _rows_from_query(project, settings)


def _rows_from_file(config: Config, settings: FleetSettings) -> list[Row]:
    path = config.root / (settings.file or "")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"cannot read the targets from {path}: {reason}",
            hint="each line of the file is one target: a URL, or a name and a URL",
        ) from error
    rows = []
    for number, line in enumerate(lines, 1):
        if words := parse_line(line):
            rows.append(_row(words, settings, f"{path}:{number}"))
    return rows


def _row(words: Sequence[str], settings: FleetSettings, place: str) -> Row:
    """Return the row of a line, which may contain a password: no message includes its text."""
    if settings.within is not None:
        if len(words) == 1 and "://" not in words[0]:
            return {"name": words[0]}
        raise ConfigError(
            f"{place}: each line must be one name, because targets.{settings.within} is set",
            hint=f"remove {settings.within} if the file contains URLs",
        )
    if len(words) == 1:
        return {"url": words[0]}
    if len(words) == 2 and "://" not in words[0]:
        return {"name": words[0], "url": words[1]}
    raise ConfigError(
        f"{place}: each line must be a URL, or a name and a URL",
        hint="write names without spaces; a # after a space starts a comment",
    )


def _rows_from_query(project: Workspace, settings: FleetSettings) -> list[Row]:
    columns, rows = _run_query(project.url, settings)
    if settings.within is None and "url" not in columns:
        raise ConfigError(
            f"targets: the query returns {', '.join(columns)}, but no column url",
            hint='add schema = "tenant_{name}" or database = "tenant_{name}", or select a url',
        )
    return [_texts(row, settings) for row in rows]


def _run_query(url: URL, settings: FleetSettings) -> tuple[list[str], list[dict[str, object]]]:
    """Run the query and return its columns and rows.

    Raises DatabaseError if it fails, ConfigError if it is not a SELECT.
    """
    from sqlalchemy.exc import DBAPIError

    with open_connection(url) as connection:
        try:
            result = connection.exec_driver_sql(
                settings.query or "", execution_options={"no_parameters": True}
            )
        except DBAPIError as error:
            reason = " ".join(database_words(error.orig).split())
            raise DatabaseError(
                f"targets: the query failed on {mask_passwords(url)}: {reason}",
                hint="the query runs on the project's url: select the database that lists the "
                "targets with --url or --env",
            ) from error
        if not result.returns_rows:
            raise ConfigError("targets: the query returns no rows", hint="it must be a SELECT")
        columns = list(result.keys())
        rows = [dict(zip(columns, row, strict=True)) for row in result]
        connection.rollback()
    return columns, rows


def _texts(row: Mapping[str, object], settings: FleetSettings) -> Row:
    """Return a row with all values as strings; without a column `name` the first is the name.

    Raises ConfigError if a value is NULL.
    """
    if null_columns := [column for column, value in row.items() if value is None]:
        raise ConfigError(
            f"targets: the query returns a row whose {null_columns[0]} is NULL",
            hint=f"exclude such rows with WHERE {null_columns[0]} IS NOT NULL",
        )
    texts = {column: str(value) for column, value in row.items()}
    if "name" not in texts and settings.within is not None:
        texts["name"] = next(iter(texts.values()))
    return texts


def _url(config: Config, text: str, name: str | None) -> URL:
    target = f"target {name}" if name else "the url"
    try:
        return parse_url(config.with_variables(text), config.root)
    except ConfigError as error:
        raise ConfigError(f"targets: {target}: {error.line}", hint=error.hint) from error


def _name_from_url(text: str, config: Config) -> str:
    """Return the URL as it was written, without its password: the name of an unnamed target."""
    from sqlalchemy.engine import make_url

    written = make_url(config.with_variables(text))
    public_url = only_public_options(written)
    if public_url.password is not None:
        public_url = public_url._replace(password=None)
    return public_url.render_as_string(hide_password=False)
