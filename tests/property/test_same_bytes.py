"""Test that the same models and database give identical files, whatever the hash seed is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[2]

MODELS = """
import sqlalchemy as sa

STEP = {step}
metadata = sa.MetaData(naming_convention={{"ix": "ix_%(table_name)s_%(column_0_N_name)s"}})
people = sa.Table("people", metadata, sa.Column("id", sa.Integer, primary_key=True))
for name in ("b", "a", "d", "c"):
    kind = sa.Enum("u", "v", *(["w"] if STEP == 2 else []), name=f"kind_{{name}}")
    table = sa.Table(
        f"table_{{name}}",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("x", sa.String(9 * STEP), unique=True, index=True),
        sa.Column("y", kind, nullable=STEP == 1, server_default="u"),
        sa.Column("owner", sa.ForeignKey("people.id", ondelete="CASCADE")),
        sa.Column(f"only_{{STEP}}", sa.Integer, sa.ForeignKey("people.id"), comment="one"),
        sa.Column("total", sa.Integer, server_default=str(STEP)),
        sa.Column("double", sa.Integer, sa.Computed("total * 2")),
        sa.UniqueConstraint("y", "x"),
        sa.CheckConstraint(f"total > -{{STEP}}", name=f"total_{{name}}"),
    )
    sa.Index(f"by_total_{{name}}", table.c.total.desc(), table.c.x, unique=STEP == 2)
    sa.Table(f"step_{{STEP}}_{{name}}", metadata, sa.Column("id", sa.ForeignKey(table.c.id)))
for name, other in (("f", "e"), ("e", "f")) if STEP == 2 else ():
    sa.Table(
        f"circle_{{name}}",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("other", sa.ForeignKey(f"circle_{{other}}.id", name=f"circle_{{name}}_fk")),
    )
"""


def run(folder: Path, seed: int, url: str, *arguments: str) -> None:
    """Run the command line in a new process with a hash seed."""
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "autodiff", "--url", url, *arguments]
    process = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr


def migration_files(folder: Path) -> dict[str, bytes]:
    """Return the contents of the files in the migrations folder."""
    paths = sorted((folder / "migrations").iterdir())
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


@pytest.mark.parametrize(("kind", "seeds"), [("sqlite", range(8)), ("postgresql", range(3))])
def test_generate_writes_the_same_bytes(
    kind: str, seeds: Sequence[int], database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The migration and the lock file do not depend on PYTHONHASHSEED."""
    url = database(kind).render_as_string(hide_password=False)
    first = tmp_path / "first"
    (first / "migrations").mkdir(parents=True)
    (first / "autodiff.toml").write_text('models = "models:metadata"\n')
    (first / "models.py").write_text(MODELS.format(step=1))
    run(first, 0, url, "generate", "-m", "start")
    run(first, 0, url, "upgrade")

    def generate_second(seed: int) -> dict[str, bytes]:
        folder = tmp_path / f"seed_{seed}"
        shutil.copytree(first, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "models.py").write_text(MODELS.format(step=2))
        run(folder, seed, url, "generate", "-m", "next", "--assume", "drop-and-add")
        return migration_files(folder)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(generate_second, seeds))
    assert len(results[0]) == len(migration_files(first)) + 1
    assert all(files == results[0] for files in results)
