"""A project from its first migration to its drift, on each database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.commands.drift import Drift
from autodiff.errors import (
    AutodiffError,
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
    """The models of a blog, as far as they have grown."""
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
    """A folder and a database, with whatever models a test gives."""

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
        """A project whose first migration is applied."""
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


def test_a_blog_grows(place: Place) -> None:
    """Three migrations up and down, with rows, and no drift after each."""
    project = place.start()
    assert place.files() == ["0001_create_posts.py", LOCK_NAME]
    assert not project.check()
    first = place.state()
    place.execute("INSERT INTO posts (id, title) VALUES (1, 'it''s')")

    project = place.project(blog(comments=True))
    made = project.generate("create comments")
    assert made is not None and made.name == "0002_create_comments"
    assert [m.revision for m in project.upgrade()] == [made.revision]
    assert not project.check()
    assert not project.check(offline=True)
    place.execute("INSERT INTO comments (id, post_id, body) VALUES (1, 1, 'nice')")

    project = place.project(blog(comments=True, timestamp=True))
    made = project.generate("add timestamp", fills={"comments.timestamp": "now"})
    assert made is not None and len(made.parents) == 1
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
    assert (status.pending, status.current) == ((), made.revision)
    assert project.generate("nothing") is None
    assert len(place.files()) == 4

    assert [m.message for m in project.downgrade("0001")] == ["add timestamp", "create comments"]
    place.execute("DELETE FROM posts")
    assert place.state() == first
    assert [m.message for m in project.status().pending] == ["create comments", "add timestamp"]
    project.upgrade()
    assert not project.check()


def test_the_same_input_gives_the_same_files(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Two people who generate from the same models and database write the same bytes."""
    for kind in ("sqlite", "postgresql", "mariadb"):
        texts = []
        for number in range(2):
            folder = tmp_path / kind / str(number)
            project = Project(database(kind), blog(comments=True), folder)
            project.generate("first")
            texts.append({path.name: path.read_bytes() for path in folder.iterdir()})
        assert texts[0] == texts[1]


def test_sql_files_do_the_same(place: Place) -> None:
    """format="sql" writes a pair of files that run in both directions."""
    project = place.start()
    before = place.state()
    project = place.project(blog(comments=True))
    made = project.generate("create comments", format="sql")
    assert made is not None and made.is_sql
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
    """It can be read back and applied."""
    project = sqlite.project()
    made = project.generate("create posts", format="sql")
    assert made is not None and (made.parents, made.message) == ((), "create posts")
    assert [m.revision for m in project.upgrade()] == [made.revision]
    assert not project.check()


def test_an_empty_migration_is_for_the_hand(place: Place) -> None:
    """It is written where nothing differs, and changes nothing that the lock says."""
    project = place.start()
    lock = project.lock()
    made = project.generate("fill the stars", empty=True)
    assert made is not None and made.name == "0002_fill_the_stars"
    found = project.lock()
    assert lock is not None and found is not None
    assert (found.declared, found.described) == (lock.declared, lock.described)
    assert found.heads == (made.revision,)
    project.upgrade()
    assert not project.check()


# From the history


def test_the_history_alone_is_enough(place: Place) -> None:
    """source="history" needs no database, and writes what the database would have given.

    Where only a server could try it, the file says that it was not rehearsed.
    """
    place.start()
    away = Project(None, blog(comments=True), place.folder)
    made = away.draft("create comments", source="history")
    near = place.project(blog(comments=True)).draft("create comments")
    assert made is not None and near is not None
    if place.url.get_backend_name() == "sqlite":
        assert dict(made.texts) == dict(near.texts)
        return
    note = "\nNot rehearsed.\n"
    (text,) = made.texts.values()
    assert text.count(note) == 1
    assert {made.path: text.replace(note, "")} == dict(near.texts)


UNDESCRIBED = (
    "no server has described some SQL expressions in the lock file, so differences in them "
    "are not reported: run autodiff lock to describe them"
)


def test_the_history_goes_on_where_the_database_is_behind(place: Place) -> None:
    """Two migrations are written before the first is applied; afterwards nothing drifted.

    Where the lock file needs a server to know its texts, and `check` makes no scratch, a note says
    that; once it was written anew there is nothing to say.
    """
    place.project().generate("create posts")
    project = place.project(blog(comments=True))
    made = project.generate("create comments", source="history")
    assert made is not None
    assert [m.message for m in project.upgrade()] == ["create posts", "create comments"]
    described = place.url.get_backend_name() in ("sqlite", "postgresql")
    assert project.check() == Drift(notes=() if described else (UNDESCRIBED,))
    project.relock()
    assert project.check() == Drift()


def test_without_lock_there_is_no_history(sqlite: Place) -> None:
    """The hint says how to get one."""
    with pytest.raises(HistoryError) as caught:
        sqlite.project().generate("x", source="history")
    assert (
        caught.value.message
        == f"cannot compare with the history: there is no lock file in {sqlite.folder}"
    )
    assert caught.value.hint == "run autodiff lock, or generate from the database once"


# Drift


def test_models_that_moved_alone(place: Place) -> None:
    """A migration is missing: said with and without a database."""
    place.start()
    project = place.project(blog(comments=True))
    lines = ("+ table comments",)
    assert project.check(offline=True) == Drift(models=lines)
    found = project.check()
    assert (found.models, found.database) == (lines, lines)
    assert (found.pending, found.edited, found.by_hand, found.notes) == ((), (), (), ())
    assert found


def test_migrations_that_moved_alone(place: Place) -> None:
    """A file that the database has not had."""
    place.start()
    project = place.project(blog(comments=True))
    project.generate("create comments")
    assert not project.check(offline=True)
    found = project.check()
    assert found.pending == ("0002_create_comments.py",)
    assert found.database == ("+ table comments",)
    assert (found.models, found.edited, found.by_hand) == ((), (), ())


def test_a_database_that_moved_alone(place: Place) -> None:
    """A column, a table and an index that somebody made by hand."""
    project = place.start()
    place.execute(
        "ALTER TABLE posts ADD COLUMN extra INTEGER",
        "CREATE INDEX ix_by_hand ON posts (title)",
        "CREATE TABLE by_hand (id INTEGER)",
    )
    assert not project.check(offline=True)
    found = project.check()
    assert sorted(found.by_hand) == [
        "+ column posts.extra",
        "+ index ix_by_hand on posts",
        "+ table by_hand",
    ]
    assert sorted(found.database) == [
        "- column posts.extra",
        "- index ix_by_hand on posts",
        "- table by_hand",
    ]
    assert (found.models, found.pending, found.edited) == ((), (), ())
    ignoring = place.project(exclude_tables=("by_*",)).check()
    assert "+ table by_hand" not in ignoring.by_hand and len(ignoring.by_hand) == 2


def test_a_column_changed_by_hand(place: Place) -> None:
    """Dropped, and another one's default taken away."""
    project = place.start()
    with opened(place.url) as db:
        alter = {"mysql": "ALTER TABLE posts ALTER COLUMN stars DROP DEFAULT"}
        kind = db.connection.dialect.name
        db.execute(
            "ALTER TABLE posts DROP COLUMN stars"
            if kind == "sqlite"
            else alter.get(kind, "ALTER TABLE posts ALTER stars DROP DEFAULT")
        )
    found = project.check()
    assert len(found.by_hand) == len(found.database) == 1
    assert "posts.stars" in found.by_hand[0]
    assert found.models == ()


def test_a_file_that_was_edited(place: Place) -> None:
    """Seen against the lock file and against the database."""
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


def test_a_file_that_is_gone(sqlite: Place) -> None:
    """The lock file and the database still know it."""
    project = sqlite.start()
    made = next(iter(project.graph().migrations))
    (sqlite.folder / "0001_create_posts.py").unlink()
    assert project.check(offline=True).edited == (f"{made} is in the lock file only",)
    found = project.check()
    assert found.edited == (f"{made} is in the lock file only",)
    assert found.history == (
        f"the database has migrations that the folder lacks: {made} (0001_create_posts)",
    )


def test_a_new_project_has_all_before_it(sqlite: Place) -> None:
    """Without migrations each table of the models is a missing migration."""
    project = sqlite.project()
    assert project.check(offline=True) == Drift(models=("+ table posts",))
    assert project.check() == Drift(models=("+ table posts",), database=("+ table posts",))
    assert not sqlite.project(sa.MetaData()).check()


def test_a_lost_lock_file_is_a_note(sqlite: Place) -> None:
    """And it can be written anew, the same as it was."""
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


def test_a_lock_is_written_anew(place: Place) -> None:
    """From a database at the head it is what generate wrote."""
    place.start()
    project = place.project(blog(comments=True))
    project.generate("create comments")
    project.upgrade()
    lock = (place.folder / LOCK_NAME).read_text()
    project.relock()
    assert (place.folder / LOCK_NAME).read_text() == lock


def test_the_offline_check_asks_no_database(tmp_path: Path, sqlite: Place) -> None:
    """It works with a URL of a server that is down, and with none."""
    sqlite.start()
    for url in ("postgresql://u:x@127.0.0.1:1/db", None):
        project = Project(url, blog(), sqlite.folder)
        assert not project.check(offline=True)


def test_a_lock_of_another_database_is_a_note(
    database: Callable[[str], sa.URL], sqlite: Place
) -> None:
    """The comparison is then of models and database."""
    project = sqlite.start()
    assert not project.check()
    other = Project(database("postgresql"), blog(), sqlite.folder)
    other.upgrade()
    found = other.check()
    assert not found
    assert found.notes[0].startswith("the lock file was written for sqlite 3.")


# Refusals


def test_a_database_behind_the_files_is_refused(place: Place) -> None:
    """What the pending files do would be written a second time."""
    project = place.start()
    project.downgrade("base")
    before = place.files()
    with pytest.raises(HistoryError) as caught:
        place.project(blog(comments=True)).generate("create comments")
    assert caught.value.message == (
        "the database is behind the migrations: 0001_create_posts.py not applied"
    )
    assert caught.value.hint == ("run autodiff upgrade first, or pass --from history")
    assert place.files() == before


def test_a_column_that_needs_a_value_is_refused(place: Place) -> None:
    """NOT NULL without a default: the error names it, and no file is written."""
    place.start()
    project = place.project(blog(comments=True))
    project.generate("create comments")
    project.upgrade()
    before = place.files()
    project = place.project(blog(comments=True, timestamp=True))
    with pytest.raises(FillNeededError) as caught:
        project.generate("add timestamp")
    assert caught.value.columns == ("comments.timestamp",)
    assert caught.value.message == (
        "cannot add NOT NULL without a value for the rows that exist: comments.timestamp"
    )
    assert place.files() == before
    with_default = blog(comments=True, timestamp=True, server_default=sa.func.now())
    assert place.project(with_default).generate("add timestamp") is not None


@pytest.mark.parametrize(
    "fills",
    [{"comments.timestamp": "2024-02-03 04:05:06"}, ["comments.timestamp=2024-02-03 04:05:06"]],
)
def test_fills_are_given_in_code(place: Place, fills: Any) -> None:
    """As a mapping, or as the command line has them."""
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
        found = db.rows("SELECT timestamp FROM comments")
    assert str(found[0][0]).startswith("2024-02-03 04:05:06")
    assert not project.check()


def renamed(**info: Any) -> sa.MetaData:
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


@pytest.mark.parametrize("told", ["argument", "model"])
def test_renames_are_told(place: Place, told: str) -> None:
    """To generate, or by the model: the values stay."""
    place.start()
    place.execute("INSERT INTO posts (id, title) VALUES (1, 'kept')")
    if told == "model":
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


def test_a_rename_that_nobody_told_is_refused(place: Place) -> None:
    """No guess is made, and no file is written; or it is a drop and an add, if so assumed."""
    place.start()
    before = place.files()
    project = place.project(renamed())
    with pytest.raises(RenameUndecidedError) as caught:
        project.generate("rename")
    assert caught.value.candidates == ("posts.title:headline",)
    assert caught.value.hint == (
        "say --rename posts.title:headline for each rename, or --assume drop-and-add"
    )
    assert place.files() == before
    made = project.draft("x", assume="drop-and-add", fills={"posts.headline": "none"})
    assert made is not None
    assert {"+ column posts.headline", "- column posts.title"} <= set(made.summary)


class Yes:
    """A questioner that says yes, and gives a value."""

    def is_rename(self, candidate: object) -> bool:
        return True

    def fill(self, needed: object) -> str:
        return "now"


def test_a_questioner_is_asked(sqlite: Place) -> None:
    """What it says is done."""
    sqlite.start()
    made = sqlite.project(renamed()).draft("rename", questioner=Yes())
    assert made is not None and made.summary == ("~ column posts.title -> headline",)


BROKEN_MODELS = {
    "a type": lambda: sa.Table("bad", sa.MetaData(), sa.Column("x", sa.ARRAY(sa.Integer))).metadata,
    "an index": lambda: sa.Table("bad", sa.MetaData(), sa.Index("ix_bad")).metadata,
}


@pytest.mark.parametrize("models", BROKEN_MODELS.values(), ids=BROKEN_MODELS.keys())
def test_models_that_cannot_be_declared_leave_no_file(
    sqlite: Place, models: Callable[[], sa.MetaData]
) -> None:
    """Neither a migration nor a folder for it."""
    with pytest.raises(ModelsError, match="cannot declare"):
        sqlite.project(models()).generate("x")
    assert sqlite.files() == []


def test_a_file_that_cannot_be_written_leaves_none(sqlite: Place) -> None:
    """Where the lock file fails, the migration is taken away again."""
    (sqlite.folder / LOCK_NAME).mkdir(parents=True)
    with pytest.raises(OSError):
        sqlite.project().generate("create posts")
    assert sqlite.files() == [LOCK_NAME]


def test_a_broken_template_leaves_no_file(sqlite: Place, tmp_path: Path) -> None:
    """The error names the folder of the templates."""
    (tmp_path / "t" / "operations").mkdir(parents=True)
    (tmp_path / "t" / "operations" / "create_table.py.j2").write_text("op.create_table(")
    project = sqlite.project(templates_dir=tmp_path / "t")
    with pytest.raises(AutodiffError) as caught:
        project.generate("create posts")
    assert caught.value.message == (
        f"the templates in {tmp_path / 't'} write no valid Python: "
        "'(' was never closed: op.create_table("
    )
    assert caught.value.hint == (
        "compare them with the templates of the same names that come with autodiff"
    )
    assert sqlite.files() == []


def test_two_heads_are_refused_everywhere(sqlite: Place) -> None:
    """Until a person joined them."""
    project = sqlite.start()
    text = (sqlite.folder / "0001_create_posts.py").read_text()
    made = next(iter(project.graph().migrations))
    (sqlite.folder / "0001_other.py").write_text(text.replace(made, "other"))
    for act in (
        project.check,
        lambda: project.check(offline=True),
        lambda: project.generate("x"),
        project.relock,
        project.upgrade,
    ):
        with pytest.raises(SeveralHeadsError, match="several heads: "):
            act()


def test_stamp_takes_over_a_database(place: Place) -> None:
    """Tables that are there already, with a file that would make them."""
    with opened(place.url) as db:
        blog().create_all(db.connection)
        db.connection.commit()
    empty = Project("sqlite://", blog(), place.folder)
    empty.generate("create posts")
    project = place.project()
    assert [m.message for m in project.stamp()] == ["create posts"]
    assert project.status().pending == ()
    assert project.check().database == ()


def test_what_would_run_is_told_without_running(sqlite: Place) -> None:
    """plan_run, in both directions."""
    project = sqlite.start()
    sqlite.project(blog(comments=True)).generate("create comments")
    assert [m.message for m in project.plan_run("head", "upgrade")] == ["create comments"]
    assert [m.message for m in project.plan_run("base", "downgrade")] == ["create posts"]
    assert [m.message for m in project.status().pending] == ["create comments"]


def test_a_draft_writes_nothing(place: Place) -> None:
    """Until it is told to."""
    project = place.project()
    drafted = project.draft("create posts")
    assert drafted is not None and place.files() == []
    assert drafted.summary == ("+ table posts",)
    drafted.write()
    assert place.files() == ["0001_create_posts.py", LOCK_NAME]


def test_the_history_table_is_nobodys_drift(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Neither in the default schema, nor in one that the models use too."""
    url = database("postgresql")
    with opened(url) as db:
        db.execute("CREATE SCHEMA ops")
    metadata = sa.MetaData()
    sa.Table("jobs", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="ops")
    project = Project(url, metadata, tmp_path / "m", history_schema="ops")
    made = project.generate("jobs")
    assert made is not None
    project.upgrade()
    assert not project.check()
    assert project.generate("nothing") is None
