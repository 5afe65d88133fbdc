"""A type checker rejects what would be a misspelt setting or argument at run time."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from textwrap import dedent

from mypy import api

from autodiff import Project
from autodiff.config import Config, ProjectSettings
from autodiff.project import DraftOptions

CODE = """
import sqlalchemy as sa

from autodiff import Project, diff, op

project = Project("sqlite://", models="app:Base", exclude_tables=["audit_*"], lock_timeout=2.5)
Project("sqlite://", exclude_table=["audit_*"])  # error: exclude_table
Project("sqlite://", lock_timeout="2s")  # error: lock_timeout
Project.load(".", enviroment={})  # error: enviroment
project.generate("add users", fills={"users.name": "x"}, format="sql", rehearse=False)
project.generate("add users", fill={"users.name": "x"})  # error: fill
project.generate("add users", format="yaml")  # error: format
project.draft("add users", reherse=False)  # error: reherse
project.diff("database", "models", rename=["a:b"])  # error: rename
project.upgrade("head", lock_wait=5)
project.upgrade("head", wait=5)  # error: wait
project.upgrade_all(paralel=3)  # error: paralel
project.rehearse(rows="some")  # error: rows
project.check(offline=True)
project.check(online=True)  # error: online

id_ = sa.Column("id", sa.Integer, primary_key=True)
op.create_table("a", id_, comment="x", mysql_engine="InnoDB", postgresql_with={"fillfactor": 70})
op.create_table("a", id_, mysql_engin="InnoDB")  # error: mysql_engin
op.create_table("a", id_, if_not_exist=True)  # error: if_not_exist
op.drop_table("a", if_exists=True, sqlite_strict=True)
op.drop_table("a", if_exist=True)  # error: if_exist
op.alter_table_options("a", mysql_row_format=None, mariadb_engine="Aria", sqlite_strict=True)
op.alter_table_options("a", mysql_row_fromat=None)  # error: mysql_row_fromat
op.add_column("a", sa.Column("b", sa.String), if_not_exists=True, inline_references=True)
op.add_column("a", sa.Column("b", sa.String), if_not_exist=True)  # error: if_not_exist
op.alter_column("a", "b", type_=sa.String(20), server_default=sa.func.now(), nullable=False)
op.alter_column("a", "b", type_=op.sql_type("tsvector"), server_default=None)
op.alter_column("a", "b", server_default=sa.Identity(), existing_type=sa.Integer)
op.alter_column("a", "b", nulable=False)  # error: nulable
op.drop_column("a", "b", existing_type=sa.Boolean(), mssql_drop_default=True)
op.drop_column("a", "b", existing_typ=sa.Boolean())  # error: existing_typ
op.backfill("a", {"b": sa.func.now()}, where="b IS NULL", batch_size=500)
op.backfill("a", {"b": 1}, batchsize=500)  # error: batchsize
op.require(sa.select(id_), "rows exist")
op.create_primary_key("k", "a", ["b"], postgresql_include=["c"], deferrable=True)
op.create_primary_key("k", "a", ["b"], deferable=True)  # error: deferable
op.create_unique_constraint("k", "a", ["b"], postgresql_nulls_not_distinct=True)
op.create_unique_constraint("k", "a", ["b"], mysql_using="hash")  # error: mysql_using
op.create_check_constraint("k", "a", sa.column("b") > 0, postgresql_not_valid=True)
op.create_check_constraint("k", "a", "b > 0", postgresql_invalid=True)  # error: postgresql_invalid
op.create_foreign_key("k", "a", "b", ["c"], ["d"], ondelete="CASCADE", use_alter=True)
op.create_foreign_key("k", "a", "b", ["c"], ["d"], on_delete="CASCADE")  # error: on_delete
op.create_exclude_constraint("k", "a", ("b", "&&"), using="gist", schema="s", where="b > 0")
op.create_exclude_constraint("k", "a", ("b", "&&"), usnig="gist")  # error: usnig
op.drop_constraint("k", "a", type_="unique", if_exists=True)
op.drop_constraint("k", "a", kind="unique")  # error: kind
op.create_index("i", "a", ["b", sa.text("lower(c)")], unique=True, postgresql_where="b > 0")
op.create_index("i", "a", ["b"], sqlite_where=sa.text("b > 0"), mysql_length={"b": 10})
op.create_index("i", "a", ["b"], postgresql_wher="b > 0")  # error: postgresql_wher
op.create_index("i", "a", ["b"], uniqe=True)  # error: uniqe
op.drop_index("i", table_name="a", if_exists=True, postgresql_concurrently=True)
op.drop_index("i", "a", postgresql_concurently=True)  # error: postgresql_concurently
op.create_sequence("s", start=10, increment=5, cycle=True)
op.create_sequence("s", step=5)  # error: step
op.alter_sequence("s", minimum=5)  # error: minimum
op.create_view("v", sa.select(id_), materialized=True)
op.create_view("v", "SELECT 1", materialised=True)  # error: materialised
op.execute("UPDATE a SET b = 1", reverse="UPDATE a SET b = 0", execution_options={"x": 1})
op.execute("UPDATE a SET b = 1", revers="UPDATE a SET b = 0")  # error: revers
op.bulk_insert(sa.table("a", sa.column("b")), [{"b": 1}], multi=True)  # error: multi
op.batch_alter_table("a", recreat="always")  # error: recreat
with op.batch_alter_table("a", recreate="always", table_args=()) as batch:
    batch.add_column(sa.Column("b", sa.String), insert_after="a")
    batch.add_column(sa.Column("b", sa.String), after="a")  # error: after
    batch.alter_column("b", new_column_name="c", existing_type=sa.String(), insert_before="a")
    batch.alter_column("b", new_name="c")  # error: new_name
    batch.drop_column("b", if_exists=True, existing_type=sa.String())
    batch.drop_column("b", cascade=True)  # error: cascade
    batch.create_index("i", ["b"], unique=True, postgresql_where=sa.text("b > 0"))
    batch.create_index("i", ["b"], table_name="a")  # error: table_name
    batch.create_unique_constraint("k", ["b"], deferrable=True)
    batch.create_unique_constraint("k", ["b"], schema="s")  # error: schema
    batch.create_foreign_key("k", "b", ["c"], ["d"], onupdate="CASCADE", referent_schema="s")
    batch.create_foreign_key("k", "b", ["c"], ["d"], source_schema="s")  # error: source_schema
    batch.drop_constraint("k", "unique")
    batch.drop_constraint("k", typ="unique")  # error: typ
"""


EXPECTED = {
    number: line.rpartition("# error: ")[2]
    for number, line in enumerate(CODE.splitlines(), 1)
    if "# error: " in line
}


def messages(folder: Path) -> dict[int, str]:
    """Return the errors of mypy in strict mode by the lines of CODE."""
    file = folder / "application.py"
    file.write_text(dedent(CODE), encoding="utf-8")
    arguments = ["--strict", "--no-error-summary", "--hide-error-context", "--no-color-output"]
    out, err, _ = api.run([*arguments, f"--cache-dir={folder / 'cache'}", str(file)])
    assert err == ""
    found: dict[int, str] = {}
    for line in out.splitlines():
        place, _, message = line.removeprefix(f"{file}:").partition(": error: ")
        if message:
            found[int(place)] = message
    return found


def test_a_misspelt_argument_is_an_error(tmp_path: Path) -> None:
    """The error names the argument, and no line with correct arguments has an error."""
    found = messages(tmp_path)
    accepted = [
        (line, argument)
        for line, argument in EXPECTED.items()
        if f'"{argument}"' not in found.get(line, "")
    ]
    assert EXPECTED
    assert accepted == []
    assert found.keys() <= EXPECTED.keys()


def test_every_setting_can_be_given_in_code() -> None:
    """The keywords of Project are the fields of Config, except those that Project sets itself."""
    own = {"url", "migrations", "hooks", "env", "env_file", "unset", "variables"}
    own |= {"protected", "override"}  # of an environment, and of its variables
    assert {field.name for field in fields(Config)} - own == set(ProjectSettings.__annotations__)


def test_generate_takes_the_options_of_draft() -> None:
    """The two lists are the same, in the same order."""
    parameters = list(inspect.signature(Project.draft).parameters)
    assert parameters[2:] == list(DraftOptions.__annotations__)


def test_paths_may_be_text(tmp_path: Path) -> None:
    """A single name is equivalent to a list with one name."""
    project = Project(path="backend", models="app:Base", exclude_tables="audit_*", root=tmp_path)
    assert project.config.path == (Path("backend").resolve(),)
    assert project.config.models == ("app:Base",)
    assert project.config.exclude_tables == ("audit_*",)
    assert project.config.root == tmp_path
