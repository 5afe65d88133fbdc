"""Rows that are valid before and after a migration.

A value depends only on the row number and the family of its column. Therefore a row of a child
table references the row with the same number of the parent table, and distinct values stay
distinct when the type changes. If rows would prevent every possible migration, there are fewer.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.property.kinds import family_of
from tests.property.specs import ColumnSpec, ForeignKeySpec, Pair, SchemaSpec, TableSpec

__all__ = ["inserts", "row_counts", "value_of"]

_UUID = "0000000000000000000000000000000"
_DISTINCT = ("number", "text", "time", "uuid")
"""Families in which each row has a different value."""


def row_counts(pair: Pair) -> dict[int, int]:
    """Return the number of rows of each table of `before`, by table key."""
    counts = {table.key: _max_rows(pair, table) for table in pair.before.tables}
    for _ in pair.before.tables:
        for schema in (pair.before, pair.after):
            for table in schema.tables:
                for key in table.foreign_keys:
                    if table.key in counts:
                        limit = _max_rows_for_key(pair, table, key, counts)
                        counts[table.key] = min(counts[table.key], limit)
    return counts


def _max_rows(pair: Pair, table: TableSpec) -> int:
    """Return the maximum number of rows, so that no key has duplicate values."""
    after = pair.after.table(table.key)
    if after is not None and any(
        _cannot_be_restored(table, after, column) for column in table.columns
    ):
        return 0
    for old, new in ((table, after), (after, table)):
        for columns in _unique_columns(new) if new else ():
            if old is not None and not all(
                _has_distinct_values(pair, old, new, key) for key in columns
            ):
                return min(pair.rows, 1)
    return pair.rows


def _cannot_be_restored(table: TableSpec, after: TableSpec, column: ColumnSpec) -> bool:
    """Return whether a removed or computed column could not be added back.

    No values are generated for columns of keys.
    """
    remaining = after.column(column.key)
    if column.nullable or (remaining is not None and remaining.computed is None):
        return False
    has_value = column.default is not None or column.computed is not None or column.auto
    is_in_key = any(column.key in columns for columns in _unique_columns(table))
    is_in_key = is_in_key or any(column.key in key.columns for key in table.foreign_keys)
    return is_in_key and not has_value


def _unique_columns(table: TableSpec) -> Iterator[tuple[int, ...]]:
    if table.primary is not None:
        yield table.primary.columns
    for unique in table.uniques:
        yield unique.columns
    for index in table.indexes:
        if index.unique:
            yield index.columns


def _has_distinct_values(pair: Pair, old: TableSpec, new: TableSpec | None, key: int) -> bool:
    """Return whether the column is on both sides and has a distinct value in each row."""
    columns = [table.column(key) for table in (old, new) if table is not None]
    return all(
        column is not None and column.computed is None and family_of(column.type) in _DISTINCT
        for column in columns
    )


def _max_rows_for_key(
    pair: Pair, table: TableSpec, key: ForeignKeySpec, counts: dict[int, int]
) -> int:
    """Return the maximum number of rows that the foreign key allows."""
    if key.table not in counts:
        return 3 if _may_be_null(pair, table, key) else 0
    sides = (pair.before, pair.after)
    for child_key, parent_key in zip(key.columns, key.referred, strict=True):
        children = [_column(schema, table.key, child_key) for schema in sides]
        parents = [_column(schema, key.table, parent_key) for schema in sides]
        if None in parents:
            return 0
        if None in children:
            return 3 if _may_be_null(pair, table, key) else 0
        types = [(c.type, p.type) for c, p in zip(children, parents, strict=True) if c and p]
        if any(child != parent for child, parent in types):
            return 0
    return counts[key.table]


def _may_be_null(pair: Pair, table: TableSpec, key: ForeignKeySpec) -> bool:
    """Return whether the columns are new or removed, and have no values."""
    for column_key in key.columns:
        columns = [_column(schema, table.key, column_key) for schema in (pair.before, pair.after)]
        if None not in columns:
            return False
        if any(c is not None and (not c.nullable or c.default is not None) for c in columns):
            return False
    return True


def _column(schema: SchemaSpec, table: int, column: int) -> ColumnSpec | None:
    table_spec = schema.table(table)
    return table_spec.column(column) if table_spec else None


def value_of(pair: Pair, table: TableSpec, column: ColumnSpec, row: int, kind: str) -> str:
    """Return a value as SQL; it depends on the row number and the column's family."""
    if _is_null(pair, table, column, row):
        return "NULL"
    after = _column(pair.after, table.key, column.key) or column
    if "enum" in (column.type, after.type):
        shared_values = [
            set(enum.values)
            for schema, side in ((pair.before, column), (pair.after, after))
            if side.type == "enum" and (enum := schema.enum(side.enum))
        ]
        return f"'{sorted(set.intersection(*shared_values))[-1]}'".replace("it's", "it''s")
    families = {family_of(column.type), family_of(after.type)}
    if families == {"text"} and not _in_keys(pair, table, column):
        return f"'v{row} é%'"
    return _literal(family_of(column.type), row, kind)


def _literal(family: str, row: int, kind: str) -> str:
    match family:
        case "number":
            return f"{row + 1}"
        case "text":
            return f"'{row + 1}'"
        case "boolean":
            return ("true", "false")[row % 2]
        case "time":
            return (
                f"'2001-02-0{row + 1}'"
                if kind != "sqlite"
                else f"'2001-02-0{row + 1} 00:00:00.000000'"
            )
        case "uuid":
            return f"'{_UUID}{row + 1}'"
        case "binary":
            return "'\\x01ff'" if kind == "postgresql" else "X'01ff'"
        case "json":
            return f"'{{\"a\": [{row}]}}'"
        case "array":
            return f"'{{{row},2}}'"
        case "interval":
            return f"'{row} hours'"
    raise AssertionError(family)


def _is_null(pair: Pair, table: TableSpec, column: ColumnSpec, row: int) -> bool:
    """Return whether the value is NULL: in the second row, if the column allows it."""
    after = _column(pair.after, table.key, column.key)
    if row != 1 or not column.nullable or _in_keys(pair, table, column):
        return False
    computed = [c.key for c in table.columns if c.computed == column.key]
    dependent_columns = [after, *(_column(pair.after, table.key, key) for key in computed)]
    return all(c is None or c.nullable for c in dependent_columns)


def _in_keys(pair: Pair, table: TableSpec, column: ColumnSpec) -> bool:
    """Return whether a key, unique constraint or foreign key of either side has the column."""
    for schema in (pair.before, pair.after):
        for other in schema.tables:
            for key in other.foreign_keys:
                if other.key == table.key and column.key in key.columns:
                    return True
                if key.table == table.key and column.key in key.referred:
                    return True
        table_spec = schema.table(table.key)
        if table_spec is not None and any(
            column.key in columns for columns in _unique_columns(table_spec)
        ):
            return True
    return False


def inserts(pair: Pair, kind: str) -> list[str]:
    """Return the INSERT statements; foreign keys must be disabled while they run."""
    counts = row_counts(pair)
    return [
        statement
        for table in pair.before.tables
        for row in range(counts[table.key])
        for statement in [_insert(pair, table, row, kind)]
    ]


def _insert(pair: Pair, table: TableSpec, row: int, kind: str) -> str:
    mark = "`" if kind == "mariadb" else '"'

    def quote(name: str) -> str:
        return f"{mark}{name.replace(mark, mark * 2)}{mark}"

    inserted = [column for column in table.columns if column.computed is None]
    name = f"{quote(table.schema)}.{quote(table.name)}" if table.schema else quote(table.name)
    if not inserted:
        return f"INSERT INTO {name} DEFAULT VALUES"
    columns = ", ".join(quote(column.name) for column in inserted)
    values = ", ".join(value_of(pair, table, column, row, kind) for column in inserted)
    always = any(column.auto.startswith("always=True") for column in inserted)
    overriding = "OVERRIDING SYSTEM VALUE " if always else ""
    return f"INSERT INTO {name} ({columns}) {overriding}VALUES ({values})"
