"""A project folder in which tests run the command line."""

from __future__ import annotations

import json
import os
import shlex
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
"""The models of the blog at each of its three steps."""
CACHES = {"__pycache__", ".autodiff_cache"}
DATABASE = "database: "
"""The start of a line that names a database."""


def kinds(*values: str) -> str:
    """Return the blog's models with an enum column `kind` in posts that has these values."""
    arguments = ", ".join(map(repr, values))
    enum_type = (
        f'Enum({arguments}, name="kinds", native_enum=False, create_constraint=True, length=9)'
    )
    column = f"    kind: Mapped[str | None] = mapped_column({enum_type})\n"
    text = POSTS.replace("import String", "import Enum, String")
    return text.replace("    title: Mapped", f"{column}    title: Mapped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The exit code and the output of a run.

    err: stderr without the lines that name the databases; `databases` has those.
    """

    code: int
    out: str
    err: str
    databases: tuple[str, ...] = ()

    @classmethod
    def of(cls, code: int, out: str, err: str) -> Result:
        """Return the result of a run, with the databases taken out of stderr."""
        lines = err.splitlines(keepends=True)
        named = [line for line in lines if line.startswith(DATABASE)]
        return cls(
            code=code,
            out=out,
            err="".join(line for line in lines if not line.startswith(DATABASE)),
            databases=tuple(line.removeprefix(DATABASE).strip() for line in named),
        )

    @property
    def data(self) -> Any:
        """Return the parsed JSON from stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """Return the lines of stdout."""
        return self.out.splitlines()


class Folder:
    """A project folder, which is the current folder, with helpers to run autodiff in it."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys

    @property
    def migrations(self) -> Path:
        return self.path / "migrations"

    def write(self, **files: str) -> None:
        """Write files; `models` is models.py, `autodiff` is autodiff.toml."""
        suffixes = {"autodiff": ".toml", "pyproject": ".toml"}
        for name, text in files.items():
            path = self.path / f"{name}{suffixes.get(name, '.py')}"
            path.write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        """Run a command line in this process; modules of the project are imported again."""
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
        return Result.of(code, captured.out, captured.err)

    def ok(self, *arguments: str) -> Result:
        """Run a command line that must end with exit code 0."""
        result = self.run(*arguments)
        assert result.code == 0, result
        return result

    def process(self, *arguments: str, **environment: str) -> Result:
        """Run a command line in a separate process."""
        process = subprocess.run(
            [sys.executable, "-m", "autodiff", *arguments],
            cwd=self.path,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Result.of(process.returncode, process.stdout, process.stderr)

    def shell(self, command: str, redirection: str) -> Result:
        """Run a command line in a shell, which redirects its standard streams."""
        line = f"{shlex.quote(sys.executable)} -m autodiff {command} {redirection}"
        process = subprocess.run(
            ["sh", "-c", line],
            cwd=self.path,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Result.of(process.returncode, process.stdout, process.stderr)

    def environment(self, **extra: str) -> dict[str, str]:
        """Return the environment variables of a process that runs in the folder."""
        inherited = {
            name: value for name, value in os.environ.items() if name not in {"CI", "TERM"}
        }
        return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **extra}

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement on the SQLite database and return its rows."""
        engine = sa.create_engine(f"sqlite:///{self.path / 'blog.db'}", poolclass=sa.NullPool)
        with closing(engine.raw_connection()) as connection:
            rows = connection.cursor().execute(statement).fetchall()
            connection.commit()
        return [tuple(row) for row in rows]

    def contents(self) -> dict[str, bytes]:
        """Return the bytes of every file, including the database, except those of caches."""
        return {
            str(path.relative_to(self.path)): path.read_bytes()
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and not CACHES.intersection(path.parts)
        }

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Assert that no file in the folder changes, appears or disappears in the block."""
        before = self.contents()
        yield
        assert self.contents() == before

    def fails(self, *arguments: str) -> Result:
        """Run a command line that must end with 2 and a message with a hint, and change nothing."""
        with self.untouched():
            result = self.run(*arguments)
        assert result.code == 2, result
        assert result.out == ""
        assert result.err.startswith("error: ")
        assert "\nhint: " in result.err
        assert "bug in autodiff" not in result.err
        return result

    def grow(self, models: str, message: str, *options: str) -> None:
        """Write new models, generate their migration and apply it."""
        self.write(models=models)
        self.ok("generate", "-m", message, *options)
        self.ok("upgrade")

    @staticmethod
    def _forget(name: str) -> None:
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None) or ""
        if "site-packages" not in file and not file.startswith(sys.base_prefix):
            sys.modules.pop(name, None)
