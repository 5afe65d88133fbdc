"""Test questions, colors and progress bars at a terminal."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.cli.project import COMMENTS, POSTS, TIMESTAMP, Folder, kinds
from tests.cli.terminal import Terminal, plain

RENAMED = POSTS.replace("title: Mapped", "headline: Mapped")
RENAME = "Was column posts.title renamed to posts.headline? (both are VARCHAR(200)) [y/N]:"
FILL = (
    "posts.headline is NOT NULL and posts may have rows; "
    "value for existing rows (now, a number, a string, sql:...):"
)


def generate_with_rename(
    blog: Folder, *options: str, environment: Mapping[str, str] | None = None
) -> Terminal:
    """Start generate with models in which a column may be renamed."""
    blog.write(models=RENAMED)
    return Terminal(blog, "generate", "-m", "headline", *options, environment=environment)


def test_a_column_rename_is_asked(blog: Folder) -> None:
    terminal = generate_with_rename(blog)
    terminal.expect(RENAME)
    terminal.type("y")
    terminal.ends_with(0)
    assert "  ~ column posts.title -> headline\n" in terminal.text
    blog.ok("upgrade")
    assert blog.sql("SELECT headline FROM posts") == [("Hello",)]


def test_a_table_rename_is_asked(blog: Folder) -> None:
    blog.write(models=POSTS.replace('"posts"', '"articles"'))
    terminal = Terminal(blog, "generate", "-m", "articles")
    terminal.expect("Was table posts renamed to articles? (100% of their columns are the same)")
    terminal.type("y")
    terminal.ends_with(0)
    blog.ok("upgrade")
    assert blog.sql("SELECT title FROM articles") == [("Hello",)]


def test_enter_means_no_and_a_value_is_asked(blog: Folder) -> None:
    """Drop and add need a value; the question is repeated until there is one."""
    terminal = generate_with_rename(blog)
    terminal.expect(RENAME)
    terminal.type("")
    terminal.expect(FILL)
    terminal.type("")
    terminal.type("  ")
    terminal.type("sql:upper('x')")
    terminal.ends_with(0)
    assert terminal.text.count(FILL) == 3
    blog.ok("upgrade")
    assert blog.sql("SELECT headline FROM posts") == [("X",)]


def test_a_new_value_for_rows_with_a_removed_value_is_asked(blog: Folder) -> None:
    """It is asked after the rename was declined, and again after an unknown value."""
    blog.grow(kinds("long", "short"), "kinds")
    blog.sql("UPDATE posts SET kind = 'long'")
    blog.write(models=kinds("essay", "short"))
    terminal = Terminal(blog, "generate", "-m", "essays")
    terminal.expect("Was value posts.kind.long renamed to essay? (one value is removed")
    terminal.type("n")
    question = (
        "posts.kind.long is removed; value for rows that have it (essay, short, or Enter for none)"
    )
    terminal.expect(question)
    terminal.type("shrot")
    terminal.expect(question)
    terminal.type("short")
    terminal.ends_with(0)
    blog.ok("upgrade")
    assert blog.sql("SELECT kind FROM posts") == [("short",)]


def test_no_question_if_an_option_answers_it(blog: Folder) -> None:
    terminal = generate_with_rename(blog, "--rename", "posts.title:headline")
    terminal.ends_with(0)
    assert "Was column" not in terminal.text


@pytest.mark.parametrize("key", ["press_ctrl_c", "press_ctrl_d"])
def test_interrupting_a_question(blog: Folder, key: str) -> None:
    """Ctrl-C and Ctrl-D end the command with 130 and change nothing."""
    blog.write(models=RENAMED)
    with blog.untouched():
        terminal = generate_with_rename(blog)
        terminal.expect(RENAME)
        getattr(terminal, key)()
        terminal.ends_with(130)
    assert terminal.text.endswith("interrupted\n")
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize(
    ("options", "environment"), [(["--no-input"], {}), (["--json"], {}), ([], {"CI": "true"})]
)
def test_no_questions_without_input(
    blog: Folder, options: list[str], environment: dict[str, str]
) -> None:
    """--no-input, --json and the variable CI give the error instead."""
    blog.write(models=RENAMED)
    with blog.untouched():
        terminal = generate_with_rename(blog, *options, environment=environment)
        terminal.ends_with(2)
    assert "a change could be a rename, or a drop and an add" in terminal.text
    assert RENAME not in terminal.text


def test_questions_are_not_written_to_a_pipe(blog: Folder) -> None:
    blog.write(models=RENAMED)
    terminal = Terminal(blog, "generate", "-m", "headline", piped=True)
    terminal.expect(RENAME)
    terminal.type("y")
    terminal.ends_with(0)
    lines = ("migrations/0002_headline.py", "  ~ column posts.title -> headline")
    assert terminal.piped() == "".join(f"{line}\n" for line in lines)


def test_changes_have_colors(blog: Folder) -> None:
    """+ is green and ~ is yellow, unless NO_COLOR is set or the terminal is dumb."""
    blog.grow(COMMENTS, "add comments")
    blog.write(models=TIMESTAMP.replace("String(200)", "String(100)"))
    colored = Terminal(blog, "check", "--quiet")
    colored.ends_with(1)
    assert "\x1b[32m  + column comments.timestamp\x1b[0m" in colored.raw
    assert "\x1b[33m  ~ column posts.title" in colored.raw
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        uncolored = Terminal(blog, "check", "--quiet", environment=environment)
        uncolored.ends_with(1)
        assert "\x1b" not in uncolored.raw
        assert uncolored.text == colored.text


def test_errors_have_colors(folder: Folder) -> None:
    """error: is red, unless NO_COLOR is set."""
    terminal = Terminal(folder, "check")
    terminal.ends_with(2)
    assert "\x1b[31m\x1b[1merror:\x1b[0m no configuration" in terminal.raw
    terminal = Terminal(folder, "check", environment={"NO_COLOR": "1"})
    terminal.ends_with(2)
    assert "\x1b" not in terminal.raw


def test_code_is_highlighted_completely(blog_3: Folder) -> None:
    """Without the colors it is the file, including long lines."""
    path = blog_3.migrations / "0003_add_timestamp.py"
    path.write_text(f"{path.read_text()}# {'long ' * 40}line\n")
    terminal = Terminal(blog_3, "show", "3")
    terminal.ends_with(0)
    assert "\x1b[" in terminal.raw
    assert plain(terminal.raw) == path.read_text()


def test_several_migrations_show_a_progress_bar(blog_3: Folder) -> None:
    """A line for each migration stays."""
    blog_3.ok("downgrade", "base")
    terminal = Terminal(blog_3, "upgrade", piped=True)
    terminal.ends_with(0)
    assert "━" in terminal.raw
    for name in ("0001_add_posts", "0002_add_comments", "0003_add_timestamp"):
        assert f"{name} ... " in terminal.text
    assert terminal.piped() == "3 migrations applied\n"


def test_one_migration_shows_no_progress_bar(blog_3: Folder) -> None:
    terminal = Terminal(blog_3, "downgrade", "-1")
    terminal.ends_with(0)
    assert "━" not in terminal.raw
    assert "0003_add_timestamp ... " in terminal.text


def test_a_failure_ends_the_progress_bar(blog_3: Folder) -> None:
    """The error is printed below the applied migrations."""
    blog_3.ok("downgrade", "base")
    path = blog_3.migrations / "0002_add_comments.py"
    text = path.read_text()
    path.write_text(text.replace("\n\n\ndef d", '\n    op.execute("SELECT nonsense")\n\n\ndef d'))
    terminal = Terminal(blog_3, "upgrade")
    terminal.ends_with(2)
    assert "0001_add_posts ... " in terminal.text
    assert "error: upgrade of 0002_add_comments.py failed" in terminal.text
    assert "\x1b[?25h" in terminal.raw  # the cursor is visible again


def test_the_demo_at_a_terminal(folder: Folder) -> None:
    """It asks nothing."""
    terminal = Terminal(folder, "demo")
    terminal.ends_with(0)
    assert "$ autodiff check\nno drift\n" in terminal.text
    assert "The demo is complete." in terminal.text


@pytest.mark.parametrize(("environment", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_help_has_colors(folder: Folder, environment: dict[str, str], colored: bool) -> None:
    """Option and command names are highlighted, unless NO_COLOR is set."""
    terminal = Terminal(folder, "--help", environment=environment)
    terminal.ends_with(0)
    assert "  --json                Print the result as JSON.\n" in terminal.text
    assert ("\x1b[36m\x1b[1m--json\x1b[0m" in terminal.raw) is colored
    assert ("\x1b" in terminal.raw) is colored
