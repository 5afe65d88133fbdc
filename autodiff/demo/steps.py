"""The steps of the demo as data: the models of each step, and the command lines to run."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autodiff.project import Project

__all__ = ["DATABASE", "INIT", "STEPS", "Line", "Step"]

DATABASE = "blog.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A command line with its expected exit code and, for a query, its expected output."""

    text: str
    code: int = 0
    prints: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """New models, and the command lines that update the database to them."""

    title: str
    models: str
    lines: tuple[Line, ...]

    def models_text(self) -> str:
        """Return the text of models.py."""
        return files("autodiff.demo").joinpath(f"{self.models}.py").read_text(encoding="utf-8")

    def project(self, folder: Path) -> Project:
        """Return the project in a folder with these models."""
        from autodiff.project import Project

        metadata = import_module(f"autodiff.demo.{self.models}").Base.metadata
        return Project(f"sqlite:///{folder / DATABASE}", metadata, folder / "migrations")


INIT = Line(text=f"autodiff init --models models:Base --url sqlite:///{DATABASE}")

STEPS = (
    Step(
        title="1. A blog has posts.",
        models="models_1",
        lines=(
            Line(text='autodiff generate -m "add posts"'),
            Line(text="cat migrations/0001_add_posts.py"),
            Line(text="autodiff upgrade"),
            Line(text=f"sqlite3 {DATABASE} \"INSERT INTO posts VALUES (1, 'Hello')\""),
        ),
    ),
    Step(
        title="2. Posts get comments: a new table with a foreign key.",
        models="models_2",
        lines=(
            Line(text="autodiff check", code=1),
            Line(text='autodiff generate -m "add comments"'),
            Line(text="cat migrations/0002_add_comments.py"),
            Line(text="autodiff upgrade"),
            Line(text=f"sqlite3 {DATABASE} \"INSERT INTO comments VALUES (1, 'first!', 1)\""),
        ),
    ),
    Step(
        title="3. Comments get a NOT NULL timestamp, and one comment already exists.",
        models="models_3",
        lines=(
            Line(text='autodiff generate -m "add timestamp" --no-input', code=2),
            Line(text='autodiff generate -m "add timestamp" --fill comments.timestamp=now'),
            Line(text="cat migrations/0003_add_timestamp.py"),
            Line(text="autodiff upgrade"),
            Line(text="autodiff check"),
            Line(
                text=f'sqlite3 {DATABASE} "SELECT content, timestamp IS NOT NULL FROM comments"',
                prints="first!|1",
            ),
            Line(text="autodiff downgrade -1"),
            Line(text=f'sqlite3 {DATABASE} "SELECT * FROM comments"', prints="1|first!|1"),
            Line(text="autodiff status"),
        ),
    ),
)
