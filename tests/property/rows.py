"""Rows that fit both what a table is and what it shall be, and the fills that it needs.

The value of a column in row n depends on its family and n alone: rows of a child point at the row
of the same number of the parent, and values stay different from one another whatever type they
get. Where rows would stand in the way of any migration, whoever wrote it, there are fewer.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.property.kinds import family_of
from tests.property.specs import ColumnSpec, ForeignKeySpec, Pair, SchemaSpec, TableSpec

__all__ = ["inserts", "row_counts", "value_of"]

_UUID = "0000000000000000000000000000000"
_DIFFERENT = ("number", "text", "time", "uuid")
"""Families in which each row has a value of its own."""


def row_counts(pair: Pair) -> dict[int, int]:
    """How many rows each table of `before` gets, by its key."""
    counts = {table.key: _most(pair, table) for table in pair.before.tables}
    for _ in pair.before.tables:
        for schema in (pair.before, pair.after):
            for table in schema.tables:
                for key in table.foreign_keys:
                    if table.key in counts:
                        most = _reachable(pair, table, key, counts)
                        counts[table.key] = min(counts[table.key], most)
    return counts


def _most(pair: Pair, table: TableSpec) -> int:
    """No two rows where a key would have equal values in them."""
    after = pair.after.table(table.key)
    if after is not None and any(_unfillable(table, after, column) for column in table.columns):
        return 0
    for old, new in ((table, after), (after, table)):
        for columns in _unique_columns(new) if new else ():
            if old is not None and not all(_kept(pair, old, new, key) for key in columns):
                return min(pair.rows, 1)
    return pair.rows


def _unfillable(table: TableSpec, after: TableSpec, column: ColumnSpec) -> bool:
    """Whether a column that goes, or is computed, could not come back: keys are not made up."""
    stays = after.column(column.key)
    if column.nullable or (stays is not None and stays.computed is None):
        return False
    filled = column.default is not None or column.computed is not None or column.auto
    keyed = any(column.key in columns for columns in _unique_columns(table))
    keyed = keyed or any(column.key in key.columns for key in table.foreign_keys)
    return keyed and not filled


def _unique_columns(table: TableSpec) -> Iterator[tuple[int, ...]]:
    if table.primary is not None:
        yield table.primary.columns
    for unique in table.uniques:
        yield unique.columns
    for index in table.indexes:
        if index.unique:
            yield index.columns


def _kept(pair: Pair, old: TableSpec, new: TableSpec | None, key: int) -> bool:
    """Whether the column is on both sides, with as many values as rows."""
    columns = [table.column(key) for table in (old, new) if table is not None]
    return all(
        column is not None and column.computed is None and family_of(column.type) in _DIFFERENT
        for column in columns
    )


def _reachable(pair: Pair, table: TableSpec, key: ForeignKeySpec, counts: dict[int, int]) -> int:
    """The rows that a table may have for this key's sake."""
    if key.table not in counts:
        return 3 if _may_be_null(pair, table, key) else 0
    sides = (pair.before, pair.after)
    for mine, theirs in zip(key.columns, key.referred, strict=True):
        children = [_column(schema, table.key, mine) for schema in sides]
        parents = [_column(schema, key.table, theirs) for schema in sides]
        if None in parents:
            return 0
        if None in children:
            return 3 if _may_be_null(pair, table, key) else 0
        types = [(c.type, p.type) for c, p in zip(children, parents, strict=True) if c and p]
        if any(child != parent for child, parent in types):
            return 0
    return counts[key.table]


def _may_be_null(pair: Pair, table: TableSpec, key: ForeignKeySpec) -> bool:
    """Whether the columns are new (or gone) and stay empty."""
    for mine in key.columns:
        found = [_column(schema, table.key, mine) for schema in (pair.before, pair.after)]
        if None not in found:
            return False
        if any(c is not None and (not c.nullable or c.default is not None) for c in found):
            return False
    return True


def _column(schema: SchemaSpec, table: int, column: int) -> ColumnSpec | None:
    found = schema.table(table)
    return found.column(column) if found else None


def value_of(pair: Pair, table: TableSpec, column: ColumnSpec, row: int, kind: str) -> str:
    """The SQL of a value, the same for each row of that number and each column of that family."""
    if _is_null(pair, table, column, row):
        return "NULL"
    after = _column(pair.after, table.key, column.key) or column
    if "enum" in (column.type, after.type):
        shared = [
            set(enum.values)
            for schema, side in ((pair.before, column), (pair.after, after))
            if side.type == "enum" and (enum := schema.enum(side.enum))
        ]
        return f"'{sorted(set.intersection(*shared))[-1]}'".replace("it's", "it''s")
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
    """The second row has no value where it need not have one, or where a fill gives it one."""
    after = _column(pair.after, table.key, column.key)
    if row != 1 or not column.nullable or _in_keys(pair, table, column):
        return False
    computed = [c.key for c in table.columns if c.computed == column.key]
    later = [after, *(_column(pair.after, table.key, key) for key in computed)]
    return all(c is None or c.nullable for c in later)


def _in_keys(pair: Pair, table: TableSpec, column: ColumnSpec) -> bool:
    """Whether any key, unique or foreign key of either side holds the column."""
    for schema in (pair.before, pair.after):
        for other in schema.tables:
            for key in other.foreign_keys:
                if other.key == table.key and column.key in key.columns:
                    return True
                if key.table == table.key and column.key in key.referred:
                    return True
        now = schema.table(table.key)
        if now is not None and any(column.key in columns for columns in _unique_columns(now)):
            return True
    return False


def inserts(pair: Pair, kind: str) -> list[str]:
    """The statements that put the rows in; foreign keys must not be watched meanwhile."""
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

    given = [column for column in table.columns if column.computed is None]
    name = f"{quote(table.schema)}.{quote(table.name)}" if table.schema else quote(table.name)
    if not given:
        return f"INSERT INTO {name} DEFAULT VALUES"
    columns = ", ".join(quote(column.name) for column in given)
    values = ", ".join(value_of(pair, table, column, row, kind) for column in given)
    always = any(column.auto.startswith("always=True") for column in given)
    overriding = "OVERRIDING SYSTEM VALUE " if always else ""
    return f"INSERT INTO {name} ({columns}) {overriding}VALUES ({values})"
