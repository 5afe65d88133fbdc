"""repair, and what status and check say of a history that is wrong."""

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


def test_nothing_is_wrong(blog: Folder) -> None:
    """Exit code 0, and nothing is changed; options for what is not wrong change nothing either."""
    with blog.untouched():
        assert blog.ok("repair").out == "the history has no problems\n"
        assert blog.ok("repair", "--edited", "--missing").out == ("the history has no problems\n")
        assert blog.ok("repair", "--json").data == {"repaired": [], "problems": []}


def test_repair_lists_what_is_wrong(blog: Folder) -> None:
    """Each with every way out; exit code 1, and nothing is changed."""
    edit(blog)
    with blog.untouched():
        result = blog.run("repair")
        data = blog.run("repair", "--json").data
    assert (result.code, result.out) == (1, EDITED)
    assert data["problems"][0]["kind"] == "edited"


def test_status_works_and_shows_it(blog: Folder) -> None:
    """Where upgrade refuses, status still tells where the database stands."""
    edit(blog)
    result = blog.ok("status")
    assert result.out.startswith("applied:\n  0001_add_posts")
    assert result.out.endswith(EDITED)
    assert blog.ok("status", "--json").data["problems"][0]["message"] in EDITED


def test_an_edited_file_is_accepted(blog: Folder) -> None:
    """What was mended is told, and the log has it."""
    edit(blog)
    result = blog.ok("repair", "--edited")
    assert result.out.startswith("0001_add_posts (")
    assert result.out.endswith(") is recorded as applied with its current file\n")
    assert "  repair   0001_add_posts" in blog.ok("history", "--log").out.splitlines()[0]
    blog.ok("downgrade")


def test_what_is_wrong_still_is_told(blog_3: Folder) -> None:
    """Exit code 1 as long as anything is."""
    edit(blog_3)
    (blog_3.migrations / "0003_add_timestamp.py").unlink()
    result = blog_3.run("repair", "--missing")
    assert result.code == 1
    mended, _, rest = result.out.partition("\n")
    assert mended.endswith(") is no longer recorded as applied")
    assert rest == EDITED
