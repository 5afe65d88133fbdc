"""Format the results of many databases: as rows and lines for people, as data for --json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from autodiff.cli.terminal import format_duration
from autodiff.utils.values import first_names

if TYPE_CHECKING:
    from autodiff.fleet import Outcome, Outcomes, TargetStatus

__all__ = [
    "outcome_lines",
    "outcome_rows",
    "outcome_text",
    "outcomes_data",
    "target_status_lines",
    "target_status_rows",
    "target_statuses_data",
]

Rows = tuple[Sequence[str], list[list[str]]]
"""The headings of the columns, and a row for each target."""


def outcome_rows(outcomes: Outcomes) -> Rows:
    """Return the headings of the columns and a row for the outcome of each target."""
    headings = ("target", "from", "to", "migrations", "time", "outcome")
    return headings, [_outcome_row(outcome) for outcome in outcomes]


def _outcome_row(outcome: Outcome) -> list[str]:
    if outcome.seconds is None:
        return [outcome.name, "", "", "", "", outcome_text(outcome)]
    # Without a migration a target is at the base, or it could not be read:
    no_migration = "base" if outcome.succeeded or outcome.after else ""
    return [
        outcome.name,
        outcome.before or no_migration,
        outcome.after or no_migration,
        str(len(outcome.migrations)),
        format_duration(outcome.seconds),
        "failed" if outcome.result == "failed" else outcome_text(outcome),
    ]


def outcome_text(outcome: Outcome) -> str:
    """Return the result of an outcome and the first line of its error."""
    reason = (outcome.error or "").partition("\n")[0]
    return f"{outcome.result}: {reason}" if reason else outcome.result


def outcome_lines(outcomes: Outcomes) -> list[str]:
    """Return the errors, each with its targets and its hint, and the number of each result."""
    failed = [outcome for outcome in outcomes if outcome.result == "failed"]
    counts = Counter(outcome.result for outcome in outcomes)
    parts = [f"{count} {result}" for result, count in counts.items()]
    parts += [f"{outcomes.missing} without an outcome"] if outcomes.missing else []
    lines = [*_error_lines(failed), ", ".join(parts) or "no targets"]
    return lines if outcomes.run is None else [*lines, f"run: {outcomes.run}"]


def _error_lines(failed: Iterable[Outcome | TargetStatus]) -> list[str]:
    """Return each distinct error once, after the names of its targets."""
    names_by_error: dict[tuple[str, str | None], list[str]] = {}
    for item in failed:
        names_by_error.setdefault((item.error or "", item.hint), []).append(item.name)
    lines = []
    for (error, hint), names in names_by_error.items():
        lines += [f"failed: {first_names(names)}", *(f"  {line}" for line in error.splitlines())]
        lines += [f"  hint: {hint}"] if hint else []
        lines.append("")
    return lines


def outcomes_data(outcomes: Outcomes) -> dict[str, Any]:
    """Return the outcomes for --json."""
    return {
        "direction": outcomes.direction,
        "target": outcomes.target,
        "interrupted": outcomes.interrupted,
        "run": outcomes.run,
        "missing": outcomes.missing,
        "counts": dict(Counter(outcome.result for outcome in outcomes)),
        "targets": [asdict(outcome) for outcome in outcomes],
    }


def target_status_rows(statuses: Sequence[TargetStatus]) -> Rows:
    """Return the headings of the columns and a row for the status of each target."""
    headings = ("target", "at", "applied", "pending", "note")
    return headings, [_target_status_row(status) for status in statuses]


def _target_status_row(status: TargetStatus) -> list[str]:
    if status.error is not None:
        return [status.name, "", "", "", "failed"]
    note = f"half-way: {status.unfinished}" if status.unfinished else ""
    counts = [str(status.applied), str(len(status.pending))]
    return [status.name, status.current or "base", *counts, note]


def target_status_lines(statuses: Sequence[TargetStatus]) -> list[str]:
    """Return the errors of targets, and how many targets are up to date, behind and failed."""
    failed = [status for status in statuses if status.error is not None]
    behind = sum(bool(status.pending) for status in statuses)
    current = len(statuses) - behind - len(failed)
    summary = [f"{current} up to date", f"{behind} behind"]
    summary += [f"{len(failed)} failed"] if failed else []
    return [*_error_lines(failed), ", ".join(summary) if statuses else "no targets"]


def target_statuses_data(statuses: Sequence[TargetStatus]) -> dict[str, Any]:
    """Return the statuses for --json."""
    return {"targets": [asdict(status) for status in statuses]}
