"""Test rehearse, diff and --verbose."""

from __future__ import annotations

from html import unescape

import pytest

from tests.cli.project import COMMENTS, CONFIG, POSTS, Folder


def test_rehearse(blog_3: Folder) -> None:
    """It prints a line for each migration and changes nothing."""
    with blog_3.untouched():
        result = blog_3.ok("rehearse")
        data = blog_3.ok("rehearse", "--json").data
    assert result.out == (
        "0001_add_posts: passed\n"
        "0002_add_comments: passed\n"
        "0003_add_timestamp: passed\n"
        "3 migrations passed\n"
    )
    assert (data["passed"], data["problems"], data["notes"]) == (True, [], [])
    assert [step["status"] for step in data["steps"]] == ["passed"] * 3


def test_rehearse_with_live_rows(blog_3: Folder) -> None:
    """It runs the newest migration on a copy; lost columns are listed without values."""
    with blog_3.untouched():
        result = blog_3.ok("rehearse", "--from-data", "--rows", "10")
    assert result.out == (
        "0003_add_timestamp: passed\n"
        "  lost in downgrade: the values of comments.timestamp\n"
        "1 migration passed\n"
    )
    assert "first!" not in result.out + result.err
    assert blog_3.ok("rehearse", "3", "--no-rows").out.startswith("0003_add_timestamp: passed\n")


def test_rehearse_reports_problems(blog_3: Folder) -> None:
    """The exit code is 1."""
    file = blog_3.migrations / "0003_add_timestamp.py"
    file.write_text(file.read_text().replace('op.drop_column("comments", "timestamp")', "pass; x"))
    with blog_3.untouched():
        result = blog_3.run("rehearse", "0003")
    assert result.code == 1
    assert result.out == (
        "0003_add_timestamp: failed\n"
        "  downgrade fails: NameError: name 'x' is not defined\n"
        "1 migration, 1 failed\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("rehearse", "0009"),
        ("rehearse", "--from-data", "--no-rows"),
        ("rehearse", "3:1"),
        ("diff", "--changes", "--sql"),
        ("diff", "nothing"),
        ("diff", "mssql://x/y"),
    ],
)
def test_wrong_arguments_are_refused(blog_3: Folder, arguments: tuple[str, ...]) -> None:
    blog_3.fails(*arguments)


def test_rehearse_without_migrations(folder: Folder) -> None:
    """The exit code is 0."""
    folder.write(autodiff=CONFIG, models=COMMENTS)
    assert folder.ok("rehearse").out == "nothing to rehearse\n"


def test_diff(blog_3: Folder) -> None:
    """Changes and SQL are printed together, separately or as JSON; the exit code is 1."""
    blog_3.write(models=COMMENTS)
    with blog_3.untouched():
        result = blog_3.run("diff")
        assert result.code == 1
        changes, _, sql = result.out.partition("\n\n")
        assert changes == "- column comments.timestamp"
        assert sql.startswith(("ALTER TABLE", "CREATE TABLE"))
        assert blog_3.run("diff", "--changes").out == f"{changes}\n"
        assert blog_3.run("diff", "--sql").out == sql
        data = blog_3.run("diff", "--json").data
        assert (data["different"], data["changes"]) == (True, [changes])
        assert "".join(f"{line};\n" for line in data["sql"]) == sql
        assert blog_3.ok("diff", "head", "database").out == "no difference\n"
        assert blog_3.run("diff", "-1", "head", "--changes").out == "+ column comments.timestamp\n"
        url = f"sqlite:///{blog_3.path / 'blog.db'}"
        assert blog_3.run("diff", "2", url, "--changes").out == "+ column comments.timestamp\n"


def test_sql_of_several_lines(blog: Folder) -> None:
    """diff, push and the reports print each line of the SQL; a comment has no semicolon."""
    blog.write(models=POSTS.replace("    title: Mapped[str]", "    title: Mapped[str | None]"))
    blog.ok("push", "--yes")
    blog.write(models=POSTS)
    script = blog.run("diff", "--sql").out
    comment, query, *statements = script.splitlines()
    assert comment == "-- this query must return no rows: posts.title is NULL in some rows"
    assert query == "-- SELECT id FROM posts WHERE title IS NULL"
    assert statements[0].startswith("CREATE TABLE")
    assert statements[1].startswith("    id ")
    assert blog.run("diff").out.endswith(f"\n\n{script}")
    assert blog.ok("push", "--dry-run").out.endswith(f"\n\n{script}")
    assert script in blog.run("report", "--drift", "--format", "markdown").out
    page = unescape(blog.run("report", "--drift", "--format", "html").out)
    assert script.strip() in page


def test_verbose(blog_3: Folder) -> None:
    """Unmanaged objects are listed on stderr or in the JSON."""
    blog_3.sql("CREATE VIEW titles AS SELECT title FROM posts")
    line = "not compared: view titles (the models declare no views)\n"
    with blog_3.untouched():
        for command in (("check",), ("generate", "-m", "x", "--dry-run"), ("diff",)):
            assert line not in blog_3.ok(*command).err
            assert line in blog_3.ok(*command, "-v").err
            data = blog_3.ok(*command, "--verbose", "--json").data
            assert {"kind": "view", "name": "titles", "reason": "the models declare no views"} in (
                data["left_alone"]
            )


def test_locks_lists_statements_and_findings(blog_3: Folder) -> None:
    """SQLite locks the whole database, so a note reports that nothing was measured."""
    result = blog_3.ok("rehearse", "--locks")
    assert result.err.startswith("note: locks and rewrites were not measured on this database")
    assert "0003_add_timestamp.py:" in result.out
    assert "AD305" in result.out
    assert result.lines[-1] == "3 migrations passed"
    data = blog_3.ok("rehearse", "3", "--json").data
    assert [finding["code"] for finding in data["findings"]] == ["AD305"]
    assert data["steps"][0]["statements"] == []
