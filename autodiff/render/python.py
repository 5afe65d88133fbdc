"""Nouns as the code that makes them again: sa.Column(...), sa.ForeignKeyConstraint(...)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import assert_never

from autodiff.dialects.base import Dialect
from autodiff.dialects.type_names import python_string
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    Constraint,
    Exclusion,
    ForeignKey,
    Identity,
    Index,
    IndexElement,
    Name,
    Option,
    PrimaryKey,
    Sequence,
    Table,
    Unique,
)
from autodiff.schema.operations import AlterColumn, ColumnPatch
from autodiff.schema.sqltext import quote_identifier, tokens

__all__ = ["PythonSource"]

_INTEGER = re.compile(r"(?:Integer|INTEGER|BIGINT|SMALLINT|TINYINT|MEDIUMINT|INT)\(")
_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_BIND = re.compile(r"(?<![:\w\\]):(?=\w)")


class PythonSource:
    """Code for nouns, as one dialect needs it. Each method returns one expression or argument."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def string(self, value: str | None) -> str:
        """A string literal in double quotes, or None."""
        return "None" if value is None else python_string(value)

    def strings(self, values: Iterable[str]) -> str:
        """A list of string literals."""
        return f"[{', '.join(map(self.string, values))}]"

    def text(self, sql: str) -> str:
        """sa.text(...)."""
        return f"sa.text({self.sql_string(sql)})"

    def sql_string(self, sql: str) -> str:
        """SQL as a string that sa.text reads back: colons that would be parameters escaped."""
        return self.string(_BIND.sub(r"\\:", self._without_backticks(sql)))

    def sql(self, sql: str) -> str:
        """SQL as a string that goes to the database as it is."""
        return self.string(self._without_backticks(sql))

    def _without_backticks(self, sql: str) -> str:
        """MySQL tells each name in backticks; people write them where they are needed."""
        found = tokens(sql, backslashes=self.dialect.features.backslash_escapes)
        return "".join(self._bare(token) if kind == "quoted" else token for kind, token in found)

    def _bare(self, token: str) -> str:
        name = token[1:-1]
        plain = token.startswith("`") and self.dialect.quote(name) == name
        return name if plain else token

    def schema(self, name: Name, keyword: str = "schema") -> str:
        """`, schema="audit"` where there is one."""
        return f", {keyword}={self.string(name.schema)}" if name.schema else ""

    # Columns

    def column(self, column: Column, table: Table | None = None) -> str:
        """sa.Column(...)."""
        parts = [self.string(column.name), column.type.python]
        if column.computed is not None:
            parts.append(self.computed(column.computed))
        if column.identity is not None:
            parts.append(self.identity(column.identity))
        parts += self._autoincrement(column, table)
        if column.default is not None:
            parts.append(f"server_default={self.default(column.default)}")
        key = table.primary_key if table is not None else None
        in_key = key is not None and column.name in key.columns
        if not column.nullable or in_key:
            parts.append(f"nullable={column.nullable}")
        if column.comment is not None:
            parts.append(f"comment={self.string(column.comment)}")
        parts += [f"{name}={value!r}" for name, value in sorted(column.options.items())]
        return f"sa.Column({', '.join(parts)})"

    def default(self, default: str | None) -> str:
        """A server default: a text as a string, an expression as sa.text(...), or None."""
        if default is None:
            return "None"
        literal = self.dialect.literal_value(default)
        return self.text(default) if literal is None else self.string(literal)

    def computed(self, computed: Computed) -> str:
        """sa.Computed(...)."""
        sql = self.sql_string(computed.sql)
        return f"sa.Computed({sql}, persisted={computed.persisted})"

    def identity(self, identity: Identity) -> str:
        """sa.Identity(...)."""
        return f"sa.Identity({self._options(identity, always=identity.always)})"

    def _options(self, source: Identity | Sequence, *, always: bool = False) -> str:
        parts = ["always=True"] if always else []
        for name in ("start", "increment", "minvalue", "maxvalue"):
            value = getattr(source, name)
            parts += [f"{name}={value}"] if value is not None else []
        parts += ["cycle=True"] if source.cycle else []
        parts += [f"cache={source.cache}"] if source.cache is not None else []
        return ", ".join(parts)

    def sequence_options(self, sequence: Sequence, before: Sequence | None = None) -> str:
        """The options of a sequence, with a comma in front; None for one that goes away."""
        options = self._options(sequence)
        kind = f"type={self.string(sequence.type)}" if sequence.type else ""
        names = ("start", "increment", "minvalue", "maxvalue", "cache")
        gone = [
            f"{name}=None"
            for name in names
            if before and getattr(sequence, name) is None and getattr(before, name) is not None
        ]
        return "".join(f", {part}" for part in (kind, options, *gone) if part)

    def _autoincrement(self, column: Column, table: Table | None) -> list[str]:
        """Said only where SQLAlchemy would not come to it by itself."""
        if not self.dialect.features.autoincrements or column.identity is not None:
            return []
        inferred = table is not None and _inferred_autoincrement(table, column)
        if column.autoincrement == inferred:
            return []
        return [f"autoincrement={column.autoincrement}"]

    def type(self, type_: ColumnType) -> str:
        """A type."""
        return type_.python

    def alter_arguments(self, operation: AlterColumn) -> str:
        """The keyword arguments of op.alter_column, with a comma in front of each."""
        before, after = operation.before, operation.after
        parts = [part for name in after.fields for part in self._alter(name, before, after)]
        if operation.using is not None:
            parts.append(f"postgresql_using={self.string(operation.using)}")
        return "".join(f", {part}" for part in parts)

    def _alter(self, name: str, before: ColumnPatch, after: ColumnPatch) -> list[str]:
        old, new = getattr(before, name), getattr(after, name)
        match name:
            case "type":
                existing = [f"existing_type={old.python}"] if isinstance(old, ColumnType) else []
                return [f"type_={new.python}", *existing]
            case "default" if new is None and _is_generated(after):
                return []
            case "default":
                return [f"server_default={self.default(new)}"]
            case "identity" | "computed":
                spell = self.identity if name == "identity" else self.computed
                existing = [f"existing_server_default={spell(old)}"] if old else []
                if new is None and isinstance(after.default, str):
                    return existing
                return [f"server_default={'None' if new is None else spell(new)}", *existing]
            case "autoincrement":
                word = "existing_autoincrement" if old == new else "autoincrement"
                return [f"{word}={new}"]
            case "comment":
                return [f"comment={self.string(new)}"]
            case _:
                return [f"{name}={new}"]

    # Constraints

    def constraint(self, constraint: Constraint) -> str:
        """sa.ForeignKeyConstraint(...) and so on, as an argument of op.create_table."""
        named = [f"name={self.string(constraint.name)}"] if constraint.name else []
        match constraint:
            case PrimaryKey(columns=columns):
                call, parts = "sa.PrimaryKeyConstraint", [*map(self.string, columns), *named]
            case Unique(columns=columns):
                call, parts = "sa.UniqueConstraint", [*map(self.string, columns), *named]
            case Check(sql=sql):
                call, parts = "sa.CheckConstraint", [self.sql_string(sql), *named]
            case Exclusion():
                call = "postgresql.ExcludeConstraint"
                parts = [*self.exclusion_elements(constraint), *named]
            case ForeignKey():
                call = "sa.ForeignKeyConstraint"
                targets = [f"{constraint.referred}.{c}" for c in constraint.referred_columns]
                parts = [self.strings(constraint.columns), self.strings(targets), *named]
            case _:
                assert_never(constraint)
        return f"{call}({', '.join([*parts, *self.constraint_options(constraint)])})"

    def constraint_options(self, constraint: Constraint) -> list[str]:
        """The keyword arguments that a constraint has beside its name."""
        comment = constraint.comment
        parts = [] if comment is None else [f"comment={self.string(comment)}"]
        if isinstance(constraint, ForeignKey):
            for keyword in ("on_update", "on_delete"):
                action = getattr(constraint, keyword)
                parts += [f"{keyword.replace('_', '')}={self.string(action)}"] if action else []
        if not isinstance(constraint, Check) and constraint.deferrable:
            parts.append("deferrable=True")
            parts += ['initially="DEFERRED"'] if constraint.initially_deferred else []
        if isinstance(constraint, ForeignKey) and constraint.match:
            parts.append(f"match={self.string(constraint.match)}")
        if isinstance(constraint, Unique) and constraint.nulls_not_distinct:
            parts.append("postgresql_nulls_not_distinct=True")
        if isinstance(constraint, Exclusion):
            default = constraint.using == "gist"
            parts += [] if default else [f"using={self.string(constraint.using)}"]
            parts += [f"where={self.text(constraint.where)}"] if constraint.where else []
            return parts
        for name, value in sorted(constraint.options.items()):
            is_list = name == "postgresql_include"
            shown = self.strings(str(value).split(", ")) if is_list else self._option(value)
            parts.append(f"{name}={shown}")
        return parts

    def _option(self, value: object) -> str:
        return self.string(value) if isinstance(value, str) else repr(value)

    def keywords(self, parts: Iterable[str]) -> str:
        """Arguments, with a comma in front of each."""
        return "".join(f", {part}" for part in parts)

    def exclusion_elements(self, constraint: Exclusion) -> list[str]:
        """("room", "=") for a column, (sa.text("lower(room)"), "=") for an expression."""
        return [
            f"({self._column_or_text(text)}, {self.string(operator)})"
            for text, operator in constraint.elements
        ]

    def _column_or_text(self, text: str) -> str:
        return self.string(text) if _PLAIN_NAME.fullmatch(text) else self.text(text)

    # Indexes, tables

    def index_elements(self, index: Index) -> str:
        """The list of columns and expressions of an index."""
        return f"[{', '.join(self._element(element) for element in index.elements)}]"

    def _element(self, element: IndexElement) -> str:
        if _is_plain(element):
            return self.string(element.text)
        text = element.text if element.is_expression else self._quoted(element.text)
        if element.is_expression and (element.collation or element.opclass):
            text = f"({text})"
        text += f' COLLATE "{element.collation}"' if element.collation else ""
        text += f" {element.opclass}" if element.opclass else ""
        text += " DESC" if element.descending else ""
        if element.nulls_first is not None:
            text += " NULLS FIRST" if element.nulls_first else " NULLS LAST"
        return self.text(text)

    def _quoted(self, name: str) -> str:
        return name if self.dialect.quote(name) == name else quote_identifier(name)

    def index_arguments(self, index: Index) -> str:
        """The keyword arguments of op.create_index, with a comma in front of each."""
        prefix = self.dialect.name
        parts = ["unique=True"] if index.unique else []
        if index.method:
            word = "prefix" if index.method in ("fulltext", "spatial") else "using"
            parts.append(f"{prefix}_{word}={self.string(index.method)}")
        ops = {e.text: e.opclass for e in index.elements if e.opclass and _is_plain(e)}
        parts += [f"{prefix}_ops={self._mapping(ops)}"] if ops else []
        lengths = {e.text: e.length for e in index.elements if e.length is not None}
        parts += [f"{prefix}_length={self._mapping(lengths)}"] if lengths else []
        parts += [f"{prefix}_include={self.strings(index.include)}"] if index.include else []
        parts += [f"{prefix}_where={self.text(index.where)}"] if index.where else []
        parts += [f"{prefix}_nulls_not_distinct=True"] if index.nulls_not_distinct else []
        for name, value in sorted(index.options.items()):
            pairs = name == "postgresql_with"
            parts.append(f"{name}={self._pairs(str(value)) if pairs else self._option(value)}")
        parts += [f"comment={self.string(index.comment)}"] if index.comment is not None else []
        return self.keywords(parts)

    def _pairs(self, text: str) -> str:
        items = (part.split("=", 1) for part in text.split(", "))
        return self._mapping({name: int(v) if v.isdigit() else v for name, v in items})

    def _mapping(self, items: Mapping[str, object]) -> str:
        pairs = (f"{self.string(key)}: {self._option(value)}" for key, value in items.items())
        return "{" + ", ".join(pairs) + "}"

    def table_constraints(self, table: Table) -> list[Constraint]:
        """The constraints, the primary key first, then keys, uniques and checks."""
        order = (PrimaryKey, ForeignKey, Unique, Check, Exclusion)
        said = (c for c in table.constraints if c not in self.late_checks(table))
        return sorted(said, key=lambda c: order.index(type(c)))

    def late_checks(self, table: Table) -> list[Check]:
        """The checks that SQLAlchemy can't say whole, which come after their table."""
        checks = (c for c in table.constraints if isinstance(c, Check))
        return [check for check in checks if "postgresql_no_inherit" in check.options]

    def table_arguments(self, table: Table) -> list[str]:
        """The keyword arguments of op.create_table."""
        parts = [f"schema={self.string(table.name.schema)}"] if table.name.schema else []
        parts += [f"comment={self.string(table.comment)}"] if table.comment is not None else []
        for name, value in sorted(table.options.items()):
            if name == "prefix":
                parts.append(f"prefixes={self.strings(str(value).split())}")
            else:
                parts.append(self.table_option(name, value))
        return parts

    def table_option(self, name: str, value: Option | None) -> str:
        """An option of a table as a keyword argument."""
        if name == "postgresql_with" and value is not None:
            return f"{name}={self._pairs(str(value))}"
        return f"{name}={self._option(value)}"

    def value(self, sql: str) -> str:
        """A value of op.backfill: a number or text as such, SQL as sa.func.now() or sa.text."""
        literal = self.dialect.literal_value(sql)
        if literal is not None:
            return self.string(literal)
        if _NUMBER.match(sql) and not (
            sql.lstrip("-").startswith("0") and len(sql) > 1 and "." not in sql
        ):
            return sql
        known = {
            "CURRENT_TIMESTAMP": "sa.func.now()",
            "CURRENT_DATE": "sa.func.current_date()",
            "true": "True",
            "false": "False",
        }
        return known.get(sql) or self.text(sql)


def _is_plain(element: IndexElement) -> bool:
    """Whether a name, without a text, says where it stands in an index."""
    placed = element.descending or element.nulls_first is not None
    return not (element.is_expression or element.collation or placed)


def _inferred_autoincrement(table: Table, column: Column) -> bool:
    key = table.primary_key
    return (
        key is not None
        and key.columns == (column.name,)
        and column.default is None
        and _INTEGER.search(column.type.python) is not None
        and not any(column.name in fk.columns for fk in table.foreign_keys)
    )


def _is_generated(patch: ColumnPatch) -> bool:
    return isinstance(patch.identity, Identity) or isinstance(patch.computed, Computed)
