"""Tests for reading models: everything is carried over or rejected with its name."""

from __future__ import annotations

import copy
from collections.abc import Callable
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
    """Return the declared table `t`."""
    metadata = kw.pop("metadata", sa.MetaData())
    sa.Table("t", metadata, *items, **kw)
    return declare(metadata, dialect_for(dialect)).tables[Name("t", kw.get("schema"))]


def rejection(*metadata: sa.MetaData, dialect: str = "postgresql") -> tuple[str, str | None]:
    """Return the message and the hint of the error that the models raise."""
    with pytest.raises(ModelsError) as caught:
        declare(metadata, dialect_for(dialect))
    return caught.value.message, caught.value.hint


def metadata_of(*items: Any, name: str = "t", **kw: Any) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(name, metadata, *items, **kw)
    return metadata


def test_several_metadata_form_one_schema() -> None:
    schema = declare(
        [
            metadata_of(sa.Column("a", sa.Integer), name="one"),
            metadata_of(sa.Column("a", sa.Integer), name="two"),
        ],
        dialect_for("sqlite"),
    )
    assert set(schema.tables) == {Name("one"), Name("two")}


def test_duplicate_table_is_rejected_if_it_differs() -> None:
    """The same name in another schema is another table."""
    one, two = (metadata_of(sa.Column("a", type_)) for type_ in (sa.Integer, sa.Text))
    assert rejection(one, two) == (
        "table t is declared in two MetaData, differently",
        "declare it in one of them or in both alike, or configure only one",
    )
    other = metadata_of(sa.Column("a", sa.Integer), schema="audit")
    schema = declare([one, other], dialect_for("postgresql"))
    assert set(schema.tables) == {Name("t"), Name("t", "audit")}
    assert schema.namespaces == {"audit"}
    public = metadata_of(sa.Column("a", sa.Text), schema="public")
    assert rejection(one, public)[0] == "table t is declared in two MetaData, differently"


def test_parts_of_an_application_may_declare_a_table_alike() -> None:
    """The order of constraints does not matter; the values of an enum type do."""

    def part(*constraints: str, values: str = "ab") -> sa.MetaData:
        state = sa.Enum(*values, name="state")
        checks = [sa.CheckConstraint(text) for text in constraints]
        return metadata_of(sa.Column("a", sa.Integer), sa.Column("s", state), *checks)

    one, two = part("a > 0", "a < 9"), part("a < 9", "a > 0")
    postgresql = dialect_for("postgresql")
    assert declare([one, two], postgresql) == declare(one, postgresql)
    assert declare([one, one], postgresql) == declare(one, postgresql)
    with pytest.raises(ModelsError, match="enum state is declared with different values"):
        declare([one, part("a > 0", "a < 9", values="abc")], postgresql)


def test_index_names_are_unique() -> None:
    """The same index may occur twice, but not another one with its name."""
    equal_indexes = [sa.Index("ix", "a"), sa.Index("ix", "a")]
    assert len(table(sa.Column("a", sa.Integer), *equal_indexes).indexes) == 1
    differing = metadata_of(
        sa.Column("a", sa.Integer), sa.Index("ix", "a"), sa.Index("ix", "a", unique=True)
    )
    assert rejection(differing) == (
        "cannot declare table t: two indexes have the name ix",
        "rename one of them",
    )


@pytest.mark.parametrize(
    ("dialect", "other", "message"),
    [
        ("sqlite", sa.Index("ix", "a"), "cannot declare index ix of table t: index ix of table s"),
        ("sqlite", sa.Index("IX", "a"), "cannot declare index IX of table t: index ix of table s"),
        ("sqlite", sa.Index("s", "a"), "cannot declare index s of table t: table s"),
        ("sqlite", sa.UniqueConstraint("a", name="ix"), None),
        (
            "postgresql",
            sa.Index("ix", "a"),
            "cannot declare index ix of table t: index ix of table s",
        ),
        ("postgresql", sa.Index("IX", "a"), None),
        ("postgresql", sa.Index("t", "a"), "cannot declare index t of table t: table t"),
        ("postgresql", sa.Index("seq", "a"), "cannot declare index seq of table t: sequence seq"),
        (
            "postgresql",
            sa.UniqueConstraint("a", name="ix"),
            "cannot declare constraint ix of table t: index ix of table s",
        ),
        (
            "postgresql",
            sa.Index("uq", "a"),
            "cannot declare index uq of table t: constraint uq of table s",
        ),
        ("postgresql", sa.CheckConstraint("a > 0", name="ix"), None),
        ("mariadb", sa.Index("ix", "a"), None),
        ("mariadb", sa.Index("key", "a"), "cannot declare index key of table t: constraint key of"),
    ],
)
def test_index_names_are_unique_in_a_schema(
    dialect: str, other: sa.Index | sa.Constraint, message: str | None
) -> None:
    """The database would refuse the name of another index, key, table or sequence."""
    key = sa.UniqueConstraint("b", name="key")
    metadata = metadata_of(
        sa.Column("a", sa.Integer), sa.Column("b", sa.Integer), key, copy.copy(other)
    )
    columns = [sa.Column("a", sa.Integer), sa.Index("ix", "a"), sa.UniqueConstraint("a", name="uq")]
    sa.Table("s", metadata, *columns)
    sa.Sequence("seq", metadata=metadata)
    if message is None:
        assert declare(metadata, dialect_for(dialect)).tables
    else:
        found, hint = rejection(metadata, dialect=dialect)
        assert found.startswith(message) and found.endswith(" has the same name")
        assert hint == "rename one of them"


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "mariadb"])
def test_constraint_names_are_unique(dialect: str) -> None:
    """On MySQL and MariaDB, a unique constraint is an index, and those have names of their own."""
    shared = sa.Enum("a", "b", name="mood", native_enum=False, create_constraint=True)
    for parts in (
        [sa.Column("a", shared), sa.Column("b", shared)],
        [
            sa.Column("a", sa.ForeignKey("t.b", name="mood")),
            sa.Column("b", sa.Integer, sa.CheckConstraint("b > 0", name="mood"), unique=True),
        ],
    ):
        assert rejection(metadata_of(*parts), dialect=dialect) == (
            "cannot declare table t: two constraints have the name mood",
            "rename one of them; if two columns share an Enum or a Boolean with that name, give "
            "each column its own",
        )
    unique = metadata_of(
        sa.Column("a", sa.ForeignKey("t.a", name="mood")), sa.UniqueConstraint("a", name="mood")
    )
    if dialect == "postgresql":
        assert "two constraints have the name mood" in rejection(unique)[0]
    else:
        assert declare(unique, dialect_for(dialect)).tables


def test_names_of_several_constraints_do_not_count_on_sqlite() -> None:
    """SQLite allows them. They identify no constraint, so that the constraints are unnamed."""
    shared = sa.Boolean(name="flag", create_constraint=True)
    columns = [sa.Column("a", shared), sa.Column("b", shared)]
    other = sa.CheckConstraint("a < b", name="other")
    found = table(*columns, other, dialect="sqlite").constraints
    assert [constraint.name for constraint in found] == ["other", None, None]


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
def test_unsupported_type_is_rejected(column: sa.Column[Any], dialect: str, reason: str) -> None:
    """The error names the table and the column as the models do."""
    message, hint = rejection(metadata_of(column._copy(), schema="s"), dialect=dialect)
    assert f"cannot declare column s.t.{column.name}" in message
    assert reason in message
    assert hint


class OnlyOnPostgresql(sa.types.TypeDecorator[str]):
    """A type that knows one database only."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return {"postgresql": sa.Text()}[dialect.name]


class Ending(sa.types.UserDefinedType[str]):
    """A type that ends the process."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        raise SystemExit(3)


class Unspelled(sa.types.UserDefinedType[str]):
    """A type without the method that writes its SQL."""

    cache_ok = True


@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        (OnlyOnPostgresql(), "the type OnlyOnPostgresql raised KeyError: '{}'"),
        (Ending(), "the type Ending raised SystemExit: 3"),
        (
            Unspelled(),
            "the type Unspelled raised AttributeError: 'Unspelled' object has no attribute "
            "'get_col_spec'",
        ),
    ],
    ids=["KeyError", "SystemExit", "AttributeError"],
)
def test_an_error_in_a_type_is_one_of_the_models(type_: Any, reason: str, dialect: str) -> None:
    message, hint = rejection(metadata_of(sa.Column("v", type_)), dialect=dialect)
    assert message == f"cannot declare column t.v for {dialect}: {reason.format(dialect)}"
    assert hint == "correct the class of the type, or use another type for this database"


UNSET = sa.text("lower(:note)")


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (lambda: sa.Column("b", sa.String(9), server_default=UNSET), "column t.b"),
        (lambda: sa.Column("b", sa.String(9), sa.Computed(UNSET)), "column t.b"),
        (lambda: sa.CheckConstraint("a = ' :note'", name="ck"), "CheckConstraint ck of table t"),
        (lambda: sa.CheckConstraint(UNSET), "CheckConstraint of table t"),
        (
            lambda: postgresql.ExcludeConstraint((sa.column("a"), "="), where=UNSET),
            "ExcludeConstraint of table t",
        ),
        (lambda: sa.Index("ix", UNSET), "index ix of table t"),
        (lambda: sa.Index("ix", sa.func.lower(UNSET)), "index ix of table t"),
        (lambda: sa.Index("ix", "a", postgresql_where=UNSET), "index ix of table t"),
    ],
)
def test_a_parameter_without_a_value_is_rejected(
    item: Callable[[], sa.schema.SchemaItem], place: str
) -> None:
    """SQLAlchemy writes NULL for it in DDL."""
    message, hint = rejection(metadata_of(sa.Column("a", sa.String(9)), item()))
    assert message == f"cannot declare {place}: a value is required for bind parameter 'note'"
    assert hint is not None and r".bindparams(note=...); or write \:note" in hint


def test_values_of_parameters_are_written() -> None:
    r"""A value may be None, and `\:` begins no parameter."""
    declared = table(
        sa.Column("a", sa.String(9), server_default=sa.text("lower(:x)").bindparams(x="B")),
        sa.CheckConstraint(sa.text("a IS NOT :x").bindparams(x=None), name="ck"),
        sa.CheckConstraint(r"a <> ' \:note'", name="ck_note"),
        sa.Index("ix", sa.text(r"lower(a || ' \:note')")),
    )
    checks = {c.name: c.sql for c in declared.constraints if isinstance(c, Check)}
    assert declared.columns[0].default == "lower('B')"
    assert checks == {"ck": "a IS NOT NULL", "ck_note": "a <> ' :note'"}
    assert declared.indexes[0].elements[0].text == "lower(a || ' :note')"


def test_enum_with_two_lists_of_values_is_rejected() -> None:
    """Columns may share one enum."""
    shared = sa.Enum("a", "b", name="mood")
    schema = declare(
        metadata_of(sa.Column("x", shared), sa.Column("y", shared)), dialect_for("postgresql")
    )
    assert [enum.values for enum in schema.enums.values()] == [("a", "b")]
    metadata = metadata_of(
        sa.Column("x", sa.Enum("a", name="mood")), sa.Column("y", sa.Enum("b", name="mood"))
    )
    message, hint = rejection(metadata)
    assert message == ("enum mood is declared with different values, last in column t.y")
    assert hint == "share one sa.Enum between the columns, or give the types different names"
    assert declare(metadata, dialect_for("sqlite")).enums == {}


def _only_sqlite(*_: Any, dialect: sa.Dialect, **kw: Any) -> bool:
    return dialect.name == "sqlite"


def test_ddl_if_is_respected() -> None:
    """Constraints and indexes for another database are omitted."""
    items = [
        sa.Column("a", sa.Integer),
        sa.CheckConstraint("a > 0", name="ck_pg").ddl_if(dialect="postgresql"),
        sa.CheckConstraint("a > 1", name="ck_lite").ddl_if(dialect="sqlite"),
        sa.UniqueConstraint("a", name="uq_called").ddl_if(callable_=_only_sqlite),
        sa.Index("ix_pg", "a").ddl_if(dialect="postgresql"),
        sa.Index("ix_lite", "a").ddl_if(dialect="sqlite"),
    ]
    metadata = metadata_of(*items)
    for dialect, names in (
        ("postgresql", {"ck_pg", "ix_pg"}),
        ("sqlite", {"ck_lite", "uq_called", "ix_lite"}),
    ):
        declared_table = declare(metadata, dialect_for(dialect)).tables[Name("t")]
        named = {c.name for c in declared_table.constraints} | {
            i.name for i in declared_table.indexes
        }
        assert named - {None} == names


def test_naming_conventions_are_applied() -> None:
    """Explicit names are not changed."""
    convention = {
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
    declared_table = table(
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer, index=True),
        sa.Column("b", sa.Integer, sa.ForeignKey("t.id")),
        sa.UniqueConstraint("a", "b"),
        sa.UniqueConstraint("b", name="explicit"),
        sa.CheckConstraint("a > 0", name="positive"),
        sa.CheckConstraint("a > 1", name=sa.schema.conv("as_it_is")),
        metadata=sa.MetaData(naming_convention=convention),
    )
    names = {(type(c), c.name) for c in declared_table.constraints}
    assert names == {
        (PrimaryKey, "pk_t"),
        (ForeignKey, "fk_t_b_t"),
        (Unique, "uq_t_a_b"),
        (Unique, "explicit"),
        (Check, "ck_t_positive"),
        (Check, "as_it_is"),
    }
    assert [index.name for index in declared_table.indexes] == ["ix_t_a"]


def test_long_names_are_truncated_as_by_sqlalchemy() -> None:
    """SQLAlchemy truncates names from a naming convention and appends a hash."""
    declared_table = table(
        sa.Column("c" * 50, sa.Integer, index=True),
        metadata=sa.MetaData(
            naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s_" + "x" * 20}
        ),
    )
    assert declared_table.indexes[0].name is not None and len(declared_table.indexes[0].name) <= 63


@pytest.mark.parametrize(
    ("item", "what"),
    [
        (lambda: sa.Index("n" * 70, "a"), "Index of table t"),
        (lambda: sa.UniqueConstraint("a", name="n" * 70), "UniqueConstraint of table t"),
        (lambda: sa.CheckConstraint("a > 0", name="n" * 70), "CheckConstraint of table t"),
        (lambda: sa.PrimaryKeyConstraint("a", name="n" * 70), "PrimaryKeyConstraint of table t"),
        (lambda: sa.ForeignKeyConstraint(["a"], ["t.b"], name="n" * 70), "ForeignKeyConstraint of"),
    ],
)
@pytest.mark.parametrize(("dialect", "most"), [("postgresql", 63), ("mysql", 64)])
def test_names_that_are_too_long(
    item: Callable[[], sa.schema.SchemaItem], what: str, dialect: str, most: int
) -> None:
    """The message names the object before a server refuses or cuts the name."""
    message = f"^{what}.* has a name of 70 characters, and {dialect} allows {most}: n{{70}}\n"
    with pytest.raises(ModelsError, match=message):
        table(sa.Column("a", sa.Integer), sa.Column("b", sa.Integer), item(), dialect=dialect)


@pytest.mark.parametrize(
    ("name", "dialect", "message"),
    [
        ("table", "postgresql", "table has a name of 70 characters, and postgresql allows 63"),
        ("table", "mysql", "table has a name of 70 characters, and mysql allows 64"),
        ("column", "mysql", "column of table t has a name of 70 characters, and mysql allows 64"),
        ("enum", "postgresql", "enum type has a name of 70 characters, and postgresql allows 63"),
        ("sequence", "mysql", "sequence has a name of 70 characters, and mysql allows 64"),
    ],
)
def test_names_of_tables_and_types_that_are_too_long(name: str, dialect: str, message: str) -> None:
    """SQLAlchemy sends some of them, and the server refuses them."""
    names, metadata = {"table": "t", "column": "c", "enum": "e", "sequence": "s"}, sa.MetaData()
    names[name] = "n" * 70
    sa.Sequence(names["sequence"], metadata=metadata)
    sa.Table(names["table"], metadata, sa.Column(names["column"], sa.Enum("a", name=names["enum"])))
    with pytest.raises(ModelsError, match=message):
        declare(metadata, dialect_for("mariadb" if name == "sequence" else dialect))


def test_column_properties() -> None:
    """Nullability, default and comment are declared; SQLite has no comments."""
    column = sa.Column("a", sa.String(9), nullable=False, server_default="it's", comment="why")
    declared = table(column).columns[0]
    assert (declared.nullable, declared.default, declared.comment) == (False, "'it''s'", "why")
    assert table(column._copy(), dialect="sqlite").columns[0].comment is None
    expression = sa.Column("a", sa.DateTime, server_default=sa.func.now())
    assert table(expression).columns[0].default == "now()"
    assert table(expression._copy(), dialect="sqlite").columns[0].default is not None
    null_default = sa.Column("a", sa.Integer, server_default=sa.null())
    assert table(null_default).columns[0].default is None


def test_foreign_key_properties() -> None:
    """Actions, deferral, match and schema are declared; default actions are omitted."""
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="auth")
    declared_table = table(
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
    key = next(declared_table.foreign_keys)
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
    assert declared_table.columns[0].type.sql == "integer"


def test_a_foreign_key_without_a_column_is_rejected() -> None:
    message, hint = rejection(metadata_of(sa.Column("a", sa.Integer, sa.ForeignKey("users"))))
    assert message == (
        "cannot declare a foreign key of table t: it references 'users', which names no column"
    )
    assert hint is not None and 'sa.ForeignKey("users.id")' in hint


def test_index_without_a_name_is_rejected() -> None:
    """A naming convention without "ix" leaves indexes unnamed; SQLAlchemy cannot create them."""
    metadata = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"})
    sa.Table("t", metadata, sa.Column("x", sa.Integer, index=True))
    message, hint = rejection(metadata)
    assert message == "cannot declare an index of table t: it has no name"
    assert hint == 'name the index, or add "ix" to the naming convention of the MetaData'


def test_index_properties() -> None:
    name = sa.Column("name", sa.String(50))
    declared_index = table(
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
    assert declared_index == Index(
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


def test_models_are_not_modified() -> None:
    """Declaring again gives the same result, and SQLAlchemy can still create the tables."""
    metadata = metadata_of(
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


@pytest.mark.parametrize(
    ("type_", "largest"),
    [(sa.SmallInteger, 2**15 - 1), (sa.Integer, 2**31 - 1), (sa.BigInteger, 2**63 - 1)],
)
def test_default_options_of_an_identity_are_left_out(type_: type[sa.Integer], largest: int) -> None:
    """Tools that write models from a database name all of them."""

    def declared(**options: Any) -> Table:
        return table(sa.Column("id", type_, sa.Identity(**options), primary_key=True))

    upwards = declared(start=1, increment=1, minvalue=1, maxvalue=largest, cache=1)
    assert upwards == declared()
    downwards = declared(start=-1, increment=-1, minvalue=-largest - 1, maxvalue=-1)
    assert downwards == declared(increment=-1)
    assert declared(maxvalue=largest - 1) != declared()


@pytest.mark.parametrize(
    ("database", "persisted", "type_"),
    [
        ("postgresql 17", True, "uuid"),
        ("postgresql 18", False, "uuid"),
        ("mariadb 10.6", False, "char(32)"),
        ("mariadb 10.11", False, "uuid"),
    ],
)
def test_models_without_a_server_are_those_of_its_version(
    database: str, persisted: bool, type_: str
) -> None:
    """SQLAlchemy asks a server for these abilities when it connects."""
    metadata = sa.MetaData()
    sa.Table(
        "t",
        metadata,
        sa.Column("n", sa.Integer),
        sa.Column("code", sa.Uuid),
        sa.Column("more", sa.Integer, sa.Computed("n + 1")),
    )
    name, version = database.split()
    _, code, more = declare(metadata, dialect_for(name, version=version)).tables[Name("t")].columns
    if sa.__version__.startswith("2.0."):  # it has no UUID of MariaDB, and always writes STORED
        return
    assert code.type.sql == type_
    assert more.computed is not None
    assert more.computed.persisted is persisted


@pytest.mark.parametrize(
    ("name", "version", "known"),
    [
        *(("mysql", "8.0", True), ("mysql", "8.0.36", True), ("mysql", "5.7", False)),
        *(("mariadb", "10.4", True), ("mariadb", "10.11.6", True), ("mariadb", "10.3", False)),
        *(("mysql", None, True), ("mariadb", None, True)),
    ],
)
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_a_cast_to_float_is_that_of_the_version(
    name: str, version: str | None, known: bool
) -> None:
    """The lock file has the first two parts of a version."""
    dialect = dialect_for(name, version=version)
    sql = str(sa.cast(sa.column("n"), sa.Float).compile(dialect=dialect.sqlalchemy))
    assert sql == ("CAST(n AS FLOAT)" if known else "n")


@pytest.mark.parametrize(
    ("dialect", "item", "option"),
    [
        ("mariadb", sa.ForeignKeyConstraint(["a"], ["t.id"], deferrable=True), "deferrable"),
        ("mysql", sa.ForeignKeyConstraint(["a"], ["t.id"], initially="DEFERRED"), "deferrable"),
        ("mariadb", sa.ForeignKeyConstraint(["a"], ["t.id"], match="FULL"), "match"),
        ("mariadb", sa.UniqueConstraint("a", deferrable=True), "deferrable"),
        ("sqlite", sa.UniqueConstraint("a", deferrable=True), "deferrable"),
    ],
)
def test_an_option_that_the_database_does_not_have(
    dialect: str, item: sa.Constraint, option: str
) -> None:
    """create_all() fails with it too."""
    metadata = sa.MetaData()
    id_, a = sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.Integer)
    sa.Table("t", metadata, id_, a, item)
    with pytest.raises(ModelsError, match=f"{dialect} does not support {option}"):
        declare(metadata, dialect_for(dialect))
    item.ddl_if(dialect="postgresql")
    assert declare(metadata, dialect_for(dialect)).tables[Name("t")].constraints[1:] == ()
