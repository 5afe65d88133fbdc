"""The queries of information_schema: a fixed number, for any number of tables and databases.

Drivers need time for each row and each field. So everything except views is returned in a few
texts: with a line for each table, column or element of an index, which has the name of the table
and the fields, separated by marks.
https://dev.mysql.com/doc/refman/en/information-schema.html and
https://mariadb.com/kb/en/information-schema-tables/
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NAMESPACES", "SEQUENCE", "Gathered", "Marks", "QuerySet", "mariadb_queries"]
__all__ += ["mysql_queries"]

NAMESPACES = "SELECT schema_name FROM information_schema.schemata"

_LONGEST = 10**8
"""The size of one text in bytes. The limit of the server, max_allowed_packet, is lower; beyond
2**32 / 16, MySQL miscounts."""
_GATHERED = """
SELECT {number}, COUNT(*),
       GROUP_CONCAT(CONCAT_WS('{unit}', table_name, {fields}), '{line}'
                    ORDER BY {order} SEPARATOR '')
FROM information_schema.{source}
WHERE {schema} = :schema{number}{only}{where}
GROUP BY CRC32(table_name) % 64
"""
"""The rows of 64 groups of tables, so that no text is too long for a packet."""

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
    """The separators of fields, and the ends of lines: texts that no field contains."""

    unit: str
    line: str

    @classmethod
    def numbered(cls, number: int) -> Marks:
        """Return the separators of ASCII, followed by the number if it is not 0."""
        return cls(f"\x1f{number or ''}", f"\x1e{number or ''}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """The fields to select, their table and their order.

    No field is NULL: an empty text replaces NULL in fields that have no empty values.
    """

    fields: tuple[str, ...]
    source: str
    order: str
    where: str = ""
    schema: str = "table_schema"


def _text(*names: str) -> tuple[str, ...]:
    """Return the fields with an empty text for NULL."""
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
    """A query whose rows have the number of a database, the number of lines, and the lines.

    Each line has the name of a table and as many fields, with a mark between two of them.
    """

    query: str
    fields: int


@dataclass(frozen=True, slots=True)
class QuerySet:
    """One query for each kind of object, for all databases.

    `:schema0` is the first database; `:only` has names of tables. The first field of each row is
    the number of the database.
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
    """Return the queries for MySQL 8; with `limited`, for the tables in `:only`.

    https://dev.mysql.com/doc/refman/en/optimizer-hints.html#optimizer-hints-set-var
    """
    words = {"{srid}": "srs_id", "{expression}": "expression", "{hidden}": "is_visible = 'NO'"}
    start = f"SELECT /*+ SET_VAR(group_concat_max_len = {_LONGEST}) */"
    return _queries(words, start, _MYSQL_CHECKS, databases, marks, limited=limited)


def mariadb_queries(databases: int, marks: Marks, *, limited: bool) -> QuerySet:
    """Return the queries for MariaDB 10.6; with `limited`, for the tables in `:only`.

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
