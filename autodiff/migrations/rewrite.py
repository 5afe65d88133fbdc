"""Move migration files in the graph: rewrite their parents and numbers, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autodiff.errors import MigrationFileError
from autodiff.migrations.files import Migration, parse_migration, parse_python
from autodiff.utils.python_source import assignments
from autodiff.utils.quoting import python_string, sql_comment

__all__ = ["MovedMigration", "move_migration", "renumbered", "text_with_parents"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_SQL_PARENTS = re.compile(rb"^--[ \t]*parents:[^\r\n]*", re.MULTILINE)
_SQL_REVISION = re.compile(rb"^--[ \t]*revision:[^\r\n]*(\r\n|\r|\n|\Z)", re.MULTILINE)
_PLAIN = re.compile(r"[\w.-]+")
_NUMBER = re.compile(r"\d+(?=_)")


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedMigration:
    """A migration before and after a move, and the bytes of its new files by path."""

    before: Migration
    after: Migration
    files: Mapping[Path, bytes]

    @property
    def removed(self) -> tuple[Path, ...]:
        """The paths of the old files."""
        before = self.before
        return (before.path, before.down_path) if before.is_sql else (before.path,)


def move_migration(
    migration: Migration, parents: Sequence[str], number: int | None
) -> MovedMigration:
    """Give a migration other parents, and another number in its name.

    All other bytes of its files are kept. Raises MigrationFileError if the parents can't be found
    in the file.
    """
    path = migration.path
    if number is not None and number != migration.number:
        path = path.with_name(renumbered(path.name, number))
    change: Callable[[Migration, bytes, Sequence[str]], bytes]
    change = _sql if migration.is_sql else _python
    if tuple(parents) == migration.parents:
        change = _unchanged
    files = {path: change(migration, migration.path.read_bytes(), parents)}
    if migration.is_sql:
        down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
        files[down] = change(migration, migration.down_path.read_bytes(), parents)
    after = parse_migration(path, *map(_text, files.values()))
    if after.parents != tuple(parents):
        raise MigrationFileError(
            str(migration.path),
            f"cannot rewrite its parents to {', '.join(parents)}",
            hint="write parents as a literal at the top of the file",
        )
    return MovedMigration(before=migration, after=after, files=files)


def renumbered(name: str, number: int) -> str:
    """Return the name of a migration with another number, which has at least as many digits."""
    return _NUMBER.sub(lambda m: f"{number:0{len(m[0])}d}", name, count=1)


def text_with_parents(migration: Migration, parents: Sequence[str]) -> str:
    """Return the text of a Python file with other parents."""
    return _python(migration, migration.text.encode(), parents).decode()


def _unchanged(migration: Migration, data: bytes, parents: Sequence[str]) -> bytes:
    return data


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def _python(migration: Migration, data: bytes, parents: Sequence[str]) -> bytes:
    mark = _BYTE_ORDER_MARK if data.startswith(_BYTE_ORDER_MARK) else b""
    text = data[len(mark) :]
    values = dict(assignments(parse_python(migration.path, text.decode("utf-8"))))
    name = "parents" if "parents" in values else "down_revision"
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    if name not in values:
        line = (values["revision"].end_lineno or 1) - 1
        end = _LINE_END.search(text, starts[line])
        position = end.end() if end else len(text)
        added = b"parents = " + _formatted(parents) + (end[0] if end else b"\n")
        return mark + text[:position] + added + text[position:]
    value = values[name]
    # col_offset of ast counts bytes of UTF-8, not characters
    first = starts[value.lineno - 1] + value.col_offset
    last = starts[(value.end_lineno or value.lineno) - 1] + (value.end_col_offset or 0)
    return mark + text[:first] + _formatted(parents, value, text[first:last]) + text[last:]


def _formatted(parents: Sequence[str], value: ast.expr | None = None, before: bytes = b"") -> bytes:
    """Return the parents in the form that the file has: a string, list or tuple, and its quotes."""
    quote = "'" if b"'" in before and b'"' not in before else '"'
    quoted = [
        f"'{parent}'" if quote == "'" and _PLAIN.fullmatch(parent) else python_string(parent)
        for parent in parents
    ]
    if isinstance(value, ast.Constant) and len(parents) == 1:
        return quoted[0].encode()
    if isinstance(value, ast.List):
        return f"[{', '.join(quoted)}]".encode()
    comma = "," if len(quoted) == 1 else ""
    return f"({', '.join(quoted)}{comma})".encode()


def _sql(migration: Migration, data: bytes, parents: Sequence[str]) -> bytes:
    """Rewrite the comment in a SQL file, if it has a header: a down file needs none."""
    line = sql_comment(f"parents: {' '.join(parents)}").encode()
    if _SQL_PARENTS.search(data):
        return _SQL_PARENTS.sub(lambda _: line, data, count=1)
    return _SQL_REVISION.sub(lambda m: m[0] + line + (m[1] or b"\n"), data, count=1)
