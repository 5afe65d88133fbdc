"""Test that a generated migration leaves no drift: neither to the models nor to the lock file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

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
