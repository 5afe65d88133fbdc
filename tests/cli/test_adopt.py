"""Test the output and the results of adopt."""

from __future__ import annotations

from tests.adopting.alembic_project import AlembicProject
from tests.cli.project import COMMENTS, CONFIG, Folder

POSTS_SQL = "CREATE TABLE posts (id INTEGER NOT NULL PRIMARY KEY, title VARCHAR(200) NOT NULL)"


def write_existing_project(folder: Folder) -> Folder:
    """Write models of posts and comments, create the table posts, and return the folder."""
    folder.write(autodiff=CONFIG, models=COMMENTS)
    folder.sql(POSTS_SQL)
    return folder


def test_a_baseline(folder: Folder) -> None:
    """The file has the existing table, and generate writes only the difference."""
    write_existing_project(folder)
    result = folder.ok("adopt", "--baseline")
    assert result.out == (
        "migrations/0001_baseline.py\n"
        "  + table posts\n"
        "recorded as applied; compare the database with the models: autodiff check\n"
    )
    assert folder.ok("upgrade").out == "nothing to do\n"
    assert folder.run("check").out == (
        "the models have changes that no migration covers:\n"
        "  + table comments\n"
        '  to do: autodiff generate -m "..."\n'
        "the models and the database differ:\n"
        "  + table comments\n"
    )
    assert folder.ok("generate", "-m", "comments").out.splitlines()[1:] == ["  + table comments"]


def test_a_dry_run_writes_and_records_nothing(folder: Folder) -> None:
    """It prints the file."""
    write_existing_project(folder)
    with folder.untouched():
        text = folder.ok("adopt", "--baseline", "--dry-run", "-m", "as it was").out
        data = folder.ok("adopt", "--baseline", "--dry-run", "--json").data
    assert text.startswith('"""as it was\n\n+ table posts\n"""\n')
    assert (data["written"], data["summary"]) == (False, ["+ table posts"])


def test_alembic_is_required_without_a_baseline(folder: Folder) -> None:
    """The message lists where its history was searched, and how to start without it."""
    write_existing_project(folder)
    error = folder.fails("adopt").err
    assert "there is no Alembic history in" in error
    assert "run autodiff adopt --baseline" in error
    assert "takes no Alembic folder" in folder.fails("adopt", "--baseline", ".").err
    assert "there are no migrations in" in folder.fails("adopt", "--convert").err


def test_adopting_an_alembic_history(folder: Folder) -> None:
    """The revisions are listed by adopt, history and status, and replaced by baseline."""
    alembic = AlembicProject(folder.path)
    alembic.revision(
        "1a2b",
        up='op.create_table("posts", sa.Column("id", sa.Integer(), primary_key=True), '
        'sa.Column("title", sa.String(200), nullable=False))',
        down='op.drop_table("posts")',
    )
    write_existing_project(folder)
    folder.sql("CREATE TABLE alembic_version (version_num TEXT)")
    folder.sql("INSERT INTO alembic_version VALUES ('1a2b')")
    with folder.untouched():
        folder.ok("adopt", "--dry-run")
    assert folder.ok("adopt").out == (
        "alembic/versions/1a2b.py (applied)\n"
        "1 of 1 revisions adopted, in migrations/alembic.toml\n"
        "1 of 1 are applied, according to alembic_version\n"
    )
    assert folder.fails("adopt").err.startswith("error: the project has adopted an Alembic history")
    assert folder.ok("history").out == "*  1a2b  1a2b  run by Alembic\n"
    assert folder.ok("status", "--json").data["current"] == "1a2b"
    assert "autodiff baseline --legacy" in folder.fails("baseline").err
    with folder.untouched():
        text = folder.ok("baseline", "--legacy", "--dry-run").out
    assert 'replaces = ("1a2b",)' in text
    assert folder.ok("baseline", "--legacy").out == (
        "migrations/0000_baseline.py\n"
        "1 revision of Alembic replaced; Alembic's files are not used any more and can be "
        "deleted\n"
    )
    assert folder.ok("upgrade").out == "nothing to do\n"
    assert "0000_baseline" in folder.ok("status").out


def test_the_time_at_which_alembic_ran_is_unknown(folder: Folder) -> None:
    """Its version table has no times. The next run of autodiff records the revision."""
    alembic = AlembicProject(folder.path)
    alembic.revision("1a2b", up="pass", down="pass")
    write_existing_project(folder)
    folder.ok("adopt")
    folder.sql("CREATE TABLE alembic_version (version_num TEXT)")
    folder.sql("INSERT INTO alembic_version VALUES ('1a2b')")
    assert "1a2b  1a2b  by Alembic\n" in folder.ok("status").out
    assert folder.ok("status", "--json").data["applied"][0]["applied_at"] is None
    folder.ok("upgrade")
    assert folder.ok("status", "--json").data["applied"][0]["applied_at"] is not None


def test_adopting_alembic_migrations(folder: Folder) -> None:
    """The written files and the number of applied migrations are printed."""
    write_existing_project(folder)
    versions = folder.path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (versions / "1a2b_posts.py").write_text(
        'from alembic import op\nrevision = "1a2b"\ndown_revision = None\n'
        "def upgrade():\n    pass\ndef downgrade():\n    pass\n"
    )
    folder.sql("CREATE TABLE alembic_version (version_num TEXT)")
    folder.sql("INSERT INTO alembic_version VALUES ('1a2b')")
    with folder.untouched():
        folder.ok("adopt", "--convert", "alembic", "--dry-run")
    assert folder.ok("adopt", "--convert", "alembic").out == (
        "migrations/0001_posts.py\n1 of 1 migrations are applied, according to alembic_version\n"
    )
    assert folder.ok("status", "--json").data["current"] == "1a2b"
