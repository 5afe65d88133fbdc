"""The facade of autodiff: every command as a method of `Project`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from autodiff.commands.drift import Drift
from autodiff.errors import AutodiffError, ConfigError
from autodiff.migrations import Migration
from autodiff.workspace import Workspace

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.autogenerate.plan import Plan
    from autodiff.autogenerate.questions import Assume, Questioner
    from autodiff.commands.adopt import AlembicBaseline, Baseline, Bridge, Converted
    from autodiff.commands.against import RollingDeploy
    from autodiff.commands.edit import Edited
    from autodiff.commands.generate import Draft
    from autodiff.commands.lint import LintResult
    from autodiff.commands.merge import Merge
    from autodiff.commands.push import Push
    from autodiff.commands.rebase import Rebase
    from autodiff.commands.run_preview import RunPreview
    from autodiff.commands.squash import Squash
    from autodiff.dialects.unmanaged import UnmanagedObject
    from autodiff.fleet import FleetListener, FleetOptions, Outcomes, Target, TargetStatus
    from autodiff.lint import Finding as LintFinding
    from autodiff.rehearse import RehearsedHistory
    from autodiff.report import Review
    from autodiff.runner.deploys import DeployPhase
    from autodiff.runner.events import Direction, Listener
    from autodiff.runner.history_table import Applied
    from autodiff.runner.journal import Entry, StepAnswer
    from autodiff.runner.offline import Script
    from autodiff.runner.repair import HalfWay, Repaired
    from autodiff.runner.runner import StampPreview
    from autodiff.runner.verify import Problem

__all__ = ["DraftOptions", "Project", "Status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The applied and pending migrations of a database, in order, and its problems.

    applied: the records of applied migrations.
    pending: the migrations that are not applied.
    unfinished: a run that stopped half-way, or that another process is running; None without one.
    problems: all problems of the history, including the unfinished run.
    environment: the environment of the configuration that was selected; None without one.
    database: the kind of database, such as `postgresql` or `mariadb`.
    elsewhere: the revisions that are for other kinds of databases. They are recorded as applied
        here without being run.
    """

    applied: tuple[Applied, ...]
    pending: tuple[Migration, ...]
    unfinished: Entry | None = None
    problems: tuple[Problem, ...] = ()
    environment: str | None = None
    database: str = ""
    elsewhere: frozenset[str] = frozenset()

    @property
    def current(self) -> str | None:
        """The revision of the last applied migration; None if none is applied."""
        return self.applied[-1].revision if self.applied else None

    @property
    def awaited(self) -> tuple[Migration, ...]:
        """The pending migrations that wait for the deploy of a new version of the application."""
        from autodiff.runner.deploys import awaited_deploys

        return tuple(awaited_deploys(self.pending))


class DraftOptions(TypedDict, total=False):
    """The options of `Project.draft` and `Project.generate`; `Project.draft` describes them."""

    parent: str | None
    labels: Iterable[str]
    depends_on: Iterable[str]
    renames: Iterable[str]
    fills: Mapping[str, str] | Iterable[str]
    maps: Mapping[str, str] | Iterable[str]
    source: Literal["database", "history"]
    format: Literal["python", "sql", "alembic"]
    empty: bool
    assume: Assume
    allow_drop: bool | Iterable[str]
    questioner: Questioner | None
    rehearse: bool
    data_checks: bool
    alembic: str | Path | None
    alembic_section: str | None
    amend: bool
    discard_edits: bool
    location: str | None
    online: bool | None


class Project(Workspace):
    """The models, the migrations folder and the database of a project.

    Each command of the command line is a method. Methods raise the errors of `autodiff.errors`, all
    of which are subclasses of `AutodiffError`. No method prints.
    """

    # Write migrations

    def draft(
        self,
        message: str = "",
        *,
        parent: str | None = None,
        labels: Iterable[str] = (),
        depends_on: Iterable[str] = (),
        renames: Iterable[str] = (),
        fills: Mapping[str, str] | Iterable[str] = (),
        maps: Mapping[str, str] | Iterable[str] = (),
        source: Literal["database", "history"] = "database",
        format: Literal["python", "sql", "alembic"] = "python",
        empty: bool = False,
        assume: Assume = None,
        allow_drop: bool | Iterable[str] = True,
        questioner: Questioner | None = None,
        rehearse: bool = True,
        data_checks: bool = True,
        alembic: str | Path | None = None,
        alembic_section: str | None = None,
        amend: bool = False,
        discard_edits: bool = False,
        location: str | None = None,
        online: bool | None = None,
    ) -> Draft | None:
        """Compare the database with the models and return the next migration, without writing it.

        Args:
            message: The purpose of the migration; its file is named after it. With `amend`, it is
                that of the amended migration by default.
            parent: The migration that it comes after, or `base`; by default the head.
            labels: Names for the branch that starts with this migration.
            depends_on: Migrations of other branches that must be applied first.
            renames: Renames such as `users.nick:nickname` or `users:people`.
            fills: Values for existing rows by column, such as `{"comments.timestamp": "now"}` or
                `["comments.timestamp=now"]`.
            maps: New values for rows whose enum value is removed, such as `{"mood.sad": "ok"}`.
            source: The current schema: `database`, or `history` for that of the lock file, which
                needs no connection.
            format: `python` for a Python file, `sql` for a pair of SQL files, `alembic` for a
                revision of an Alembic folder, which Alembic runs.
            empty: Whether to return an empty migration without comparing anything.
            assume: `drop-and-add` to treat possible renames as a drop and an add.
            allow_drop: The tables that may be dropped although they have rows, or although more
                than half of the tables are dropped; by default every table. The command line
                allows only those of `--allow-drop`.
            questioner: Answers the questions about renames, values and drops; without one they are
                errors.
            rehearse: Whether to run the migration up and down in a scratch database with sample
                rows; `Draft.proof` has the result.
            data_checks: Whether to look for live rows that block the migration; the findings of the
                plan list them.
            alembic: With the format `alembic`: alembic.ini, or Alembic's folder; by default it is
                searched in the folder of the configuration.
            alembic_section: The section of alembic.ini, or the name of one of its databases.
            amend: Whether to write the newest migration anew, which must not be applied.
            discard_edits: Whether manual edits of the amended migration may be lost.
            location: The migrations folder to write into, if there are several; the first one by
                default.
            online: Whether to write steps that do not block the reads and writes of the
                application; by default the setting `online`.

        Returns:
            The migration, whose method `write()` writes its file and the lock file; None if the
            database matches the models.

        Raises:
            RenameUndecidedError: A change could be a rename.
            FillNeededError: Existing rows need a value.
            DropRefusedError: A table with rows, or more than half of the tables, would be dropped.
            RehearsalFailedError: The migration failed its rehearsal.
            SeveralHeadsError: There are several heads, and `parent` names none of them.
            HistoryError: The database lacks migrations of the folder, or the folder is invalid.
            ModelsError: The models cannot be loaded.
            DatabaseError: The database cannot be reached.
        """
        from autodiff.commands.generate import GenerateRequest, draft_migration

        _refuse_text(
            labels=labels,
            depends_on=depends_on,
            renames=renames,
            fills=fills,
            maps=maps,
            allow_drop=allow_drop,
        )
        request = GenerateRequest(
            message=message,
            parent=parent,
            labels=tuple(labels),
            depends_on=tuple(depends_on),
            renames=tuple(renames),
            fills=fills,
            maps=maps,
            source=source,
            format="python" if format == "alembic" else format,
            empty=empty,
            assume=assume,
            allow_drop=_table_names(allow_drop),
            questioner=questioner,
            rehearse=rehearse,
            data_checks=data_checks,
            amend=amend,
            discard_edits=discard_edits,
            location=location,
            online=self.config.online if online is None else online,
        )
        if format != "alembic" and (alembic is not None or alembic_section is not None):
            raise ConfigError(
                "an Alembic folder is named, but the format is not alembic",
                hint="pass --format alembic",
            )
        if format == "alembic":
            from autodiff.alembic.revision import RevisionPlace, draft_in_alembic

            if request.online:
                from autodiff.commands.online_drafts import refuse_format

                refuse_format("revisions for Alembic", "--format alembic")
            place = RevisionPlace(named=alembic, section=alembic_section)
            return draft_in_alembic(self, request, place)
        return draft_migration(self, request)

    def lint(
        self,
        *targets: str,
        diff_base: str | None = None,
        only_migrations: bool = False,
        databases: Sequence[str] = (),
        connect: bool = False,
        evidence: bool = False,
    ) -> LintResult:
        """Return the findings in migrations, without running them.

        Args:
            *targets: Files, folders, migrations and ranges such as `0002:head`; all migrations
                without any.
            diff_base: A git revision. Only files that changed since the branch left it are linted.
            only_migrations: Whether to ignore files that are not migrations; without it they are an
                error.
            databases: The databases to lint for, such as "postgresql 16"; by default those of the
                settings, or that of the URL or of the lock file.
            connect: Whether to ask the database how many rows its tables have.
            evidence: Whether to measure facts about the findings in the database, such as numbers
                of rows. It is only read. If it cannot be reached, that is one of the problems.

        Returns:
            The findings, and the problems: files that cannot be read are left out.

        Raises:
            HistoryError: A target is unknown, or the order of the migrations is.
            ConfigError: The settings of lint are invalid, or the git revision is unknown.
        """
        from autodiff.commands.lint import lint_project

        _refuse_text(databases=databases)
        return lint_project(
            self,
            targets,
            diff_base=diff_base,
            only_migrations=only_migrations,
            databases=databases,
            connect=connect,
            evidence=evidence,
        )

    def review(
        self,
        target: str | None = None,
        *,
        diff_base: str | None = None,
        rehearse: bool = False,
        offline: bool = False,
    ) -> Review:
        """Return what migrations change, their SQL, what they lose, and the findings about them.

        `autodiff.report.render_report` renders the result.

        Args:
            target: One migration, or a range such as `0002:head`. By default the newest migration,
                or with `diff_base` all that changed.
            diff_base: A git revision. Only migrations that changed since the branch left it are
                reviewed.
            rehearse: Whether to run the migrations in a scratch database.
            offline: Whether not to connect to the database.

        Returns:
            The review. A part that could not be made is one of its `problems`.

        Raises:
            HistoryError: The range is unknown, or the migrations do not form a graph.
            ConfigError: The git revision is unknown.
        """
        from autodiff.commands.review import ReviewRequest, review_migrations

        request = ReviewRequest(
            target=target, diff_base=diff_base, rehearse=rehearse, offline=offline
        )
        return review_migrations(self, request)

    def review_drift(self, *, offline: bool = False) -> Review:
        """Return how the models, the migrations and the database differ, and the SQL to end it.

        Args:
            offline: Whether to compare only the models with the migrations, without a database.

        Returns:
            The review. If the database cannot be reached, that is one of its `problems`.

        Raises:
            ModelsError: The models cannot be loaded.
            HistoryError: The migrations folder or the lock file is invalid.
        """
        from autodiff.commands.review import review_drift

        return review_drift(self, offline=offline)

    def erd(
        self,
        *tables: str,
        source: Literal["models", "database", "history"] = "models",
        format: Literal["mermaid", "svg", "html"] = "mermaid",
    ) -> str | None:
        """Return an ER diagram as text.

        Args:
            *tables: The names of tables, or patterns such as `billing_*`; all tables without any.
            source: `models`, `database`, or `history` for the schema of the lock file.
            format: `mermaid`, `svg` or `html`.

        Returns:
            The diagram; None if it is `svg` and nothing that arranges diagrams is installed.

        Raises:
            ConfigError: There is no such table, or no database is configured.
            DatabaseError: The database cannot be reached.
        """
        from autodiff.commands.erd import find_tables
        from autodiff.report import render_erd

        return render_erd(find_tables(self, tables, source), format)

    def lint_draft(self, draft: Draft) -> tuple[LintFinding, ...]:
        """Return the errors and warnings of lint in a migration that is not written yet.

        Args:
            draft: The migration, as `draft` returned it.

        Returns:
            The findings with their evidence, without those about data loss, which `draft.plan`
            lists. If the database stops responding, a fact `incomplete` reports this.

        Raises:
            ConfigError: The settings of lint are invalid.
        """
        from autodiff.commands.lint import lint_draft

        return lint_draft(self, draft)

    def generate(self, message: str = "", **options: Unpack[DraftOptions]) -> Migration | None:
        """Compare the database with the models and write the next migration and the lock file.

        Args:
            message: The purpose of the migration; its file is named after it.
            **options: The options of `draft`.

        Returns:
            The migration that was written; None if the database matches the models.

        Raises:
            AutodiffError: The errors of `draft`.
        """
        drafted = self.draft(message, **options)
        if drafted is not None:
            return drafted.write()
        from autodiff.commands.lock_spelling import respell_lock

        respell_lock(
            self,
            source=options.get("source", "database"),
            format=options.get("format", "python"),
        )
        return None

    def push(
        self,
        *,
        renames: Iterable[str] = (),
        fills: Mapping[str, str] | Iterable[str] = (),
        maps: Mapping[str, str] | Iterable[str] = (),
        assume: Assume = None,
        questioner: Questioner | None = None,
        rehearse: bool = True,
    ) -> Push | None:
        """Compare a development database with the models, and return the changes to apply to it.

        Args:
            renames: Renames, as for `draft`.
            fills: Values for existing rows, as for `draft`.
            maps: New values for removed enum values, as for `draft`.
            assume: `drop-and-add` to treat possible renames as a drop and an add.
            questioner: Answers the questions about renames and values.
            rehearse: Whether to run the changes in a scratch database first.

        Returns:
            The changes, whose method `apply()` applies them without a migration; None if the
            database matches the models.

        Raises:
            ConfigError: The environment is protected.
            HistoryError: The database lacks migrations of the folder.
            AutodiffError: The errors of `draft`.
        """
        from autodiff.commands.drop_guard import ALL_TABLES
        from autodiff.commands.generate import GenerateRequest
        from autodiff.commands.push import draft_push

        _refuse_text(renames=renames, fills=fills, maps=maps)
        request = GenerateRequest(
            message="push",
            renames=tuple(renames),
            fills=fills,
            maps=maps,
            assume=assume,
            allow_drop=(ALL_TABLES,),
            questioner=questioner,
            rehearse=rehearse,
        )
        return draft_push(self, request)

    def edit(
        self, target: str | None = None, *, open_editor: Callable[[Sequence[Path]], None]
    ) -> Edited:
        """Open a migration in an editor, and update the lock file if it was changed.

        Args:
            target: The migration; the newest one by default.
            open_editor: Called with the files; returns when they have been edited.

        Returns:
            The migration, and whether it was changed.

        Raises:
            HistoryError: The database has the migration.
            MigrationFileError: The file is no longer a migration; it stays as it was edited.
            MigrationFailedError: The migrations cannot be run any more.
        """
        from autodiff.commands.edit import edit_migration

        return edit_migration(self, target, open_editor)

    def baseline(self, message: str = "baseline", *, rehearse: bool = True) -> Baseline:
        """Return a first migration that creates the objects of the database, without writing it.

        Args:
            message: The name of the file.
            rehearse: Whether to run the migration in a scratch database, and to compare the result
                with the database.

        Returns:
            The migration, whose method `write()` writes it and records it as applied.

        Raises:
            HistoryError: The folder or the database already has migrations, or the database is
                empty.
            RehearsalFailedError: The migration does not produce the schema of the database.
        """
        from autodiff.commands.adopt import create_baseline

        return create_baseline(self, message, rehearse=rehearse)

    def adopt(
        self,
        folder: str | Path | None = None,
        *,
        name: str | None = None,
        x: Iterable[str] = (),
    ) -> Bridge:
        """Put the project's Alembic history before its migrations, without writing anything.

        Alembic's files do not change. Alembic runs its revisions, through the env.py of the
        project, when a new database is upgraded.

        Args:
            folder: The file alembic.ini, or Alembic's folder; None searches them.
            name: A section of alembic.ini, or a database of an env.py for several databases.
            x: The arguments that env.py and the revisions read with `context.get_x_argument()`.

        Returns:
            The revisions. The method `write()` of the result writes the file alembic.toml into the
            migrations folder and records the applied revisions.

        Raises:
            ConfigError: There is no Alembic history, or it is not complete.
            HistoryError: The project already has migrations, or the folder lacks a revision that
                the database has applied.
        """
        from autodiff.commands.adopt import bridge_alembic

        _refuse_text(x=x)
        place = None if folder is None else Path(folder)
        return bridge_alembic(self, place, name=name, x=tuple(x))

    def replace_alembic(
        self, message: str = "baseline", *, without_data: bool = False
    ) -> AlembicBaseline:
        """Replace the adopted Alembic history with one migration, without writing it.

        Args:
            message: The purpose of the migration; its file is named after it.
            without_data: Whether to leave out the rows that Alembic's revisions insert.

        Returns:
            The migration. Its method `write()` writes it. Databases that have all revisions count
            as having it.

        Raises:
            HistoryError: The project has no Alembic history.
            HandWrittenError: The revisions insert rows, and `without_data` is not set.
            RehearsalFailedError: The migration leads to another schema, or cannot be tried.
        """
        from autodiff.commands.adopt import replace_alembic

        return replace_alembic(self, message, without_data=without_data)

    def convert(
        self,
        folder: str | Path,
        *,
        name: str | None = None,
        x: Iterable[str] = (),
        skip: bool = False,
    ) -> Converted:
        """Convert Alembic's scripts to migrations of this project, without writing them.

        Alembic's table `alembic_version` and its folder are not changed.

        Args:
            folder: Alembic's folder, its folder `versions`, or the file alembic.ini.
            name: A section of alembic.ini, or a database of an env.py for several databases.
            x: The arguments that the scripts read with `context.get_x_argument()`.
            skip: Whether to copy scripts that must be changed by hand too.

        Returns:
            The migrations. Their method `write()` writes copies of the scripts that import
            autodiff's `op`, and records those that `alembic_version` names as applied.

        Raises:
            ConfigError: Some scripts must be changed by hand, and `skip` is not set.
            HistoryError: The project already has migrations, or the folder lacks a migration that
                the database has applied.
        """
        from autodiff.commands.adopt import convert_alembic

        _refuse_text(x=x)
        return convert_alembic(self, Path(folder), name=name, x=tuple(x), skip=skip)

    def squash(
        self,
        target: str,
        message: str,
        *,
        without_data: bool = False,
        renames: Iterable[str] = (),
        fills: Mapping[str, str] | Iterable[str] = (),
    ) -> Squash:
        """Return one migration that is equivalent to those of a range, without writing it.

        The migration is rehearsed and leads to the same schema.

        Args:
            target: The range, such as `0002:0007`; `:0007` starts at the base, `0002:` ends at the
                head.
            message: The purpose of the migration; its file is named after it.
            without_data: Whether to leave out manual code; `left_out` of the result lists it.
            renames: Renames that manual code did, as for `draft`.
            fills: Values for existing rows that manual code set, as for `draft`.

        Returns:
            The migration, whose method `write()` writes it and deletes the files it replaces.

        Raises:
            HistoryError: The range has branches, or does not exist.
            HandWrittenError: The migrations contain manual code, and `without_data` is false.
            RehearsalFailedError: The migration leads to another schema.
        """
        from autodiff.commands.squash import SquashRequest, squash_range

        _refuse_text(renames=renames, fills=fills)
        request = SquashRequest(
            target=target,
            message=message,
            without_data=without_data,
            renames=tuple(renames),
            fills=fills,
        )
        return squash_range(self, request)

    def merge(
        self,
        message: str | None = None,
        *,
        heads: Iterable[str] = (),
        rehearse: bool = True,
    ) -> Merge:
        """Return an empty migration that joins several heads, without writing it.

        Args:
            message: The name of the file; `merge` by default.
            heads: The heads to join; all heads by default.
            rehearse: Whether to apply the branches to a scratch database in both orders.

        Returns:
            The draft of the migration, and notes about objects that both branches alter.

        Raises:
            HistoryError: There are not several heads.
            RehearsalFailedError: One order fails, or the orders lead to different schemas.
        """
        from autodiff.commands.merge import MergeRequest, merge_heads

        _refuse_text(heads=heads)
        request = MergeRequest(message=message, heads=tuple(heads), rehearse=rehearse)
        return merge_heads(self, request)

    def rebase(
        self,
        onto: str | None = None,
        *,
        mine: Iterable[str] = (),
        rehearse: bool = True,
    ) -> Rebase:
        """Move one branch of migrations after another, without writing the files.

        The moved migrations get new parents and numbers.

        Args:
            onto: The branch that stays: a git branch that has it, or one of its migrations; by
                default the main git branch. All migrations that are not in it move.
            mine: Migrations of the branch that moves; git is not consulted then.
            rehearse: Whether to run the moved migrations up and down in a scratch database.

        Returns:
            The moved migrations, whose method `write()` writes them and the lock file.

        Raises:
            HistoryError: It is not clear which migrations move.
            RehearsalFailedError: The moved migrations fail after the other branch.
        """
        from autodiff.commands.rebase import RebaseRequest, rebase_branch

        _refuse_text(mine=mine)
        return rebase_branch(self, RebaseRequest(onto=onto, mine=tuple(mine), rehearse=rehearse))

    def diff(
        self,
        current: str = "database",
        desired: str = "models",
        *,
        renames: Iterable[str] = (),
        fills: Mapping[str, str] | Iterable[str] = (),
        assume: Assume = None,
    ) -> Plan:
        """Compare two schemas and return the plan that leads from one to the other.

        Nothing is written. Each side is `models`, `database`, the URL of another database, or a
        migration (`head`, `base`, a number, a name, a revision, `+1` or `-1`): the schema that the
        history produces up to it.

        Args:
            current: The side to start from.
            desired: The side to reach.
            renames: Renames, as for `draft`.
            fills: Values for existing rows, as for `draft`.
            assume: `drop-and-add` to report no possible renames.

        Returns:
            The plan. Possible renames and missing values are among its findings.

        Raises:
            ConfigError: The sides are databases of different kinds.
            RevisionNotFoundError: A side names an unknown migration.
            DatabaseError: A database cannot be reached, or no scratch database is available.
        """
        from autodiff.commands.diff import DiffRequest, diff_states

        _refuse_text(renames=renames, fills=fills)
        request = DiffRequest(
            current=current,
            desired=desired,
            renames=tuple(renames),
            fills=fills,
            assume=assume,
        )
        return diff_states(self, request)

    # Run migrations

    def upgrade(
        self,
        target: str = "head",
        *,
        phase: DeployPhase | None = None,
        on_event: Listener | None = None,
        lock_wait: float | None = None,
    ) -> list[Migration]:
        """Apply migrations up to the target.

        Args:
            target: The last migration to apply, such as `head`, `+1`, a number, a name or a
                revision.
            phase: `expand` to stop before a migration that waits for the deploy of a new version of
                the application; `contract` after that deploy, to stop before the next one.
            on_event: Called for each event of the run, such as a migration that starts.
            lock_wait: Seconds to wait for another run; by default the setting `lock_wait`.

        Returns:
            The migrations that were applied, in order.

        Raises:
            MigrationFailedError: A migration failed; those before it stay applied.
            RowsInTheWayError: Rows block a migration, which was refused before it changed anything.
            EditedMigrationError: The files are not those that were applied.
            LockedError: Another run holds the lock for too long.
        """
        hooks = self.hooks()
        reached = self.phase_target(target, phase)
        if reached is None:
            return []
        with self.open_runner(on_event, create=True, lock_wait=lock_wait, hooks=hooks) as runner:
            return runner.upgrade(reached)

    def phase_target(self, target: str, phase: DeployPhase | None) -> str | None:
        """Return the target of an upgrade that stops before a deploy; None if it has nothing to do.

        Args:
            target: The target of `upgrade`.
            phase: The phase of `upgrade`; without one, the target stays as it is.
        """
        from autodiff.migrations.targets import require_text

        require_text(target)
        if phase is None:
            return target
        from autodiff.commands.awaited import phase_target

        return phase_target(self, target, phase)

    def downgrade(
        self,
        target: str = "-1",
        *,
        on_event: Listener | None = None,
        lock_wait: float | None = None,
        drop_baseline: bool = False,
    ) -> list[Migration]:
        """Revert migrations down to the target, which stays applied.

        Args:
            target: The last migration that stays, such as `-1` to revert one migration, or `base`
                to revert all.
            on_event: Called for each event of the run.
            lock_wait: Seconds to wait for another run; by default the setting `lock_wait`.
            drop_baseline: Whether to revert a first migration that was recorded without being run,
                which drops tables that it did not create.

        Returns:
            The migrations that were reverted, in order.

        Raises:
            HistoryError: A baseline that was only recorded would drop tables.
            AutodiffError: The errors of `upgrade`.
        """
        with self.open_runner(on_event, lock_wait=lock_wait, hooks=self.hooks()) as runner:
            return runner.downgrade(target, drop_baseline=drop_baseline)

    def log(self) -> list[Entry]:
        """Return every run of a migration that the database has recorded, oldest first."""
        with self.open_runner() as runner:
            return runner.log()

    def preview_stamp(self, target: str = "head") -> StampPreview:
        """Return the records that `stamp` would change, without changing them.

        Args:
            target: The target of `stamp`.
        """
        with self.open_runner() as runner:
            return runner.preview_stamp(target)

    def stamp(self, target: str = "head") -> list[Migration]:
        """Record the migrations up to the target as applied, and no others, without running them.

        If the target has a label (`billing@head`), other branches are not affected.

        Args:
            target: The last migration to record, or `base` for none.

        Returns:
            The migrations that are recorded as applied.
        """
        with self.open_runner(create=True) as runner:
            return runner.stamp(target)

    def problems(self) -> tuple[Problem, ...]:
        """Return the problems of the database's history, each with the ways to resolve it."""
        with self.open_runner() as runner:
            return runner.problems()

    def repair(
        self,
        *,
        edited: bool = False,
        missing: bool = False,
        reordered: bool = False,
        half_way: HalfWay | None = None,
        step: StepAnswer | None = None,
    ) -> list[Repaired]:
        """Repair the records of the history; run no migration and leave the schema unchanged.

        Args:
            edited: Whether to accept edited files: the database already matches them.
            missing: Whether to remove the records of applied migrations whose files are missing.
            reordered: Whether to record pending migrations that come before applied ones as
                applied.
            half_way: `applied` or `reverted`: how to record a migration that stopped half-way,
                after it was completed or reverted manually.
            step: `done` if the step that was sent last, and that the database never confirmed, took
                effect; `again` if it did not and must be sent again.

        Returns:
            The records that were repaired.
        """
        from autodiff.runner.repair import Repairs

        wanted = Repairs(
            edited=edited, missing=missing, reordered=reordered, half_way=half_way, step=step
        )
        with self.open_runner() as runner:
            return runner.repair(wanted)

    def status(self) -> Status:
        """Return the applied and pending migrations, an unfinished run, and problems."""
        from autodiff.runner.verify import named_as_now

        with self.open_runner() as runner:
            applied = runner.applied()
            order = {revision: index for index, revision in enumerate(runner.graph.migrations)}
            rows = [named_as_now(runner.graph, row) for row in applied.values()]
            rows.sort(key=lambda row: order.get(row.revision, len(order)))
            pending = runner.graph.in_order(set(runner.graph.migrations) - set(applied))
            return Status(
                applied=tuple(rows),
                pending=tuple(pending),
                unfinished=runner.unfinished(),
                problems=runner.problems(),
                environment=self.config.env,
                database=runner.dialect.backend,
                elsewhere=frozenset(
                    revision
                    for revision, migration in runner.graph.migrations.items()
                    if not migration.is_for(runner.dialect)
                ),
            )

    def preview_run(self, target: str, direction: Direction) -> RunPreview:
        """Return what `upgrade` or `downgrade` would do, without running anything.

        Args:
            target: The target of `upgrade` or `downgrade`.
            direction: `upgrade` or `downgrade`.

        Returns:
            The migrations in order, and the data that they lose, with the number of rows or values
            in the database.

        Raises:
            MigrationFailedError: The code of a migration raises an exception, such as that of a
                downgrade with no way back.
        """
        from autodiff.commands.run_preview import preview_run

        return preview_run(self, target, direction)

    def sql(self, migration: Migration, direction: Direction = "upgrade") -> list[str]:
        """Return the SQL statements of one migration, without connecting to a database.

        The SQL is for the kind of database that the URL or the lock file names.

        Args:
            migration: A migration of `graph()`.
            direction: `upgrade` or `downgrade`.

        Raises:
            MigrationFailedError: The migration needs a connection.
        """
        from autodiff.runner.replay import migration_sql

        return migration_sql(self.graph(), migration, direction, self.offline_dialect())

    def script(self, target: str | None = None, direction: Direction = "upgrade") -> Script:
        """Return a SQL script for psql, mariadb or sqlite3 that does what a run would do.

        No database is connected to, unless the range starts at `current`.

        Args:
            target: A range such as `0003:head` or `head:base`, or the end of one. An upgrade
                without a start begins at the base. `current:head` starts at the current state of
                the database. By default `head`, or `-1` for a downgrade.
            direction: `upgrade` or `downgrade`.

        Raises:
            HistoryError: The range is in the wrong direction for `direction`.
            MigrationFailedError: A migration needs a connection, so it has no script.
        """
        from autodiff.runner.offline import write_script
        from autodiff.runner.ranges import CURRENT, find_range, start_of

        graph, applied = self.graph(), None
        default = "head" if direction == "upgrade" else "-1"
        text = default if target is None else target
        if start_of(text, direction) == CURRENT:
            with self.open_runner() as runner:
                applied = frozenset(runner.verify(settled=True))
        return write_script(
            graph,
            find_range(graph, text, direction, applied),
            self.offline_dialect(),
            schema=self.config.history_schema,
            history_table=self.config.history_table,
            limits=self.limits(),
        )

    # Many databases

    def targets(self) -> tuple[Target, ...]:
        """Return the databases of the configured `targets`, in the order of their source.

        Raises:
            ConfigError: The configuration has no `targets`, or they are invalid.
            DatabaseError: The query for the targets failed.
        """
        from autodiff.fleet import targets_of

        return targets_of(self)

    def upgrade_all(
        self,
        target: str = "head",
        *,
        on_event: FleetListener | None = None,
        **options: Unpack[FleetOptions],
    ) -> Outcomes:
        """Upgrade all targets, several at a time.

        After Ctrl-C no further target is started, and running targets finish their current
        migration.

        Args:
            target: The last migration to apply: a migration, `head` or `base`.
            on_event: Called for each event, by one thread at a time.
            **options: The options of `autodiff.fleet.FleetOptions`, which override the
                configuration.

        Returns:
            The outcome of each target. A failure is an outcome, not an exception.

        Raises:
            ConfigError: The targets or the options are invalid.
            HistoryError: The migration files are invalid.
        """
        from autodiff.fleet import FleetRequest, run_all

        _refuse_text(only=options.get("only"))
        return run_all(self, FleetRequest(target=target, **options), on_event)

    def downgrade_all(
        self,
        target: str,
        *,
        on_event: FleetListener | None = None,
        **options: Unpack[FleetOptions],
    ) -> Outcomes:
        """Revert the migrations of all targets down to a migration, which stays applied.

        Args:
            target: The last migration that stays, or `base`.
            on_event: Called for each event, by one thread at a time.
            **options: The options of `autodiff.fleet.FleetOptions`, which override the
                configuration.

        Returns:
            The outcome of each target. A failure is an outcome, not an exception.

        Raises:
            ConfigError: The targets or the options are invalid.
            HistoryError: The migration files are invalid.
        """
        from autodiff.fleet import FleetRequest, run_all

        _refuse_text(only=options.get("only"))
        request = FleetRequest(direction="downgrade", target=target, **options)
        return run_all(self, request, on_event)

    def status_all(self, **options: Unpack[FleetOptions]) -> tuple[TargetStatus, ...]:
        """Return the status of each target, with an error if it could not be read.

        Args:
            **options: The options of `autodiff.fleet.FleetOptions`, which override the
                configuration.

        Raises:
            ConfigError: The targets or the options are invalid.
            HistoryError: The migration files are invalid.
        """
        from autodiff.fleet import FleetRequest, status_all

        _refuse_text(only=options.get("only"))
        return status_all(self, FleetRequest(**options))

    def recorded_run(self, run: str | None, *, outcomes: str | sa.URL | None = None) -> Outcomes:
        """Return the outcomes of a run on many databases, as far as its shards have recorded them.

        Args:
            run: The name of the run.
            outcomes: The URL of the database that records the outcomes; by default that of the
                configuration, or else a file in the project's folder.

        Raises:
            ConfigError: There is no run of this name.
            DatabaseError: The database of the outcomes cannot be read.
        """
        from autodiff.fleet import recorded_run

        return recorded_run(self, run, outcomes)

    # Rehearsal

    def rehearse(
        self,
        target: str | None = None,
        *,
        rows: Literal["samples", "live", "none"] = "samples",
        count: int = 100,
        seconds: float = 60.0,
        lint: bool = False,
        estimate: bool = False,
    ) -> RehearsedHistory:
        """Run each migration up, down and up again in a scratch database.

        The live database is only read.

        Args:
            target: One migration, or a range such as `0002:head`; the migrations before it are only
                applied. By default the whole history, or with `rows="live"` the pending
                migrations, or the newest one if none is pending.
            rows: `samples` to create rows, `live` to copy rows of the live database, `none` to
                leave the tables empty.
            count: The number of rows of each table to copy, plus the rows that they reference.
            seconds: The time limit for copying rows.
            lint: Whether to lint the migrations too; `findings` of the result has what was
                measured about each.
            estimate: Whether to measure facts about the findings in the database too, and to
                estimate how long the steps take there.

        Returns:
            The steps that were rehearsed, and the problems that were found.

        Raises:
            DatabaseError: No scratch database is available.
        """
        from autodiff.rehearse import RehearsalRequest, rehearse_history

        request = RehearsalRequest(
            target=target, rows=rows, count=count, seconds=seconds, estimate=estimate
        )
        if not (lint or estimate):
            return rehearse_history(self, request)
        from autodiff.commands.rehearse import rehearse_with_findings

        return rehearse_with_findings(self, request)

    # Drift

    def check(self, *, offline: bool = False, cache: bool = False) -> Drift:
        """Compare the models, the migrations and the database.

        Args:
            offline: Whether to compare only the models with the migrations, without a database.
            cache: Whether a check that found no drift may be remembered, and a remembered one be
                used. Only a project with a configuration file has a cache.

        Returns:
            The differences; false if there is no drift.

        Raises:
            ModelsError: The models cannot be loaded.
            HistoryError: The migrations folder or the lock file is invalid.
            DatabaseError: The database cannot be reached.
        """
        from autodiff.commands.check import check_drift, check_drift_offline

        return check_drift_offline(self) if offline else check_drift(self, cache=cache)

    def check_against(self, revision: str) -> RollingDeploy:
        """Check whether old and new code work while the pending migrations are applied.

        The models of the git revision are the old code, those of the work tree the new code. Their
        SELECT, INSERT and UPDATE statements are sent to a scratch database.

        Args:
            revision: A git revision, such as `origin/main`: the code that is deployed now.

        Returns:
            The statements that fail, for each pending migration.

        Raises:
            ConfigError: The git revision is unknown, or does not have the project.
            ModelsError: The models of the revision or of the work tree cannot be loaded.
            HistoryError: The git revision has migrations that the work tree lacks.
            DatabaseError: No scratch database is available.
        """
        from autodiff.commands.against.rolling_deploy import check_rolling_deploy

        return check_rolling_deploy(self, revision)

    def left_alone(self, url: str | None = None) -> tuple[UnmanagedObject, ...]:
        """Return everything in the database that autodiff does not compare, with the reasons.

        Functions and grants are not listed.

        Args:
            url: The URL of another database to read.
        """
        from autodiff.commands.unmanaged import left_alone

        return left_alone(self, url)

    def relock(self, *, on_failure: Callable[[AutodiffError], None] | None = None) -> Path:
        """Rewrite the lock file for the schema that the migrations make.

        The migrations are run on a scratch database or, if there is none, the schema is read from
        the database, which must be at the head. A change of the models that no migration makes is
        not written, so that `check` reports it.

        Args:
            on_failure: Called with the error of a migration that failed on the scratch database,
                if the schema was derived without running it.

        Returns:
            The path of the lock file.

        Raises:
            ModelsError: The models cannot be loaded.
            HistoryError: The migrations folder is invalid or has several heads.
            DatabaseError: The database cannot be reached.
        """
        from autodiff.commands.lock import relock

        return relock(self, on_failure=on_failure)


def _refuse_text(**options: object) -> None:
    """Raise ConfigError for one text in place of several: it would be read letter by letter."""
    for name, value in options.items():
        if isinstance(value, str):
            raise ConfigError(
                f"{name} is one text, but a list of texts is needed: {value!r}",
                hint=f"write {name}=[{value!r}]",
            )


def _table_names(allowed: bool | Iterable[str]) -> tuple[str, ...]:
    """Return the tables that may be dropped, or the name for every table."""
    if isinstance(allowed, bool):
        from autodiff.commands.drop_guard import ALL_TABLES

        return (ALL_TABLES,) if allowed else ()
    return tuple(allowed)
