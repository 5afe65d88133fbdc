"""Results as lines for people and as data for --json. Nothing here prints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.drafting import Draft
    from autodiff.drift import Drift
    from autodiff.history import Graph, Migration
    from autodiff.plan import Finding
    from autodiff.project import Status
    from autodiff.run.journal import Entry

__all__ = [
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
    "script",
    "shown",
    "status_data",
    "status_lines",
]


def shown(path: Path) -> str:
    """A path as a person would type it from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def migration_data(migration: Migration) -> dict[str, Any]:
    """A migration, for --json."""
    return {
        "revision": migration.revision,
        "parents": list(migration.parents),
        "name": migration.name,
        "message": migration.message,
        "path": shown(migration.path),
    }


def draft_data(draft: Draft | None, *, written: bool) -> dict[str, Any]:
    """What generate found, for --json; `migration` is null where there was nothing to do."""
    if draft is None:
        return {"written": False, "migration": None, "summary": [], "findings": []}
    return {
        "written": written,
        "migration": {
            "revision": draft.revision,
            "parents": list(draft.graph.heads),
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
    lines = ["applied:", *_or_none(columns(_applied_row(row) for row in status.applied))]
    lines += ["pending:", *_or_none(columns((m.name, m.revision) for m in status.pending))]
    return [*lines, *(_unfinished_lines(status.unfinished) if status.unfinished else ())]


def _unfinished_lines(entry: Entry) -> list[str]:
    """A run that stopped half-way: where, why, and what can be done."""
    other = "upgrade" if entry.kind == "downgrade" else "downgrade"
    what = "failed" if entry.outcome == "failed" else "stopped, or is still under way"
    step = entry.progress.step
    return [
        "half-way:",
        f"  the {entry.kind} of {entry.name} {what} at step {entry.progress.steps + 1}"
        + (f": {step}" if step else ""),
        *(f"  {line}" for line in (entry.error or "").splitlines()),
        f"  run by {entry.actor}, {_moment(entry.started_at)}",
        f"  to do: autodiff {entry.kind} goes on from there; autodiff {other} takes back what is "
        "done",
    ]


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
    }


def _applied_row(row: Any) -> tuple[str, ...]:
    return row.name, row.revision, _moment(row.applied_at)


def status_data(status: Status) -> dict[str, Any]:
    """The same, for --json."""
    return {
        "current": status.current,
        "applied": [
            {"revision": row.revision, "name": row.name, "applied_at": row.applied_at.isoformat()}
            for row in status.applied
        ],
        "pending": [migration_data(migration) for migration in status.pending],
        "unfinished": entry_data(status.unfinished) if status.unfinished else None,
    }


def history_lines(graph: Graph) -> list[str]:
    """The migrations, newest first; heads have a star."""
    newest_first = list(reversed(graph.migrations.values()))
    following = [*newest_first[1:], None]
    pairs = zip(newest_first, following, strict=False)
    return columns((_history_row(graph, *pair) for pair in pairs), indent="")


def _history_row(graph: Graph, migration: Migration, following: Migration | None) -> list[str]:
    star = "*" if migration.revision in graph.heads else " "
    return [star, migration.name, migration.revision, *_after(migration, following, graph)]


def _after(migration: Migration, following: Migration | None, graph: Graph) -> tuple[str, ...]:
    """The parents, where they are not simply the next line."""
    expected = (following.revision,) if following else ()
    if migration.parents == expected:
        return ()
    names = ", ".join(graph[parent].name for parent in migration.parents)
    return (f"after {names or 'nothing'}",)


def history_data(graph: Graph) -> dict[str, Any]:
    """The same, for --json."""
    newest_first = reversed(graph.migrations.values())
    return {
        "heads": list(graph.heads),
        "migrations": [migration_data(migration) for migration in newest_first],
    }


def script(statements: Mapping[str, Sequence[str]]) -> str:
    """A SQL script: the statements of each migration, under a comment that names it."""
    return "\n".join(
        "\n".join([f"-- {name}", *(f"{statement};" for statement in found)]) + "\n"
        for name, found in statements.items()
    )


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
