"""Scratch databases: created or borrowed on the same server, and left without a trace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.schema.objects import INHERITS, ForeignKey, Name, Table

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection

    from autodiff.dialects.base import Dialect

__all__ = ["Scratch", "SharedScratch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedScratch:
    """How another process connects to a scratch.

    url: the URL, with its password. attached: the files to attach, by the name of the schema.
    """

    url: str = field(repr=False)
    attached: Mapping[str, str] = field(default_factory=dict)


class Scratch(ABC):
    """Opens scratch databases, and empties a database that the configuration names for it."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    @property
    def url(self) -> URL | None:
        """The database to borrow (`scratch_url`); None if a scratch needs no server."""
        return None if self.dialect.features.scratch_in_memory else self.dialect.scratch_url

    # Opening

    @contextmanager
    @abstractmethod
    def open(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        """Open a scratch to describe schemas on; None if there can be none.

        It has the `namespaces` and the extensions of the live database. `connection` may only be
        None if the scratch needs no server (`scratch_in_memory`). With `create` false no database
        is created: only schemas that a rollback removes.
        """
        yield None  # pragma: no cover

    @contextmanager
    def open_database(
        self, connection: Connection | None, *, namespaces: Sequence[str] = ()
    ) -> Iterator[Connection | None]:
        """Open a scratch to run a migration on, which names its schemas itself.

        None if there can be none, for example because a migration would reach other databases.
        """
        with self.open(connection, namespaces=namespaces, create=True) as opened:
            yield opened

    @property
    def embedded_extra(self) -> str | None:
        """The extra of the distribution that has an embedded server; None if there is none."""
        return None

    @contextmanager
    def open_embedded(self, connection: Connection | None) -> Iterator[Connection | None]:
        """Open a database of an embedded server to run a migration on; None if there is none.

        `connection` is that to the live database, if there is one: the scratch gets its extensions.
        """
        yield None

    @contextmanager
    def keep_server(self, connection: Connection) -> Iterator[None]:
        """Keep statements that are sent to a scratch from changing other parts of its server."""
        yield

    def reaches_other_databases(self, namespaces: Sequence[str]) -> bool:
        """Return whether a migration that names these namespaces would change other databases."""
        return False

    def share(self, connection: Connection, folder: Path) -> SharedScratch:
        """Return how another process connects to an open scratch.

        A scratch in memory is copied into new files in the folder. `connection` must not be in a
        transaction that changed anything.
        """
        return SharedScratch(url=connection.engine.url.render_as_string(hide_password=False))

    def make_dialect(self, connection: Connection) -> Dialect:
        """Return the dialect of a connection to a scratch."""
        return type(self.dialect)(
            connection.dialect,
            version=self.dialect.version,
            default_schema=connection.dialect.default_schema_name,
        )

    def map_name(self, name: Name) -> Name:
        """Return the name on the scratch of an object with that name."""
        return name

    def detach(self, table: Table) -> Table:
        """Return the table without what needs other tables: foreign keys and parents."""
        constraints = tuple(c for c in table.constraints if not isinstance(c, ForeignKey))
        options = table.options
        if INHERITS in options:
            options = {name: value for name, value in options.items() if name != INHERITS}
        return replace(table, constraints=constraints, options=options)

    # Borrowing the database of scratch_url

    def identity(self, connection: Connection) -> str:
        """Return a text that is the same for the same database of the same server, by any URL."""
        raise NotImplementedError

    def claim(self, connection: Connection) -> bool:
        """Lock the database against other runs while the connection is open.

        Return False if another run has it.
        """
        raise NotImplementedError

    def copy_prerequisites(self, live: Connection | None, scratch: Connection) -> None:  # noqa: B027
        """Give a scratch what tables of the live database depend on: extensions, a charset."""

    def creatable_names(self, live: Connection) -> frozenset[str]:
        """Return the names of the objects that `creating_statements` can write."""
        return frozenset()

    def creating_statements(self, live: Connection, names: Collection[str]) -> list[str]:
        """Return the statements for objects of the live database that a scratch needs too.

        These are objects that autodiff does not manage and that have one of the names: functions,
        whose names have `()` at the end, and collations.
        """
        return []

    @abstractmethod
    def contents(self, connection: Connection) -> list[str]:
        """List all objects in a database that are not the server's own ("table users")."""

    @property
    def inventory(self) -> str:
        """A query for one text for each object of the database that is not the server's own."""
        raise NotImplementedError

    def clear(self, connection: Connection) -> None:
        """Drop all objects that `contents` lists."""
        raise NotImplementedError
