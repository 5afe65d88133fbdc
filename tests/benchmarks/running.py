"""Benchmarks of loading and applying many small migrations."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from autodiff import Project
from autodiff.migrations import load_graph
from tests.benchmarks.timing import Row, Seconds, seconds

__all__ = ["loaded", "our_folder", "upgraded"]

_FILE = '''"""add table {number}"""

import sqlalchemy as sa
from {package} import op

revision = "r{number:05d}"
{parents}


def upgrade() -> None:
    op.create_table(
        "t{number:05d}",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("id", name="t{number:05d}_pkey"),
    )


def downgrade() -> None:
    op.drop_table("t{number:05d}")
'''
_ENV = """from alembic import context

context.configure(
    connection=context.config.attributes["connection"], transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
"""


def our_folder(folder: Path, migrations: int) -> Path:
    """Write small migrations into a new folder, each of which creates a table."""
    folder.mkdir(parents=True)
    for number in range(migrations):
        parents = f'parents = ("r{number - 1:05d}",)' if number else "parents = ()"
        text = _FILE.format(number=number, package="autodiff", parents=parents)
        (folder / f"{number + 1:04d}_add_table_{number}.py").write_text(text)
    return folder


def _their_folder(folder: Path, migrations: int) -> Config:
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(_ENV)
    for number in range(migrations):
        parents = f'down_revision = "r{number - 1:05d}"' if number else "down_revision = None"
        text = _FILE.format(number=number, package="alembic", parents=parents)
        (folder / "versions" / f"r{number:05d}_add_table.py").write_text(text)
    config = Config()
    config.set_main_option("script_location", f"{folder}")
    return config


def loaded(folder: Path, migrations: int, rounds: int) -> Row:
    """Measure reading and checking a folder; in the first round, no compiled code exists."""
    ours = our_folder(folder / "ours", migrations)
    config = _their_folder(folder / "theirs", migrations)

    def load_theirs() -> None:
        assert len(list(ScriptDirectory.from_config(config).walk_revisions())) == migrations

    def load_ours() -> None:
        assert len(load_graph(ours)) == migrations

    times = [(seconds(load_ours), seconds(load_theirs)) for _ in range(rounds)]
    return Row(
        work=f"load {migrations:,} files",
        database="none",
        ours=Seconds(rounds=tuple(our_time for our_time, _ in times)),
        theirs=Seconds(rounds=tuple(their_time for _, their_time in times)),
        wanted="5 times",
    )


def upgraded(
    kind: str, new: Callable[[], sa.URL], folder: Path, migrations: int, rounds: int
) -> Row:
    """Measure applying small migrations to an empty database, one transaction per migration."""
    ours = our_folder(folder / "ours", migrations)
    config = _their_folder(folder / "theirs", migrations)
    times = []
    for _ in range(rounds):
        our_url, their_url = new(), new()
        our_time = seconds(lambda: Project(url=our_url, directory=ours).upgrade())  # noqa: B023
        times.append((our_time, seconds(lambda: _upgrade_theirs(config, their_url))))  # noqa: B023
    return Row(
        work=f"upgrade, {migrations:,} migrations",
        database=kind,
        ours=Seconds(rounds=tuple(our_time for our_time, _ in times)),
        theirs=Seconds(rounds=tuple(their_time for _, their_time in times)),
        wanted="1.5 times" if kind == "sqlite" else "1.3 times",
    )


def _upgrade_theirs(config: Config, url: sa.URL) -> None:
    engine = sa.create_engine(url)
    with warnings.catch_warnings(), engine.connect() as connection:
        warnings.simplefilter("ignore")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
