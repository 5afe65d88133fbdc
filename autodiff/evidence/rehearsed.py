"""Add what a rehearsal has measured to the findings about the same statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from autodiff.errors import one_line
from autodiff.evidence.subjects import FollowedStep
from autodiff.lint import Evidence, Finding
from autodiff.lint.replay import NOT_VALID
from autodiff.lint.statements import ValidateConstraint
from autodiff.rehearse.measured import MeasuredStatement
from autodiff.rehearse.rates import WORTH_ESTIMATING, Rates
from autodiff.schema.objects import Check, Exclusion, ForeignKey, Name, PrimaryKey, Unique
from autodiff.schema.operations import AddConstraint, AlterColumn, CreateIndex
from autodiff.utils.counting import counted

__all__ = ["estimates", "with_rehearsal"]

_WORDS = {
    "copy": "copies rows",
    "index": "builds an index",
    "scan": "reads rows",
}


def with_rehearsal(
    findings: Iterable[Finding], statements: Mapping[str, Sequence[MeasuredStatement]]
) -> tuple[Finding, ...]:
    """Return the findings with the locks, rewrites and algorithms of their statements.

    statements: those that were measured, by the name of the migration.
    """
    return tuple(
        replace(finding, evidence=(*finding.evidence, *_evidence(finding, statements)))
        for finding in findings
    )


def _evidence(
    finding: Finding, statements: Mapping[str, Sequence[MeasuredStatement]]
) -> Iterator[Evidence]:
    seen: set[tuple[str, str]] = set()
    for statement in _statements_of(finding, statements.get(finding.migration or "", ())):
        for fact, value, sentence in statement.effects.facts():
            if (fact, sentence) not in seen:
                seen.add((fact, sentence))
                yield Evidence(fact=fact, value=value, text=one_line(sentence), source="rehearsal")


def _statements_of(
    finding: Finding, statements: Iterable[MeasuredStatement]
) -> list[MeasuredStatement]:
    """Return the statements on the line of a finding that name its object best.

    A statement without a line is taken if it names the object.
    """
    parts = (finding.object or "").split(".")
    found = [each for each in statements if each.line in (finding.line, None)]
    scores = [sum(bool(part) and part in each.sql for part in parts) for each in found]
    best = max(scores, default=0)
    return [
        each
        for each, score in zip(found, scores, strict=True)
        if score == best and (each.line is not None or score)
    ]


def estimates(
    finding: Finding,
    followed: FollowedStep,
    rows: Mapping[Name, int],
    rates: Mapping[Name, Rates],
) -> Iterator[Evidence]:
    """Yield the estimated duration of a step, by the rate that the scratch database had.

    rows, rates: by the names of the tables in the live database.
    """
    for table, kind in _work(finding, followed):
        name = followed.live_name(table)
        count, rate = rows.get(name, 0), rates.get(name)
        if rate is None or count < WORTH_ESTIMATING:
            continue
        speed = float(getattr(rate, kind))
        yield Evidence(
            fact="estimated_seconds",
            value=round(count / speed, 1),
            text=f"estimate: {_duration(count / speed)} for {counted(count, 'row')}, "
            f"if the database {_WORDS[kind]} as fast as the scratch database ({speed:,.0f} rows/s, "
            f"measured with {rate.rows:,} rows)",
            source="rehearsal",
        )


def _work(finding: Finding, followed: FollowedStep) -> Iterator[tuple[Name, str]]:
    """Yield the tables that a step reads or writes completely, with the kind of work."""
    action = followed.step.action
    table = getattr(action, "table", None)
    if not isinstance(table, Name):
        return
    if _is_copied(finding, table):
        yield table, "copy"
        return
    match action:
        case CreateIndex() | AddConstraint(constraint=PrimaryKey() | Unique() | Exclusion()):
            yield table, "index"
        case AddConstraint(constraint=ForeignKey() | Check() as constraint):
            if not constraint.options.get(NOT_VALID):
                yield table, "scan"
        case ValidateConstraint():
            yield table, "scan"
        case AlterColumn(after=patch) if patch.nullable is False:
            yield table, "scan"


def _is_copied(finding: Finding, table: Name) -> bool:
    """Return whether the rehearsal has seen that the table is written anew."""
    for each in finding.evidence:
        if each.fact == "algorithm" and each.value == "COPY":
            return True
        if each.fact == "rewritten" and str(table) in str(each.value).split(", "):
            return True
    return False


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"about {seconds:.0f} s"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
