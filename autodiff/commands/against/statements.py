"""Send the SELECT, INSERT and UPDATE statements of models, each in a savepoint that is undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapper, Session, undefer
from sqlalchemy.orm.attributes import set_committed_value

from autodiff.commands.against.python_values import Size
from autodiff.commands.against.row_values import Column, RowValues, is_generated, is_required
from autodiff.errors import database_words, exception_words
from autodiff.schema.objects import Name, Table

__all__ = ["Sender", "Sent", "Subject"]

_ROWS = 5
"""How many rows a SELECT fetches: enough for each sample row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What statements are for: a mapped class, or a table without one.

    tables: the tables that it writes, the one of the class itself first.
    """

    tables: tuple[sa.Table, ...]
    mapper: Mapper[Any] | None = None

    @property
    def label(self) -> str:
        """The class, or the table if there is no class, to distinguish statements."""
        return self.tables[0].fullname if self.mapper is None else self.mapper.class_.__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A statement that was sent, and its result.

    statement: SELECT, INSERT or UPDATE. tables: the tables, as `Name`s. variant: which values it
    had; with the other fields it identifies the statement.
    columns: the columns that the failure is about, if that is known. value: the value of an Enum or
    of a check that was sent or read. nulls: the columns that were sent as NULL because they had no
    value.
    problem: why it failed; None if it did not.
    """

    statement: str
    subject: str
    tables: tuple[Name, ...]
    variant: str = ""
    columns: tuple[str, ...] = ()
    value: str | None = None
    nulls: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(slots=True, kw_only=True)
class Sender:
    """Sends the statements of subjects on a connection that is in a transaction.

    declared: the tables of the models. other_values: by table and column, the values of an Enum
    that only the other version of the code can write.
    """

    connection: sa.Connection
    declared: Mapping[Name, Table]
    names: Mapping[sa.Table, Name]
    other_values: Mapping[tuple[Name, str], Sequence[str]] = field(default_factory=dict)

    def send(self, subject: Subject) -> Iterator[Sent]:
        """Yield every statement of a subject with its result."""
        yield self._select(subject)
        yield from self._inserts(subject)
        for table in subject.tables[:1]:
            values = self._values(table)
            for column in _written_columns(subject, table):
                yield self._select_column(subject, column)
                yield from self._updates(subject, values, column)
                yield from self._reads_of_other_values(subject, column)

    # SELECT

    def _select(self, subject: Subject) -> Sent:
        def run(session: Session) -> None:
            if subject.mapper is None:
                session.execute(sa.select(subject.tables[0]).where(sa.false()))
                return
            query = sa.select(subject.mapper.class_).where(sa.false()).options(undefer("*"))
            session.execute(query).unique().all()

        return self._sent("SELECT", subject, subject.tables, run)

    def _select_column(self, subject: Subject, column: Column) -> Sent:
        def run(session: Session) -> None:
            result = session.execute(sa.select(column).limit(_ROWS))
            with suppress(LookupError):  # of an Enum: its values are read one by one
                result.all()

        return self._sent(
            "SELECT", subject, (column.table,), run, variant=column.name, columns=(column.name,)
        )

    def _reads_of_other_values(self, subject: Subject, column: Column) -> Iterator[Sent]:
        """Read each value that only the other version of the code can write."""
        table = column.table
        for value in self.other_values.get((self.names[table], column.name), ()):

            def run(session: Session, value: str = value) -> None:
                literal = sa.literal(value, sa.String()).compile(
                    dialect=self.connection.dialect, compile_kwargs={"literal_binds": True}
                )
                stored: dict[Any, Any] = {column: sa.literal_column(str(literal))}
                try:
                    with self.connection.begin_nested():
                        self.connection.execute(sa.update(table).values(stored))
                except DBAPIError:
                    return  # this schema does not accept the value
                try:
                    session.execute(sa.select(column).limit(_ROWS)).all()
                except LookupError as error:
                    raise _UnreadableValueError("the Enum of the model does not have it") from error

            yield self._sent(
                *("SELECT", subject, (table,), run),
                variant=f"{column.name} = {value!r}",
                columns=(column.name,),
                value=value,
            )

    # INSERT

    def _inserts(self, subject: Subject) -> Iterator[Sent]:
        columns = [c for table in subject.tables for c in _written_columns(subject, table)]
        required = [c for c in columns if is_required(c)]
        minimal = self._row(subject, required)
        first = self._insert(subject, "required columns", minimal)
        yield first
        every = self._row(subject, columns)
        variants = {"all columns": every}
        sizes: tuple[Size, ...] = ("high", "low")
        for size in sizes:
            variants[f"{size} values"] = self._row(subject, columns, size=size)
        for variant, row in variants.items():
            sent = self._insert(subject, variant, row)
            if sent.problem is not None and first.problem is None:
                yield from self._refused_columns(subject, variant, row, minimal) or [sent]
                continue
            yield sent
            if sent.problem is None and variant == "all columns":
                again = self._row(subject, columns, number=1)
                yield self._insert(subject, "equal rows", every, again)
        for column in columns if first.problem is None else ():
            for value in self._values(column.table).listed(column)[1:]:
                row = {**minimal, column: value}
                sent = self._insert(subject, f"{column.name} = {value!r}", row)
                yield replace(sent, value=value, columns=(column.name,))

    def _refused_columns(
        self,
        subject: Subject,
        variant: str,
        row: Mapping[Column, Any],
        minimal: Mapping[Column, Any],
    ) -> list[Sent]:
        """Send the values of a refused row one by one, and return the failures."""
        sent = (
            replace(
                self._insert(subject, variant, {**minimal, column: value}), columns=(column.name,)
            )
            for column, value in row.items()
        )
        return [one for one in sent if one.problem is not None]

    def _row(
        self, subject: Subject, columns: Sequence[Column], number: int = 0, size: Size = "usual"
    ) -> dict[Column, Any]:
        row: dict[Column, Any] = {}
        for table in subject.tables:
            own = [column for column in columns if column.table is table]
            row |= self._values(table).of(own, number, size)
        return row

    def _insert(self, subject: Subject, variant: str, *rows: Mapping[Column, Any]) -> Sent:
        nulls = () if subject.mapper is None else _sent_as_null(subject, rows[0])
        run = self._writer(subject, rows)
        return self._sent("INSERT", subject, subject.tables, run, variant=variant, nulls=nulls)

    def _writer(
        self, subject: Subject, rows: Sequence[Mapping[Column, Any]]
    ) -> Callable[[Session], None]:
        def run(session: Session) -> None:
            for table in subject.tables:
                if self._values(table).has_unique_reference:
                    self._make_room(table)
            for row in rows:
                if subject.mapper is None:
                    values = {column.key: value for column, value in row.items()}
                    session.execute(sa.insert(subject.tables[0]).values(values))
                else:
                    session.add(_instance(subject.mapper, row))
                    session.flush()

        return run

    def _make_room(self, table: sa.Table) -> None:
        """Delete the sample rows of a table, which use every row that they may refer to."""
        try:
            with self.connection.begin_nested():
                self.connection.execute(sa.delete(table))
        except DBAPIError:
            return

    # UPDATE

    def _updates(self, subject: Subject, values: RowValues, column: Column) -> Iterator[Sent]:
        if column.primary_key:
            return
        sizes: tuple[Size, ...] = ("usual", "high", "low")
        kinds: dict[str, Any] = {}
        for size in sizes:
            kinds[f"{size} value"] = values.of([column], 7, size).get(column)
        if column.nullable:
            kinds["NULL"] = None
        for kind, value in kinds.items():
            if value is not None or kind == "NULL":
                yield self._update(subject, column, kind, value)
        for listed in values.listed(column):
            sent = self._update(subject, column, f"{listed!r}", listed)
            yield replace(sent, value=listed)

    def _update(self, subject: Subject, column: Column, kind: str, value: Any) -> Sent:
        table = column.table

        def run(session: Session) -> None:
            sent = sa.update(table).values({column: value})
            keys = list(table.primary_key)
            row = self.connection.execute(sa.select(*keys).limit(1)).first() if keys else None
            pairs = [key == part for key, part in zip(keys, row or (), strict=False)]
            self.connection.execute(sent.where(*pairs) if pairs else sent.where(sa.false()))

        nulls = (column.name,) if value is None else ()
        return self._sent(
            *("UPDATE", subject, (table,), run),
            variant=f"{column.name}: {kind}",
            columns=(column.name,),
            nulls=nulls,
        )

    # Running

    def _values(self, table: sa.Table) -> RowValues:
        return RowValues(
            table=table,
            declared=self.declared[self.names[table]],
            dialect=self.connection.dialect,
            parents=self._parent_rows,
        )

    def _parent_rows(self, columns: Sequence[Column]) -> Sequence[Sequence[Any]]:
        """Return the values of columns in some rows, none if they do not exist."""
        try:
            with self.connection.begin_nested():
                query = sa.select(*columns).order_by(*columns).limit(_ROWS)
                return self.connection.execute(query).all()
        except DBAPIError:
            return ()

    def _sent(
        self,
        statement: str,
        subject: Subject,
        tables: Sequence[sa.Table],
        run: Callable[[Session], None],
        *,
        variant: str = "",
        columns: tuple[str, ...] = (),
        value: str | None = None,
        nulls: tuple[str, ...] = (),
    ) -> Sent:
        problem = None
        try:
            with Session(
                self.connection, join_transaction_mode="create_savepoint", autoflush=False
            ) as session:
                session.connection()  # begins the savepoint
                run(session)
        except DBAPIError as error:
            problem = self._message(error)
        except _UnreadableValueError as error:
            problem = str(error)
        except Exception as error:  # the code of the models can raise anything
            problem = exception_words(error).partition("\n")[0]
        return Sent(
            statement=statement,
            subject=subject.label,
            tables=tuple(self.names[table] for table in tables),
            variant=variant,
            columns=columns,
            value=value,
            nulls=nulls,
            problem=problem,
        )

    def _message(self, error: DBAPIError) -> str:
        """Return the message of the database, without the name of the scratch database."""
        words = database_words(error.orig).partition("; ")[0]
        return words.replace(f"`{self.connection.engine.url.database}`.", "")


class _UnreadableValueError(Exception):
    """The ORM cannot convert a value that the database returned."""


def _written_columns(subject: Subject, table: sa.Table) -> list[Column]:
    """Return the columns of a table that the application can write."""
    columns = [column for column in table.columns if not is_generated(column)]
    mapper = subject.mapper
    if mapper is None:
        return columns
    skipped = {mapper.version_id_col, mapper.polymorphic_on}
    mapped = {column for attribute in mapper.column_attrs for column in attribute.columns}
    return [c for c in columns if c in mapped and c not in skipped and _is_own(mapper, c)]


def _is_own(mapper: Mapper[Any], column: Column) -> bool:
    """Return whether the application sets the column, not the ORM from that of a parent table."""
    columns = mapper.get_property_by_column(column).columns
    if len(columns) > 1 and column.foreign_keys:
        return False
    return not any(isinstance(other, sa.Column) and is_generated(other) for other in columns)


def _instance(mapper: Mapper[Any], row: Mapping[Column, Any]) -> Any:
    """Return an object with these values, without the class's constructor and validators."""
    instance = mapper.class_manager.new_instance()
    for column, value in row.items():
        set_committed_value(instance, mapper.get_property_by_column(column).key, value)
    if isinstance(mapper.polymorphic_on, sa.Column) and mapper.polymorphic_identity is not None:
        key = mapper.get_property_by_column(mapper.polymorphic_on).key
        set_committed_value(instance, key, mapper.polymorphic_identity)
    return instance


def _sent_as_null(subject: Subject, row: Mapping[Column, Any]) -> tuple[str, ...]:
    """Return the columns without a value and a default, for which the ORM sends NULL."""
    return tuple(
        column.name
        for table in subject.tables
        for column in _written_columns(subject, table)
        if column not in row and column.default is None and column.server_default is None
    )
