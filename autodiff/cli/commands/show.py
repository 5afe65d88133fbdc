"""The command autodiff show."""

from __future__ import annotations

from typing import Annotated

from autodiff.cli.format import migration_data, sql_script
from autodiff.cli.options import TargetArgument, flag
from autodiff.cli.shell import Shell
from autodiff.cli.terminal import Language
from autodiff.migrations.files import read_text

__all__ = ["run_show"]


def run_show(
    shell: Shell,
    target: TargetArgument,
    sql: Annotated[bool, flag("--sql", "Print its SQL instead of its file.")] = False,
    downgrade: Annotated[bool, flag("--downgrade", "Print the SQL that reverts it.")] = False,
) -> None:
    """Print a migration or its SQL.

    No database is connected to. The SQL is for the kind of database that the URL
    or the lock file names.

    Examples:
        autodiff show head
        autodiff show 2 --sql
        autodiff show 0002_add_comments --downgrade
    """
    project = shell.project()
    migration = project.graph().find(target)
    data = migration_data(migration)
    if not (sql or downgrade):
        text = read_text(migration.path)
        language: Language = "sql" if migration.is_sql else "python"
        shell.answer_code(text, language, {**data, "text": text})
        return
    statements = project.sql(migration, "downgrade" if downgrade else "upgrade")
    text = sql_script({migration.name: statements})
    shell.answer_code(text, "sql", {**data, "statements": statements})
