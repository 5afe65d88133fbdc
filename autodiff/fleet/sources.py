"""Where the targets come from: the configuration, a file, or the rows of a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from autodiff.errors import ConfigError, DatabaseError, database_words
from autodiff.fleet.settings import Settings, parse_settings
from autodiff.fleet.targets import Row, Target, filled_in, parse_line, refuse_doubles
from autodiff.utils.connect import PASSWORDS, masked, open_connection, readable_url

if TYPE_CHECKING:
    from sqlalchemy import URL

    from autodiff.config import Config
    from autodiff.workspace import Workspace

__all__ = ["targets_of"]


def targets_of(project: Workspace) -> tuple[Target, ...]:
    """All targets of a project's configuration, in the order in which they stand there.

    Raises ConfigError for what is wrong with them, DatabaseError where the query fails.
    """
    settings = parse_settings(project.config.targets)
    targets = tuple(_targets(project, settings))
    refuse_doubles(targets)
    return targets


def _targets(project: Workspace, settings: Settings) -> Iterator[Target]:
    for row in _rows(project, settings):
        if settings.within is None:
            url = _url(project.config, row["url"], row.get("name"))
            yield Target(name=row.get("name") or _shown(row["url"], url, project.config), url=url)
        else:
            yield _within(project, settings, row)


def _within(project: Workspace, settings: Settings, row: Row) -> Target:
    """A schema of the project's database, or a database of its server."""
    assert settings.within is not None
    place = filled_in(settings.template, row, settings.within)
    if settings.within == "database":
        return Target(name=row["name"], url=_with_database(project.url, place, project.config))
    return Target(name=row["name"], url=project.url, schema=place, search_path=settings.search_path)


def _with_database(url: URL, name: str, config: Config) -> URL:
    if url.get_backend_name() == "sqlite":
        return url.set(database=str(config.root / name))
    return url.set(database=name)


def _rows(project: Workspace, settings: Settings) -> Iterable[Row]:
    if settings.urls is not None:
        return [{"url": url} for url in settings.urls]
    if settings.file is not None:
        return _rows_of_file(project.config, settings)
    return _rows_of_query(project, settings)


def _rows_of_file(config: Config, settings: Settings) -> list[Row]:
    path = config.root / (settings.file or "")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"cannot read the targets from {path}: {reason}",
            hint="it has a line for each target: a URL, or a name and a URL",
        ) from error
    found = []
    for number, line in enumerate(lines, 1):
        if words := parse_line(line):
            found.append(_row(words, settings, f"{path}:{number}"))
    return found


def _row(words: Sequence[str], settings: Settings, place: str) -> Row:
    """What a line says. It may hold a password, and so it is not part of the message."""
    if settings.within is not None:
        if len(words) == 1 and "://" not in words[0]:
            return {"name": words[0]}
        raise ConfigError(
            f"{place}: a line is one name, since {settings.within} says what it stands for",
            hint=f"leave {settings.within} out where the file has URLs",
        )
    if len(words) == 1:
        return {"url": words[0]}
    if len(words) == 2 and "://" not in words[0]:
        return {"name": words[0], "url": words[1]}
    raise ConfigError(
        f"{place}: a line is a URL, or a name and a URL",
        hint="names have no spaces; a # begins a comment",
    )


def _rows_of_query(project: Workspace, settings: Settings) -> list[Row]:
    columns, rows = _queried(project.url, settings)
    if settings.within is None and "url" not in columns:
        raise ConfigError(
            f"targets: the query gives {', '.join(columns)}, and no url",
            hint='add schema = "tenant_{name}" or database = "tenant_{name}", or select a url',
        )
    return [_texts(row, settings) for row in rows]


def _queried(url: URL, settings: Settings) -> tuple[list[str], list[dict[str, object]]]:
    """The columns and rows of the query."""
    from sqlalchemy.exc import DBAPIError

    with open_connection(url) as connection:
        try:
            result = connection.exec_driver_sql(
                settings.query or "", execution_options={"no_parameters": True}
            )
        except DBAPIError as error:
            said = " ".join(database_words(error.orig).split())
            raise DatabaseError(
                f"targets: the query fails on {masked(url)}: {said}",
                hint="it is run on the project's url, which --url and --env change: is the list "
                "of the targets there?",
            ) from error
        if not result.returns_rows:
            raise ConfigError("targets: the query gives no rows", hint="it must be a SELECT")
        columns = list(result.keys())
        rows = [dict(zip(columns, row, strict=True)) for row in result]
        connection.rollback()
    return columns, rows


def _texts(row: Mapping[str, object], settings: Settings) -> Row:
    """A row as texts; without a column `name` the first one is the name."""
    if empty := [column for column, value in row.items() if value is None]:
        raise ConfigError(
            f"targets: the query gives a row whose {empty[0]} is NULL",
            hint="leave such rows out, with WHERE",
        )
    texts = {column: str(value) for column, value in row.items()}
    if "name" not in texts and settings.within is not None:
        texts["name"] = next(iter(texts.values()))
    return texts


def _url(config: Config, text: str, name: str | None) -> URL:
    who = f" {name}" if name else ""
    try:
        return readable_url(config.with_variables(text), config.root)
    except ConfigError as error:
        raise ConfigError(f"targets: of target{who}: {error.message}", hint=error.hint) from error


def _shown(text: str, url: URL, config: Config) -> str:
    """The URL as it was written, without its password: the name of a target that has no other."""
    from sqlalchemy.engine import make_url

    written = make_url(config.with_variables(text))
    secret = [key for key in written.query if key.lower() in PASSWORDS]
    plain = written.difference_update_query(secret)
    if plain.password is not None:
        plain = plain._replace(password=None)
    return plain.render_as_string(hide_password=False)
