"""Results as lines for people and as data for --json. Nothing here prints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.commands.drift import Drift
    from autodiff.commands.generate import Draft
    from autodiff.commands.rebase import Rebase
    from autodiff.migrations import Graph, Migration
    from autodiff.plan import Finding
    from autodiff.project import Status
    from autodiff.runner.history_table import Applied
    from autodiff.runner.journal import Entry
    from autodiff.runner.repair import Repaired
    from autodiff.runner.verify import Problem

__all__ = [
    "MISSING",
    "columns",
    "draft_data",
    "draft_text",
    "drift_lines",
    "finding_line",
    "history_data",
    "history_lines",
    "log_data",
    "log_lines",
    "migration_data",
    "named",
    "problem_lines",
    "rebase_data",
    "rebase_lines",
    "rebase_notes",
    "repair_data",
    "repair_lines",
    "script",
    "shown",
    "status_data",
    "status_lines",
]


MISSING = 'the models say what no migration does: autodiff generate -m "..."'


def shown(path: Path) -> str:
    """A path as a person would type it from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def migration_data(migration: Migration) -> dict[str, Any]:
    """A migration, for --json."""
    return {
        "revision": migration.revision,
        "parents": list(migration.parents),
        "depends_on": list(migration.depends_on),
        "labels": list(migration.labels),
        "name": migration.name,
        "message": migration.message,
        "path": shown(migration.path),
        "replaces": list(migration.replaces),
        "dialects": list(migration.dialects),
    }


def draft_data(draft: Draft | None, *, written: bool) -> dict[str, Any]:
    """What generate found, for --json; `migration` is null where there was nothing to do."""
    if draft is None:
        return {"written": False, "migration": None, "summary": [], "findings": []}
    return {
        "written": written,
        "migration": {
            "revision": draft.revision,
            "parents": list(draft.parents),
            "path": shown(draft.path),
            "files": {shown(path): text for path, text in draft.texts.items()},
        },
        "summary": list(draft.summary),
        "findings": [asdict(finding) for finding in draft.plan.findings] if draft.plan else [],
        "settled": draft.settled,
    }


def draft_text(draft: Draft) -> str:
    """The file as it would be written; of a pair of SQL files both, each under its name."""
    if len(draft.texts) == 1:
        return next(iter(draft.texts.values()))
    return "\n".join(f"-- {shown(path)}\n{text}" for path, text in draft.texts.items())


def finding_line(finding: Finding) -> str:
    """One finding of a plan."""
    told = finding.place is None or finding.place in finding.message
    place = "" if told else f"{finding.place}: "
    hint = f" ({finding.hint})" if finding.hint else ""
    return f"{finding.severity} {finding.code}: {place}{finding.message}{hint}"


def drift_lines(drift: Drift) -> list[str]:
    """Each kind of drift with its lines and what to do about it."""
    if not drift:
        return ["no drift"]
    lines: list[str] = []
    for heading, details, todo in drift.sections():
        lines += [f"{heading}:", *(f"  {detail}" for detail in details)]
        lines += [f"  to do: {todo}"] if todo else []
    return lines


def status_lines(status: Status) -> list[str]:
    """What was applied, with its time, and what is pending."""
    lines = [f"environment: {status.environment}"] if status.environment else []
    applied = [(*_applied_row(row), *_elsewhere(row, status)) for row in status.applied]
    pending = [(m.name, m.revision, *_elsewhere(m, status)) for m in status.pending]
    lines += ["applied:", *_or_none(columns(applied))]
    lines += ["pending:", *_or_none(columns(pending))]
    lines += _unfinished_lines(status.unfinished) if status.unfinished else []
    wrong = [problem for problem in status.problems if problem.kind != "half-way"]
    return [*lines, *(["wrong:", *problem_lines(wrong)] if wrong else [])]


def problem_lines(problems: Iterable[Problem]) -> list[str]:
    """What is wrong with a history, each with the ways out of it."""
    lines: list[str] = []
    for problem in problems:
        lines.append(f"  {problem.message}")
        lines += [f"    {'or' if at else 'to do'}: {way}" for at, way in enumerate(problem.ways)]
    return lines


def _elsewhere(row: Applied | Migration, status: Status) -> tuple[str, ...]:
    """What is said of a migration that is not for such a database."""
    return (f"not for {status.database}",) if row.revision in status.elsewhere else ()


def _unfinished_lines(entry: Entry) -> list[str]:
    """A run that stopped half-way: where, why, and what can be done."""
    from autodiff.runner.verify import half_way_problem

    rows = f" ({entry.progress.rows} rows are done)" if entry.progress.rows else ""
    what, *ways = problem_lines([half_way_problem(entry)])
    return [
        "half-way:",
        f"{what}{rows}",
        *(f"    {line}" for line in (entry.error or "").splitlines()),
        f"    run by {entry.actor}, {_moment(entry.started_at)}",
        *ways,
    ]


_MENDED = {
    "accepted": "counts as applied as its file is now",
    "forgotten": "is forgotten",
    "applied": "counts as applied",
    "reverted": "counts as not applied",
}


def repair_lines(mended: Sequence[Repaired], problems: Sequence[Problem]) -> list[str]:
    """What was mended, and what is wrong still."""
    lines = [f"{one.name} ({one.revision}) {_MENDED[one.outcome]}" for one in mended]
    if problems:
        return [*lines, "wrong:", *problem_lines(problems)]
    return lines or ["nothing is wrong with the history"]


def repair_data(mended: Sequence[Repaired], problems: Sequence[Problem]) -> dict[str, Any]:
    """The same, for --json."""
    return {
        "mended": [asdict(one) for one in mended],
        "problems": [asdict(problem) for problem in problems],
    }


def log_lines(entries: Sequence[Entry]) -> list[str]:
    """Every run, newest first: when, what, how long, how it ended, who."""
    return columns(
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
    """The same, for --json."""
    return {"runs": [entry_data(entry) for entry in reversed(entries)]}


def entry_data(entry: Entry) -> dict[str, Any]:
    """One run, for --json."""
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
    return row.name, row.revision, _moment(row.applied_at)


def status_data(status: Status) -> dict[str, Any]:
    """The same, for --json."""
    return {
        "environment": status.environment,
        "current": status.current,
        "applied": [
            {
                "revision": row.revision,
                "name": row.name,
                "applied_at": row.applied_at.isoformat(),
                "skipped": row.revision in status.elsewhere,
            }
            for row in status.applied
        ],
        "pending": [migration_data(migration) for migration in status.pending],
        "unfinished": entry_data(status.unfinished) if status.unfinished else None,
        "problems": [asdict(problem) for problem in status.problems],
    }


def history_lines(graph: Graph) -> list[str]:
    """The migrations, newest first, drawn as a graph where it has branches; heads have a star."""
    if not graph.is_line:
        from autodiff.migrations.drawing import draw_graph

        return draw_graph(graph)
    heads = graph.heads
    return columns(
        (
            [
                *("*" if m.revision in heads else " ", m.name, m.revision),
                *_branch_names(m),
                *_only_for(m),
            ]
            for m in reversed(graph.migrations.values())
        ),
        indent="",
    )


def named(migration: Migration) -> str:
    """A migration's name, and for which databases it is, where that is not all of them."""
    return " ".join([migration.name, *(f"({told})" for told in _only_for(migration))])


def _only_for(migration: Migration) -> tuple[str, ...]:
    return (f"for {', '.join(migration.dialects)}",) if migration.dialects else ()


def _branch_names(migration: Migration) -> tuple[str, ...]:
    return (f"[{', '.join(migration.labels)}]",) if migration.labels else ()


def history_data(graph: Graph) -> dict[str, Any]:
    """The same, for --json."""
    newest_first = reversed(graph.migrations.values())
    return {
        "heads": list(graph.heads),
        "branches": {label: list(members) for label, members in graph.branches.items()},
        "migrations": [migration_data(migration) for migration in newest_first],
    }


def rebase_lines(found: Rebase) -> list[str]:
    """What moves where, and behind what."""
    if found.lock is None:
        return ["nothing to rebase"]
    rows = [
        (
            shown(move.before.path),
            f"-> {move.after.path.name}" if move.before.path != move.after.path else "",
            f"after {', '.join(found.graph[parent].name for parent in move.after.parents)}",
        )
        for move in found.moves
    ]
    return [*columns(rows, indent=""), shown(found.directory / "autodiff.lock")]


def rebase_notes(found: Rebase) -> list[str]:
    """What is left to do."""
    notes = [MISSING] if found.missing else []
    if found.had:
        names = ", ".join(migration.name for migration in found.had)
        notes.append(
            f"the database has had {names} in another order: autodiff downgrade "
            f"{found.way_back}, then autodiff upgrade"
        )
    return notes


def rebase_data(found: Rebase, *, written: bool) -> dict[str, Any]:
    """The same, for --json."""
    return {
        "written": written and found.lock is not None,
        "moved": [
            {
                "revision": move.after.revision,
                "from": shown(move.before.path),
                "to": shown(move.after.path),
                "parents": list(move.after.parents),
            }
            for move in found.moves
        ],
        "rehearsed": found.rehearsed,
        "missing": found.missing,
        "applied": [migration.revision for migration in found.had],
    }


def script(statements: Mapping[str, Sequence[str]]) -> str:
    """A SQL script: the statements of each migration, under a comment that names it."""
    return "\n".join(
        "\n".join([f"-- {name}", *(_ended(statement) for statement in found)]) + "\n"
        for name, found in statements.items()
    )


def _ended(statement: str) -> str:
    """A statement with its semicolon; a comment has none."""
    return statement if statement.splitlines()[-1].startswith("--") else f"{statement};"


def columns(rows: Iterable[Sequence[str]], indent: str = "  ") -> list[str]:
    """Rows with their cells under each other."""
    found = list(rows)
    count = max((len(row) for row in found), default=0)
    widths = [max(len(row[at]) for row in found if at < len(row)) for at in range(count)]
    return [
        (
            indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        ).rstrip()
        for row in found
    ]


def _or_none(lines: list[str]) -> list[str]:
    return lines or ["  none"]


def _moment(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z").strip()
