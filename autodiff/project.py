"""Project: configuration, models, migrations and URL together. What the command line calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from autodiff.commands.drift import Drift
from autodiff.migrations import Migration
from autodiff.workspace import Workspace

if TYPE_CHECKING:
    from autodiff.autogenerate.plan import Plan
    from autodiff.autogenerate.questions import Assume, Questioner
    from autodiff.commands.adopt import Baseline, Converted
    from autodiff.commands.generate import Draft
    from autodiff.commands.merge import Merge
    from autodiff.commands.rebase import Rebase
    from autodiff.commands.squash import Squash
    from autodiff.dialects.unmanaged import LeftAlone
    from autodiff.fleet import Choices, FleetListener, Outcomes, Standing, Target
    from autodiff.rehearse import RehearsedHistory
    from autodiff.runner.events import Direction, Listener
    from autodiff.runner.history_table import Applied
    from autodiff.runner.journal import Entry
    from autodiff.runner.offline import Script
    from autodiff.runner.repair import HalfWay, Mended
    from autodiff.runner.verify import Problem

__all__ = ["Project", "Status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a database stands: what was applied, in order, and what is pending.

    `unfinished` is a run that stopped half-way, or that another process is at; `problems` is all
    that is wrong with the history, that run among it. `environment` is the one whose database it
    is, None without one. Those of `elsewhere` (revisions) are for other kinds of databases than
    this, which is of the kind `database`: recorded, and never run.
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
        """The revision that was applied last."""
        return self.applied[-1].revision if self.applied else None


class Project(Workspace):
    """A project's models, its migrations folder and its database.

    Methods raise the errors of `autodiff.errors`; none prints.
    """

    # Writing migrations

    def draft(
        self,
        message: str,
        *,
        parent: str | None = None,
        labels: Iterable[str] = (),
        depends_on: Iterable[str] = (),
        renames: Iterable[str] = (),
        fills: Mapping[str, str] | Iterable[str] = (),
        maps: Mapping[str, str] | Iterable[str] = (),
        source: Literal["database", "history"] = "database",
        format: Literal["python", "sql"] = "python",
        empty: bool = False,
        assume: Assume = None,
        questioner: Questioner | None = None,
        rehearse: bool = True,
        data_checks: bool = True,
    ) -> Draft | None:
        """The next migration, not written yet; None where there is nothing to do.

        It comes after the head, or after `parent`: a migration, or `base`. `labels` name the branch
        that begins with it; `depends_on` are migrations that come before without being parents.
        With `rehearse` it was run up and down on a scratch, with rows; see `Draft.proof`. With
        `data_checks` the findings of its plan tell the live rows that stand in its way.

        Raises RehearsalFailedError where that showed that it does not do what it should,
        HistoryError where the database is behind the files, SeveralHeadsError where there are
        several and none is the `parent`, RenameUndecidedError and
        FillNeededError where something must be known first.
        """
        from autodiff.commands.generate import GenerateRequest, draft_migration

        request = GenerateRequest(
            message=message,
            parent=parent,
            labels=tuple(labels),
            depends_on=tuple(depends_on),
            renames=tuple(renames),
            fills=fills,
            maps=maps,
            source=source,
            format=format,
            empty=empty,
            assume=assume,
            questioner=questioner,
            rehearse=rehearse,
            data_checks=data_checks,
        )
        return draft_migration(self, request)

    def generate(self, message: str, **arguments: Any) -> Migration | None:
        """Writes the next migration and the lock file; None where there is nothing to do.

        Takes what `draft` takes.
        """
        drafted = self.draft(message, **arguments)
        return None if drafted is None else drafted.write()

    def baseline(self, message: str = "baseline", *, rehearse: bool = True) -> Baseline:
        """The first migration of a database that is there already, not written yet.

        It makes what the database has. `write()` writes it and records it as applied.

        Raises HistoryError where there are migrations already or the database is empty,
        RehearsalFailedError where it would not make the same.
        """
        from autodiff.commands.adopt import create_baseline

        return create_baseline(self, message, rehearse=rehearse)

    def convert(self, folder: str | Path) -> Converted:
        """Alembic's scripts in a folder as migrations of this project, not written yet.

        `write()` copies them, calling autodiff's `op`, and records what the database has had by its
        table alembic_version. That table and the folder are left alone.

        Raises HistoryError where there is a history already, or the folder lacks what the database
        has had.
        """
        from autodiff.commands.adopt import convert_alembic

        return convert_alembic(self, Path(folder))

    def squash(
        self,
        target: str,
        message: str,
        *,
        without_data: bool = False,
        renames: Iterable[str] = (),
        fills: Mapping[str, str] | Iterable[str] = (),
    ) -> Squash:
        """One migration in place of those of a range (`0002:0007`), not written yet.

        It is what their operations add up to, and was proved to lead to the same schema. What was
        written by hand in them is refused, or with `without_data` left out: see `left_out`.
        `write()` puts it in their place.

        Raises HistoryError where the range is no line without branches, HandWrittenError,
        RehearsalFailedError where the end would not be the same.
        """
        from autodiff.commands.squash import SquashRequest, squash_range

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
        """The migration that joins several heads, all by default; not written yet.

        With `rehearse` the branches were applied to a scratch in both orders.

        Raises RehearsalFailedError where that showed that they contradict each other.
        """
        from autodiff.commands.merge import MergeRequest, merge_heads

        request = MergeRequest(message=message, heads=tuple(heads), rehearse=rehearse)
        return merge_heads(self, request)

    def rebase(
        self,
        onto: str | None = None,
        *,
        mine: Iterable[str] = (),
        rehearse: bool = True,
    ) -> Rebase:
        """One branch of migrations behind another, with new parents and numbers; not written yet.

        What is not in `onto` moves: a git branch, by default the main one, or a migration. Or
        `mine` names what moves. With `rehearse` it was run there, up and down.

        Raises RehearsalFailedError where that failed, HistoryError where it is not clear what
        moves.
        """
        from autodiff.commands.rebase import RebaseRequest, rebase_branch

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
        """The plan that leads from one side to another; nothing is written or changed.

        A side is `models`, `database`, the URL of another database, or a point of the history:
        `head`, `base`, a number, a name, a revision, or `+1` and `-1` from where the database
        stands. What is in doubt is a finding of the plan.
        """
        from autodiff.commands.diff import DiffRequest, diff_states

        request = DiffRequest(
            current=current,
            desired=desired,
            renames=tuple(renames),
            fills=fills,
            assume=assume,
        )
        return diff_states(self, request)

    # Running them

    def upgrade(
        self,
        target: str = "head",
        *,
        on_event: Listener | None = None,
        lock_wait: float | None = None,
    ) -> list[Migration]:
        """Applies migrations up to the target; those that were applied.

        Waits `lock_wait` seconds for another run, or as long as the configuration says.
        """
        hooks = self.hooks()
        with self.open_runner(on_event, create=True, lock_wait=lock_wait, hooks=hooks) as runner:
            return runner.upgrade(target)

    def downgrade(
        self,
        target: str = "-1",
        *,
        on_event: Listener | None = None,
        lock_wait: float | None = None,
    ) -> list[Migration]:
        """Takes migrations back to the target; those that were reverted."""
        with self.open_runner(on_event, lock_wait=lock_wait, hooks=self.hooks()) as runner:
            return runner.downgrade(target)

    def log(self) -> list[Entry]:
        """Every run of a migration on the database, oldest first."""
        with self.open_runner(None) as runner:
            return runner.log()

    def stamp(self, target: str = "head") -> list[Migration]:
        """Records migrations as applied without running them; those that count as applied."""
        with self.open_runner(None, create=True) as runner:
            return runner.stamp(target)

    def problems(self) -> tuple[Problem, ...]:
        """All that is wrong with the database's history, each with the ways out of it."""
        with self.open_runner(None) as runner:
            return runner.problems()

    def repair(
        self,
        *,
        edited: bool = False,
        missing: bool = False,
        reordered: bool = False,
        half_way: HalfWay | None = None,
    ) -> list[Mended]:
        """Puts the records of the history right, running nothing; what was mended.

        With `edited` the files count as they are now; with `missing` what has no file is
        forgotten; with `reordered` what comes before others that are applied counts as applied.
        What stopped half-way counts as wholly "applied" or "reverted": a person has seen to it.
        """
        from autodiff.runner.repair import Repairs

        wanted = Repairs(edited=edited, missing=missing, reordered=reordered, half_way=half_way)
        with self.open_runner(None) as runner:
            return runner.repair(wanted)

    def status(self) -> Status:
        """What was applied and what is pending."""
        from autodiff.runner.verify import named_as_now

        with self.open_runner(None) as runner:
            applied = runner.applied()
            order = {revision: place for place, revision in enumerate(runner.graph.migrations)}
            rows = [named_as_now(runner.graph, row) for row in applied.values()]
            rows.sort(key=lambda row: order.get(row.revision, len(order)))
            pending = runner.graph.in_order(set(runner.graph.migrations) - set(applied))
            return Status(
                applied=tuple(rows),
                pending=tuple(pending),
                unfinished=runner.unfinished(),
                problems=runner.problems(),
                environment=self.config.env,
                database=runner.dialect.word,
                elsewhere=frozenset(
                    revision
                    for revision, migration in runner.graph.migrations.items()
                    if not migration.is_for(runner.dialect)
                ),
            )

    def plan_run(self, target: str, direction: Direction) -> list[Migration]:
        """The migrations that upgrade or downgrade would run, in order; nothing is run."""
        with self.open_runner(None) as runner:
            step = runner.upgrades if direction == "upgrade" else runner.downgrades
            return step(target)

    def sql(self, migration: Migration, direction: Direction = "upgrade") -> list[str]:
        """The SQL of one migration for the project's kind of database; nothing is connected to."""
        from autodiff.runner.replay import migration_sql

        return migration_sql(self.graph(), migration, direction, self.offline_dialect())

    def script(self, target: str | None = None, direction: Direction = "upgrade") -> Script:
        """A script for the database's own client that does what `upgrade` or `downgrade` would.

        `target` is a range (`0003:head`, `head:base`); an upgrade that names one end alone begins
        at the base. Nothing is connected to, unless it begins at `current`: where the database
        stands.

        Raises HistoryError where the ends are the wrong way round, MigrationFailedError for what
        can't be written down.
        """
        from autodiff.runner.offline import write_script
        from autodiff.runner.ranges import CURRENT, find_range, start_of

        graph, applied = self.graph(), None
        text = target or ("head" if direction == "upgrade" else "-1")
        if start_of(text, direction) == CURRENT:
            with self.open_runner(None) as runner:
                applied = frozenset(runner.verify(settled=True))
        return write_script(
            graph,
            find_range(graph, text, direction, applied),
            self.offline_dialect(),
            schema=self.config.history_schema,
            limits=self._limits(),
        )

    # Many databases

    def targets(self) -> tuple[Target, ...]:
        """The databases of the table `targets` of the configuration, in their order.

        Raises ConfigError where there is none, or for what is wrong in it.
        """
        from autodiff.fleet import targets_of

        return targets_of(self)

    def upgrade_all(
        self,
        target: str = "head",
        *,
        on_event: FleetListener | None = None,
        **choices: Unpack[Choices],
    ) -> Outcomes:
        """Upgrades all targets, several at a time; what came of each. A failure is an outcome.

        `choices` come before the configuration; see `autodiff.fleet.Choices`. After Ctrl-C nothing
        more is begun, and those that are under way end their migration.

        Raises ConfigError for what is wrong with the targets, HistoryError with the files.
        """
        from autodiff.fleet import FleetRequest, run_all

        return run_all(self, FleetRequest(target=target, **choices), on_event)

    def downgrade_all(
        self,
        target: str,
        *,
        on_event: FleetListener | None = None,
        **choices: Unpack[Choices],
    ) -> Outcomes:
        """Takes all targets back to a migration, which stays, or to base; as `upgrade_all`."""
        from autodiff.fleet import FleetRequest, run_all

        request = FleetRequest(direction="downgrade", target=target, **choices)
        return run_all(self, request, on_event)

    def status_all(self, **choices: Unpack[Choices]) -> tuple[Standing, ...]:
        """Where each target stands; one that can't be asked says why."""
        from autodiff.fleet import FleetRequest, status_all

        return status_all(self, FleetRequest(**choices))

    def rehearse(
        self,
        target: str | None = None,
        *,
        rows: Literal["samples", "live", "none"] = "samples",
        count: int = 100,
        seconds: float = 60.0,
    ) -> RehearsedHistory:
        """Runs migrations on a scratch, each up, down and up again; what was found.

        `target` is one migration or a range (`0002:head`); those before are just applied. `rows`
        are made up, or copied from the live database, `count` of each table and those that they
        point at, in at most so many seconds; migrations that it has not had are then rehearsed,
        or the newest. The live database is only read from.

        Raises DatabaseError where no scratch can be had.
        """
        from autodiff.rehearse import RehearsalRequest, rehearse_history

        request = RehearsalRequest(target=target, rows=rows, count=count, seconds=seconds)
        return rehearse_history(self, request)

    # Drift

    def check(self, *, offline: bool = False) -> Drift:
        """What drifted; with `offline`, the models against the migrations, without a database."""
        from autodiff.commands.check import check_drift, check_drift_offline

        return check_drift_offline(self) if offline else check_drift(self)

    def left_alone(self, url: str | None = None) -> tuple[LeftAlone, ...]:
        """What is in the database (or that of `url`) and is not compared, each with the reason."""
        from autodiff.commands.unmanaged import left_alone

        return left_alone(self, url)

    def relock(self) -> Path:
        """Writes the lock file anew, from the models, the files and the database; its path."""
        from autodiff.commands.lock import relock

        return relock(self)
