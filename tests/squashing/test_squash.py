"""Test squash: one equivalent migration replaces several."""

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
    PlanError,
    RehearsalFailedError,
    RenameUndecidedError,
)
from autodiff.migrations import read_lock
from tests.support import Folder, opened

USERS = """
op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("nick", sa.String(20), nullable=False))
"""
DROP_USERS = 'op.drop_table("users")'
DROP_AGE_AND_ORDER = 'op.drop_column("users", "age")\nop.drop_column("users", "order")'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "migrations")


@pytest.fixture
def sqlite(database: Callable[[str], sa.URL]) -> sa.URL:
    return database("sqlite")


def project_of(url: sa.URL, folder: Folder) -> Project:
    return Project(url, directory=folder.path)


def write_history(folder: Folder) -> Folder:
    """Write a history of users: a nickname is renamed twice, and an age is added and dropped."""
    folder.write("aaaa", USERS, DROP_USERS)
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


def file_names(folder: Folder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir() if path.suffix == ".py")


def test_intermediate_steps_are_left_out(any_database: sa.URL, folder: Folder) -> None:
    """Create, renames and changes become one create. A database that had them is at the head."""
    project = project_of(any_database, write_history(folder))
    project.upgrade()
    with opened(any_database) as db:
        schema = db.schema()
    squash = project.squash(":cccc", "users")
    migration = squash.write()
    assert file_names(folder) == ["0003_users.py", "0004_step_dddd.py"]
    text = migration.path.read_text()
    assert 'replaces = ("aaaa", "bbbb", "cccc")\n' in text
    assert "age" not in text and "rename" not in text and "alter_column" not in text
    assert (migration.parents, squash.left_out, squash.plan.summary()) == (
        (),
        (),
        ["+ table users"],
    )
    squashed_project = project_of(any_database, folder)
    assert squashed_project.status().pending == ()
    assert squashed_project.upgrade() == []
    assert [m.revision for m in squashed_project.downgrade("base")] == ["dddd", migration.revision]
    squashed_project.upgrade()
    with opened(any_database) as db:
        assert db.schema() == schema


def test_rows_are_kept_by_renames(any_database: sa.URL, folder: Folder) -> None:
    """A rename is kept if the table exists before the range."""
    project = project_of(any_database, write_history(folder))
    project.upgrade("aaaa")
    with opened(any_database) as db:
        db.execute("INSERT INTO users (id, nick) VALUES (1, 'ann')")
    project.squash("2:4", "nicknames").write()
    project_of(any_database, folder).upgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT id, nickname FROM users") == [(1, "ann")]
        assert db.table("users").index("ix_nickname") is not None


def test_names_chosen_by_the_server_are_kept(any_database: sa.URL, folder: Folder) -> None:
    """Later migrations may drop a constraint by that name."""
    folder.write("aaaa", USERS, DROP_USERS)
    folder.write(
        "bbbb",
        'op.create_table("posts", sa.Column("id", sa.Integer(), primary_key=True),'
        ' sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id")))',
        'op.drop_table("posts")',
    )
    project = project_of(any_database, folder)
    project.upgrade()
    with opened(any_database) as db:
        before = {c.name for c in db.table("posts").foreign_keys}
    project.downgrade("base")
    project.squash(":", "all").write()
    project_of(any_database, folder).upgrade()
    with opened(any_database) as db:
        assert {c.name for c in db.table("posts").foreign_keys} == before


def test_the_same_range_gives_the_same_file(sqlite: sa.URL, folder: Folder) -> None:
    """Two people who squash the same range get no conflict."""
    project = project_of(sqlite, write_history(folder))
    assert project.squash(":", "all").text == project.squash("base:head", "all").text


def test_renames_of_a_table_and_its_column_are_kept(sqlite: sa.URL, folder: Folder) -> None:
    folder.write("aaaa", USERS, DROP_USERS)
    folder.write("bbbb", 'op.rename_table("users", "people")', 'op.rename_table("people", "users")')
    folder.write(
        "cccc",
        'op.rename_column("people", "nick", "name")',
        'op.rename_column("people", "name", "nick")',
    )
    squash = project_of(sqlite, folder).squash("bbbb:", "people")
    assert squash.plan.summary() == ["~ table users -> people", "~ column people.nick -> name"]


ADD_FILLED_COLUMN = """
op.add_column("users", sa.Column("age", sa.Integer()))
op.backfill("users", {"age": "42"})
op.alter_column("users", "age", existing_type=sa.Integer(), nullable=False)
"""


def test_a_backfill_of_existing_rows_is_kept(any_database: sa.URL, folder: Folder) -> None:
    """A backfill is left out only if the range itself creates the table."""
    folder.write("aaaa", USERS, DROP_USERS)
    folder.write("bbbb", ADD_FILLED_COLUMN, 'op.drop_column("users", "age")')
    folder.write(
        "cccc",
        'op.add_column("users", sa.Column("size", sa.Integer()))',
        'op.drop_column("users", "size")',
    )
    project = project_of(any_database, folder)
    assert "42" not in project.squash(":bbbb", "users").text
    project.upgrade("aaaa")
    with opened(any_database) as db:
        db.execute("INSERT INTO users (id, nick) VALUES (1, 'ann')")
    project.squash("bbbb:", "age").write()
    project_of(any_database, folder).upgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT age, size FROM users") == [(42, None)]


MANUAL_CODE = """
op.add_column("users", sa.Column("age", sa.Integer()))
op.execute("UPDATE users SET age = 7")
op.run(lambda connection: None)
users = sa.table("users", sa.column("id"))
op.execute(sa.delete(users).where(users.c.id == 0))
op.get_bind().execute(sa.text("SELECT 1"))
"""


def test_manual_code_is_refused(sqlite: sa.URL, folder: Folder) -> None:
    """The error lists each part with its file and line. Nothing is written."""
    folder.write("aaaa", USERS, DROP_USERS)
    folder.write("bbbb", MANUAL_CODE, 'op.drop_column("users", "age")')
    folder.write_sql("cccc", "INSERT INTO users (id, nick) VALUES (2, 'bob');")
    before = file_names(folder)
    with pytest.raises(HandWrittenError) as caught:
        project_of(sqlite, folder).squash(":", "all")
    assert caught.value.message.splitlines() == [
        "cannot squash manual code:",
        "  0002_step_bbbb.py:11: ~ execute UPDATE users SET age = 7",
        "  0002_step_bbbb.py:12: ~ run <lambda>",
        "  0002_step_bbbb.py:14: ~ execute DELETE FROM users WHERE users.id = :id_1",
        "  0002_step_bbbb.py:15: ~ get_bind: statements on the connection",
        "  0003_step_cccc.up.sql: ~ execute INSERT INTO users (id, nick) VALUES (2, 'bob')",
    ]
    assert caught.value.hint == (
        "squash the migrations before or after it; or, if every database has applied it, leave it "
        "out with --without-data"
    )
    assert file_names(folder) == before


def test_manual_code_in_downgrade_is_refused(sqlite: sa.URL, folder: Folder) -> None:
    """Code that restores rows must not be lost silently."""
    folder.write("aaaa", USERS, f'op.execute("DELETE FROM users")\n{DROP_USERS}')
    folder.write(
        "bbbb",
        'op.add_column("users", sa.Column("age", sa.Integer()))',
        'op.get_bind()\nop.drop_column("users", "age")',
    )
    with pytest.raises(HandWrittenError) as caught:
        project_of(sqlite, folder).squash(":", "all")
    assert caught.value.places == (
        "0001_step_aaaa.py:15: ~ execute DELETE FROM users",
        "0002_step_bbbb.py:14: ~ get_bind: statements on the connection",
    )


def test_an_irreversible_migration_is_manual_code(sqlite: sa.URL, folder: Folder) -> None:
    folder.write("aaaa", USERS, DROP_USERS)
    folder.write("bbbb", down='raise NotImplementedError("no way back")')
    with pytest.raises(HandWrittenError) as caught:
        project_of(sqlite, folder).squash(":", "all")
    assert caught.value.places == (
        "0002_step_bbbb.py:14: downgrade() raises NotImplementedError: no way back",
    )


def test_manual_code_can_be_left_out(sqlite: sa.URL, folder: Folder) -> None:
    """The parts are listed, and the schema is complete."""
    folder.write("aaaa", USERS, DROP_USERS)
    folder.write("bbbb", MANUAL_CODE, 'op.drop_column("users", "age")')
    folder.write_sql("cccc", "INSERT INTO users (id, nick) VALUES (2, 'bob');")
    squash = project_of(sqlite, folder).squash(":", "all", without_data=True)
    assert [part.line for part in squash.left_out] == [11, 12, 14, 15, None]
    assert "execute" not in squash.text and '"age"' in squash.text
    assert [path.name for path in squash.gone] == [
        "0001_step_aaaa.py",
        "0002_step_bbbb.py",
        "0003_step_cccc.up.sql",
        "0003_step_cccc.down.sql",
    ]
    squash.write()
    assert file_names(folder) == ["0003_all.py"]


def test_a_manual_rename_needs_an_option(sqlite: sa.URL, folder: Folder) -> None:
    """If parts are left out, a rename is never assumed."""
    folder.write("aaaa", USERS, DROP_USERS)
    folder.write(
        "bbbb",
        'op.execute("ALTER TABLE users RENAME COLUMN nick TO name")',
        'op.rename_column("users", "name", "nick")',
    )
    folder.write("cccc")
    project = project_of(sqlite, folder)
    with pytest.raises(RenameUndecidedError, match=r"users\.nick:name"):
        project.squash("bbbb:", "name", without_data=True)
    squash = project.squash("bbbb:", "name", without_data=True, renames=["users.nick:name"])
    assert squash.plan.summary() == ["~ column users.nick -> name"]


def test_a_manual_fill_needs_an_option(sqlite: sa.URL, folder: Folder) -> None:
    """The value of existing rows is never guessed."""
    folder.write("aaaa", USERS, DROP_USERS)
    up = ADD_FILLED_COLUMN.replace(
        'op.backfill("users", {"age": "42"})', 'op.execute("UPDATE users SET age=1")'
    )
    folder.write("bbbb", up, 'op.drop_column("users", "age")')
    folder.write("cccc")
    project = project_of(sqlite, folder)
    with pytest.raises(FillNeededError, match=r"users\.age"):
        project.squash("bbbb:", "age", without_data=True)
    squash = project.squash("bbbb:", "age", without_data=True, fills=["users.age=1"])
    assert "op.backfill(" in squash.text


@pytest.mark.parametrize("together", [True, False])
def test_a_fill_of_an_older_column_is_planned_again(
    together: bool, any_database: sa.URL, folder: Folder
) -> None:
    """It replaces NULL before the column forbids it; the column may be renamed first."""
    folder.write("aaaa", USERS.replace(", nullable=False", ""), DROP_USERS)
    rename = 'op.rename_column("users", "nick", "name")\n'
    fill = """op.backfill("users", {"name": "none"}, where="name IS NULL")
op.alter_column("users", "name", nullable=False)
"""
    back = 'op.alter_column("users", "name", nullable=True)\n'
    rename_back = 'op.rename_column("users", "name", "nick")'
    if together:
        folder.write("bbbb", rename + fill, back + rename_back)
    else:
        folder.write("bbbb", rename, rename_back)
        folder.write("cccc", fill, back)
    folder.write("dddd", 'op.create_index("ix", "users", ["name"])', 'op.drop_index("ix", "users")')
    project = project_of(any_database, folder)
    project.upgrade("aaaa")
    with opened(any_database) as db:
        db.execute("INSERT INTO users (id, nick) VALUES (1, 'ann'), (2, NULL)")
    squash = project.squash("bbbb:", "name")
    assert squash.left_out == ()
    squash.write()
    project_of(any_database, folder).upgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT name FROM users ORDER BY id") == [("ann",), ("none",)]


def test_a_fill_of_a_column_that_stays_nullable_is_manual_code(
    sqlite: sa.URL, folder: Folder
) -> None:
    folder.write("aaaa", USERS.replace(", nullable=False", ""), DROP_USERS)
    folder.write("bbbb", 'op.backfill("users", {"nick": "none"}, where="nick IS NULL")')
    folder.write("cccc", 'op.create_index("ix", "users", ["nick"])', 'op.drop_index("ix", "users")')
    with pytest.raises(HandWrittenError, match="fill nick"):
        project_of(sqlite, folder).squash("bbbb:", "name")


def test_an_index_is_built_concurrently_if_its_table_is_older(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """The catalog does not show how an index was built; the migrations of the range do."""
    folder.write("aaaa", USERS, DROP_USERS)
    build = """with op.autocommit():
    op.create_index("ix", "users", ["nick"], postgresql_concurrently=True)"""
    folder.write("bbbb", build, 'op.drop_index("ix", "users")')
    folder.write(
        "cccc",
        'op.add_column("users", sa.Column("size", sa.Integer()))',
        'op.drop_column("users", "size")',
    )
    project = project_of(database("postgresql"), folder)
    text = project.squash("bbbb:", "indexed").text
    assert 'op.create_index("ix", "users", ["nick"], postgresql_concurrently=True)' in text
    assert "op.autocommit()" in text
    assert "concurrently" not in project.squash(":", "all").text


def test_one_backfill_of_several_columns_is_planned_again(sqlite: sa.URL, folder: Folder) -> None:
    """The names are quoted, so the condition of the backfill is too."""
    folder.write("aaaa", USERS, DROP_USERS)
    add = """
op.add_column("users", sa.Column("order", sa.Integer()))
op.add_column("users", sa.Column("age", sa.Integer()))
"""
    fill = """
op.backfill("users", {"order": sa.text('coalesce("order", 1)'), "age": sa.text("coalesce(age, 2)")},
    where='"order" IS NULL OR age IS NULL')
op.alter_column("users", "order", nullable=False)
op.alter_column("users", "age", nullable=False)
"""
    folder.write("bbbb", add + fill, DROP_AGE_AND_ORDER)
    folder.write("cccc", 'op.create_index("ix", "users", ["age"])', 'op.drop_index("ix", "users")')
    squash = project_of(sqlite, folder).squash("bbbb:", "age and order")
    assert squash.left_out == ()
    assert squash.text.count("op.backfill(") == 1
    assert """coalesce("order", 1)""" in squash.text and "coalesce(age, 2)" in squash.text


def test_renamed_enums_and_values_keep_their_rows(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
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
    project = project_of(url, folder)
    project.upgrade("aaaa")
    with opened(url) as db:
        db.execute("INSERT INTO users VALUES (1, 'sad')")
    project.squash("bbbb:", "moods").write()
    project_of(url, folder).upgrade()
    with opened(url) as db:
        assert db.rows("SELECT mood::text FROM users") == [("unhappy",)]


def test_only_a_generated_check_of_rows_is_kept(sqlite: sa.URL, folder: Folder) -> None:
    """A check that the plan contains too is kept. Any other check is manual code."""
    folder.write("aaaa", USERS.replace("nullable=False", "nullable=True"), DROP_USERS)
    up = (
        'op.require("SELECT id FROM users WHERE nick IS NULL", "users.nick is NULL in some rows")\n'
        'op.alter_column("users", "nick", existing_type=sa.String(20), nullable=False)'
    )
    down = 'op.alter_column("users", "nick", existing_type=sa.String(20), nullable=True)'
    folder.write("bbbb", up, down)
    folder.write("cccc")
    squash = project_of(sqlite, folder).squash("bbbb:", "nick")
    assert "op.require(" in squash.text
    folder.write("dddd", 'op.require("SELECT id FROM users WHERE id < 0", "ids below 0")')
    with pytest.raises(HandWrittenError, match=r"0004_step_dddd\.py:10: \? ids below 0"):
        project_of(sqlite, folder).squash("bbbb:", "nick")


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
def test_a_range_must_be_linear(sqlite: sa.URL, folder: Folder, target: str, message: str) -> None:
    """The error names the branch, and the hint the possible ranges."""
    for name in ("aaaa", "bbbb", "cccc", "dddd"):
        folder.write(name)
    folder.write("eeee", parents=["bbbb"])
    folder.write("ffff", parents=["dddd", "eeee"])
    with pytest.raises(HistoryError) as caught:
        project_of(sqlite, folder).squash(target, "x")
    assert caught.value.message == message
    assert caught.value.hint


def add_dependency(path: Path, on: str) -> None:
    path.write_text(path.read_text().replace("parents =", f"depends_on = ('{on}',)\nparents =", 1))


def test_dependencies_are_not_part_of_a_squash(any_database: sa.URL, folder: Folder) -> None:
    """A table of another branch exists before the squash, and is not part of it."""
    folder.write("aaaa", USERS, DROP_USERS)
    folder.write("bbbb", 'op.create_table("a", sa.Column("x", sa.Integer()))', parents=())
    last = folder.write(
        "cccc",
        'op.add_column("users", sa.Column("age", sa.Integer()))',
        'op.drop_column("users", "age")',
    )
    add_dependency(last, "aaaa")
    project = project_of(any_database, folder)
    squash = project.squash("bbbb:cccc", "both")
    assert squash.plan.summary() == ["+ table a", "+ column users.age"]
    assert (squash.migration.parents, squash.migration.depends_on) == ((), ("aaaa",))
    squash.write()
    assert [m.revision for m in project.upgrade("heads")] == ["aaaa", squash.migration.revision]
    assert len(project.downgrade("base")) == 2


def test_a_cycle_of_dependencies_is_refused(sqlite: sa.URL, folder: Folder) -> None:
    """One file cannot come both before and after another one."""
    folder.write("aaaa")
    last = folder.write("bbbb")
    add_dependency(folder.write("cccc", parents=()), "aaaa")
    add_dependency(last, "cccc")
    with pytest.raises(HistoryError) as caught:
        project_of(sqlite, folder).squash("aaaa:bbbb", "x")
    assert caught.value.message == (
        "cannot squash across 0001_step_aaaa.py: 0003_step_cccc.py comes after it, and the range "
        "depends on that"
    )
    assert caught.value.hint == "squash a range that ends with it, or starts after it"


def limit_to(path: Path, *kinds: str) -> None:
    path.write_text(path.read_text().replace("parents =", f"dialects = {kinds}\nparents =", 1))


def test_a_limit_to_one_kind_of_database_is_kept(sqlite: sa.URL, folder: Folder) -> None:
    limit_to(folder.write("aaaa", USERS, DROP_USERS), "sqlite")
    limit_to(folder.write("bbbb", 'op.rename_column("users", "nick", "name")'), "sqlite")
    squash = project_of(sqlite, folder).squash(":", "users")
    assert squash.migration.dialects == ("sqlite",)
    assert 'replaces = ("aaaa", "bbbb")\ndialects = ("sqlite",)\n' in squash.text


def test_files_with_different_limits_are_refused(sqlite: sa.URL, folder: Folder) -> None:
    """Steps for one kind of database would be run on all of them."""
    folder.write("aaaa", USERS, DROP_USERS)
    limit_to(folder.write("bbbb", 'op.rename_column("users", "nick", "name")'), "sqlite")
    with pytest.raises(HistoryError) as caught:
        project_of(sqlite, folder).squash(":", "users")
    assert caught.value.message == (
        "cannot squash 0001_step_aaaa.py, which is for every database, with "
        "0002_step_bbbb.py, which is for sqlite"
    )
    assert caught.value.hint == "squash the migrations before or after it"


def test_a_squash_needs_a_database_that_runs_its_files(sqlite: sa.URL, folder: Folder) -> None:
    """The files are skipped on this database, so that the squash could not be verified."""
    limit_to(folder.write("aaaa", USERS, DROP_USERS), "postgresql")
    limit_to(folder.write("bbbb"), "postgresql")
    with pytest.raises(HistoryError) as caught:
        project_of(sqlite, folder).squash(":", "users")
    assert caught.value.message == (
        "cannot squash 0002_step_bbbb.py: it is for postgresql, and the database is sqlite"
    )
    assert caught.value.hint == (
        "pass the URL of such a database: autodiff squash --url postgresql://..."
    )


def test_a_squash_is_not_squashed_again(sqlite: sa.URL, folder: Folder) -> None:
    """Databases may still have the migrations that it replaces."""
    project = project_of(sqlite, write_history(folder))
    migration = project.squash(":bbbb", "first").write()
    with pytest.raises(HistoryError, match="it replaces migrations that databases may still have"):
        project.squash(":", "all")
    migration.path.write_text(
        migration.path.read_text().replace('replaces = ("aaaa", "bbbb")\n', "")
    )
    path = folder.path / "0003_step_cccc.py"
    path.write_text(path.read_text().replace("bbbb", migration.revision))
    assert project.squash(":", "all").migration.replaces == (migration.revision, "cccc", "dddd")


def test_a_squash_with_another_result_is_not_written(
    sqlite: sa.URL, folder: Folder, tmp_path: Path
) -> None:
    """A template that writes something else is detected. No file is changed."""
    templates = tmp_path / "templates" / "operations"
    templates.mkdir(parents=True)
    (templates / "create_table.py.j2").write_text(
        'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))'
    )
    project = Project(sqlite, directory=write_history(folder).path, templates_dir=templates.parent)
    before = file_names(folder)
    with pytest.raises(RehearsalFailedError, match=r"upgrade leaves: \+ column users\.nickname"):
        project.squash(":", "all")
    assert file_names(folder) == before


def test_a_failing_migration_is_refused(sqlite: sa.URL, folder: Folder) -> None:
    """The schema that it leads to is unknown."""
    folder.write("aaaa", USERS, DROP_USERS)
    folder.write("bbbb", 'op.drop_table("nowhere")')
    with pytest.raises(MigrationFailedError) as caught:
        project_of(sqlite, folder).squash(":", "all")
    assert caught.value.message.startswith(
        "cannot squash: 0002_step_bbbb.py fails on a scratch database: "
    )
    assert caught.value.hint == "run autodiff rehearse 0002_step_bbbb for details"


def test_the_lock_file_is_updated(sqlite: sa.URL, tmp_path: Path) -> None:
    """check finds no drift, with a database and without."""
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    project = Project(sqlite, metadata, tmp_path / "m")
    project.generate("users")
    project.upgrade()
    sa.Table("posts", metadata, sa.Column("id", sa.Integer, primary_key=True))
    project.generate("posts")
    project.upgrade()
    migration = project.squash(":", "blog").write()
    lock = read_lock(project.directory)
    assert lock is not None
    assert lock.heads == (migration.revision,)
    assert lock.checksums == {migration.revision: migration.checksum}
    assert not project.check() and not project.check(offline=True)
    assert project.rehearse().passed


EXTERNAL = """
op.create_table("posts", sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("owner", sa.Integer(), sa.ForeignKey("owners.id", name="fk_owner")))
"""
REASON = "it refers to owners, which autodiff does not manage"


def write_unrehearsable(folder: Folder) -> None:
    """Write a history with a foreign key to a table that no migration creates."""
    folder.write("aaaa", EXTERNAL, 'op.drop_table("posts")')
    folder.write(
        "bbbb", 'op.add_column("posts", sa.Column("a", sa.Text()))', 'op.drop_column("posts", "a")'
    )


def test_a_squash_without_a_rehearsal_says_so(sqlite: sa.URL, folder: Folder) -> None:
    """The reason is in the proof, in the file and in the lock file, and the file can be applied."""
    write_unrehearsable(folder)
    models = sa.MetaData()
    sa.Table("posts", models, sa.Column("id", sa.Integer, primary_key=True))
    project = Project(sqlite, models, folder.path)
    project.upgrade()
    project.relock()
    squash = project.squash(":", "posts")
    assert squash.proof.skipped == REASON
    squash.write()
    [path] = folder.path.glob("*.py")
    assert f"Not rehearsed, because {REASON}" in path.read_text()
    lock = read_lock(folder.path)
    assert lock is not None and lock.unrehearsed == {squash.migration.revision: REASON}
    assert project.upgrade() == [] and project.status().pending == ()
    project.downgrade("base")
    assert [m.revision for m in project.upgrade()] == [squash.migration.revision]


def test_a_squash_without_a_rehearsal_can_be_forbidden(sqlite: sa.URL, folder: Folder) -> None:
    write_unrehearsable(folder)
    project = Project(sqlite, directory=folder.path, require_rehearsal=True)
    with pytest.raises(PlanError, match=REASON):
        project.squash(":", "posts")
    assert len(list(folder.path.glob("*.py"))) == 2
