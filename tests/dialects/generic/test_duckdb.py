"""Test the main job on DuckDB, by the generic dialect."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_of
from autodiff.errors import (
    AutodiffError,
    DatabaseError,
    LockedError,
    MigrationFailedError,
    ModelsError,
)
from autodiff.runner.journal import actor
from tests.support import Folder


@pytest.fixture
def url(tmp_path: Path) -> sa.URL:
    """Return the URL of a file that does not exist yet."""
    return sa.URL.create("duckdb", database=str(tmp_path / "app.duckdb"))


def blog() -> sa.MetaData:
    """Return the first models of a blog."""
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("email", sa.String(100), unique=True),
        sa.Index("ix_users_name", "name"),
    )
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("words", sa.Integer),
        sa.Column("score", sa.Numeric(10, 2), server_default="0"),
        sa.Column("created", sa.DateTime, server_default=sa.func.now()),
        sa.CheckConstraint("score >= 0", name="positive_score"),
        sa.Index("ix_posts_title", "title"),
    )
    return metadata


def changed_blog() -> sa.MetaData:
    """Return the models with each kind of change that DuckDB can make to a table."""
    metadata = sa.MetaData()
    blog().tables["users"].to_metadata(metadata)
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
        sa.Column("headline", sa.String(200), nullable=False, comment="shown in lists"),
        sa.Column("words", sa.BigInteger),
        sa.Column("score", sa.Numeric(10, 2), server_default="5"),
        sa.Column("created", sa.DateTime, server_default=sa.func.now()),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.CheckConstraint("score >= 0", name="positive_score"),
        sa.Index("ix_posts_headline", "headline", unique=True),
        comment="what users write",
    )
    sa.Table("tags", metadata, sa.Column("id", sa.BigInteger, primary_key=True))
    return metadata


def insert_posts(url: sa.URL) -> None:
    """Insert rows, whose keys the database chooses."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        tables = blog().tables
        connection.execute(sa.insert(tables["users"]), [{"name": "ann"}, {"name": "bob"}])
        rows = [
            {"user_id": 1, "title": "a", "words": 7},
            {"user_id": 2, "title": "b", "words": None},
        ]
        connection.execute(sa.insert(tables["posts"]), rows)


def query(url: sa.URL, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def test_the_main_job(url: sa.URL, tmp_path: Path) -> None:
    """Generate, upgrade, check, downgrade and keep the rows."""
    first = Project(url, blog(), tmp_path / "migrations")
    draft = first.draft("create")
    assert draft is not None
    assert draft.proof is not None
    assert draft.proof.skipped is None
    first.generate("create")
    first.upgrade()
    assert not first.check()
    insert_posts(url)
    original = query(url, "SELECT * FROM posts ORDER BY id")

    second = Project(url, changed_blog(), tmp_path / "migrations")
    options = {"renames": ["posts.title:headline"], "fills": {"posts.kind": "note"}}
    second.generate("change", **options)  # type: ignore[arg-type]
    for _ in range(2):
        second.upgrade()
        assert not second.check()
        assert second.generate("nothing") is None
        found = query(url, "SELECT id, user_id, headline, words, kind FROM posts ORDER BY id")
        assert found == [(1, 1, "a", 7, "note"), (2, 2, "b", None, "note")]
        assert [m.name for m in second.status().applied] == ["0001_create", "0002_change"]
        second.downgrade("-1")
        assert query(url, "SELECT * FROM posts ORDER BY id") == original
    second.downgrade("base")
    left = query(url, "SELECT table_name FROM duckdb_tables() ORDER BY 1")
    assert left == [("autodiff_history",), ("autodiff_journal",), ("autodiff_lock",)]
    assert query(url, "SELECT sequence_name FROM duckdb_sequences()") == [
        ("autodiff_journal_id_seq",)
    ]


def test_a_file_that_does_not_exist_is_not_created(url: sa.URL, tmp_path: Path) -> None:
    """Create the file when a migration is applied, and not when the database is only read."""
    project = Project(url, blog(), tmp_path / "migrations")
    assert project.check()
    project.generate("create")
    assert not Path(url.database or "").exists()
    project.upgrade()
    assert Path(url.database or "").exists()


def test_models_created_by_sqlalchemy_have_no_drift(url: sa.URL, tmp_path: Path) -> None:
    """Find no difference to what create_all() makes of types, defaults and constraints."""
    metadata = blog()
    sa.Table(
        "things",
        metadata,
        sa.Column("a", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("b", sa.Uuid),
        sa.Column("c", sa.JSON),
        sa.Column("d", sa.LargeBinary),
        sa.Column("e", sa.Double),
        sa.Column("f", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("g", sa.Boolean, server_default=sa.true()),
        sa.Column("h", sa.Enum("x", "y", native_enum=False)),
        sa.Column("j", sa.Text, comment="it's"),
        sa.UniqueConstraint("a", "b", name="both"),
        sa.Index("ix_lower", sa.text("lower(j)")),
    )
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    metadata.create_all(engine)
    project = Project(url, metadata, tmp_path / "migrations")
    assert project.generate("nothing") is None


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (sa.UniqueConstraint("words"), "cannot add a unique constraint to table posts on duckdb"),
        (sa.CheckConstraint("words > 0"), "cannot add a check constraint to table posts on duckdb"),
        (
            sa.ForeignKeyConstraint(["words"], ["users.id"]),
            "cannot add a foreign key to table posts on duckdb",
        ),
    ],
    ids=["unique", "check", "foreign key"],
)
def test_constraints_of_existing_tables_are_refused(
    part: sa.Constraint, reason: str, url: sa.URL, tmp_path: Path
) -> None:
    """Refuse what ALTER TABLE of DuckDB cannot do, before a file is written."""
    first = Project(url, blog(), tmp_path / "migrations")
    first.generate("create")
    first.upgrade()
    metadata = blog()
    metadata.tables["posts"].append_constraint(part)
    second = Project(url, metadata, tmp_path / "migrations")
    with pytest.raises(AutodiffError, match=reason):
        second.generate("constraint")
    assert len(second.status().applied) == 1
    assert not second.status().pending


def test_native_enums_are_refused(url: sa.URL, tmp_path: Path) -> None:
    """Refuse an enum type, and name the form that works."""
    metadata = sa.MetaData()
    sa.Table("items", metadata, sa.Column("mood", sa.Enum("a", "b", name="mood")))
    with pytest.raises(ModelsError, match="does not create the enum types of duckdb") as caught:
        Project(url, metadata, tmp_path / "migrations").generate("create")
    assert "native_enum=False" in str(caught.value.hint)


KILLED = '''
"""two steps"""

import os

import sqlalchemy as sa
from autodiff import op

revision = "aaaa1111"
parents = ()


def stop(connection):
    if os.environ.get("STOP"):
        os._exit(9)


def upgrade() -> None:
    op.create_table("first", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("INSERT INTO first (id) VALUES (7)")
    op.run(stop)
    op.create_table("second", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("second")
    op.drop_table("first")
'''
RUN = """
import sys
import sqlalchemy as sa
from autodiff import Project

Project(sys.argv[1], sa.MetaData(), sys.argv[2]).upgrade()
"""


def test_a_killed_upgrade_is_resumed(
    url: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resume after the steps that are done, and remove the lock that the killed process left."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_two_steps.py").write_text(KILLED)
    monkeypatch.setenv("STOP", "1")
    command = [sys.executable, "-c", RUN, url.render_as_string(), str(folder)]
    assert subprocess.run(command, timeout=60).returncode == 9
    monkeypatch.delenv("STOP")
    assert query(url, "SELECT id FROM first") == [(7,)]
    assert query(url, "SELECT count(*) FROM autodiff_lock") == [(1,)]

    project = Project(url, sa.MetaData(), folder)
    assert project.status().unfinished is not None
    project.upgrade()
    assert query(url, "SELECT id FROM first") == [(7,)]
    assert query(url, "SELECT count(*) FROM second") == [(0,)]
    assert query(url, "SELECT count(*) FROM autodiff_lock") == [(0,)]


def test_a_hand_written_part(url: sa.URL, tmp_path: Path) -> None:
    """Run code with the connection, in a separate transaction without a savepoint."""
    folder = Folder(tmp_path / "migrations")
    folder.write(
        "a",
        """
        op.create_table("first", sa.Column("id", sa.Integer(), primary_key=True))
        op.get_bind().execute(sa.text("INSERT INTO first (id) VALUES (:id)"), {"id": 7})
        op.create_index("ix_first", "first", ["id"])
        """,
        'op.drop_table("first")',
    )
    project = Project(url, sa.MetaData(), folder.path)
    project.upgrade()
    assert query(url, "SELECT id FROM first") == [(7,)]
    project.downgrade("base")


def test_a_second_process_is_told_why_it_cannot_connect(url: sa.URL, tmp_path: Path) -> None:
    """Report that another process has the file open, as DuckDB allows only one."""
    script = dedent(
        f"""
        import duckdb, sys
        connection = duckdb.connect({url.database!r})
        print("open", flush=True)
        sys.stdin.readline()
        """
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(DatabaseError, match="Could not set lock on file") as caught:
            Project(url, blog(), tmp_path / "migrations").upgrade()
        assert "another process has the file open" in str(caught.value.hint)
    finally:
        other.communicate("\n", timeout=30)


def test_two_runs_at_once(url: sa.URL, tmp_path: Path) -> None:
    """Let one run wait for another one, and report who holds the lock and how to remove it."""
    project = Project(url, blog(), tmp_path / "migrations")
    project.generate("create")
    project.upgrade()
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        lock = dialect_of(connection).session.migration_lock(connection, None)
        assert lock.take(str(actor()))
        with engine.connect() as second:
            embedded = Project(
                connection=second, metadata=blog(), directory=tmp_path / "migrations"
            )
            with pytest.raises(LockedError, match="another run holds the lock") as caught:
                embedded.downgrade("base", lock_wait=0)
        assert f"process {actor().pid}" in str(caught.value)
        assert "DELETE FROM autodiff_lock" in str(caught.value.hint)
        lock.release()
    project.downgrade("base")


def test_an_error_of_the_database_names_the_step(url: sa.URL, tmp_path: Path) -> None:
    """Report a column that DuckDB cannot drop, because a foreign key refers to its table."""
    first = Project(url, blog(), tmp_path / "migrations")
    first.generate("create")
    first.upgrade()
    folder = tmp_path / "migrations"
    (folder / "0002_drop.py").write_text(
        dedent(
            f"""
            from autodiff import op

            revision = "bbbb2222"
            parents = ({first.status().current!r},)


            def upgrade() -> None:
                op.drop_column("users", "name")


            def downgrade() -> None:
                pass
            """
        )
    )
    with pytest.raises(
        MigrationFailedError, match="cannot alter a table that foreign keys refer to: posts"
    ):
        first.upgrade()
    assert first.status().unfinished is None
    assert query(url, "SELECT index_name FROM duckdb_indexes() WHERE table_name = 'users'") == [
        ("ix_users_name",)
    ]


def test_a_new_column_of_a_referenced_table(url: sa.URL, tmp_path: Path) -> None:
    """The migration is rehearsed and marked as not reversible; live rows are sampled."""
    project = Project(url, blog(), tmp_path / "migrations")
    project.generate("create")
    project.upgrade()
    insert_posts(url)
    models = blog()
    models.tables["users"].append_column(sa.Column("age", sa.Integer))
    project = Project(url, models, tmp_path / "migrations")
    draft = project.draft("add")
    assert draft is not None
    assert draft.proof is not None
    assert draft.proof.skipped is None
    [note] = draft.proof.notes
    assert note.startswith("it cannot be reverted: cannot apply - column users.age: ")
    project.generate("add")
    result = project.rehearse(rows="live")
    assert [step.status for step in result.steps] == ["irreversible"]
    assert result.notes == ()
    project.upgrade()
    assert not project.check()
    with pytest.raises(MigrationFailedError, match="foreign keys refer to: posts"):
        project.downgrade("-1")


def run_script(url: sa.URL, script: str) -> None:
    """Run a script as the client does, which has commands that begin with a dot."""
    lines = [line for line in script.splitlines() if not line.startswith(".")]
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.stdin.read())"
    subprocess.run(
        [sys.executable, "-c", code, str(url.database)],
        input="\n".join(lines),
        text=True,
        check=True,
        capture_output=True,
    )


def test_a_script(url: sa.URL, tmp_path: Path) -> None:
    """It makes the schema and the records of an upgrade, and runs once only."""
    project = Project(url, blog(), tmp_path / "migrations")
    project.generate("create")
    project.upgrade()
    insert_posts(url)
    second = Project(url, changed_blog(), tmp_path / "migrations")
    second.generate("change", renames=["posts.title:headline"], fills={"posts.kind": "it's"})
    new = sa.URL.create("duckdb", database=str(tmp_path / "new.duckdb"))
    copy = Project(new, changed_blog(), tmp_path / "migrations")
    up, down = copy.script().text, copy.script("head:base", "downgrade").text
    run_script(new, up)
    assert not copy.check()
    assert copy.upgrade() == []
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run_script(new, up)
    assert "applied to this database already: 0001_create, 0002_change" in caught.value.stderr
    run_script(new, down)
    assert query(new, "SELECT count(*) FROM autodiff_history") == [(0,)]
    copy.upgrade()
    assert not copy.check()
