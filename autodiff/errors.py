"""All exceptions that autodiff raises.

The classes and their causes:

    AutodiffError                 exit code 2
    +- ConfigError                the configuration or the command line is invalid
    +- ModelsError                the models cannot be loaded, or are not supported
    +- DatabaseError              the database cannot be reached, or refused a request
    +- HistoryError               the migrations folder or the lock file is invalid
    |  +- MigrationFileError      a migration file cannot be read
    |  +- RevisionNotFoundError   a revision is unknown
    |  +- AmbiguousRevisionError  a revision names more than one migration
    |  +- SeveralHeadsError       the history has more than one head
    |  +- HandWrittenError        manual code in migrations cannot be squashed
    |  +- EditedMigrationError    the files are not those that were applied
    +- PlanError                  no migration can be written for a difference
    |  +- FillNeededError         a NOT NULL column needs a value for existing rows
    |  +- RehearsalFailedError    a migration failed its rehearsal in a scratch database
    |  +- RenameUndecidedError    a change could be a rename
    |  +- DropRefusedError        a table with rows, or most tables, would be dropped
    +- MigrationFailedError       a migration failed while it ran
    |  +- RowsInTheWayError       rows block a migration, which was refused
    |  +- HookFailedError         a hook of the application failed
    |  +- WrongArgumentError      a migration calls a function of op with a wrong argument
    +- LockedError                another run holds the lock for too long
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

__all__ = [
    "AmbiguousRevisionError",
    "AutodiffError",
    "ConfigError",
    "DatabaseError",
    "DropRefusedError",
    "EditedMigrationError",
    "FillNeededError",
    "HandWrittenError",
    "HistoryError",
    "HookFailedError",
    "LockedError",
    "MigrationFailedError",
    "MigrationFileError",
    "ModelsError",
    "PlanError",
    "RehearsalFailedError",
    "RenameUndecidedError",
    "RevisionNotFoundError",
    "RowsInTheWayError",
    "SeveralHeadsError",
    "WrongArgumentError",
    "database_words",
    "exception_words",
    "one_line",
]

Text: TypeAlias = "str | Sequence[str]"
"""A text of one line, or its lines. A name in it can contain anything, and never ends a line."""


def one_line(text: str) -> str:
    r"""Return a text on one line, with a visible escape for each character that is not printable.

    These are line ends of all kinds, control characters such as ESC, marks that change the
    direction of the text, and bytes that were not UTF-8. A newline becomes `\n`.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


def _joined(text: Text) -> str:
    return one_line(text) if isinstance(text, str) else "\n".join(map(one_line, text))


class AutodiffError(Exception):
    """The base class of all errors of autodiff.

    message: what failed, and why.
    hint: what to do, often as a command; None if there is no advice.
    exit_code: the exit code of a command that fails with this error.
    """

    exit_code = 2

    def __init__(self, message: Text, *, hint: Text | None = None) -> None:
        self.message = _joined(message)
        self.hint = None if hint is None else _joined(hint)
        super().__init__(self.message)

    @property
    def lines(self) -> list[str]:
        """The lines of the message."""
        return self.message.split("\n")

    @property
    def line(self) -> str:
        """The message on one line, for another message."""
        return "; ".join(line.strip() for line in self.lines)

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Callable[..., AutodiffError], tuple[Any, ...]]:
        """Return how to copy or unpickle the error: its arguments are not those of `__init__`."""
        return _restored, (type(self), self.args, vars(self))


def _restored(
    error_class: type[AutodiffError], arguments: tuple[Any, ...], attributes: dict[str, Any]
) -> AutodiffError:
    error = error_class.__new__(error_class, *arguments)
    vars(error).update(attributes)
    return error


class ConfigError(AutodiffError):
    """The configuration or the command line is invalid."""


class ModelsError(AutodiffError):
    """The models cannot be loaded, or use something that is not supported."""


class DatabaseError(AutodiffError):
    """The database cannot be reached, or refused a request."""


class HistoryError(AutodiffError):
    """The migrations folder or the lock file is invalid."""


class MigrationFileError(HistoryError):
    """A migration file cannot be read.

    path: the file. reason: why it cannot be read. line: the line that raised an exception.
    """

    def __init__(
        self, path: str, reason: str, *, hint: str | None = None, line: int | None = None
    ) -> None:
        place = "" if line is None else f" (line {line})"
        super().__init__(f"cannot read migration {path}: {reason}{place}", hint=hint)
        self.path = path
        self.reason = reason


class RevisionNotFoundError(HistoryError):
    """The text `revision` names no migration of the folder."""

    def __init__(self, revision: str, *, hint: str | None = None) -> None:
        super().__init__(f"unknown migration {revision!r}", hint=hint)
        self.revision = revision


class AmbiguousRevisionError(HistoryError):
    """The text `revision` names more than one migration of the folder."""

    def __init__(self, revision: str, *, hint: str | None = None) -> None:
        super().__init__(f"{revision!r} names several migrations", hint=hint)
        self.revision = revision


class SeveralHeadsError(HistoryError):
    """The history has several heads.

    heads: their revisions. picture: the lines of a drawing of the graph.
    """

    def __init__(
        self, heads: Sequence[str], *, picture: Sequence[str] = (), hint: str | None = None
    ) -> None:
        drawing = (f"  {line}".rstrip(" ") for line in picture)
        super().__init__(
            [f"the migrations have several heads: {', '.join(heads)}", *drawing], hint=hint
        )
        self.heads = tuple(heads)
        self.picture = tuple(picture)


class EditedMigrationError(HistoryError):
    """The files are not those that were applied: they were edited, removed or reordered.

    revisions: the migrations that are affected.
    """

    def __init__(
        self, message: Text, revisions: Sequence[str] = (), *, hint: Text | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.revisions = tuple(revisions)


class HandWrittenError(HistoryError):
    """Manual code in migrations cannot be squashed, or replaced by a baseline.

    places: its files and lines; for a baseline, the tables that it inserts rows into.
    """

    def __init__(
        self,
        places: Sequence[str],
        what: str = "cannot squash manual code:",
        hint: str = "squash the migrations before or after it; or, if every database has applied "
        "it, leave it out with --without-data",
    ) -> None:
        super().__init__([what, *(f"  {place}" for place in places)], hint=hint)
        self.places = tuple(places)


class PlanError(AutodiffError):
    """No migration can be written for a difference."""


_LISTED = 20
"""How many columns a message lists: there may be thousands."""


class FillNeededError(PlanError):
    """A NOT NULL column without a default needs a value for existing rows.

    columns: the columns, as `table.column`.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        listed, more = ", ".join(columns[:_LISTED]), len(columns) - _LISTED
        options = [f"--fill {column}=VALUE" for column in columns]
        shown = " ".join(options) if more <= 0 else f"{options[0]} and so on for each column"
        super().__init__(
            "cannot add NOT NULL: existing rows need a value for "
            + (f"{listed} and {more:,} more" if more > 0 else listed),
            hint=f'pass {shown} (now, a number, a string, or "sql:EXPRESSION"), set a '
            "server_default in the model, or make the column nullable",
        )
        self.columns = tuple(columns)


class RehearsalFailedError(PlanError):
    """A migration failed its rehearsal in a scratch database.

    problems: a description of each problem.
    """

    def __init__(
        self,
        problems: Sequence[str],
        *,
        what: str = "the migration failed its rehearsal in a scratch database and was not written",
        hint: str = "pass --no-rehearse to write it anyway and fix it manually; please report this",
    ) -> None:
        super().__init__([f"{what}:", *(f"  {problem}" for problem in problems)], hint=hint)
        self.problems = tuple(problems)


class RenameUndecidedError(PlanError):
    """A change could be a rename, or a drop and an add.

    candidates: the possible renames, as `old:new`.
    """

    def __init__(self, candidates: Sequence[str], reasons: Sequence[str]) -> None:
        pairs = zip(candidates, reasons, strict=True)
        super().__init__(
            [
                "a change could be a rename, or a drop and an add:",
                *(f"  {candidate}  ({reason})" for candidate, reason in pairs),
            ],
            hint=f"pass --rename {candidates[0]} for each rename, or --assume drop-and-add",
        )
        self.candidates = tuple(candidates)


class DropRefusedError(PlanError):
    """A migration would drop a table with rows, or more than half of the tables.

    tables: their names. losses: each with what it holds, such as "drop table posts (3 rows)".
    """

    def __init__(self, tables: Sequence[str], losses: Sequence[str], total: int) -> None:
        options = " ".join(f"--allow-drop={table}" for table in tables)
        super().__init__(
            [
                f"the migration would drop {len(tables)} of {total} tables:",
                *(f"  {loss}" for loss in losses),
            ],
            hint=f"if these tables should go, pass {options}; if not, check that the models "
            "include them, and that every module that defines models is imported",
        )
        self.tables = tuple(tables)


class MigrationFailedError(AutodiffError):
    """A migration failed while it ran.

    revision: the migration. statement: the statement that failed. Both are None if unknown.
    """

    def __init__(
        self,
        message: Text,
        *,
        revision: str | None = None,
        statement: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.revision = revision
        self.statement = statement


class RowsInTheWayError(MigrationFailedError):
    """Rows block a migration: a check in the migration found them before it made changes."""


class WrongArgumentError(MigrationFailedError):
    """A migration calls a function of `op` with an argument of a wrong type or value."""


class HookFailedError(MigrationFailedError):
    """A hook raised an exception, so the run stopped.

    hook: the name of the hook. place: its file and line. reason: the exception.
    """

    def __init__(
        self, hook: str, place: str, reason: str, *, done: str = "", hint: str | None = None
    ) -> None:
        failed = f"the hook {hook} ({place}) failed: {reason}"
        super().__init__([failed, done] if done else failed, hint=hint)
        self.hook = hook
        self.place = place
        self.reason = reason


class LockedError(AutodiffError):
    """Another run holds the lock of the database's migrations for too long."""


def exception_words(error: BaseException) -> str:
    """Return the class and the text of an exception; only the class if it has no text."""
    text = f"{error}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def database_words(original: BaseException | None) -> str:
    """Return the message of a database driver's error as one line.

    Drivers of MySQL raise a pair of number and message; the number is put last. The line of
    PostgreSQL that points at a position is left out.
    """
    text = f"{original}"
    match getattr(original, "args", ()):
        case (int(number), str(words)):
            text = f"{words} ({number})"
    lines = (line.strip() for line in text.splitlines())
    return one_line("; ".join(line for line in lines if line.strip("^")))
