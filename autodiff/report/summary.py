"""Parts of a review in the form in which Markdown and HTML show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.report.review import grouped_changes, plural

if TYPE_CHECKING:
    from autodiff.lint.finding import Finding
    from autodiff.report.review import Review, ReviewedChange, Sign

__all__ = ["ChangeGroup", "change_groups", "finding_place", "rehearsal_lines", "sorted_findings"]

_NO_REHEARSAL = "the migrations were not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGroup:
    """The changes of one sign and one kind: `+2 tables`, and their objects.

    hidden: how many objects are left out.
    """

    sign: Sign
    count: str
    objects: tuple[str, ...]
    hidden: int


def change_groups(changes: Sequence[ReviewedChange], *, shown: int = 6) -> list[ChangeGroup]:
    """Return the changes by sign and kind, in the order of the signs."""
    return [
        ChangeGroup(
            sign=sign,
            count=f"{sign}{len(objects)} {plural(kind, len(objects))}",
            objects=tuple(item.text.removeprefix(f"{kind} ") for item in objects[:shown]),
            hidden=max(len(objects) - shown, 0),
        )
        for (sign, kind), objects in grouped_changes(changes).items()
    ]


def sorted_findings(review: Review) -> list[Finding]:
    """Return the findings, the most severe ones first."""
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(review.findings, key=lambda finding: order[finding.severity])


def finding_place(finding: Finding) -> str:
    """Return the file and the line of a finding, or the object that it is about."""
    if finding.file is None:
        return finding.object or finding.migration or ""
    line = f":{finding.line}" if finding.line else ""
    return f"{finding.file.as_posix()}{line}"


def rehearsal_lines(review: Review) -> list[str]:
    """Return a sentence about the rehearsal; the lines of what was found come after it."""
    result = review.rehearsal
    if result is None:
        return [f"Not rehearsed: {review.not_rehearsed or _NO_REHEARSAL}."]
    *lines, last = result.lines()
    head = "Rehearsed up, down and up again in a scratch database"
    return [f"{head}: {last}.", *lines, *(f"note: {note}" for note in result.notes)]
