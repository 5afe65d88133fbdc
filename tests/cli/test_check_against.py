"""Test `autodiff check --against`: two versions of a project in a git repository."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.branches import git
from tests.cli.project import ROOT, Folder
from tests.support import Folder as Migrations

MODELS = """
import os
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

assert os.environ["APP_SECRET"]
print("loading models")

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    __table_args__ = {{"schema": {schema!r}}}
    id: Mapped[int] = mapped_column(primary_key=True)
"""
COLUMN = "    {}: Mapped[str] = mapped_column(String(20){})\n"
CREATE = """op.create_table(
    "users", sa.Column("id", sa.Integer(), nullable=False), *{columns},
    sa.PrimaryKeyConstraint("id"), schema={schema!r})"""


class Deploy:
    """A project in the subfolder `backend` of a repository; its tag `old` is the deployed code."""

    def __init__(
        self,
        folder: Folder,
        url: str = "sqlite:///app.db",
        schema: str | None = None,
        models_schema: str | None = None,
    ) -> None:
        self.folder = folder
        self.models_schema = models_schema or schema
        self.top = folder.path
        self.schema = schema
        self.backend = folder.path / "backend"
        self.source = self.backend / "src"
        self.source.mkdir(parents=True)
        (self.backend / "autodiff.toml").write_text(
            f'models = "app_models"\nurl = "{url}"\nenv_file = ".env"\n'
        )
        (self.backend / ".env").write_text("APP_SECRET=1\n")
        (self.top / ".gitignore").write_text(".env\n__pycache__\n")
        self.write_models(COLUMN.format("name", ""))
        self.migrations = Migrations(self.backend / "migrations")
        if schema:
            self.migrations.write("s000", f'op.create_schema("{schema}")')
        columns = '[sa.Column("name", sa.String(20), nullable=False)]'
        self.migrations.write("a111", CREATE.format(columns=columns, schema=schema))
        git(self.top, "init", "-q")
        self.commit("old")

    def write_models(self, *columns: str) -> None:
        text = MODELS.format(schema=self.models_schema) + "".join(columns)
        (self.source / "app_models.py").write_text(text)

    def commit(self, tag: str) -> None:
        git(self.top, "add", "-A")
        git(self.top, "commit", "-qm", tag)
        git(self.top, "tag", tag)

    def change(self) -> None:
        """Add one column that the old code can live with, and one that it cannot."""
        at = f'schema="{self.schema}"' if self.schema else "schema=None"
        self.write_models(
            COLUMN.format("name", ""),
            COLUMN.format("nick", ', server_default="x"'),
            COLUMN.format("full_name", ""),
        )
        column = 'sa.Column("nick", sa.String(20), nullable=False, server_default="x")'
        self.migrations.write("b222", f'op.add_column("users", {column}, {at})')
        column = 'sa.Column("full_name", sa.String(20), nullable=False)'
        self.migrations.write("c333", f'op.add_column("users", {column}, {at})')

    def check(self, *arguments: str) -> tuple[int, str, str]:
        result = self.folder.run(
            "check", "--config", str(self.backend), "--against", "old", *arguments
        )
        assert self.worktrees() == 1
        return result.code, result.out, result.err

    def worktrees(self) -> int:
        command = ["git", "-C", str(self.top), "worktree", "list"]
        return len(subprocess.run(command, capture_output=True, check=True).stdout.splitlines())


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variable that the models need: the file .env has it, which git ignores."""
    monkeypatch.setenv("APP_SECRET", "")
    monkeypatch.delenv("APP_SECRET")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


OUTPUT = """\
0002_step_b222
  old code on the new schema: safe
  new code on the old schema: not safe
    SELECT, INSERT and UPDATE of users fail: column nick does not exist
0003_step_c333
  old code on the new schema: not safe
    INSERT into users fails: column full_name is NOT NULL without a default
  new code on the old schema: not safe
    SELECT, INSERT and UPDATE of users fail: column full_name does not exist
not safe: statements fail in every order of the migrations and the deploy
  to do: split the change into two deploys: first add what is new, nullable or with a default; \
remove what is old only after the new code is everywhere
"""


def test_each_pending_migration_has_a_verdict(folder: Folder) -> None:
    """The new code is the work tree with its uncommitted files; the configuration is below it."""
    deploy = Deploy(folder)
    assert deploy.check() == (0, "no pending migrations: old has all of them\n", "loading models\n")
    deploy.change()
    code, out, err = deploy.check()
    assert (code, out) == (1, OUTPUT)
    assert set(err.splitlines()) == {"loading models"}


def test_a_safe_deploy_says_the_order_and_ends_with_0(folder: Folder) -> None:
    """A migration that the database already has is not pending."""
    deploy = Deploy(folder)
    deploy.change()
    deploy.commit("main")
    result = folder.run("upgrade", "0002", "--config", str(deploy.backend))
    assert result.code == 0, result.err
    (deploy.backend / "migrations" / "0003_step_c333.py").unlink()
    assert deploy.check()[1].startswith("no pending migrations")
    (deploy.backend / "app.db").unlink()
    deploy.write_models(COLUMN.format("name", ""), COLUMN.format("nick", ', server_default="x"'))
    code, out, _ = deploy.check()
    assert (code, out.splitlines()[-1]) == (
        0,
        "safe in this order: apply 0002_step_b222; then deploy the new code",
    )


def test_postgresql_with_another_schema(folder: Folder, database: Callable[[str], sa.URL]) -> None:
    url = database("postgresql").render_as_string(hide_password=False)
    deploy = Deploy(folder, url, schema="shop")
    deploy.change()
    code, out, _ = deploy.check()
    expected = OUTPUT.replace("0003_", "0004_").replace("0002_", "0003_")
    assert (code, out) == (1, expected.replace("users", "shop.users"))


def test_mariadb_with_the_live_database_as_the_schema(
    folder: Folder, database: Callable[[str], sa.URL]
) -> None:
    """The statements of models that name the live database are sent to the scratch database."""
    url = database("mariadb")
    deploy = Deploy(folder, url.render_as_string(hide_password=False), models_schema=url.database)
    deploy.change()
    assert folder.run("upgrade", "0001", "--config", str(deploy.backend)).code == 0
    code, out, _ = deploy.check()
    assert (code, out) == (1, OUTPUT)


@pytest.mark.parametrize(
    ("models", "error"),
    [
        (
            "import nowhere",
            "error: git revision old: cannot import the models 'app_models': "
            "src/app_models.py:1: No module named 'nowhere'",
        ),
        (
            "import os\nos._exit(3)",
            "error: git revision old: the process with the models ended with exit code 3",
        ),
        (
            "from sqlalchemy.orm import *\nfrom sqlalchemy import *\nclass Base(DeclarativeBase): "
            "pass\nclass A(Base):\n    __tablename__ = 'a'\n    id = Column(Integer, "
            "primary_key=True)\n    b = relationship('B')",
            "error: git revision old: SQLAlchemy cannot configure the models: InvalidRequestError",
        ),
    ],
)
def test_models_that_do_not_load_are_one_message(folder: Folder, models: str, error: str) -> None:
    deploy = Deploy(folder)
    text = (deploy.source / "app_models.py").read_text()
    (deploy.source / "app_models.py").write_text(models)
    git(deploy.top, "commit", "-qam", "broken")
    git(deploy.top, "tag", "-f", "old")
    (deploy.source / "app_models.py").write_text(text)
    code, out, err = deploy.check()
    assert (code, out) == (2, "")
    assert next(line for line in err.splitlines() if line.startswith("error")).startswith(error)
    assert "Traceback" not in err


def test_revisions_that_cannot_be_compared(folder: Folder) -> None:
    """Without the project, and with migrations that the work tree lacks."""
    deploy = Deploy(folder)
    git(deploy.top, "rm", "-rq", "--cached", "backend")
    git(deploy.top, "commit", "-qm", "empty", "--allow-empty")
    git(deploy.top, "tag", "empty")
    place = ("check", "--config", str(deploy.backend), "--against")
    result = folder.run(*place, "empty")
    assert (result.code, "git revision empty: there is no backend" in result.err) == (2, True)
    (deploy.backend / "migrations" / "0001_step_a111.py").unlink()
    result = folder.run(*place, "old", "--offline")
    assert (result.code, "exclude each other" in result.err) == (2, True)
    result = folder.run(*place, "old", "--json")
    assert (result.code, result.data["kind"]) == (2, "HistoryError")
    assert result.data["error"] == (
        "git revision old has migrations that the work tree lacks: a111"
    )
    assert deploy.worktrees() == 1


def test_ctrl_c_removes_the_worktree(folder: Folder) -> None:
    """The signal goes to the whole process group, as it does from a terminal."""
    deploy = Deploy(folder)
    text = (deploy.source / "app_models.py").read_text()
    started = folder.path / "started"
    waiting = f"import time\nopen({str(started)!r}, 'w').close()\ntime.sleep(60)\n"
    (deploy.source / "app_models.py").write_text(waiting)
    git(deploy.top, "commit", "-qam", "slow")
    (deploy.source / "app_models.py").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "autodiff", "check", "--config", "backend", "--against", "HEAD"],
        cwd=folder.path,
        env=folder.environment(),
        start_new_session=True,
        stderr=subprocess.PIPE,
    )
    while not started.exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    assert deploy.worktrees() == 2
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=20)[1].endswith(b"interrupted\n")
    assert (process.returncode, deploy.worktrees()) == (130, 1)
