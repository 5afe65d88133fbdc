"""What the demo does, as data: for each step the models, and the lines that a person would type."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autodiff.project import Project

__all__ = ["BEGIN", "DATABASE", "STEPS", "Line", "Step"]

DATABASE = "blog.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line to type, the exit code that it ends with, and what it must print (queries only)."""

    text: str
    code: int = 0
    prints: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """New models, and the lines that bring the database after them."""

    title: str
    models: str
    lines: tuple[Line, ...]

    def models_text(self) -> str:
        """The models as the text of models.py."""
        return files("autodiff.demo").joinpath(f"{self.models}.py").read_text(encoding="utf-8")

    def project(self, folder: Path) -> Project:
        """The project with these models."""
        from autodiff.project import Project

        metadata = import_module(f"autodiff.demo.{self.models}").Base.metadata
        return Project(f"sqlite:///{folder / DATABASE}", metadata, folder / "migrations")


BEGIN = Line(text=f"autodiff init --models models:Base --url sqlite:///{DATABASE}")

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
        title="3. Comments get a timestamp that may not be NULL, and there is a comment already.",
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
            Line(text="autodiff downgrade"),
            Line(text=f'sqlite3 {DATABASE} "SELECT * FROM comments"', prints="1|first!|1"),
            Line(text="autodiff status"),
        ),
    ),
)
