"""The review as plain data, for JSON. `docs/schemas/review-1.json` is its JSON Schema."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from autodiff.report.diagram import draw_changes
from autodiff.report.review import SIGNS
from autodiff.utils.quoting import json_text

if TYPE_CHECKING:
    from autodiff.plan.data_loss import DataLoss
    from autodiff.report.review import MigrationSql, Review, ReviewedChange, ReviewedMigration

__all__ = ["VERSION", "render_json", "review_data"]

VERSION = 1
"""Raised when a field is removed or gets another meaning, not when one is added."""


def render_json(review: Review) -> str:
    """Return the review as JSON."""
    return json_text(review_data(review)) + "\n"


def review_data(review: Review) -> dict[str, Any]:
    """Return the review as plain data."""
    return {
        "version": VERSION,
        "subject": review.subject,
        "title": review.title,
        "verdict": review.verdict,
        "summary": review.verdict_line,
        "complete": not review.is_incomplete,
        "databases": list(review.databases),
        "counts": _counts(review),
        "changes": [_change(change) for change in review.changes],
        "migrations": [_migration(migration) for migration in review.migrations],
        "sql": [_sql(item) for item in review.sql],
        "data_loss": [_loss(loss) for loss in review.losses],
        "findings": [finding.to_data() for finding in review.findings],
        "rehearsal": review.rehearsal.to_data() if review.rehearsal is not None else None,
        "not_rehearsed": review.not_rehearsed,
        "tables": _tables(review),
        "notes": list(review.notes),
        "problems": [asdict(problem) for problem in review.problems],
    }


def _counts(review: Review) -> list[dict[str, Any]]:
    counted = Counter((change.kind, change.sign) for change in review.changes)
    return [
        {"kind": kind, **{word: counted[kind, sign] for sign, word in SIGNS.items()}}
        for kind in dict.fromkeys(change.kind for change in review.changes)
    ]


def _change(change: ReviewedChange) -> dict[str, Any]:
    return {
        "change": SIGNS[change.sign],
        "kind": change.kind,
        "text": change.text,
        "table": change.table,
        "line": change.line,
    }


def _sql(item: MigrationSql) -> dict[str, Any]:
    return {**asdict(item), "statements": list(item.statements)}


def _migration(migration: ReviewedMigration) -> dict[str, Any]:
    return {
        "name": migration.name,
        "revision": migration.revision,
        "message": migration.message,
        "file": migration.file,
        "phase": migration.phase,
        "changes": [_change(change) for change in migration.changes],
        "sql": [_sql(item) for item in migration.sql],
    }


def _loss(loss: DataLoss) -> dict[str, Any]:
    return {
        "kind": loss.kind,
        "place": loss.place,
        "message": loss.message,
        "count": loss.count,
        "unit": loss.unit,
        "problem": loss.problem,
    }


def _tables(review: Review) -> list[dict[str, Any]]:
    """Return the tables that change and those linked to them, with their columns."""
    diagram = draw_changes(review.picture)
    titles = {box.key: box.title for box in diagram.boxes}
    return [
        {
            "name": box.title,
            "change": SIGNS[box.mark] if box.mark else None,
            "note": box.note or None,
            "parts": [
                {
                    "name": row.name,
                    "type": row.type or None,
                    "keys": list(row.keys),
                    "change": SIGNS[row.mark] if row.mark else None,
                    "note": row.note or None,
                }
                for row in box.rows
            ],
            "refers_to": sorted(
                {titles[edge.target] for edge in diagram.edges if edge.source == box.key}
            ),
        }
        for box in diagram.boxes
    ]
