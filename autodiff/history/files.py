"""Migration files: read without being run."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodiff.dialects import NAMES
from autodiff.errors import MigrationFileError
from autodiff.history.checksum import python_checksum, sql_checksum

if TYPE_CHECKING:
    from autodiff.dialects import Dialect

__all__ = ["Migration", "file_name", "read_folder", "read_migration", "read_text", "sql_header"]

_NUMBERED = re.compile(r"(?P<number>\d+)_(?P<slug>.+)\Z")
_HEADER = re.compile(
    r"--[ \t]*(revision|parents|message|lock_timeout|statement_timeout|dialects):(.*)"
)
_SLUG_LENGTH = 60
_SLUG_BYTES = 200
"""A file system has room for 255, and the endings and a temporary file's name need some."""
_PLACE_NAMES = ("revision", "parents", "down_revision", "depends_on")
_TIMEOUTS = ("lock_timeout", "statement_timeout")
_DIALECTS = "dialects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What a migration file says of itself.

    `path` is the Python file, or the up file of a pair of SQL files. `number` is for people. The
    timeouts are seconds, None where the configuration holds. `dialects` are the kinds of databases
    that it is for, all where there are none.
    """

    revision: str
    parents: tuple[str, ...]
    message: str
    path: Path
    checksum: str
    number: int | None = None
    lock_timeout: float | None = None
    statement_timeout: float | None = None
    dialects: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name without its ending: 0002_add_timestamp."""
        return self.path.name.removesuffix(".py").removesuffix(".up.sql")

    def is_for(self, dialect: Dialect) -> bool:
        """Whether it is to be run on such a database; on another one it is only recorded."""
        return not self.dialects or any(map(dialect.answers_to, self.dialects))

    @property
    def is_sql(self) -> bool:
        """Whether it is a pair of SQL files."""
        return self.path.suffix == ".sql"

    @property
    def down_path(self) -> Path:
        """The down file of a pair of SQL files."""
        return self.path.with_name(f"{self.name}.down.sql")


def file_name(number: int, message: str) -> str:
    """The name of a migration file without its ending: 0002_add_timestamp.

    Letters of every script stay, in the one spelling that all file systems keep.
    """
    plain = unicodedata.normalize("NFC", message.lower())
    slug = re.sub(r"[^\w]+", "_", plain).strip("_")[:_SLUG_LENGTH]
    slug = slug.encode()[:_SLUG_BYTES].decode(errors="ignore").rstrip("_")
    return f"{number:04d}_{slug or 'migration'}"


def read_folder(folder: Path) -> list[Migration]:
    """The migrations of a folder, in the order of their file names.

    Raises MigrationFileError for a file that can't be read.
    """
    if not folder.is_dir():
        return []
    paths = [p for p in sorted(folder.iterdir()) if _is_migration(p)]
    return [read_migration(path) for path in paths]


def _is_migration(path: Path) -> bool:
    if path.name.startswith(("_", ".")):
        return False
    return path.suffix == ".py" or path.name.endswith(".up.sql")


def read_migration(path: Path) -> Migration:
    """What one file says, without running it.

    Raises MigrationFileError, with the line, for a file that is no migration.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationFileError(str(path), str(error), hint="it must be UTF-8 text") from error
    return _read_sql(path, text) if path.suffix == ".sql" else _read_python(path, text)


def read_text(path: Path) -> str:
    """The text of a migration file; the mark that some editors put in front is none of it."""
    return path.read_text(encoding="utf-8-sig")


def _read_python(path: Path, text: str) -> Migration:
    try:
        tree = ast.parse(text, filename=str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise MigrationFileError(
            f"{path}:{line}" if line else str(path),
            f"{type(error).__name__}: {getattr(error, 'msg', error)}",
            hint="mend the file, or restore it from version control",
        ) from error
    values = dict(_places(path, tree))
    revision = values.get("revision")
    if not isinstance(revision, str) or not revision:
        raise MigrationFileError(
            str(path),
            "it has no revision",
            hint='a migration says revision = "..." and parents = (...); move other files away',
        )
    _require_functions(path, tree)
    docstring = (ast.get_docstring(tree) or "").strip()
    return Migration(
        revision=revision,
        parents=_parents(path, values),
        message=docstring.splitlines()[0] if docstring else _slug(path),
        path=path,
        checksum=python_checksum(tree),
        number=_number(path),
        dialects=_dialects(path, values.get(_DIALECTS)),
        **_timeouts(path, values),
    )


def _dialects(path: Path, said: Any) -> tuple[str, ...]:
    """The kinds of databases that a migration is for."""
    if said is None:
        return ()
    names = [said] if isinstance(said, str) else said
    if not isinstance(names, list | tuple) or not names:
        raise MigrationFileError(
            str(path),
            f"{_DIALECTS} = {said!r} names no kind of database",
            hint=f'as in {_DIALECTS} = ("postgresql",)',
        )
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise MigrationFileError(
            str(path),
            f"{_DIALECTS} names an unknown kind of database: {unknown[0]!r}",
            hint=f"known are {', '.join(sorted(NAMES))}",
        )
    return tuple(dict.fromkeys(names))


def _timeouts(path: Path, values: Mapping[str, Any]) -> dict[str, float]:
    """What a migration says of its own limits."""
    found = {}
    for name in _TIMEOUTS:
        if name not in values:
            continue
        try:
            found[name] = float(values[name])
        except (TypeError, ValueError):
            raise MigrationFileError(
                str(path),
                f"{name} = {values[name]!r} is no number of seconds",
                hint=f"as in {name} = 10, or 0 for no limit",
            ) from None
    return found


def _places(path: Path, tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """What the file says of its place in the graph, which must be said without running it."""
    for name, value in _assignments(tree):
        if name not in (*_PLACE_NAMES, *_TIMEOUTS, _DIALECTS):
            continue
        try:
            yield name, ast.literal_eval(value)
        except (ValueError, TypeError) as error:
            raise MigrationFileError(
                f"{path}:{value.lineno}",
                f"{name} = {ast.unparse(value)} is no plain text",
                hint='files are read without being run: write it out, as in revision = "7d1c09be"',
            ) from error


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        target: ast.expr
        value: ast.expr
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name):
            yield target.id, value


def _parents(path: Path, values: dict[str, Any]) -> tuple[str, ...]:
    """`parents`, or Alembic's `down_revision`; and what it `depends_on`, which comes before too."""
    found: list[str] = []
    for name in ("parents" if "parents" in values else "down_revision", "depends_on"):
        said = values.get(name)
        listed = [] if said is None else [said] if isinstance(said, str) else said
        if not isinstance(listed, list | tuple) or not all(isinstance(p, str) for p in listed):
            raise MigrationFileError(
                str(path),
                f"{name} = {said!r} names no revisions",
                hint=f'as in {name} = ("41f2ab90",)',
            )
        found += listed
    return tuple(dict.fromkeys(found))


def _require_functions(path: Path, tree: ast.Module) -> None:
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if missing := sorted({"upgrade", "downgrade"} - defined):
        raise MigrationFileError(
            str(path),
            f"it has no {missing[0]}()",
            hint="a migration defines upgrade() and downgrade(), each may be empty (pass)",
        )


def _read_sql(path: Path, text: str) -> Migration:
    header = _header(text)
    if not header.get("revision"):
        raise MigrationFileError(
            str(path), "it has no revision", hint="its first lines say: -- revision: 7d1c09be"
        )
    down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
    if not down.is_file():
        raise MigrationFileError(
            str(path),
            f"its down file {down.name} is missing",
            hint="restore it, or write an empty one if there is nothing to take back",
        )
    listed = header.get(_DIALECTS)
    dialects = _dialects(path, re.split(r"[,\s]+", listed) if listed else None)
    return Migration(
        revision=header["revision"],
        parents=tuple(header.get("parents", "").split()),
        message=header.get("message") or _slug(path),
        path=path,
        checksum=sql_checksum(text, _read_down(down), dialects),
        number=_number(path),
        dialects=dialects,
        **_timeouts(path, header),
    )


def _header(text: str) -> dict[str, str]:
    """What the comments at the start of a SQL file say; a comment further down says nothing."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _HEADER.fullmatch(line.strip())
        if match:
            found.setdefault(match[1], match[2].strip())
        elif line.strip() and not line.startswith("--"):
            break
    return found


def _read_down(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationFileError(str(path), str(error), hint="it must be UTF-8 text") from error


def sql_header(revision: str, parents: tuple[str, ...], message: str) -> str:
    """The first lines of a SQL migration."""
    words = " ".join(message.split())
    lines = (f"revision: {revision}", f"parents: {' '.join(parents)}", f"message: {words}")
    return "".join(f"-- {line}".rstrip() + "\n" for line in lines)


def _slug(path: Path) -> str:
    match = _NUMBERED.match(path.name.split(".")[0])
    return (match["slug"] if match else path.name.split(".")[0]).replace("_", " ")


def _number(path: Path) -> int | None:
    match = _NUMBERED.match(path.name.split(".")[0])
    return int(match["number"]) if match else None
