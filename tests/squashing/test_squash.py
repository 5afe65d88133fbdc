"""squash: one migration that leads where several led."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import (
    FillNeededError,
    HandWrittenError,
    HistoryError,
    MigrationFailedError,
    RehearsalFailedError,
    RenameUndecidedError,
)
from autodiff.migrations import read_lock
from tests.support import Folder, opened

USERS = """
op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("nick", sa.String(20), nullable=False))
"""
DROP = 'op.drop_table("users")'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "migrations")


@pytest.fixture
def sqlite(database: Callable[[str], sa.URL]) -> sa.URL:
    return database("sqlite")


def project(url: sa.URL, folder: Folder) -> Project:
    return Project(url, directory=folder.path)


def grown(folder: Folder) -> Folder:
    """Users, that get a longer nickname of another name, and an age that goes again."""
    folder.write("aaaa", USERS, DROP)
    folder.write(
        "bbbb",
        'op.rename_column("users", "nick", "handle")\n'
        'op.add_column("users", sa.Column("age", sa.Integer()))',
        'op.drop_column("users", "age")\nop.rename_column("users", "handle", "nick")',
    )
    folder.write(
        "cccc",
        'op.rename_column("users", "handle", "nickname")\n'
        'op.drop_column("users", "age")\n'
        'op.alter_column("users", "nickname", type_=sa.String(50), '
        "existing_type=sa.String(20), existing_nullable=False)",
        'op.alter_column("users", "nickname", type_=sa.String(20), '
        "existing_type=sa.String(50), existing_nullable=False)\n"
        'op.add_column("users", sa.Column("age", sa.Integer()))\n'
        'op.rename_column("users", "nickname", "handle")',
    )
    folder.write(
        "dddd",
        'op.create_index("ix_nickname", "users", ["nickname"])',
        'op.drop_index("ix_nickname", table_name="users")',
    )
    return folder


def names(folder: Folder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir() if path.suffix == ".py")


def test_what_came_and_went_folds_away(any_database: sa.URL, folder: Folder) -> None:
    """A create, renames and alterings are one create; a database that had them is at the head."""
    before = project(any_database, grown(folder))
    before.upgrade()
    with opened(any_database) as db:
        schema = db.schema()
    made = before.squash(":cccc", "users")
    written = made.write()
    assert names(folder) == ["0003_users.py", "0004_step_dddd.py"]
    text = written.path.read_text()
    assert 'replaces = ("aaaa", "bbbb", "cccc")\n' in text
    assert "age" not in text and "rename" not in text and "alter_column" not in text
    assert (written.parents, made.left_out, made.plan.summary()) == ((), (), ["+ table users"])
    after = project(any_database, folder)
    assert after.status().pending == ()
    assert after.upgrade() == []
    assert [m.revision for m in after.downgrade("base")] == ["dddd", written.revision]
    after.upgrade()
    with opened(any_database) as db:
        assert db.schema() == schema


def test_rows_survive_the_renames(any_database: sa.URL, folder: Folder) -> None:
    """On a database that has the table before the range, a rename stays a rename."""
    before = project(any_database, grown(folder))
    before.upgrade("aaaa")
    with opened(any_database) as db:
        db.execute("INSERT INTO users (id, nick) VALUES (1, 'ann')")
    before.squash("2:4", "nicknames").write()
    project(any_database, folder).upgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT id, nickname FROM users") == [(1, "ann")]
        assert db.table("users").index("ix_nickname") is not None


def test_names_that_the_server_gave_stay(any_database: sa.URL, folder: Folder) -> None:
    """What comes behind may drop a constraint by the name that it had."""
    folder.write("aaaa", USERS, DROP)
    folder.write(
        "bbbb",
        'op.create_table("posts", sa.Column("id", sa.Integer(), primary_key=True),'
        ' sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id")))',
        'op.drop_table("posts")',
    )
    place = project(any_database, folder)
    place.upgrade()
    with opened(any_database) as db:
        before = {c.name for c in db.table("posts").foreign_keys}
    place.downgrade("base")
    place.squash(":", "all").write()
    project(any_database, folder).upgrade()
    with opened(any_database) as db:
        assert {c.name for c in db.table("posts").foreign_keys} == before


def test_the_same_stretch_gives_the_same_file(sqlite: sa.URL, folder: Folder) -> None:
    """Two people who squash alike don't differ."""
    place = project(sqlite, grown(folder))
    assert place.squash(":", "all").text == place.squash("base:head", "all").text


def test_a_table_that_is_renamed(sqlite: sa.URL, folder: Folder) -> None:
    """Along with its column; the rows stay."""
    folder.write("aaaa", USERS, DROP)
    folder.write("bbbb", 'op.rename_table("users", "people")', 'op.rename_table("people", "users")')
    folder.write(
        "cccc",
        'op.rename_column("people", "nick", "name")',
        'op.rename_column("people", "name", "nick")',
    )
    made = project(sqlite, folder).squash("bbbb:", "people")
    assert made.plan.summary() == ["~ table users -> people", "~ column people.nick -> name"]


FILLED = """
op.add_column("users", sa.Column("age", sa.Integer()))
op.backfill("users", {"age": "42"})
op.alter_column("users", "age", existing_type=sa.Integer(), nullable=False)
"""


def test_the_value_of_a_new_column_stays(any_database: sa.URL, folder: Folder) -> None:
    """What rows get that exist is planned again; on tables of the range it folds away."""
    folder.write("aaaa", USERS, DROP)
    folder.write("bbbb", FILLED, 'op.drop_column("users", "age")')
    folder.write(
        "cccc",
        'op.add_column("users", sa.Column("size", sa.Integer()))',
        'op.drop_column("users", "size")',
    )
    place = project(any_database, folder)
    assert "42" not in place.squash(":bbbb", "users").text
    place.upgrade("aaaa")
    with opened(any_database) as db:
        db.execute("INSERT INTO users (id, nick) VALUES (1, 'ann')")
    place.squash("bbbb:", "age").write()
    project(any_database, folder).upgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT age, size FROM users") == [(42, None)]


BY_HAND = """
op.add_column("users", sa.Column("age", sa.Integer()))
op.execute("UPDATE users SET age = 7")
op.run(lambda connection: None)
users = sa.table("users", sa.column("id"))
op.execute(sa.delete(users).where(users.c.id == 0))
op.get_bind().execute(sa.text("SELECT 1"))
"""


def test_what_was_written_by_hand_is_refused(sqlite: sa.URL, folder: Folder) -> None:
    """All of it, by file and line; and nothing is written."""
    folder.write("aaaa", USERS, DROP)
    folder.write("bbbb", BY_HAND, 'op.drop_column("users", "age")')
    folder.write_sql("cccc", "INSERT INTO users (id, nick) VALUES (2, 'bob');")
    before = names(folder)
    with pytest.raises(HandWrittenError) as caught:
        project(sqlite, folder).squash(":", "all")
    assert caught.value.message.splitlines() == [
        "these parts were written by hand, and can't be squashed:",
        "  0002_step_bbbb.py:11: ~ execute UPDATE users SET age = 7",
        "  0002_step_bbbb.py:12: ~ run <lambda>",
        "  0002_step_bbbb.py:14: ~ execute DELETE FROM users WHERE users.id = :id_1",
        "  0002_step_bbbb.py:15: ~ get_bind: statements on the connection",
        "  0003_step_cccc.up.sql: ~ execute INSERT INTO users (id, nick) VALUES (2, 'bob')",
    ]
    assert caught.value.hint == (
        "squash what comes before or after them; or, where every database that matters has had "
        "them, leave them out: --without-data"
    )
    assert names(folder) == before


def test_the_way_back_may_be_by_hand_too(sqlite: sa.URL, folder: Folder) -> None:
    """What restores rows there is not lost in silence."""
    folder.write("aaaa", USERS, f'op.execute("DELETE FROM users")\n{DROP}')
    folder.write(
        "bbbb",
        'op.add_column("users", sa.Column("age", sa.Integer()))',
        'op.get_bind()\nop.drop_column("users", "age")',
    )
    with pytest.raises(HandWrittenError) as caught:
        project(sqlite, folder).squash(":", "all")
    assert caught.value.places == (
        "0001_step_aaaa.py:15: ~ execute DELETE FROM users",
        "0002_step_bbbb.py:14: ~ get_bind: statements on the connection",
    )


def test_what_was_written_by_hand_can_be_left_out(sqlite: sa.URL, folder: Folder) -> None:
    """It is listed, and the schema is all there."""
    folder.write("aaaa", USERS, DROP)
    folder.write("bbbb", BY_HAND, 'op.drop_column("users", "age")')
    folder.write_sql("cccc", "INSERT INTO users (id, nick) VALUES (2, 'bob');")
    made = project(sqlite, folder).squash(":", "all", without_data=True)
    assert [part.line for part in made.left_out] == [11, 12, 14, 15, None]
    assert "execute" not in made.text and '"age"' in made.text
    assert [path.name for path in made.gone] == [
        "0001_step_aaaa.py",
        "0002_step_bbbb.py",
        "0003_step_cccc.up.sql",
        "0003_step_cccc.down.sql",
    ]
    made.write()
    assert names(folder) == ["0003_all.py"]


def test_a_rename_by_hand_is_asked_for(sqlite: sa.URL, folder: Folder) -> None:
    """Where parts are left out nothing is taken for granted; an option tells."""
    folder.write("aaaa", USERS, DROP)
    folder.write(
        "bbbb",
        'op.execute("ALTER TABLE users RENAME COLUMN nick TO name")',
        'op.rename_column("users", "name", "nick")',
    )
    folder.write("cccc")
    place = project(sqlite, folder)
    with pytest.raises(RenameUndecidedError, match=r"users\.nick:name"):
        place.squash("bbbb:", "name", without_data=True)
    made = place.squash("bbbb:", "name", without_data=True, renames=["users.nick:name"])
    assert made.plan.summary() == ["~ column users.nick -> name"]


def test_a_value_given_by_hand_is_asked_for(sqlite: sa.URL, folder: Folder) -> None:
    """What rows get that exist can't be guessed."""
    folder.write("aaaa", USERS, DROP)
    up = FILLED.replace(
        'op.backfill("users", {"age": "42"})', 'op.execute("UPDATE users SET age=1")'
    )
    folder.write("bbbb", up, 'op.drop_column("users", "age")')
    folder.write("cccc")
    place = project(sqlite, folder)
    with pytest.raises(FillNeededError, match=r"users\.age"):
        place.squash("bbbb:", "age", without_data=True)
    made = place.squash("bbbb:", "age", without_data=True, fills=["users.age=1"])
    assert "op.backfill(" in made.text


def test_an_enum_that_changes(database: Callable[[str], sa.URL], folder: Folder) -> None:
    """A type and a value that are renamed keep their rows; one that came is there."""
    folder.write(
        "aaaa",
        'op.create_enum("mood", "sad", "ok")\n'
        'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True),'
        ' sa.Column("mood", postgresql.ENUM(name="mood", create_type=False)))',
        'op.drop_table("users")\nop.drop_enum("mood")',
    )
    path = folder.path / "0001_step_aaaa.py"
    path.write_text(
        path.read_text().replace(
            "from autodiff import op",
            "from autodiff import op\nfrom sqlalchemy.dialects import postgresql",
        )
    )
    folder.write(
        "bbbb",
        'op.rename_enum_value("mood", "sad", "down")\nop.rename_enum("mood", "feeling")',
        'op.rename_enum("feeling", "mood")\nop.rename_enum_value("mood", "down", "sad")',
    )
    folder.write(
        "cccc",
        'op.rename_enum_value("feeling", "down", "unhappy")',
        'op.rename_enum_value("feeling", "unhappy", "down")',
    )
    url = database("postgresql")
    place = project(url, folder)
    place.upgrade("aaaa")
    with opened(url) as db:
        db.execute("INSERT INTO users VALUES (1, 'sad')")
    place.squash("bbbb:", "moods").write()
    project(url, folder).upgrade()
    with opened(url) as db:
        assert db.rows("SELECT mood::text FROM users") == [("unhappy",)]


def test_a_check_of_rows(sqlite: sa.URL, folder: Folder) -> None:
    """One that the plan has too is no part by hand; one of somebody's own is."""
    folder.write("aaaa", USERS.replace("nullable=False", "nullable=True"), DROP)
    up = (
        'op.require("SELECT id FROM users WHERE nick IS NULL", "users.nick is NULL in some rows")\n'
        'op.alter_column("users", "nick", existing_type=sa.String(20), nullable=False)'
    )
    down = 'op.alter_column("users", "nick", existing_type=sa.String(20), nullable=True)'
    folder.write("bbbb", up, down)
    folder.write("cccc")
    made = project(sqlite, folder).squash("bbbb:", "nick")
    assert "op.require(" in made.text
    folder.write("dddd", 'op.require("SELECT id FROM users WHERE id < 0", "ids below 0")')
    with pytest.raises(HandWrittenError, match=r"0004_step_dddd\.py:10: \? ids below 0"):
        project(sqlite, folder).squash("bbbb:", "nick")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("bbbb", "invalid range 'bbbb': expected FROM:TO"),
        ("bbbb:bbbb", "nothing to squash: the range contains only 0002_step_bbbb"),
        ("cccc:bbbb", "0003_step_cccc does not come before 0002_step_bbbb"),
        (":dddd", "cannot squash across 0002_step_bbbb: 0005_step_eeee.py branches off there"),
        (
            "cccc:",
            "cannot squash across 0006_step_ffff.py: it joins 0004_step_dddd, 0005_step_eeee",
        ),
    ],
)
def test_a_range_must_be_a_line(sqlite: sa.URL, folder: Folder, target: str, message: str) -> None:
    """Branches are named, and the ranges that would do."""
    for name in ("aaaa", "bbbb", "cccc", "dddd"):
        folder.write(name)
    folder.write("eeee", parents=["bbbb"])
    folder.write("ffff", parents=["dddd", "eeee"])
    with pytest.raises(HistoryError) as caught:
        project(sqlite, folder).squash(target, "x")
    assert caught.value.message == message
    assert caught.value.hint


def depending(path: Path, on: str) -> None:
    path.write_text(path.read_text().replace("parents =", f"depends_on = ('{on}',)\nparents =", 1))


def test_what_it_depends_on_stays_outside(any_database: sa.URL, folder: Folder) -> None:
    """What another branch makes is there before, and is no part of the squash."""
    folder.write("aaaa", USERS, DROP)
    folder.write("bbbb", 'op.create_table("a", sa.Column("x", sa.Integer()))', parents=())
    last = folder.write(
        "cccc",
        'op.add_column("users", sa.Column("age", sa.Integer()))',
        'op.drop_column("users", "age")',
    )
    depending(last, "aaaa")
    place = project(any_database, folder)
    made = place.squash("bbbb:cccc", "both")
    assert made.plan.summary() == ["+ table a", "+ column users.age"]
    assert (made.migration.parents, made.migration.depends_on) == ((), ("aaaa",))
    made.write()
    assert [m.revision for m in place.upgrade("heads")] == ["aaaa", made.migration.revision]
    assert len(place.downgrade("base")) == 2


def test_a_circle_of_dependencies_is_refused(sqlite: sa.URL, folder: Folder) -> None:
    """One file can't come both before and after another one."""
    folder.write("aaaa")
    last = folder.write("bbbb")
    depending(folder.write("cccc", parents=()), "aaaa")
    depending(last, "cccc")
    with pytest.raises(HistoryError) as caught:
        project(sqlite, folder).squash("aaaa:bbbb", "x")
    assert caught.value.message == (
        "cannot squash across 0001_step_aaaa.py: 0003_step_cccc.py comes after it, and the range "
        "depends on that"
    )
    assert caught.value.hint == "squash a range that ends with it, or starts after it"


def only_for(path: Path, *kinds: str) -> None:
    path.write_text(path.read_text().replace("parents =", f"dialects = {kinds}\nparents =", 1))


def test_what_is_for_one_kind_of_database_stays_so(sqlite: sa.URL, folder: Folder) -> None:
    """The squashed file says what the single ones did."""
    only_for(folder.write("aaaa", USERS, DROP), "sqlite")
    only_for(folder.write("bbbb", 'op.rename_column("users", "nick", "name")'), "sqlite")
    made = project(sqlite, folder).squash(":", "users")
    assert made.migration.dialects == ("sqlite",)
    assert 'replaces = ("aaaa", "bbbb")\ndialects = ("sqlite",)\n' in made.text


def test_one_file_is_not_for_some_databases_in_part(sqlite: sa.URL, folder: Folder) -> None:
    """What one kind alone has had would be run on all of them."""
    folder.write("aaaa", USERS, DROP)
    only_for(folder.write("bbbb", 'op.rename_column("users", "nick", "name")'), "sqlite")
    with pytest.raises(HistoryError) as caught:
        project(sqlite, folder).squash(":", "users")
    assert caught.value.message == (
        "cannot squash 0001_step_aaaa.py, which is for every database, with "
        "0002_step_bbbb.py, which is for sqlite"
    )
    assert caught.value.hint == "squash the migrations before or after it"


def test_what_is_for_others_is_squashed_there(sqlite: sa.URL, folder: Folder) -> None:
    """Nothing of it is run here, so nothing could be proved."""
    only_for(folder.write("aaaa", USERS, DROP), "postgresql")
    only_for(folder.write("bbbb"), "postgresql")
    with pytest.raises(HistoryError) as caught:
        project(sqlite, folder).squash(":", "users")
    assert caught.value.message == (
        "cannot squash 0002_step_bbbb.py: it is for postgresql, and the database is sqlite"
    )
    assert caught.value.hint == (
        "pass the URL of such a database: autodiff squash --url postgresql://..."
    )


def test_a_squash_is_not_squashed_again(sqlite: sa.URL, folder: Folder) -> None:
    """As long as it may stand for what databases have."""
    place = project(sqlite, grown(folder))
    written = place.squash(":bbbb", "first").write()
    with pytest.raises(HistoryError, match="it replaces migrations that databases may still have"):
        place.squash(":", "all")
    written.path.write_text(written.path.read_text().replace('replaces = ("aaaa", "bbbb")\n', ""))
    path = folder.path / "0003_step_cccc.py"
    path.write_text(path.read_text().replace("bbbb", written.revision))
    assert place.squash(":", "all").migration.replaces == (written.revision, "cccc", "dddd")


def test_an_end_that_would_differ_is_not_written(
    sqlite: sa.URL, folder: Folder, tmp_path: Path
) -> None:
    """A template that writes something else is found out; the files are as they were."""
    templates = tmp_path / "templates" / "operations"
    templates.mkdir(parents=True)
    (templates / "create_table.py.j2").write_text(
        'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))'
    )
    place = Project(sqlite, directory=grown(folder).path, templates_dir=templates.parent)
    before = names(folder)
    with pytest.raises(RehearsalFailedError, match=r"upgrade leaves: \+ column users\.nickname"):
        place.squash(":", "all")
    assert names(folder) == before


def test_a_migration_that_does_not_run(sqlite: sa.URL, folder: Folder) -> None:
    """Nothing can be said of where it leads."""
    folder.write("aaaa", USERS, DROP)
    folder.write("bbbb", 'op.drop_table("nowhere")')
    with pytest.raises(MigrationFailedError) as caught:
        project(sqlite, folder).squash(":", "all")
    assert caught.value.message.startswith(
        "cannot squash: 0002_step_bbbb.py fails on a scratch database: "
    )
    assert caught.value.hint == "run autodiff rehearse 0002_step_bbbb for details"


def test_the_lock_file_goes_along(sqlite: sa.URL, tmp_path: Path) -> None:
    """check finds nothing, with a database and without."""
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    place = Project(sqlite, metadata, tmp_path / "m")
    place.generate("users")
    place.upgrade()
    sa.Table("posts", metadata, sa.Column("id", sa.Integer, primary_key=True))
    place.generate("posts")
    place.upgrade()
    written = place.squash(":", "blog").write()
    lock = read_lock(place.directory)
    assert lock is not None
    assert lock.heads == (written.revision,)
    assert lock.checksums == {written.revision: written.checksum}
    assert not place.check() and not place.check(offline=True)
    assert place.rehearse().passed
