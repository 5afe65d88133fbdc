"""Apply the difference between the models and a development database, without a file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.commands.generate import Draft, GenerateRequest, draft_migration
from autodiff.errors import ConfigError
from autodiff.migrations import read_migration
from autodiff.runner.loader import load_step
from autodiff.schema.json import schema_to_data
from autodiff.schema.objects import Schema

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["Push", "draft_push", "push_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Changes that are not applied yet."""

    project: Workspace
    draft: Draft

    @property
    def plan(self) -> Plan:
        """The changes, and the data that they lose."""
        assert self.draft.plan is not None
        return self.draft.plan

    def apply(self) -> None:
        """Apply the changes under the migration lock, and record them in the journal.

        Raises MigrationFailedError if a statement fails, LockedError if another run holds the lock.
        """
        with TemporaryDirectory() as name:
            file = Path(name) / self.draft.path.name
            file.write_text(self.draft.texts[self.draft.path], encoding="utf-8")
            step = load_step(read_migration(file), "upgrade")
            with self.project.open_runner(create=True) as runner:
                runner.push(step, push_key(self.project.declare(runner.dialect)))


def draft_push(project: Workspace, request: GenerateRequest) -> Push | None:
    """Return the changes that make the database match the models, None if it does.

    Raises ConfigError in a protected environment, HistoryError if migrations are not applied.
    """
    if project.config.protected:
        raise ConfigError(
            f"cannot push to the protected environment {project.config.env}: push is for "
            "development databases",
            hint='write a migration: autodiff generate -m "..."',
        )
    draft = draft_migration(project, request)
    return None if draft is None else Push(project=project, draft=draft)


def push_key(models: Schema) -> str:
    """Return a hash of the models for the journal, to recognize later what was pushed."""
    text = json.dumps(schema_to_data(models), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
