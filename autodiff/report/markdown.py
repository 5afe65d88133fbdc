"""The review as Markdown for a pull request: one screen, and details that are folded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from autodiff.report.diagram import draw_changes
from autodiff.report.mermaid import render_mermaid
from autodiff.report.summary import (
    change_groups,
    finding_place,
    rehearsal_lines,
    sorted_findings,
)
from autodiff.report.templates import markdown_template
from autodiff.utils.counting import counted
from autodiff.utils.quoting import html_text, markdown_fence, markdown_text, one_line

if TYPE_CHECKING:
    from autodiff.report.review import MigrationSql, Review, ReviewedMigration

__all__ = ["LIMIT", "render_markdown"]

LIMIT = 65_536
"""GitHub refuses a longer comment. GitLab allows a million characters."""
_ROOM_FOR_NOTICE = 400
_FINDINGS = 12
"""How many findings the first screen has; the details have all."""
_LOSSES = 8
_TABLES = 30
"""How many tables the diagram has: Mermaid draws larger ones too small to read."""
_LONGEST = 300
"""How many characters of one text the first screen has."""


def render_markdown(review: Review, *, limit: int = LIMIT) -> str:
    """Return the review as Markdown of at most `limit` characters.

    If it would be longer, whole sections are left out, and a sentence reports this.
    """
    text = _head(review)
    room = limit - _ROOM_FOR_NOTICE
    left_out = 0
    for title, block in _blocks(review):
        section = f"\n<details>\n<summary>{html_text(title)}</summary>\n\n{block}\n\n</details>\n"
        if len(text) + len(section) > room:
            left_out += 1
        else:
            text += section
    if left_out:
        count = counted(left_out, "section was", "sections were")
        text += (
            f"\n**Cut:** {count} left out, because a comment can have at most {limit:,} "
            "characters. Run `autodiff report --format html` for the whole report.\n"
        )
    return text


def _head(review: Review) -> str:
    findings = [finding for finding in sorted_findings(review) if finding.is_serious]
    return markdown_template("review.md.j2").render(
        review=review,
        groups=change_groups(review.changes),
        findings=findings[:_FINDINGS],
        more_findings=max(len(findings) - _FINDINGS, 0),
        losses=review.losses[:_LOSSES],
        more_losses=max(len(review.losses) - _LOSSES, 0),
        rehearsal=rehearsal_lines(review)[0],
        place=finding_place,
        short=_short,
    )


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _blocks(review: Review) -> Iterator[tuple[str, str]]:
    """Yield the title and the text of each folded section, the most important ones first."""
    if review.findings:
        template = markdown_template("findings.md.j2")
        count = len(review.findings)
        title = counted(count, "finding with its reason", "findings with their reasons")
        found = sorted_findings(review)
        yield (
            f"{title} and the safe way",
            template.render(findings=found, place=finding_place).strip(),
        )
    diagram = draw_changes(review.picture, limit=_TABLES)
    if diagram.boxes:
        left = (
            f"\n\n{counted(diagram.hidden, 'more table is', 'more tables are')} not drawn."
            if diagram.hidden
            else ""
        )
        yield (
            "Diagram of the tables concerned",
            (markdown_fence(render_mermaid(diagram), "mermaid") + left),
        )
    if len(lines := rehearsal_lines(review)) > 1:
        yield "Rehearsal", "\n".join(f"- {markdown_text(line.strip())}" for line in lines)
    for migration in review.migrations:
        yield from _migration(migration)
    for item in review.sql:
        yield f"SQL for {item.database}", _sql(item)


def _migration(migration: ReviewedMigration) -> Iterator[tuple[str, str]]:
    phase = f" (phase {migration.phase})" if migration.phase else ""
    changes = [f"{change.sign} {one_line(change.text)}" for change in migration.changes]
    if changes:
        title = f"{migration.name}{phase}: changes"
        yield title, markdown_fence("\n".join(changes), "diff")
    for item in migration.sql:
        yield f"{migration.name}{phase}: SQL for {item.database}", _sql(item)


def _sql(item: MigrationSql) -> str:
    if item.problem is not None:
        return f"The SQL is not known: {markdown_text(item.problem)}"
    return markdown_fence(item.script, "sql")
