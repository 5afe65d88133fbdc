"""Test changes in three phases: expand, migrate and contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.questions import NoAnswers
from autodiff.commands.generate import Draft, refuse_failed
from autodiff.compare import Candidate
from autodiff.dialects import dialect_for
from autodiff.errors import HistoryError, PlanError, RehearsalFailedError, RowsInTheWayError
from autodiff.plan.nonblocking.steps import OnlineSteps
from autodiff.rehearse.proof import Proof
from autodiff.schema.objects import Schema
from tests.online.application import Version
from tests.online.project import OnlineProject
from tests.support import opened

Database = Callable[[str], sa.URL]
SERVERS = pytest.mark.parametrize("kind", ["postgresql", "mariadb"])


def users(name: str, *more: sa.Column[object], required: bool = True) -> sa.MetaData:
    """Return the models of users, with the name of their column for names."""
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(name, sa.String(50), nullable=not required, index=True),
        sa.UniqueConstraint(name, name="uq_users_name"),
        *more,
    )
    return metadata


ROWS = ("INSERT INTO users (id, nick) VALUES (1, 'ann'), (2, 'bob')",)
RENAME = ["users.nick:name"]


def names(draft: Draft) -> list[str]:
    """Return the names of the files that a draft writes."""
    return [each.path.name for each in (*draft.previous, draft)]


def renamed(url: sa.URL, folder: Path, *, rehearse: bool = False) -> OnlineProject:
    """Return a project with a generated rename, nothing of which is applied."""
    project = OnlineProject(url, folder, users("nick"), *ROWS)
    project.models(users("name"))
    project.generate("names", renames=RENAME, rehearse=rehearse)
    return project


@SERVERS
def test_between_the_phases_nothing_is_drift(database: Database, tmp_path: Path, kind: str) -> None:
    """The trigger and the second column are neither reported nor dropped by the next migration."""
    project = renamed(database(kind), tmp_path, rehearse=True)
    status = project.project.status()
    assert [migration.phase for migration in status.pending] == ["expand", "migrate", "contract"]
    assert status.awaited == ()
    project.project.upgrade("0002_names_expand")
    assert project.clean() == ()
    project.project.upgrade(phase="expand")
    assert [m.name for m in project.project.status().awaited] == ["0004_names_contract"]
    drift = project.project.check()
    assert not drift
    assert drift.notes == ("0004_names_contract.py waits for the deploy of the new version",)
    assert project.project.draft("nothing", online=True) is None
    project.models(users("name", sa.Column("age", sa.Integer)))
    assert names(project.generate("ages")) == ["0005_ages.py"]
    assert project.project.upgrade(phase="expand") == []
    project.project.upgrade(phase="contract")
    assert not project.project.check()
    project.project.downgrade("1")
    with opened(project.url) as db:
        assert db.rows("SELECT id, nick FROM users ORDER BY id") == [(1, "ann"), (2, "bob")]


@SERVERS
def test_either_column_can_be_written(database: Database, tmp_path: Path, kind: str) -> None:
    """The trigger copies new values both ways, NULL and a change of case too."""
    project = OnlineProject(database(kind), tmp_path, users("nick", required=False), *ROWS)
    project.models(users("name", required=False))
    project.generate("names", renames=RENAME, rehearse=False)
    project.project.upgrade("0002_names_expand")
    with opened(project.url) as db:

        def row(number: int) -> tuple[object, object]:
            [(nick, name)] = db.rows(f"SELECT nick, name FROM users WHERE id = {number}")
            return nick, name

        assert row(1) == ("ann", None)  # before the backfill
        db.execute("UPDATE users SET id = 10 WHERE id = 1")
        assert row(10) == ("ann", "ann")
        db.execute("UPDATE users SET nick = 'Bob' WHERE id = 2")
        assert row(2) == ("Bob", "Bob")
        db.execute("UPDATE users SET name = 'BOB' WHERE id = 2")
        assert row(2) == ("BOB", "BOB")
        db.execute("UPDATE users SET nick = NULL WHERE id = 2")
        assert row(2) == (None, None)
        db.execute("UPDATE users SET name = 'x' WHERE id = 2")
        assert row(2) == ("x", "x")
        db.execute("UPDATE users SET name = NULL WHERE id = 2")
        assert row(2) == (None, None)
        db.execute("UPDATE users SET nick = 'one', name = 'two' WHERE id = 2")
        assert row(2) == ("two", "two")
        db.execute("INSERT INTO users (id, nick) VALUES (3, 'cy')")
        assert row(3) == ("cy", "cy")
        db.execute("INSERT INTO users (id, name) VALUES (4, 'di')")
        assert row(4) == ("di", "di")
        db.execute("INSERT INTO users (id) VALUES (5)")
        assert row(5) == (None, None)
        db.execute("INSERT INTO users (id, nick, name) VALUES (6, 'one', 'six')")
        assert row(6) == ("six", "six")


@SERVERS
def test_columns_with_a_default_are_copied_too(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """A value that is the default counts as not given, so that the other column's value counts."""

    def models(name: str) -> sa.MetaData:
        metadata = sa.MetaData()
        key = sa.Column("id", sa.Integer, primary_key=True)
        state = sa.Column(name, sa.String(9), server_default="new", nullable=False)
        sa.Table("jobs", metadata, key, state)
        return metadata

    rows = "INSERT INTO jobs (id, state) VALUES (1, 'done')"
    project = OnlineProject(database(kind), tmp_path, models("state"), rows)
    project.models(models("status"))
    project.generate("status", renames=["jobs.state:status"], rehearse=False)
    project.project.upgrade("0002_status_expand")
    with opened(project.url) as db:
        db.execute(
            "INSERT INTO jobs (id) VALUES (2)",
            "INSERT INTO jobs (id, state) VALUES (3, 'old')",
            "INSERT INTO jobs (id, status) VALUES (4, 'late')",
        )
        project.project.upgrade(phase="expand")
        assert db.rows("SELECT id, state, status FROM jobs ORDER BY id") == [
            (1, "done", "done"),
            (2, "new", "new"),
            (3, "old", "old"),
            (4, "late", "late"),
        ]
    project.project.upgrade()
    assert not project.project.check()


@SERVERS
def test_triggers_of_similar_names_are_kept_apart(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """The column b_c of the table a and the column c of a_b; names can have any characters."""

    def models(suffix: str) -> sa.MetaData:
        metadata = sa.MetaData()
        for table, column in (("a", "b_c"), ("a_b", "c"), ('T% "`', "$autodiff$ '%s\\")):
            name = f"{column}{suffix}" if suffix else f"old_{column}"
            number = sa.Column("id", sa.Integer, primary_key=True)
            sa.Table(table, metadata, number, sa.Column(name, sa.String(9)))
        return metadata

    class Renames(NoAnswers):
        def is_rename(self, candidate: Candidate) -> bool:
            return True

    project = OnlineProject(database(kind), tmp_path, models(""))
    project.models(models("$$"))
    project.generate("names", questioner=Renames())
    project.project.upgrade(phase="expand")
    with opened(project.url) as db:
        for old, new in zip(models("").tables.values(), models("$$").tables.values(), strict=True):
            [before, after] = old.columns.keys()[1], new.columns.keys()[1]
            db.connection.execute(sa.insert(old).values({"id": 1, before: "old"}))
            db.connection.execute(sa.insert(new).values({"id": 2, after: "new"}))
            both = sa.table(old.name, sa.column("id"), sa.column(before), sa.column(after))
            rows = db.connection.execute(sa.select(both).order_by(both.c.id)).all()
            assert rows == [(1, "old", "old"), (2, "new", "new")]
            db.connection.commit()
    project.project.upgrade()
    assert not project.project.check()


@SERVERS
def test_contract_is_refused_while_columns_differ(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """Nothing is changed: the old column has a value that would be lost."""
    project = renamed(database(kind), tmp_path)
    project.project.upgrade(phase="expand")
    with opened(project.url) as db:
        table = db.table("users")
        on = {"postgresql": " ON users", "mariadb": ""}[kind]
        trigger = {
            "postgresql": "zz_autodiff_sync_users_name",
            "mariadb": "autodiff_sync_users_name_update",
        }[kind]
        db.execute(f"DROP TRIGGER {trigger}{on}", "UPDATE users SET nick = 'x' WHERE id = 1")
        with pytest.raises(RowsInTheWayError, match=r"old version .* is in use .*id 1") as caught:
            project.project.upgrade()
        assert caught.value.hint is not None and caught.value.hint.startswith("deploy the new")
        assert db.table("users") == table
        db.execute("UPDATE users SET name = 'x' WHERE id = 1")
        project.project.upgrade()
        assert db.rows("SELECT name FROM users WHERE id = 1") == [("x",)]


def test_contract_needs_the_deploy_first(database: Database, tmp_path: Path) -> None:
    """Nothing is applied: --phase contract asserts that the deploy has already happened."""
    project = renamed(database("postgresql"), tmp_path)
    with pytest.raises(HistoryError, match="0002_names_expand must come before the deploy"):
        project.project.upgrade(phase="contract")
    assert len(project.project.status().applied) == 1


def nick(row: int, number: int) -> str:
    """Return a name that the old version writes."""
    return f"nick {row} {number}"


def name(row: int, number: int) -> str:
    """Return a name that the new version writes."""
    return f"name {row} {number}"


@SERVERS
def test_two_versions_write_while_a_column_is_renamed(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """No statement of either version fails, and no value is lost."""
    project = renamed(database(kind), tmp_path)
    old = Version(project.url, "users", "nick", 1_000_000, oldest=1, value=nick)
    new = Version(project.url, "users", "name", 2_000_000, oldest=2, value=name)
    with old.running():
        project.project.upgrade(phase="expand")
        with new.running():
            old.write_more()  # both are running: the deploy is under way
    with new.running():
        project.project.upgrade(phase="contract")
    assert (old.errors, new.errors) == ([], [])
    with opened(project.url) as db:
        found = dict(db.rows("SELECT id, name FROM users"))
    kept = {number: str(found.pop(number)) for number in (1, 2)}
    assert kept[1].startswith("nick 1 ") and kept[2].startswith("name 2 ")
    assert found == {**old.written, **new.written}
    assert max(old.slowest, new.slowest) < 5
    assert not project.project.check()


def posts(*columns: sa.Column[object]) -> sa.MetaData:
    """Return the models of posts."""
    metadata = sa.MetaData()
    sa.Table("posts", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


@SERVERS
def test_a_dropped_column_can_be_left_out_before_the_deploy(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """It becomes nullable first: the new version inserts rows without it."""
    before = posts(sa.Column("draft", sa.Integer, nullable=False))
    rows = "INSERT INTO posts (id, draft) VALUES (1, 5)"
    project = OnlineProject(database(kind), tmp_path, before, rows)
    project.models(posts())
    assert names(project.generate("drafts")) == [
        "0002_drafts_expand.py",
        "0003_drafts_contract.py",
    ]
    project.project.upgrade(phase="expand")
    assert not project.project.check()
    with opened(project.url) as db:
        db.execute("INSERT INTO posts (id) VALUES (2)")
        assert db.rows("SELECT draft FROM posts ORDER BY id") == [(5,), (None,)]
        project.project.upgrade(phase="contract")
        assert db.table("posts").column("draft") is None
        project.project.downgrade("1")
        column = db.table("posts").column("draft")
        assert column is not None and not column.nullable
        assert db.rows("SELECT draft FROM posts ORDER BY id") == [(0,), (0,)]


@SERVERS
def test_a_new_column_is_not_null_after_the_deploy(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """Rows that the old version added without a value get one before that."""
    rows = "INSERT INTO posts (id) VALUES (1)"
    project = OnlineProject(database(kind), tmp_path, posts(), rows)
    project.models(posts(sa.Column("kind", sa.String(9), nullable=False)))
    assert names(project.generate("kinds", fills={"posts.kind": "short"})) == [
        "0002_kinds_expand.py",
        "0003_kinds_migrate.py",
        "0004_kinds_contract.py",
    ]
    project.project.upgrade(phase="expand")
    with opened(project.url) as db:
        db.execute("INSERT INTO posts (id) VALUES (2)")
        project.project.upgrade(phase="contract")
        assert db.rows("SELECT kind FROM posts ORDER BY id") == [("short",), ("short",)]
    assert not project.project.check()
    project.project.downgrade("1")


@SERVERS
def test_filled_columns_get_their_constraints_after_the_values(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """Both columns are filled by one UPDATE, again before they become NOT NULL."""
    columns = [sa.Column("slug", sa.String(9)), sa.Column("kind", sa.String(9))]
    rows = "INSERT INTO posts (id, slug) VALUES (1, 'a'), (2, NULL)"
    project = OnlineProject(database(kind), tmp_path, posts(*columns), rows)
    columns = [sa.Column(column.name, sa.String(9), nullable=False) for column in columns]
    project.models(posts(*columns, sa.UniqueConstraint("slug", name="uq_posts_slug")))
    project.generate("slugs", fills={"posts.slug": "none", "posts.kind": "short"})
    project.project.upgrade(phase="expand")
    with opened(project.url) as db:
        assert db.rows("SELECT slug FROM posts ORDER BY id") == [("a",), ("none",)]
        db.execute("INSERT INTO posts (id, slug) VALUES (3, 'c')")
        project.project.upgrade(phase="contract")
        assert db.rows("SELECT kind FROM posts ORDER BY id") == [("short",)] * 3
    assert not project.project.check()
    project.project.downgrade("1")


@pytest.mark.parametrize("online", [True, False])
def test_two_rows_cannot_get_one_value_in_a_unique_column(
    database: Database, tmp_path: Path, online: bool
) -> None:
    rows = "INSERT INTO posts (id) VALUES (1), (2)"
    project = OnlineProject(
        database("postgresql"), tmp_path, posts(sa.Column("slug", sa.String(9))), rows
    )
    slug = sa.Column("slug", sa.String(9), nullable=False, unique=True)
    project.models(posts(slug))
    project.generate("slugs", online=online, fills={"posts.slug": "none"})
    with pytest.raises(
        RowsInTheWayError, match=r"posts.slug has duplicates \(1 found: slug none\)"
    ):
        project.project.upgrade()
    with opened(project.url) as db:
        assert db.rows("SELECT slug FROM posts") == [(None,)] * 2


def test_a_dropped_table_waits_for_the_deploy(database: Database, tmp_path: Path) -> None:
    both = users("nick")
    sa.Table("logs", both, sa.Column("id", sa.Integer, primary_key=True))
    project = OnlineProject(database("postgresql"), tmp_path, both, *ROWS)
    project.models(users("nick"))
    assert names(project.generate("logs", allow_drop=True)) == ["0002_logs_contract.py"]
    assert project.project.upgrade(phase="expand") == []
    assert not project.project.check()
    project.project.upgrade(phase="contract")
    assert not project.project.check()


def primary(name: str) -> sa.MetaData:
    """Return models whose primary key is this column."""
    metadata = sa.MetaData()
    column = sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)
    sa.Table("users", metadata, column, sa.Column("mail", sa.Text))
    return metadata


def test_a_rename_that_cannot_be_online_is_refused(database: Database, tmp_path: Path) -> None:
    """The message explains how to do it."""
    project = OnlineProject(database("postgresql"), tmp_path, primary("id"))
    project.models(primary("number"))
    with pytest.raises(PlanError, match=r"users.id .* in the primary key") as caught:
        project.generate(renames=["users.id:number"])
    assert caught.value.hint is not None and caught.value.hint.endswith("pass --no-online")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_generated_column_is_dropped_and_added_together(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """Its drop does not wait for the deploy: the column that it reads gets another type."""

    def sizes(type_: type[sa.Integer], factor: int) -> sa.MetaData:
        metadata = sa.MetaData()
        double = sa.Computed(f"size * {factor}", persisted=True)
        key = sa.Column("id", sa.Integer, primary_key=True)
        total = sa.Column("total", sa.BigInteger, double, index=True)
        sa.Table("sizes", metadata, key, sa.Column("size", type_), total)
        return metadata

    rows = "INSERT INTO sizes (id, size) VALUES (1, 5)"
    project = OnlineProject(database(kind), tmp_path, sizes(sa.Integer, 2), rows)
    project.models(sizes(sa.BigInteger, 3))
    assert names(project.generate("retype")) == ["0002_retype.py"]
    project.project.upgrade()
    assert project.clean() == ()
    with opened(project.url) as db:
        assert db.rows("SELECT total FROM sizes") == [(15,)]
    project.project.downgrade("1")


def test_a_rename_below_a_view_that_stays_is_refused(database: Database, tmp_path: Path) -> None:
    """PostgreSQL does not drop the old column while the view reads it."""
    view = "CREATE VIEW nicks AS SELECT nick FROM users"
    project = OnlineProject(database("postgresql"), tmp_path, users("nick"), view)
    project.models(users("name"))
    with pytest.raises(PlanError, match="online: the view nicks reads it"):
        project.generate("names", renames=RENAME)


def rated(column: str, least: int, ondelete: str, *, unique: bool) -> sa.MetaData:
    """Return models with a check, a foreign key and an index of one column."""
    metadata = sa.MetaData()
    sa.Table("ranks", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(column, sa.Integer),
        sa.CheckConstraint(f"{column} >= {least}", name="ck_rank"),
        sa.ForeignKeyConstraint([column], ["ranks.id"], name="fk_rank", ondelete=ondelete),
        sa.Index("ix_rank", column, "id", unique=unique),
    )
    return metadata


@SERVERS
def test_a_part_of_a_renamed_column_is_replaced_under_its_name(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """The new one is added after the deploy, when the old one no longer has the name."""
    rows = ("INSERT INTO ranks VALUES (1), (2)", "INSERT INTO users VALUES (1, 1)")
    before = rated("rank_1", 1, "CASCADE", unique=False)
    project = OnlineProject(database(kind), tmp_path, before, *rows)
    project.models(rated("rank_2", 2, "RESTRICT", unique=True))
    project.generate("names", renames=["users.rank_1:rank_2"], data_checks=False)
    project.project.upgrade(phase="expand")
    with opened(project.url) as db:
        with pytest.raises(RowsInTheWayError, match="check ck_rank"):
            project.project.upgrade()
        db.execute("UPDATE users SET rank_1 = 2")
        project.project.upgrade()
        assert db.rows("SELECT rank_2 FROM users") == [(2,)]
    assert project.clean() == ()
    project.project.downgrade("1")


@SERVERS
def test_a_column_is_in_the_primary_key_after_the_deploy(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """Until then, the old version may write NULL into it; the downgrade admits that again."""

    def seats(*, keyed: bool) -> sa.MetaData:
        metadata = sa.MetaData()
        number = sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
        row = sa.Column("seat_row", sa.Integer, primary_key=keyed, autoincrement=False)
        sa.Table("seats", metadata, number, row)
        return metadata

    project = OnlineProject(database(kind), tmp_path, seats(keyed=False))
    project.models(seats(keyed=True))
    assert names(project.generate("keys")) == ["0002_keys_contract.py"]
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade("1")


@SERVERS
def test_a_foreign_key_is_dropped_before_its_table(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """MariaDB drops the index that it made for the key, which no later phase has."""

    def posts(*, authors: bool) -> sa.MetaData:
        metadata = sa.MetaData()
        author = sa.Column("author", sa.Integer)
        sa.Table("posts", metadata, sa.Column("id", sa.Integer, primary_key=True), author)
        if authors:
            users = sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
            author.append_foreign_key(sa.ForeignKey(users.c.id, name="fk_author"))
        return metadata

    project = OnlineProject(database(kind), tmp_path, posts(authors=True))
    project.models(posts(authors=False))
    draft = project.generate("authors", assume="drop-and-add", allow_drop=["users"])
    assert names(draft) == ["0002_authors_expand.py", "0003_authors_contract.py"]
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade("1")


@SERVERS
def test_a_foreign_key_is_added_after_the_key_it_refers_to(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """That key is added later than usual, because the rows get its values first."""

    def posts(*, coded: bool) -> sa.MetaData:
        metadata = sa.MetaData()
        users = sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
        author = sa.Column("author", sa.Integer)
        sa.Table("posts", metadata, sa.Column("id", sa.Integer, primary_key=True), author)
        if coded:
            users.append_column(sa.Column("code", sa.Integer, nullable=False))
            users.append_constraint(sa.UniqueConstraint("code", name="uq_code"))
            author.append_foreign_key(sa.ForeignKey("users.code", name="fk_author"))
        return metadata

    rows = ("INSERT INTO users VALUES (1), (2)", "INSERT INTO posts VALUES (1, 2)")
    project = OnlineProject(database(kind), tmp_path, posts(coded=False), *rows)
    project.models(posts(coded=True))
    project.generate("codes", fills=["users.code=sql:id"])
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade("1")


def shelves(*tables: str, part: str) -> sa.MetaData:
    """Return models with a part of the same name in each of the tables."""
    metadata = sa.MetaData()
    sa.Table("rooms", metadata, sa.Column("id", sa.Integer, primary_key=True))
    for name in ("shelves", *tables):
        room = sa.Column("room", sa.Integer)
        table = sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), room)
        if tables and name != tables[-1]:
            continue
        if part == "index":
            sa.Index("part", room)
        elif part == "unique constraint":
            table.append_constraint(sa.UniqueConstraint("room", name="part"))
        else:
            room.append_foreign_key(sa.ForeignKey("rooms.id", name="part"))
    return metadata


@SERVERS
@pytest.mark.parametrize("part", ["index", "unique constraint", "foreign key"])
def test_a_part_takes_the_name_of_one_of_a_table_that_is_dropped(
    database: Database, tmp_path: Path, kind: str, part: str
) -> None:
    """The table stays until the deploy, and so would the name."""
    rows = ("INSERT INTO rooms VALUES (1)", "INSERT INTO shelves VALUES (1, 1)")
    project = OnlineProject(database(kind), tmp_path, shelves("cases", part=part), *rows)
    project.models(shelves(part=part))
    project.generate("cases", assume="drop-and-add", allow_drop=["cases"])
    project.project.upgrade(phase="expand")
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade("1")


@SERVERS
def test_indexes_swap_names_after_the_deploy(database: Database, tmp_path: Path, kind: str) -> None:
    """The name between the two is not that of the copy of a renamed column."""

    def pairs(one: str, two: str) -> sa.MetaData:
        metadata = sa.MetaData()
        columns = [sa.Column(name, sa.Integer) for name in ("a", "b")]
        key = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table("pairs", metadata, key, *columns, sa.Index(one, "a"), sa.Index(two, "b"))
        return metadata

    project = OnlineProject(database(kind), tmp_path, pairs("ix_1", "ix_2"))
    project.models(pairs("ix_2", "ix_1"))
    project.generate("swap")
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade("1")


def test_a_column_is_renamed_along_with_the_charset_of_its_table(
    database: Database, tmp_path: Path
) -> None:
    """The collation of the old charset does not stay in the schema between the phases."""

    def pages(column: str, charset: str) -> sa.MetaData:
        metadata = sa.MetaData()
        key = sa.Column("id", sa.Integer, primary_key=True)
        size = sa.Column(column, sa.Integer)
        sa.Table("pages", metadata, key, size, mysql_charset=charset, mariadb_charset=charset)
        return metadata

    project = OnlineProject(database("mariadb"), tmp_path, pages("bytes", "utf8mb4"))
    project.models(pages("size", "latin1"))
    project.generate("sizes", renames=["pages.bytes:size"])
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade("1")


@SERVERS
@pytest.mark.parametrize(
    ("columns", "renames"),
    [
        (("one", "two"), ["pairs.one:two", "pairs.two:one"]),
        (("one",), ["pairs.two:one"]),
    ],
)
def test_a_rename_to_the_name_of_another_column_is_refused(
    database: Database, tmp_path: Path, kind: str, columns: tuple[str, ...], renames: list[str]
) -> None:
    """Both columns are needed until the deploy."""

    def pairs(*columns: str) -> sa.MetaData:
        metadata = sa.MetaData()
        key = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table("pairs", metadata, key, *(sa.Column(c, sa.Integer) for c in columns))
        return metadata

    project = OnlineProject(database(kind), tmp_path, pairs("one", "two"))
    project.models(pairs(*columns))
    reason = "cannot rename pairs.two to one online: another column is called one until the deploy"
    with pytest.raises(PlanError, match=reason) as caught:
        project.generate(renames=renames)
    assert caught.value.hint is not None and "--no-online" in caught.value.hint


@SERVERS
def test_a_new_column_with_the_old_name_of_a_renamed_one_is_refused(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """The old version of the application uses that name until the deploy."""
    project = OnlineProject(database(kind), tmp_path, posts(sa.Column("kind", sa.Integer)))
    project.models(posts(sa.Column("kind", sa.Integer), sa.Column("sort", sa.Integer)))
    with pytest.raises(PlanError, match=r"cannot add posts.kind online") as caught:
        project.generate(renames=["posts.kind:sort"])
    assert caught.value.hint is not None and "--no-online" in caught.value.hint


def test_a_column_is_renamed_in_one_step_if_only_the_case_differs(
    database: Database, tmp_path: Path
) -> None:
    """MariaDB sees one name in both, so that there cannot be two columns, nor need to be."""
    project = OnlineProject(database("mariadb"), tmp_path, posts(sa.Column("kind", sa.Integer)))
    project.models(posts(sa.Column("Kind", sa.Integer)))
    assert names(project.generate("case", renames=["posts.kind:Kind"])) == ["0002_case.py"]
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade("1")


@SERVERS
def test_a_renamed_column_admits_null_before_the_deploy(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """The new version may write NULL, and the trigger writes it to the old column."""
    project = OnlineProject(database(kind), tmp_path, users("nick"), *ROWS)
    project.models(users("name", required=False))
    project.generate("names", renames=RENAME)
    project.project.upgrade(phase="expand")
    with opened(project.url) as db:
        db.execute(
            "INSERT INTO users (id, name) VALUES (3, NULL)", "DELETE FROM users WHERE id = 3"
        )
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade("1")


@SERVERS
def test_two_renamed_columns_of_one_part_are_refused(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """The part is copied for one of them."""

    def pairs(one: str, two: str) -> sa.MetaData:
        metadata = sa.MetaData()
        columns = [sa.Column(name, sa.Integer) for name in (one, two)]
        key = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table("pairs", metadata, key, *columns, sa.Index("ix_both", one, two))
        return metadata

    project = OnlineProject(database(kind), tmp_path, pairs("a", "b"))
    project.models(pairs("c", "d"))
    with pytest.raises(PlanError, match="ix_both names") as caught:
        project.generate(renames=["pairs.a:c", "pairs.b:d"])
    assert caught.value.hint is not None and "--no-online" in caught.value.hint


def seats(*columns: str, key: Sequence[str], default: str | None = None) -> sa.MetaData:
    """Return models of seats with numbers, which are NULL outside of the key."""
    metadata = sa.MetaData()
    given = {
        name: sa.Column(
            name,
            sa.Integer,
            primary_key=name in key,
            autoincrement=False,
            server_default=default if name == "line" else None,
        )
        for name in columns
    }
    sa.Table("seats", metadata, *given.values())
    return metadata


@SERVERS
@pytest.mark.parametrize("columns", [("id",), ("id", "line")])
def test_a_column_leaves_the_primary_key_after_the_deploy(
    database: Database, tmp_path: Path, kind: str, columns: tuple[str, ...]
) -> None:
    """Until then, the old key stays, and the new version can leave out a dropped column."""
    before = seats("id", "line", key=("id", "line"), default="1")
    rows = "INSERT INTO seats (id, line) VALUES (1, 1), (2, 1)"
    project = OnlineProject(database(kind), tmp_path, before, rows)
    project.models(seats(*columns, key=("id",), default="1"))
    draft = project.generate("keys", allow_drop=["seats.line"] if len(columns) == 1 else False)
    assert names(draft) == ["0002_keys_contract.py"]
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade("1")


@SERVERS
def test_a_dropped_column_of_the_primary_key_needs_a_default(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """Without one, the new version of the application cannot leave it out before the deploy."""
    before = seats("id", "line", key=("id", "line"))
    project = OnlineProject(database(kind), tmp_path, before)
    project.models(seats("id", key=("id",)))
    with pytest.raises(PlanError, match=r"cannot drop seats.line online") as caught:
        project.generate(allow_drop=["seats.line"])
    assert caught.value.hint is not None and "server_default" in caught.value.hint


def test_a_server_that_refuses_a_step_names_the_way_out(database: Database, tmp_path: Path) -> None:
    """Until the deploy there are two columns, which is more than a row of MariaDB can have."""

    def wide(column: str) -> sa.MetaData:
        metadata = sa.MetaData()
        key = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table("pages", metadata, key, sa.Column(column, sa.String(10000)))
        return metadata

    project = OnlineProject(database("mariadb"), tmp_path, wide("text"))
    project.models(wide("body"))
    with pytest.raises(PlanError, match=r"(?i)row size too large") as caught:
        project.generate(renames=["pages.text:body"])
    assert caught.value.hint is not None and "two migrations" in caught.value.hint
    assert "--no-online" in caught.value.hint


def test_a_failed_rehearsal_of_an_online_plan_names_the_way_out() -> None:
    schema, steps = Schema(), OnlineSteps(upgrade=(), downgrade=())
    plan = Plan(dialect=dialect_for("postgresql"), current=schema, desired=schema, online=steps)
    with pytest.raises(RehearsalFailedError) as caught:
        refuse_failed(plan, Proof(problems=("the downgrade leaves a column",)))
    assert "two migrations" in f"{caught.value.hint}"
