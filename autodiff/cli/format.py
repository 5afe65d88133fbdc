"""Format results: as lines for people, and as data for --json. Nothing here prints."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodiff.utils.counting import counted
from autodiff.utils.quoting import one_line, sql_comment

if TYPE_CHECKING:
    from autodiff.commands.drift import Drift
    from autodiff.commands.generate import Draft
    from autodiff.commands.rebase import Rebase
    from autodiff.lint import Evidence
    from autodiff.migrations import Graph, Migration
    from autodiff.plan import DataLoss, Finding
    from autodiff.project import Status
    from autodiff.rehearse.proof import Proof
    from autodiff.runner.history_table import Applied
    from autodiff.runner.journal import Entry
    from autodiff.runner.repair import Repaired
    from autodiff.runner.verify import Problem

__all__ = [
    "UNCOVERED_CHANGES",
    "align_columns",
    "data_loss_data",
    "data_loss_lines",
    "draft_data",
    "draft_text",
    "drift_lines",
    "evidence_line",
    "evidence_lines",
    "finding_lines",
    "history_data",
    "history_lines",
    "log_data",
    "log_lines",
    "migration_data",
    "migration_title",
    "problem_lines",
    "rebase_data",
    "rebase_lines",
    "rebase_notes",
    "rehearsal_data",
    "rehearsal_lines",
    "rehearsal_loss_lines",
    "repair_data",
    "repair_lines",
    "short_path",
    "sql_lines",
    "sql_script",
    "status_data",
    "status_lines",
]

UNCOVERED_CHANGES = (
    'the models have changes that no migration covers: run autodiff generate -m "..."'
)


def short_path(path: Path) -> str:
    """Return a path relative to the current folder if it is in it, otherwise unchanged."""
    here = Path.cwd()
    if str(path).startswith(start := f"{here}{os.sep}"):  # ten times faster than pathlib
        return str(path)[len(start) :]
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def migration_data(migration: Migration) -> dict[str, Any]:
    """Return a migration for --json."""
    return {
        "revision": migration.revision,
        "parents": list(migration.parents),
        "depends_on": list(migration.depends_on),
        "labels": list(migration.labels),
        "name": migration.name,
        "message": migration.message,
        "path": short_path(migration.path),
        "replaces": list(migration.replaces),
        "dialects": list(migration.dialects),
        "alembic": migration.is_alembic,
    }


def draft_data(draft: Draft | None, *, written: bool) -> dict[str, Any]:
    """Return the result of generate for --json; `migration` is null if there is nothing to do."""
    if draft is None:
        return {
            "written": False,
            "migration": None,
            "summary": [],
            "findings": [],
            "data_loss": [],
        }
    return {
        "written": written,
        "migration": _draft_files(draft),
        **({"previous": [_draft_files(each) for each in draft.previous]} if draft.previous else {}),
        "summary": list(draft.summary),
        "findings": [asdict(finding) for finding in draft.plan.findings] if draft.plan else [],
        "data_loss": data_loss_data(draft.plan.data_loss) if draft.plan else [],
        "settled": draft.settled,
        "rehearsal": rehearsal_data(draft.proof),
    }


def _draft_files(draft: Draft) -> dict[str, Any]:
    return {
        "revision": draft.revision,
        "parents": list(draft.parents),
        "path": short_path(draft.path),
        "files": {short_path(path): text for path, text in draft.texts.items()},
    }


def draft_text(draft: Draft) -> str:
    """Return the text of a migration file, or of both SQL files, each after its name."""
    if len(draft.texts) == 1:
        return next(iter(draft.texts.values()))
    return "\n".join(
        f"{sql_comment(short_path(path))}\n{text}" for path, text in draft.texts.items()
    )


def finding_lines(finding: Finding) -> list[str]:
    """Return a finding of a plan, without repeating its place, and a line with its hint."""
    has_place = finding.place is None or finding.place in finding.message
    place = "" if has_place else f"{finding.place}: "
    hint = [one_line(f"  hint: {finding.hint}")] if finding.hint else []
    return [one_line(f"{finding.severity} {finding.code}: {place}{finding.message}"), *hint]


def rehearsal_loss_lines(lost: Sequence[str], losses: Sequence[DataLoss]) -> list[str]:
    """Return what only the rehearsal lost, and a line if the downgrade does not restore the rest.

    What `losses` states is not repeated.
    """
    places = tuple(f" {place}" for loss in losses for place in (loss.place, one_line(loss.place)))
    stated = [line for line in lost if line.endswith(places)]
    lines = [
        f"lost from sample rows in the rehearsal: {line}" for line in lost if line not in stated
    ]
    is_final = any(line.startswith("downgrade: ") for line in stated)
    return ["  the downgrade does not restore them", *lines] if is_final else lines


def evidence_line(fact: Evidence) -> str:
    """Return the text of a fact, preceded by its source."""
    return f"{fact.source}: {fact.text}"


def evidence_lines(facts: Sequence[Evidence]) -> list[str]:
    """Return a line for each place where facts were measured."""
    by_source: dict[str, list[str]] = {}
    for fact in facts:
        by_source.setdefault(fact.source, []).append(fact.text)
    return [f"  {source}: {'; '.join(texts)}" for source, texts in by_source.items()]


def data_loss_lines(losses: Sequence[DataLoss]) -> list[str]:
    """Return the section "Data loss" with a line for each loss; nothing if there is none."""
    return ["Data loss:", *(f"  {one_line(str(loss))}" for loss in losses)] if losses else []


def data_loss_data(losses: Sequence[DataLoss]) -> list[dict[str, Any]]:
    """Return the data that is lost for --json; `count` is null if it was not counted."""
    return [
        {
            "kind": loss.kind,
            "place": loss.place,
            "message": loss.message,
            "count": loss.count,
            "unit": loss.unit,
            "problem": loss.problem,
        }
        for loss in losses
    ]


def rehearsal_lines(proof: Proof | None) -> list[str]:
    """Return why a migration was not rehearsed and what to do, or how long a writer waited."""
    if proof is None:
        return []
    if proof.skipped is None and proof.longest_wait is not None:
        longest = _milliseconds(proof.longest_wait)
        return [
            f"rehearsed beside a writer, which waited {longest} ms at most",
            *(f"  {_milliseconds(w.seconds)} ms: {_shortened(w.sql)}" for w in proof.waits),
        ]
    if proof.skipped is None:
        return []
    hint = [f"hint: {proof.cure}"] if proof.cure else []
    return [f"warning: not rehearsed, because {proof.skipped}", *hint]


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)


def _shortened(sql: str) -> str:
    text = one_line(" ".join(sql.split()))
    return text if len(text) <= _SHOWN_SQL else f"{text[:_SHOWN_SQL]}..."


def rehearsal_data(proof: Proof | None) -> dict[str, Any] | None:
    """Return the result of a rehearsal for --json; null for an empty migration."""
    if proof is None:
        return None
    return {
        "rehearsed": proof.skipped is None,
        "skipped": proof.skipped,
        "hint": proof.cure,
        "lost": list(proof.lost),
        "notes": list(proof.notes),
        "statements": [statement.to_data() for statement in proof.statements],
        "longest_wait": proof.longest_wait,
        "waits": [{"sql": wait.sql, "seconds": wait.seconds} for wait in proof.waits],
    }


def drift_lines(drift: Drift) -> list[str]:
    """Return each kind of drift with its details and the way to resolve it."""
    if not drift:
        return ["no drift"]
    lines: list[str] = []
    for heading, details, todo in drift.sections():
        lines += [f"{heading}:", *(f"  {detail}" for detail in details)]
        lines += [f"  to do: {todo}"] if todo else []
    return lines


def status_lines(status: Status) -> list[str]:
    """Return the applied migrations with their times, the pending ones, and problems."""
    lines = [f"environment: {status.environment}"] if status.environment else []
    applied = [(*_applied_row(row), *_other_database(row, status)) for row in status.applied]
    pending = [(m.name, m.revision, *_other_database(m, status)) for m in status.pending]
    lines += ["applied:", *_or_none(align_columns(applied))]
    lines += ["pending:", *_or_none(align_columns(pending))]
    if status.awaited:
        names = ", ".join(migration.name for migration in status.awaited)
        verb = "waits" if len(status.awaited) == 1 else "wait"
        lines += [
            f"deploy the new version of the application: {names} {verb} for it",
            "  then run: autodiff upgrade --phase contract",
        ]
    lines += _unfinished_lines(status.unfinished) if status.unfinished else []
    # The lines of an unfinished run include the half-way problem:
    problems = [problem for problem in status.problems if problem.kind != "half-way"]
    return [*lines, *(["problems:", *problem_lines(problems)] if problems else [])]


def problem_lines(problems: Iterable[Problem]) -> list[str]:
    """Return the problems of a history, each with the ways to resolve it."""
    lines: list[str] = []
    for problem in problems:
        lines.append(f"  {problem.message}")
        lines += [f"    {'or' if at else 'to do'}: {way}" for at, way in enumerate(problem.ways)]
    return lines


def _other_database(row: Applied | Migration, status: Status) -> tuple[str, ...]:
    """Return a note if the migration is only for other kinds of databases."""
    return (f"not for {status.database}",) if row.revision in status.elsewhere else ()


def _unfinished_lines(entry: Entry) -> list[str]:
    """Return the step and the error of a run that stopped half-way, and the ways to resolve it."""
    from autodiff.runner.verify import half_way_problem

    rows = f" (filled: {counted(entry.progress.rows, 'row')})" if entry.progress.rows else ""
    problem, *ways = problem_lines([half_way_problem(entry)])
    return [
        "half-way:",
        f"{problem}{rows}",
        *(f"    {line}" for line in (entry.error or "").splitlines()),
        f"    run by {entry.actor}, {_moment(entry.started_at)}",
        *ways,
    ]


_SHOWN_SQL = 90
"""How many characters of a statement a line shows."""
_REPAIRED = {
    "accepted": "is recorded as applied with its current file",
    "forgotten": "is no longer recorded as applied",
    "applied": "is recorded as applied",
    "reverted": "is recorded as not applied",
    "step done": "has its last step recorded as done",
    "step again": "will send its last step again",
}


def repair_lines(repaired: Sequence[Repaired], problems: Sequence[Problem]) -> list[str]:
    """Return the repaired records and the remaining problems."""
    lines = [
        f"{record.name} ({record.revision}) {_REPAIRED[record.outcome]}" for record in repaired
    ]
    if problems:
        return [*lines, "problems:", *problem_lines(problems)]
    return lines or ["the history has no problems"]


def repair_data(repaired: Sequence[Repaired], problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the repaired records and the remaining problems for --json."""
    return {
        "repaired": [asdict(record) for record in repaired],
        "problems": [asdict(problem) for problem in problems],
    }


def log_lines(entries: Sequence[Entry]) -> list[str]:
    """Return a line for each run, newest first: time, migration, duration, outcome and user."""
    return align_columns(
        (
            [
                _moment(entry.started_at),
                entry.kind,
                entry.name,
                entry.revision,
                "" if entry.seconds is None else f"{entry.seconds:.1f} s",
                entry.outcome,
                f"{entry.actor.user}@{entry.actor.host}",
                f"autodiff {entry.actor.tool}",
            ]
            for entry in reversed(entries)
        ),
        indent="",
    ) or ["no runs yet"]


def log_data(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the runs for --json, newest first."""
    return {"runs": [entry_data(entry) for entry in reversed(entries)]}


def entry_data(entry: Entry) -> dict[str, Any]:
    """Return a run for --json."""
    return {
        "revision": entry.revision,
        "name": entry.name,
        "kind": entry.kind,
        "checksum": entry.checksum,
        "user": entry.actor.user,
        "host": entry.actor.host,
        "pid": entry.actor.pid,
        "version": entry.actor.tool,
        "started_at": entry.started_at.isoformat(),
        "seconds": entry.seconds,
        "outcome": entry.outcome,
        "error": entry.error,
        "steps": entry.progress.steps,
        "rows": entry.progress.rows,
    }


def _applied_row(row: Any) -> tuple[str, ...]:
    return row.name, row.revision, _moment(row.applied_at) if row.applied_at else "by Alembic"


def status_data(status: Status) -> dict[str, Any]:
    """Return the status for --json."""
    return {
        "environment": status.environment,
        "current": status.current,
        "applied": [
            {
                "revision": row.revision,
                "name": row.name,
                "applied_at": row.applied_at.isoformat() if row.applied_at else None,
                "skipped": row.revision in status.elsewhere,
            }
            for row in status.applied
        ],
        "pending": [migration_data(migration) for migration in status.pending],
        "awaiting_deploy": [migration.name for migration in status.awaited],
        "unfinished": entry_data(status.unfinished) if status.unfinished else None,
        "problems": [asdict(problem) for problem in status.problems],
    }


def history_lines(graph: Graph) -> list[str]:
    """Return the migrations, newest first, as a graph if they branch; a star marks each head."""
    if not graph.is_line:
        from autodiff.migrations.drawing import draw_graph

        return draw_graph(graph)
    heads = graph.heads
    return align_columns(
        (
            [
                *("*" if m.revision in heads else " ", m.name, m.revision),
                *_branch_names(m),
                *_remarks(m),
            ]
            for m in reversed(graph.migrations.values())
        ),
        indent="",
    )


def migration_title(migration: Migration) -> str:
    """Return the name of a migration with its remarks."""
    return " ".join([migration.name, *(f"({remark})" for remark in _remarks(migration))])


def _remarks(migration: Migration) -> tuple[str, ...]:
    """Return who runs a migration, or on which kinds of databases, if that is not the usual."""
    if migration.is_alembic:
        return ("run by Alembic",)
    return (f"for {', '.join(migration.dialects)}",) if migration.dialects else ()


def _branch_names(migration: Migration) -> tuple[str, ...]:
    return (f"[{', '.join(migration.labels)}]",) if migration.labels else ()


def history_data(graph: Graph) -> dict[str, Any]:
    """Return the migrations for --json, newest first."""
    newest_first = reversed(graph.migrations.values())
    return {
        "heads": list(graph.heads),
        "branches": {label: list(members) for label, members in graph.branches.items()},
        "migrations": [migration_data(migration) for migration in newest_first],
    }


def rebase_lines(rebase: Rebase) -> list[str]:
    """Return the moved migrations with their new names and parents, and the lock file."""
    if rebase.lock is None:
        return ["nothing to rebase"]
    rows = [
        (
            short_path(move.before.path),
            f"-> {move.after.path.name}" if move.before.path != move.after.path else "",
            f"after {', '.join(rebase.graph[parent].name for parent in move.after.parents)}",
        )
        for move in rebase.moves
    ]
    return [*align_columns(rows, indent=""), short_path(rebase.directory / "autodiff.lock")]


def rebase_notes(rebase: Rebase) -> list[str]:
    """Return what is missing from a rebase, and what remains to be done after it."""
    notes = [*rebase.notes, *([UNCOVERED_CHANGES] if rebase.missing else ())]
    if rebase.had:
        names = ", ".join(migration.name for migration in rebase.had)
        notes.append(
            f"the database applied {names} in the old order: run autodiff downgrade "
            f"{rebase.way_back}, then autodiff upgrade"
        )
    return notes


def rebase_data(rebase: Rebase, *, written: bool) -> dict[str, Any]:
    """Return the moved migrations for --json."""
    return {
        "written": written and rebase.lock is not None,
        "moved": [
            {
                "revision": move.after.revision,
                "from": short_path(move.before.path),
                "to": short_path(move.after.path),
                "parents": list(move.after.parents),
            }
            for move in rebase.moves
        ],
        "rehearsed": rebase.rehearsed,
        "missing": rebase.missing,
        "notes": list(rebase.notes),
        "applied": [migration.revision for migration in rebase.had],
    }


def sql_lines(statements: Iterable[str]) -> list[str]:
    """Return the lines of statements, each statement with a semicolon at its end."""
    from autodiff.schema.sqltext import terminate_statement

    return [line for sql in statements for line in terminate_statement(sql).split("\n")]


def sql_script(statements: Mapping[str, Sequence[str]]) -> str:
    """Return a SQL script: the statements of each migration, after a comment with its name."""
    from autodiff.schema.sqltext import terminate_statement

    return "\n".join(
        "\n".join([sql_comment(name), *map(terminate_statement, of_migration)]) + "\n"
        for name, of_migration in statements.items()
    )


def align_columns(rows: Iterable[Sequence[str]], indent: str = "  ") -> list[str]:
    """Return a line for each row, padded so that the cells of each column are aligned."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    count = max((len(row) for row in rows), default=0)
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(count)]
    return [
        (
            indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]


def _or_none(lines: list[str]) -> list[str]:
    return lines or ["  none"]


def _moment(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z").strip()
