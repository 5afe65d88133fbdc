"""Test repair, and the problems of the history that status and check list."""

from __future__ import annotations

from tests.cli.project import Folder

EDITED = (
    "problems:\n"
    "  migrations were edited after they were applied: 0001_add_posts.py\n"
    "    to do: restore them from version control and write the change as a new migration\n"
    "    or: accept them, if the database already matches them: autodiff repair --edited\n"
)


def edit(folder: Folder) -> None:
    path = folder.migrations / "0001_add_posts.py"
    path.write_text(path.read_text().replace("String(200)", "String(100)"))


def test_repair_without_problems(blog: Folder) -> None:
    """The exit code is 0, and options to repair change nothing."""
    with blog.untouched():
        assert blog.ok("repair").out == "the history has no problems\n"
        assert blog.ok("repair", "--edited", "--missing").out == ("the history has no problems\n")
        assert blog.ok("repair", "--json").data == {"repaired": [], "problems": []}


def test_repair_lists_problems(blog: Folder) -> None:
    """Each has every way to fix it; the exit code is 1, and nothing is changed."""
    edit(blog)
    with blog.untouched():
        result = blog.run("repair")
        data = blog.run("repair", "--json").data
    assert (result.code, result.out) == (1, EDITED)
    assert data["problems"][0]["kind"] == "edited"


def test_status_lists_problems(blog: Folder) -> None:
    """It works although upgrade refuses."""
    edit(blog)
    result = blog.ok("status")
    assert result.out.startswith("applied:\n  0001_add_posts")
    assert result.out.endswith(EDITED)
    assert blog.ok("status", "--json").data["problems"][0]["message"] in EDITED


def test_an_edited_file_is_accepted(blog: Folder) -> None:
    """The repair is printed and recorded in the log."""
    edit(blog)
    result = blog.ok("repair", "--edited")
    assert result.out.startswith("0001_add_posts (")
    assert result.out.endswith(") is recorded as applied with its current file\n")
    assert "  repair   0001_add_posts" in blog.ok("history", "--log").out.splitlines()[0]
    blog.ok("downgrade", "-1")


def test_remaining_problems_are_listed(blog_3: Folder) -> None:
    """The exit code is 1 until all are repaired."""
    edit(blog_3)
    (blog_3.migrations / "0003_add_timestamp.py").unlink()
    result = blog_3.run("repair", "--missing")
    assert result.code == 1
    mended, _, rest = result.out.partition("\n")
    assert mended.endswith(") is no longer recorded as applied")
    assert rest == EDITED
