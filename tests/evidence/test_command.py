"""Test the evidence in the output of the command lint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.project import Folder as ProjectFolder
from tests.support import Folder

FIRST = (
    'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True), '
    'sa.Column("email", sa.Text()))'
)
DROP = 'op.drop_column("users", "email")'


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ProjectFolder:
    """Return a project with an applied migration, two rows, and a migration that is pending."""
    monkeypatch.chdir(tmp_path)
    project = ProjectFolder(tmp_path, capsys)
    project.write(autodiff='url = "sqlite:///blog.db"\n')
    migrations = Folder(tmp_path / "migrations")
    migrations.write("aaaa", FIRST, 'op.drop_table("users")')
    project.ok("upgrade")
    project.sql("INSERT INTO users (email) VALUES ('a'), (NULL)")
    migrations.write("bbbb", DROP, 'op.add_column("users", sa.Column("email", sa.Text()))')
    return project


def test_lint_needs_no_database_by_default(folder: ProjectFolder) -> None:
    result = folder.run("lint")
    assert (result.code, result.databases) == (1, ())
    assert "database:" not in result.out


@pytest.mark.parametrize("option", ["--evidence", "--url=sqlite:///blog.db"])
def test_evidence_is_measured_on_request(folder: ProjectFolder, option: str) -> None:
    with folder.untouched():
        result = folder.run("lint", option)
    assert result.code == 1
    assert [line for line in result.lines if "bytes" not in line and "kB" not in line] == [
        "migrations/0002_step_bbbb.py:10: warning AD102: drops column users.email with its values",
        "  database: users has 2 rows",
        "  database: users.email has a value in 1 of 2 rows",
        "  safe way: Remove the column from the models, or map it as deferred, and deploy. Drop "
        "the column in a later migration.",
        "1 finding in 2 migrations",
    ]


def test_json_has_the_facts(folder: ProjectFolder) -> None:
    data = json.loads(folder.run("lint", "--evidence", "--json").out)
    [finding] = data["findings"]
    assert (data["complete"], data["problems"]) == (True, [])
    assert {
        "fact": "values",
        "value": 1,
        "text": "users.email has a value in 1 of 2 rows",
        "source": "database",
    } in finding["evidence"]


def test_a_url_is_connected_to_once(folder: ProjectFolder) -> None:
    """The rows of the tables and the evidence are read by the same connection."""
    connections: list[object] = []

    def note(connection: object, _record: object) -> None:
        connections.append(connection)

    sa.event.listen(sa.Pool, "connect", note)
    try:
        assert "has 2 rows" in folder.run("lint", "--url", "sqlite:///blog.db").out
    finally:
        sa.event.remove(sa.Pool, "connect", note)
    assert len(connections) == 1


def test_no_evidence_overrides_a_url(folder: ProjectFolder) -> None:
    result = folder.run("lint", "--no-evidence", "--url", "sqlite:///blog.db")
    assert "AD102" in result.out
    assert "has 2 rows" not in result.out


def test_findings_are_printed_without_the_database(folder: ProjectFolder) -> None:
    url = "postgresql://localhost:1/none?connect_timeout=2"
    result = folder.run("lint", "--url", url)
    assert result.code == 2
    assert "AD102" in result.out
    assert "cannot connect to postgresql" in result.err
    assert "hint: without --url" in result.err
    data = json.loads(folder.run("lint", "--url", url, "--json").out)
    assert "cannot connect to postgresql" in data["problems"][0]["error"]
    assert [finding["code"] for finding in data["findings"]] == ["AD102"]


@pytest.mark.parametrize(("applied", "measured"), [("1", True), ("2", False)])
@pytest.mark.parametrize("place", ["alembic.ini", "alembic/env.py"])
def test_a_folder_of_alembic_names_its_version_table(
    folder: ProjectFolder, place: str, applied: str, measured: bool
) -> None:
    """Only revisions that the database has not are measured, by the folder's own table."""
    settings = {
        "alembic.ini": "[alembic]\nscript_location = alembic\n",
        "alembic/env.py": "from alembic import context\n",
    }
    named = {"alembic.ini": "version_table = marks\n"}
    settings[place] += named.get(place, 'context.configure(version_table="marks")\n')
    (folder.path / "alembic" / "versions").mkdir(parents=True)
    for name, text in settings.items():
        (folder.path / name).write_text(text)
    for revision, parent, step in (("1", None, FIRST), ("2", "1", DROP)):
        (folder.path / f"alembic/versions/{revision}_step.py").write_text(
            f"import sqlalchemy as sa\nfrom alembic import op\nrevision = {revision!r}\n"
            f"down_revision = {parent!r}\n\n\ndef upgrade():\n    {step}\n"
        )
    folder.sql("CREATE TABLE marks (version_num VARCHAR(32) NOT NULL)")
    folder.sql(f"INSERT INTO marks VALUES ('{applied}')")
    found = folder.run("lint", "alembic", "--evidence").out
    assert "drops column users.email" in found
    assert ("users has 2 rows" in found) is measured
