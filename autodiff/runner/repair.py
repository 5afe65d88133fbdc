"""Repair the records of a history as a person asks; no migration is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from autodiff.migrations.graph import Graph
from autodiff.runner.history_table import Applied
from autodiff.runner.journal import Entry, Outcome, StepAnswer
from autodiff.runner.session import Session
from autodiff.runner.squashes import folded
from autodiff.runner.verify import Problem, ProblemKind, half_way_problem, problems

__all__ = ["HalfWay", "Repaired", "Repairs", "find_problems", "repair_history"]

HalfWay: TypeAlias = Literal["applied", "reverted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """What to repair.

    edited: accept the edited files. missing: remove the records of migrations without
    a file. reordered: record migrations as applied that come before applied ones. half_way: record
    what stopped half-way as applied or as reverted. step: whether the step that was sent last and
    never confirmed took effect (`done`), or must be sent again (`again`).
    """

    edited: bool = False
    missing: bool = False
    reordered: bool = False
    half_way: HalfWay | None = None
    step: StepAnswer | None = None

    def __bool__(self) -> bool:
        records = self.edited or self.missing or self.reordered
        return records or self.half_way is not None or self.step is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """One record that was repaired; `outcome` has the word of the journal."""

    kind: ProblemKind
    revision: str
    name: str
    outcome: Outcome


def find_problems(
    session: Session, graph: Graph, applied: Mapping[str, Applied] | None = None
) -> tuple[Problem, ...]:
    """Return all problems of the history, including a run that stopped half-way.

    applied: the applied migrations by revision, with squashed ones in place of their parts.
    """
    entry = session.unfinished()
    half = (half_way_problem(entry),) if entry is not None else ()
    if applied is None:
        applied = folded(graph, session.applied())
    return (*half, *problems(graph, applied))


def repair_history(session: Session, graph: Graph, wanted: Repairs) -> list[Repaired]:
    """Repair the records in one transaction, and journal each repair.

    Hold the lock.
    """
    if not find_problems(session, graph):
        return []
    session.create_tables()
    with session.transaction():
        repairer = _Repairer(session, graph)
        return list(repairer.repair(wanted))


class _Repairer:
    """Repairs records in an open transaction."""

    def __init__(self, session: Session, graph: Graph) -> None:
        self._session = session
        self._graph = graph

    def repair(self, wanted: Repairs) -> Iterator[Repaired]:
        """Repair what is wanted, one kind after the other; yield each repair."""
        entry = self._session.journal.unfinished(self._session.connection)
        if wanted.half_way is not None and entry is not None:
            yield from self._settle(entry, wanted.half_way)
        elif wanted.step is not None and entry is not None and entry.progress.in_doubt is not None:
            yield self._answer(entry, wanted.step)
        applied = folded(self._graph, self._session.history.read(self._session.connection))
        steps: Mapping[ProblemKind, tuple[bool, Outcome, Callable[[Sequence[Applied]], None]]] = {
            "missing": (wanted.missing, "forgotten", self._forget),
            "edited": (wanted.edited, "accepted", self._record),
            "reordered": (wanted.reordered, "applied", self._record),
        }
        for problem in problems(self._graph, applied):
            is_wanted, outcome, step = steps.get(problem.kind, (False, "done", self._record))
            if is_wanted:
                rows = [self._row(revision, applied) for revision in problem.revisions]
                step(rows)
                yield from self._note(problem.kind, rows, outcome)

    def _row(self, revision: str, applied: Mapping[str, Applied]) -> Applied:
        """Return the record that its file asks for, or the old one if there is no file."""
        if revision not in self._graph:
            return applied[revision]
        migration = self._graph[revision]
        new = self._session.applied_now(migration)
        old = applied.get(revision)
        return new if old is None else replace(new, applied_at=old.applied_at)

    def _forget(self, rows: Sequence[Applied]) -> None:
        self._session.history.remove(self._session.connection, [row.revision for row in rows])

    def _record(self, rows: Sequence[Applied]) -> None:
        self._forget(rows)
        self._session.history.add(self._session.connection, rows)

    def _settle(self, entry: Entry, how: HalfWay) -> list[Repaired]:
        """Record what stopped half-way as applied or as reverted."""
        session = self._session
        session.journal.write(session.connection, replace(entry, outcome="settled"))
        recorded = session.history.read(session.connection).get(entry.revision)
        row = recorded or session.applied_now(entry)
        if entry.revision in self._graph:
            row = self._row(entry.revision, {entry.revision: row})
        if how == "applied":
            self._record([row])
        else:
            self._forget([row])
        return self._note("half-way", [row], how)

    def _answer(self, entry: Entry, answer: StepAnswer) -> Repaired:
        """Record in the journal whether a step took effect; the next run resumes from there.

        This does not add an entry: the last entry of a migration must be the run to resume.
        """
        answered = replace(entry, progress=entry.progress.answered(answer))
        self._session.journal.write(self._session.connection, answered)
        outcome: Outcome = "step done" if answer == "done" else "step again"
        return Repaired(kind="half-way", revision=entry.revision, name=entry.name, outcome=outcome)

    def _note(self, kind: ProblemKind, rows: Sequence[Applied], outcome: Outcome) -> list[Repaired]:
        entries = [self._session.ended_entry(row, "repair", outcome) for row in rows]
        self._session.journal.add(self._session.connection, entries)
        return [
            Repaired(kind=kind, revision=row.revision, name=row.name, outcome=outcome)
            for row in rows
        ]
