"""Test that a generated migration leaves no drift: neither to the models nor to the lock file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles

from autodiff import Project
from autodiff.errors import RenameUndecidedError
from tests.support import opened


def assert_no_drift(
    url: sa.URL, folder: Path, before: sa.MetaData, after: sa.MetaData, **options: Any
) -> Project:
    """Migrate from one state of the models to another, up, down and up, and check each time."""
    first = Project(url, before, folder)
    first.generate("first")
    first.upgrade()
    second = Project(url, after, folder)
    assert second.generate("second", **options) is not None
    for _ in range(2):
        second.upgrade()
        drift = Project(url, after, folder).check()
        assert not drift, drift
        assert not Project(url, after, folder).check(offline=True)
        assert Project(url, after, folder).generate("third") is None
        second.downgrade("-1")
    return second


def enum_models(name: str, *values: str) -> sa.MetaData:
    """Return models that use an enum type in each kind of SQL text."""
    metadata = sa.MetaData()
    mood = sa.Enum(*values, name=name)
    value = values[0]
    table = sa.Table(
        "items",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("mood", mood, nullable=False, server_default=value),
        sa.Column("moods", postgresql.ARRAY(mood), server_default=f"{{{value}}}"),
        sa.Column("glad", sa.Boolean, sa.Computed(f"mood = '{value}'", persisted=True)),
        sa.CheckConstraint(f"mood <> '{value}' OR id > 0", name="positive"),
        sa.CheckConstraint(f"'{value}' = ANY (moods)", name="among"),
    )
    sa.Index("ix_some", table.c.id, postgresql_where=sa.text(f"mood = '{value}'"))
    sa.Index("ix_text", sa.text(f"(mood = '{value}')"), _table=table)
    sa.Table("others", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


@pytest.mark.parametrize(
    ("before", "after", "renames"),
    [
        (("mood", "a", "b"), ("feeling", "a", "b"), ()),
        (("mood", "a", "b"), ("mood", "good", "b"), ("mood.a:good",)),
        (("mood", "a", "b"), ("feeling", "good", "b"), ("mood:feeling", "mood.a:good")),
        (("mood", "a", "b"), ("mood", "a", "b", "c"), ()),
    ],
    ids=["type", "value", "type and value", "value added"],
)
def test_renamed_enum(
    before: tuple[str, ...],
    after: tuple[str, ...],
    renames: tuple[str, ...],
    database: Callable[[str], sa.URL],
    tmp_path: Path,
) -> None:
    """Defaults, checks, computed columns and indexes have the new names in the lock file too."""
    assert_no_drift(
        database("postgresql"),
        tmp_path,
        enum_models(*before),
        enum_models(*after),
        renames=renames,
    )


def child_models(columns: str, *parts: Any) -> sa.MetaData:
    """Return models of a parent, and of a child with columns of one letter and more parts."""
    metadata = sa.MetaData()
    parent_key = [sa.Column(name, sa.Integer, autoincrement=False) for name in ("id", "place")]
    sa.Table("parent", metadata, *parent_key, sa.PrimaryKeyConstraint("id", "place"))
    sa.Table("other", metadata, sa.Column("id", sa.Integer, primary_key=True))
    numbers = [sa.Column(name, sa.Integer) for name in columns]
    sa.Table("child", metadata, sa.Column("id", sa.Integer, primary_key=True), *numbers, *parts)
    return metadata


def key(*columns: str, name: str | None = None, **options: Any) -> sa.ForeignKeyConstraint:
    """Return a foreign key to the other table; with two columns, to the parent."""
    to = ["other.id"] if len(columns) == 1 else ["parent.id", "parent.place"]
    return sa.ForeignKeyConstraint(columns, to, name=name, **options)


RENAMED_KEYS: dict[str, tuple[sa.MetaData, sa.MetaData, str]] = {
    "one column": (child_models("a", key("a")), child_models("x", key("x")), "ax"),
    "first of two": (child_models("ab", key("a", "b")), child_models("xb", key("x", "b")), "ax"),
    "second of two": (child_models("ab", key("a", "b")), child_models("ax", key("a", "x")), "bx"),
    "swapped": (
        child_models("ab", key("a"), key("b", ondelete="CASCADE")),
        child_models("ab", key("b"), key("a", ondelete="CASCADE")),
        "ab ba",
    ),
    "one after the other": (
        child_models("ab", key("a"), key("b")),
        child_models("bc", key("b"), key("c")),
        "ab bc",
    ),
    "name of a removed column": (
        child_models("ab", key("a"), key("b")),
        child_models("b", key("b")),
        "ab",
    ),
    "name of an index": (
        child_models("az", sa.Index("x", "z"), key("a", name="named")),
        child_models("xz", sa.Index("x", "z"), key("x")),
        "ax",
    ),
    "removed key": (child_models("a", key("a")), child_models("x"), "ax"),
    "new index": (
        child_models("a", key("a")),
        child_models("x", key("x"), sa.Index("ix_x", "x")),
        "ax",
    ),
    "new index of the same name": (
        child_models("a", key("a")),
        child_models("x", key("x"), sa.Index("x", "x")),
        "ax",
    ),
    "key with the name of the column": (
        child_models("a", key("a", name="a")),
        child_models("x", key("x", name="x")),
        "ax",
    ),
    "two keys": (
        child_models("a", key("a"), sa.ForeignKeyConstraint(["a"], ["child.id"])),
        child_models("x", key("x"), sa.ForeignKeyConstraint(["x"], ["child.id"])),
        "ax",
    ),
}


@pytest.mark.parametrize("case", RENAMED_KEYS)
def test_renamed_column_of_a_foreign_key(case: str, any_database: sa.URL, tmp_path: Path) -> None:
    """MySQL and MariaDB name the index of a key after its column, and it is renamed along."""
    before, after, letters = RENAMED_KEYS[case]
    renames = [f"child.{old}:{new}" for old, new in letters.split()]
    assert_no_drift(any_database, tmp_path, before, after, renames=renames, assume="drop-and-add")


def sequence_models(*names: str) -> sa.MetaData:
    """Return models with sequences that no column uses."""
    metadata = sa.MetaData()
    for name in names:
        sa.Sequence(name, metadata=metadata)
    sa.Table("items", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_sequence_of_the_models_is_dropped(
    kind: str, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A sequence that the models declared before is dropped; one made by hand is left alone."""
    url = database(kind)
    with opened(url) as db:
        db.execute("CREATE SEQUENCE by_hand")
    project = assert_no_drift(
        url, tmp_path, sequence_models("numbers"), sequence_models(), assume="drop-and-add"
    )
    assert "drop_sequence" in (tmp_path / "0002_second.py").read_text()
    assert "by_hand" not in (tmp_path / "0002_second.py").read_text()
    assert [item.name for item in project.left_alone() if item.kind == "sequence"] == [
        "by_hand",
        "numbers",
    ]


def invoice_models(schema: str | None) -> sa.MetaData:
    """Return models of invoices in a schema."""
    metadata = sa.MetaData()
    sa.Table(
        "invoices",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.Enum("open", "paid", name="state", schema=schema)),
        schema=schema,
    )
    return metadata


@pytest.mark.parametrize(
    ("before", "after", "rename"),
    [
        ("sales", "archive", "sales.invoices:archive.invoices"),
        ("sales", None, "sales.invoices:public.invoices"),
        (None, "archive", "invoices:archive.invoices"),
    ],
)
def test_table_in_another_schema(
    before: str | None,
    after: str | None,
    rename: str,
    database: Callable[[str], sa.URL],
    tmp_path: Path,
) -> None:
    """A table that the models have in another schema is a candidate for a rename."""
    url = database("postgresql")
    with opened(url) as db:
        db.execute("CREATE SCHEMA tenant", "CREATE TABLE tenant.invoices (id integer)")
    first = Project(url, invoice_models(before), tmp_path)
    first.generate("first")
    first.upgrade()
    with pytest.raises(RenameUndecidedError) as caught:
        Project(url, invoice_models(after), tmp_path).generate("second")
    assert caught.value.candidates == (rename,)
    other = tmp_path / "other"
    url = database("postgresql")
    assert_no_drift(url, other, invoice_models(before), invoice_models(after), renames=[rename])


def test_table_of_another_schema_is_left_alone(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A table that autodiff did not create is no candidate if there is a history."""
    url = database("postgresql")
    first = Project(url, sequence_models(), tmp_path)
    first.generate("first")
    first.upgrade()
    with opened(url) as db:
        db.execute("CREATE SCHEMA tenant", "CREATE TABLE tenant.invoices (id serial PRIMARY KEY)")
    metadata = sequence_models()
    sa.Table("invoices", metadata, sa.Column("id", sa.Integer, primary_key=True))
    project = Project(url, metadata, tmp_path)
    assert project.generate("second") is not None
    assert "tenant" not in (tmp_path / "0002_second.py").read_text()


def long_named(type_: Any) -> sa.MetaData:
    """Return models whose names have up to 63 characters and more bytes."""
    metadata = sa.MetaData()
    table, column = "таблица_заказов_покупателей_магазина", "наименование_товара_на_складе_города"
    sa.Table(
        table,
        metadata,
        sa.Column("ключ", sa.Integer, primary_key=True),
        sa.Column(column, type_, index=True),
        sa.Column("родитель", sa.ForeignKey(f"{table}.ключ")),
        sa.UniqueConstraint(column, "родитель"),
        sa.CheckConstraint(sa.text(f'length("{column}") < 20'), name=f"проверка_{table}"),
        sa.Index(f"индекс_{table}", column, postgresql_include=[column]),
    )
    return metadata


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_names_with_more_bytes_than_the_server_keeps(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """PostgreSQL cuts them after 63 bytes; MariaDB counts characters."""
    url = database(kind)
    long_named(sa.String(50)).create_all(sa.create_engine(url, poolclass=sa.NullPool))
    assert Project(url, long_named(sa.String(50)), tmp_path / "none").generate("none") is None
    assert_no_drift(
        database(kind), tmp_path / "m", long_named(sa.String(50)), long_named(sa.String(60))
    )


def mysql_options(length: int) -> sa.MetaData:
    """Return models with each kind of option of MySQL."""
    metadata = sa.MetaData()
    sa.Table(
        "notes",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text),
        sa.Index("ix_body", "body", mysql_length=length, mariadb_length=length),
        sa.Index("ft_body", "body", mysql_prefix="FULLTEXT", mariadb_prefix="FULLTEXT"),
        mysql_comment="of the vendor",
        mariadb_comment="of the vendor",
        mysql_row_format="DYNAMIC",
        mariadb_row_format="DYNAMIC",
    )
    return metadata


@pytest.mark.parametrize("driver", ["mysql+pymysql", "mariadb+pymysql"])
def test_options_of_mysql_count_for_both_names_of_its_dialect(
    database: Callable[[str], sa.URL], tmp_path: Path, driver: str
) -> None:
    """Migrations have the options of MySQL, whichever name the URL has."""
    url = database("mariadb").set(drivername=driver)
    mysql_options(10).create_all(sa.create_engine(url, poolclass=sa.NullPool))
    assert Project(url, mysql_options(10), tmp_path / "none").generate("none") is None
    other = database("mariadb").set(drivername=driver)
    assert_no_drift(other, tmp_path / "m", mysql_options(10), mysql_options(20))


class NamedText(sa.TypeDecorator[str]):
    """A type with a length on MySQL only, as libraries have one."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.String(99) if dialect.name == "mysql" else sa.Text())


class CompiledNumber(sa.types.UserDefinedType[int]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "INTEGER"


@compiles(CompiledNumber, "mysql")
def compile_for_mysql(*_: Any, **__: Any) -> str:
    return "BIGINT"


def models_by_name(length: int) -> sa.MetaData:
    """Return models that ask for the name of SQLAlchemy's dialect in each way."""
    variants = sa.String(length).with_variant(sa.String(length + 1), "mysql")
    return one_table(
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("decorated", NamedText),
        sa.Column("compiled", CompiledNumber),
        sa.Column("varied", variants.with_variant(sa.String(length + 2), "mariadb")),
        sa.CheckConstraint("compiled > 1", name="of_mysql").ddl_if(dialect="mysql"),
        sa.CheckConstraint("compiled > 2", name="of_mariadb").ddl_if(dialect="mariadb"),
    )


@pytest.mark.parametrize("driver", ["mysql+pymysql", "mariadb+pymysql"])
def test_models_ask_offline_for_the_name_in_the_url(
    database: Callable[[str], sa.URL], tmp_path: Path, driver: str
) -> None:
    """On a connection to MariaDB, SQLAlchemy's dialect has the name in the URL."""
    url = database("mariadb").set(drivername=driver)
    assert_no_drift(url, tmp_path, models_by_name(10), models_by_name(20))


def test_without_a_url_models_ask_for_mysql(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    project = Project(database("mariadb"), models_by_name(10), tmp_path)
    project.generate("first")
    project.lock()
    assert not Project(None, models_by_name(10), tmp_path).check(offline=True)


def one_table(*items: Any) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("t", metadata, *items)
    return metadata


def test_brackets_that_mariadb_does_not_store(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    url = database("mariadb")
    models = one_table(
        sa.Column("x", sa.Integer),
        sa.Column("y", sa.Integer),
        sa.CheckConstraint("(x IS NULL AND y > 1) OR (x > 1 AND (y IS NULL))", name="one"),
        sa.CheckConstraint("(x > 5 OR y > 5) AND ((x > 6) OR y > 6)", name="both"),
    )
    models.create_all(sa.create_engine(url, poolclass=sa.NullPool))
    assert not Project(url, models, tmp_path).check()


def key_of(**columns: bool | None) -> sa.MetaData:
    """Return a table with these integer columns; the key has those that are True."""
    return one_table(
        *(sa.Column(name, sa.Integer, primary_key=bool(key)) for name, key in columns.items())
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (key_of(a=True, b=False), key_of(a=False, b=False)),
        (key_of(a=False, b=False), key_of(a=True, b=False)),
        (key_of(a=True, b=False), key_of(a=False, b=True)),
    ],
    ids=["dropped", "added", "moved"],
)
def test_a_key_with_numbers_becomes_a_column_that_may_be_null(
    any_database: sa.URL, tmp_path: Path, before: sa.MetaData, after: sa.MetaData
) -> None:
    """A column of MySQL's keys cannot be NULL, and one that counts needs a key."""
    assert_no_drift(any_database, tmp_path, before, after, assume="drop-and-add")


@pytest.mark.parametrize("after", [sa.Numeric(12, 2), sa.Float(), sa.BigInteger(), sa.REAL()])
@pytest.mark.parametrize("before", [sa.Integer(), sa.Numeric(20, 0), sa.SmallInteger()])
def test_both_sides_of_a_foreign_key_change(
    database: Callable[[str], sa.URL], tmp_path: Path, before: Any, after: Any
) -> None:
    """PostgreSQL compares two families of numbers in a key in one direction only, or not at all."""

    def models(type_: Any) -> sa.MetaData:
        metadata = one_table(sa.Column("k", type_, primary_key=True, autoincrement=False))
        sa.Table(
            "u",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("k", type_, sa.ForeignKey("t.k", name="fk")),
        )
        return metadata

    assert_no_drift(database("postgresql"), tmp_path, models(before), models(after))


@pytest.mark.parametrize("created_by", ["autodiff", "sqlalchemy"])
def test_a_valid_key_that_need_not_be_is_changed(
    database: Callable[[str], sa.URL], tmp_path: Path, created_by: str
) -> None:
    """The downgrade creates it as valid, as it was."""

    def models(action: str | None) -> sa.MetaData:
        return one_table(
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("t_id", sa.Integer),
            sa.ForeignKeyConstraint(
                ["t_id"], ["t.id"], name="fk", ondelete=action, postgresql_not_valid=True
            ),
        )

    url = database("postgresql")
    if created_by == "autodiff":
        assert_no_drift(url, tmp_path, models(None), models("CASCADE"))
        return
    engine = sa.create_engine(url)
    models(None).create_all(engine)
    project = Project(url, models("CASCADE"), tmp_path)
    project.generate("cascade")
    project.upgrade()
    assert project.generate("again") is None
    project.downgrade()
    with engine.connect() as connection:
        valid = connection.exec_driver_sql(
            "SELECT convalidated FROM pg_constraint WHERE conname = 'fk'"
        ).scalar_one()
    engine.dispose()
    assert valid is True


def numbered_models(*sequences: str, default: str | None = None) -> sa.MetaData:
    """Return models with these sequences; the first one gives the numbers of a table."""
    metadata = one_table(sa.Column("x", sa.String(20), server_default=default))
    for name in sequences:
        sa.Sequence(name, metadata=metadata)
    first = sa.Sequence(sequences[0]) if sequences else None
    number = first.next_value() if first is not None else None
    sa.Table(
        "numbered", metadata, sa.Column("id", sa.Integer, primary_key=True, server_default=number)
    )
    return metadata


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("item", "item_2"), ("item",)),
        (("item_2", "item"), ("item_2",)),
        (("other", "item"), ("other",)),
        (("My Item", "my item"), ("My Item",)),
    ],
)
def test_a_removed_sequence_is_dropped(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    kind: str,
    before: tuple[str, ...],
    after: tuple[str, ...],
) -> None:
    """Its name may be a part of another default, or of the name of another sequence."""
    second = assert_no_drift(
        database(kind),
        tmp_path,
        numbered_models(*before, default="an item"),
        numbered_models(*after, default="an item"),
    )
    assert "op.drop_sequence" in (tmp_path / "0002_second.py").read_text()
    assert second.upgrade()


def test_a_sequence_that_still_gives_numbers_is_kept(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """PostgreSQL refuses to drop it, and rows get the same numbers as from a serial."""
    url = database("postgresql")
    first = Project(url, numbered_models("item"), tmp_path)
    first.generate("first")
    first.upgrade()
    second = Project(url, numbered_models(), tmp_path)
    assert second.generate("second") is None
    assert not second.check()


def models_by_version(*more: sa.Column[Any]) -> sa.MetaData:
    """Return models whose SQL depends on what SQLAlchemy reads from a server."""
    number: sa.Column[Any] = sa.Column("n", sa.Integer)
    return one_table(
        sa.Column("id", sa.BigInteger, sa.Sequence("t_id_seq"), primary_key=True),
        number,
        sa.Column("half", sa.Float, sa.Computed(sa.cast(number, sa.Float) / 2, persisted=True)),
        sa.Column("whole", sa.Integer, sa.Computed("n + 1")),
        sa.Column("code", sa.Uuid),
        *more,
    )


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_sql_that_depends_on_the_server(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """`check --offline` declares the models as they are with a connection."""
    after = models_by_version(sa.Column("new", sa.Integer))
    assert_no_drift(database(kind), tmp_path, models_by_version(), after)


@pytest.mark.parametrize(
    "items",
    [
        lambda: [sa.Column("a", sa.String(9), sa.CheckConstraint("a <> ''"), unique=True)],
        lambda: [
            sa.Column("a", sa.Integer, sa.CheckConstraint("a > 0")),
            *(sa.Column("b", sa.Integer), sa.UniqueConstraint("a", "b")),
        ],
        lambda: [sa.Column("a", sa.Integer, sa.ForeignKey("t.id", name="a"), unique=True)],
    ],
    ids=["check", "check of the first column", "foreign key"],
)
def test_constraints_of_one_name_are_no_difference(
    any_database: sa.URL, tmp_path: Path, items: Callable[[], list[Any]]
) -> None:
    """MariaDB gives a column's check, foreign key and unique key the name of the column."""
    metadata = one_table(sa.Column("id", sa.Integer, primary_key=True), *items())
    engine = sa.create_engine(any_database)
    metadata.create_all(engine)
    engine.dispose()
    assert Project(any_database, metadata, tmp_path).generate("nothing") is None
