"""Measure the facts of findings in a live database: read-only, and bounded in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar, cast

from autodiff.autogenerate.live_queries import ask
from autodiff.dialects.scope import Scope
from autodiff.dialects.table_size import TableSize
from autodiff.errors import one_line
from autodiff.evidence.questions import Question, live_tables, questions_about
from autodiff.evidence.rehearsed import estimates
from autodiff.evidence.subjects import FollowedStep, follow_steps, steps_of, tables_in
from autodiff.lint import Evidence, Finding
from autodiff.rehearse.rates import Rates
from autodiff.schema.objects import Name, Schema
from autodiff.utils.counting import counted

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects import Dialect
    from autodiff.migrations import Migration

__all__ = ["Measured", "measure_live"]

T = TypeVar("T")

_TOGETHER = 6
"""How many times the limit of one query all queries may take: a person waits for the answer."""
_NO_LIMIT = 86_400.0
"""Seconds instead of no limit: the settings of the servers have different words for that."""
_ESTIMATED_FROM = 1_000_000
"""Rows from which the estimate of the catalog is enough: counting them takes noticeably long."""
_WITHOUT = ("AD3", "AD5", "AD6", "AD9")
"""Groups of rules that are not about rows or about the time that a step takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The findings with their evidence; `problem` says why it is incomplete, if it is."""

    findings: tuple[Finding, ...]
    problem: str | None = None


def measure_live(
    connection: Connection,
    dialect: Dialect,
    findings: Sequence[Finding],
    pending: Sequence[Migration],
    *,
    seconds: float,
    rates: Mapping[Name, Rates] = MappingProxyType({}),
) -> Measured:
    """Return the findings, with evidence from the database for those in pending migrations.

    Args:
        connection: A connection that is not in a transaction; nothing is written.
        dialect: The database.
        findings: The findings of lint, in any migrations.
        pending: The migrations that are not applied, in order.
        seconds: The time limit of each query; 0 is no limit.
        rates: How fast a scratch database was, by the live names of the tables.
    """
    measure = _Measure(connection, dialect, seconds, rates)
    found: list[Finding] = []
    problem = None
    try:
        measure.follow(pending)
        for finding in findings:
            found.append(measure.with_evidence(finding))
    except _GoneError as error:
        problem = str(error)
    return Measured(findings=(*found, *findings[len(found) :]), problem=problem)


class _GoneError(Exception):
    """The database does not answer any longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """The number that a query returned; None, with a problem, if it was not run to its end."""

    value: int | None = None
    problem: str = ""


class _Measure:
    """Asks the questions of several findings; each query is run once."""

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        seconds: float,
        rates: Mapping[Name, Rates] = MappingProxyType({}),
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._seconds = seconds or _NO_LIMIT
        self._end = time.monotonic() + _TOGETHER * self._seconds
        self._rates = rates
        self._steps: list[FollowedStep] = []
        self._live = Schema()
        self._sizes: Mapping[Name, TableSize] = {}
        self._answers: dict[str, _Answer] = {}
        self.counted: dict[Name, int] = {}

    def follow(self, pending: Sequence[Migration]) -> None:
        """Read the live tables, and the steps of the migrations from there."""
        if not pending:
            return
        schemas = {
            name.schema
            for each in follow_steps(pending, self._dialect, {})
            for name in tables_in(each.step.action)
            if name.schema
        }
        scope = Scope(namespaces=tuple(sorted(schemas)))
        read = self._dialect.catalog.reflect
        found = self._read(lambda: read(self._connection, scope))
        if isinstance(found, Schema):
            self._live = found
        self._steps = follow_steps(pending, self._dialect, self._live.tables)
        names = {name for each in self._steps for name in live_tables(each, self._live.tables)}
        sizes = self._dialect.catalog.table_sizes
        size = self._read(lambda: sizes(self._connection, sorted(names))) if names else {}
        self._sizes = size if isinstance(size, Mapping) else {}

    def with_evidence(self, finding: Finding) -> Finding:
        """Return a finding with the facts about it."""
        is_other = finding.databases and not any(map(self._dialect.matches, finding.databases))
        if is_other or finding.code.startswith(_WITHOUT):
            return finding
        facts: dict[tuple[str, str], Evidence] = {}
        for each in steps_of(finding, self._steps):
            for fact in (*self._facts(each), *self._estimates(finding, each)):
                facts.setdefault((fact.fact, fact.text), fact)
        return replace(finding, evidence=(*finding.evidence, *facts.values()))

    def _facts(self, followed: FollowedStep) -> Iterator[Evidence]:
        for name in live_tables(followed, self._live.tables):
            yield from self._size(name)
        for question in questions_about(followed, self._live, self._dialect):
            answer = self._ask(question.query)
            yield _evidence(question, answer, self._total(question.table))

    def _estimates(self, finding: Finding, followed: FollowedStep) -> Iterator[Evidence]:
        return estimates(finding, followed, self.counted, self._rates)

    def _size(self, name: Name) -> Iterator[Evidence]:
        rows = self._estimate(name)
        if rows is not None:
            yield _fact(
                "estimated_rows", rows, f"{name} has about {rows:,} rows (estimate of the catalog)"
            )
        else:
            yield self._count(name)
        size = self._sizes.get(name, TableSize()).bytes
        if size is not None:
            yield _fact("bytes", size, f"{name} takes {_in_units(size)} with its indexes")

    def _estimate(self, name: Name) -> int | None:
        """Return the catalog's estimate of the rows of a huge table."""
        rows = self._sizes.get(name, TableSize()).rows
        if rows is None or rows < _ESTIMATED_FROM:
            return None
        self.counted[name] = rows
        return rows

    def _count(self, name: Name) -> Evidence:
        answer = self._ask(f"SELECT count(*) FROM {self._dialect.quote_name(name)}")
        if answer.value is None:
            return _fact("rows", "not counted", f"rows of {name} not counted: {answer.problem}")
        self.counted[name] = answer.value
        return _fact("rows", answer.value, f"{name} has {_rows(answer.value)}")

    def _total(self, name: Name) -> str:
        """Return the number of all rows as text, if it is known."""
        if name not in self.counted:
            return ""
        about = "about " if self._estimate(name) is not None else ""
        return f"{about}{_rows(self.counted[name])}"

    # Queries

    def _ask(self, query: str) -> _Answer:
        if query not in self._answers:
            self._answers[query] = self._answer(query)
        return self._answers[query]

    def _answer(self, query: str) -> _Answer:
        found = self._read(lambda: self._number(query))
        return _Answer(problem=found) if isinstance(found, str) else _Answer(value=found)

    def _number(self, query: str) -> int:
        result = self._connection.exec_driver_sql(query, execution_options={"no_parameters": True})
        return int(result.scalar_one())

    def _read(self, read: Callable[[], T]) -> T | str:
        """Return what a function reads within the time limit, or why there is no result."""
        seconds = min(self._seconds, self._end - time.monotonic())
        limit = _TOGETHER * self._seconds
        answer = ask(
            self._connection,
            self._dialect,
            read,
            seconds,
            f"all queries together took longer than {limit:g} s",
            too_long=f"took longer than {seconds:.3g} s",
        )
        if answer.problem and (self._connection.closed or self._connection.invalidated):
            raise _GoneError(answer.problem)
        return answer.problem or cast(T, answer.found)


def _evidence(question: Question, answer: _Answer, total: str) -> Evidence:
    if answer.value is None:
        text = f"{question.fact} of {question.place} not counted: {answer.problem}"
        return _fact(question.fact, "not counted", text)
    return _fact(question.fact, answer.value, question.text(answer.value, total))


def _fact(fact: str, value: int | str, text: str) -> Evidence:
    return Evidence(fact=fact, value=value, text=one_line(text))


def _rows(count: int) -> str:
    return counted(count, "row")


def _in_units(size: float) -> str:
    """Return a number of bytes with a unit, such as "1.2 GB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}" if unit != "bytes" else f"{size:,.0f} bytes"
        size /= 1000
    return f"{size:,.1f} TB"
