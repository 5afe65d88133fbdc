"""autodiff show."""

from __future__ import annotations

from typing import Annotated

from autodiff.cli.format import migration_data, script
from autodiff.cli.options import Target, flag
from autodiff.cli.shell import Language, Shell

__all__ = ["show"]


def show(
    shell: Shell,
    target: Target,
    sql: Annotated[bool, flag("--sql", "Its SQL instead of its text.")] = False,
    downgrade: Annotated[bool, flag("--downgrade", "The SQL that takes it back.")] = False,
) -> None:
    """Print a migration: its text, or the SQL it stands for.

    Nothing is connected to. The URL or the lock file says for which kind of
    database the SQL is.

    Examples:
        autodiff show head
        autodiff show 2 --sql
        autodiff show 0002_add_comments --downgrade
    """
    project = shell.project()
    migration = project.graph().find(target)
    data = migration_data(migration)
    if not (sql or downgrade):
        text = migration.path.read_text(encoding="utf-8")
        language: Language = "sql" if migration.is_sql else "python"
        shell.answer_code(text, language, {**data, "text": text})
        return
    statements = project.sql(migration, "downgrade" if downgrade else "upgrade")
    text = script({migration.name: statements})
    shell.answer_code(text, "sql", {**data, "statements": statements})
