"""Read migration files without running them."""

from __future__ import annotations

import ast
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from tokenize import detect_encoding
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from autodiff.dialects import NAMES, is_known
from autodiff.errors import HistoryError, MigrationFileError
from autodiff.migrations.checksum import GRAPH_FIELDS, python_checksum, sql_checksum, text_digest
from autodiff.migrations.constants import Source, texts_of
from autodiff.migrations.header import read_header
from autodiff.utils.python_source import assignments, literal_value, parse_source
from autodiff.utils.quoting import one_line, sql_comment
from autodiff.utils.values import limit_of

if TYPE_CHECKING:
    from autodiff.dialects import Dialect

__all__ = [
    "LABEL_HINT",
    "PHASES",
    "Migration",
    "MigrationPhase",
    "file_name",
    "is_label",
    "is_migration_name",
    "parse_alembic",
    "parse_migration",
    "parse_python",
    "read_folder",
    "read_migration",
    "read_or_note",
    "read_text",
    "sql_header",
]

MigrationPhase: TypeAlias = Literal["expand", "migrate", "contract"]
PHASES: tuple[MigrationPhase, ...] = get_args(MigrationPhase)
"""The parts of a change without downtime, in order; a deploy is due before the last one."""

_NUMBERED = re.compile(r"(?P<number>\d+)_(?P<slug>.+)\Z")
_HEADER = re.compile(
    r"--[ \t]*(revision|parents|replaces|depends_on|labels|message"
    r"|lock_timeout|statement_timeout|dialects|phase|phase_guard|irreversible):(.*)"
)
_IRREVERSIBLE = re.compile(r"^[ \t]*--[ \t]*irreversible:", re.MULTILINE)
_MIGRATION_LINE = re.compile(r"^(?:revision\b|parents\b|def (?:up|down)grade\b)", re.MULTILINE)
"""A line that only a migration has: a module that is none is imported by others."""
_REVISION_LINE = re.compile(r"^revision\b[^=\n]*=\s*[\"']([^\"'\n]+)[\"']", re.MULTILINE)
_PARENTS_LINE = re.compile(
    r"^(?:parents|down_revision)\b[^=\n]*=\s*(\([^()]*\)|[^\n]*)", re.MULTILINE
)
_REVISION_NAME = re.compile(r"([a-f0-9]+)\.py\Z")
_LABEL = re.compile(r"(?!\d+\Z|(?:head|heads|base)\Z)[\w.]+")
LABEL_HINT = "use letters, digits, dots and _, but not a number, head, heads or base"
_DECLARED_WITHIN = 1000
"""The first two lines, which can declare an encoding, are shorter than this many bytes."""
_SLUG_LENGTH = 60
_SLUG_BYTES = 200
"""File systems allow 255 bytes; the number, the endings and temporary names need some of them."""
_LISTED = ("parents", "depends_on", "labels", "replaces")
_TIMEOUTS = ("lock_timeout", "statement_timeout")
_DIALECTS = "dialects"
_ALEMBIC_FIELDS = ("revision", "down_revision", "depends_on", "branch_labels")
_UNREAD_LABELS = "unread_labels"
_PHASE = "phase"
_GUARD = "phase_guard"
_KNOWN = (*GRAPH_FIELDS, *_TIMEOUTS, _DIALECTS, _PHASE, _GUARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One migration, as its file describes it.

    `path` is the Python file, or the up file of a pair of SQL files. `text` and `down_text` are the
    contents of the file and of the down file. `number` is for people; the order comes from
    `parents`. `labels` name the branch that begins here. The migrations in `depends_on` (revisions
    or labels) must be applied first, but are not parents. The timeouts are seconds; None means the
    setting in the configuration. `replaces` are the revisions that were squashed into this one, in
    order. `dialects` are the kinds of databases that it is for; an empty tuple means all.
    `is_alembic` tells that it is a revision of Alembic, which Alembic runs, and `place` is the
    position of its file among those that Alembic reads. `unread_labels` are the expressions for
    labels that cannot be read without running the file. `phase` is its part of a change without
    downtime, and `phase_guard` are queries that must find no row before it is applied.
    """

    revision: str
    parents: tuple[str, ...]
    message: str
    path: Path
    text: str = field(default="", repr=False)
    down_text: str = field(default="", repr=False)
    number: int | None = None
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    lock_timeout: float | None = None
    statement_timeout: float | None = None
    replaces: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    is_alembic: bool = False
    place: int = field(default=0, compare=False, repr=False)
    unread_labels: tuple[str, ...] = ()
    phase: MigrationPhase | None = None
    phase_guard: tuple[str, ...] = ()

    @property
    def checksum(self) -> str:
        """The checksum of its operations, without comments and layout.

        Raises MigrationFileError, with the line, if the file is not valid Python.
        """
        return _checksum(self)

    @property
    def digest(self) -> str:
        """A hash of the whole text: if it is unchanged, the checksum is unchanged too."""
        if self.is_alembic:
            return self.checksum
        return text_digest(self.text, self.down_text)

    @property
    def name(self) -> str:
        """The name of the file without its ending: 0002_add_timestamp."""
        return self.path.name.removesuffix(".py").removesuffix(".up.sql")

    def is_for(self, dialect: Dialect) -> bool:
        """Return whether it is run on such a database; on others it is only recorded."""
        return not self.dialects or any(map(dialect.matches, self.dialects))

    @property
    def is_sql(self) -> bool:
        """Whether it is a pair of SQL files."""
        return self.path.name.endswith(".sql")

    @property
    def down_path(self) -> Path:
        """The down file of a pair of SQL files."""
        return self.path.with_name(f"{self.name}.down.sql")

    @property
    def irreversible(self) -> str | None:
        """Why it has no way back, if the down file of a pair of SQL files says so."""
        why = _header(self.down_text).get("irreversible")
        return why if why != "" else f"{self.down_path.name} says so"


@lru_cache(maxsize=10_000)
def _checksum(migration: Migration) -> str:
    if migration.is_alembic:  # Alembic allows its files to be edited after they were applied
        return text_digest(f"alembic {migration.revision}", "")
    if migration.is_sql:
        phase = () if migration.phase is None else (migration.phase,)
        settings = (*sorted(migration.dialects), *phase, *migration.phase_guard)
        return sql_checksum(migration.text, migration.down_text, settings)
    return python_checksum(parse_python(migration.path, migration.text))


def file_name(number: int, message: str) -> str:
    """Return the name of a migration file without its ending: 0002_add_timestamp.

    Letters of all scripts are kept, in Unicode's normal form C, which no file system changes.
    """
    plain = unicodedata.normalize("NFC", message.lower())
    slug = re.sub(r"[^\w]+", "_", plain).strip("_")[:_SLUG_LENGTH]
    slug = slug.encode()[:_SLUG_BYTES].decode(errors="ignore").rstrip("_")
    return f"{number:04d}_{slug or 'migration'}"


def read_folder(folder: Path, problems: list[MigrationFileError] | None = None) -> list[Migration]:
    """Return the migrations of a folder, in the order of their file names.

    With a list of problems, a file that can't be read adds its error to the list. It is returned
    without its text if its header can be found.

    Raises MigrationFileError if a file can't be read, and HistoryError if the folder is a file.
    """
    if not folder.is_dir():
        _refuse_other_file(folder)
        return []
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise MigrationFileError(
            str(folder), error.strerror or str(error), hint="check the permissions of the folder"
        ) from error
    paths = [folder / name for name in names if is_migration_name(name)]
    if "script.py.mako" in names:  # it is Alembic's folder too
        paths = [path for path in paths if not _is_helper(path)]
    if problems is None:
        return [read_migration(path) for path in paths]
    found = (read_or_note(path, problems, read_migration) for path in paths)
    return [migration for migration in found if migration is not None]


def _is_helper(path: Path) -> bool:
    """Return whether a file of Alembic's folder is env.py, or a module that it imports."""
    if path.name == "env.py":
        return True
    try:
        return path.suffix == ".py" and _MIGRATION_LINE.search(read_text(path)) is None
    except MigrationFileError:  # reported when it is read as a migration
        return False


def read_or_note(
    path: Path,
    problems: list[MigrationFileError],
    read: Callable[[Path], Migration | None],
) -> Migration | None:
    """Return the migration of a file, or add the error to the problems.

    A file that can't be read is returned without its text, if its header can be found.
    """
    try:
        return read(path)
    except MigrationFileError as error:
        problems.append(error)
        return _by_header(path)


def _by_header(path: Path) -> Migration | None:
    """Return a migration of which only the header is known, None if that is not known either."""
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError:
        return None
    if path.suffix == ".sql":
        header = _header(text)
        revision, parents = header.get("revision"), tuple(header.get("parents", "").split())
    else:
        found, before = _REVISION_LINE.search(text), _PARENTS_LINE.search(text)
        revision = found[1] if found is not None else None
        parents = tuple(re.findall(r"[\"']([^\"'\n]+)[\"']", before[1])) if before else ()
    if not revision:
        return None
    return Migration(
        revision=revision,
        parents=parents,
        message=_slug(path),
        path=path,
        number=_number(path),
    )


def _refuse_other_file(folder: Path) -> None:
    """Raise HistoryError if a file, or a link that leads nowhere, has the name of the folder."""
    if folder.is_symlink() or os.path.lexists(folder):
        kind = "a link to a folder that does not exist" if folder.is_symlink() else "a file"
        raise HistoryError(
            f"the migrations folder {folder} is {kind}",
            hint="correct the setting migrations, or move the file away",
        )


def is_migration_name(name: str) -> bool:
    """Return whether a file of a migrations folder is a migration, by its name."""
    return not name.startswith(("_", ".")) and name.endswith((".py", ".up.sql"))


def read_migration(path: Path) -> Migration:
    """Return the migration of one file, without running it.

    A Python file in the usual form is not parsed. An error inside its functions is then found when
    its checksum is computed, or when it is run.

    Raises MigrationFileError, with the line, if the file is not a migration.
    """
    text = read_text(path)
    if path.suffix != ".sql":
        return parse_migration(path, text)
    down = _down_path(path)
    if not down.is_file() and _header(text).get("revision"):
        raise MigrationFileError(
            str(path),
            f"its down file {down.name} is missing",
            hint="restore it, or create an empty file if there is nothing to revert; if there is "
            "no way back, with the line -- irreversible: REASON",
        )
    return parse_migration(path, text, read_text(down) if down.is_file() else "")


def parse_migration(path: Path, text: str, down_text: str = "") -> Migration:
    """Return the migration of one text, or a pair of SQL texts; raise as `read_migration`."""
    if path.suffix == ".sql":
        return _read_sql(path, text, down_text)
    return _read_python(path, text)


def read_text(path: Path) -> str:
    """Return the text of a migration file, without a byte order mark.

    A Python file may declare another encoding than UTF-8 in its first two lines.

    Raises MigrationFileError if it can't be read.
    """
    try:
        source = path.read_bytes()
        text = source.decode(_encoding(source) if path.suffix == ".py" else "utf-8-sig")
    except OSError as error:
        raise MigrationFileError(
            str(path), error.strerror or str(error), hint="check the permissions of the file"
        ) from error
    except (ValueError, LookupError, SyntaxError) as error:
        raise MigrationFileError(str(path), str(error), hint="save it as UTF-8 text") from error
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _encoding(source: bytes) -> str:
    """Return the encoding of a Python file; raise SyntaxError for an unknown one."""
    if b"coding" not in source[:_DECLARED_WITHIN]:
        return "utf-8-sig"
    found, _ = detect_encoding(BytesIO(source).readline)
    return found


def parse_python(path: Path, text: str) -> ast.Module:
    """Return the syntax tree of a Python file.

    Raises MigrationFileError, with the line, if the text is not valid Python.
    """
    try:
        return parse_source(text, filename=str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        words = f"{type(error).__name__}: {getattr(error, 'msg', error)}"
        raise MigrationFileError(
            f"{path}:{line}" if line else str(path),
            words.removesuffix(": "),
            hint="fix the file, or restore it from version control",
        ) from error


def _read_python(path: Path, text: str) -> Migration:
    values, message, tree = _read_fields(path, text, _KNOWN)
    if tree is not None:
        _require_revision(path, values)
        _require_functions(path, tree)
    return Migration(
        revision=values["revision"],
        parents=_named(path, values, "parents" if "parents" in values else "down_revision"),
        message=message,
        path=path,
        text=text,
        number=_number(path),
        depends_on=_named(path, values, "depends_on"),
        labels=_labels(path, values),
        unread_labels=values.get(_UNREAD_LABELS, ()),
        replaces=_named(path, values, "replaces"),
        dialects=_dialects(path, values.get(_DIALECTS)),
        phase=_phase(path, values.get(_PHASE)),
        phase_guard=_listed(path, values, _GUARD, "queries", "SELECT id FROM users WHERE ..."),
        **_timeouts(path, values),
    )


def _read_fields(
    path: Path, text: str, known: Collection[str], folders: Sequence[Path] = ()
) -> tuple[dict[str, Any], str, ast.Module | None]:
    """Return the assignments of a file to known names, its message, and its tree if it was parsed.

    A file in the usual form is not parsed.
    """
    tree = None
    header = read_header(text, known)
    if header is not None:
        values, docstring = dict(header.values), header.docstring
    else:
        tree = parse_python(path, text)
        values = dict(_graph_fields(path, Source(tree=tree, folders=folders), known))
        docstring = ast.get_docstring(tree) or ""
    docstring = docstring.strip()
    return values, docstring.splitlines()[0] if docstring else _slug(path), tree


def parse_alembic(
    path: Path,
    text: str | None = None,
    *,
    required: bool = True,
    folders: Sequence[Path] = (),
) -> Migration | None:
    """Return the migration for a revision file of Alembic, which needs no downgrade().

    As for Alembic, a file without `revision` has the one in its name, such as 1a2b3c.py.

    text: that of a file that is not written yet.
    required: whether a file without either is an error. None is returned for it otherwise.
    folders: those from which it imports modules, before the import path; they can name its labels.

    Raises MigrationFileError if it can't be read, has no revision, or computes its revision or
    parents.
    """
    text = read_text(path) if text is None else text
    values, message, _ = _read_fields(path, text, _ALEMBIC_FIELDS, folders)
    named = _REVISION_NAME.match(path.name)
    if "revision" not in values and named is not None:
        values["revision"] = named[1]
    if "revision" not in values:
        if not required:
            return None
        raise MigrationFileError(
            str(path),
            "it has no revision, so Alembic refuses the folder",
            hint='move it to another folder, or write its revision like revision = "7d1c09be"',
        )
    _require_revision(path, values)
    return Migration(
        revision=values["revision"],
        parents=_named(path, values, "down_revision"),
        message=message,
        path=path,
        text=text,
        depends_on=_named(path, values, "depends_on"),
        labels=_listed(path, values, "branch_labels", "labels", "billing"),
        unread_labels=values.get(_UNREAD_LABELS, ()),
        is_alembic=True,
    )


def _require_revision(path: Path, values: Mapping[str, Any]) -> None:
    revision = values.get("revision")
    if not isinstance(revision, str) or not revision:
        raise MigrationFileError(
            str(path),
            "it has no revision",
            hint='a migration has revision = "..." and parents = (...); move other files away',
        )


def _dialects(path: Path, value: Any) -> tuple[str, ...]:
    """Return the kinds of databases that a migration is for."""
    if value is None:
        return ()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        raise MigrationFileError(
            str(path),
            f"{_DIALECTS} = {value!r} is not a kind of database",
            hint=f'write it like {_DIALECTS} = ("postgresql",)',
        )
    unknown = [name for name in names if not is_known(name)]
    if unknown:
        raise MigrationFileError(
            str(path),
            f"{_DIALECTS} names an unknown kind of database: {unknown[0]!r}",
            hint=f"use one or more of {', '.join(sorted(NAMES))}",
        )
    return tuple(dict.fromkeys(names))


def _phase(path: Path, value: Any) -> MigrationPhase | None:
    """Return the phase of a migration."""
    if value is None:
        return None
    found = next((phase for phase in PHASES if phase == value), None)
    if found is None:
        raise MigrationFileError(
            str(path),
            f"{_PHASE} = {str(value)[:80]!r} is not a phase",
            hint=f"use one of {', '.join(PHASES)}",
        )
    return found


def _timeouts(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the timeouts that a migration sets."""
    found = {}
    for name in _TIMEOUTS:
        if name not in values:
            continue
        seconds = _seconds(values[name])
        if seconds is None:
            raise MigrationFileError(
                str(path),
                f"{name} = {str(values[name])[:80]!r} is not a number of seconds",
                hint=f"write it like {name} = 10; 0 means no limit",
            )
        found[name] = seconds
    return found


def _seconds(value: Any) -> float | None:
    """Return a number of seconds that every database accepts, None for anything else."""
    try:
        return limit_of(float(value) if isinstance(value, str) else value)
    except ValueError:
        return None


def _graph_fields(path: Path, source: Source, known: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield the assignments that a file is read for; their values must be literals.

    Labels of a revision of Alembic can be constants, also of other modules. Those that can't be
    read are listed by themselves: they only name a branch.
    """
    for name, value in assignments(source.tree):
        if name not in known:
            continue
        if name == "branch_labels":
            labels = texts_of(value, source)
            yield name, [label for label in labels if not isinstance(label, ast.expr)]
            unread = tuple(_source(label) for label in labels if isinstance(label, ast.expr))
            yield _UNREAD_LABELS, unread
            continue
        try:
            yield name, literal_value(value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
            raise MigrationFileError(
                f"{path}:{value.lineno}",
                f"{name} = {_source(value)} is not a literal",
                hint='files are read without running them: write it like revision = "7d1c09be"',
            ) from error


def _source(value: ast.expr) -> str:
    try:
        return one_line(ast.unparse(value)[:200])
    except RecursionError:
        return "..."


def _named(path: Path, values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the revisions that an assignment lists."""
    return _listed(path, values, name, "revisions", "41f2ab90")


def _labels(path: Path, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return `labels`, or Alembic's `branch_labels`."""
    name = "labels" if "labels" in values else "branch_labels"
    found = _listed(path, values, name, "labels", "billing")
    for label in found:
        if not is_label(label):
            raise MigrationFileError(str(path), f"{label!r} cannot be a label", hint=LABEL_HINT)
    return found


def _listed(
    path: Path, values: Mapping[str, Any], name: str, kind: str, example: str
) -> tuple[str, ...]:
    value = values.get(name)
    listed = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(item, str) for item in listed):
        raise MigrationFileError(
            str(path),
            f"{name} = {value!r} is not a list of {kind}",
            hint=f'write it like {name} = ("{example}",)',
        )
    return tuple(dict.fromkeys(listed))


def is_label(text: str) -> bool:
    """Return whether a text can be a label, which no other target looks like."""
    return _LABEL.fullmatch(text) is not None


def _require_functions(path: Path, tree: ast.Module) -> None:
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if missing := sorted({"upgrade", "downgrade"} - defined):
        raise MigrationFileError(
            str(path),
            f"it has no {missing[0]}()",
            hint="define upgrade() and downgrade(); either may be empty (pass)",
        )


def _read_sql(path: Path, text: str, down_text: str) -> Migration:
    fields = list(_fields(text))
    header = _first_of_each(fields)
    if not header.get("revision"):
        raise MigrationFileError(
            str(path),
            "it has no revision",
            hint="add a line at the top, such as -- revision: 7d1c09be",
        )
    _require_place_of_irreversible(path, text, down_text)
    listed = {name: header.get(name, "").split() for name in _LISTED}
    kinds = header.get(_DIALECTS)
    return Migration(
        revision=header["revision"],
        parents=_named(path, listed, "parents"),
        message=header.get("message") or _slug(path),
        path=path,
        text=text,
        down_text=down_text,
        number=_number(path),
        depends_on=_named(path, listed, "depends_on"),
        labels=_labels(path, listed),
        replaces=_named(path, listed, "replaces"),
        dialects=_dialects(path, re.split(r"[,\s]+", kinds) if kinds else None),
        phase=_phase(path, header.get(_PHASE)),
        phase_guard=tuple(value for name, value in fields if name == _GUARD),
        **_timeouts(path, header),
    )


def _require_place_of_irreversible(path: Path, text: str, down_text: str) -> None:
    """Raise MigrationFileError for a line `-- irreversible:` that would be ignored."""
    if _IRREVERSIBLE.search(text):
        raise MigrationFileError(
            str(path),
            "it says irreversible, which is about the way back",
            hint="move that line to the .down.sql file",
        )
    found = _IRREVERSIBLE.search(down_text)
    if found is not None and "irreversible" not in _header(down_text):
        line = down_text.count("\n", 0, found.start()) + 1
        raise MigrationFileError(
            f"{_down_path(path)}:{line}",
            "it says irreversible below its first statement, where that is not read",
            hint="move that line to the top of the file",
        )


def _down_path(path: Path) -> Path:
    return path.with_name(path.name.replace(".up.sql", ".down.sql"))


def _header(text: str) -> dict[str, str]:
    """Return the fields in the comments at the start of a SQL file."""
    return _first_of_each(_fields(text))


def _first_of_each(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name, value)
    return found


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Yield the fields in the comments at the start of a SQL file; later comments are ignored."""
    for line in text.splitlines():
        match = _HEADER.fullmatch(line.strip())
        if match:
            yield match[1], match[2].strip()
        elif line.strip() and not line.startswith("--"):
            break


def sql_header(
    revision: str,
    parents: tuple[str, ...],
    message: str,
    *,
    labels: tuple[str, ...] = (),
    depends_on: tuple[str, ...] = (),
) -> str:
    """Return the comments at the start of a SQL migration."""
    words = " ".join(message.split())
    lines = [f"revision: {revision}", f"parents: {' '.join(parents)}"]
    lines += [f"depends_on: {' '.join(depends_on)}"] if depends_on else []
    lines += [f"labels: {' '.join(labels)}"] if labels else []
    lines += [f"message: {words}"]
    return "".join(f"{sql_comment(line)}\n" for line in lines)


def _slug(path: Path) -> str:
    match = _NUMBERED.match(path.name.split(".")[0])
    return (match["slug"] if match else path.name.split(".")[0]).replace("_", " ")


def _number(path: Path) -> int | None:
    match = _NUMBERED.match(path.name.split(".")[0])
    return int(match["number"]) if match else None
