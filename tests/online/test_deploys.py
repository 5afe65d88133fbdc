"""Test that phases stop a run before a deploy, with files that were written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.cli.format import status_data, status_lines
from autodiff.errors import ConfigError, HistoryError, MigrationFileError, RowsInTheWayError
from autodiff.migrations.files import parse_migration
from tests.support import Folder

TABLE = 'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))'
GUARD = 'phase_guard = ("SELECT id FROM users",)\n'


def with_phases(tmp_path: Path, *phases: str | None, guard: str = "") -> Project:
    """Return a project with a migration of each phase; the first one creates a table."""
    folder = Folder(tmp_path / "migrations")
    for number, phase in enumerate(phases):
        path = folder.write(f"{number:04d}abcd", TABLE if number == 0 else "pass")
        lines = f'phase = "{phase}"\n' if phase else ""
        lines += guard if phase == "contract" else ""
        path.write_text(path.read_text().replace("parents =", f"{lines}parents ="))
    url = sa.URL.create("sqlite", database=f"{tmp_path / 'app.db'}")
    return Project(url, sa.MetaData(), directory=folder.path)


def applied(project: Project, *, phase: str) -> list[int | None]:
    """Return the numbers of the migrations that a run applies."""
    done = project.upgrade(phase=phase)  # type: ignore[arg-type]
    return [migration.number for migration in done]


def test_each_run_stops_before_the_next_deploy(tmp_path: Path) -> None:
    phases = (None, "expand", "migrate", "contract", "contract", None, "expand", "contract", None)
    project = with_phases(tmp_path, *phases)
    assert applied(project, phase="expand") == [1, 2, 3]
    assert applied(project, phase="expand") == []
    assert applied(project, phase="contract") == [4, 5, 6, 7]
    assert applied(project, phase="contract") == [8, 9]
    assert applied(project, phase="contract") == []


def test_the_deploy_must_come_before_contract(tmp_path: Path) -> None:
    project = with_phases(tmp_path, None, "expand", "contract")
    with pytest.raises(HistoryError) as caught:
        project.upgrade(phase="contract")
    assert caught.value.message == (
        "cannot apply the phase contract: 0002_step_0001abcd must come before the deploy"
    )
    assert caught.value.hint == (
        "run autodiff upgrade --phase expand, deploy the new version, and run autodiff upgrade "
        "--phase contract"
    )


def test_a_phase_has_no_target(tmp_path: Path) -> None:
    project = with_phases(tmp_path, None, "contract")
    with pytest.raises(ConfigError, match=r"not those up to \+1"):
        project.upgrade("+1", phase="expand")


def test_status_names_what_waits_for_the_deploy(tmp_path: Path) -> None:
    project = with_phases(tmp_path, None, "contract", "contract")
    project.upgrade(phase="expand")
    status = project.status()
    assert status_lines(status)[-2:] == [
        "deploy the new version of the application: 0002_step_0001abcd, 0003_step_0002abcd wait "
        "for it",
        "  then run: autodiff upgrade --phase contract",
    ]
    assert status_data(status)["awaiting_deploy"] == ["0002_step_0001abcd", "0003_step_0002abcd"]


def test_a_guard_refuses_while_it_finds_rows(tmp_path: Path) -> None:
    """It is not asked when the migration is reverted."""
    project = with_phases(tmp_path, None, "contract", guard=GUARD)
    project.upgrade(phase="expand")
    engine = sa.create_engine(project.url or "", poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO users VALUES (7)")
    with pytest.raises(RowsInTheWayError, match=r"old version .* is in use \(1 found: id 7\)"):
        project.upgrade()
    assert len(project.status().applied) == 1
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM users")
    project.upgrade()
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO users VALUES (7)")
    project.downgrade("-1")


def test_an_unknown_phase_is_refused() -> None:
    text = 'revision = "a"\nparents = ()\nphase = "shrink"\n\n\ndef upgrade() -> None:\n    pass\n'
    with pytest.raises(MigrationFileError, match="phase = 'shrink' is not a phase") as caught:
        parse_migration(Path("a.py"), f"{text}\n\ndef downgrade() -> None:\n    pass\n")
    assert caught.value.hint == "use one of expand, migrate, contract"


SQL_PHASES = "-- phase: contract\n-- phase_guard: SELECT id FROM users\n"


def with_sql_phase(tmp_path: Path, comments: str) -> Project:
    folder = Folder(tmp_path / "migrations")
    folder.write("aaaa", TABLE)
    folder.write_sql("bbbb", f"{comments}\nDROP TABLE users;", "CREATE TABLE users (id integer);")
    url = sa.URL.create("sqlite", database=f"{tmp_path / 'app.db'}")
    return Project(url, sa.MetaData(), directory=folder.path)


def test_a_sql_file_waits_for_the_deploy(tmp_path: Path) -> None:
    project = with_sql_phase(tmp_path, SQL_PHASES)
    assert applied(project, phase="expand") == [1]
    assert applied(project, phase="contract") == [2]


@pytest.mark.parametrize("more", ["", "-- phase_guard: SELECT 5 WHERE 1 = 0\n"])
def test_a_guard_of_a_sql_file_refuses_while_it_finds_rows(tmp_path: Path, more: str) -> None:
    project = with_sql_phase(tmp_path, more + SQL_PHASES)
    project.upgrade(phase="expand")
    engine = sa.create_engine(project.url or "", poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO users VALUES (7)")
    with pytest.raises(RowsInTheWayError, match=r"old version .* is in use \(1 found: id 7\)"):
        project.upgrade()


@pytest.mark.parametrize("phase", ["kontract", "expand contract", ""])
def test_an_unknown_phase_of_a_sql_file_is_refused(phase: str) -> None:
    text = f"-- revision: a\n-- phase: {phase}\nSELECT 1;"
    with pytest.raises(MigrationFileError, match=f"phase = '{phase}' is not a phase") as caught:
        parse_migration(Path("a.up.sql"), text)
    assert caught.value.hint == "use one of expand, migrate, contract"
