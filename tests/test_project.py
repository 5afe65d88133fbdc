"""Test a project on each database, from its first migration to drift."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.commands.drift import Drift
from autodiff.dialects.postgresql import scratch as postgresql_scratch
from autodiff.errors import (
    AutodiffError,
    ConfigError,
    DropRefusedError,
    EditedMigrationError,
    FillNeededError,
    HistoryError,
    ModelsError,
    RenameUndecidedError,
    SeveralHeadsError,
)
from autodiff.migrations import LOCK_NAME
from tests.support import opened


def blog(*, comments: bool = False, timestamp: bool = False, **column: Any) -> sa.MetaData:
    """Return the models of a blog: posts, and optionally comments and their timestamp."""
    metadata = sa.MetaData()
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("stars", sa.Integer, server_default="0"),
    )
    if comments:
        table = sa.Table(
            "comments",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
            sa.Column("body", sa.String(500), nullable=False, index=True),
            sa.CheckConstraint("length(body) > 0", name="ck_comments_body"),
        )
        if timestamp:
            table.append_column(sa.Column("timestamp", sa.DateTime, nullable=False, **column))
    return metadata


class Place:
    """A migration folder and a database, for projects with any models."""

    def __init__(self, url: sa.URL, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def project(self, metadata: sa.MetaData | None = None, **settings: Any) -> Project:
        return Project(self.url, metadata or blog(), self.folder, **settings)

    def files(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted(p.name for p in self.folder.iterdir() if p.name != "__pycache__")

    def execute(self, *statements: str) -> None:
        with opened(self.url) as db:
            db.execute(*statements)

    def state(self) -> tuple[object, ...]:
        with opened(self.url) as db:
            return db.state()

    def start(self) -> Project:
        """Return a project whose first migration is applied."""
        project = self.project()
        project.generate("create posts")
        project.upgrade()
        return project


@pytest.fixture
def place(any_database: sa.URL, tmp_path: Path) -> Place:
    return Place(any_database, tmp_path / "migrations")


@pytest.fixture
def sqlite(database: Callable[[str], sa.URL], tmp_path: Path) -> Place:
    return Place(database("sqlite"), tmp_path / "migrations")


def test_three_migrations_up_and_down(place: Place) -> None:
    """The rows are kept, and there is no drift after each migration."""
    project = place.start()
    assert place.files() == ["0001_create_posts.py", LOCK_NAME]
    assert not project.check()
    first_state = place.state()
    place.execute("INSERT INTO posts (id, title) VALUES (1, 'it''s')")

    project = place.project(blog(comments=True))
    migration = project.generate("create comments")
    assert migration is not None and migration.name == "0002_create_comments"
    assert [m.revision for m in project.upgrade()] == [migration.revision]
    assert not project.check()
    assert not project.check(offline=True)
    place.execute("INSERT INTO comments (id, post_id, body) VALUES (1, 1, 'nice')")

    project = place.project(blog(comments=True, timestamp=True))
    migration = project.generate("add timestamp", fills={"comments.timestamp": "now"})
    assert migration is not None and len(migration.parents) == 1
    project.upgrade()
    assert not project.check()
    with opened(place.url) as db:
        assert db.rows("SELECT count(*) FROM comments WHERE timestamp IS NULL") == [(0,)]

    status = project.status()
    assert [row.name for row in status.applied] == [
        "0001_create_posts",
        "0002_create_comments",
        "0003_add_timestamp",
    ]
    assert (status.pending, status.current) == ((), migration.revision)
    assert project.generate("nothing") is None
    assert len(place.files()) == 4

    assert [m.message for m in project.downgrade("0001")] == ["add timestamp", "create comments"]
    place.execute("DELETE FROM posts")
    assert place.state() == first_state
    assert [m.message for m in project.status().pending] == ["create comments", "add timestamp"]
    project.upgrade()
    assert not project.check()


def test_the_same_input_gives_the_same_files(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Equal models and databases give the same bytes."""
    for kind in ("sqlite", "postgresql", "mariadb"):
        texts = []
        for number in range(2):
            folder = tmp_path / kind / str(number)
            project = Project(database(kind), blog(comments=True), folder)
            project.generate("first")
            texts.append({path.name: path.read_bytes() for path in folder.iterdir()})
        assert texts[0] == texts[1]


def test_sql_files_run_in_both_directions(place: Place) -> None:
    project = place.start()
    before = place.state()
    project = place.project(blog(comments=True))
    migration = project.generate("create comments", format="sql")
    assert migration is not None and migration.is_sql
    assert place.files()[1:3] == [
        "0002_create_comments.down.sql",
        "0002_create_comments.up.sql",
    ]
    project.upgrade()
    assert not project.check()
    project.downgrade()
    assert place.state() == before
    assert [m.message for m in project.upgrade()] == ["create comments"]


def test_a_first_sql_file_has_no_parents(sqlite: Place) -> None:
    """It can be parsed and applied."""
    project = sqlite.project()
    migration = project.generate("create posts", format="sql")
    assert migration is not None and (migration.parents, migration.message) == ((), "create posts")
    assert [m.revision for m in project.upgrade()] == [migration.revision]
    assert not project.check()


def test_an_empty_migration(place: Place) -> None:
    """It is written without a difference and changes only the head in the lock file."""
    project = place.start()
    lock = project.lock()
    migration = project.generate("fill the stars", empty=True)
    assert migration is not None and migration.name == "0002_fill_the_stars"
    new_lock = project.lock()
    assert lock is not None and new_lock is not None
    assert (new_lock.declared, new_lock.described) == (lock.declared, lock.described)
    assert new_lock.heads == (migration.revision,)
    project.upgrade()
    assert not project.check()


# Comparing with the history


def test_the_history_gives_the_same_migration_as_the_database(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """source="history" needs no database.

    If a rehearsal needs a server, the file reports that it was not rehearsed.
    """
    monkeypatch.setattr(postgresql_scratch, "is_installed", lambda: False)
    place.start()
    offline_project = Project(None, blog(comments=True), place.folder)
    offline_draft = offline_project.draft("create comments", source="history")
    online_draft = place.project(blog(comments=True)).draft("create comments")
    assert offline_draft is not None and online_draft is not None
    if place.url.get_backend_name() == "sqlite":
        assert dict(offline_draft.texts) == dict(online_draft.texts)
        return
    note = "\nNot rehearsed, because no database is connected.\n"
    (text,) = offline_draft.texts.values()
    assert text.count(note) == 1
    assert {offline_draft.path: text.replace(note, "")} == dict(online_draft.texts)


UNDESCRIBED = (
    "no server has described some SQL expressions in the lock file, so differences in them "
    "are not reported: run autodiff lock to describe them"
)


def test_the_history_allows_a_second_pending_migration(place: Place) -> None:
    """Two migrations are written before the first is applied; there is no drift afterwards.

    If SQL in the lock file was not normalized by a server and `check` creates no scratch database,
    a note reports this until the lock file is written again.
    """
    place.project().generate("create posts")
    project = place.project(blog(comments=True))
    migration = project.generate("create comments", source="history")
    assert migration is not None
    assert [m.message for m in project.upgrade()] == ["create posts", "create comments"]
    is_normalized = place.url.get_backend_name() in ("sqlite", "postgresql")
    assert project.check() == Drift(notes=() if is_normalized else (UNDESCRIBED,))
    project.relock()
    assert project.check() == Drift()


def test_the_history_needs_a_lock_file(sqlite: Place) -> None:
    """Unless there is no migration yet. The hint explains how to write one."""
    assert sqlite.project().generate("first", source="history") is not None
    (sqlite.folder / "autodiff.lock").unlink()
    with pytest.raises(HistoryError) as caught:
        sqlite.project().generate("x", source="history")
    assert (
        caught.value.message
        == f"cannot compare with the history: there is no lock file in {sqlite.folder}"
    )
    assert caught.value.hint == "run autodiff lock, or generate from the database once"


# Drift


def test_drift_of_the_models(place: Place) -> None:
    """A missing migration is reported with and without a database."""
    place.start()
    project = place.project(blog(comments=True))
    lines = ("+ table comments",)
    assert project.check(offline=True) == Drift(models=lines)
    drift = project.check()
    assert (drift.models, drift.database) == (lines, lines)
    assert (drift.pending, drift.edited, drift.by_hand, drift.notes) == ((), (), (), ())
    assert drift


def test_drift_of_the_migrations(place: Place) -> None:
    """A migration is pending."""
    place.start()
    project = place.project(blog(comments=True))
    project.generate("create comments")
    assert not project.check(offline=True)
    drift = project.check()
    assert drift.pending == ("0002_create_comments.py",)
    assert drift.database == ("+ table comments",)
    assert (drift.models, drift.edited, drift.by_hand) == ((), (), ())


def test_drift_of_the_database(place: Place) -> None:
    """A column, a table and an index were created manually."""
    project = place.start()
    place.execute(
        "ALTER TABLE posts ADD COLUMN extra INTEGER",
        "CREATE INDEX ix_by_hand ON posts (title)",
        "CREATE TABLE by_hand (id INTEGER)",
    )
    assert not project.check(offline=True)
    drift = project.check()
    assert sorted(drift.by_hand) == [
        "+ column posts.extra",
        "+ index ix_by_hand on posts",
        "+ table by_hand",
    ]
    assert sorted(drift.database) == [
        "- column posts.extra",
        "- index ix_by_hand on posts",
        "- table by_hand",
    ]
    assert (drift.models, drift.pending, drift.edited) == ((), (), ())
    filtered_drift = place.project(exclude_tables=("by_*",)).check()
    assert "+ table by_hand" not in filtered_drift.by_hand and len(filtered_drift.by_hand) == 2


def test_a_manually_altered_column_is_drift(place: Place) -> None:
    """Depending on the database, the column or its default is dropped."""
    project = place.start()
    with opened(place.url) as db:
        alter = {"mysql": "ALTER TABLE posts ALTER COLUMN stars DROP DEFAULT"}
        kind = db.connection.dialect.name
        db.execute(
            "ALTER TABLE posts DROP COLUMN stars"
            if kind == "sqlite"
            else alter.get(kind, "ALTER TABLE posts ALTER stars DROP DEFAULT")
        )
    drift = project.check()
    assert len(drift.by_hand) == len(drift.database) == 1
    assert "posts.stars" in drift.by_hand[0]
    assert drift.models == ()


def test_an_edited_file_is_drift(place: Place) -> None:
    """It differs from the lock file and from the history of the database."""
    project = place.start()
    path = place.folder / "0001_create_posts.py"
    path.write_text(path.read_text().replace("200", "100"))
    known = "0001_create_posts.py differs from the lock file"
    assert project.check(offline=True) == Drift(edited=(known,))
    found = project.check()
    assert found.edited == (known,)
    assert found.history == (
        "migrations were edited after they were applied: 0001_create_posts.py",
    )
    assert (found.models, found.pending, found.by_hand, found.database) == ((), (), (), ())
    with pytest.raises(EditedMigrationError, match=r"0001_create_posts\.py"):
        project.generate("more")
    with pytest.raises(EditedMigrationError, match=r"0001_create_posts\.py"):
        project.upgrade()


def test_a_deleted_file_is_drift(sqlite: Place) -> None:
    """It is still in the lock file and in the history of the database."""
    project = sqlite.start()
    made = next(iter(project.graph().migrations))
    (sqlite.folder / "0001_create_posts.py").unlink()
    assert project.check(offline=True).edited == (f"{made} is in the lock file only",)
    found = project.check()
    assert found.edited == (f"{made} is in the lock file only",)
    assert found.history == (
        f"the database has migrations whose files are missing: {made} (0001_create_posts)",
    )


def test_drift_of_a_new_project(sqlite: Place) -> None:
    """Without migrations every table of the models needs a migration."""
    project = sqlite.project()
    assert project.check(offline=True) == Drift(models=("+ table posts",))
    assert project.check() == Drift(models=("+ table posts",), database=("+ table posts",))
    assert not sqlite.project(sa.MetaData()).check()


def test_a_missing_lock_file_is_a_note(sqlite: Place) -> None:
    """relock writes the same file again."""
    project = sqlite.start()
    lock = (sqlite.folder / LOCK_NAME).read_bytes()
    (sqlite.folder / LOCK_NAME).unlink()
    found = project.check(offline=True)
    assert not found
    assert found.notes == (
        f"there is no lock file in {sqlite.folder}: run autodiff lock to write it",
    )
    assert project.check().notes == ("there is no lock file: run autodiff lock to write it",)
    assert project.relock() == sqlite.folder / LOCK_NAME
    assert (sqlite.folder / LOCK_NAME).read_bytes() == lock


def test_relock_at_the_head_writes_the_same_lock_file(place: Place) -> None:
    place.start()
    project = place.project(blog(comments=True))
    project.generate("create comments")
    project.upgrade()
    lock = (place.folder / LOCK_NAME).read_text()
    project.relock()
    assert (place.folder / LOCK_NAME).read_text() == lock


def test_a_program_allows_drops_unless_it_limits_them(place: Place) -> None:
    """The command line refuses to drop a table with rows; a program can ask for that too."""
    place.start()
    place.execute("INSERT INTO posts (id, title) VALUES (1, 'Hello')")
    other = sa.MetaData()
    sa.Table("others", other, sa.Column("id", sa.Integer, primary_key=True))
    project = place.project(other)
    with pytest.raises(DropRefusedError) as caught:
        project.draft("drop", assume="drop-and-add", allow_drop=["others"])
    assert caught.value.tables == ("posts",)
    draft = project.draft("drop", assume="drop-and-add")
    assert draft is not None and draft.plan is not None
    assert [str(loss) for loss in draft.plan.data_loss] == ["drop table posts (1 row)"]


def test_relock_keeps_a_change_without_a_migration_visible(place: Place) -> None:
    """The lock file describes what the migrations make, not what the models want."""
    place.start()
    changed = blog()
    changed.tables["posts"].append_column(sa.Column("extra", sa.Integer))
    sa.Table("tags", changed, sa.Column("id", sa.Integer, primary_key=True))
    project = place.project(changed)
    missing = ("+ table tags", "+ column posts.extra")
    for _ in range(2):
        assert sorted(project.check(offline=True).models) == sorted(missing)
        found = project.check()
        assert sorted(found.models) == sorted(missing)
        assert found.by_hand == ()
        project.relock()
    assert not place.project().check(offline=True)


def test_a_change_that_the_models_have_too_was_not_made_by_hand(place: Place) -> None:
    """The database has it already, and a migration for it is missing."""
    place.start()
    changed = blog()
    changed.tables["posts"].append_column(sa.Column("extra", sa.Integer))
    place.execute("ALTER TABLE posts ADD COLUMN extra INTEGER")
    found = place.project(changed).check()
    assert (found.models, found.by_hand) == (("+ column posts.extra",), ())
    assert place.project().check().by_hand == ("+ column posts.extra",)


def test_a_removed_file_is_not_a_change_by_hand(place: Place) -> None:
    """The lock file still describes the migration that was deleted before it was applied."""
    place.start()
    project = place.project(blog(comments=True))
    migration = project.generate("create comments")
    assert migration is not None
    migration.path.unlink()
    found = place.project().check()
    assert found.by_hand == ()
    assert found.edited == (f"{migration.revision} is in the lock file only",)


def test_the_offline_check_does_not_connect(tmp_path: Path, sqlite: Place) -> None:
    """It works with the URL of a stopped server and without a URL."""
    sqlite.start()
    for url in ("postgresql://u:x@127.0.0.1:1/db", None):
        project = Project(url, blog(), sqlite.folder)
        assert not project.check(offline=True)


def test_a_lock_file_of_another_database_is_a_note(
    database: Callable[[str], sa.URL], sqlite: Place
) -> None:
    """Only the models and the database are compared."""
    project = sqlite.start()
    assert not project.check()
    other = Project(database("postgresql"), blog(), sqlite.folder)
    other.upgrade()
    found = other.check()
    assert not found
    assert found.notes[0].startswith("the lock file was written for sqlite 3.")


# Errors


def test_pending_migrations_are_refused(place: Place) -> None:
    """The new migration would repeat the changes of the pending ones."""
    project = place.start()
    project.downgrade("base")
    before = place.files()
    with pytest.raises(HistoryError) as caught:
        place.project(blog(comments=True)).generate("create comments")
    assert caught.value.message == (
        "the database is behind the migrations: 0001_create_posts.py not applied"
    )
    assert caught.value.hint == (
        "run autodiff upgrade first, delete the files if they are not needed, or pass "
        "--from history"
    )
    assert place.files() == before


def test_a_column_that_needs_a_value_is_refused(place: Place) -> None:
    """NOT NULL without a default is an error that names the column; no file is written."""
    place.start()
    project = place.project(blog(comments=True))
    project.generate("create comments")
    project.upgrade()
    place.execute(
        "INSERT INTO posts (id, title) VALUES (1, 'Hello')",
        "INSERT INTO comments (id, post_id, body) VALUES (1, 1, 'first!')",
    )
    before = place.files()
    project = place.project(blog(comments=True, timestamp=True))
    with pytest.raises(FillNeededError) as caught:
        project.generate("add timestamp")
    assert caught.value.columns == ("comments.timestamp",)
    assert caught.value.message == (
        "cannot add NOT NULL: existing rows need a value for comments.timestamp"
    )
    assert place.files() == before
    with_default = blog(comments=True, timestamp=True, server_default=sa.func.now())
    assert place.project(with_default).generate("add timestamp") is not None


@pytest.mark.parametrize(
    "fills",
    [{"comments.timestamp": "2024-02-03 04:05:06"}, ["comments.timestamp=2024-02-03 04:05:06"]],
)
def test_fills(place: Place, fills: Any) -> None:
    """They are a mapping, or strings as on the command line."""
    place.start()
    project = place.project(blog(comments=True))
    project.generate("create comments")
    project.upgrade()
    place.execute(
        "INSERT INTO posts (id, title) VALUES (1, 'a')",
        "INSERT INTO comments (id, post_id, body) VALUES (1, 1, 'b')",
    )
    project = place.project(blog(comments=True, timestamp=True))
    project.generate("add timestamp", fills=fills)
    project.upgrade()
    with opened(place.url) as db:
        rows = db.rows("SELECT timestamp FROM comments")
    assert str(rows[0][0]).startswith("2024-02-03 04:05:06")
    assert not project.check()


@pytest.mark.parametrize(
    "option", ["renames", "fills", "maps", "labels", "depends_on", "allow_drop"]
)
def test_one_text_in_place_of_several_is_refused(sqlite: Place, option: str) -> None:
    """Its letters would be taken for the texts."""
    options: Any = {option: "users"}
    with pytest.raises(ConfigError) as caught:
        sqlite.project().generate("x", **options)
    message = f"{option} is one text, but a list of texts is needed: 'users'"
    assert caught.value.message == message
    assert caught.value.hint == f"write {option}=['users']"


@pytest.mark.parametrize(
    "run",
    [
        lambda project: project.lint(databases="postgresql"),
        lambda project: project.push(renames="a:b"),
        lambda project: project.adopt(x="a=b"),
        lambda project: project.convert("alembic", x="a=b"),
        lambda project: project.squash("1:2", "x", fills="a.b=c"),
        lambda project: project.merge(heads="0001"),
        lambda project: project.rebase(mine="0001"),
        lambda project: project.diff(renames="a:b"),
        lambda project: project.upgrade_all(only="main"),
        lambda project: project.downgrade_all("base", only="main"),
        lambda project: project.status_all(only="main"),
    ],
    ids=(
        "lint push adopt convert squash merge rebase diff upgrade_all downgrade_all status_all"
    ).split(),
)
def test_every_method_refuses_one_text(sqlite: Place, run: Callable[[Project], object]) -> None:
    with pytest.raises(ConfigError, match="is one text, but a list of texts is needed"):
        run(sqlite.project())


def renamed(**info: Any) -> sa.MetaData:
    """Return the blog's models with posts.title renamed to posts.headline."""
    metadata = blog()
    old = metadata.tables["posts"]
    metadata.remove(old)
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("headline", sa.String(200), nullable=False, **info),
        sa.Column("stars", sa.Integer, server_default="0"),
    )
    return metadata


@pytest.mark.parametrize("source", ["argument", "model"])
def test_renames_keep_the_values(place: Place, source: str) -> None:
    """A rename is an argument of generate or part of the model."""
    place.start()
    place.execute("INSERT INTO posts (id, title) VALUES (1, 'kept')")
    if source == "model":
        project = place.project(renamed(info={"renamed_from": "title"}))
        project.generate("rename")
    else:
        project = place.project(renamed())
        project.generate("rename", renames=["posts.title:headline"])
    project.upgrade()
    assert not project.check()
    with opened(place.url) as db:
        assert db.rows("SELECT headline FROM posts") == [("kept",)]
    project.downgrade()
    with opened(place.url) as db:
        assert db.rows("SELECT title FROM posts") == [("kept",)]


def test_an_undecided_rename_is_refused(place: Place) -> None:
    """No file is written; `assume` makes it a drop and an add."""
    place.start()
    before = place.files()
    project = place.project(renamed())
    with pytest.raises(RenameUndecidedError) as caught:
        project.generate("rename")
    assert caught.value.candidates == ("posts.title:headline",)
    assert caught.value.hint == (
        "pass --rename posts.title:headline for each rename, or --assume drop-and-add"
    )
    assert place.files() == before
    draft = project.draft("x", assume="drop-and-add", fills={"posts.headline": "none"})
    assert draft is not None
    assert {"+ column posts.headline", "- column posts.title"} <= set(draft.summary)


class AlwaysYes:
    """A questioner that confirms every rename and fills with the current time."""

    def is_rename(self, candidate: object) -> bool:
        return True

    def fill(self, needed: object) -> str:
        return "now"


def test_a_questioner_decides_renames(sqlite: Place) -> None:
    sqlite.start()
    draft = sqlite.project(renamed()).draft("rename", questioner=AlwaysYes())
    assert draft is not None and draft.summary == ("~ column posts.title -> headline",)


BROKEN_MODELS = {
    "a type": lambda: sa.Table("bad", sa.MetaData(), sa.Column("x", sa.ARRAY(sa.Integer))).metadata,
    "an index": lambda: sa.Table("bad", sa.MetaData(), sa.Index("ix_bad")).metadata,
}


@pytest.mark.parametrize("models", BROKEN_MODELS.values(), ids=BROKEN_MODELS.keys())
def test_models_that_cannot_be_declared_leave_no_file(
    sqlite: Place, models: Callable[[], sa.MetaData]
) -> None:
    """Neither a migration nor its folder is created."""
    with pytest.raises(ModelsError, match="cannot declare"):
        sqlite.project(models()).generate("x")
    assert sqlite.files() == []


def test_no_migration_is_left_if_the_lock_file_cannot_be_written(sqlite: Place) -> None:
    (sqlite.folder / LOCK_NAME).mkdir(parents=True)
    with pytest.raises(OSError):
        sqlite.project().generate("create posts")
    assert sqlite.files() == [LOCK_NAME]


def test_a_broken_template_leaves_no_file(sqlite: Place, tmp_path: Path) -> None:
    """The error names the template folder."""
    (tmp_path / "t" / "operations").mkdir(parents=True)
    (tmp_path / "t" / "operations" / "create_table.py.j2").write_text("op.create_table(")
    project = sqlite.project(templates_dir=tmp_path / "t")
    with pytest.raises(AutodiffError) as caught:
        project.generate("create posts")
    assert caught.value.message == (
        f"the templates in {tmp_path / 't'} produce invalid Python: "
        "'(' was never closed: op.create_table("
    )
    assert caught.value.hint == (
        "compare them with the templates of the same names that are part of autodiff"
    )
    assert sqlite.files() == []


def test_two_heads_are_refused(sqlite: Place) -> None:
    """Every command that needs a single head refuses them."""
    project = sqlite.start()
    text = (sqlite.folder / "0001_create_posts.py").read_text()
    revision = next(iter(project.graph().migrations))
    (sqlite.folder / "0001_other.py").write_text(text.replace(revision, "other"))
    for method in (
        project.check,
        lambda: project.check(offline=True),
        lambda: project.generate("x"),
        project.relock,
        project.upgrade,
    ):
        with pytest.raises(SeveralHeadsError, match="several heads: "):
            method()


def test_stamp_records_existing_tables(place: Place) -> None:
    """The tables of the migration exist already."""
    with opened(place.url) as db:
        blog().create_all(db.connection)
        db.connection.commit()
    empty = Project("sqlite://", blog(), place.folder)
    empty.generate("create posts")
    project = place.project()
    assert [m.message for m in project.stamp()] == ["create posts"]
    assert project.status().pending == ()
    assert project.check().database == ()


def test_preview_run_applies_nothing(sqlite: Place) -> None:
    """It lists the migrations of an upgrade or a downgrade."""
    project = sqlite.start()
    sqlite.project(blog(comments=True)).generate("create comments")
    assert [m.message for m in project.preview_run("head", "upgrade").migrations] == [
        "create comments"
    ]
    assert [m.message for m in project.preview_run("base", "downgrade").migrations] == [
        "create posts"
    ]
    assert [m.message for m in project.status().pending] == ["create comments"]


def test_a_draft_is_written_on_request(place: Place) -> None:
    project = place.project()
    draft = project.draft("create posts")
    assert draft is not None and place.files() == []
    assert draft.summary == ("+ table posts",)
    draft.write()
    assert place.files() == ["0001_create_posts.py", LOCK_NAME]


def test_the_history_table_is_not_drift(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """A history schema that the models use too makes no difference."""
    url = database("postgresql")
    with opened(url) as db:
        db.execute("CREATE SCHEMA ops")
    metadata = sa.MetaData()
    sa.Table("jobs", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="ops")
    project = Project(url, metadata, tmp_path / "m", history_schema="ops")
    migration = project.generate("jobs")
    assert migration is not None
    project.upgrade()
    assert not project.check()
    assert project.generate("nothing") is None
