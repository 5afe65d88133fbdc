"""Test that a rehearsal has the functions and collations of the database that the models use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_of
from autodiff.rehearse.proof import Proof
from tests.support import opened

CREATE_CODE = "CREATE FUNCTION code() RETURNS text LANGUAGE sql AS 'SELECT 1::text'"


def models(*columns: sa.Column[object], check: str = "true") -> sa.MetaData:
    metadata = sa.MetaData()
    key = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("items", metadata, key, *columns, sa.CheckConstraint(check, name="ck_items"))
    return metadata


def with_default(default: str) -> sa.Column[object]:
    return sa.Column("code", sa.String(20), server_default=sa.text(default))


def rehearsed(project: Project) -> Proof:
    draft = project.draft("next")
    assert draft is not None and draft.proof is not None
    return draft.proof


CASES = {
    "default": ((CREATE_CODE,), models(with_default("code()"))),
    "quoted": ((CREATE_CODE.replace("code()", '"Code"()'),), models(with_default('"Code"()'))),
    "percent": (
        ("CREATE FUNCTION code() RETURNS text LANGUAGE sql AS $$ SELECT '50% :x; %s' $$",),
        models(with_default("code()")),
    ),
    "another schema": (
        ("CREATE SCHEMA lib", CREATE_CODE.replace("code()", "lib.code()")),
        models(with_default("lib.code()")),
    ),
    "calls another": (
        (
            "CREATE FUNCTION b(x text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT x > '''''",
            "CREATE FUNCTION a(x text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS "
            "'BEGIN RETURN b(x); END'",
            "CREATE FUNCTION c(x text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'",
            "CREATE OR REPLACE FUNCTION b(x text) RETURNS boolean LANGUAGE sql IMMUTABLE "
            "AS 'SELECT c(x)'",
        ),
        models(sa.Column("name", sa.Text), check="a(name)"),
    ),
    "reads a table": (
        (
            "CREATE SCHEMA shop",
            "CREATE TABLE shop.prices (price text)",
            "CREATE FUNCTION code() RETURNS text LANGUAGE sql "
            "AS 'SELECT max(price) FROM shop.prices'",
        ),
        models(with_default("code()")),
    ),
    "type of the models": (
        (
            "CREATE TYPE mood AS ENUM ('a', 'b')",
            "CREATE FUNCTION first_mood() RETURNS mood LANGUAGE sql AS $$SELECT 'a'::mood$$",
            "CREATE TABLE items (id integer PRIMARY KEY, mood mood)",
        ),
        models(
            sa.Column(
                "mood",
                sa.Enum("a", "b", name="mood"),
                server_default=sa.text("first_mood()"),
            )
        ),
    ),
    "collation": (
        ('CREATE COLLATION num FROM "C"',),
        models(sa.Column("name", sa.String(20, collation="num"))),
    ),
}


@pytest.mark.parametrize(("setup", "metadata"), CASES.values(), ids=CASES)
def test_what_the_models_use_is_there(
    setup: tuple[str, ...],
    metadata: sa.MetaData,
    database: Callable[[str], sa.URL],
    tmp_path: Path,
) -> None:
    """The draft is rehearsed; so is the next one, whose scratch starts with those columns."""
    url = database("postgresql")
    with opened(url) as db:
        db.execute(*setup)
    project = Project(url, metadata, tmp_path / "m")
    proof = rehearsed(project)
    assert proof.skipped is None
    project.generate("first")
    project.upgrade()
    assert not project.check()
    metadata.tables["items"].append_column(sa.Column("later", sa.Integer))
    assert rehearsed(project).skipped is None


def test_a_function_of_the_migrations(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """A migration that creates it is squashed with its own function."""
    project = Project(database("postgresql"), models(with_default("code()")), tmp_path / "m")
    empty = project.draft("function", empty=True)
    assert empty is not None
    path = empty.write().path
    up, down = path.read_text().split("def downgrade")
    up = up.replace("    pass", f"    op.execute({CREATE_CODE!r})")
    down = down.replace("    pass", "    op.execute('DROP FUNCTION code()')")
    path.write_text(f"{up}def downgrade{down}")
    project.upgrade()
    assert rehearsed(project).skipped is None
    project.generate("items")
    project.upgrade()
    rehearsal = project.rehearse()
    assert rehearsal.passed, rehearsal.lines()


def test_a_function_of_rows_has_the_name_of_a_table(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """PostgREST shows them as columns of the row. They cannot come before the tables."""
    url = database("postgresql")
    metadata = models()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    project = Project(url, metadata, tmp_path / "m")
    project.generate("first")
    project.upgrade()
    with opened(url) as db:
        db.execute(
            "CREATE FUNCTION items(users) RETURNS SETOF items LANGUAGE sql "
            "AS 'SELECT * FROM items WHERE id = $1.id'",
            "CREATE FUNCTION items(users[]) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION items(OUT items, OUT n integer) LANGUAGE sql "
            "AS 'SELECT i, 1 FROM items i'",
        )
    metadata.tables["items"].append_column(sa.Column("later", sa.Integer))
    assert rehearsed(project).skipped is None


def test_only_functions_of_the_users_can_be_created(database: Callable[[str], sa.URL]) -> None:
    with opened(database("postgresql")) as db:
        db.execute(
            "CREATE EXTENSION pg_trgm",
            "CREATE TABLE users (id integer)",
            "CREATE FUNCTION users(users) RETURNS text LANGUAGE sql AS 'SELECT ''x''::text'",
            CREATE_CODE,
        )
        names = dialect_of(db.connection).scratch.creatable_names(db.connection)
        assert names == {"code()"}


def test_what_cannot_be_copied(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """The migration is written with the reason why it was not rehearsed."""
    url = database("postgresql")
    with opened(url) as db:
        db.execute(
            "CREATE TABLE prices (id integer PRIMARY KEY)",
            "CREATE FUNCTION price(prices) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
            "CREATE FUNCTION code() RETURNS text LANGUAGE sql AS 'SELECT price(NULL::prices)'",
        )
    metadata = models(with_default("code()"))
    sa.Table("prices", metadata, sa.Column("id", sa.Integer, primary_key=True))
    proof = rehearsed(Project(url, metadata, tmp_path / "m"))
    assert "prices" in (proof.skipped or "")
