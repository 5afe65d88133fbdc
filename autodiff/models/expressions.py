"""Convert SQLAlchemy's expressions to SQL, as its own DDL compiler would write them."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IdentifierError
from sqlalchemy.sql.elements import ClauseElement, TextClause, quoted_name
from sqlalchemy.sql.functions import AnsiFunction, now

from autodiff.dialects.literals import plain_dialect
from autodiff.models.long_names import require_short_name
from autodiff.schema.sqltext import bare_expression, end_comment, without_schema

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect
    from sqlalchemy.sql.compiler import DDLCompiler

    from autodiff.schema.objects import Column, ColumnType, Renamed

__all__ = ["Compiler", "default_key"]

_PLAIN_NAMES = (str, quoted_name)
"""Not their subclasses, which SQLAlchemy uses for names from a naming convention."""


def default_key(default: Any) -> Any:
    """Return a key that defaults with the same SQL share, None if that is not certain."""
    if isinstance(default, str):
        return default
    if type(default) is TextClause and not default._bindparams:
        return (TextClause, default.text)
    if isinstance(default, AnsiFunction | now) and not default.clauses.clauses:
        return type(default)
    return None


def _schema_unless(default_schema: str) -> Callable[[Any], str | None]:
    """Return a function for the schema to name of a table, type or sequence, None for none."""

    def schema_of(item: Any) -> str | None:
        schema: str | None = item.schema
        return None if schema == default_schema else schema

    return schema_of


class Compiler:
    """Compiles defaults, checks, types and names for one dialect.

    sequences: the names of the sequences that the models declare.
    default_schema: the schema that SQL does not name, whether the models do or not.
    backslashes: whether # begins a comment, as for `sqltext.tokens`.
    columns, types, counting: results for earlier columns, to reuse for equal ones. Columns are
        kept by their definition: the first one, and all by their name.
    renamed: the old names that tables declare.
    """

    def __init__(
        self,
        dialect: SQLAlchemyDialect,
        default_schema: str | None = None,
        *,
        backslashes: bool = False,
    ) -> None:
        self.dialect = plain_dialect(dialect)
        self._backslashes = backslashes
        self._default_schema = default_schema
        self._with_schemas = plain_dialect(dialect)
        if default_schema is not None:
            preparer = self.dialect.identifier_preparer
            preparer.schema_for_object = _schema_unless(default_schema)  # type: ignore[assignment]
        self.ddl: DDLCompiler = self.dialect.ddl_compiler(self.dialect, None)  # type: ignore[arg-type]
        limits = [dialect.max_index_name_length, dialect.max_constraint_name_length]
        self._max_name_length = min([dialect.max_identifier_length, *filter(None, limits)])
        self.sequences: frozenset[str] = frozenset()
        self.renamed: list[Renamed] = []
        self.columns: dict[Any, tuple[Column, dict[str, Column]]] = {}
        self.types: dict[Any, ColumnType] = {}
        self.counting: dict[Any, bool] = {}
        self._defaults: dict[Any, str | None] = {}

    def expression(self, clause: ClauseElement, *, include_table: bool = False) -> str:
        """Return the SQL of a clause, with its values, after which more SQL can follow."""
        text: str = self.ddl.sql_compiler.process(
            clause, include_table=include_table, literal_binds=True
        )
        return self.end_comment(text)

    def bare_expression(self, clause: ClauseElement) -> str:
        """Return the SQL of a clause without outer parentheses."""
        return bare_expression(self.expression(clause), backslashes=self._backslashes)

    def end_comment(self, sql: str) -> str:
        """Return SQL with a newline if it ends in a comment."""
        return end_comment(sql, backslashes=self._backslashes)

    def select(self, clause: ClauseElement) -> str:
        """Return the SQL of a SELECT, with its values.

        The default schema is removed from the text, because SQLAlchemy gives tables without a
        schema aliases here.
        """
        text = clause.compile(dialect=self._with_schemas, compile_kwargs={"literal_binds": True})
        if self._default_schema is None:
            return str(text)
        return without_schema(str(text), self._default_schema)

    def type(self, type_: Any, column: Any = None) -> str:
        """Return the SQL of a type."""
        compiler = self.dialect.type_compiler_instance
        return str(compiler.process(type_, type_expression=column))

    def default(self, column: Any) -> str | None:
        """Return the SQL of a column's server default, None if it has none or if that is NULL."""
        if column.server_default is None:
            return None
        key = default_key(getattr(column.server_default, "arg", None))
        if key is None:
            return self._default(column)
        if key not in self._defaults:
            self._defaults[key] = self._default(column)
        return self._defaults[key]

    def _default(self, column: Any) -> str | None:
        text = self.ddl.get_column_default_string(column)
        if text is None or text.strip("() ").upper() == "NULL":
            return None
        return self.end_comment(text)

    def column(self, column: Any) -> str:
        """Return the definition of a column, without the warnings that CREATE TABLE would give."""
        with _without_warnings():
            return str(self.ddl.get_column_specification(column, first_pk=column.primary_key))

    def generated(self, computed: Any) -> str:
        """Return GENERATED ALWAYS AS ... of a column, without warnings."""
        with _without_warnings():
            return str(self.ddl.process(computed))

    def name(self, thing: Any) -> str | None:
        """Return the name of a constraint or index by the naming convention; None if unnamed.

        Raises ModelsError for a name that is too long, unless the naming convention makes it.
        """
        name = thing.name
        if name is None:
            return None
        if type(name) in _PLAIN_NAMES and len(name) <= self._max_name_length:
            return str(name)  # most names: not from a naming convention, and not too long
        preparer = self.dialect.identifier_preparer
        try:
            formatted = preparer.format_constraint(thing, _alembic_quote=False)
        except IdentifierError:
            formatted = name
        if formatted is None:
            return None
        if len(formatted) > self._max_name_length:
            what = f"{type(thing).__name__} of table {thing.table}"
            require_short_name(what, formatted, self._max_name_length, self.dialect.name)
        return str(formatted)


_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence warnings, one thread at a time.

    The warning filters belong to the process: two threads would restore the filters of each other.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
