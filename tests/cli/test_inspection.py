"""Test the output of check, status, history, show and lock as text and JSON."""

from __future__ import annotations

import re

from tests.cli.project import COMMENTS, CONFIG, POSTS, Folder


def test_no_drift(blog_3: Folder) -> None:
    """The exit code is 0 with and without a database."""
    with blog_3.untouched():
        assert blog_3.ok("check").out == "no drift\n"
        assert blog_3.ok("check", "--offline").out == "no drift\n"
        data = blog_3.ok("check", "--json").data
    assert data["drift"] is False


def test_drift_of_the_models(blog: Folder) -> None:
    """The exit code is 1 with and without a database; the output has the command to run."""
    blog.write(models=COMMENTS)
    with blog.untouched():
        offline, online = blog.run("check", "--offline"), blog.run("check")
    expected = (
        "the models have changes that no migration covers:\n"
        "  + table comments\n"
        '  to do: autodiff generate -m "..."\n'
    )
    assert (offline.code, offline.out) == (1, expected)
    assert online.code == 1
    assert online.out.startswith(expected)


def test_drift_as_json(blog: Folder) -> None:
    """Each kind of drift has a key; the exit code is 1."""
    blog.write(models=COMMENTS)
    result = blog.run("check", "--json")
    assert result.code == 1
    assert result.data["drift"] is True
    assert result.data["models"] == ["+ table comments"]
    assert result.data["by_hand"] == []


def test_pending_migrations_are_drift(blog: Folder) -> None:
    blog.ok("downgrade", "-1")
    result = blog.run("check")
    assert result.code == 1
    assert "migrations are not applied to the database:\n  0001_add_posts.py\n" in result.out


def test_a_manual_change_is_drift(blog: Folder) -> None:
    """A column that no migration adds is listed."""
    blog.sql("ALTER TABLE posts ADD COLUMN mood TEXT")
    result = blog.run("check")
    assert result.code == 1
    assert "the database was changed by hand:\n  + column posts.mood\n" in result.out


def test_a_table_without_a_model_is_drift(blog: Folder) -> None:
    """exclude_tables ignores it."""
    blog.sql("CREATE TABLE cache (id INTEGER PRIMARY KEY)")
    result = blog.run("check")
    assert result.code == 1
    assert "  + table cache\n" in result.out
    assert blog.ok("generate", "-m", "x", "--dry-run").out.splitlines()[2] == "- table cache"
    blog.write(autodiff=f'{CONFIG}exclude_tables = ["cache"]\n')
    assert blog.ok("check").out == "no drift\n"


def test_status(blog_3: Folder) -> None:
    """It lists applied migrations with their time, and pending ones."""
    blog_3.ok("downgrade", "-1")
    lines = blog_3.ok("status").out.splitlines()
    assert lines[0] == "applied:"
    timestamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.fullmatch(rf"  0001_add_posts     [0-9a-f]{{8}}  {timestamp}", lines[1])
    assert re.fullmatch(rf"  0002_add_comments  [0-9a-f]{{8}}  {timestamp}", lines[2])
    assert lines[3] == "pending:"
    assert re.fullmatch(r"  0003_add_timestamp  [0-9a-f]{8}", lines[4])
    assert len(lines) == 5


def test_status_creates_no_database(folder: Folder) -> None:
    folder.write(autodiff=CONFIG, models=POSTS)
    with folder.untouched():
        assert folder.ok("status").out == "applied:\n  none\npending:\n  none\n"


def test_history_is_newest_first(blog_3: Folder) -> None:
    """The head is marked with a star; no database is needed."""
    blog_3.write(autodiff='models = "nowhere"\nurl = "postgresql://nowhere/x"\n')
    lines = blog_3.ok("history").out.splitlines()
    assert re.fullmatch(r"\*  0003_add_timestamp  [0-9a-f]{8}", lines[0])
    assert re.fullmatch(r"   0002_add_comments   [0-9a-f]{8}", lines[1])
    assert re.fullmatch(r"   0001_add_posts      [0-9a-f]{8}", lines[2])
    data = blog_3.ok("history", "--json").data
    assert [item["name"][:4] for item in data["migrations"]] == ["0003", "0002", "0001"]
    assert data["heads"] == [data["migrations"][0]["revision"]]


def test_history_shows_branches(blog_3: Folder) -> None:
    """Each head is marked with a star, and lines connect the branches."""
    second = blog_3.migrations / "0002_add_comments.py"
    parent = re.search(r'parents = \("(\w+)"', second.read_text())
    assert parent is not None
    blog_3.write(
        **{
            "migrations/0004_other": f'revision = "0004"\nparents = ("{parent[1]}",)\n'
            "def upgrade(): pass\ndef downgrade(): pass\n"
        }
    )
    lines = blog_3.ok("history").out.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        ["*", "0004_other"],
        ["| *", "0003_add_timestamp"],
        ["| o", "0002_add_comments"],
        ["|/"],
        ["o", "0001_add_posts"],
    ]


def test_history_of_an_empty_folder(folder: Folder) -> None:
    """The exit code is 0."""
    folder.write(autodiff=CONFIG)
    result = folder.ok("history")
    assert (result.out, result.err) == ("", "no migrations yet\n")
    assert folder.ok("history", "--json").data == {
        "heads": [],
        "branches": {},
        "migrations": [],
    }


def test_show_prints_the_file(blog_3: Folder) -> None:
    """The bytes are the same; head, number and name are accepted."""
    text = (blog_3.migrations / "0003_add_timestamp.py").read_text()
    for target in ("head", "3", "0003", "add_timestamp", "0003_add_timestamp"):
        assert blog_3.ok("show", target).out == text
    data = blog_3.ok("show", "head", "--json").data
    assert (data["text"], data["message"]) == (text, "add timestamp")


def test_show_prints_sql(blog_3: Folder) -> None:
    """It is the SQL of upgrade or downgrade for the configured kind of database."""
    up = blog_3.ok("show", "1", "--sql")
    assert up.out.startswith("-- 0001_add_posts\nCREATE TABLE posts (")
    down = blog_3.ok("show", "1", "--downgrade")
    assert down.out == "-- 0001_add_posts\nDROP TABLE posts;\n"
    data = blog_3.ok("show", "1", "--sql", "--downgrade", "--json").data
    assert data["statements"] == ["DROP TABLE posts"]


def test_show_does_not_connect(blog_3: Folder) -> None:
    """The URL only selects the kind of database."""
    url = "postgresql://u:secret@localhost:1/x"
    assert "timestamp without time zone" in blog_3.ok("show", "3", "--sql", "--url", url).out


def test_lock_writes_the_same_file_as_generate(blog_3: Folder) -> None:
    lock = blog_3.migrations / "autodiff.lock"
    before = lock.read_bytes()
    lock.unlink()
    assert blog_3.ok("lock").out == "migrations/autodiff.lock\n"
    assert lock.read_bytes() == before
    assert blog_3.ok("lock", "--json").data == {"path": "migrations/autodiff.lock"}


def test_check_notes_a_missing_lock_file(blog_3: Folder) -> None:
    (blog_3.migrations / "autodiff.lock").unlink()
    result = blog_3.ok("check")
    assert result.out == "no drift\n"
    assert result.err.startswith("note: there is no lock file")
