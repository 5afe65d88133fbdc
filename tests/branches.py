"""Two branches of migrations over one table, as two people write them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import sqlalchemy as sa

from autodiff import Project
from tests.support import Folder

__all__ = ["add", "git", "names", "start", "two_branches"]

COLUMNS = ("email", "phone", "fax")


def metadata(*columns: str) -> sa.MetaData:
    """Users with these columns, all texts."""
    found = sa.MetaData()
    added = [sa.Column(name, sa.String(20)) for name in columns]
    sa.Table("users", found, sa.Column("id", sa.Integer, primary_key=True), *added)
    return found


def start(
    folder: Path, url: sa.URL | str = "sqlite://", columns: tuple[str, ...] = COLUMNS
) -> tuple[Folder, Project]:
    """A folder with the migration that makes the table, and its project."""
    migrations = Folder(folder / "migrations")
    migrations.write(
        "a111",
        'op.create_table("users", sa.Column("id", sa.Integer(), nullable=False), '
        'sa.PrimaryKeyConstraint("id", name="pk_users"))',
        'op.drop_table("users")',
    )
    return migrations, Project(url, metadata(*columns), migrations.path)


def add(folder: Folder, revision: str, column: str, parent: str, number: int) -> Path:
    """A migration that adds a column."""
    folder._number = number - 1
    path = folder.write(
        revision,
        f'op.add_column("users", sa.Column("{column}", sa.String(20)))',
        f'op.drop_column("users", "{column}")',
        parents=[parent],
    )
    return path.rename(path.with_name(f"{number:04d}_add_{column}.py"))


def two_branches(folder: Path, url: sa.URL | str = "sqlite://") -> Project:
    """One branch adds users.email, the other users.phone and then users.fax."""
    migrations, project = start(folder, url)
    add(migrations, "e222", "email", "a111", 2)
    add(migrations, "b222", "phone", "a111", 2)
    add(migrations, "b333", "fax", "b222", 3)
    return project


def names(project: Project) -> list[str]:
    """The migrations in order, each with the numbers of its parents' files."""
    graph = project.graph()
    return [
        f"{m.name} < {' '.join(graph[p].name[:4] for p in m.parents)}".rstrip(" <")
        for m in graph.migrations.values()
    ]


def git(folder: Path, *arguments: str) -> None:
    """Runs git; what it says is shown where it fails."""
    setting = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", "-C", str(folder), *setting, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
