"""Write a script for the database's own client that does what a run would do.

The script stops at the first error, writes the rows of the history and the journal, and refuses a
database at another revision than the one that it starts from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from autodiff.dialects.base import Dialect
from autodiff.dialects.literals import clause_text
from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.dialects.script import Guard, ScriptWriter
from autodiff.dialects.timeouts import Limits
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.alembic_versions import alembic_part
from autodiff.runner.events import Direction
from autodiff.runner.history_table import HistoryTable
from autodiff.runner.journal import Journal, actor
from autodiff.runner.ranges import Range
from autodiff.runner.replay import plain_statements
from autodiff.runner.script_sink import Line, TransactionBoundary, open_script_sink
from autodiff.schema.operations import Require
from autodiff.schema.sql_statements import split_statements
from autodiff.schema.sqltext import tokens
from autodiff.utils.quoting import sql_comment

__all__ = ["Script", "write_script"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The migrations of a range in order, their statements by name, and the text of the script.

    The text is empty if there are no migrations.
    """

    direction: Direction
    migrations: tuple[Migration, ...]
    statements: dict[str, list[str]]
    text: str


def write_script(
    graph: Graph,
    script_range: Range,
    dialect: Dialect,
    *,
    schema: str | None,
    history_table: str = HISTORY_TABLE,
    limits: Limits,
) -> Script:
    """Return the script of a range; `schema` is that of the history table and the journal.

    Raises MigrationFailedError, with file and line, for a step that has no SQL.
    """
    author = _Author(
        dialect=dialect,
        graph=graph,
        script_range=script_range,
        history=HistoryTable(schema, history_table),
        journal=Journal(schema, history_table, identity=dialect.features.keys_need_identity),
        limits=limits,
    )
    with open_script_sink(dialect, alembic_part(graph)) as sink:
        sink.follow(graph.in_order(script_range.applied))
        written = {
            migration.name: sink.write(migration, script_range.direction)
            if migration.is_for(dialect)
            else []
            for migration in script_range.migrations
        }
    return Script(
        direction=script_range.direction,
        migrations=script_range.migrations,
        statements={name: plain_statements(lines, dialect) for name, lines in written.items()},
        text=author.text(written),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Author:
    """Assembles a script."""

    dialect: Dialect
    graph: Graph
    script_range: Range
    history: HistoryTable
    journal: Journal
    limits: Limits

    @property
    def writer(self) -> ScriptWriter:
        return self.dialect.session.script_writer(self.history.table.name)

    @property
    def schema(self) -> str | None:
        return self.history.table.schema

    def text(self, written: dict[str, list[Line]]) -> str:
        """Return the script, empty if there is nothing to do."""
        if not written:
            return ""
        lines = [
            sql_comment(
                f"autodiff {self.script_range.direction} {self.script_range.start}:{self._end}"
            ),
            sql_comment(f"run it with: {self.writer.call}"),
            *self.writer.opening(self.schema),
        ]
        for place, migration in enumerate(self.script_range.migrations):
            lines += ["", sql_comment(f"{migration.name}{self._note_on_kind(migration)}")]
            lines += self._migration(migration, written[migration.name], is_first=place == 0)
        return "\n".join(lines) + "\n"

    def _note_on_kind(self, migration: Migration) -> str:
        return "" if migration.is_for(self.dialect) else f", not for {self.dialect.backend}"

    @property
    def _end(self) -> str:
        last = self.script_range.migrations[-1]
        if self.script_range.direction == "upgrade":
            return last.name
        left = self.script_range.applied - {m.revision for m in self.script_range.migrations}
        heads = [r for r in last.parents if r in left]
        return self.graph[heads[0]].name if heads else "base"

    def _migration(
        self, migration: Migration, lines: Sequence[Line], *, is_first: bool
    ) -> list[str]:
        limits = self.limits.with_own(migration.lock_timeout, migration.statement_timeout)
        found = self.writer.begin(self.schema, limits)
        if is_first and not self.script_range.applied:
            found += self._own_tables()
        if is_first:
            for guard in self._guards():
                found += self.writer.guard(guard)
        for line in lines:
            found += self._line(line, limits)
        found += self.writer.record([self._history(migration), self._entry(migration)])
        return [*found, *self.writer.end()]

    def _line(self, line: Line, limits: Limits) -> list[str]:
        match line:
            case TransactionBoundary.LEAVE:
                return self.writer.leave()
            case TransactionBoundary.ENTER:
                return self.writer.begin(self.schema, limits)
            case Require(query=query, message=message):
                text = query.strip().rstrip(";")
                return self.writer.guard(Guard(condition=f"EXISTS (\n{text}\n)", message=message))
            case str():
                backslashes = self.dialect.features.backslash_escapes
                parts = split_statements(line, backslashes=backslashes)
                return [self.writer.statement(part) for part in parts]
        raise AssertionError(line)

    # The tables of autodiff

    def _own_tables(self) -> list[str]:
        return [
            line
            for table in (self.history.table, self.journal.table)
            for line in self.writer.own_table(table.name, self._ddl(table))
        ]

    def _ddl(self, table: sa.Table) -> str:
        create = sa.schema.CreateTable(table, if_not_exists=True)
        text = str(create.compile(dialect=self.dialect.sqlalchemy))
        return "\n".join(line.replace("\t", "    ").rstrip() for line in text.strip().splitlines())

    def _history(self, migration: Migration) -> str:
        table = self.history.table
        if self.script_range.direction == "downgrade":
            return self._sql(sa.delete(table).where(table.c.revision == migration.revision))
        return self._sql(
            sa.insert(table).values(
                revision=migration.revision,
                name=migration.name,
                checksum=migration.checksum,
                applied_at=sa.literal_column(self.writer.now),
                digest=migration.digest,
            )
        )

    def _entry(self, migration: Migration) -> str:
        who = self.writer.actor
        return self._sql(
            sa.insert(self.journal.table).values(
                revision=migration.revision,
                name=migration.name,
                kind=self.script_range.direction,
                checksum=migration.checksum,
                actor=sa.literal_column(who.user),
                host=sa.literal_column(who.host),
                pid=sa.literal_column(who.session),
                tool=f"{actor().tool} --sql",
                started_at=sa.literal_column(self.writer.now_exactly),
                outcome="done" if migration.is_for(self.dialect) else "skipped",
            )
        )

    def _sql(self, clause: sa.sql.ClauseElement) -> str:
        """Return SQL on one line; newlines in values are kept."""
        backslashes = self.dialect.features.backslash_escapes
        found = tokens(clause_text(clause, self.dialect), backslashes=backslashes)
        return "".join(" " if kind == "space" else token for kind, token in found).strip()

    # Guards that run before anything is changed

    def _guards(self) -> list[Guard]:
        own = self.script_range.migrations
        if self.script_range.direction == "downgrade":
            behind = {m.revision for m in own}
            later = [
                m
                for m in self.graph.migrations.values()
                if behind.intersection(self.graph.before(m.revision)) and m.revision not in behind
            ]
            return [*self._not_all_of(own), *self._any_of(later), self._half_way()]
        parents = {p for m in own for p in self.graph.before(m.revision)}
        parents -= {m.revision for m in own}
        before = self.graph.in_order(parents)
        return [*self._not_all_of(before), *self._any_of(own), self._half_way()]

    def _not_all_of(self, migrations: Sequence[Migration]) -> list[Guard]:
        if not migrations:
            return []
        table = self.history.table
        each = [
            sa.and_(table.c.revision == m.revision, table.c.checksum == m.checksum)
            for m in migrations
        ]
        count = self._sql(sa.select(sa.func.count()).select_from(table).where(sa.or_(*each)))
        names = ", ".join(m.name for m in migrations)
        return [
            Guard(
                condition=f"({count}) < {len(migrations)}",
                message=f"not applied to this database, or edited since: {names}",
            )
        ]

    def _any_of(self, migrations: Sequence[Migration]) -> list[Guard]:
        if not migrations:
            return []
        table = self.history.table
        found = sa.select(table.c.revision).where(
            table.c.revision.in_([m.revision for m in migrations])
        )
        names = ", ".join(m.name for m in migrations)
        return [
            Guard(
                condition=f"EXISTS ({self._sql(found)})",
                message=f"applied to this database already: {names}",
            )
        ]

    def _half_way(self) -> Guard:
        table = self.journal.table
        last = sa.select(sa.func.max(table.c.id)).group_by(table.c.revision)
        stopped = sa.select(table.c.id).where(
            table.c.id.in_(last),
            table.c.outcome.in_(("running", "failed")),
            table.c.progress.is_not(None),
        )
        return Guard(
            condition=f"EXISTS ({self._sql(stopped)})",
            message="a migration stopped half-way on this database; see autodiff status",
        )
