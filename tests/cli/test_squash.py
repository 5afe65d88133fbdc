"""squash: what it prints, writes and deletes."""

from __future__ import annotations

import re

from tests.cli.project import Folder


def test_three_become_one(blog_3: Folder) -> None:
    """The file and what it does, and what was deleted; the database is at the head."""
    result = blog_3.ok("squash", ":", "-m", "the blog")
    assert result.out.splitlines() == [
        "migrations/0003_the_blog.py",
        "  + table comments",
        "  + table posts",
        "deleted, since it replaces them; version control has them:",
        "  migrations/0001_add_posts.py",
        "  migrations/0002_add_comments.py",
        "  migrations/0003_add_timestamp.py",
    ]
    assert blog_3.ok("check").out == "no drift\n"
    assert blog_3.ok("check", "--offline").out == "no drift\n"
    assert blog_3.ok("upgrade").out == "nothing to do\n"
    first = blog_3.ok("history", "--log").out.splitlines()[0]
    assert re.search(r"  squash   0003_the_blog +[0-9a-f]{8}  0\.0 s  done ", first)
    assert blog_3.sql("SELECT title FROM posts") == [("Hello",)]
    blog_3.ok("rehearse")


def test_a_dry_run_writes_nothing(blog_3: Folder) -> None:
    """It prints the file; as JSON also what would be deleted."""
    with blog_3.untouched():
        text = blog_3.ok("squash", "2:", "-m", "comments", "--dry-run").out
        data = blog_3.ok("squash", "2:", "-m", "comments", "--dry-run", "--json").data
    assert text.startswith('"""comments\n\n+ table comments\n"""\n')
    assert "\nreplaces = (" in text
    assert data["deleted"] == [
        "migrations/0002_add_comments.py",
        "migrations/0003_add_timestamp.py",
    ]
    assert data["migration"]["name"] == "0003_comments"


def test_what_is_left_out_is_told(blog_3: Folder) -> None:
    """Refused with file and line; with --without-data a note on stderr."""
    path = blog_3.migrations / "0003_add_timestamp.py"
    head, _, tail = path.read_text().partition("def upgrade() -> None:\n")
    body = '    op.execute("UPDATE comments SET post_id = 1")\n'
    path.write_text(f"{head}def upgrade() -> None:\n{body}{tail}")
    line = f"0003_add_timestamp.py:{len(head.splitlines()) + 2}: ~ execute UPDATE comments"
    assert line in blog_3.fails("squash", ":", "-m", "x").err
    assert f"left out: {line}" in blog_3.ok("squash", ":", "-m", "x", "--without-data").err


def test_a_range_that_is_none(blog_3: Folder) -> None:
    """The message shows how one is written."""
    assert "for example autodiff squash 0002:0007" in blog_3.fails("squash", "2", "-m", "x").err
