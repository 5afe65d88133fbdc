"""A project in a folder of its own, and the command line run on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff.cli import main
from autodiff.demo.steps import STEPS

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'models = "models:Base"\nurl = "sqlite:///blog.db"\n'
POSTS, COMMENTS, TIMESTAMP = (step.models_text() for step in STEPS)
"""The models of the blog, at each of its three steps."""


def kinds(*values: str) -> str:
    """The blog's models, with a kind of posts that is one of these."""
    listed = ", ".join(map(repr, values))
    kind = f'Enum({listed}, name="kinds", native_enum=False, create_constraint=True, length=9)'
    column = f"    kind: Mapped[str | None] = mapped_column({kind})\n"
    text = POSTS.replace("import String", "import Enum, String")
    return text.replace("    title: Mapped", f"{column}    title: Mapped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The lines on stdout."""
        return self.out.splitlines()


class Folder:
    """A project's folder, which is the current one, and what a person does in it."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys

    @property
    def migrations(self) -> Path:
        return self.path / "migrations"

    def write(self, **files: str) -> None:
        """Writes files of this folder; `models` is models.py, `autodiff` is autodiff.toml."""
        endings = {"autodiff": ".toml", "pyproject": ".toml"}
        for name, text in files.items():
            path = self.path / f"{name}{endings.get(name, '.py')}"
            path.write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        """Runs a command line in this process, with models that are read anew."""
        self._capsys.readouterr()
        path, modules = list(sys.path), set(sys.modules)
        try:
            code = main(arguments)
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                if not name.startswith(("autodiff", "sqlalchemy", "rich", "typer")):
                    self._forget(name)
        captured = self._capsys.readouterr()
        return Result(code=code, out=captured.out, err=captured.err)

    def ok(self, *arguments: str) -> Result:
        """As `run`, for what must end with 0."""
        result = self.run(*arguments)
        assert result.code == 0, result
        return result

    def process(self, *arguments: str, **environment: str) -> Result:
        """Runs a command line in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "autodiff", *arguments],
            cwd=self.path,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Result(code=done.returncode, out=done.stdout, err=done.stderr)

    def environment(self, **more: str) -> dict[str, str]:
        """The variables of a process that runs in the folder."""
        kept = {name: value for name, value in os.environ.items() if name not in {"CI", "TERM"}}
        return {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more}

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Runs a statement on the SQLite database."""
        engine = sa.create_engine(f"sqlite:///{self.path / 'blog.db'}", poolclass=sa.NullPool)
        with closing(engine.raw_connection()) as connection:
            rows = connection.cursor().execute(statement).fetchall()
            connection.commit()
        return [tuple(row) for row in rows]

    def contents(self) -> dict[str, bytes]:
        """Every file with its bytes, the database too; without Python's cache."""
        return {
            str(path.relative_to(self.path)): path.read_bytes()
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Nothing in the folder may change meanwhile, nor come or go."""
        before = self.contents()
        yield
        assert self.contents() == before

    def fails(self, *arguments: str) -> Result:
        """As `run`, for what must end with 2, a message and a hint, and leave all as it was."""
        with self.untouched():
            result = self.run(*arguments)
        assert result.code == 2, result
        assert result.out == ""
        assert result.err.startswith("error: ")
        assert "\nhint: " in result.err
        assert "bug in autodiff" not in result.err
        return result

    def grow(self, models: str, message: str, *options: str) -> None:
        """New models, their migration, and the database after it."""
        self.write(models=models)
        self.ok("generate", "-m", message, *options)
        self.ok("upgrade")

    @staticmethod
    def _forget(name: str) -> None:
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None) or ""
        if "site-packages" not in file and not file.startswith(sys.base_prefix):
            sys.modules.pop(name, None)
