"""Helpers that write two branches of migrations over one table."""

from __future__ import annotations

import subprocess
from pathlib import Path

import sqlalchemy as sa

from autodiff import Project
from tests.support import Folder

__all__ = ["add", "git", "names", "start", "two_branches"]

COLUMNS = ("email", "phone", "fax")


def metadata(*columns: str) -> sa.MetaData:
    """Return models of users with these string columns."""
    models = sa.MetaData()
    extra_columns = [sa.Column(name, sa.String(20)) for name in columns]
    sa.Table("users", models, sa.Column("id", sa.Integer, primary_key=True), *extra_columns)
    return models


def start(
    folder: Path, url: sa.URL | str = "sqlite://", columns: tuple[str, ...] = COLUMNS
) -> tuple[Folder, Project]:
    """Write the migration that creates the table; return the folder and its project."""
    migrations = Folder(folder / "migrations")
    migrations.write(
        "a111",
        'op.create_table("users", sa.Column("id", sa.Integer(), nullable=False), '
        'sa.PrimaryKeyConstraint("id", name="pk_users"))',
        'op.drop_table("users")',
    )
    return migrations, Project(url, metadata(*columns), migrations.path)


def add(folder: Folder, revision: str, column: str, parent: str, number: int) -> Path:
    """Write a migration that adds a column."""
    folder._number = number - 1
    path = folder.write(
        revision,
        f'op.add_column("users", sa.Column("{column}", sa.String(20)))',
        f'op.drop_column("users", "{column}")',
        parents=[parent],
    )
    return path.rename(path.with_name(f"{number:04d}_add_{column}.py"))


def two_branches(folder: Path, url: sa.URL | str = "sqlite://") -> Project:
    """Write one branch that adds users.email and one that adds users.phone, then users.fax."""
    migrations, project = start(folder, url)
    add(migrations, "e222", "email", "a111", 2)
    add(migrations, "b222", "phone", "a111", 2)
    add(migrations, "b333", "fax", "b222", 3)
    return project


def names(project: Project) -> list[str]:
    """Return the migrations in order, each with the numbers of its parents."""
    graph = project.graph()
    return [
        f"{m.name} < {' '.join(graph[p].name[:4] for p in m.parents)}".rstrip(" <")
        for m in graph.migrations.values()
    ]


def git(folder: Path, *arguments: str) -> None:
    """Run git; if it fails, the assertion shows its output."""
    settings = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    process = subprocess.run(
        ["git", "-C", str(folder), *settings, *arguments], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stdout + process.stderr
