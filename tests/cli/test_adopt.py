"""adopt: what it prints, and what it leaves."""

from __future__ import annotations

from tests.cli.project import COMMENTS, CONFIG, Folder

POSTS_SQL = "CREATE TABLE posts (id INTEGER NOT NULL PRIMARY KEY, title VARCHAR(200) NOT NULL)"


def live(folder: Folder) -> Folder:
    """A database with posts, models with comments too, and no migrations."""
    folder.write(autodiff=CONFIG, models=COMMENTS)
    folder.sql(POSTS_SQL)
    return folder


def test_a_baseline(folder: Folder) -> None:
    """The file, what it makes, and what comes next; generate writes just the difference."""
    live(folder)
    result = folder.ok("adopt", "--baseline")
    assert result.out == (
        "migrations/0001_baseline.py\n"
        "  + table posts\n"
        "it counts as applied; autodiff check says what the models add\n"
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
    live(folder)
    with folder.untouched():
        text = folder.ok("adopt", "--baseline", "--dry-run", "-m", "as it was").out
        data = folder.ok("adopt", "--baseline", "--dry-run", "--json").data
    assert text.startswith('"""as it was\n\n+ table posts\n"""\n')
    assert (data["written"], data["summary"]) == (False, ["+ table posts"])


def test_either_a_baseline_or_a_folder(folder: Folder) -> None:
    """The message shows both."""
    live(folder)
    for arguments in ((), ("--baseline", ".")):
        assert (
            "autodiff adopt --baseline, or autodiff adopt FOLDER"
            in folder.fails("adopt", *arguments).err
        )


def test_alembic(folder: Folder) -> None:
    """The files that were written, and how many of them count as applied."""
    live(folder)
    versions = folder.path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (versions / "1a2b_posts.py").write_text(
        'from alembic import op\nrevision = "1a2b"\ndown_revision = None\n'
        "def upgrade():\n    pass\ndef downgrade():\n    pass\n"
    )
    folder.sql("CREATE TABLE alembic_version (version_num TEXT)")
    folder.sql("INSERT INTO alembic_version VALUES ('1a2b')")
    with folder.untouched():
        folder.ok("adopt", "alembic", "--dry-run")
    assert folder.ok("adopt", "alembic").out == (
        "migrations/0001_posts.py\n1 of 1 count as applied, as alembic_version says\n"
    )
    assert folder.ok("status", "--json").data["current"] == "1a2b"
