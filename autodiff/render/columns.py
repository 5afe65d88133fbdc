"""Python source for columns."""

from __future__ import annotations

import re
from collections.abc import Mapping

from autodiff.render.part import Part
from autodiff.schema.objects import Column, ColumnType, Computed, Identity, Option, Table
from autodiff.schema.operations import AlterColumn, ColumnPatch

__all__ = ["ColumnSource"]

_BOOLEANS = {"true": "sa.true()", "false": "sa.false()"}
_BITS = {"1": "sa.true()", "0": "sa.false()"}
_INTEGER = re.compile(r"(?:Integer|INTEGER|BIGINT|SMALLINT|TINYINT|MEDIUMINT|INT)\(")


class ColumnSource(Part):
    """Writes sa.Column and the arguments of op.alter_column."""

    def definition(self, column: Column, table: Table | None = None) -> str:
        """Return sa.Column(...)."""
        parts = [self.py.string(column.name), self.py.type(column.type)]
        if column.computed is not None:
            parts.append(self.computed(column.computed))
        if column.identity is not None:
            parts.append(self.py.sequences.identity(column.identity))
        parts += self._autoincrement(column, table)
        if column.default is not None:
            parts.append(f"server_default={self.default(column.default, column.type)}")
        key = table.primary_key if table is not None else None
        in_key = key is not None and column.name in key.columns
        if not column.nullable or in_key:
            parts.append(self.py.argument("nullable", column.nullable))
        if column.comment is not None:
            parts.append(f"comment={self.py.string(column.comment)}")
        parts += [self.py.argument(*option) for option in sorted(column.options.items())]
        return f"sa.Column({', '.join(parts)})"

    def default(self, default: str | None, type_: object = None) -> str:
        """Return a server default: a string, sa.text(...) for an expression, or None.

        A boolean is sa.true() or sa.false(), which other databases can read too. SQLite and MySQL
        report it as a number, so that only the type, if it is known, tells one.
        """
        if default is None:
            return "None"
        literal = self.dialect.literal_value(default)
        if literal is not None:
            return self.py.string(literal)
        is_boolean = isinstance(type_, ColumnType) and self.py.type(type_).startswith("sa.Boolean(")
        words = _BOOLEANS | _BITS if is_boolean else _BOOLEANS
        return words.get(default.lower()) or self.py.text(default)

    def computed(self, computed: Computed) -> str:
        """Return sa.Computed(...)."""
        sql = self.py.sql_string(computed.sql)
        return f"sa.Computed({sql}, {self.py.argument('persisted', computed.persisted)})"

    def _autoincrement(self, column: Column, table: Table | None) -> list[str]:
        """Return the argument if SQLAlchemy would not infer it."""
        if not self.dialect.features.autoincrement or column.identity is not None:
            return []
        if column.default is not None and self._looks_serial(column.default, column.name):
            return ["autoincrement=False"]
        inferred = table is not None and self._inferred_autoincrement(table, column)
        if column.autoincrement == inferred:
            return []
        return [self.py.argument("autoincrement", column.autoincrement)]

    def _inferred_autoincrement(self, table: Table, column: Column) -> bool:
        key = table.primary_key
        return (
            key is not None
            and key.columns == (column.name,)
            and column.default is None
            and _INTEGER.search(self.py.type(column.type)) is not None
            and not any(column.name in fk.columns for fk in table.foreign_keys)
        )

    def _looks_serial(self, default: str, name: str) -> bool:
        """Return whether a script would read a default as that of a SERIAL."""
        return f"_{name}_seq" in default and self.dialect.is_next_value(default)

    def alter_arguments(self, operation: AlterColumn) -> str:
        """Return the keyword arguments of op.alter_column with a comma before each."""
        before, after = operation.before, operation.after
        parts = [part for name in after.fields for part in self._alter(name, before, after)]
        if operation.using is not None:
            parts.append(f"postgresql_using={self.py.string(operation.using)}")
        return self.py.keywords(parts)

    def _alter(self, name: str, before: ColumnPatch, after: ColumnPatch) -> list[str]:
        old, new = getattr(before, name), getattr(after, name)
        match name:
            case "type":
                existing = (
                    [f"existing_type={self.py.type(old)}"] if isinstance(old, ColumnType) else []
                )
                return [f"type_={self.py.type(new)}", *existing]
            case "default" if new is None and _is_generated(after):
                return []
            case "default":
                return [f"server_default={self.default(new, after.type)}"]
            case "identity" | "computed":
                spell = self.py.sequences.identity if name == "identity" else self.computed
                existing = [f"existing_server_default={spell(old)}"] if old else []
                if new is None and (isinstance(after.default, str) or _is_generated(after)):
                    return existing
                return [f"server_default={'None' if new is None else spell(new)}", *existing]
            case "autoincrement" if old == new and "type" not in after.fields:
                return [f"autoincrement={new}", f"existing_autoincrement={new}"]
            case "autoincrement":
                word = "existing_autoincrement" if old == new else "autoincrement"
                return [self.py.argument(word, new)]
            case "comment":
                return [f"comment={self.py.string(new)}"]
            case "options":
                return [self._option(name, new) for name in self.dialect.features.column_options]
            case _:
                return [self.py.argument(name, new)]

    def _option(self, name: str, options: Mapping[str, Option]) -> str:
        """Return the argument for an option of a column, or for its default."""
        default = False if name == "mysql_invisible" else None
        return self.py.argument(name, options.get(name, default))


def _is_generated(patch: ColumnPatch) -> bool:
    return isinstance(patch.identity, Identity) or isinstance(patch.computed, Computed)
