"""The queries over information_schema: a fixed number, whatever the number of tables.

Each column has a name given here, since MySQL would answer in capitals.
https://dev.mysql.com/doc/refman/en/information-schema.html and
https://mariadb.com/kb/en/information-schema-tables/
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NAMESPACES", "SEQUENCE", "QuerySet", "mariadb_queries", "mysql_queries"]

NAMESPACES = "SELECT schema_name AS name FROM information_schema.schemata"

_TABLES = """
SELECT table_schema AS table_schema, table_name AS table_name, table_type AS table_type,
       engine AS engine, table_collation AS table_collation, create_options AS create_options,
       table_comment AS table_comment
FROM information_schema.tables
WHERE table_schema = :schema{only}
ORDER BY table_name
"""

_COLUMNS = """
SELECT table_schema AS table_schema, table_name AS table_name, column_name AS column_name,
       column_default AS column_default, is_nullable AS is_nullable, column_type AS column_type,
       collation_name AS collation_name, extra AS extra, column_comment AS column_comment,
       generation_expression AS generation_expression, {srid} AS srid
FROM information_schema.columns
WHERE table_schema = :schema{only}
ORDER BY table_name, ordinal_position
"""

_INDEXES = """
SELECT table_schema AS table_schema, table_name AS table_name, index_name AS index_name,
       non_unique AS non_unique, column_name AS column_name, collation AS collation,
       sub_part AS sub_part, index_type AS index_type, index_comment AS index_comment,
       {expression} AS expression, {hidden} AS hidden
FROM information_schema.statistics
WHERE table_schema = :schema{only}
ORDER BY table_name, index_name, seq_in_index
"""

_KEYS = """
SELECT table_schema AS table_schema, table_name AS table_name,
       constraint_name AS constraint_name, column_name AS column_name,
       referenced_table_schema AS referred_schema, referenced_table_name AS referred_table,
       referenced_column_name AS referred_column
FROM information_schema.key_column_usage
WHERE table_schema = :schema{only} AND referenced_table_name IS NOT NULL
ORDER BY table_name, constraint_name, ordinal_position
"""

_ACTIONS = """
SELECT constraint_schema AS table_schema, table_name AS table_name,
       constraint_name AS constraint_name, update_rule AS update_rule,
       delete_rule AS delete_rule
FROM information_schema.referential_constraints
WHERE constraint_schema = :schema{only}
"""

_MYSQL_CHECKS = """
SELECT t.table_schema AS table_schema, t.table_name AS table_name,
       c.constraint_name AS constraint_name, c.check_clause AS check_clause,
       t.enforced AS enforced, 'Table' AS level
FROM information_schema.check_constraints c
JOIN information_schema.table_constraints t
  ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
     AND t.constraint_type = 'CHECK'
WHERE t.table_schema = :schema{only}
ORDER BY t.table_name, c.constraint_name
"""

_MARIADB_CHECKS = """
SELECT constraint_schema AS table_schema, table_name AS table_name,
       constraint_name AS constraint_name, check_clause AS check_clause,
       'YES' AS enforced, level AS level
FROM information_schema.check_constraints
WHERE constraint_schema = :schema{only}
ORDER BY table_name, constraint_name
"""

_PARTITIONS = """
SELECT table_schema AS table_schema, table_name AS table_name, partition_name AS partition_name,
       partition_method AS method, partition_expression AS expression,
       subpartition_method AS sub_method, subpartition_expression AS sub_expression,
       partition_description AS description, partition_comment AS comment
FROM information_schema.partitions
WHERE table_schema = :schema AND partition_name IS NOT NULL{only}
ORDER BY table_name, partition_ordinal_position, subpartition_ordinal_position
"""

_VIEWS = """
SELECT table_schema AS table_schema, table_name AS table_name,
       view_definition AS view_definition, check_option AS check_option
FROM information_schema.views
WHERE table_schema = :schema{only}
ORDER BY table_name
"""

SEQUENCE = """
SELECT {schema} AS table_schema, {name} AS table_name, start_value AS start, increment AS step,
       minimum_value AS low, maximum_value AS high, cache_size AS cache, cycle_option AS cycle
FROM {quoted}
"""
"""The options of one MariaDB sequence; several are joined by UNION ALL."""


@dataclass(frozen=True, slots=True)
class QuerySet:
    """One query for each kind of thing; `:schema` is the database, `:only` names of tables."""

    tables: str
    columns: str
    indexes: str
    keys: str
    actions: str
    checks: str
    partitions: str
    views: str


def mysql_queries(*, limited: bool) -> QuerySet:
    """The queries as MySQL 8 understands them; where `limited`, for the tables in `:only`."""
    words = {"{srid}": "srs_id", "{expression}": "expression", "{hidden}": "is_visible = 'NO'"}
    return _queries(words, _MYSQL_CHECKS, limited=limited)


def mariadb_queries(*, limited: bool) -> QuerySet:
    """The queries as MariaDB 10.6 understands them; where `limited`, for the tables in `:only`."""
    words = {"{srid}": "NULL", "{expression}": "NULL", "{hidden}": "ignored = 'YES'"}
    return _queries(words, _MARIADB_CHECKS, limited=limited)


def _queries(words: dict[str, str], checks: str, *, limited: bool) -> QuerySet:
    found = {**words, "{only}": " AND table_name IN :only" if limited else ""}

    def filled(query: str) -> str:
        for mark, text in found.items():
            query = query.replace(mark, text)
        return query

    return QuerySet(
        tables=filled(_TABLES),
        columns=filled(_COLUMNS),
        indexes=filled(_INDEXES),
        keys=filled(_KEYS),
        actions=filled(_ACTIONS),
        checks=filled(checks),
        partitions=filled(_PARTITIONS),
        views=filled(_VIEWS),
    )
