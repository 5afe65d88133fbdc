"""Draft the migration that replaces others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.commands.new_revision import GraphPosition, revision_of
from autodiff.errors import ConfigError
from autodiff.migrations import Graph, Migration
from autodiff.migrations.files import parse_migration
from autodiff.render import render_bodies, render_migration

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["draft_replacement"]


def draft_replacement(
    project: Workspace,
    graph: Graph,
    plan: Plan,
    replaced: Sequence[Migration],
    position: GraphPosition,
    *,
    name: str,
    message: str,
    dialects: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> tuple[Migration, str]:
    """Return the migration and its text; the text for the same migrations is always the same.

    Args:
        project: The project.
        graph: The migrations, with those that are replaced.
        plan: What the migration does.
        replaced: The migrations that it replaces.
        position: Its parents, labels and dependencies.
        name: The name of its file, without the ending.
        message: Its purpose.
        dialects: The kinds of databases that it is for; all if empty.
        notes: Paragraphs for its docstring.

    Raises:
        ConfigError: The template of the project leaves out something.
        HistoryError: The remaining migrations do not form a graph with it.
    """
    revisions = tuple(migration.revision for migration in replaced)
    templates = project.config.templates_dir
    bodies = render_bodies(plan, templates, project.render_type())

    def text(revision: str) -> str:
        return render_migration(
            plan,
            message=message,
            revision=revision,
            parents=position.parents,
            labels=position.labels,
            depends_on=position.depends_on,
            replaces=revisions,
            dialects=dialects,
            templates=templates,
            bodies=bodies,
            notes=notes if revision else (),
        )

    revision = revision_of(position.parents, name, text(""))
    migration = parse_migration(project.directory / f"{name}.py", text(revision))
    if (migration.replaces, migration.dialects) != (revisions, dialects):
        left_out = "replaces" if migration.replaces != revisions else "dialects"
        raise ConfigError(
            f"the template migration.py.j2 does not write `{left_out}`",
            hint="compare it with the template that is part of autodiff",
        )
    kept = [m for m in graph.migrations.values() if m.revision not in revisions]
    Graph.of([*kept, migration], graph.alembic)
    return migration, text(revision)
