"""Test the lock file: one line per table, stable bytes, and clear errors if it is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from autodiff.errors import HistoryError
from autodiff.migrations import LOCK_NAME, LockFile, lock_text, read_lock, write_lock
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    EnumType,
    Exclusion,
    ForeignKey,
    Identity,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Schema,
    Sequence,
    Table,
    Unique,
    View,
)


def typed(sql: str, enum: Name | None = None) -> ColumnType:
    return ColumnType(sql=sql, enum=enum)


MOOD = EnumType(name=Name("mood"), values=("süß", "it's", 'a "b"'), comment="how one feels")
INDEX = Index(
    name="ix",
    elements=(
        IndexElement(text="a", descending=True, nulls_first=False, opclass="x_ops", collation="C"),
        IndexElement(text="lower(b)", is_expression=True),
        IndexElement(text="c", length=7),
        IndexElement(text="d", collation="german", collation_schema="audit"),
    ),
    unique=True,
    method="gin",
    where="a > 0",
    include=("d",),
    nulls_not_distinct=True,
    comment="quick",
    options={"n": 1, "postgresql_with": "fillfactor=70", "yes": True},
)
RICH = Table(
    name=Name("posts", "blog"),
    columns=(
        Column(
            name="id",
            type=typed("bigint"),
            nullable=False,
            identity=Identity(
                always=True, start=5, increment=-2, minvalue=-9, maxvalue=9, cache=3, cycle=True
            ),
            comment="line\nbreak \u2028 \\ \x00 🚀",
        ),
        Column(name="n", type=typed("integer"), nullable=False, autoincrement=True),
        Column(name="mood", type=typed("mood", MOOD.name), default="'süß'::mood"),
        Column(name="m2", type=typed("x", Name("mood", "blog")), options={"a": "b", "c": False}),
        Column(name="total", type=typed("text"), computed=Computed(sql="a || 'x'", persisted=True)),
        Column(name="v", type=typed("text"), computed=Computed(sql="a", persisted=False)),
    ),
    constraints=(
        PrimaryKey(
            name="pk",
            columns=("id", "n"),
            deferrable=True,
            initially_deferred=True,
            comment="key",
            options={"postgresql_include": "mood"},
        ),
        ForeignKey(
            name="fk",
            columns=("n",),
            referred=Name("users", "auth"),
            referred_columns=("id",),
            on_update="CASCADE",
            on_delete="SET NULL",
            match="FULL",
            deferrable=True,
            initially_deferred=True,
            comment="to users",
            options={"postgresql_not_valid": True},
        ),
        ForeignKey(columns=("n",), referred=Name("posts"), referred_columns=("n",)),
        Unique(
            name="uq",
            columns=("n", "mood"),
            deferrable=True,
            initially_deferred=True,
            nulls_not_distinct=True,
            comment="once",
            options={"sqlite_on_conflict": "IGNORE"},
        ),
        Check(
            name="ck",
            sql="n > 0 AND mood <> 'x'",
            comment="c",
            options={"postgresql_no_inherit": True},
        ),
        Exclusion(
            name="ex",
            elements=(("room", "="), ("during", "&&")),
            using="spgist",
            where="n > 0",
            deferrable=True,
            initially_deferred=True,
            comment="alone",
        ),
    ),
    indexes=(INDEX, Index(elements=(IndexElement(text="n"),))),
    comment="all of it",
    options={"mysql_engine": "InnoDB", "sqlite_strict": True},
    triggers=("CREATE TRIGGER ...",),
)
SCHEMA = Schema(
    tables={RICH.name: RICH, Name("empty"): Table(name=Name("empty"))},
    enums={MOOD.name: MOOD, Name("m", "blog"): EnumType(name=Name("m", "blog"), values=())},
    sequences={
        Name("s", "blog"): Sequence(
            name=Name("s", "blog"),
            type="integer",
            start=3,
            increment=-1,
            minvalue=-5,
            maxvalue=5,
            cache=2,
            cycle=True,
            comment="numbers",
        )
    },
    views={
        Name("v"): View(name=Name("v"), sql="SELECT 1\nFROM t", reads=(Name("posts", "blog"),)),
        Name("mv"): View(
            name=Name("mv"), sql="SELECT 2", materialized=True, indexes=(INDEX,), comment="kept"
        ),
    },
    namespaces=frozenset(("blog", "auth")),
)
LOCK = LockFile(
    heads=("b", "c"),
    checksums={"b": "22", "a": "11", "c": "33"},
    database="postgresql 16",
    declared=SCHEMA,
    described=replace(SCHEMA, views={}),
)


def test_every_schema_object_is_read_back(tmp_path: Path) -> None:
    """Fields that == ignores are read back too."""
    write_lock(tmp_path, LOCK)
    lock = read_lock(tmp_path)
    assert lock == LOCK
    assert repr(lock.declared.tables[RICH.name]) == repr(RICH)
    assert lock.declared.views[Name("v")].reads == (Name("posts", "blog"),)


def schema_objects(value: Any) -> Iterator[Any]:
    """Yield the dataclasses in a value, at any depth."""
    if isinstance(value, Mapping):
        yield from (found for item in value.values() for found in schema_objects(item))
    elif isinstance(value, tuple | frozenset):
        yield from (found for item in value for found in schema_objects(item))
    elif is_dataclass(value):
        yield value
        yield from (
            found for spec in fields(value) for found in schema_objects(getattr(value, spec.name))
        )


def test_the_round_trip_sets_every_field() -> None:
    """A field that is added to a schema object must be set in SCHEMA too."""
    all_fields, fields_set = set(), set()
    for schema_object in schema_objects(SCHEMA):
        for spec in (spec for spec in fields(schema_object) if spec.compare):
            name = f"{type(schema_object).__name__}.{spec.name}"
            all_fields.add(name)
            default = {} if spec.default_factory is not MISSING else spec.default
            if getattr(schema_object, spec.name) != default:
                fields_set.add(name)
    assert all_fields == fields_set


def test_the_same_lock_gives_the_same_bytes(tmp_path: Path) -> None:
    """It is written twice, and again after a round trip in another order."""
    write_lock(tmp_path, LOCK)
    first = (tmp_path / LOCK_NAME).read_bytes()
    lock = read_lock(tmp_path)
    assert lock is not None
    reordered = replace(
        lock,
        declared=replace(lock.declared, tables=dict(reversed(list(lock.declared.tables.items())))),
    )
    write_lock(tmp_path, reordered)
    assert (tmp_path / LOCK_NAME).read_bytes() == first
    assert lock_text(LOCK).encode() == first


def test_a_table_is_one_line() -> None:
    """A changed table changes one line, and two changes of a table conflict in git."""
    lines = lock_text(LOCK).splitlines()
    assert sum('"name": ["blog", "posts"]' in line for line in lines) == 2  # declared, described
    assert sum('"name": "empty"' in line for line in lines) == 2
    changed = replace(RICH, comment="another")
    changed_lock = replace(
        LOCK, declared=replace(SCHEMA, tables={**SCHEMA.tables, RICH.name: changed})
    )
    pairs = zip(lines, lock_text(changed_lock).splitlines(), strict=True)
    assert sum(one != two for one, two in pairs) == 1


def test_the_file_is_json_in_utf8(tmp_path: Path) -> None:
    """Other programs can read it, and text that is not ASCII stays readable."""
    path = write_lock(tmp_path, LOCK)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text)["heads"] == ["b", "c"]
    assert list(json.loads(text)["migrations"]) == ["b", "a", "c"]  # the order of the graph
    assert "süß" in text and text.endswith("}\n")


def test_an_empty_lock_is_read_back(tmp_path: Path) -> None:
    """A project without tables has a lock file too."""
    write_lock(tmp_path, LockFile())
    assert read_lock(tmp_path) == LockFile()


def test_a_missing_file_is_not_an_error(tmp_path: Path) -> None:
    """The folder may be missing too."""
    assert read_lock(tmp_path) is None
    assert read_lock(tmp_path / "nowhere") is None


@pytest.mark.parametrize("mark", ["<<<<<<< HEAD", "=======", ">>>>>>> other"])
def test_merge_conflicts_are_recognized(tmp_path: Path, mark: str) -> None:
    """The error reports an unresolved merge, and the hint how to resolve it."""
    lines = lock_text(LOCK).splitlines()
    (tmp_path / LOCK_NAME).write_text("\n".join([*lines[:9], mark, *lines[9:]]), encoding="utf-8")
    with pytest.raises(HistoryError) as caught:
        read_lock(tmp_path)
    assert caught.value.message == (
        f"{tmp_path / LOCK_NAME} has merge conflicts: two branches changed the schema"
    )
    assert caught.value.hint == (
        "run autodiff rebase to move one branch's migrations after the other's, or "
        "autodiff merge to join them; both rewrite this file. If the migrations are in one "
        "line already, run autodiff lock"
    )


GOOD = json.loads(lock_text(LOCK))


CODE = "__import__('os').abort()"


def with_declared(**kinds: Any) -> str:
    """Return a lock file with other objects among those that the models declare."""
    return json.dumps({**GOOD, "declared": {**GOOD["declared"], **kinds}})


def with_column(**fields: Any) -> str:
    """Return a lock file with a table t that has one column c with these fields."""
    column = {"name": "c", "type": {"sql": "integer"}, **fields}
    return with_declared(tables=[{"name": "t", "columns": [column]}])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "JSONDecodeError: Expecting value"),
        ("{", "JSONDecodeError: Expecting property name"),
        ("[]", "it is not a JSON object with a version"),
        ('"text"', "it is not a JSON object with a version"),
        ("[" * 100_000, "its JSON is nested too deeply"),
        (json.dumps({**GOOD, "declared": []}), "declared must be an object"),
        (json.dumps({**GOOD, "database": "evil 1"}), "unknown kind of database 'evil'"),
        (json.dumps({**GOOD, "settled": "no"}), "settled must be true or false"),
        (json.dumps({**GOOD, "extra": 1}), "unknown field 'extra'"),
        (with_declared(tables=["x"]), "Table must be an object"),
        (with_declared(tables={}), "tables must be a list"),
        (with_declared(namespaces=[1]), "namespaces: must be a string"),
        (json.dumps({**GOOD, "described": {}}), "tables must be a list"),
        (json.dumps({**GOOD, "migrations": ["a"]}), "migrations must be an object"),
        (json.dumps({**GOOD, "migrations": {"a": 1}}), "migrations must be an object of strings"),
        (json.dumps({**GOOD, "heads": [["a"]]}), "heads must be a list of strings"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "heads"}), "heads is missing"),
        (json.dumps(GOOD).replace("blog", "\\ud800"), "it contains half of a surrogate pair"),
        (
            lock_text(LOCK).replace('"nullable"', '"nulable"'),
            "Table 'blog.posts': columns: Column 'id': unknown field 'nulable'",
        ),
        (with_column(type={"sql": "integer", "python": CODE}), "type: unknown field 'python'"),
        (with_column(type={"sql": "integer); DROP TABLE a; --"}), "type: sql: 'integer); DROP "),
        (with_column(type={"sql": "integer -- x"}), "type: sql: 'integer -- x' is not a type"),
        (with_column(type={"sql": "enum('a', 'b'"}), "type: sql: \"enum('a', 'b'\" is not a type"),
        (with_column(nullable=CODE), "nullable: must be true or false"),
        (with_column(nullable=0), "nullable: must be true or false"),
        (with_column(options={"x=1, y": 1}), "options: 'x=1, y' is not the name of an option"),
        (with_column(options={"x": [CODE]}), "options: x: must be a string or an integer or true "),
        (with_column(identity={"start": CODE}), "identity: start: must be an integer"),
        (with_column(computed={"sql": "1", "persisted": CODE}), "computed: persisted: must be "),
        (with_column(default=1), "default: must be a string"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """The error names the file and the reason, and the hint how to write it again."""
    (tmp_path / LOCK_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(HistoryError) as caught:
        read_lock(tmp_path)
    place = "Table 't': columns: Column 'c': " if '"name": "c"' in text else ""
    assert caught.value.message.startswith(f"cannot read {tmp_path / LOCK_NAME}: {place}{reason}")
    assert caught.value.hint == ("restore it from version control, or rewrite it: autodiff lock")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_bytes(b'{"version": 1, "x": "\xff"}')
    with pytest.raises(HistoryError, match="UnicodeDecodeError") as caught:
        read_lock(tmp_path)
    assert caught.value.hint == ("restore it from version control, or rewrite it: autodiff lock")


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    """A file of a later autodiff is not read as the current format."""
    (tmp_path / LOCK_NAME).write_text(json.dumps({**GOOD, "version": 2}), encoding="utf-8")
    with pytest.raises(HistoryError) as caught:
        read_lock(tmp_path)
    assert caught.value.message == (
        f"{tmp_path / LOCK_NAME} was written by another version of autodiff: "
        "its format is 2, this version reads 1"
    )
    assert caught.value.hint == "use the version that wrote it, or rewrite it: autodiff lock"
