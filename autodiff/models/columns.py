"""Convert columns of SQLAlchemy."""

from __future__ import annotations

from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import CompileError, UnsupportedCompilationError

from autodiff.dialects.literals import MissingValueError
from autodiff.errors import ModelsError, exception_words
from autodiff.models.options import dialect_options, has_options
from autodiff.models.spelling_check import creates_type
from autodiff.models.type_call import TypeCall
from autodiff.models.types import SQL_TYPE, spell_type, stored_type, type_key
from autodiff.schema.objects import Column, ColumnType, Computed, EnumType, Identity, Name, Option
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.models.expressions import Compiler

__all__ = ["declare_column", "declare_type", "enum_of", "first_of_sequence"]

_REFUSALS = (CompileError, UnsupportedCompilationError, NotImplementedError)
_USE_SUPPORTED = "use a type, default or name that this database supports"
_CORRECT_TYPE = "correct the class of the type, or use another type for this database"


def declare_column(column: sa.Column[Any], dialect: Dialect, compiler: Compiler) -> Column:
    """Return a column; equal columns of different tables are one object.

    Raises ModelsError, naming table and column, if the dialect cannot express it.
    """
    try:
        key = _definition_key(column, dialect, compiler)
        if key is None:
            return _declare(column, dialect, compiler)
        known = compiler.columns.get(key)
        if known is None:
            first = _declare(column, dialect, compiler)
            compiler.columns[key] = first, {first.name: first}
            return first
        first, by_name = known
        found = by_name.get(column.name)
        if found is None:
            found = by_name[column.name] = first.named(str(column.name))
        return found
    except MissingValueError as error:
        message = f"cannot declare column {_place(column)}: {error}"
        raise ModelsError(message, hint=error.hint) from error
    except ModelsError as error:
        message = f"cannot declare column {_place(column)}: {error.line}"
        raise ModelsError(message, hint=error.hint) from error
    except _REFUSALS as error:
        raise ModelsError(
            f"cannot declare column {_place(column)} for {dialect.sqlalchemy.name}: {error}",
            hint=_CORRECT_TYPE if isinstance(error, _TypeFailedError) else _USE_SUPPORTED,
        ) from error


def _definition_key(
    column: sa.Column[Any], dialect: Dialect, compiler: Compiler
) -> tuple[Any, ...] | None:
    """Return a key that columns share if at most their names differ, None for other columns.

    A column of which more counts than itself has none, such as its place in the keys of its table.
    """
    if "dialect_options" in vars(column) and has_options(column):  # without a call for most columns
        return None
    default, serial, counts = None, False, False
    if column.primary_key:
        if column.table is None or column.default is not None:
            return None
        counts = column is column.table.autoincrement_column
    elif column.autoincrement is True:
        return None
    if column.server_default is not None:
        if counts or column.computed is not None or column.identity is not None:
            return None
        default = compiler.default(column)
        serial = default is not None and _is_serial(default, column, dialect, compiler)
    key = type_key(column.type)
    if key is None:
        return None
    how = (column.nullable, column.primary_key, counts, column.autoincrement, column.comment)
    return (default, serial, *how, *key)


def _place(column: sa.Column[Any]) -> str:
    return f"{column.table.fullname}.{column.name}" if column.table is not None else column.name


def _declare(column: sa.Column[Any], dialect: Dialect, compiler: Compiler) -> Column:
    if column.server_default is None:  # neither a default, nor computed, nor an identity
        return Column(
            name=str(column.name),
            type=declare_type(column.type, dialect, compiler, column),
            nullable=bool(column.nullable)
            and not (column.primary_key and dialect.features.primary_keys_not_null),
            autoincrement=_autoincrements(column, dialect, compiler),
            comment=column.comment if dialect.features.comments else None,
            options=_options(column, dialect),
        )
    identity = column.identity if dialect.features.identity else None
    type_ = declare_type(column.type, dialect, compiler, column)
    never_null = identity is not None or (
        column.primary_key and dialect.features.primary_keys_not_null
    )
    default = None if column.computed is not None else compiler.default(column)
    serial = _is_serial(default, column, dialect, compiler)
    return Column(
        name=str(column.name),
        type=type_,
        nullable=bool(column.nullable) and not never_null,
        default=None if serial else default,
        computed=_computed(column, compiler),
        identity=_identity(identity, dialect.largest_integer(type_.sql)),
        autoincrement=serial or (identity is None and _autoincrements(column, dialect, compiler)),
        comment=column.comment if dialect.features.comments else None,
        options=_options(column, dialect),
    )


def declare_type(
    type_: Any, dialect: Dialect, compiler: Compiler, column: sa.Column[Any] | None = None
) -> ColumnType:
    """Return a type: its name in the database, and its spelling in a script.

    The name is "" for NullType, which SQLAlchemy reflects for a type that it does not know.
    """
    key = type_key(type_)
    found = None if key is None else compiler.types.get(key)
    if found is None:
        try:
            found = _declare_type(type_, dialect, compiler, column)
        except (*_REFUSALS, ModelsError):
            raise
        except (Exception, SystemExit) as error:  # the type's own code may raise anything
            if _is_raised_here(error):
                raise
            raise _TypeFailedError(type_, error) from error
        if key is not None:
            compiler.types[key] = found
    return found


class _TypeFailedError(CompileError):
    """The methods of a type raised an error of their own."""

    def __init__(self, type_: Any, error: BaseException) -> None:
        super().__init__(f"the type {type(type_).__name__} raised {exception_words(error)}")


def _is_raised_here(error: BaseException) -> bool:
    """Return whether code of autodiff raised an error, and not a type or SQLAlchemy for it."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).partition(".")[0] == "autodiff"


def _declare_type(
    type_: Any, dialect: Dialect, compiler: Compiler, column: sa.Column[Any] | None
) -> ColumnType:
    if isinstance(type_, sa.types.NullType) and not _has_own_sql(type_):
        return ColumnType(sql="", python="sa.types.NullType()")
    dialect.require_type(stored_type(type_, dialect.sqlalchemy))
    enum = enum_of(type_, dialect, compiler)
    sql = dialect.canonical_type(compiler.type(type_, column))
    call = spell_type(type_, dialect.sqlalchemy, sql)
    if dialect.default_schema is not None:
        call = call.without_schema(dialect.default_schema)
    name = enum.name if enum is not None else None
    if call.path != SQL_TYPE and creates_type(call, sql, dialect, compiler):
        return ColumnType(sql=sql, python=call.source(), enum=name)
    if enum is not None and creates_type(_enum_call(enum, sql), sql, dialect, compiler):
        return ColumnType(sql=sql, python=dialect.enum_python(sql, enum), enum=name)
    # No class has this SQL. If an enum has other SQL than its name, then by @compiles:
    return ColumnType(sql=sql, python=dialect.type_python(sql))


def _enum_call(enum: EnumType, sql: str) -> TypeCall:
    """Return the call of an enum type, or of an array of it."""
    schema = (("schema", enum.name.schema),) if enum.name.schema else ()
    call = TypeCall("sa.Enum", enum.values, (("name", enum.name.name), *schema))
    return TypeCall("postgresql.ARRAY", (call,)) if sql.endswith("[]") else call


def _has_own_sql(type_: Any) -> bool:
    """Return whether a function of the application, marked with @compiles, writes the SQL."""
    return hasattr(type(type_), "_compiler_dispatcher")


def enum_of(type_: Any, dialect: Dialect, compiler: Compiler) -> EnumType | None:
    """Return the native enum type that a column's type uses, None if it uses none."""
    if not dialect.features.enum_types:
        return None
    stored = stored_type(type_.dialect_impl(dialect.sqlalchemy), dialect.sqlalchemy)
    if isinstance(stored, sa.ARRAY):
        stored = stored_type(stored.item_type.dialect_impl(dialect.sqlalchemy), dialect.sqlalchemy)
    if not isinstance(stored, sa.Enum) or not stored.native_enum:
        return None
    if not stored.name:
        if _has_own_sql(type_):
            return None
        values = ", ".join(stored.enums)
        raise ModelsError(
            f"the enum type of {values} has no name",
            hint='give it a name, for example sa.Enum("a", "b", name="mood")',
        )
    schema = stored.schema
    named = Name(str(stored.name), None if schema == dialect.default_schema else schema)
    return EnumType(name=named, values=tuple(str(value) for value in stored.enums))


def _is_serial(
    default: str | None, column: sa.Column[Any], dialect: Dialect, compiler: Compiler
) -> bool:
    """Return whether a default is that of a SERIAL, and of no sequence that the models declare."""
    if default is None or column.autoincrement is False:
        return False
    if not dialect.is_serial_default(default, column):
        return False
    return not any(sequence in default for sequence in compiler.sequences)


def _computed(column: sa.Column[Any], compiler: Compiler) -> Computed | None:
    if column.computed is None:
        return None
    text = compiler.generated(column.computed)
    sql = compiler.bare_expression(column.computed.sqltext)
    return Computed(sql=sql, persisted=text.rstrip().endswith("STORED"))


def _identity(identity: sa.Identity | None, largest: int | None) -> Identity | None:
    """Return an identity without the options that have their default values."""
    if identity is None:
        return None
    increment = None if identity.increment == 1 else identity.increment
    low, high = identity.minvalue, identity.maxvalue
    first = first_of_sequence(increment, low, high)
    smallest = None if largest is None else -largest - 1
    lowest, highest = (1, largest) if (increment or 1) > 0 else (smallest, -1)
    return Identity(
        always=bool(identity.always),
        start=None if identity.start == first else identity.start,
        increment=increment,
        minvalue=None if low == lowest else low,
        maxvalue=None if high == highest else high,
        cache=None if identity.cache == 1 else identity.cache,
        cycle=bool(identity.cycle),
    )


def first_of_sequence(increment: int | None, low: int | None, high: int | None) -> int:
    """Return the value that a sequence without START begins with: its first limit.

    https://www.postgresql.org/docs/current/sql-createsequence.html
    """
    limit, default = (high, -1) if (increment or 1) < 0 else (low, 1)
    return default if limit is None else limit


def _autoincrements(column: sa.Column[Any], dialect: Dialect, compiler: Compiler) -> bool:
    """Return whether SQLAlchemy would write SERIAL or AUTO_INCREMENT for the column.

    Outside of primary keys, AUTO_INCREMENT is known only from reflection: autoincrement=True. MySQL
    allows it only for a column that is the first one of a key.
    """
    if dialect.features.autoincrement_outside_key and not column.primary_key:
        return column.autoincrement is True and _starts_key(column)
    if column.table is None or column is not column.table.autoincrement_column:
        return False
    defaults = (column.default, column.server_default, column.computed, column.identity)
    key = type_key(column.type) if defaults == (None, None, None, None) else None
    if key is None:
        return _says_counting(column, dialect, compiler)
    key = (*key, column.autoincrement)
    if key not in compiler.counting:
        compiler.counting[key] = _says_counting(column, dialect, compiler)
    return compiler.counting[key]


def _starts_key(column: sa.Column[Any]) -> bool:
    """Return whether a unique constraint or an index of the table starts with the column."""
    table: Any = column.table
    if not isinstance(table, sa.Table):
        return False
    uniques = (c.columns for c in table.constraints if isinstance(c, sa.UniqueConstraint))
    indexes = (index.columns for index in table.indexes)
    return any(next(iter(columns), None) is column for columns in (*uniques, *indexes))


def _says_counting(column: sa.Column[Any], dialect: Dialect, compiler: Compiler) -> bool:
    expected = dialect.features.autoincrement_words
    words = [token.upper() for kind, token in tokens(compiler.column(column)) if kind == "word"]
    return any(word in expected for word in words)


def _options(column: sa.Column[Any], dialect: Dialect) -> dict[str, Option]:
    found = dialect_options(column, dialect)
    options: dict[str, Option] = {}
    conflict = found.get("on_conflict_not_null")
    if conflict and not column.nullable:
        options[f"{dialect.name}_on_conflict_not_null"] = str(conflict).upper()
    if (invisible := found.get("invisible")) is not None:
        options[f"{dialect.name}_invisible"] = invisible
    return options
