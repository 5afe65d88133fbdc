"""Read and write the lock file: the schema that all migrations lead to.

With it, drift is found without running the migrations. It is JSON with one line for each table, so
that git reports a conflict if two branches change the same table.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodiff.dialects import is_known
from autodiff.errors import HistoryError, exception_words
from autodiff.schema.json import schema_from_data, schema_to_data
from autodiff.schema.objects import Schema
from autodiff.utils.files import write_text
from autodiff.utils.quoting import json_text

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.migrations.files import Migration

__all__ = ["LOCK_NAME", "LockFile", "read_lock", "write_lock"]

LOCK_NAME = "autodiff.lock"
_VERSION = 1
_FIELDS: Mapping[str, tuple[type, str]] = {
    "version": (int, "an integer"),
    "database": (str, "a string"),
    "settled": (bool, "true or false"),
    "heads": (list, "a list"),
    "migrations": (dict, "an object"),
    "declared": (dict, "an object"),
    "described": (dict, "an object"),
    "unrehearsed": (dict, "an object"),
}
_OPTIONAL_FIELDS = {"settled": True, "unrehearsed": {}}
"""Fields that are only written if they differ from these values."""
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFile:
    """The heads, a checksum for each migration, and the schema that the migrations make.

    `declared` is the schema as the models declare it; `described` is the same schema as the catalog
    of `database` ("postgresql 16") describes it. If it is not `settled`, no server was asked, and
    the SQL expressions in `described` are those of the models. `unrehearsed` has the reason for
    each migration that was written without a rehearsal.
    """

    heads: tuple[str, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)
    database: str = ""
    declared: Schema = field(default_factory=Schema)
    described: Schema = field(default_factory=Schema)
    settled: bool = True
    unrehearsed: Mapping[str, str] = field(default_factory=dict)

    @property
    def backend(self) -> str:
        """The kind of server that the lock file was written for, such as "postgresql"."""
        return self.database.partition(" ")[0]

    @property
    def version(self) -> str | None:
        """The version of that server, such as "16"; None if no server was asked."""
        return self.database.partition(" ")[2] or None

    def matches(self, dialect: Dialect) -> bool:
        """Return whether the dialect is of the same kind and major version of server."""
        same_major = _major(self.version) == _major(dialect.version)
        return self.backend == dialect.backend and same_major

    def replacing(self, revisions: Collection[str], migration: Migration) -> LockFile:
        """Return the lock file with a migration in place of others that lead to the same schema."""
        names = dict.fromkeys(revisions, migration.revision)
        checksums = {names.get(r, r): checksum for r, checksum in self.checksums.items()}
        if migration.revision in checksums:
            checksums[migration.revision] = migration.checksum
        heads = tuple(dict.fromkeys(names.get(head, head) for head in self.heads))
        return replace(self, heads=heads, checksums=checksums)


def _major(version: str | None) -> str:
    return (version or "").partition(".")[0]


def read_lock(folder: Path) -> LockFile | None:
    """Return the lock file of a migrations folder, None if there is none.

    Raises HistoryError if the file can't be read, also because of conflict markers.
    """
    path = folder / LOCK_NAME
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    if any(line.startswith(_CONFLICT) for line in text.split("\n")):
        raise HistoryError(
            f"{path} has merge conflicts: two branches changed the schema",
            hint="run autodiff rebase to move one branch's migrations after the other's, or "
            "autodiff merge to join them; both rewrite this file. If the migrations are in one "
            "line already, run autodiff lock",
        )
    try:
        data = _parsed(text)
        _refuse_newer(path, data["version"])
        _check(data)
        return LockFile(
            heads=tuple(data["heads"]),
            checksums=data["migrations"],
            database=data["database"],
            declared=schema_from_data(data["declared"]),
            described=schema_from_data(
                data["described"], later=lambda error: _unreadable(path, error)
            ),
            settled=data.get("settled", True),
            unrehearsed=data.get("unrehearsed", {}),
        )
    except ValueError as error:
        raise _unreadable(path, error) from error


def _parsed(text: str) -> dict[str, Any]:
    """Return the JSON object in a text.

    Raises ValueError if there is none.
    """
    try:
        data = json.loads(text)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    if not isinstance(data, dict) or "version" not in data:
        raise ValueError("it is not a JSON object with a version")
    if "\\u" in text and not _is_unicode(data):
        raise ValueError("it contains half of a surrogate pair")
    return data


def _is_unicode(data: Any) -> bool:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _check(data: dict[str, Any]) -> None:
    """Raise ValueError for a field that is unknown, missing or of another type."""
    if unknown := sorted(data.keys() - _FIELDS.keys()):
        raise ValueError(f"unknown field {unknown[0]!r}")
    for name, (cls, words) in _FIELDS.items():
        if name not in data and name not in _OPTIONAL_FIELDS:
            raise ValueError(f"{name} is missing")
        if not isinstance(data.get(name, _OPTIONAL_FIELDS.get(name)), cls):
            raise ValueError(f"{name} must be {words}")
    if not all(isinstance(head, str) for head in data["heads"]):
        raise ValueError("heads must be a list of strings")
    if not all(isinstance(checksum, str) for checksum in data["migrations"].values()):
        raise ValueError("migrations must be an object of strings")
    if not all(isinstance(reason, str) for reason in data.get("unrehearsed", {}).values()):
        raise ValueError("unrehearsed must be an object of strings")
    backend = data["database"].partition(" ")[0]
    if backend and not is_known(backend):
        raise ValueError(f"unknown kind of database {backend!r}")


def _unreadable(path: Path, error: Exception) -> HistoryError:
    reason = f"{error}" if type(error) is ValueError else exception_words(error)
    return HistoryError(
        f"cannot read {path}: {reason}",
        hint="restore it from version control, or rewrite it: autodiff lock",
    )


def _refuse_newer(path: Path, version: object) -> None:
    if version != _VERSION:
        raise HistoryError(
            f"{path} was written by another version of autodiff: its format is {version}, "
            f"this version reads {_VERSION}",
            hint="use the version that wrote it, or rewrite it: autodiff lock",
        )


def write_lock(folder: Path, lock: LockFile) -> Path:
    """Write the lock file completely or not at all, and return its path."""
    path = folder / LOCK_NAME
    write_text(path, lock_text(lock))
    return path


def lock_text(lock: LockFile) -> str:
    """Return the text of a lock file."""
    parts = [
        f'"version": {_VERSION}',
        f'"database": {_json(lock.database)}',
        f'"heads": {_json(list(lock.heads))}',
        f'"migrations": {_block({k: _json(lock.checksums[k]) for k in lock.checksums})}',
        f'"declared": {_schema(lock.declared)}',
        f'"described": {_schema(lock.described)}',
    ]
    unrehearsed = {k: v for k, v in sorted(lock.unrehearsed.items()) if k in lock.checksums}
    if unrehearsed:
        parts.insert(4, f'"unrehearsed": {_block({k: _json(v) for k, v in unrehearsed.items()})}')
    if not lock.settled:
        parts.insert(2, '"settled": false')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _schema(schema: Schema) -> str:
    data = schema_to_data(schema)
    parts = [f'"{kind}": {_lines(items)}' for kind, items in data.items()]
    return "{\n" + ",\n".join(parts) + "\n}"


def _lines(items: list[Any]) -> str:
    if not items:
        return "[]"
    return "[\n" + ",\n".join(_json(item) for item in items) + "\n]"


def _block(items: Mapping[str, str]) -> str:
    if not items:
        return "{}"
    return "{\n" + ",\n".join(f"{_json(key)}: {value}" for key, value in items.items()) + "\n}"


def _json(value: Any) -> str:
    return json_text(value, indent=None)
