"""The models say what is wanted; what can't be carried over is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from autodiff.dialects import dialect_for
from autodiff.errors import ModelsError
from autodiff.models import declare
from autodiff.schema.objects import (
    Check,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Table,
    Unique,
)


def table(*items: Any, dialect: str = "postgresql", **kw: Any) -> Table:
    """The noun of one table, called t."""
    metadata = kw.pop("metadata", sa.MetaData())
    sa.Table("t", metadata, *items, **kw)
    return declare(metadata, dialect_for(dialect)).tables[Name("t", kw.get("schema"))]


def refused(*metadata: sa.MetaData, dialect: str = "postgresql") -> tuple[str, str | None]:
    with pytest.raises(ModelsError) as caught:
        declare(metadata, dialect_for(dialect))
    return caught.value.message, caught.value.hint


def of(*items: Any, name: str = "t", **kw: Any) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(name, metadata, *items, **kw)
    return metadata


def test_several_metadata_are_one_schema() -> None:
    """Their tables stand side by side."""
    found = declare(
        [of(sa.Column("a", sa.Integer), name="one"), of(sa.Column("a", sa.Integer), name="two")],
        dialect_for("sqlite"),
    )
    assert set(found.tables) == {Name("one"), Name("two")}


def test_a_table_is_described_once() -> None:
    """Two MetaData with one name are refused; in two schemas they are two tables."""
    one, two = (of(sa.Column("a", sa.Integer)) for _ in range(2))
    assert refused(one, two) == (
        "table t is declared in two MetaData",
        "declare it in one of them, or configure only one",
    )
    other = of(sa.Column("a", sa.Integer), schema="audit")
    found = declare([one, other], dialect_for("postgresql"))
    assert set(found.tables) == {Name("t"), Name("t", "audit")}
    assert found.namespaces == {"audit"}
    public = of(sa.Column("a", sa.Integer), schema="public")
    assert refused(one, public)[0] == "table t is declared in two MetaData"


def test_an_index_without_columns_is_refused() -> None:
    """By its name."""
    assert refused(of(sa.Column("a", sa.Integer), sa.Index("ix_none"))) == (
        "cannot declare index ix_none: it has no columns",
        "name the columns, or remove the index from the models",
    )


def test_an_index_name_stands_for_one_index() -> None:
    """The same one twice is no harm; two of one name are refused."""
    twice = [sa.Index("ix", "a"), sa.Index("ix", "a")]
    assert len(table(sa.Column("a", sa.Integer), *twice).indexes) == 1
    differing = of(
        sa.Column("a", sa.Integer), sa.Index("ix", "a"), sa.Index("ix", "a", unique=True)
    )
    assert refused(differing) == (
        "cannot declare table t: two indexes have the name ix",
        "rename one of them",
    )


@pytest.mark.parametrize(
    ("column", "dialect", "reason"),
    [
        (sa.Column("mood", sa.Enum("a", "b")), "postgresql", "the enum type of a, b has no name"),
        (sa.Column("tags", postgresql.ARRAY(sa.Enum("a"))), "postgresql", "name"),
        (sa.Column("name", sa.String()), "mysql", "VARCHAR requires a length"),
        (sa.Column("name", sa.String()), "mariadb", "VARCHAR requires a length"),
        (sa.Column("tags", sa.ARRAY(sa.Integer)), "sqlite", "can't render element of type ARRAY"),
        (sa.Column("doc", postgresql.JSONB()), "mysql", "can't render element of type JSONB"),
    ],
)
def test_a_type_that_the_database_lacks_is_refused(
    column: sa.Column[Any], dialect: str, reason: str
) -> None:
    """The error names table and column, as the models have them."""
    message, hint = refused(of(column._copy(), schema="s"), dialect=dialect)
    assert f"cannot declare column s.t.{column.name}" in message
    assert reason in message
    assert hint


def test_an_enum_has_one_list_of_values() -> None:
    """Two columns that give one name other values are refused; sharing is no harm."""
    shared = sa.Enum("a", "b", name="mood")
    found = declare(of(sa.Column("x", shared), sa.Column("y", shared)), dialect_for("postgresql"))
    assert [enum.values for enum in found.enums.values()] == [("a", "b")]
    metadata = of(
        sa.Column("x", sa.Enum("a", name="mood")), sa.Column("y", sa.Enum("b", name="mood"))
    )
    message, hint = refused(metadata)
    assert message == ("enum mood is declared with different values, last in column t.y")
    assert hint == "share one sa.Enum between the columns, or give the types different names"
    assert declare(metadata, dialect_for("sqlite")).enums == {}


def _only_sqlite(*_: Any, dialect: sa.Dialect, **kw: Any) -> bool:
    return dialect.name == "sqlite"


def test_ddl_if_is_honoured() -> None:
    """A constraint or an index that another database gets is not there on this one."""
    items = [
        sa.Column("a", sa.Integer),
        sa.CheckConstraint("a > 0", name="ck_pg").ddl_if(dialect="postgresql"),
        sa.CheckConstraint("a > 1", name="ck_lite").ddl_if(dialect="sqlite"),
        sa.UniqueConstraint("a", name="uq_called").ddl_if(callable_=_only_sqlite),
        sa.Index("ix_pg", "a").ddl_if(dialect="postgresql"),
        sa.Index("ix_lite", "a").ddl_if(dialect="sqlite"),
    ]
    metadata = of(*items)
    for dialect, names in (
        ("postgresql", {"ck_pg", "ix_pg"}),
        ("sqlite", {"ck_lite", "uq_called", "ix_lite"}),
    ):
        found = declare(metadata, dialect_for(dialect)).tables[Name("t")]
        named = {c.name for c in found.constraints} | {i.name for i in found.indexes}
        assert named - {None} == names


def test_naming_conventions_are_applied() -> None:
    """To each kind of thing, as SQLAlchemy does it; names that were given stay."""
    convention = {
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
    found = table(
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer, index=True),
        sa.Column("b", sa.Integer, sa.ForeignKey("t.id")),
        sa.UniqueConstraint("a", "b"),
        sa.UniqueConstraint("b", name="given"),
        sa.CheckConstraint("a > 0", name="positive"),
        sa.CheckConstraint("a > 1", name=sa.schema.conv("as_it_is")),
        metadata=sa.MetaData(naming_convention=convention),
    )
    names = {(type(c), c.name) for c in found.constraints}
    assert names == {
        (PrimaryKey, "pk_t"),
        (ForeignKey, "fk_t_b_t"),
        (Unique, "uq_t_a_b"),
        (Unique, "given"),
        (Check, "ck_t_positive"),
        (Check, "as_it_is"),
    }
    assert [index.name for index in found.indexes] == ["ix_t_a"]


def test_names_that_are_too_long_are_cut_as_sqlalchemy_does() -> None:
    """Those of a convention are, with a hash; they are then what the database has."""
    found = table(
        sa.Column("c" * 50, sa.Integer, index=True),
        metadata=sa.MetaData(
            naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s_" + "x" * 20}
        ),
    )
    assert found.indexes[0].name is not None and len(found.indexes[0].name) <= 63


def test_what_a_column_says_is_carried_over() -> None:
    """NULL, default, comment, and none where the database has none."""
    column = sa.Column("a", sa.String(9), nullable=False, server_default="it's", comment="why")
    found = table(column).columns[0]
    assert (found.nullable, found.default, found.comment) == (False, "'it''s'", "why")
    assert table(column._copy(), dialect="sqlite").columns[0].comment is None
    expression = sa.Column("a", sa.DateTime, server_default=sa.func.now())
    assert table(expression).columns[0].default == "now()"
    assert table(expression._copy(), dialect="sqlite").columns[0].default is not None
    nothing = sa.Column("a", sa.Integer, server_default=sa.null())
    assert table(nothing).columns[0].default is None


def test_what_a_foreign_key_says_is_carried_over() -> None:
    """Actions, timing, match and schema; usual actions are no facts."""
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="auth")
    found = table(
        sa.Column(
            "a",
            sa.ForeignKey(
                "auth.users.id",
                name="fk",
                ondelete="cascade",
                onupdate="NO ACTION",
                deferrable=True,
                initially="deferred",
                match="FULL",
            ),
        ),
        metadata=metadata,
    )
    key = next(found.foreign_keys)
    assert key == ForeignKey(
        name="fk",
        columns=("a",),
        referred=Name("users", "auth"),
        referred_columns=("id",),
        on_delete="CASCADE",
        match="FULL",
        deferrable=True,
        initially_deferred=True,
    )
    assert found.columns[0].type.sql == "integer"


def test_an_index_without_a_name_is_refused() -> None:
    """A naming convention without "ix" gives indexes none, and SQLAlchemy could not create them."""
    metadata = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"})
    sa.Table("t", metadata, sa.Column("x", sa.Integer, index=True))
    message, hint = refused(metadata)
    assert message == "cannot declare an index of table t: it has no name"
    assert hint == 'name the index, or add "ix" to the naming convention of the MetaData'


def test_what_an_index_says_is_carried_over() -> None:
    """Expressions, order, operator classes, predicates and options, each as its own fact."""
    name = sa.Column("name", sa.String(50))
    found = table(
        name,
        sa.Column("n", sa.Integer),
        sa.Index(
            "ix",
            name.desc().nulls_last(),
            sa.func.lower(name),
            sa.text("n DESC"),
            unique=True,
            postgresql_where=sa.column("n") > 5,
            postgresql_include=["n"],
            postgresql_with={"fillfactor": 70},
        ),
    ).indexes[0]
    assert found == Index(
        name="ix",
        elements=(
            IndexElement(text="name", descending=True, nulls_first=False),
            IndexElement(text="lower(name)", is_expression=True),
            IndexElement(text="n", descending=True),
        ),
        unique=True,
        where="n > 5",
        include=("n",),
        options={"postgresql_with": "fillfactor=70"},
    )


def test_models_are_left_as_they_are() -> None:
    """Declaring twice gives the same, and SQLAlchemy still creates the tables."""
    metadata = of(
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("mood", sa.Enum("a", "b", name="mood"), index=True),
        sa.Column("ok", sa.Boolean(create_constraint=True, name="ck_ok")),
    )
    for name in ("sqlite", "postgresql", "mysql"):
        dialect = dialect_for(name)
        assert declare(metadata, dialect) == declare(metadata, dialect)
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    engine.dispose()
