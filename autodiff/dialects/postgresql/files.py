"""Track the files of tables and indexes while statements of PostgreSQL run.

A table or an index was rewritten if it has another file afterwards. The numbers of files come from
a counter, so that only files with larger numbers are read after a statement.
https://www.postgresql.org/docs/current/storage-file-layout.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autodiff.dialects.scope import OWN_TABLES

__all__ = ["NOT_OF_SERVER", "FileTracker", "shown_name"]

NOT_OF_SERVER = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
"""The condition for schemas other than those of the server."""
_FILES = f"""
SELECT c.oid, n.nspname, c.relname, c.relkind IN ('i', 'I'), c.relfilenode, i.indrelid
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I') AND {NOT_OF_SERVER}
"""
# The index of pg_class on the numbers of files starts with the tablespace; 0 is the default one.
_NEWER = """
SELECT oid, relfilenode FROM pg_class
WHERE reltablespace = ANY (ARRAY(SELECT oid FROM pg_tablespace) || 0::oid) AND relfilenode > %s
"""
_THESE = " AND c.oid = ANY (%s)"
_STILL_THERE = "SELECT oid FROM pg_class WHERE oid = ANY (%s)"
_CREATED = re.compile(
    r"\s*CREATE\s+(?:TABLE\b|(?:UNIQUE\s+)?INDEX\s.*?\sON\s+(?:ONLY\s+)?"
    r'(?:(?:"(?:[^"]|"")*"|[\w$]+)\.)?(?P<table>"(?:[^"]|"")*"|[\w$]+)\s*(?:\(|USING\b))',
    re.IGNORECASE | re.DOTALL,
)
"""A new table, or an index on the table that is named."""
_DROP = re.compile(r"\bDROP\b", re.IGNORECASE)
_WORDS = re.compile(r'"(?:[^"]|"")*"|[\w$]+')


@dataclass(frozen=True, slots=True)
class _File:
    """The file of a table or an index; `table` is the number of the table of an index."""

    schema: str
    name: str
    is_index: bool
    file: int
    table: int | None


class FileTracker:
    """Knows the files that exist, from when it is created.

    Args:
        query: Returns the rows of a query, for which it gets the SQL and parameters.
        default_schema: Names in this schema are shown without it.
    """

    def __init__(
        self, query: Callable[[str, Sequence[Any]], Sequence[Any]], default_schema: str | None
    ) -> None:
        self._query = query
        self._default = default_schema
        self.files: dict[int, _File] = {}
        self._numbers: set[int] = set()
        self._by_name: dict[str, set[int]] = {}
        self._indexes: dict[int, set[int]] = {}
        self._add(self._read())
        self._newest = max(self._numbers, default=0)
        self.existing = frozenset(self.files)
        """The tables and indexes that existed at the start."""
        self._existing_names = {self.files[oid].name for oid in self.existing}

    def changes(self, sql: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the tables and indexes that a statement rewrote, and the indexes that it built.

        Those on tables that did not exist at the start are left out. ALTER TABLE can create an
        index again under its name, with a new number and the old file.
        """
        if self._creates_only(sql):
            return (), ()
        newer = dict(map(tuple, self._query(_NEWER, [self._newest])))
        self._newest = max((self._newest, *newer.values()))
        new = self._read(list(newer)) if newer else {}
        rewritten: list[str] = []
        built: list[str] = []
        for oid, file in new.items():
            owner = file.table if file.is_index else oid
            if not file.file or file.file in self._numbers or owner not in self.existing:
                continue
            if oid in self.files or self._is_known(file):
                rewritten.append(self.shown(file))
            elif file.is_index:
                built.append(self.shown(file))
        if _DROP.search(sql):
            self._remove_dropped(sql)
        self._add(new)
        return tuple(sorted(rewritten)), tuple(sorted(built))

    def shown(self, file: _File) -> str:
        """Return the name of a table or an index for people."""
        return shown_name(file.schema, file.name, self._default)

    def named_in(self, sql: str) -> set[int]:
        """Return the tables that a statement names, also by an index."""
        found = {oid for word in map(_folded, _WORDS.findall(sql)) for oid in self._named(word)}
        tables = {self.files[oid].table if self.files[oid].is_index else oid for oid in found}
        return {oid for oid in tables if oid is not None and oid in self.files}

    def _named(self, name: str) -> set[int]:
        return self._by_name.get(name, set())

    def _creates_only(self, sql: str) -> bool:
        """Return whether a statement only creates a table, or an index on a new table."""
        created = _CREATED.match(sql)
        if created is None:
            return False
        table = created["table"]
        return table is None or _folded(table) not in self._existing_names

    def _is_known(self, file: _File) -> bool:
        same_name = (self.files[oid] for oid in self._named(file.name))
        return any(other.schema == file.schema for other in same_name)

    def _remove_dropped(self, sql: str) -> None:
        """Remove the tables and indexes that a statement has dropped."""
        tables = self.named_in(sql)
        suspects = tables.union(*(self._indexes.get(oid, set()) for oid in tables))
        if not suspects:
            return
        left = {row[0] for row in self._query(_STILL_THERE, [sorted(suspects)])}
        for oid in suspects - left:
            file = self.files.pop(oid)
            self._by_name[file.name].discard(oid)
            if file.table is not None:
                self._indexes.get(file.table, set()).discard(oid)

    def _read(self, oids: Sequence[int] | None = None) -> dict[int, _File]:
        """Return the files of some tables and indexes; of all if `oids` is None."""
        sql, parameters = (_FILES, []) if oids is None else (_FILES + _THESE, [oids])
        return {
            row[0]: _File(row[1], row[2], row[3], row[4], row[5])
            for row in self._query(sql, parameters)
            if row[2] not in OWN_TABLES
        }

    def _add(self, files: dict[int, _File]) -> None:
        self.files |= files
        for oid, file in files.items():
            self._numbers.add(file.file)
            self._by_name.setdefault(file.name, set()).add(oid)
            if file.table is not None:
                self._indexes.setdefault(file.table, set()).add(oid)


def _folded(identifier: str) -> str:
    """Return an identifier as the server stores it."""
    if identifier.startswith('"'):
        return identifier[1:-1].replace('""', '"')
    return identifier.lower()


def shown_name(schema: str, name: str, default: str | None) -> str:
    """Return a name with its schema, unless that is the default one."""
    return name if schema == default else f"{schema}.{name}"
