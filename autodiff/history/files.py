"""Migration files: read without being run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodiff.errors import MigrationFileError
from autodiff.history.checksum import python_checksum, sql_checksum

__all__ = ["Migration", "file_name", "read_folder", "read_migration", "sql_header"]

_NUMBERED = re.compile(r"(?P<number>\d+)_(?P<slug>.+)\Z")
_HEADER = re.compile(r"^--\s*(revision|parents|message):\s*(.*?)\s*$", re.MULTILINE)
_SLUG_LENGTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What a migration file says of itself.

    `path` is the Python file, or the up file of a pair of SQL files. `number` is for people.
    """

    revision: str
    parents: tuple[str, ...]
    message: str
    path: Path
    checksum: str
    number: int | None = None

    @property
    def name(self) -> str:
        """The file's name without its ending: 0002_add_timestamp."""
        return self.path.name.removesuffix(".py").removesuffix(".up.sql")

    @property
    def is_sql(self) -> bool:
        """Whether it is a pair of SQL files."""
        return self.path.suffix == ".sql"

    @property
    def down_path(self) -> Path:
        """The down file of a pair of SQL files."""
        return self.path.with_name(f"{self.name}.down.sql")


def file_name(number: int, message: str) -> str:
    """The name of a migration file without its ending: 0002_add_timestamp."""
    slug = re.sub(r"[^\w]+", "_", message.lower()).strip("_")[:_SLUG_LENGTH].rstrip("_")
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
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationFileError(str(path), str(error)) from error
    return _read_sql(path, text) if path.suffix == ".sql" else _read_python(path, text)


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
    values = dict(_assignments(tree))
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
    )


def _assignments(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name):
            try:
                yield target.id, ast.literal_eval(value)
            except ValueError:
                continue


def _parents(path: Path, values: dict[str, Any]) -> tuple[str, ...]:
    """`parents`, or Alembic's `down_revision`."""
    parents = values.get("parents", values.get("down_revision"))
    if parents is None:
        return ()
    found = (parents,) if isinstance(parents, str) else tuple(parents)
    if not all(isinstance(parent, str) for parent in found):
        raise MigrationFileError(str(path), "its parents are no revisions", hint='("41f2ab90",)')
    return found


def _require_functions(path: Path, tree: ast.Module) -> None:
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if missing := sorted({"upgrade", "downgrade"} - defined):
        raise MigrationFileError(
            str(path),
            f"it has no {missing[0]}()",
            hint="a migration defines upgrade() and downgrade(), each may be empty (pass)",
        )


def _read_sql(path: Path, text: str) -> Migration:
    header = dict(_HEADER.findall(text))
    if not header.get("revision"):
        raise MigrationFileError(
            str(path), "it has no revision", hint="its first lines say: -- revision: 7d1c09be"
        )
    down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
    if not down.is_file():
        raise MigrationFileError(str(path), f"its down file {down.name} is missing")
    return Migration(
        revision=header["revision"],
        parents=tuple(header.get("parents", "").split()),
        message=header.get("message") or _slug(path),
        path=path,
        checksum=sql_checksum(text + down.read_text(encoding="utf-8")),
        number=_number(path),
    )


def sql_header(revision: str, parents: tuple[str, ...], message: str) -> str:
    """The first lines of a SQL migration."""
    lines = (f"revision: {revision}", f"parents: {' '.join(parents)}", f"message: {message}")
    return "".join(f"-- {line}".rstrip() + "\n" for line in lines)


def _slug(path: Path) -> str:
    match = _NUMBERED.match(path.name.split(".")[0])
    return (match["slug"] if match else path.name.split(".")[0]).replace("_", " ")


def _number(path: Path) -> int | None:
    match = _NUMBERED.match(path.name.split(".")[0])
    return int(match["number"]) if match else None
