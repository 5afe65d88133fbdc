"""The queries over information_schema: a fixed number, whatever the number of tables and databases.

Drivers take their time for each row and each field of it. So all but views comes in few texts: a
line for each table, column, or part of an index, in it the table's name and the fields, with marks
between them.
https://dev.mysql.com/doc/refman/en/information-schema.html and
https://mariadb.com/kb/en/information-schema-tables/
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NAMESPACES", "SEQUENCE", "Gathered", "Marks", "QuerySet", "mariadb_queries"]
__all__ += ["mysql_queries"]

NAMESPACES = "SELECT schema_name FROM information_schema.schemata"

_LONGEST = 10**8
"""Bytes of one answer; a server's own limit, max_allowed_packet, is less. Beyond 2**32 / 16 MySQL
counts wrongly."""
_GATHERED = """
SELECT {number}, COUNT(*),
       GROUP_CONCAT(CONCAT_WS('{unit}', table_name, {fields}), '{line}'
                    ORDER BY {order} SEPARATOR '')
FROM information_schema.{source}
WHERE {schema} = :schema{number}{only}{where}
GROUP BY CRC32(table_name) % 64
"""
"""Grouped by some number that tables share, so that no text is too long for a packet."""

_VIEWS = """
SELECT {number}, table_name, view_definition, check_option
FROM information_schema.views
WHERE table_schema = :schema{number}{only}
"""

SEQUENCE = """
SELECT {schema} AS table_schema, {name} AS table_name, start_value AS start, increment AS step,
       minimum_value AS low, maximum_value AS high, cache_size AS cache, cycle_option AS cycle
FROM {quoted}
"""
"""The options of one MariaDB sequence; several are joined by UNION ALL."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands between two fields, and behind each line: a text that no field may hold."""

    unit: str
    line: str

    @classmethod
    def numbered(cls, number: int) -> Marks:
        """ASCII's own separators; with a number behind them from 1 on."""
        return cls(f"\x1f{number or ''}", f"\x1e{number or ''}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What is asked of each table, in which order.

    No field is NULL: an empty text stands for it, where no value is one.
    """

    fields: tuple[str, ...]
    source: str
    order: str
    where: str = ""
    schema: str = "table_schema"


def _text(*names: str) -> tuple[str, ...]:
    """The fields, with an empty text for NULL."""
    return tuple(f"IFNULL({name}, '')" for name in names)


_TABLES = _Source(
    fields=(
        "table_type",
        *_text("engine", "table_collation", "create_options", "table_comment"),
    ),
    source="tables",
    order="table_name",
)
_COLUMNS = _Source(
    fields=(
        *("column_name", "column_type", "is_nullable"),
        *("IFNULL(CONCAT('=', column_default), '')", *_text("collation_name", "extra")),
        *("column_comment", *_text("generation_expression", "{srid}")),
    ),
    source="columns",
    order="ordinal_position",
)
_INDEXES = _Source(
    fields=(
        *("index_name", "non_unique", *_text("column_name", "collation", "sub_part")),
        *("index_type", "index_comment", *_text("{expression}"), "{hidden}"),
    ),
    source="statistics",
    order="index_name, seq_in_index",
)
_KEYS = _Source(
    fields=(
        *("constraint_name", "column_name", "referenced_table_schema", "referenced_table_name"),
        "referenced_column_name",
    ),
    source="key_column_usage",
    order="constraint_name, ordinal_position",
    where=" AND referenced_table_name IS NOT NULL",
)
_ACTIONS = _Source(
    fields=("constraint_name", "update_rule", "delete_rule"),
    source="referential_constraints",
    order="constraint_name",
    schema="constraint_schema",
)
_MYSQL_CHECKS = _Source(
    fields=("c.constraint_name", "c.check_clause", "'Table'", "t.enforced"),
    source="""check_constraints c
JOIN information_schema.table_constraints t
  ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
     AND t.constraint_type = 'CHECK'""",
    order="c.constraint_name",
)
_MARIADB_CHECKS = _Source(
    fields=("constraint_name", "check_clause", "level", "'YES'"),
    source="check_constraints",
    order="constraint_name",
    schema="constraint_schema",
)
_PARTITIONS = _Source(
    fields=(
        *("partition_name", "partition_method"),
        *_text("partition_expression", "subpartition_method", "subpartition_expression"),
        *_text("partition_description", "partition_comment"),
    ),
    source="partitions",
    order="partition_ordinal_position, subpartition_ordinal_position",
    where=" AND partition_name IS NOT NULL",
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A query whose rows are the database's number, a number of lines, and these.

    In each line stand the table's name and so many fields, with a mark between two of them.
    """

    query: str
    fields: int


@dataclass(frozen=True, slots=True)
class QuerySet:
    """One query for each kind of thing, over so many databases.

    `:schema0` is the first of them, `:only` are names of tables. The first field of each row is
    the database's number.
    """

    tables: Gathered
    columns: Gathered
    indexes: Gathered
    keys: Gathered
    actions: Gathered
    checks: Gathered
    partitions: Gathered
    views: str


def mysql_queries(databases: int, marks: Marks, *, limited: bool) -> QuerySet:
    """The queries as MySQL 8 understands them; where `limited`, for the tables in `:only`.

    https://dev.mysql.com/doc/refman/en/optimizer-hints.html#optimizer-hints-set-var
    """
    words = {"{srid}": "srs_id", "{expression}": "expression", "{hidden}": "is_visible = 'NO'"}
    start = f"SELECT /*+ SET_VAR(group_concat_max_len = {_LONGEST}) */"
    return _queries(words, start, _MYSQL_CHECKS, databases, marks, limited=limited)


def mariadb_queries(databases: int, marks: Marks, *, limited: bool) -> QuerySet:
    """The queries as MariaDB 10.6 understands them; where `limited`, for the tables in `:only`.

    https://mariadb.com/kb/en/set-statement/
    """
    words = {"{srid}": "NULL", "{expression}": "NULL", "{hidden}": "ignored = 'YES'"}
    start = f"SET STATEMENT group_concat_max_len = {_LONGEST} FOR SELECT"
    return _queries(words, start, _MARIADB_CHECKS, databases, marks, limited=limited)


def _queries(
    words: dict[str, str],
    start: str,
    checks: _Source,
    databases: int,
    marks: Marks,
    *,
    limited: bool,
) -> QuerySet:
    only = " AND table_name IN :only" if limited else ""
    found = {**words, "{unit}": marks.unit, "{line}": marks.line, "{only}": only}

    def filled(query: str) -> str:
        for mark, text in found.items():
            query = query.replace(mark, text)
        return "UNION ALL".join(query.replace("{number}", str(n)) for n in range(databases))

    def gathered(asked: _Source) -> Gathered:
        query = _GATHERED.replace("{fields}", ", ".join(asked.fields))
        for name in ("source", "order", "where", "schema"):
            query = query.replace(f"{{{name}}}", getattr(asked, name))
        return Gathered(filled(query).replace("SELECT", start, 1), len(asked.fields))

    return QuerySet(
        tables=gathered(_TABLES),
        columns=gathered(_COLUMNS),
        indexes=gathered(_INDEXES),
        keys=gathered(_KEYS),
        actions=gathered(_ACTIONS),
        checks=gathered(checks),
        partitions=gathered(_PARTITIONS),
        views=filled(_VIEWS),
    )
