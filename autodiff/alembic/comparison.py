"""Compare a database with models for Alembic, and rehearse the revision with Alembic itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autodiff.alembic.rehearsal import rehearse_revision
from autodiff.alembic.statements import predict_statements, record_statements
from autodiff.alembic.steps import Revision, comment_step, revision_of
from autodiff.autogenerate.dependents import find_broken_dependents
from autodiff.autogenerate.domains import DOMAIN_HINT, domain_findings
from autodiff.autogenerate.moved_tables import read_outside_tables
from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.planning import all_renames, parse_fills, parse_maps, plan_difference
from autodiff.autogenerate.prerequisites import find_prerequisites
from autodiff.autogenerate.questions import Assume, NoAnswers, Questioner
from autodiff.autogenerate.rename_search import find_renamed_difference
from autodiff.autogenerate.rewriting import RewritePlan
from autodiff.autogenerate.schemas import read_schemas
from autodiff.commands.drop_guard import ALL_TABLES, refuse_drops
from autodiff.commands.generate import UNWANTED, refuse_failed, refuse_unrehearsed
from autodiff.dialects import Dialect, dialect_of
from autodiff.dialects.scope import EVERYTHING, Selection
from autodiff.errors import PlanError
from autodiff.models.scalar_defaults import default_fills
from autodiff.rehearse.proof import Proof
from autodiff.render.python import RenderType
from autodiff.schema.objects import Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["Answers", "Drafted", "draft_revision"]

Filter = Callable[[Schema, Schema, Dialect], tuple[Schema, Schema]]
"""Leaves objects of the current and the desired schema alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a comparison needs to know besides the models; the arguments of `autodiff generate`."""

    renames: tuple[str, ...] = ()
    fills: Mapping[str, str] | Iterable[str] = ()
    maps: Mapping[str, str] | Iterable[str] = ()
    assume: Assume = None
    exclude_tables: tuple[str, ...] = ()
    allow_drop: tuple[str, ...] = (ALL_TABLES,)
    scratch_url: sa.URL | None = None
    rehearse: bool = True
    require_rehearsal: bool = False
    data_checks: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """The steps of a revision that is not written yet.

    settled: False if SQL texts were compared literally, because there was no scratch database.
    proof: the result of the rehearsal, or why there was none.
    """

    plan: Plan
    steps: Revision
    proof: Proof
    settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unfiltered:
    """Leaves nothing alone."""

    def __call__(self, current: Schema, desired: Schema, _: Dialect) -> tuple[Schema, Schema]:
        return current, desired


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRequest:
    """The two sides of a comparison.

    texts: the revisions so far; what they mention needs no finding.
    selection: the objects that are managed. `answers.exclude_tables` leaves out more.
    rewrite, render_type: functions of the project; see its settings `rewrite_plan` and
        `render_type`.
    """

    metadata: Sequence[sa.MetaData]
    answers: Answers = field(default_factory=Answers)
    questioner: Questioner = field(default_factory=NoAnswers)
    select: Filter = field(default_factory=_Unfiltered)
    texts: Sequence[str] = ()
    selection: Selection = EVERYTHING
    rewrite: RewritePlan | None = None
    render_type: RenderType | None = None


def draft_revision(connection: sa.Connection, request: ComparisonRequest) -> Drafted | None:
    """Return the rehearsed steps that make the database match the models; None without any.

    Raises ModelsError, RenameUndecidedError, FillNeededError, DropRefusedError, PlanError or
    RehearsalFailedError.
    """
    found = _plan(connection, request)
    if found is None:
        return None
    plan, settled = found
    steps, proof = _rehearsed(connection, plan, request)
    refuse_unrehearsed(proof, required=request.answers.require_rehearsal)
    if proof.skipped is not None:
        note = comment_step(f"Not rehearsed, because {proof.skipped}.")
        steps = replace(steps, upgrade=(note, *steps.upgrade))
    return Drafted(plan=plan, steps=steps, proof=proof, settled=settled)


def _plan(connection: sa.Connection, request: ComparisonRequest) -> tuple[Plan, bool] | None:
    answers, metadata = request.answers, request.metadata
    dialect = dialect_of(connection, scratch_url=answers.scratch_url)
    excluded = (*request.selection.exclude, *answers.exclude_tables)
    selection = replace(request.selection, exclude=excluded)
    current, desired = read_schemas(connection, dialect, metadata, selection)
    current, desired = request.select(current, desired, dialect)
    problems = domain_findings(connection, dialect, desired)
    if problems:
        raise PlanError("; ".join(item.message for item in problems), hint=DOMAIN_HINT)
    outside = read_outside_tables(
        connection, dialect, current, desired, renames=answers.renames, selection=selection
    )
    difference = find_renamed_difference(
        connection,
        dialect,
        current,
        desired,
        all_renames(answers.renames, desired, current, dialect.default_schema, outside),
        request.questioner,
        answers.assume,
        create_scratch=True,
        maps=parse_maps(answers.maps),
        outside=outside,
    )
    if not difference.changes:
        return None
    live = connection if answers.data_checks else None
    connection.rollback()
    fills = parse_fills(answers.fills)
    defaults = default_fills(list(metadata), dialect)
    plan = plan_difference(difference, fills, request.questioner, live, defaults, request.rewrite)
    if not plan.changes:
        return None
    findings = (
        *find_broken_dependents(connection, plan),
        *find_prerequisites(connection, plan, request.texts),
    )
    plan = replace(plan, findings=(*plan.findings, *findings))
    refuse_drops(plan, answers.allow_drop, request.questioner)
    return plan, difference.settled


def _rehearsed(
    connection: sa.Connection, plan: Plan, request: ComparisonRequest
) -> tuple[Revision, Proof]:
    """Return the first of the attempts that passes a rehearsal with Alembic."""
    for steps in _attempts(connection, plan, request):
        if not request.answers.rehearse:
            return steps, UNWANTED
        proof = rehearse_revision(connection, plan, steps, request.metadata)
        if proof.passed:
            break
    refuse_failed(plan, proof)
    return steps, proof


def _attempts(
    connection: sa.Connection, plan: Plan, request: ComparisonRequest
) -> Iterator[Revision]:
    """Yield the steps of a plan, the most readable first.

    Calls of Alembic's operations are preferred. If they do not lead to the schema of the models,
    every step is SQL that a scratch database has run.
    """
    yield revision_of(plan, predict_statements(plan), request.render_type)
    performed = record_statements(connection, plan)
    if performed is not None:
        yield revision_of(plan, performed, request.render_type)
        yield revision_of(plan, performed, request.render_type, calls=False)
