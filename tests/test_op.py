"""Test that Alembic scripts run on each database after their import line is changed.

Each test runs a migration and compares the reflected schema and the rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from autodiff import op
from autodiff.dialects import dialect_of
from autodiff.errors import AutodiffError, MigrationFailedError
from autodiff.schema.objects import (
    Check,
    Column,
    Exclusion,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)
from tests.support import Database, Folder, opened


class Scripts:
    """Migrations that are written and applied in sequence on one database."""

    def __init__(self, db: Database, folder: Folder) -> None:
        self.db = db
        self.folder = folder
        self._count = 0

    def run(self, up: str, down: str = "pass") -> None:
        """Write a migration and apply it."""
        self._count += 1
        self.folder.write(f"rev{self._count}", up, down)
        self.db.runner(self.folder).upgrade()

    def downgrade(self) -> None:
        """Revert the last migration."""
        self.db.runner(self.folder).downgrade()

    def table(self, name: str, schema: str | None = None) -> Table:
        """Return the reflected table with normalized SQL and without implied details."""
        return dialect_of(self.db.connection).normalize(self.db.table(name, schema))

    def column(self, table: str, name: str) -> Column:
        found = self.table(table).column(name)
        assert found is not None, f"{table} has no column {name}"
        return found

    @property
    def kind(self) -> str:
        return self.db.connection.dialect.name


@pytest.fixture
def scripts(any_database: sa.URL, tmp_path: Path) -> Iterator[Scripts]:
    with opened(any_database) as db:
        yield Scripts(db, Folder(tmp_path / "m"))


@pytest.fixture
def scripts_on(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> Iterator[Callable[[str], Scripts]]:
    """Yield a function that returns scripts on a new database of a kind."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda kind: Scripts(
            stack.enter_context(opened(database(kind))), Folder(tmp_path / kind)
        )


ACCOUNT = """
op.create_table(
    "account",
    sa.Column("id", sa.INTEGER, primary_key=True),
    sa.Column("name", sa.VARCHAR(50), nullable=False),
    sa.Column("description", sa.Unicode(200)),
)
"""


def names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def constraint(table: Table, kind: type[Any], name: str | None = None) -> Any:
    """Return the only constraint of a kind; MySQL may report a unique constraint as an index."""
    found = [c for c in table.constraints if isinstance(c, kind) and name in (None, c.name)]
    if not found and kind is Unique:
        found = [i for i in table.indexes if i.unique and name in (None, i.name)]
    assert len(found) == 1, f"{kind.__name__} {name}: {table}"
    return found[0]


# Tables


def test_create_table_with_table_constraints(scripts: Scripts) -> None:
    """Autogenerate writes keys and uniques after the columns, with names in op.f()."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.create_table(
            "orders",
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("account_id", sa.Integer(), nullable=False),
            sa.Column("total", sa.Numeric(precision=10, scale=2), server_default="0"),
            sa.Column("placed_at", sa.DateTime(), server_default=sa.text("CURRENT_TIMESTAMP")),
            sa.Column("code", sa.String(length=20), server_default=sa.text("'new'"), nullable=True),
            sa.CheckConstraint("total >= 0", name=op.f("ck_orders_total")),
            sa.ForeignKeyConstraint(
                ["account_id"], ["account.id"], name=op.f("fk_orders_account"), ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
            sa.UniqueConstraint("account_id", "code", name="uq_orders_code"),
        )
        op.create_index(op.f("ix_orders_placed_at"), "orders", ["placed_at"], unique=False)
        """,
        """
        op.drop_index(op.f("ix_orders_placed_at"), table_name="orders")
        op.drop_table("orders")
        """,
    )
    table = scripts.db.table("orders")
    assert names(table) == ["id", "account_id", "total", "placed_at", "code"]
    key = constraint(table, ForeignKey, "fk_orders_account")
    assert (key.columns, key.referred, key.on_delete) == (
        ("account_id",),
        Name("account"),
        "CASCADE",
    )
    assert constraint(table, PrimaryKey).columns == ("id",)
    assert constraint(table, Unique, "uq_orders_code").columns == ("account_id", "code")
    assert constraint(table, Check).name == "ck_orders_total"
    assert table.index("ix_orders_placed_at") is not None
    scripts.db.execute(
        "INSERT INTO account (id, name) VALUES (1, 'a')",
        "INSERT INTO orders (id, account_id) VALUES (1, 1)",
    )
    rows = scripts.db.rows("SELECT total, code, placed_at IS NOT NULL FROM orders")
    assert [(float(total), code, bool(at)) for total, code, at in rows] == [(0.0, "new", True)]
    scripts.downgrade()
    assert scripts.db.tables() == ["account"]


def test_create_table_with_column_constraints(scripts: Scripts) -> None:
    """Keys, uniques, indexes and checks in sa.Column work; missing names are generated."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.create_table(
            "post",
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("slug", sa.String(50), unique=True, nullable=False),
            sa.Column("day", sa.Date, index=True, comment="when"),
            sa.Column("stars", sa.Integer, sa.CheckConstraint("stars < 6")),
            sa.Column("account_id", sa.Integer, sa.ForeignKey("account.id")),
            sa.Column("ok", sa.Boolean(), nullable=False, server_default=sa.false()),
            comment="what people write",
        )
        """
    )
    table = scripts.db.table("post")
    assert constraint(table, Unique).columns == ("slug",)
    assert constraint(table, ForeignKey).name == "post_account_id_fkey"
    assert constraint(table, Check).name == "post_stars_check"
    assert table.index("ix_post_day") is not None
    if scripts.kind != "sqlite":
        assert table.comment == "what people write"
        assert scripts.column("post", "day").comment == "when"
    insert = "INSERT INTO post (slug) VALUES ('a'), ('b')"
    scripts.db.execute(insert)
    rows = scripts.db.rows("SELECT id, ok FROM post ORDER BY id")
    assert [(number, bool(ok)) for number, ok in rows] == [(1, False), (2, False)]


def test_create_table_returns_the_table(scripts: Scripts) -> None:
    """The returned table can be used for inserts and in statements."""
    scripts.run(
        """
        from datetime import date

        account = op.create_table(
            "account",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(50), nullable=False),
            sa.Column("born", sa.Date),
        )
        op.bulk_insert(
            account,
            [
                {"id": 1, "name": "John Smith", "born": date(2010, 10, 5)},
                {"id": 2, "name": "Ed Williams", "born": None},
            ],
        )
        op.execute(account.update().where(account.c.id == 2).values(name="Ed"))
        op.get_bind().execute(sa.insert(account).values(id=3, name="Mary"))
        """
    )
    rows = scripts.db.rows("SELECT id, name, born FROM account ORDER BY id")
    assert [(i, n, str(b)) for i, n, b in rows] == [
        (1, "John Smith", "2010-10-05"),
        (2, "Ed", "None"),
        (3, "Mary", "None"),
    ]


def test_tables_that_may_exist(scripts: Scripts) -> None:
    """if_not_exists and if_exists make the call do nothing."""
    scripts.run(ACCOUNT)
    scripts.db.execute("INSERT INTO account (id, name) VALUES (1, 'kept')")
    scripts.run(
        """
        op.create_table("account", sa.Column("x", sa.Integer), if_not_exists=True)
        op.create_table("other", sa.Column("x", sa.Integer, index=True), if_not_exists=True)
        op.create_table("other", sa.Column("x", sa.Integer, index=True), if_not_exists=True)
        op.drop_table("nowhere", if_exists=True)
        """
    )
    assert scripts.db.rows("SELECT name FROM account") == [("kept",)]
    assert scripts.db.tables() == ["account", "other"]
    scripts.run('op.drop_table("other", if_exists=True)\nop.drop_table("other", if_exists=True)')
    assert scripts.db.tables() == ["account"]


def test_rename_table(scripts: Scripts) -> None:
    """The rows are kept."""
    scripts.run(ACCOUNT)
    scripts.db.execute("INSERT INTO account (id, name) VALUES (1, 'kept')")
    scripts.run('op.rename_table("account", "people")', 'op.rename_table("people", "account")')
    assert scripts.db.rows("SELECT name FROM people") == [("kept",)]
    scripts.downgrade()
    assert scripts.db.tables() == ["account"]


def test_table_comments(scripts: Scripts) -> None:
    """Comments are created and dropped; SQLite has none and ignores them."""
    scripts.run(ACCOUNT)
    scripts.run('op.create_table_comment("account", "it\'s 100%", existing_comment=None)')
    expected = None if scripts.kind == "sqlite" else "it's 100%"
    assert scripts.table("account").comment == expected
    scripts.run('op.drop_table_comment("account", existing_comment="it\'s 100%")')
    assert scripts.table("account").comment is None


# Columns


def test_add_column(scripts: Scripts) -> None:
    """A default fills existing rows; a key, an index and a unique are created too."""
    scripts.run(ACCOUNT)
    scripts.db.execute("INSERT INTO account (id, name) VALUES (1, 'a')")
    scripts.run(
        """
        op.add_column("account", sa.Column("last_transaction_date", sa.DateTime))
        op.add_column("account", sa.Column("n", sa.Integer(), nullable=False, server_default="7"))
        op.add_column("account", sa.Column("at", sa.DateTime(), server_default=sa.func.now()))
        op.add_column("account", sa.Column("parent_id", sa.Integer, sa.ForeignKey("account.id")))
        op.add_column("account", sa.Column("email", sa.String(50), unique=True))
        op.add_column("account", sa.Column("city", sa.String(50), index=True))
        """,
        """
        for name in ("city", "email"):
            op.drop_column("account", name)
        op.drop_constraint("account_parent_id_fkey", "account", type_="foreignkey")
        for name in ("parent_id", "at", "n", "last_transaction_date"):
            op.drop_column("account", name)
        """,
    )
    table = scripts.db.table("account")
    assert names(table)[3:] == ["last_transaction_date", "n", "at", "parent_id", "email", "city"]
    assert constraint(table, ForeignKey).referred == Name("account")
    assert constraint(table, Unique).columns == ("email",)
    assert table.index("ix_account_city") is not None
    assert scripts.db.rows("SELECT n FROM account") == [(7,)]
    scripts.downgrade()
    assert names(scripts.db.table("account")) == ["id", "name", "description"]


def test_columns_that_may_exist(scripts: Scripts) -> None:
    """if_not_exists and if_exists apply to a column and its index."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.add_column("account", sa.Column("name", sa.Integer, index=True), if_not_exists=True)
        op.add_column("account", sa.Column("n", sa.Integer, index=True), if_not_exists=True)
        op.add_column("account", sa.Column("n", sa.Integer, index=True), if_not_exists=True)
        op.drop_column("account", "nowhere", if_exists=True)
        op.drop_column("account", "description", if_exists=True)
        op.drop_column("account", "description", if_exists=True)
        """
    )
    table = scripts.db.table("account")
    assert names(table) == ["id", "name", "n"]
    assert [index.name for index in table.indexes] == ["ix_account_n"]


def test_alter_column(scripts: Scripts) -> None:
    """Type, NULL, default, name and comment are changed with Alembic's arguments."""
    scripts.run(ACCOUNT)
    scripts.db.execute("INSERT INTO account (id, name, description) VALUES (1, 'a', 'b')")
    scripts.run(
        """
        op.alter_column("account", "name", existing_type=sa.VARCHAR(50), type_=sa.String(99),
                        existing_nullable=False)
        op.alter_column("account", "name", existing_type=sa.String(99), nullable=True,
                        server_default="none")
        op.alter_column("account", "description", new_column_name="about",
                        existing_type=sa.Unicode(200))
        op.alter_column("account", "about", existing_type=sa.Unicode(200), nullable=False,
                        server_default=sa.text("'-'"), existing_server_default=None)
        op.alter_column("account", "about", comment="all", existing_comment=None)
        """,
        """
        op.alter_column("account", "about", comment=None, existing_comment="all")
        op.alter_column("account", "about", server_default=None, nullable=True)
        op.alter_column("account", "about", new_column_name="description")
        op.alter_column("account", "name", server_default=None, nullable=False)
        op.alter_column("account", "name", type_=sa.String(50), existing_type=sa.String(99))
        """,
    )
    name, about = scripts.column("account", "name"), scripts.column("account", "about")
    assert "(99)" in name.type.sql and name.nullable
    assert (name.default or "").startswith("'none'")
    assert not about.nullable and (about.default or "").startswith("'-'")
    assert about.comment == (None if scripts.kind == "sqlite" else "all")
    scripts.db.execute("INSERT INTO account (id) VALUES (2)")
    assert scripts.db.rows("SELECT id, name, about FROM account ORDER BY id") == [
        (1, "a", "b"),
        (2, "none", "-"),
    ]
    scripts.downgrade()
    name, about = scripts.column("account", "name"), scripts.column("account", "description")
    assert ("(50)" in name.type.sql, name.nullable, name.default) == (True, False, None)
    assert (about.nullable, about.default, about.comment) == (True, None, None)


@pytest.mark.parametrize("is_batch", [False, True])
def test_a_new_type_replaces_the_check_of_the_old_one(scripts: Scripts, is_batch: bool) -> None:
    """As in Alembic. A check that the database lacks is not dropped."""
    small, large = (
        f"sa.Enum({values}, name='known', native_enum=False, create_constraint=True, length=9)"
        for values in ("'a', 'b'", "'a', 'b', 'c'")
    )
    alter = 'op.alter_column("t", "e", '
    if is_batch:
        alter = 'with op.batch_alter_table("t") as batch:\n    batch.alter_column("e", '
    scripts.run('op.create_table("t", sa.Column("e", sa.String(9)))')
    scripts.run(f"{alter}existing_type=sa.String(9), type_={small})", "pass")
    assert [item.name for item in scripts.table("t").constraints] == ["known"]
    scripts.run(
        f"{alter}existing_type={small}, type_={large})",
        f"{alter}existing_type={large}, type_={small})",
    )
    scripts.db.execute("INSERT INTO t VALUES ('c')")
    scripts.db.execute("DELETE FROM t")
    scripts.downgrade()
    with pytest.raises(sa.exc.DBAPIError):
        scripts.db.execute("INSERT INTO t VALUES ('c')")
    scripts.db.connection.rollback()
    scripts.run(f"{alter}existing_type={small}, type_=sa.String(9))")
    assert scripts.table("t").constraints == ()
    scripts.run(f"{alter}existing_type={small}, type_=sa.Boolean(create_constraint=True))")


def test_alter_column_with_using(scripts_on: Callable[[str], Scripts]) -> None:
    """postgresql_using converts the values to the new type."""
    scripts = scripts_on("postgresql")
    scripts.run('op.create_table("t", sa.Column("a", sa.String(20)))')
    scripts.db.execute("INSERT INTO t VALUES ('7 apples')")
    scripts.run(
        """
        op.alter_column("t", "a", existing_type=sa.String(20), type_=sa.Integer(),
                        postgresql_using="split_part(a, ' ', 1)::integer")
        """
    )
    assert scripts.db.rows("SELECT a FROM t") == [(7,)]


def test_rename_column(scripts: Scripts) -> None:
    """rename_column is an addition to Alembic's alter_column(new_column_name=...)."""
    scripts.run(ACCOUNT)
    scripts.run('op.rename_column("account", "name", "title")')
    assert names(scripts.db.table("account")) == ["id", "title", "description"]


# Constraints


def test_constraints_are_created_and_dropped(scripts: Scripts) -> None:
    """Each kind has a function to create it, and is dropped by name with type_."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.create_table("entry", sa.Column("id", sa.Integer, nullable=False),
                        sa.Column("account_id", sa.Integer), sa.Column("n", sa.Integer))
        """
    )
    before = scripts.table("entry")
    scripts.run(
        """
        op.create_primary_key("pk_entry", "entry", ["id"])
        op.create_foreign_key("fk_entry_account", "entry", "account", ["account_id"], ["id"],
                              ondelete="SET NULL", onupdate="CASCADE")
        op.create_unique_constraint("uq_entry_n", "entry", ["n"])
        op.create_check_constraint("ck_entry_n", "entry", "n > 0")
        op.create_check_constraint("ck_entry_small", "entry", sa.column("n") < 100)
        """,
        """
        op.drop_constraint("ck_entry_small", "entry", type_="check")
        op.drop_constraint("ck_entry_n", "entry", type_="check")
        op.drop_constraint("uq_entry_n", "entry", type_="unique")
        op.drop_constraint("fk_entry_account", "entry", type_="foreignkey")
        op.drop_constraint("pk_entry", "entry", type_="primary")
        """,
    )
    table = scripts.db.table("entry")
    key = constraint(table, ForeignKey, "fk_entry_account")
    assert (key.on_delete, key.on_update) == ("SET NULL", "CASCADE")
    assert constraint(table, PrimaryKey).columns == ("id",)
    assert constraint(table, Unique, "uq_entry_n").columns == ("n",)
    checks = {c.name for c in table.constraints if isinstance(c, Check)}
    assert checks == {"ck_entry_n", "ck_entry_small"}
    scripts.db.execute("INSERT INTO entry (id, n) VALUES (1, 99)")
    for values in ("(2, 100)", "(2, 0)", "(2, 99)", "(1, 5)"):
        with pytest.raises(sa.exc.DBAPIError):
            scripts.db.execute(f"INSERT INTO entry (id, n) VALUES {values}")
        scripts.db.connection.rollback()
    scripts.downgrade()
    after = scripts.table("entry")
    # MySQL keeps the index that it created for the foreign key.
    indexes = [index for index in after.indexes if index.name != "fk_entry_account"]
    assert (after.columns, after.constraints, indexes) == (before.columns, before.constraints, [])


def test_constraints_and_indexes_are_renamed(scripts: Scripts) -> None:
    """They are renamed in place or recreated, and keep their definitions."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.create_foreign_key("fk_old", "account", "account", ["id"], ["id"])
        op.create_unique_constraint("uq_old", "account", ["name"])
        op.create_check_constraint("ck_old", "account", "name <> ''")
        op.create_index("ix_old", "account", ["description"])
        """
    )
    before = scripts.table("account")
    scripts.run(
        """
        op.rename_constraint("account", "fk_old", "fk_new", type_="foreignkey")
        op.rename_constraint("account", "uq_old", "uq_new")
        op.rename_constraint("account", "ck_old", "ck_new", type_="check")
        op.rename_constraint("account", "account_pkey", "pk_account", type_="primary")
        op.rename_index("ix_old", "ix_new", table_name="account")
        """,
        """
        op.rename_index("ix_new", "ix_old", table_name="account")
        op.rename_constraint("account", "pk_account", "account_pkey", type_="primary")
        op.rename_constraint("account", "ck_new", "ck_old")
        op.rename_constraint("account", "uq_new", "uq_old", type_="unique")
        op.rename_constraint("account", "fk_new", "fk_old")
        """,
    )
    table = scripts.db.table("account")
    assert constraint(table, ForeignKey).name == "fk_new"
    assert constraint(table, Check, "ck_new").name == "ck_new"
    assert constraint_or_index(table, "uq_new").columns == ("name",)
    assert constraint_or_index(table, "ix_new").columns == ("description",)
    assert scripts.kind == "mysql" or constraint(table, PrimaryKey).name == "pk_account"
    scripts.downgrade()
    after = scripts.table("account")
    assert (after.constraints, after.indexes) == (before.constraints, before.indexes)


def test_renaming_a_missing_constraint_or_index_is_refused(scripts: Scripts) -> None:
    """The error names it; on PostgreSQL it is the server's error."""
    scripts.run(ACCOUNT)
    for code in (
        'op.rename_constraint("account", "gone", "new", type_="check")',
        'op.rename_index("gone", "new", table_name="account")',
    ):
        with pytest.raises(AutodiffError) as caught:
            scripts.run(code)
        assert "gone" in str(caught.value)


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_rename_index_needs_table_name(scripts_on: Callable[[str], Scripts], kind: str) -> None:
    """SQLite and MySQL need the table; the error explains this and names the argument."""
    scripts = scripts_on(kind)
    with pytest.raises(AutodiffError) as caught:
        scripts.run('op.rename_index("old", "new")')
    assert "cannot rename index old without its table" in str(caught.value)
    assert "table_name=" in str(caught.value)


def test_rename_index_in_a_schema_without_table_name(scripts_on: Callable[[str], Scripts]) -> None:
    """PostgreSQL needs no table; indexes of materialized views are renamed too."""
    scripts = scripts_on("postgresql")
    scripts.run(
        """
        op.create_schema("audit")
        op.create_table("a", sa.Column("n", sa.Integer, index=True), schema="audit")
        op.rename_index("ix_audit_a_n", "ix_n", schema="audit")
        op.create_view("m", "SELECT 1 AS n", materialized=True)
        op.execute("CREATE INDEX ix_m ON m (n)")
        op.rename_index("ix_m", "ix_m_n", table_name="m")
        """
    )
    names = "SELECT indexname FROM pg_indexes WHERE indexname IN ('ix_n', 'ix_m_n') ORDER BY 1"
    assert scripts.db.rows(names) == [("ix_m_n",), ("ix_n",)]


def test_generated_constraint_names_are_unique(scripts: Scripts) -> None:
    """They are unique within a migration, across migrations and among existing names."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.create_check_constraint(None, "account", "name <> ''")
        op.create_check_constraint(None, "account", "name <> 'x'")
        """
    )
    scripts.run(
        """
        op.create_check_constraint(None, "account", "description <> ''")
        op.drop_constraint("account_check1", "account", type_="check")
        """
    )
    checks = {c.name for c in scripts.table("account").constraints if isinstance(c, Check)}
    assert checks == {"account_check", "account_check2"}


def test_constraints_without_a_name_get_a_generated_name(scripts: Scripts) -> None:
    """The names follow PostgreSQL's scheme, so that a downgrade can drop the constraints."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.create_unique_constraint(None, "account", ["name"])
        op.create_check_constraint(None, "account", "name <> ''")
        op.create_foreign_key(None, "account", "account", ["id"], ["id"])
        """,
        """
        op.drop_constraint("account_id_fkey", "account", type_="foreignkey")
        op.drop_constraint("account_check", "account", type_="check")
        op.drop_constraint("account_name_key", "account", type_="unique")
        """,
    )
    table = scripts.db.table("account")
    assert constraint(table, Unique).name == "account_name_key"
    assert constraint(table, ForeignKey).name == "account_id_fkey"
    scripts.downgrade()
    kinds = {type(c) for c in scripts.table("account").constraints}
    assert kinds == {PrimaryKey}


def test_constraints_that_may_exist(scripts: Scripts) -> None:
    """drop_constraint accepts if_exists."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.drop_constraint("nowhere", "account", type_="check", if_exists=True)
        op.drop_constraint("nowhere", "no_table", type_="check", if_exists=True)
        op.create_check_constraint("ck", "account", "name <> ''")
        op.drop_constraint("ck", "account", type_="check", if_exists=True)
        op.drop_constraint("ck", "account", type_="check", if_exists=True)
        """
    )
    assert not [c for c in scripts.table("account").constraints if isinstance(c, Check)]


def test_deferrable_foreign_keys_between_schemas(scripts_on: Callable[[str], Scripts]) -> None:
    """source_schema, referent_schema, deferrable, initially and match are supported."""
    scripts = scripts_on("postgresql")
    scripts.run(
        """
        op.execute("CREATE SCHEMA one")
        op.create_schema("two")
        op.create_table("a", sa.Column("id", sa.Integer, primary_key=True), schema="one")
        op.create_table("b", sa.Column("a_id", sa.Integer), schema="two")
        op.create_foreign_key("fk", "b", "a", ["a_id"], ["id"], source_schema="two",
                              referent_schema="one", deferrable=True, initially="DEFERRED",
                              match="FULL")
        op.add_column("b", sa.Column("n", sa.Integer), schema="two")
        op.create_index("ix", "b", ["n"], schema="two")
        """
    )
    table = scripts.db.schema("one", "two").tables[Name("b", "two")]
    key = constraint(table, ForeignKey, "fk")
    assert (key.referred, key.deferrable, key.initially_deferred, key.match) == (
        Name("a", "one"),
        True,
        True,
        "FULL",
    )
    scripts.run(
        """
        op.drop_index("ix", table_name="b", schema="two")
        op.drop_constraint("fk", "b", schema="two", type_="foreignkey")
        op.drop_table("b", schema="two")
        op.drop_schema("two")
        """
    )
    assert Name("b", "two") not in scripts.db.schema("one", "two").tables


def test_exclusion_constraints(scripts_on: Callable[[str], Scripts]) -> None:
    """The example of Alembic's manual works, with a reserved word as a column name."""
    scripts = scripts_on("postgresql")
    scripts.run(
        """
        from sqlalchemy.dialects import postgresql

        op.create_table(
            "orders",
            sa.Column("period", postgresql.INT4RANGE()),
            sa.Column("group", postgresql.INT4RANGE()),
        )
        op.create_exclude_constraint(
            "user_excl", "orders", ("period", "&&"), ("group", "="),
            where="not isempty(period)", using="gist",
        )
        op.create_exclude_constraint("other", "orders", (sa.text("(period * period)"), "&&"))
        """,
        """
        op.drop_constraint("other", "orders")
        op.drop_constraint("user_excl", "orders", type_="exclude")
        """,
    )
    found = constraint(scripts.db.table("orders"), Exclusion, "user_excl")
    assert found.elements == (("period", "&&"), ('"group"', "="))
    assert found.where is not None and found.using == "gist"
    assert constraint(scripts.db.table("orders"), Exclusion, "other")
    scripts.downgrade()
    assert scripts.db.table("orders").constraints == ()


# Indexes


def test_indexes(scripts: Scripts) -> None:
    """Plain, unique, multi-column and descending indexes are created and dropped."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.create_index("ix_name", "account", ["name"])
        op.create_index("uq_both", "account", ["name", "id"], unique=True)
        op.create_index("ix_down", "account", [sa.text("name DESC")])
        """,
        """
        op.drop_index("ix_down", table_name="account")
        op.drop_index("uq_both", table_name="account")
        op.drop_index("ix_name", "account")
        """,
    )
    table = scripts.db.table("account")
    assert constraint_or_index(table, "ix_name").columns == ("name",)
    both = constraint_or_index(table, "uq_both")
    assert both.columns == ("name", "id")
    assert isinstance(both, Unique) or both.unique
    down = table.index("ix_down")
    assert down is not None
    assert down.elements[0].descending
    scripts.downgrade()
    assert scripts.db.table("account").indexes == ()


def constraint_or_index(table: Table, name: str) -> Index | Unique:
    found = table.index(name) or table.constraint(name)
    assert isinstance(found, Index | Unique)
    return found


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_partial_and_functional_indexes(scripts_on: Callable[[str], Scripts], kind: str) -> None:
    """..._where is a string or a clause; expressions are sa.text or sa.func."""
    scripts = scripts_on(kind)
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.create_index("ix_some", "account", ["name"], unique=True,
                        postgresql_where=sa.text("id > 5"), sqlite_where=sa.text("id > 5"))
        op.create_index("ix_clause", "account", ["name"],
                        postgresql_where=sa.column("name") != "it's",
                        sqlite_where=sa.column("name") != "it's")
        op.create_index("ix_lower", "account", [sa.text("lower(name)"), "id"])
        op.create_index("ix_func", "account", [sa.func.lower(sa.column("description"))])
        """
    )
    found = {index.name: index for index in scripts.table("account").indexes}
    assert found["ix_some"].unique and found["ix_some"].where == "id > 5"
    assert "'it''s'" in (found["ix_clause"].where or "")
    lower, plain = found["ix_lower"].elements
    assert (lower.is_expression, plain.is_expression, plain.text) == (True, False, "id")
    assert lower.text.startswith("lower(") and "name" in lower.text
    assert found["ix_func"].elements[0].is_expression


def test_postgresql_index_options(scripts_on: Callable[[str], Scripts]) -> None:
    """using, ops, include, with and IF [NOT] EXISTS are supported."""
    scripts = scripts_on("postgresql")
    scripts.run(ACCOUNT)
    scripts.run(
        """
        op.create_index("ix", "account", ["name"], postgresql_include=["description"],
                        postgresql_ops={"name": "varchar_pattern_ops"},
                        postgresql_with={"fillfactor": 70})
        op.create_index("ix", "account", ["name"], if_not_exists=True)
        op.create_index("h", "account", ["name"], postgresql_using="hash")
        op.drop_index("nowhere", table_name="account", if_exists=True)
        op.drop_index("nowhere", table_name="no_table", if_exists=True)
        """
    )
    found = scripts.db.table("account").index("ix")
    assert found is not None
    assert found.include == ("description",)
    assert found.elements[0].opclass == "varchar_pattern_ops"
    assert found.options == {"postgresql_with": "fillfactor=70"}
    hashed = scripts.db.table("account").index("h")
    assert hashed is not None and hashed.method == "hash"


def test_mysql_index_options(scripts_on: Callable[[str], Scripts]) -> None:
    """length and prefix are supported."""
    scripts = scripts_on("mariadb")
    scripts.run('op.create_table("t", sa.Column("a", sa.Text()), mysql_engine="InnoDB")')
    scripts.run(
        """
        op.create_index("ix", "t", ["a"], mysql_length={"a": 10})
        op.create_index("ft", "t", ["a"], mysql_prefix="FULLTEXT")
        """
    )
    short, text = scripts.db.table("t").index("ix"), scripts.db.table("t").index("ft")
    assert short is not None and short.elements[0].length == 10
    assert text is not None and text.method == "fulltext"


def test_a_check_of_several_columns_is_not_lost(
    scripts_on: Callable[[str], Scripts],
) -> None:
    """SQLite itself refuses to drop the column, as MariaDB does."""
    scripts = scripts_on("sqlite")
    scripts.run(
        'op.create_table("t", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer),'
        'sa.CheckConstraint("b > 0 AND (a > 0 OR b > 5)", name="c"))'
    )
    with pytest.raises(AutodiffError, match="the check c reads other columns too"):
        scripts.run('op.drop_column("t", "a")')
    assert names(scripts.table("t")) == ["a", "b"]


@pytest.mark.parametrize(
    "addition",
    [
        'op.add_column("t", sa.Column("b", sa.Boolean(create_constraint=True, name="bck")))',
        'op.add_column("t", sa.Column("b", sa.Integer, sa.CheckConstraint("b > 0", name="c")))',
        'op.add_column("t", sa.Column("b", sa.Integer))\n'
        'op.create_check_constraint("c", "t", "B > 1")',
    ],
)
def test_a_column_is_dropped_with_its_checks(scripts: Scripts, addition: str) -> None:
    """A check in which only a function has the name of the column is kept."""
    scripts.run(
        'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),'
        'sa.Column("length", sa.Integer), sa.Column("char", sa.Integer),'
        'sa.Column("a", sa.String(9)),'
        "sa.CheckConstraint(\"length(a) > 2 AND a <> 'b' AND CAST(a AS char) <> ''\", name='kept'))"
    )
    scripts.run(
        addition,
        'op.drop_column("t", "b")\nop.drop_column("t", "length")\nop.drop_column("t", "char")',
    )
    scripts.downgrade()
    assert sorted(names(scripts.table("t"))) == ["a", "id"]
    assert [c.name for c in scripts.table("t").constraints if isinstance(c, Check)] == ["kept"]


# Rows and statements


def test_no_value_is_lost(scripts: Scripts) -> None:
    """Rows may have different columns, and values may be bytes and JSON."""
    scripts.run(
        r"""
        op.create_table(
            "t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer),
            sa.Column("data", sa.LargeBinary), sa.Column("extra", sa.JSON),
        )
        rows = sa.table("t", sa.column("id"), sa.column("n"), sa.column("extra", sa.JSON))
        op.bulk_insert(rows, [
            {"id": 1}, {"id": 2, "n": 2}, {"id": 3, "extra": None}, {"id": 4, "extra": [1]},
        ])
        op.backfill("t", {"data": b"a\\101\x00\xff%"}, where=sa.column("id") == 1)
        op.backfill("t", {"extra": {"k": "it's 5% :x"}}, where="id = 2")
        op.backfill("t", {"data": sa.func.coalesce(sa.column("data"), b"\x00")})
        """
    )
    table = sa.table(
        "t",
        *(sa.column("id"), sa.column("n")),
        *(sa.column("data", sa.LargeBinary), sa.column("extra", sa.JSON)),
    )
    rows = scripts.db.connection.execute(sa.select(table).order_by(table.c.id)).all()
    assert [tuple(row) for row in rows] == [
        (1, None, b"a\\101\x00\xff%", None),
        (2, 2, b"\x00", {"k": "it's 5% :x"}),
        (3, None, b"\x00", None),
        (4, None, b"\x00", [1]),
    ]


def test_a_value_without_a_literal_is_named(scripts: Scripts) -> None:
    scripts.run('op.create_table("t", sa.Column("id", sa.Integer), sa.Column("a", sa.JSON))')
    with pytest.raises(MigrationFailedError, match="value of a cannot be written as SQL: <class"):
        scripts.run('op.backfill("t", {"a": object})')


def test_bulk_insert(scripts: Scripts) -> None:
    """Rows have literals or expressions; multiinsert and an empty list are accepted."""
    scripts.run(
        """
        from datetime import date
        from sqlalchemy.sql import column, table

        op.create_table(
            "account", sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(50)), sa.Column("born", sa.Date),
        )
        accounts = table("account", column("id", sa.Integer), column("name", sa.String),
                         column("born", sa.Date))
        op.bulk_insert(accounts, [
            {"id": 1, "name": "John's 100% :x", "born": date(2010, 10, 5)},
            {"id": 2, "name": "Ed", "born": date(2007, 5, 27)},
        ])
        op.bulk_insert(accounts, [
            {"id": 3, "name": "Mary", "born": op.inline_literal("2008-08-15")},
        ], multiinsert=False)
        op.bulk_insert(accounts, [
            {"id": 4, "name": sa.func.upper("low")}, {"id": 5, "name": "plain"},
        ])
        op.bulk_insert(accounts, [])
        """
    )
    rows = scripts.db.rows("SELECT id, name, born FROM account ORDER BY id")
    assert [(i, n, b and str(b)) for i, n, b in rows] == [
        (1, "John's 100% :x", "2010-10-05"),
        (2, "Ed", "2007-05-27"),
        (3, "Mary", "2008-08-15"),
        (4, "LOW", None),
        (5, "plain", None),
    ]


def test_execute(scripts: Scripts) -> None:
    """Strings, text with parameters and statements run; colons and percent signs stay."""
    scripts.run(ACCOUNT)
    scripts.run(
        r"""
        account = sa.table("account", sa.column("id"), sa.column("name"), sa.column("description"))
        op.execute("INSERT INTO account (id, name) VALUES (1, '100% at 10:30')")
        op.execute(sa.text("INSERT INTO account (id, name) VALUES (2, '100% at 10\\:30')"))
        op.execute(
            sa.text("INSERT INTO account (id, name) VALUES (:id, :name)")
            .bindparams(id=3, name="it's")
        )
        op.execute(account.insert().values(id=4, name="four %"))
        op.execute(account.update().where(account.c.id == 4).values({"description": "x:y %s"}))
        op.execute(
            sa.update(account).where(account.c.id == op.inline_literal(3))
            .values(description=op.inline_literal("in line"))
        )
        op.execute(account.delete().where(account.c.id == 1))
        op.execute("UPDATE account SET description = name WHERE id = 2", execution_options={})
        """
    )
    assert scripts.db.rows("SELECT id, name, description FROM account ORDER BY id") == [
        (2, "100% at 10:30", "100% at 10:30"),
        (3, "it's", "in line"),
        (4, "four %", "x:y %s"),
    ]


@pytest.mark.parametrize(
    "code",
    [
        'op.execute(sa.text("UPDATE account SET description = :n"))',
        'op.execute(sa.text("DELETE FROM account WHERE :n IS NULL"))',
        'op.backfill("account", {"description": sa.text(":n")})',
        'op.backfill("account", {"description": "x"}, where=sa.text("name = :n"))',
        'op.require(sa.text("SELECT * FROM account WHERE name = :n"), "no")',
        'op.create_view("v", sa.select(sa.text("1")).where(sa.text("1 = :n")))',
        'op.create_check_constraint("ck", "account", "name <> \' :n\'")',
        'op.create_index("ix", "account", [sa.text("lower(:n)")])',
        'op.add_column("account", sa.Column("x", sa.Text, server_default=sa.text("(:n)")))',
        'op.alter_column("account", "name", server_default=sa.text("(:n)"))',
    ],
)
def test_a_parameter_needs_a_value(scripts: Scripts, code: str) -> None:
    """SQLAlchemy writes NULL for it in SQL with literals, which means something else."""
    scripts.run(ACCOUNT)
    scripts.run("op.execute(\"INSERT INTO account (id, name) VALUES (1, 'a')\")")
    with pytest.raises(MigrationFailedError, match="value is required for bind parameter 'n'") as e:
        scripts.run(code)
    assert e.value.hint is not None and ".bindparams(n=...)" in e.value.hint
    assert scripts.db.rows("SELECT name, description FROM account") == [("a", None)]


def test_a_parameter_may_be_none(scripts: Scripts) -> None:
    scripts.run(ACCOUNT)
    scripts.run(
        """
        account = sa.table("account", sa.column("id"), sa.column("name"), sa.column("description"))
        op.execute(account.insert().values(id=1, name="a", description="b"))
        op.execute(account.insert().values(id=2, name="b", description=None))
        op.execute(
            sa.text("UPDATE account SET description = :n WHERE id = 1").bindparams(n=None)
        )
        op.backfill("account", {"name": sa.bindparam("n", "c")}, where=sa.column("name") == "b")
        """
    )
    found = scripts.db.rows("SELECT name, description FROM account ORDER BY id")
    assert found == [("a", None), ("c", None)]


def test_a_comment_ends_with_its_expression(scripts: Scripts) -> None:
    """The rest of the statement is no part of a comment at the end of an SQL text."""
    scripts.run(
        """
        op.create_table(
            "t", sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("a", sa.Integer, server_default=sa.text("5 -- five"), nullable=False),
            sa.Column("b", sa.Integer, sa.Computed("a + 1 -- next"), nullable=True),
            sa.CheckConstraint("a > 0 -- positive", name="ck_a"),
            sa.CheckConstraint("a < 9 -- small", name="ck_b"),
            sa.Column("c", sa.Integer),
        )
        op.create_check_constraint("ck_c", "t", "c > 0 -- positive")
        op.alter_column("t", "c", server_default=sa.text("6 -- six"), existing_type=sa.Integer)
        op.require("SELECT 1 FROM t WHERE id = 9 -- nine", "no")
        op.create_view("v", "SELECT a FROM t -- all")
        op.execute("INSERT INTO t (id) VALUES (1) -- one")
        """
    )
    if scripts.kind != "mysql":
        columns = '["a", sa.text("abs(c) -- positive")], unique=True'
        where = ', sqlite_where=sa.text("a > 0 -- c"), postgresql_where=sa.text("a > 0 -- c")'
        scripts.run(f'op.create_index("ix", "t", {columns}{where})')
    scripts.run('op.add_column("t", sa.Column("d", sa.Integer, sa.CheckConstraint("d > 0 -- d")))')
    assert scripts.db.rows("SELECT a, b, c, d FROM t") == [(5, 6, 6, None)]
    assert {"ck_a", "ck_b", "ck_c"} <= {item.name for item in scripts.table("t").constraints}
    assert not scripts.column("t", "a").nullable


def test_a_comment_ends_before_the_algorithm(scripts_on: Callable[[str], Scripts]) -> None:
    scripts = scripts_on("mariadb")
    scripts.run(ACCOUNT)
    with pytest.raises(MigrationFailedError, match="ALGORITHM=INSTANT is not supported"):
        scripts.run(
            """
            with op.online("INSTANT"):
                op.execute("ALTER TABLE account MODIFY name varchar(9) NOT NULL -- shorter")
            """
        )


def test_a_comment_ends_with_the_expression_of_a_trigger(
    scripts_on: Callable[[str], Scripts],
) -> None:
    scripts = scripts_on("postgresql")
    scripts.run(
        """
        op.create_table("t", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer),
                        sa.Column("c", sa.Text))
        op.sync_columns("t", "a", "b", default="1 -- one")
        op.execute("INSERT INTO t (b) VALUES (3)")
        op.unsync_columns("t", "a", "b")
        op.sync_columns("t", "a", "b", one_way=True, postgresql_using="a + 1 -- next")
        op.execute("INSERT INTO t (a) VALUES (4)")
        op.alter_column("t", "c", type_=sa.Integer, postgresql_using="length(c) -- its length",
                        nullable=True, server_default=sa.text("2 -- two"))
        """
    )
    assert scripts.db.rows("SELECT a, b FROM t ORDER BY a") == [(3, 3), (4, 5)]
    assert scripts.column("t", "c").default == "2"


def test_get_bind_and_get_context(scripts: Scripts) -> None:
    """They return the connection and the dialect inside the migration."""
    scripts.run(ACCOUNT)
    scripts.run(
        f"""
        bind = op.get_bind()
        assert bind.dialect.name == {scripts.kind!r}
        assert op.get_context().dialect.name == {scripts.kind!r}
        assert op.get_context().bind is bind and op.get_context().connection is bind
        bind.execute(sa.text("INSERT INTO account (id, name) VALUES (:id, :name)"),
                     [{{"id": 1, "name": "a"}}, {{"id": 2, "name": "b"}}])
        for row in bind.execute(sa.text("SELECT id, name FROM account")).all():
            bind.execute(
                sa.text("UPDATE account SET description = :d WHERE id = :id"),
                {{"d": row.name * 3, "id": row.id}},
            )
        assert "account" in sa.inspect(bind).get_table_names()
        """
    )
    assert scripts.db.rows("SELECT description FROM account ORDER BY id") == [("aaa",), ("bbb",)]


def test_an_orm_session_works_inside_a_migration(scripts: Scripts) -> None:
    """Data migrations often define models and open a Session on op.get_bind()."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

        class Base(DeclarativeBase):
            pass

        class Account(Base):
            __tablename__ = "account"
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str]

        with Session(op.get_bind()) as session:
            session.add_all([Account(id=1, name="a"), Account(id=2, name="b")])
            session.flush()
            for account in session.scalars(sa.select(Account)):
                account.name += "!"
            session.flush()
        op.alter_column("account", "name", existing_type=sa.String(50), server_default="x")
        """
    )
    assert scripts.db.rows("SELECT name FROM account ORDER BY id") == [("a!",), ("b!",)]


# batch_alter_table


def test_batch_alter_table(scripts: Scripts) -> None:
    """A block accepts every operation; batch arguments that autodiff does not need are ignored."""
    scripts.run(ACCOUNT)
    scripts.run('op.create_table("city", sa.Column("id", sa.Integer, primary_key=True))')
    scripts.db.execute("INSERT INTO account (id, name, description) VALUES (1, 'a', 'b')")
    scripts.run(
        """
        with op.batch_alter_table("account", schema=None, recreate="auto") as batch_op:
            batch_op.add_column(sa.Column("city_id", sa.Integer(), nullable=True))
            batch_op.add_column(
                sa.Column("n", sa.Integer(), server_default="3", nullable=False),
                insert_after="name",
            )
            batch_op.alter_column("name", existing_type=sa.VARCHAR(50), type_=sa.String(80),
                                  existing_nullable=False)
            batch_op.alter_column("description", new_column_name="about",
                                  existing_type=sa.Unicode(200))
            batch_op.create_index(batch_op.f("ix_account_n"), ["n"], unique=False)
            batch_op.create_unique_constraint("uq_account_name", ["name"])
            batch_op.create_check_constraint("ck_account_n", "n > 0")
            batch_op.create_foreign_key("fk_account_city", "city", ["city_id"], ["id"],
                                        ondelete="SET NULL")
            batch_op.create_table_comment("people", existing_comment=None)
        """,
        """
        with op.batch_alter_table("account", naming_convention={}, reflect_args=()) as batch_op:
            batch_op.drop_table_comment(existing_comment="people")
            batch_op.drop_constraint("fk_account_city", type_="foreignkey")
            batch_op.drop_constraint("ck_account_n", type_="check")
            batch_op.drop_constraint("uq_account_name", type_="unique")
            batch_op.drop_index(batch_op.f("ix_account_n"))
            batch_op.alter_column("about", new_column_name="description")
            batch_op.alter_column("name", existing_type=sa.String(80), type_=sa.VARCHAR(50))
            batch_op.drop_column("n")
            batch_op.drop_column("city_id")
        """,
    )
    table = scripts.db.table("account")
    assert sorted(names(table)) == ["about", "city_id", "id", "n", "name"]
    assert "(80)" in scripts.column("account", "name").type.sql
    assert constraint(table, Unique, "uq_account_name").columns == ("name",)
    assert constraint(table, Check, "ck_account_n")
    assert constraint(table, ForeignKey, "fk_account_city").on_delete == "SET NULL"
    assert table.index("ix_account_n") is not None
    assert scripts.db.rows("SELECT id, name, about, n, city_id FROM account") == [
        (1, "a", "b", 3, None)
    ]
    scripts.downgrade()
    table = scripts.db.table("account")
    assert names(table) == ["id", "name", "description"]
    assert [type(c) for c in table.constraints] == [PrimaryKey]
    assert scripts.db.rows("SELECT * FROM account") == [(1, "a", "b")]


def test_batch_blocks_have_the_connection(scripts: Scripts) -> None:
    """execute, get_bind and get_context work in a block."""
    scripts.run(ACCOUNT)
    scripts.run(
        """
        with op.batch_alter_table("account") as batch_op:
            batch_op.execute("INSERT INTO account (id, name) VALUES (1, 'a')")
            assert batch_op.get_bind().execute(sa.text("SELECT id FROM account")).scalar() == 1
            assert batch_op.get_context().dialect.name
            batch_op.drop_column("nowhere", if_exists=True)
            batch_op.drop_constraint("nowhere", type_="unique", if_exists=True)
        """
    )
    assert scripts.db.rows("SELECT name FROM account") == [("a",)]


# Enums, sequences, views, schemas


def test_enums_are_created_with_their_table(scripts_on: Callable[[str], Scripts]) -> None:
    """sa.Enum creates the type once; create_type=False does not create it."""
    scripts = scripts_on("postgresql")
    scripts.run(
        """
        from sqlalchemy.dialects import postgresql

        op.create_table("t", sa.Column("a", sa.Enum("x", "y", name="mood"), server_default="x"))
        op.add_column("t", sa.Column("b", sa.Enum("x", "y", name="mood")))
        op.add_column("t", sa.Column("c", postgresql.ENUM("u", name="other")))
        op.add_column("t", sa.Column("d", postgresql.ENUM("u", name="other", create_type=False)))
        op.add_column("t", sa.Column("e", postgresql.ARRAY(sa.Enum("x", "y", name="mood"))))
        """,
        """
        op.drop_table("t")
        op.drop_enum("other")
        sa.Enum(name="mood").drop(op.get_bind())
        """,
    )
    assert {str(n): e.values for n, e in scripts.db.schema().enums.items()} == {
        "mood": ("x", "y"),
        "other": ("u",),
    }
    scripts.downgrade()
    assert scripts.db.schema() == Schema()


def test_create_alter_and_drop_enum(scripts: Scripts) -> None:
    """The functions do nothing on databases without enum types."""
    scripts.run('op.create_enum("mood", "sad", "it\'s ok")')
    scripts.run('op.alter_enum("mood", ["sad", "it\'s ok"], ["sad", "so so", "it\'s ok"])')
    enums = {str(name): enum.values for name, enum in scripts.db.schema().enums.items()}
    expected = {"mood": ("sad", "so so", "it's ok")} if scripts.kind == "postgresql" else {}
    assert enums == expected
    scripts.run('op.create_enum("mood", "other", if_not_exists=True)')
    scripts.run('op.drop_enum("mood")')
    scripts.run('op.drop_enum("mood", if_exists=True)')
    assert scripts.db.schema().enums == {}


def test_enums_are_renamed(scripts: Scripts) -> None:
    """rename_enum and rename_enum_value do nothing on databases without enum types."""
    scripts.run('op.create_enum("mood", "sad", "ok", comment="how it feels")')
    scripts.run('op.rename_enum_value("mood", "sad", "it\'s low")')
    scripts.run('op.rename_enum("mood", "Feeling")')
    enums = {str(n): (e.values, e.comment) for n, e in scripts.db.schema().enums.items()}
    expected = {"Feeling": (("it's low", "ok"), "how it feels")}
    assert enums == (expected if scripts.kind == "postgresql" else {})


def test_an_enum_moves_to_another_schema(scripts_on: Callable[[str], Scripts]) -> None:
    """Columns follow the type, to another schema and back into the default schema."""
    scripts = scripts_on("postgresql")
    scripts.run(
        """
        op.create_schema("s")
        op.create_table("t", sa.Column("a", sa.Enum("x", name="mood"), server_default="x"))
        op.rename_enum("mood", "feeling", new_schema="s")
        """
    )
    assert scripts.db.schema().enums == {}
    scripts.run('op.rename_enum("feeling", "mood", schema="s", new_schema="public")')
    assert [str(name) for name in scripts.db.schema().enums] == ["mood"]


def test_sequences(scripts_on: Callable[[str], Scripts]) -> None:
    """Sequences are created, altered and dropped."""
    scripts = scripts_on("postgresql")
    scripts.run('op.create_sequence("s", start=5, increment=2, cycle=True)')
    found = scripts.db.schema().sequences[Name("s")]
    assert (found.start, found.increment, found.cycle) == (5, 2, True)
    scripts.run('op.alter_sequence("s", increment=3)')
    found = scripts.db.schema().sequences[Name("s")]
    assert (found.increment, found.cycle) == (3, False)
    scripts.run('op.drop_sequence("s")')
    assert scripts.db.schema().sequences == {}


def test_views(scripts: Scripts) -> None:
    """A view is defined by a string or by sa.select; percent signs are kept."""
    scripts.run(ACCOUNT)
    scripts.db.execute("INSERT INTO account (id, name) VALUES (1, 'a%'), (2, 'b')")
    scripts.run(
        """
        op.create_view("some", "SELECT id FROM account WHERE name LIKE '%\\\\%' OR name = 'b'")
        account = sa.table("account", sa.column("id"), sa.column("name"))
        op.create_view("other", sa.select(account.c.name).where(account.c.name == "b"))
        """,
        'op.drop_view("other")\nop.drop_view("some")',
    )
    assert scripts.db.rows("SELECT name FROM other") == [("b",)]
    assert {str(name) for name in scripts.db.schema().views} == {"some", "other"}
    scripts.downgrade()
    assert scripts.db.schema().views == {}


def test_sql_type(scripts_on: Callable[[str], Scripts]) -> None:
    """op.sql_type accepts a type that SQLAlchemy does not have."""
    scripts = scripts_on("postgresql")
    scripts.run('op.create_table("t", sa.Column("a", op.sql_type("tsvector")))')
    assert scripts.column("t", "a").type.sql == "tsvector"


# Complete files


BLOG = {
    "0001_create_posts.py": '''"""create posts

Revision ID: 41f2ab90
Revises:
Create Date: 2024-01-01 10:00:00
"""
from typing import Sequence, Union

from autodiff import op
import sqlalchemy as sa

# revision identifiers, used by Alembic.
revision: str = "41f2ab90"
down_revision: Union[str, None] = None
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    # ### commands auto generated by Alembic - please adjust! ###
    op.create_table(
        "posts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # ### end Alembic commands ###


def downgrade() -> None:
    op.drop_table("posts")
''',
    "0002_create_comments.py": '''"""create comments"""
from autodiff import op
import sqlalchemy as sa

revision = "7d1c09be"
down_revision = "41f2ab90"


def upgrade() -> None:
    op.create_table(
        "comments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("comments")
''',
    "0003_add_timestamp.py": '''"""add timestamp"""
from autodiff import op
import sqlalchemy as sa

revision = "9e8a3c55"
down_revision = "7d1c09be"


def upgrade() -> None:
    op.add_column(
        "comments",
        sa.Column("timestamp", sa.DateTime(), server_default=sa.func.now(), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("comments", "timestamp")
''',
}


def test_alembic_files_of_a_blog(scripts: Scripts) -> None:
    """Only the import line differs from Alembic's files; the tables have rows."""
    for name, text in BLOG.items():
        (scripts.folder.path / name).write_text(text)
    db, folder = scripts.db, scripts.folder
    db.runner(folder).upgrade("7d1c09be")
    db.execute(
        "INSERT INTO posts (id, title) VALUES (1, 'first')",
        "INSERT INTO comments (id, post_id, body) VALUES (1, 1, 'nice'), (2, 1, 'so so')",
    )
    before = db.state()
    assert [m.name for m in db.runner(folder).upgrade()] == ["0003_add_timestamp"]
    timestamp = scripts.column("comments", "timestamp")
    assert not timestamp.nullable and timestamp.default
    assert constraint(db.table("comments"), ForeignKey).referred == Name("posts")
    rows = db.rows("SELECT id, body FROM comments WHERE timestamp IS NOT NULL ORDER BY id")
    assert rows == [(1, "nice"), (2, "so so")]
    db.runner(folder).downgrade()
    assert db.state() == before
    db.runner(folder).downgrade("base")
    assert db.tables() == []


# Signatures


ALEMBIC = {
    "add_column": "table_name, column, *, schema if_not_exists inline_references",
    "alter_column": "table_name, column_name, *, nullable comment server_default new_column_name "
    "type_ existing_type existing_server_default existing_nullable existing_comment schema "
    "postgresql_using autoincrement existing_autoincrement",
    "bulk_insert": "table, rows, *, multiinsert",
    "create_check_constraint": "constraint_name, table_name, condition, *, schema",
    "create_exclude_constraint": "constraint_name, table_name, *",
    "create_foreign_key": "constraint_name, source_table, referent_table, local_cols, remote_cols, "
    "*, onupdate ondelete deferrable initially match source_schema referent_schema",
    "create_index": "index_name, table_name, columns, *, schema unique if_not_exists",
    "create_primary_key": "constraint_name, table_name, columns, *, schema",
    "create_table": "table_name, *, if_not_exists",
    "create_table_comment": "table_name, comment, *, existing_comment schema",
    "create_unique_constraint": "constraint_name, table_name, columns, *, schema",
    "drop_column": "table_name, column_name, *, schema if_exists",
    "drop_constraint": "constraint_name, table_name, type_, *, schema if_exists",
    "drop_index": "index_name, table_name, *, schema if_exists",
    "drop_table": "table_name, *, schema if_exists",
    "drop_table_comment": "table_name, *, existing_comment schema",
    "execute": "sqltext, *, execution_options",
    "f": "name, *,",
    "get_bind": "*,",
    "get_context": "*,",
    "inline_literal": "value, type_, *,",
    "rename_table": "old_table_name, new_table_name, *, schema",
}
"""The functions of Alembic 1.13: positional arguments, then keyword arguments."""


@pytest.mark.parametrize("name", sorted(ALEMBIC))
def test_signatures_match_those_of_alembic(name: str) -> None:
    """Positional arguments are in the same order; Alembic's keywords are accepted."""
    positional, _, keyword_only = ALEMBIC[name].partition("*")
    parameters = inspect.signature(getattr(op, name)).parameters.values()
    positional_names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    keyword_names = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert positional_names == positional.replace(",", " ").split()
    assert set(keyword_only.replace(",", " ").split()) <= keyword_names
    assert name in op.__all__


def test_public_functions_have_docstrings() -> None:
    """__all__ is complete and sorted."""
    modules = [
        import_module(f"{op.__name__}.{module.name}")
        for module in iter_modules(op.__path__)
        if not module.name.startswith("_")
    ]
    public = {
        name
        for module in modules
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_"
    }
    assert public == set(op.__all__)
    assert list(op.__all__) == sorted(op.__all__)
    assert all((getattr(op, name).__doc__ or "").strip() for name in op.__all__)


@pytest.mark.parametrize("was_used", [False, True])
def test_the_op_of_alembic_is_refused(scripts_on: Callable[[str], Scripts], was_used: bool) -> None:
    """Alembic raises another error after it has run in the same process."""
    if was_used:
        connection = sa.create_engine("sqlite://").connect()
        with connection, Operations.context(MigrationContext.configure(connection)):
            pass
    with pytest.raises(MigrationFailedError) as caught:
        scripts_on("sqlite").run("from alembic import op as other\nother.execute('SELECT 1')")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("write: from autodiff import op; ")


def test_a_missing_constraint_is_named(scripts_on: Callable[[str], Scripts]) -> None:
    scripts = scripts_on("mariadb")
    scripts.run(ACCOUNT)
    with pytest.raises(MigrationFailedError, match="table account has no constraint nowhere"):
        scripts.run('op.drop_constraint("nowhere", "account")')


@pytest.mark.parametrize(("before", "after"), [("name", "nowhere"), ("nowhere", "name")])
def test_columns_that_are_kept_equal_must_exist(
    scripts_on: Callable[[str], Scripts], before: str, after: str
) -> None:
    """PostgreSQL creates a function and a trigger without looking for the columns."""
    scripts = scripts_on("postgresql")
    scripts.run(ACCOUNT)
    with pytest.raises(MigrationFailedError, match='column "nowhere" does not exist'):
        scripts.run(f'op.sync_columns("account", "{before}", "{after}")')


def test_a_misspelled_argument_is_refused(scripts_on: Callable[[str], Scripts]) -> None:
    scripts = scripts_on("sqlite")
    scripts.run(ACCOUNT)
    with pytest.raises(MigrationFailedError, match="unexpected keyword argument 'nulable'"):
        scripts.run('op.alter_column("account", "name", nulable=True)')


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            'op.create_table("t", sa.Column("a", sa.String()))',
            "cannot declare column t.a for mysql: VARCHAR requires a length",
        ),
        ('op.create_index("ix", "account", [])', "cannot declare index ix: it has no columns"),
        (
            'op.create_table("t", sa.Column("a", sa.Integer), sa.Index("ix"))',
            "cannot declare index ix: it has no columns",
        ),
    ],
)
def test_an_invalid_operation_is_refused(
    scripts_on: Callable[[str], Scripts], code: str, reason: str
) -> None:
    """The error names the object and is raised before any statement runs."""
    scripts = scripts_on("mariadb")
    scripts.run(ACCOUNT)
    with pytest.raises(MigrationFailedError) as caught:
        scripts.run(code)
    assert reason in caught.value.message
    assert caught.value.statement is None
