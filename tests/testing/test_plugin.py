"""Test the fixtures and the ready tests of the pytest plugin in separate test runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from tests.support import Folder

pytest_plugins = ["pytester"]

MODELS = """
from sqlalchemy import Column, Integer, MetaData, String, Table
metadata = MetaData()
users = Table("users", metadata, Column("id", Integer, primary_key=True))
users.append_column(Column("name", String(20)))
"""
CREATE = """op.create_table(
    "users", sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id"))"""
ADD = 'op.add_column("users", sa.Column("name", sa.String(20)))'
READY = "from autodiff.testing.ready_tests import *\n"
OWN = """
import pytest
import sqlalchemy as sa

def test_rows_survive(autodiff_migrator):
    autodiff_migrator.upgrade_before("0002")
    assert autodiff_migrator.applied == autodiff_migrator.migrations[:1]
    autodiff_migrator.insert("users", {"id": 1}, {"id": 2})
    autodiff_migrator.upgrade()
    assert autodiff_migrator.rows("users") == [{"id": 1, "name": None}, {"id": 2, "name": None}]
    autodiff_migrator.downgrade()
    assert autodiff_migrator.rows("users") == [{"id": 1}, {"id": 2}]

def test_queries(autodiff_upgraded_engine):
    with autodiff_upgraded_engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM users")) == 0
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of two migrations, whose package `app` has the models."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    top = pytester.path
    (top / "app").mkdir()
    (top / "app" / "__init__.py").write_text("")
    (top / "app" / "models.py").write_text(MODELS)
    (top / "autodiff.toml").write_text('models = "app.models:metadata"\nurl = "sqlite:///app.db"\n')
    migrations = Folder(top / "migrations")
    migrations.write("a111", CREATE, 'op.drop_table("users")')
    migrations.write("b222", ADD, 'op.drop_column("users", "name")')
    pytester.makepyfile(test_migrations=READY, test_own=OWN)
    return top


def lock(project: Path) -> None:
    """Write the lock file, and forget the modules of the project."""
    path = list(sys.path)
    Project.load(project).relock()
    sys.path[:] = path
    for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
        del sys.modules[name]


def test_the_ready_tests_and_fixtures_pass(project: Path, pytester: pytest.Pytester) -> None:
    """Each migration has a separate test; no database is left behind."""
    lock(project)
    result = pytester.runpytest_inprocess("-v", "--strict-markers")
    result.assert_outcomes(passed=11)
    result.stdout.fnmatch_lines(
        ["*::test_up_down_up[[]0001_step_a111[]] PASSED*", "*[[]0002_step_b222[]] PASSED*"]
    )
    assert not (project / "app.db").exists()


def test_each_fault_fails_its_test(project: Path, pytester: pytest.Pytester) -> None:
    """A failure has the reason and a hint, and no traceback."""
    lock(project)
    migrations = project / "migrations"
    (migrations / "0002_step_b222.py").write_text(
        (migrations / "0002_step_b222.py")
        .read_text()
        .replace(
            '    op.drop_column("users", "name")', "    op.execute('CREATE TABLE other (id int)')"
        )
    )
    (project / "app" / "models.py").write_text(
        MODELS.replace('"name", String(20)', '"nickname", String(20)')
    )
    (project / "app" / "forgotten.py").write_text(
        "from app.models import *\nTable('lost', metadata, Column('id', Integer))\n"
    )
    result = pytester.runpytest_inprocess("test_migrations.py")
    result.assert_outcomes(passed=3, failed=5, skipped=1)
    result.stdout.fnmatch_lines_random(
        [
            "the models have changes that no migration covers:",
            "  + column users.nickname",
            "the lock file is not current:",
            "  0002_step_b222.py differs from the lock file",
            "the migration failed its rehearsal:",
            "  0002_step_b222: downgrade leaves: *",
            "the models and the migrated database differ:",
            "modules define tables, but the configured models do not import them:",
            "  app.forgotten: lost",
            "hint: run autodiff lock",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_two_heads_fail(project: Path, pytester: pytest.Pytester) -> None:
    Folder(project / "migrations").write("c333", parents=["a111"])
    pytester.runpytest_inprocess("-k", "single_head").assert_outcomes(failed=1, deselected=11)


def test_a_broken_project_is_one_message(project: Path, pytester: pytest.Pytester) -> None:
    (project / "app" / "models.py").write_text("import nowhere")
    result = pytester.runpytest_inprocess("test_own.py", "test_migrations.py", "-k", "match_mig")
    result.assert_outcomes(errors=0, failed=1, deselected=10)
    result.stdout.fnmatch_lines(["*No module named 'nowhere'"])
    (project / "autodiff.toml").write_text("unknown = 1")
    result = pytester.runpytest_inprocess("-k", "single_head")
    result.assert_outcomes(errors=1, deselected=9)
    result.stdout.fnmatch_lines(["*unknown setting*"])


def test_the_project_can_be_built_by_a_fixture(project: Path, pytester: pytest.Pytester) -> None:
    """Without a configuration file, all migrations are one test."""
    lock(project)
    (project / "autodiff.toml").unlink()
    pytester.makeconftest(
        """
        import pytest
        from autodiff import Project

        @pytest.fixture(scope="session")
        def autodiff_project():
            from app.models import metadata
            return Project("sqlite://", metadata, "migrations")
        """
    )
    options = ("--rootdir", str(project), "-v", "-k", "up_down or imported or queries")
    result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(passed=2, skipped=1, deselected=7)
    result.stdout.fnmatch_lines(["*::test_up_down_up[[]all migrations[]] PASSED*"])


def test_workers_of_xdist_have_their_own_databases(
    project: Path, pytester: pytest.Pytester
) -> None:
    lock(project)
    result = pytester.runpytest_subprocess("-n", "2", "-k", "up_down or survive or queries")
    result.assert_outcomes(passed=4)


def test_the_plugin_starts_without_heavy_imports(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_imports(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("autodiff")
            own = {name for name in sys.modules if name.startswith("autodiff")}
            assert own == {"autodiff", "autodiff.testing", "autodiff.testing.plugin"}
            assert "sqlalchemy" not in sys.modules
        """
    )
    options = ("-p", "no:hypothesispytest", "-p", "no:xdist")
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_servers(
    kind: str,
    project: Path,
    pytester: pytest.Pytester,
    database: Callable[[str], sa.URL],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Scratch databases are created on the server of the URL, whose database stays empty.

    A function is not compared, so only the end of the rehearsal finds the one that is left.
    """
    url = database(kind)
    (project / "autodiff.toml").write_text('models = "app.models:metadata"\n')
    monkeypatch.setenv("TEST_SERVER", url.render_as_string(hide_password=False))
    pytester.makeini("[pytest]\nautodiff_url = ${TEST_SERVER}\n")
    result = pytester.runpytest_inprocess("-k", "not lock_file and not match_migrations")
    result.assert_outcomes(passed=9, deselected=2)
    if kind == "postgresql":
        first = project / "migrations" / "0001_step_a111.py"
        function = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
        code = f'    op.execute("{function}")\n\n\ndef downgrade'
        first.write_text(first.read_text().replace("\n\ndef downgrade", code))
        result = pytester.runpytest_inprocess("-k", "base_is_empty")
        result.assert_outcomes(failed=1, deselected=10)
        result.stdout.fnmatch_lines(["objects are left after all downgrades:", "  routine f()"])
    engine = sa.create_engine(url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
