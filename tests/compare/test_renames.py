"""Tests for renames: explicit renames are applied, likely renames are never assumed."""

from __future__ import annotations

import itertools

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from autodiff import diff
from autodiff.autogenerate.questions import Assume, NoAnswers, Questioner
from autodiff.compare import (
    Candidate,
    Rename,
    parse_rename,
    rename_candidates,
    rename_tables_and_columns,
)
from autodiff.compare.renames import (
    order_renames,
    temporary_column_name,
    temporary_renames,
    without_temporary_names,
)
from autodiff.dialects import dialect_for
from autodiff.errors import PlanError, RenameUndecidedError
from autodiff.schema.changes import Change, ColumnAdded, ColumnRemoved, TableAdded, TableRemoved
from autodiff.schema.objects import Check, Name
from tests.counting import counted_calls
from tests.nouns import column, foreign_key, schema, table

USERS = Name("users")
DIALECT = dialect_for("postgresql")
CURRENT = schema(
    table("users", column("nick", "text"), column("age"), Check(name="ck", sql="nick <> ''")),
    table("posts", column("author"), foreign_key("fk", "author", "users.nick")),
)
COLONS = schema(table("a:b", column("c:d")), table("users", column("nick")))


@pytest.mark.parametrize(
    ("text", "rename"),
    [
        ("users:people", Rename(table=USERS, to="people")),
        ("users.nick:name", Rename(table=USERS, column="nick", to="name")),
        ("users.nick:users.name", Rename(table=USERS, column="nick", to="name")),
    ],
)
def test_parse_rename(text: str, rename: Rename) -> None:
    """The form is OLD:NEW, for a table or a column; a column's table may be repeated."""
    assert parse_rename(text, CURRENT) == rename


@pytest.mark.parametrize(
    ("text", "rename"),
    [
        ("users.nick:nick:name", Rename(table=USERS, column="nick", to="nick:name")),
        ("a:b:c", Rename(table=Name("a:b"), to="c")),
        ("a:b.c:d:e", Rename(table=Name("a:b"), column="c:d", to="e")),
    ],
)
def test_names_may_contain_colons(text: str, rename: Rename) -> None:
    """The separator is the first colon after a name that the database has."""
    assert parse_rename(text, COLONS) == rename


@pytest.mark.parametrize("text", ["users", "users:", ":people", ""])
def test_invalid_rename_is_rejected(text: str) -> None:
    """The hint shows an example."""
    with pytest.raises(PlanError) as caught:
        parse_rename(text, CURRENT)
    assert caught.value.message == f"invalid rename {text!r}: expected OLD:NEW"
    assert caught.value.hint == (
        "for example --rename users.nick:nickname or --rename users:people"
    )


@pytest.mark.parametrize("old", ["people", "users.name", "people.nick"])
def test_old_name_must_exist(old: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_rename(f"{old}:new", CURRENT)
    assert caught.value.message == (
        f"cannot rename {old}: the database has no such table or column"
    )


@pytest.mark.parametrize(
    ("rename", "name"),
    [("users:people", "people"), ("users.nick:name", "users.name")],
)
def test_new_name_must_exist_in_models(rename: str, name: str) -> None:
    with pytest.raises(PlanError) as caught:
        rename_tables_and_columns(CURRENT, CURRENT, [parse_rename(rename, CURRENT)], DIALECT)
    assert caught.value.message == (
        f"cannot rename to {name}: the models have no such table or column"
    )


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        ("users:posts", "cannot rename users to posts: the database already has posts"),
        (
            "users.nick:age",
            "cannot rename users.nick to users.age: the database already has users.age",
        ),
    ],
)
def test_new_name_must_be_unused(rename: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        rename_tables_and_columns(CURRENT, CURRENT, [parse_rename(rename, CURRENT)], DIALECT)
    assert caught.value.message == message
    assert caught.value.hint == "rename or drop it in an earlier migration"


def test_dropped_column_frees_its_name() -> None:
    """The dropped column gets a temporary name first; its removal uses the original name."""
    desired = schema(table("users", column("age", "text")), table("posts", column("author")))
    renames = [parse_rename("users.nick:age", CURRENT)]
    renamed, changes = rename_tables_and_columns(CURRENT, desired, renames, DIALECT)
    names = [c.name for c in renamed.tables[USERS].columns]
    assert names == ["id", "age", "_autodiff_age"]
    assert [type(change).__name__ for change in changes] == ["ColumnRenamed"]
    set_aside_renames = temporary_renames(CURRENT, desired, renames)
    assert set_aside_renames == [Rename(table=USERS, column="age", to="_autodiff_age")]
    removed = ColumnRemoved(table=USERS, column=column("_autodiff_age"))
    expected = ColumnRemoved(table=USERS, column=column("age"))
    assert without_temporary_names([removed], set_aside_renames) == [expected]


def test_spare_name_fits_length_limit() -> None:
    """PostgreSQL allows 63 bytes, MySQL 64 characters."""
    assert len(temporary_column_name("x" * 63)) == 63


def test_rename_updates_references() -> None:
    """Foreign keys of other tables and checks use the new names, so nothing else differs."""
    desired = schema(
        table("people", column("name", "text"), column("age"), Check(name="ck", sql="name <> ''")),
        table("posts", column("author"), foreign_key("fk", "author", "people.name")),
    )
    renames = [parse_rename(text, CURRENT) for text in ("users:people", "users.nick:name")]
    renamed, changes = rename_tables_and_columns(CURRENT, desired, renames, DIALECT)
    people, posts = renamed.tables[Name("people")], renamed.tables[Name("posts")]
    assert people.column("name") == column("name", "text")
    assert people.constraint("ck") == Check(name="ck", sql="name <> ''")
    assert posts.constraint("fk") == foreign_key("fk", "author", "people.name")
    assert [type(change).__name__ for change in changes] == ["TableRenamed", "ColumnRenamed"]
    assert list(CURRENT.tables) == [USERS, Name("posts")]


def test_renames_are_ordered_by_free_names() -> None:
    """A chain of renames starts with the last name; a cycle uses a temporary name."""
    assert order_renames([("a", "b"), ("b", "c")], temporary_column_name) == [
        ("b", "c"),
        ("a", "b"),
    ]
    assert order_renames([("a", "b"), ("b", "a")], temporary_column_name) == [
        ("a", "_autodiff_b"),
        ("b", "a"),
        ("_autodiff_b", "b"),
    ]


def test_candidates_are_scored_and_sorted() -> None:
    """Candidates have the same type; the same default and nullability score higher."""
    changes = [
        ColumnRemoved(table=USERS, column=column("nick", "text", nullable=False)),
        ColumnAdded(table=USERS, column=column("motto", "text", default="'x'")),
        ColumnAdded(table=USERS, column=column("name", "text", nullable=False)),
        ColumnAdded(table=USERS, column=column("age")),
        ColumnAdded(table=Name("posts"), column=column("title", "text", nullable=False)),
    ]
    found_candidates = rename_candidates(changes)
    assert [(str(c), c.score, c.reason) for c in found_candidates] == [
        ("users.nick:name", 1.0, "both are text"),
        ("users.nick:motto", 0.5, "both are text"),
    ]


def test_tables_with_most_columns_in_common_are_candidates() -> None:
    """Below 60 % of common columns, a table is not a candidate."""
    old = table("users", column("name", "text"), column("age"))
    similar = table("people", column("name", "text"), column("age"), column("city"))
    dissimilar = table("places", column("street", "text"))
    changes = [TableRemoved(table=old), TableAdded(table=similar), TableAdded(table=dissimilar)]
    [candidate] = rename_candidates(changes)
    assert (str(candidate), candidate.score) == ("users:people", 0.75)
    assert candidate.reason == "75% of their columns are the same"


def _models(name: str) -> sa.MetaData:
    metadata = sa.MetaData()
    key = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("users", metadata, key, sa.Column(name, sa.String(20)))
    return metadata


@pytest.fixture
def connection() -> sa.Connection:
    engine = sa.create_engine("sqlite://")
    _models("nick").create_all(engine)
    return engine.connect()


def test_undecided_rename_is_an_error(connection: sa.Connection) -> None:
    """The error lists each candidate with the option that accepts it."""
    with connection, pytest.raises(RenameUndecidedError) as caught:
        diff(connection, _models("name"))
    assert str(caught.value) == (
        "a change could be a rename, or a drop and an add:\n"
        "  users.nick:name  (both are VARCHAR(20))\n"
        "hint: pass --rename users.nick:name for each rename, or --assume drop-and-add"
    )
    assert caught.value.candidates == ("users.nick:name",)


def test_an_undecided_column_of_a_renamed_table_has_its_old_name(
    connection: sa.Connection,
) -> None:
    """The hint can be followed: --rename takes the names of the database."""
    metadata = _models("name")
    metadata.tables["users"].to_metadata(renamed := sa.MetaData(), name="people")
    with connection:
        with pytest.raises(RenameUndecidedError) as caught:
            diff(connection, renamed, renames=["users:people"])
        assert caught.value.candidates == ("users.nick:name",)
        plan = diff(connection, renamed, renames=["users:people", *caught.value.candidates])
    assert plan.summary() == ["~ table users -> people", "~ column people.nick -> name"]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({"renames": ["users.nick:name"]}, ["~ column users.nick -> name"]),
        ({"assume": "drop-and-add"}, ["+ column users.name", "- column users.nick"]),
    ],
)
def test_options_decide_renames(
    connection: sa.Connection, options: dict[str, object], lines: list[str]
) -> None:
    with connection:
        assert diff(connection, _models("name"), **options).summary() == lines  # type: ignore[arg-type]


RETYPED = [
    (("w", "integer"), ("weight", "bigint"), True),
    (("name", "varchar(20)"), ("full_name", "text"), True),
    (("made", "DATE"), ("created", "DATETIME"), True),
    (("zip", "varchar(9)"), ("zip_code", "integer"), True),
    (("data", "json"), ("payload", "jsonb"), True),
    (("note", "text"), ("size", "integer"), False),
    (("flag", "boolean"), ("made", "date"), False),
]


@pytest.mark.parametrize(("old", "new", "likely"), RETYPED)
def test_rename_with_a_new_type_is_a_candidate(
    old: tuple[str, str], new: tuple[str, str], likely: bool
) -> None:
    """If the types hold the same kind of values, or the names are similar."""
    changes = [
        ColumnRemoved(table=USERS, column=column(*old)),
        ColumnAdded(table=USERS, column=column(*new)),
    ]
    found = [candidate.rename for candidate in rename_candidates(changes)]
    wanted = [Rename(table=USERS, column=old[0], to=new[0])] if likely else []
    assert found == wanted


def test_rename_without_a_new_type_is_more_likely() -> None:
    changes = [
        ColumnRemoved(table=USERS, column=column("w", "integer")),
        ColumnAdded(table=USERS, column=column("weight", "bigint")),
        ColumnAdded(table=USERS, column=column("height", "integer")),
    ]
    best, second = rename_candidates(changes)
    assert (best.rename.to, second.rename.to) == ("height", "weight")
    assert second.reason == "the type changes too: integer -> bigint"


def test_renamed_table_may_have_a_column_of_another_type() -> None:
    old = table("users", column("nick", "text"), column("age", "integer"))
    new = table("people", column("nick", "text"), column("age", "bigint"))
    [candidate] = rename_candidates([TableRemoved(table=old), TableAdded(table=new)])
    assert candidate.rename == Rename(table=USERS, to="people")


COLUMNS = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.sampled_from(["text", "integer", "bigint"]),
    max_size=6,
)


@given(st.lists(COLUMNS, max_size=6), st.lists(COLUMNS, max_size=6))
def test_no_table_with_enough_columns_in_common_is_missed(
    before: list[dict[str, str]], after: list[dict[str, str]]
) -> None:
    """A related type counts half; the share of all columns must be 60 %."""
    old, new = (
        [table(f"{prefix}{n}", *itertools.starmap(column, c.items())) for n, c in enumerate(all_)]
        for prefix, all_ in (("old", before), ("new", after))
    )
    changes = [*(TableRemoved(table=t) for t in old), *(TableAdded(table=t) for t in new)]
    expected = set()
    for (n, types), (m, others) in itertools.product(enumerate(before), enumerate(after)):
        points = 2 + sum(  # each table has a column `id`
            2 if types[name] == others[name] else "text" not in (types[name], others[name])
            for name in types.keys() & others.keys()
        )
        if 10 * points >= 12 * (1 + len(types.keys() | others.keys())):
            expected.add(f"old{n}:new{m}")
    assert {str(candidate.rename) for candidate in rename_candidates(changes)} == expected


def test_many_tables_are_compared_with_few() -> None:
    """Tables whose columns have other names are not compared: 1,000 tables took seconds."""

    def calls(tables: int) -> int:
        changes: list[Change] = []
        for number in range(tables):
            old, new = (
                table(f"{prefix}{number}", column("id"), column(f"a{number}"), column(f"b{number}"))
                for prefix in ("old", "new")
            )
            changes += [TableRemoved(table=old), TableAdded(table=new)]
        with counted_calls() as count:
            assert len(rename_candidates(changes)) == tables
        return count[0]

    assert calls(120) < 4.4 * calls(30)


def test_a_rejected_rename_compares_nothing_again(connection: sa.Connection) -> None:
    """The questioner is asked about each one; only an adopted one changes what is left."""
    for number in range(5):
        connection.exec_driver_sql(f"CREATE TABLE old{number} (id INTEGER, a{number} TEXT)")
    metadata = sa.MetaData()
    for number in range(5):
        columns = (sa.Column("id", sa.Integer), sa.Column(f"a{number}", sa.Text))
        sa.Table(f"new{number}", metadata, *columns)
    asked: list[str] = []

    class Rejecting(NoAnswers):
        def is_rename(self, candidate: Candidate) -> bool:
            asked.append(str(candidate))
            return False

    def calls(questioner: Questioner, assume: Assume) -> int:
        with counted_calls() as count:
            plan = diff(
                connection, metadata, questioner=questioner, assume=assume, data_checks=False
            )
        assert len(plan.changes) == 11  # with a table of the fixture
        return count[0]

    calls(NoAnswers(), "drop-and-add")  # fills caches
    assumed = calls(NoAnswers(), "drop-and-add")
    assert calls(Rejecting(), None) < 1.5 * assumed
    assert asked == [f"old{number}:new{number}" for number in range(5)]
