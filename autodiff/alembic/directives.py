"""Replace what `alembic revision --autogenerate` and `alembic check` find with a comparison.

Both entry points below do the same: the hook takes the place of Alembic's result, the plugin that
of Alembic's comparison.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodiff.errors import AutodiffError, ConfigError

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import MigrateOperation, MigrationScript, UpgradeOps
    from alembic.runtime.migration import MigrationContext

    from autodiff.alembic.comparison import Answers, Drafted

__all__ = ["compare_for_plugin", "process_revision_directives"]

_LOG = logging.getLogger("alembic.autodiff")
_OPTION = re.compile(r"--(rename|fill|map|assume|exclude-tables|scratch-url)[ =]")
_NAMES = {"rename": "renames", "fill": "fills", "map": "maps"}
"""The names of arguments of `alembic -x`, as in `-x rename=users.nick:nickname`."""


def process_revision_directives(
    context: MigrationContext, revision: object, directives: list[MigrationScript]
) -> None:
    """Replace the operations that Alembic found with those that autodiff finds.

    Pass it to `context.configure(process_revision_directives=...)` in env.py. `alembic revision
    --autogenerate` and `alembic check` then use autodiff's comparison, and the revision is
    rehearsed. Renames, and values for existing rows, are given with `-x`, such as
    `alembic -x fill=comments.timestamp=now revision --autogenerate -m "add timestamp"`, or with
    `context.configure(autodiff={"fills": {...}})`. The filters `include_object`, `include_name` and
    `include_schemas` are respected.

    Args:
        context: The context of Alembic.
        revision: The revision of the database.
        directives: The revision file that Alembic is about to write; empty if another hook decided
            that there is none.

    Raises:
        alembic.util.CommandError: The comparison failed; the message has the cause and a hint.
    """
    if not directives or not _is_autogenerate(context):
        return
    from alembic.autogenerate.api import AutogenContext

    upgrade, downgrade = _compare(AutogenContext(context, autogenerate=False))
    script = directives[0]
    script.upgrade_ops_list[-1].ops[:] = upgrade
    script.downgrade_ops_list[-1].ops[:] = downgrade


def compare_for_plugin(autogen_context: AutogenContext, upgrade_ops: UpgradeOps) -> object:
    """Compare in place of Alembic, as a comparator of an Alembic plugin."""
    from alembic.util import PriorityDispatchResult

    upgrade, downgrade = _compare(autogen_context)
    upgrade_ops.ops[:] = upgrade

    def reverse_into(downgrade_ops: Any) -> Any:
        downgrade_ops.ops[:] = downgrade
        return downgrade_ops

    # Alembic reverses each operation; the downgrade of a plan has its own operations.
    upgrade_ops.reverse_into = reverse_into  # type: ignore[method-assign]
    return PriorityDispatchResult.STOP


def _is_autogenerate(context: MigrationContext) -> bool:
    """Return whether Alembic compares: the hook is called for empty revisions too.

    That happens with the setting `revision_environment`.
    """
    options = getattr(_config(context), "cmd_opts", None)
    return bool(getattr(options, "autogenerate", True))


def _config(context: MigrationContext) -> Any:
    return getattr(context.environment_context, "config", None)


def _compare(
    autogen_context: AutogenContext,
) -> tuple[list[MigrateOperation], list[MigrateOperation]]:
    """Return the operations of the upgrade and of the downgrade."""
    from autodiff.alembic.operations import operations_for

    with _command_errors():
        drafted = _draft(autogen_context)
        if drafted is None:
            return [], []
        _report(drafted)
        steps = drafted.steps
        return (
            operations_for(steps.upgrade, autogen_context),
            operations_for(steps.downgrade, autogen_context),
        )


def _draft(autogen_context: AutogenContext) -> Drafted | None:
    from autodiff.alembic.comparison import ComparisonRequest, draft_revision
    from autodiff.alembic.filters import Filters

    context = autogen_context.migration_context
    metadata = _metadata(autogen_context)
    answers = _answers(context)
    with _connection(context) as connection:
        request = ComparisonRequest(
            metadata=metadata,
            answers=answers,
            select=Filters(context=autogen_context, metadata=metadata, connection=connection),
            texts=_texts(context),
        )
        return draft_revision(connection, request)


def _metadata(autogen_context: AutogenContext) -> list[sa.MetaData]:
    import sqlalchemy as sa

    metadata = autogen_context.metadata
    if metadata is None:
        raise ConfigError(
            "env.py passes no target_metadata to context.configure()",
            hint="set target_metadata to the MetaData of the models",
        )
    return [metadata] if isinstance(metadata, sa.MetaData) else list(metadata)


@contextmanager
def _connection(context: MigrationContext) -> Iterator[sa.Connection]:
    """Yield a connection besides Alembic's own, whose transaction must not end."""
    own = context.connection
    if own is None:
        raise ConfigError("the comparison needs a database", hint="run Alembic without --sql")
    with own.engine.connect() as connection, _same_search_path(own, connection):
        yield connection


@contextmanager
def _same_search_path(source: sa.Connection, target: sa.Connection) -> Iterator[None]:
    """Let one connection look for names in the schemas of another one, and restore it."""
    from autodiff.dialects import dialect_of

    session = dialect_of(target).session
    wanted, own = session.search_path(source), session.search_path(target)
    if wanted is None or own is None or wanted == own:
        yield
        target.rollback()
        return
    session.use_search_path(target, wanted)
    try:
        yield
    finally:
        target.rollback()
        session.use_search_path(target, own)


def _texts(context: MigrationContext) -> list[str]:
    """Return the texts of the revisions so far."""
    script = getattr(context.environment_context, "script", None)
    paths = [Path(revision.path) for revision in script.walk_revisions()] if script else []
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]


def _answers(context: MigrationContext) -> Answers:
    """Return what env.py (`autodiff={...}`) and the command line (`-x`) say."""
    from autodiff.alembic.comparison import Answers
    from autodiff.utils.connections import parse_url

    given: dict[str, Any] = dict(context.opts.get("autodiff") or {})
    known = {item.name for item in fields(Answers)}
    if unknown := sorted(set(given) - known):
        raise ConfigError(
            f"context.configure(autodiff=...) has the unknown key {unknown[0]!r}",
            hint=f"use {', '.join(sorted(known))}",
        )
    environment = context.environment_context
    for text in environment.get_x_argument() if environment is not None else ():
        key, _, value = text.partition("=")
        if key in _NAMES:
            name = _NAMES[key]
            given[name] = (*_texts_of(given.get(name, ())), value)
        elif key == "assume":
            given["assume"] = value
    for name in ("renames", "exclude_tables", "allow_drop"):
        if name in given:
            given[name] = _texts_of(given[name])
    url = given.get("scratch_url")
    if isinstance(url, str):
        given["scratch_url"] = parse_url(url, Path.cwd())
    table = context.version_table
    schema = context.version_table_schema
    own = f"{schema}.{table}" if schema else table
    given["exclude_tables"] = (*given.get("exclude_tables", ()), own)
    return Answers(**given)


def _texts_of(value: str | Mapping[str, str] | Sequence[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping):
        return tuple(f"{key}={text}" for key, text in value.items())
    return tuple(value)


def _report(drafted: Drafted) -> None:
    """Log what a person should know before the revision is applied."""
    for finding in drafted.plan.findings:
        _LOG.warning("%s", finding.message)
    for loss in drafted.plan.data_loss:
        _LOG.warning("data loss: %s", loss)
    for note in drafted.proof.notes:
        _LOG.info("%s", note)
    if drafted.proof.skipped is not None:
        _LOG.warning("not rehearsed, because %s", drafted.proof.skipped)
    else:
        _LOG.info("rehearsed up and down in a scratch database")


@contextmanager
def _command_errors() -> Iterator[None]:
    """Raise Alembic's error for a message without a traceback."""
    from alembic.util import CommandError

    try:
        yield
    except AutodiffError as error:
        hint = _OPTION.sub(r"-x \1=", error.hint or "")
        raise CommandError(f"{error.message}\n  hint: {hint}" if hint else error.message) from error
