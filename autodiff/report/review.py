"""The review of migrations or of drift: everything that a report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from autodiff.lint.finding import SEVERITIES, Finding, Severity
from autodiff.plan.data_loss import DataLoss
from autodiff.rehearse.report import RehearsedHistory
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name, Table
from autodiff.schema.sqltext import terminate_statement

__all__ = [
    "MigrationSql",
    "Picture",
    "Problem",
    "Review",
    "ReviewedChange",
    "ReviewedMigration",
    "Sign",
    "Verdict",
]

Sign: TypeAlias = Literal["+", "-", "~"]
SIGNS: dict[Sign, str] = {"+": "added", "~": "changed", "-": "removed"}
"""What each sign means; the order is that of the counts."""

Verdict: TypeAlias = Literal["incomplete", "problems", "warnings", "clean"]
_FIRST_KINDS = ("schema", "table", "view", "column")
_PLURALS = {"index": "indexes", "loss of data": "losses of data"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedChange:
    """One change: `+` for what is added, `-` for what is removed, `~` for what changes.

    kind: the kind of object, such as `table` or `foreign key`.
    text: the change in words, without the sign.
    table: the table that it is about; None if there is none.
    line: the line of the migration; None if it is in no file.
    """

    sign: Sign
    kind: str
    text: str
    table: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSql:
    """The statements of an upgrade for one kind of database.

    problem: why they are not known; None if they are.
    """

    database: str
    statements: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def script(self) -> str:
        """The statements as a script: each one except comments ends with a semicolon."""
        return "\n".join(map(terminate_statement, self.statements))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedMigration:
    """A migration, with what it changes and its SQL.

    phase: its part of a rolling deploy, such as `expand`; None if it has none.
    """

    name: str
    revision: str
    message: str
    file: str
    phase: str | None = None
    changes: tuple[ReviewedChange, ...] = ()
    sql: tuple[MigrationSql, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A part of the review that could not be made.

    part: the part, such as `database` or the name of a migration.
    message: why.
    hint: what to do about it.
    """

    part: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The tables before and after the changes, and what was renamed in between."""

    before: Mapping[Name, Table] = field(default_factory=dict)
    after: Mapping[Name, Table] = field(default_factory=dict)
    names: NameMap = field(default_factory=NameMap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What migrations change, or how the models, the migrations and the database differ.

    subject: what is reviewed.
    title: the same in words.
    databases: the databases that it is for, with their versions if they are known.
    changes: what the migrations change, in order; or what would end the drift.
    sql: for drift, the statements that would end it.
    losses: the data that is lost, counted if a database was connected.
    findings: of lint, with their evidence; for drift, one for each difference.
    rehearsal: the result of running the migrations in a scratch database; None without one.
    not_rehearsed: why there is none.
    notes: what else to know, such as rows that were not counted.
    problems: the parts that could not be made; the review is incomplete if there are any.
    """

    subject: Literal["migrations", "drift"]
    title: str
    databases: tuple[str, ...] = ()
    migrations: tuple[ReviewedMigration, ...] = ()
    changes: tuple[ReviewedChange, ...] = ()
    sql: tuple[MigrationSql, ...] = ()
    losses: tuple[DataLoss, ...] = ()
    findings: tuple[Finding, ...] = ()
    rehearsal: RehearsedHistory | None = None
    not_rehearsed: str | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    picture: Picture = field(default_factory=Picture)

    @property
    def is_incomplete(self) -> bool:
        """Whether a part could not be made."""
        return bool(self.problems)

    @property
    def is_serious(self) -> bool:
        """Whether somebody must act: errors, warnings, or a rehearsal that failed."""
        failed = self.rehearsal is not None and not self.rehearsal.passed
        return failed or any(finding.is_serious for finding in self.findings)

    @property
    def verdict(self) -> Verdict:
        """The result in one word."""
        if self.is_incomplete:
            return "incomplete"
        failed = self.rehearsal is not None and not self.rehearsal.passed
        if failed or self.severities["error"]:
            return "problems"
        return "warnings" if self.severities["warning"] or self.losses else "clean"

    @property
    def severities(self) -> dict[Severity, int]:
        """How many findings there are of each severity."""
        counted = Counter(finding.severity for finding in self.findings)
        return {severity: counted[severity] for severity in SEVERITIES}

    @property
    def counts(self) -> tuple[str, ...]:
        """How many objects of each kind are added, changed and removed, such as `+2 tables`."""
        return tuple(
            f"{sign}{len(found)} {plural(kind, len(found))}"
            for (sign, kind), found in grouped_changes(self.changes).items()
        )

    @property
    def verdict_line(self) -> str:
        """The verdict as a sentence."""
        found = [f"{count} {plural(word, count)}" for word, count in self._found() if count]
        listed = ", ".join(found)
        if self.is_incomplete:
            missing = f"Incomplete: {self.problems[0].part} could not be read"
            return f"{missing}; found so far: {listed}" if found else missing
        if self.subject == "drift":
            return f"Drift: {listed}" if self.findings else "No drift"
        if not self.migrations and not self.findings:
            return "No migrations to review"
        heads = {"problems": "Problems", "warnings": "Review needed"}
        head = heads.get(self.verdict)
        return "No problems found" if head is None else f"{head}: {listed}"

    def _found(self) -> list[tuple[str, int]]:
        severities = self.severities
        steps = self.rehearsal.steps if self.rehearsal is not None else ()
        failed = sum(step.status == "failed" for step in steps)
        if self.rehearsal is not None and not self.rehearsal.passed:
            failed = max(failed, 1)
        if self.subject == "drift":
            return [("difference", severities["error"] + severities["warning"])]
        return [
            ("error", severities["error"]),
            ("warning", severities["warning"]),
            ("failed rehearsal", failed),
            ("loss of data", len(self.losses)),
        ]


def grouped_changes(
    changes: Iterable[ReviewedChange],
) -> dict[tuple[Sign, str], list[ReviewedChange]]:
    """Return the changes by sign and kind: what is added first, and tables before columns."""
    found: dict[tuple[Sign, str], list[ReviewedChange]] = {}
    for change in changes:
        found.setdefault((change.sign, change.kind), []).append(change)
    signs = list(SIGNS)
    ranks = {kind: rank for rank, kind in enumerate(_FIRST_KINDS)}
    order = sorted(found, key=lambda key: (signs.index(key[0]), ranks.get(key[1], len(ranks))))
    return {key: found[key] for key in order}


def plural(word: str, count: int) -> str:
    """Return a word for a number of things."""
    return word if count == 1 else _PLURALS.get(word, f"{word}s")
