"""Read everything that a database's own catalog says, without autodiff."""

from __future__ import annotations

import re
from collections.abc import Callable

import sqlalchemy as sa

__all__ = ["read_catalog"]

OWN = ("autodiff_", "ix_autodiff_", "sqlite_autoindex_autodiff_")
"""What the names of autodiff's own objects start with."""

POSTGRESQL = {
    "column": """
        SELECT c.oid::regclass || '.' || a.attname,
            concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                a.attgenerated, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid),
                col_description(c.oid, a.attnum))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND {ours}""",
    "constraint": """
        SELECT c.oid::regclass || '.' || k.conname, pg_get_constraintdef(k.oid)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE {ours}""",
    "index": """
        SELECT i.indexrelid::regclass, pg_get_indexdef(i.indexrelid)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE {ours}""",
    "view": """
        SELECT c.oid::regclass, pg_get_viewdef(c.oid)
        FROM pg_class c WHERE c.relkind IN ('v', 'm') AND {ours}""",
    "sequence": """
        SELECT c.oid::regclass, concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement,
            s.seqmax, s.seqmin, s.seqcycle)
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE {ours}""",
    "trigger": """
        SELECT c.oid::regclass || '.' || t.tgname, pg_get_triggerdef(t.oid)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT tgisinternal AND {ours}""",
    "enum": """
        SELECT enumtypid::regtype, string_agg(enumlabel, ',' ORDER BY enumsortorder)
        FROM pg_enum GROUP BY 1""",
}
CONSTRAINT = re.compile(r"(CONSTRAINT|PRIMARY|UNIQUE|FOREIGN|CHECK|FULLTEXT|KEY)\b")
OURS = """c.relnamespace NOT IN (
    SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg%' OR nspname = 'information_schema')"""


def read_catalog(url: str) -> dict[str, str]:
    """Return the definition of each object by its kind and name, and the rows of each table."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        found = READERS[engine.dialect.name](connection)
        tables = sa.inspect(connection).get_table_names()
        quote = engine.dialect.identifier_preparer.quote
        for table in tables:
            count = connection.exec_driver_sql(f"SELECT count(*) FROM {quote(table)}").scalar()
            found[f"rows {table}"] = f"{count}"
    return {name: text for name, text in found.items() if not name.split(" ")[1].startswith(OWN)}


def _sqlite(connection: sa.Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master")
    return {f"{kind} {name}": _sorted_parts(sql or "") for kind, name, sql in rows}


def _postgresql(connection: sa.Connection) -> dict[str, str]:
    return {
        f"{kind} {name}": text
        for kind, query in POSTGRESQL.items()
        for name, text in connection.exec_driver_sql(query.format(ours=OURS).replace("%", "%%"))
    }


def _mariadb(connection: sa.Connection) -> dict[str, str]:
    found: dict[str, str] = {}
    tables = connection.exec_driver_sql("SHOW FULL TABLES").all()
    for name, kind in tables:
        text = connection.exec_driver_sql(f"SHOW CREATE TABLE `{name}`").one()[1]
        text = re.sub(r" AUTO_INCREMENT=\d+", "", text)
        found[f"{kind.split()[-1].lower()} {name}"] = _sorted_parts(text)
    triggers = connection.exec_driver_sql(
        "SELECT trigger_name, action_statement FROM information_schema.triggers "
        "WHERE trigger_schema = database()"
    )
    return found | {f"trigger {name}": text for name, text in triggers}


def _sorted_parts(sql: str) -> str:
    """Return a CREATE TABLE with its columns in their order, and then its constraints and indexes.

    SQLAlchemy has the indexes of a table in a set, so that Alembic creates them in any order.
    """
    start, end = sql.find("("), sql.rfind(")")
    parts, depth, is_quoted = [""], 0, False
    for character in re.sub(r"\s+", " ", sql[start + 1 : end]):
        is_quoted ^= character == "'"
        depth += 0 if is_quoted else {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth and not is_quoted:
            parts.append("")
        else:
            parts[-1] += character
    parts = [part.strip() for part in parts]
    columns = [part for part in parts if not CONSTRAINT.match(part)]
    others = sorted(part for part in parts if CONSTRAINT.match(part))
    return f"{sql[:start]}({', '.join([*columns, *others])}){sql[end + 1 :]}"


READERS: dict[str, Callable[[sa.Connection], dict[str, str]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "mysql": _mariadb,
    "mariadb": _mariadb,
}
