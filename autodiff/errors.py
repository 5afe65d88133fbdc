"""Every exception that autodiff raises.

AutodiffError                 exit code 2
+- ConfigError                the configuration or the command line is wrong
+- ModelsError                the models could not be loaded or declared
+- DatabaseError              the database could not be reached or refused a request
+- HistoryError               the migrations folder or the lock file is wrong
|  +- MigrationFileError      one file is broken
|  +- RevisionNotFoundError   a revision is unknown
|  +- AmbiguousRevisionError  a revision names more than one migration
|  +- SeveralHeadsError       the graph has more than one head
|  +- EditedMigrationError    an applied file was changed afterwards
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
    """The graph of migrations has several heads, listed in `heads`."""

    def __init__(self, heads: Sequence[str], *, hint: str | None = None) -> None:
        super().__init__(f"the migrations have several heads: {', '.join(heads)}", hint=hint)
        self.heads = tuple(heads)


class EditedMigrationError(HistoryError):
    """Applied migrations whose files were changed or removed since, in `revisions`."""

    def __init__(
        self, message: str, revisions: Sequence[str] = (), *, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.revisions = tuple(revisions)


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

    def __init__(self, problems: Sequence[str]) -> None:
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(
            f"the migration failed its rehearsal on a scratch and was not written:\n{listed}",
            hint="--no-rehearse writes it all the same, to be mended by hand; please report it",
        )
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
