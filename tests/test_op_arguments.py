"""Test that the functions of `op` refuse wrong arguments, with a message that names them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import op
from autodiff.errors import MigrationFailedError
from autodiff.op._arguments import _KINDS
from tests.support import Database, Folder, opened

TABLE = """
op.create_table(
    "t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.String(9))
)
"""

REFUSED = {
    'op.add_column("t", sa.Column("y", sa.Integer), default=1)': "unexpected keyword argument",
    'op.add_column("t")': "missing a required argument: 'column'",
    'op.drop_column("t", "x", "y")': "too many positional arguments",
    'op.create_enum("mood", values=["a"])': "got an unexpected keyword argument 'values'",
    'op.batch_alter_table("t", bogus=1)': "got an unexpected keyword argument 'bogus'",
    'op.drop_constraint(None, "t")': "must be a string, unless type_ is 'primary'",
    'op.add_column("t", "extra")': "column must be sa.Column(...), not 'extra'",
    'op.add_column(None, sa.Column("y", sa.Integer))': "table_name must be a string, not None",
    'op.alter_column("t", "x", type_="text")': "type_ must be a SQLAlchemy type",
    'op.alter_column("t", "x", nullable="no")': "nullable must be True or False, or None",
    'op.alter_column("t", "x", server_default=5)': "server_default must be a string, a SQLAlchemy",
    'op.alter_column("t", "x", server_default=True)': 'such as sa.text("5"), None, or False, not T',
    'op.require("UPDATE t SET x = 1", "no")': "op.require(): query must be a SELECT, not 'UPDATE t",
    'op.alter_column("t", "x", comment=5)': "comment must be a string, or None, not 5",
    'op.alter_enum("mood", "a", "ab")': "before must be a list of strings, not 'a'; write ['a']",
    'op.alter_enum("m", ["a"], ["a"], columns=["t.x"])': "columns must be a list of tuples",
    'op.backfill("t", "x = 1")': "values must be a dictionary, not 'x = 1'",
    'op.backfill("t", {})': "values has no column to set",
    'op.backfill("t", {"x": "y"}, where=5)': "where must be SQL text or a SQLAlchemy expression",
    'op.backfill("t", {"x": "y"}, batch_size="9")': "batch_size must be a whole number, or None",
    'op.backfill("t", {"x": "y"}, batch_size=0)': "batch_size must be at least 1, not 0",
    'op.bulk_insert("t", [{"x": "y"}])': "table must be sa.table(...) or sa.Table(...), not 't'",
    'op.bulk_insert(sa.table("t"), {"x": "y"})': "rows must be a list of dictionaries",
    'op.bulk_insert(sa.table("t"), [{"x": "y"}])': "t has no column 'x'; its columns: none",
    'op.bulk_insert(sa.table("t", sa.column("x")), [{"y": 1}])': "no column 'y'; its columns: x",
    'op.create_check_constraint("c", "t", 5)': "condition must be SQL text",
    'op.create_enum("mood", ["a", "b"])': "each of values must be a string, not ['a', 'b']",
    'op.create_exclude_constraint("e", "t", "x")': "each of elements must be a pair of a column",
    'op.create_foreign_key("f", "t", "t", "x", "id")': "local_cols must be a list of strings",
    'op.create_index("i", "t", "id")': "not 'id'; write ['id']",
    'op.create_index("i", "t", None)': "columns must be a list of column names or SQLAlchemy",
    'op.create_index("i", "t", ["x"], unique="yes")': "unique must be True or False, not 'yes'",
    'op.create_primary_key("p", "t", "id")': "columns must be a list of strings, not 'id'",
    "op.create_schema(5)": "name must be a string, not 5",
    "op.create_sequence(None)": "name must be a string, not None",
    'op.create_table("u", sa.Column("id", sa.Integer), schema=5)': "schema must be a string, or",
    'op.create_unique_constraint("u", "t", {"x"})': "columns must be a list of strings, not {'x'}",
    'op.create_view("v", 5)': "select must be SQL text or a SQLAlchemy expression, not 5",
    'op.drop_column("t", ["x"])': "column_name must be a string, not ['x']",
    'op.drop_constraint("u", "t", "uniq")': "type_ must be one of 'primary', 'foreignkey',",
    'op.drop_table(sa.table("t"))': "table_name must be a string, not <",
    'op.execute(["SELECT 1"])': "sqltext must be SQL text or a SQLAlchemy expression",
    'op.rename_table("t", None)': "new_table_name must be a string, not None",
    'op.require("SELECT 1", None)': "message must be a string, not None",
    'op.run("x")': "function must be a function, not 'x'",
    'op.set_comment("t", "t", "x")': "kind must be one of 'constraint', 'index',",
    'op.swap_columns("t", "x", 5)': "other must be a string, not 5",
}

ACCEPTED = """
op.create_index(op.f("i"), sa.sql.quoted_name("t", quote=True), ("x", sa.text("lower(x)")))
op.create_index("j", "t", [sa.func.lower(sa.column("x")), sa.column("id")], unique=0)
op.execute(sa.DDL("CREATE TABLE u (id integer)"))
op.execute(sa.table("t", sa.column("id")).insert().values(id=1))
op.bulk_insert(sa.table("t", sa.column("id")), [{"id": 2}])
op.alter_column("t", "x", type_=sa.Text, comment=False, nullable=None)
op.require(sa.select(sa.column("id")).select_from(sa.table("u")), "u has rows")
op.backfill("t", {"x": "y"}, where=sa.column("id") > 1, batch_size=1)
op.drop_constraint(None, "t", type_="primary")
"""


@pytest.fixture
def db() -> Iterator[Database]:
    with opened(sa.make_url("sqlite://")) as db:
        yield db


@pytest.mark.parametrize("call", REFUSED)
def test_a_wrong_argument_is_refused(db: Database, tmp_path: Path, call: str) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("a1", TABLE)
    folder.write("a2", call)
    with pytest.raises(MigrationFailedError) as failed:
        db.runner(folder).upgrade()
    function = call.partition("(")[0]
    first = failed.value.lines[0]
    assert f"{function}()" in first
    assert REFUSED[call] in first
    assert "0002_step_a2.py failed at line " in first
    assert [column.name for column in db.table("t").columns] == ["id", "x"]


def test_equal_types_are_accepted(db: Database, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("a1", TABLE)
    folder.write("a2", ACCEPTED)
    db.runner(folder).upgrade()
    rows = db.connection.exec_driver_sql("SELECT id, x FROM t ORDER BY id").all()
    assert [tuple(row) for row in rows] == [(1, None), (2, "y")]
    assert {index.name for index in db.table("t").indexes} == {"i", "j"}


def test_a_function_of_a_batch_checks_as_well(db: Database, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("a1", TABLE)
    folder.write("a2", 'with op.batch_alter_table("t") as batch:\n    batch.create_index("i", "x")')
    with pytest.raises(MigrationFailedError, match=r"write \['x'\]"):
        db.runner(folder).upgrade()


def test_a_script_written_for_alembic_may_do_what_alembic_accepts(
    db: Database, tmp_path: Path
) -> None:
    """Alembic reads the name of a column with one letter as a list of one column."""
    folder = Folder(tmp_path / "m")
    up = f"{TABLE}\nop.create_index('i', 't', 'x')\nop.bulk_insert(sa.table('t'), [{{'y': 1}}])"
    path = folder.write("a1", up)
    path.write_text(path.read_text().replace("parents = ()", "down_revision = None"))
    db.runner(folder).upgrade()
    assert [index.name for index in db.table("t").indexes] == ["i"]


UNCHECKED = {
    "*sa.schema.SchemaItem",
    "*Any",
    "Any",
    "Callable[..., Awaitable[_T]]",
    "Literal['auto', 'always', 'never']",
    "Sequence[Any]",
    "Sequence[tuple[str, ...]] | None",
    "sa.Table | None",
    "str | int",
    "type",
}
"""Annotations of arguments that SQLAlchemy checks, or that only scripts for Alembic pass."""


def test_every_argument_has_a_known_annotation() -> None:
    """A new kind of argument would not be checked."""
    found = set()
    for name in op.__all__:
        for parameter in inspect.signature(getattr(op, name)).parameters.values():
            star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
            if parameter.kind is not parameter.VAR_KEYWORD:
                found.add(f"{star}{parameter.annotation}")
    unchecked = {each for each in found if each.removeprefix("*") not in _KINDS}
    assert unchecked == UNCHECKED
    assert {each.removeprefix("*") for each in found - unchecked} == set(_KINDS)
