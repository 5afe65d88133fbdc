"""Every exception that autodiff raises.

The classes and their causes:

    AutodiffError                 exit code 2
    +- ConfigError                the configuration or the command line is wrong
    +- ModelsError                the models could not be loaded or declared
    +- DatabaseError              the database could not be reached or refused a request
    +- HistoryError               the migrations folder or the lock file is wrong
    |  +- MigrationFileError      one file is broken
    |  +- RevisionNotFoundError   a revision is unknown
    |  +- AmbiguousRevisionError  a revision names more than one migration
    |  +- SeveralHeadsError       the graph has more than one head
    |  +- HandWrittenError        parts of migrations can't be squashed
    |  +- EditedMigrationError    the files are not those that were applied, or in another order
    +- PlanError                  no migration can be written for a difference
    |  +- FillNeededError         a new NOT NULL column needs a value for the rows
    |  +- RehearsalFailedError    a scratch showed that a migration does not do what it should
    |  +- RenameUndecidedError    a rename and a drop-and-add are both possible
    +- MigrationFailedError       a migration failed while it ran
       +- RowsInTheWayError       rows stand in the way of a migration, which was refused
       +- HookFailedError         a function of the application, called around a run, failed
    +- LockedError                another run holds the lock for too long
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AmbiguousRevisionError",
    "AutodiffError",
    "ConfigError",
    "DatabaseError",
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
    "database_words",
]


class AutodiffError(Exception):
    """What failed, and in `hint` the next step; ends a command with `exit_code`."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class ConfigError(AutodiffError):
    """The configuration or the command line is wrong."""


class ModelsError(AutodiffError):
    """The models could not be loaded, or say something that can't be carried over."""


class DatabaseError(AutodiffError):
    """The database could not be reached, or refused a request."""


class HistoryError(AutodiffError):
    """The migrations folder or the lock file is wrong."""


class MigrationFileError(HistoryError):
    """One migration file can't be read; `path` names it."""

    def __init__(self, path: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"cannot read migration {path}: {reason}", hint=hint)
        self.path = path
        self.reason = reason


class RevisionNotFoundError(HistoryError):
    """`revision` names no migration of the folder."""

    def __init__(self, revision: str, *, hint: str | None = None) -> None:
        super().__init__(f"no migration {revision!r}", hint=hint)
        self.revision = revision


class AmbiguousRevisionError(HistoryError):
    """`revision` names more than one migration of the folder."""

    def __init__(self, revision: str, *, hint: str | None = None) -> None:
        super().__init__(f"{revision!r} names several migrations", hint=hint)
        self.revision = revision


class SeveralHeadsError(HistoryError):
    """The graph of migrations has several heads, listed in `heads`; the `picture` shows them."""

    def __init__(
        self, heads: Sequence[str], *, picture: Sequence[str] = (), hint: str | None = None
    ) -> None:
        drawn = "".join(f"\n  {line}".rstrip(" ") for line in picture)
        super().__init__(f"the migrations have several heads: {', '.join(heads)}{drawn}", hint=hint)
        self.heads = tuple(heads)
        self.picture = tuple(picture)


class EditedMigrationError(HistoryError):
    """Files that are not those that were applied: changed, removed, put in between; `revisions`."""

    def __init__(
        self, message: str, revisions: Sequence[str] = (), *, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.revisions = tuple(revisions)


class HandWrittenError(HistoryError):
    """Parts of migrations that were written by hand, so that they can't be squashed: `places`."""

    def __init__(self, places: Sequence[str]) -> None:
        listed = "\n".join(f"  {place}" for place in places)
        super().__init__(
            f"these parts were written by hand, and can't be squashed:\n{listed}",
            hint="squash what comes before or after them; or, where every database that matters "
            "has had them, leave them out: --without-data",
        )
        self.places = tuple(places)


class PlanError(AutodiffError):
    """No migration can be written for a difference."""


class FillNeededError(PlanError):
    """NOT NULL columns without a default that need a value for existing rows: `columns`."""

    def __init__(self, columns: Sequence[str]) -> None:
        listed = ", ".join(columns)
        super().__init__(
            f"cannot add NOT NULL without a value for the rows that exist: {listed}",
            hint="give one: "
            + " ".join(f"--fill {column}=VALUE" for column in columns)
            + ' (now, a number, a text, or "sql:EXPRESSION"), set a server_default in the'
            " model, or make the column nullable",
        )
        self.columns = tuple(columns)


class RehearsalFailedError(PlanError):
    """A migration that a scratch did not take up and down again; `problems` say what it showed."""

    def __init__(
        self,
        problems: Sequence[str],
        *,
        what: str = "the migration failed its rehearsal on a scratch and was not written",
        hint: str = "--no-rehearse writes it all the same, to be mended by hand; please report it",
    ) -> None:
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{what}:\n{listed}", hint=hint)
        self.problems = tuple(problems)


class RenameUndecidedError(PlanError):
    """Renames that are possible but not certain; `candidates` are spelled old:new."""

    def __init__(self, candidates: Sequence[str], reasons: Sequence[str]) -> None:
        listed = "\n".join(
            f"  {candidate}  ({reason})"
            for candidate, reason in zip(candidates, reasons, strict=True)
        )
        super().__init__(
            f"cannot tell a rename from a drop and an add:\n{listed}",
            hint=f"say --rename {candidates[0]} for each rename, or --assume drop-and-add",
        )
        self.candidates = tuple(candidates)


class MigrationFailedError(AutodiffError):
    """A migration failed while it ran; `revision` names it, `statement` is what failed."""

    def __init__(
        self,
        message: str,
        *,
        revision: str | None = None,
        statement: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.revision = revision
        self.statement = statement


class RowsInTheWayError(MigrationFailedError):
    """Rows that a migration can't cope with, found by its own check before it went on."""


class HookFailedError(MigrationFailedError):
    """A hook raised: its name, its `place` and the `reason`. What comes after it is not run."""

    def __init__(
        self, hook: str, place: str, reason: str, *, done: str = "", hint: str | None = None
    ) -> None:
        after = f"\n{done}" if done else ""
        super().__init__(f"the hook {hook} ({place}) failed: {reason}{after}", hint=hint)
        self.hook = hook
        self.place = place
        self.reason = reason


class LockedError(AutodiffError):
    """Another run holds the lock of the database's migrations."""


def database_words(original: BaseException | None) -> str:
    """What a database's driver says on an error, its number last: drivers of MySQL give a pair."""
    match getattr(original, "args", ()):
        case (int(number), str(text)):
            return f"{text} ({number})"
    return f"{original}"
