"""The schema as it will be after the migrations that wait for a deploy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from autodiff.commands.paper_replay import PaperReplay
from autodiff.dialects import Dialect
from autodiff.errors import ConfigError
from autodiff.migrations import Migration
from autodiff.runner.deploys import DeployPhase, until_deploy
from autodiff.schema.objects import Schema
from autodiff.workspace import Workspace

__all__ = ["phase_target", "schema_after_awaited"]


def schema_after_awaited(schema: Schema, pending: Sequence[Migration], dialect: Dialect) -> Schema:
    """Return a schema after the pending migrations of a change that has begun.

    Between its phases, the database has columns, indexes and triggers that no model has.
    """
    begun = takewhile(lambda migration: migration.phase in ("migrate", "contract"), pending)
    replay = PaperReplay(dialect, schema)
    for migration in begun:
        if migration.is_for(dialect):
            replay.read(migration)
    return replay.schema


def phase_target(project: Workspace, target: str, phase: DeployPhase) -> str | None:
    """Return the last migration to apply before the next deploy; None if there is nothing to do.

    Raises ConfigError for another target than the head, HistoryError if the deploy must come first.
    """
    if target != "head":
        raise ConfigError(
            f"--phase applies all migrations before a deploy, not those up to {target}",
            hint="remove the target, or --phase",
        )
    with project.open_runner() as runner:
        steps = until_deploy(runner.ahead("upgrade", target), phase)
    return steps[-1].revision if steps else None
