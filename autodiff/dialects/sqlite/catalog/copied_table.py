"""Write the statements that add or drop a column by copying a table, in place of ALTER TABLE.

ALTER TABLE is run on a table of the same definition in a database in memory, which has no other
tables to parse. What it makes of the definition is taken word for word: comments, and whatever
autodiff does not know, stay.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress

from autodiff.schema.sqltext import quote_identifier
from autodiff.utils.object_names import name_between

__all__ = ["DEFINITIONS", "alters_columns", "statements_to_copy"]

_ALTERS = re.compile(r"ALTER TABLE \S+ (?:ADD|DROP) COLUMN ")
DEFINITIONS = """
SELECT sql FROM sqlite_master WHERE tbl_name = ? COLLATE NOCASE AND sql IS NOT NULL
ORDER BY type = 'table' DESC, rowid
"""
"""The statements that create a table and what belongs to it, in an order in which they can run."""
_STORED = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid"
"""The columns without those that are generated. https://www.sqlite.org/pragma.html"""
_ROWIDS = ("rowid", "oid", "_rowid_")
"""The names of the number of a row. https://www.sqlite.org/rowidtable.html"""


def alters_columns(statements: Sequence[str]) -> bool:
    """Return whether statements only add or drop columns."""
    return bool(statements) and all(map(_ALTERS.match, statements))


def statements_to_copy(
    table: str, definitions: Sequence[str], statements: Sequence[str]
) -> list[str] | None:
    """Return statements that leave the table, its rows and its indexes as ALTER TABLE would.

    Args:
        table: The name of the table, in the main database.
        definitions: What sqlite_master has for the table, and then for its indexes.
        statements: What adds or drops columns.

    Returns:
        Statements for one transaction with foreign keys off. None if that is not possible: SQLite
        refuses a statement, numbers the rows by AUTOINCREMENT, or no column is left to copy.
    """
    with closing(sqlite3.connect(":memory:")) as database, suppress(sqlite3.Error):
        for sql in definitions:
            database.execute(sql)
        before, rowid = _names(database, _STORED, table), _rowid(database, table)
        for sql in statements:
            database.execute(sql)
        after = _names(database, _STORED, table)
        if _names(database, "SELECT 1 FROM sqlite_master WHERE name = ?", "sqlite_sequence"):
            return None
        kept = [name for name in after if name in before]
        new_definitions = _names(database, DEFINITIONS, table)
        return _copy(table, kept, rowid, new_definitions) if kept else None
    return None


def _names(database: sqlite3.Connection, query: str, name: str) -> list[str]:
    return [row[0] for row in database.execute(query, (name,))]


def _rowid(database: sqlite3.Connection, table: str) -> str | None:
    """Return a name for the number of a row that is no column; None if rows have no number.

    Raises sqlite3.Error if columns have all these names.
    """
    columns = _names(database, "SELECT lower(name) FROM pragma_table_xinfo(?)", table)
    free = next((name for name in _ROWIDS if name not in columns), None)
    if free is None:
        raise sqlite3.Error("each name for the number of a row is a column")
    try:
        database.execute(f"SELECT {free} FROM {quote_identifier(table)}")
    except sqlite3.Error:  # WITHOUT ROWID
        return None
    return free


def _copy(
    table: str, columns: Sequence[str], rowid: str | None, definitions: Sequence[str]
) -> list[str]:
    """Return the statements that replace the table by one of the new definition."""
    name, spare = f"main.{quote_identifier(table)}", f"temp.{quote_identifier(name_between(table))}"
    stored = [*([rowid] if rowid else []), *map(quote_identifier, columns)]
    copies = [f"c{number}" for number in range(len(stored))]
    # Each column is qualified: SQLite reads an unknown name in double quotes as a string.
    pairs = zip(stored, copies, strict=True)
    selected = ", ".join(f"{quote_identifier(table)}.{column} AS {copy}" for column, copy in pairs)
    create, *indexes = definitions
    return [
        f"CREATE TABLE {spare} AS SELECT {selected} FROM {name}",
        f"DROP TABLE {name}",
        create,
        f"INSERT INTO {name} ({', '.join(stored)}) SELECT {', '.join(copies)} FROM {spare}",
        f"DROP TABLE {spare}",
        *indexes,
    ]
