"""Build the queries over information_schema: one for each kind of row, over all databases.

Python drivers spend most of the time on rows and fields. So the server concatenates the rows into
at most 64 texts for each database. A text has one line for each table, column or part of an index;
a line has the name of the table and then the fields. Only views are fetched as ordinary rows,
because their definitions are long.

`rows` relies on two properties of these queries. All lines of a table are in the same text, in the
order of its columns or parts: a table that was split over two texts would lose columns. No field is
NULL, because CONCAT_WS skips NULL and would shift the fields after it.
https://dev.mysql.com/doc/refman/en/information-schema.html and
https://mariadb.com/kb/en/information-schema-tables/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from autodiff.dialects.mysql.expressions import quote_identifier, quote_string

__all__ = ["TABLE_EXISTS", "Gathered", "Marks", "QuerySet", "TextQuery", "joined_query"]
__all__ += ["mariadb_queries", "mysql_queries", "sequences_query", "start_of_query", "text_queries"]

_MAX_TEXT_LENGTH = 10**8
"""The group_concat_max_len of the queries, in bytes; the default of 1024 would truncate the texts.

The server also limits texts to max_allowed_packet, which usually is less. The value must be less
than 2**32 / 16: MySQL calculates a wrong limit from larger values.
"""
_GATHERED = """
SELECT {number}, COUNT(*),
       GROUP_CONCAT(CONCAT_WS('{unit}', table_name, {fields}), '{line}'
                    ORDER BY {order} SEPARATOR '')
FROM information_schema.{source}
WHERE {schema} = :schema{number}{only}{where}
GROUP BY CRC32(table_name) % 64
"""
"""A query that concatenates the rows of one kind.

A hash of the table's name divides the tables into 64 groups: few rows, and texts that fit into
max_allowed_packet even if there are thousands of tables.
"""

_VIEWS = """
SELECT {number}, table_name, view_definition, check_option
FROM information_schema.views
WHERE table_schema = :schema{number}{only}
"""

_SEQUENCE = """
SELECT {schema} AS table_schema, {name} AS table_name, start_value AS start, increment AS step,
       minimum_value AS low, maximum_value AS high, cache_size AS cache, cycle_option AS cycle
FROM {quoted}
"""
"""A query for the options of one MariaDB sequence.

Before version 12, MariaDB has no information_schema.sequences: the options of a sequence are only
available as the one row in it. https://mariadb.com/kb/en/create-sequence/
"""
_OWN_RIGHT = """
EXISTS (SELECT 1 FROM information_schema.{source}
        WHERE REPLACE(grantee, '''@''', '@') = CONCAT('''', CURRENT_USER(), '''')
          AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES'){where})
"""
_MAY_SEE_ALL = " OR ".join(
    (
        _OWN_RIGHT.format(source="user_privileges", where=""),
        _OWN_RIGHT.format(
            source="schema_privileges", where=" AND :schema{number} LIKE table_schema"
        ),
    )
)
"""Whether the user has a right that shows all tables and columns of a database.

Rights of its roles are not known here.
"""
_DATABASE = """
SELECT {kind}, {number}, {may_see_all}, schema_name
FROM information_schema.schemata WHERE schema_name = :schema{number}
"""
TABLE_EXISTS = """
EXISTS (SELECT 1 FROM information_schema.tables
        WHERE table_schema = {schema} AND table_name = {table})
"""
"""A condition; `{schema}` and `{table}` are SQL."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The separator between two fields, and the one after each line. No field may contain them."""

    unit: str
    line: str

    @classmethod
    def numbered(cls, number: int) -> Marks:
        """Return the separators of one attempt.

        Attempt 0 uses ASCII's unit separator and record separator. Later attempts append their
        number, because a field contains one of the bare characters.
        """
        return cls(f"\x1f{number or ''}", f"\x1e{number or ''}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """The table of information_schema with the rows of one kind, its fields and their order.

    NULL is read as an empty string. If an empty string is a valid value, as for a default, a prefix
    distinguishes the two.
    """

    fields: tuple[str, ...]
    source: str
    order: str
    where: str = ""
    schema: str = "table_schema"


def _text(*names: str) -> tuple[str, ...]:
    """Return SQL for fields that can be NULL: an empty string replaces NULL."""
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
    """A query whose rows are the number of a database, a number of lines, and the lines.

    Each line has the name of a table and then `fields` fields.
    """

    query: str
    fields: int


@dataclass(frozen=True, slots=True)
class QuerySet:
    """One query for each kind of row, over a number of databases.

    The parameter `:schema0` is the first database; `:only` are the names of the tables to read. The
    first field of each row is the number of its database.
    """

    tables: Gathered
    columns: Gathered
    indexes: Gathered
    keys: Gathered
    actions: Gathered
    checks: Gathered
    partitions: Gathered
    views: str


@dataclass(frozen=True, slots=True)
class TextQuery:
    """A query for the rows of one kind, each as one text.

    order: the place of a row in its table, and the name of the table.
    `{schema}` is the database, as SQL.
    """

    text: str
    order: str
    source: str


def text_queries(*, mariadb: bool) -> dict[str, TextQuery]:
    """Return the rows that are gathered as texts, by kind; of tables also when they were created.

    A text has the same fields as the row that is gathered, after its place in its table.
    """
    sources = {
        "tables": replace(_TABLES, fields=(*_TABLES.fields, *_text("create_time"))),
        "columns": _COLUMNS,
        "indexes": _INDEXES,
        "keys": _KEYS,
        "actions": _ACTIONS,
        "checks": _MARIADB_CHECKS if mariadb else _MYSQL_CHECKS,
        "partitions": _PARTITIONS,
    }
    queries = {kind: _text_query(source) for kind, source in sources.items()}
    for placeholder, sql in (_MARIADB_FIELDS if mariadb else _MYSQL_FIELDS).items():
        for kind, query in queries.items():
            queries[kind] = replace(query, text=query.text.replace(placeholder, sql))
    return {**queries, "views": _TEXT_OF_VIEW}


def _text_query(source: _Source) -> TextQuery:
    place = [part.strip() for part in source.order.split(",")]
    fields = ", ".join((*_text(*place), *source.fields))
    return TextQuery(
        text=f"CONCAT_WS(CHAR(31), table_name, {fields}, CHAR(30))",
        order=", ".join(dict.fromkeys(("table_name", *place))),
        source=f"{source.source} WHERE {source.schema} = {{schema}}{source.where}",
    )


_TEXT_OF_VIEW = TextQuery(
    text="CONCAT_WS(CHAR(31), table_name, view_definition, check_option, CHAR(30))",
    order="table_name",
    source="views WHERE table_schema = {schema}",
)
_MYSQL_FIELDS = {
    "{srid}": "srs_id",
    "{expression}": "expression",
    "{hidden}": "is_visible = 'NO'",
}
_MARIADB_FIELDS = {"{srid}": "NULL", "{expression}": "NULL", "{hidden}": "ignored = 'YES'"}


def joined_query(gathered: Sequence[Gathered], databases: int, *, limited: bool) -> str:
    """Return one query for several kinds of rows, whose number is the first field of each row.

    The last kind has the name of each database that exists as its text, and whether the user is
    known to see all of it as its number of lines. Each is looked up by its name: the server has to
    read the folders of all databases to list them.
    https://mariadb.com/kb/en/optimizations-for-information_schema-tables/

    limited: whether only some tables are read, so that the user need not see all.
    """
    mark = gathered[0].query[: gathered[0].query.index(" 0, COUNT(*)")]
    parts = (
        f"SELECT {number} AS kind, rows_of_kind.* FROM ({query}) AS rows_of_kind"
        for number, item in enumerate(gathered)
        for query in [item.query.replace(mark, "SELECT", 1)]
    )
    may_see_all = "1" if limited else _MAY_SEE_ALL
    names = (
        _DATABASE.format(
            kind=len(gathered), number=number, may_see_all=may_see_all.format(number=number)
        )
        for number in range(databases)
    )
    return " UNION ALL ".join([*parts, *names]).replace("SELECT", mark, 1)


def sequences_query(places: Iterable[tuple[str, str]]) -> str:
    """Return one query for the options of MariaDB sequences, by database and name."""
    return " UNION ALL ".join(
        _SEQUENCE.format(
            schema=quote_string(database),
            name=quote_string(name),
            quoted=f"{quote_identifier(database)}.{quote_identifier(name)}",
        )
        for database, name in places
    )


def start_of_query(*, mariadb: bool) -> str:
    """Return SELECT with a large group_concat_max_len for the statement."""
    if mariadb:
        return f"SET STATEMENT group_concat_max_len = {_MAX_TEXT_LENGTH} FOR SELECT"
    return f"SELECT /*+ SET_VAR(group_concat_max_len = {_MAX_TEXT_LENGTH}) */"


@lru_cache(maxsize=16)
def mysql_queries(databases: int, marks: Marks, *, limited: bool) -> QuerySet:
    """Return the queries for MySQL 8; only for the tables in `:only` if `limited`.

    SET_VAR changes group_concat_max_len for one statement, so no session variable must be restored.
    https://dev.mysql.com/doc/refman/en/optimizer-hints.html#optimizer-hints-set-var
    """
    return _queries(
        _MYSQL_FIELDS,
        start_of_query(mariadb=False),
        _MYSQL_CHECKS,
        databases,
        marks,
        limited=limited,
    )


@lru_cache(maxsize=16)
def mariadb_queries(databases: int, marks: Marks, *, limited: bool) -> QuerySet:
    """Return the queries for MariaDB 10.6; only for the tables in `:only` if `limited`.

    SET STATEMENT changes group_concat_max_len for one statement, as SET_VAR does on MySQL.
    https://mariadb.com/kb/en/set-statement/
    """
    return _queries(
        _MARIADB_FIELDS,
        start_of_query(mariadb=True),
        _MARIADB_CHECKS,
        databases,
        marks,
        limited=limited,
    )


def _queries(
    server_fields: dict[str, str],
    start: str,
    checks: _Source,
    databases: int,
    marks: Marks,
    *,
    limited: bool,
) -> QuerySet:
    only = " AND table_name IN :only" if limited else ""
    values = {**server_fields, "{unit}": marks.unit, "{line}": marks.line, "{only}": only}

    def filled(query: str) -> str:
        for placeholder, text in values.items():
            query = query.replace(placeholder, text)
        return "UNION ALL".join(query.replace("{number}", str(n)) for n in range(databases))

    def gathered(source: _Source) -> Gathered:
        query = _GATHERED.replace("{fields}", ", ".join(source.fields))
        for name in ("source", "order", "where", "schema"):
            query = query.replace(f"{{{name}}}", getattr(source, name))
        return Gathered(filled(query).replace("SELECT", start, 1), len(source.fields))

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
