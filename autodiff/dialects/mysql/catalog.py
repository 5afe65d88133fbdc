"""The queries over information_schema: a fixed number, whatever the number of tables and databases.

Drivers take their time for each row and each field of it. So what a table has many of comes in few
texts: a line for each column, or part of an index, in it the table's name as JSON, a tab, and a
JSON array. JSON has neither line breaks nor tabs in it.
https://dev.mysql.com/doc/refman/en/information-schema.html and
https://mariadb.com/kb/en/information-schema-tables/
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NAMESPACES", "SEQUENCE", "QuerySet", "mariadb_queries", "mysql_queries"]

NAMESPACES = "SELECT schema_name FROM information_schema.schemata"

_LONGEST = 10**8
"""Bytes of one answer; a server's own limit, max_allowed_packet, is less. Beyond 2**32 / 16 MySQL
counts wrongly."""
_GATHERED = """
SELECT {number}, COUNT(*),
       GROUP_CONCAT(CONCAT(JSON_QUOTE(table_name), '\t', JSON_ARRAY({fields}))
                    ORDER BY {order} SEPARATOR '\n')
FROM information_schema.{source}
WHERE {schema} = :schema{number}{only}{where}
GROUP BY CRC32(table_name) % 64
"""
"""Grouped by some number that tables share, so that no text is too long for a packet."""

_TABLES = """
SELECT {number}, table_name, table_type, engine, table_collation, create_options, table_comment
FROM information_schema.tables
WHERE table_schema = :schema{number}{only}
"""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gathered:
    """What is asked of each table, in which order."""

    fields: str
    source: str
    order: str
    where: str = ""
    schema: str = "table_schema"


_COLUMNS = _Gathered(
    fields="column_name, column_type, is_nullable, column_default, collation_name, extra,"
    " column_comment, generation_expression, {srid}",
    source="columns",
    order="ordinal_position",
)
_INDEXES = _Gathered(
    fields="index_name, non_unique, column_name, collation, sub_part, index_type, index_comment,"
    " {expression}, {hidden}",
    source="statistics",
    order="index_name, seq_in_index",
)
_KEYS = _Gathered(
    fields="constraint_name, column_name, referenced_table_schema, referenced_table_name,"
    " referenced_column_name",
    source="key_column_usage",
    order="constraint_name, ordinal_position",
    where=" AND referenced_table_name IS NOT NULL",
)
_ACTIONS = _Gathered(
    fields="constraint_name, update_rule, delete_rule",
    source="referential_constraints",
    order="constraint_name",
    schema="constraint_schema",
)
_MYSQL_CHECKS = _Gathered(
    fields="c.constraint_name, c.check_clause, 'Table', t.enforced",
    source="""check_constraints c
JOIN information_schema.table_constraints t
  ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
     AND t.constraint_type = 'CHECK'""",
    order="c.constraint_name",
)
_MARIADB_CHECKS = _Gathered(
    fields="constraint_name, check_clause, level, 'YES'",
    source="check_constraints",
    order="constraint_name",
    schema="constraint_schema",
)
_PARTITIONS = _Gathered(
    fields="partition_name, partition_method, partition_expression, subpartition_method,"
    " subpartition_expression, partition_description, partition_comment",
    source="partitions",
    order="partition_ordinal_position, subpartition_ordinal_position",
    where=" AND partition_name IS NOT NULL",
)


@dataclass(frozen=True, slots=True)
class QuerySet:
    """One query for each kind of thing, over so many databases.

    `:schema0` is the first of them, `:only` are names of tables. The first field of each row is
    the database's number. Behind it stand, but for tables and views, how many lines there are, and
    the lines.
    """

    tables: str
    columns: str
    indexes: str
    keys: str
    actions: str
    checks: str
    partitions: str
    views: str


def mysql_queries(databases: int, *, limited: bool) -> QuerySet:
    """The queries as MySQL 8 understands them; where `limited`, for the tables in `:only`.

    https://dev.mysql.com/doc/refman/en/optimizer-hints.html#optimizer-hints-set-var
    """
    words = {"{srid}": "srs_id", "{expression}": "expression", "{hidden}": "is_visible = 'NO'"}
    start = f"SELECT /*+ SET_VAR(group_concat_max_len = {_LONGEST}) */"
    return _queries(words, start, _MYSQL_CHECKS, databases, limited=limited)


def mariadb_queries(databases: int, *, limited: bool) -> QuerySet:
    """The queries as MariaDB 10.6 understands them; where `limited`, for the tables in `:only`.

    https://mariadb.com/kb/en/set-statement/
    """
    words = {"{srid}": "NULL", "{expression}": "NULL", "{hidden}": "ignored = 'YES'"}
    start = f"SET STATEMENT group_concat_max_len = {_LONGEST} FOR SELECT"
    return _queries(words, start, _MARIADB_CHECKS, databases, limited=limited)


def _queries(
    words: dict[str, str], start: str, checks: _Gathered, databases: int, *, limited: bool
) -> QuerySet:
    found = {**words, "{only}": " AND table_name IN :only" if limited else ""}

    def filled(query: str) -> str:
        for mark, text in found.items():
            query = query.replace(mark, text)
        return "UNION ALL".join(query.replace("{number}", str(n)) for n in range(databases))

    def gathered(asked: _Gathered) -> str:
        query = _GATHERED
        for name in ("fields", "source", "order", "where", "schema"):
            query = query.replace(f"{{{name}}}", getattr(asked, name))
        return filled(query).replace("SELECT", start, 1)

    return QuerySet(
        tables=filled(_TABLES),
        columns=gathered(_COLUMNS),
        indexes=gathered(_INDEXES),
        keys=gathered(_KEYS),
        actions=gathered(_ACTIONS),
        checks=gathered(checks),
        partitions=gathered(_PARTITIONS),
        views=filled(_VIEWS),
    )
