"""Test that the fingerprint of models changes with everything that they declare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from autodiff.dialects import Dialect, dialect_for
from autodiff.errors import ModelsError
from autodiff.models import declare
from autodiff.models.fingerprint import fingerprint_models, schemas_named_by
from autodiff.schema.objects import Schema
from tests.scenarios.scenario import all_scenarios, metadata_of

KINDS = ("sqlite", "postgresql", "mariadb")
SPELLING = {"sql": "VARCHAR(10)"}


class Spelled(sa.types.UserDefinedType[str]):
    """A type of an application, whose SQL does not depend on its attributes."""

    cache_ok = True


@compiles(Spelled)
def spell(element: Spelled, compiler: Any, **options: Any) -> str:
    return SPELLING["sql"]


class Decorated(sa.TypeDecorator[str]):
    """A type of an application that stores another one."""

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return sa.String(len(SPELLING["sql"]))


def table(*items: Any, **options: Any) -> sa.MetaData:
    """Return models with one table, which has a key and the given columns and constraints."""
    metadata = sa.MetaData()
    sa.Table("things", metadata, sa.Column("id", sa.Integer, primary_key=True), *items, **options)
    return metadata


def number(*arguments: Any, **options: Any) -> sa.MetaData:
    """Return models with one column of numbers."""
    return table(sa.Column("n", sa.Integer, *arguments, **options))


def referring(**options: Any) -> sa.MetaData:
    """Return models with a foreign key."""
    return number(sa.ForeignKey("things.id", **options))


def named_by_convention(text: str) -> sa.MetaData:
    """Return models with a check whose name a convention makes."""
    metadata = sa.MetaData(naming_convention={"ck": text})
    sa.Table("things", metadata, sa.Column("n", sa.Integer), sa.CheckConstraint("n > 0", name="p"))
    return metadata


def spelled(sql: str, type_: Any) -> Callable[[], sa.MetaData]:
    """Return a function that sets the SQL of a type of the application."""

    def models() -> sa.MetaData:
        SPELLING["sql"] = sql
        return table(sa.Column("s", type_()))

    return models


BASE: Callable[[], sa.MetaData] = number
CHANGES: dict[str, tuple[Callable[[], sa.MetaData], Callable[[], sa.MetaData]]] = {
    "column": (BASE, table),
    "column name": (BASE, lambda: table(sa.Column("m", sa.Integer))),
    "nullable": (BASE, lambda: number(nullable=False)),
    "type": (BASE, lambda: table(sa.Column("n", sa.BigInteger))),
    "type argument": (
        lambda: table(sa.Column("s", sa.String(5))),
        lambda: table(sa.Column("s", sa.String(6))),
    ),
    "collation": (
        lambda: table(sa.Column("s", sa.String(5))),
        lambda: table(sa.Column("s", sa.String(5, collation="C"))),
    ),
    "enum value": (
        lambda: table(sa.Column("s", sa.Enum("a", "b", name="kind"))),
        lambda: table(sa.Column("s", sa.Enum("a", "c", name="kind"))),
    ),
    "compiled type": (spelled("VARCHAR(10)", Spelled), spelled("VARCHAR(11)", Spelled)),
    "decorated type": (spelled("1", Decorated), spelled("22", Decorated)),
    "default": (BASE, lambda: number(server_default="1")),
    "default text": (
        lambda: number(server_default=sa.text("1")),
        lambda: number(server_default=sa.text("2")),
    ),
    "default expression": (
        lambda: number(server_default=sa.func.abs(1)),
        lambda: number(server_default=sa.func.abs(2)),
    ),
    "computed": (BASE, lambda: number(sa.Computed("id + 1"))),
    "computed text": (
        lambda: number(sa.Computed("id + 1")),
        lambda: number(sa.Computed("id + 2")),
    ),
    "autoincrement": (BASE, lambda: sa.MetaData()),
    "unique": (BASE, lambda: number(unique=True)),
    "index": (BASE, lambda: number(index=True)),
    "unique index": (lambda: number(index=True), lambda: number(index=True, unique=True)),
    "index expression": (
        lambda: table(sa.Column("n", sa.Integer), sa.Index("i", sa.text("n + 1"))),
        lambda: table(sa.Column("n", sa.Integer), sa.Index("i", sa.text("n + 2"))),
    ),
    "index condition": (
        lambda: table(sa.Column("n", sa.Integer), sa.Index("i", "n")),
        lambda: table(
            sa.Column("n", sa.Integer),
            sa.Index("i", "n", sqlite_where=sa.text("n > 0"), postgresql_where=sa.text("n > 0")),
        ),
    ),
    "check": (
        lambda: table(sa.Column("n", sa.Integer), sa.CheckConstraint("n > 0")),
        lambda: table(sa.Column("n", sa.Integer), sa.CheckConstraint("n > 1")),
    ),
    "check of a column": (BASE, lambda: number(sa.CheckConstraint("n > 0"))),
    "name of a constraint": (
        lambda: table(sa.Column("n", sa.Integer), sa.UniqueConstraint("n", name="a")),
        lambda: table(sa.Column("n", sa.Integer), sa.UniqueConstraint("n", name="b")),
    ),
    "naming convention": (
        lambda: named_by_convention("ck_%(table_name)s_%(constraint_name)s"),
        lambda: named_by_convention("%(table_name)s_%(constraint_name)s_check"),
    ),
    "foreign key": (BASE, referring),
    "action": (referring, lambda: referring(ondelete="CASCADE")),
    "deferrable": (referring, lambda: referring(deferrable=True, initially="DEFERRED")),
    "comment": (BASE, lambda: number(comment="a number")),
    "comment of a table": (BASE, lambda: table(sa.Column("n", sa.Integer), comment="things")),
    "schema": (BASE, lambda: table(sa.Column("n", sa.Integer), schema="other")),
    "option": (
        BASE,
        lambda: table(
            sa.Column("n", sa.Integer),
            sqlite_strict=True,
            mysql_engine="MyISAM",
            postgresql_with_oids=False,
            prefixes=["UNLOGGED"],
        ),
    ),
    "old name": (BASE, lambda: number(info={"renamed_from": "m"})),
}


def fingerprint(metadata: sa.MetaData, dialect: Dialect) -> str:
    return fingerprint_models([metadata], dialect)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_schema_changes_the_fingerprint(change: str, kind: str) -> None:
    """Two models that declare different schemas have different fingerprints; equal ones the same.

    Some changes do nothing on a database, such as a comment on SQLite.
    """
    dialect = dialect_for(kind)
    before, after = CHANGES[change]
    first, declared = fingerprint(before(), dialect), declare(before(), dialect)
    assert fingerprint(before(), dialect) == first
    if change == "deferrable" and not dialect.features.deferrable_foreign_keys:
        with pytest.raises(ModelsError, match="does not support deferrable"):
            declare(after(), dialect)
        return
    changed, changed_declared = fingerprint(after(), dialect), declare(after(), dialect)
    assert declared == changed_declared or first != changed


def test_declaring_does_not_change_the_fingerprint() -> None:
    """Declaring and creating models changes some of their attributes."""
    dialect = dialect_for("sqlite")
    metadata = table(
        sa.Column("n", sa.Integer, sa.ForeignKey("things.id"), index=True),
        sa.Column("s", sa.String(5), unique=True),
        sa.Column("b", sa.Boolean(create_constraint=True, name="is_b")),
        sa.CheckConstraint("n > 0"),
    )
    before = fingerprint(metadata, dialect)
    declare(metadata, dialect)
    assert fingerprint(metadata, dialect) == before
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    engine.dispose()
    assert fingerprint(metadata, dialect) == before


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_scenarios_with_equal_fingerprints_declare_the_same(kind: str) -> None:
    """No two of all models of the scenarios have one fingerprint and different schemas."""
    dialect = dialect_for(kind)
    declared: dict[str, Schema] = {}
    scenarios = [item for item in all_scenarios() if item.database == kind]
    for scenario in scenarios:
        for file in filter(None, (scenario.file("before", "py"), scenario.file("models", "py"))):
            metadata = metadata_of(file)
            found = fingerprint(metadata, dialect)
            schema = declare(metadata, dialect)
            assert declared.setdefault(found, schema) == schema, file
            assert fingerprint(metadata_of(file), dialect) == found, file
    assert len(declared) > 150


def test_the_schemas_that_models_name() -> None:
    """The fingerprint of a database covers the schemas of tables, sequences and enum types."""
    metadata = table(sa.Column("k", sa.Enum("a", name="kind", schema="types")), schema="app")
    sa.Sequence("numbers", schema="counters", metadata=metadata)
    assert schemas_named_by([metadata]) == {"types", "app", "counters"}
