"""Test the file, the options and the errors of generate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autodiff import Project
from autodiff.commands.generate import Draft, GenerateRequest
from autodiff.commands.generate import draft_migration as draft_migration
from autodiff.plan import Finding
from tests.cli.project import COMMENTS, CONFIG, POSTS, TIMESTAMP, Folder, kinds
from tests.cli.terminal import Terminal

RENAMED = POSTS.replace("title: Mapped", "headline: Mapped")


def test_generate_prints_the_path_and_the_changes(blog: Folder) -> None:
    blog.write(models=COMMENTS)
    result = blog.ok("generate", "-m", "add comments")
    assert result.out == "migrations/0002_add_comments.py\n  + table comments\n"
    assert result.err == ""
    assert (
        'op.create_table(\n        "comments"'
        in (blog.migrations / "0002_add_comments.py").read_text()
    )


def test_generate_as_json(blog: Folder) -> None:
    """The data has the path, text and revision of the file, and the changes."""
    blog.write(models=COMMENTS)
    data = blog.ok("generate", "-m", "add comments", "--json").data
    path = blog.migrations / "0002_add_comments.py"
    assert data["written"] is True
    assert data["summary"] == ["+ table comments"]
    assert data["migration"]["path"] == "migrations/0002_add_comments.py"
    assert data["migration"]["files"] == {"migrations/0002_add_comments.py": path.read_text()}
    assert f'revision = "{data["migration"]["revision"]}"' in path.read_text()
    first = blog.ok("history", "--json").data["migrations"][-1]
    assert data["migration"]["parents"] == [first["revision"]]


def test_nothing_to_do(blog: Folder) -> None:
    """Without a difference no file is written, and the exit code is 0."""
    with blog.untouched():
        assert blog.ok("generate", "-m", "x").out == "nothing to do\n"
        data = blog.ok("generate", "-m", "x", "--json").data
    empty: list[str] = []
    assert data == {
        "written": False,
        "migration": None,
        "summary": empty,
        "findings": empty,
        "data_loss": empty,
    }


def test_dry_run_prints_the_file(blog: Folder) -> None:
    """The output has the bytes that would be written."""
    blog.write(models=COMMENTS)
    with blog.untouched():
        output = blog.ok("generate", "-m", "add comments", "--dry-run").out
        data = blog.ok("generate", "-m", "add comments", "--dry-run", "--json").data
    assert data["written"] is False
    blog.ok("generate", "-m", "add comments")
    assert output == (blog.migrations / "0002_add_comments.py").read_text()


COMPILED = """
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

@compiles(sa.BigInteger, "sqlite")
def integer(element, compiler, **kw):
    return "INTEGER"

metadata = sa.MetaData()
sa.Table("t", metadata, sa.Column("id", sa.BigInteger, primary_key=True))
"""


def test_sql_that_the_models_give_a_type(folder: Folder) -> None:
    """`upgrade` does not import the models, and creates the column as they do."""
    folder.write(models=COMPILED, autodiff=CONFIG.replace("Base", "metadata"))
    for command in (("generate", "-m", "x"), ("upgrade",), ("check",), ("check", "--offline")):
        result = folder.process(*command)
        assert result.code == 0, result
    assert folder.sql("SELECT type FROM pragma_table_info('t')") == [("INTEGER",)]


def test_an_empty_migration(blog: Folder) -> None:
    assert blog.ok("generate", "-m", "tidy up", "--empty").out == "migrations/0002_tidy_up.py\n"
    assert blog.ok("upgrade").out == "1 migration applied\n"
    assert blog.ok("check").out == "no drift\n"


def test_an_empty_migration_does_not_connect(blog: Folder) -> None:
    """The database may be behind or unreachable."""
    blog.ok("generate", "-m", "tidy up", "--empty")
    blog.ok("generate", "-m", "tidy more", "--empty")
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    blog.ok("generate", "-m", "and more", "--empty", "--url", nowhere)
    assert blog.ok("upgrade").out == "3 migrations applied\n"
    assert blog.ok("check").out == "no drift\n"


def test_sql_files(blog: Folder) -> None:
    """--format sql writes a pair of files that upgrade and downgrade run."""
    blog.write(models=COMMENTS)
    output = blog.ok("generate", "-m", "add comments", "--format", "sql", "--dry-run").out
    assert output.startswith("-- migrations/0002_add_comments.up.sql\n-- revision: ")
    assert "\n-- migrations/0002_add_comments.down.sql\n" in output
    blog.ok("generate", "-m", "add comments", "--format", "sql")
    blog.ok("upgrade")
    assert blog.ok("check").out == "no drift\n"
    assert "CREATE TABLE comments" in blog.ok("show", "2").out
    assert blog.ok("show", "2", "--downgrade").out.endswith("DROP TABLE comments;\n")
    blog.ok("downgrade", "-1")
    assert blog.sql("SELECT name FROM sqlite_master WHERE name = 'comments'") == []


def test_from_history_needs_no_database(blog: Folder) -> None:
    """--from history compares with the lock file."""
    blog.write(models=COMMENTS, autodiff='models = "models:Base"\n')
    result = blog.ok("generate", "-m", "add comments", "--from", "history")
    assert result.out == "migrations/0002_add_comments.py\n  + table comments\n"
    blog.write(autodiff=CONFIG)
    blog.ok("upgrade")
    assert blog.ok("check").out == "no drift\n"


def test_rename_keeps_the_values(blog: Folder) -> None:
    blog.write(models=RENAMED)
    result = blog.ok("generate", "-m", "headline", "--rename", "posts.title:headline")
    assert result.out.splitlines()[1] == "  ~ column posts.title -> headline"
    blog.ok("upgrade")
    assert blog.sql("SELECT headline FROM posts") == [("Hello",)]


def test_an_undecided_rename_is_refused(blog: Folder) -> None:
    """The hint has the option that decides it."""
    blog.write(models=RENAMED)
    result = blog.fails("generate", "-m", "headline")
    assert "posts.title:headline  (both are VARCHAR(200))" in result.err
    assert "hint: pass --rename posts.title:headline" in result.err
    json_result = blog.run("generate", "-m", "headline", "--json")
    assert json_result.code == 2
    assert json_result.data["kind"] == "RenameUndecidedError"


def test_assume_drop_and_add(blog: Folder) -> None:
    """--assume drop-and-add means that no column is renamed."""
    blog.write(models=RENAMED)
    options = ("--assume", "drop-and-add", "--fill", "posts.headline=none")
    summary = blog.ok("generate", "-m", "headline", *options).out.splitlines()[1:]
    assert sorted(summary) == ["  + column posts.headline", "  - column posts.title"]


def test_a_value_is_renamed_and_another_is_mapped(blog: Folder) -> None:
    """--rename and --map change the values of the rows."""
    blog.grow(kinds("long", "short", "note"), "kinds")
    blog.sql("UPDATE posts SET kind = 'long'")
    blog.write(models=kinds("essay", "short"))
    result = blog.fails("generate", "-m", "x")
    assert (
        "posts.kind.long:essay  (one value is removed and one is added at its position)"
        in result.err
    )
    options = ("--rename", "posts.kind.long:essay", "--map", "posts.kind.note=short")
    output = blog.ok("generate", "-m", "essays", *options).out
    assert "  ~ values of posts.kind: long -> essay\n" in output
    blog.ok("upgrade")
    assert blog.sql("SELECT kind FROM posts") == [("essay",)]
    assert blog.ok("check").out == "no drift\n"
    blog.ok("downgrade", "-1")
    assert blog.sql("SELECT kind FROM posts") == [("long",)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rename", "posts.titel:headline"], "cannot rename posts.titel"),
        (["--rename", "posts.title:head"], "cannot rename to posts.head"),
        (["--rename", "headline"], "invalid rename 'headline'"),
        (["--fill", "headline"], "invalid fill 'headline'"),
        (["--map", "headline"], "invalid map 'headline'"),
        (["--map", "posts.kind.a=b"], "cannot map posts.kind.a"),
        (["--assume", "rename"], "'--assume'"),
    ],
)
def test_wrong_options_are_refused(blog: Folder, options: list[str], message: str) -> None:
    """The message has the reason or the expected format."""
    blog.write(models=RENAMED)
    if options[0] == "--fill":
        options = [*options, "--assume", "drop-and-add"]
    assert message in blog.fails("generate", "-m", "x", *options).err


def test_a_not_null_column_needs_a_value(blog: Folder) -> None:
    """The hint has the option that gives one."""
    blog.grow(COMMENTS, "add comments")
    blog.sql("INSERT INTO comments VALUES (1, 'first!', 1)")
    blog.write(models=TIMESTAMP)
    result = blog.fails("generate", "-m", "add timestamp")
    assert "cannot add NOT NULL: existing rows need a value" in result.err
    assert "--fill comments.timestamp=VALUE" in result.err
    blog.ok("generate", "-m", "add timestamp", "--fill", "comments.timestamp=now")
    blog.ok("upgrade")
    assert blog.sql("SELECT content, timestamp IS NOT NULL FROM comments") == [("first!", 1)]
    assert blog.ok("check").out == "no drift\n"


def test_a_database_that_is_behind_is_refused(blog: Folder) -> None:
    blog.ok("downgrade", "-1")
    result = blog.fails("generate", "-m", "x")
    assert "0001_add_posts.py not applied" in result.err
    assert "autodiff upgrade first" in result.err


def test_a_message_is_escaped(blog: Folder) -> None:
    """Quotes, line breaks and SQL stay part of the message."""
    blog.write(models=COMMENTS)
    message = 'say """hi"""\\ \'é\'\nDROP TABLE posts;'
    blog.ok("generate", "-m", message, "--format", "sql")
    blog.ok("upgrade")
    assert blog.sql("SELECT title FROM posts") == [("Hello",)]
    blog.ok("downgrade", "-1")
    for path in blog.migrations.glob("0002*"):
        path.unlink()
    blog.ok("lock")
    blog.ok("generate", "-m", message)
    blog.ok("upgrade")
    assert blog.sql("SELECT title FROM posts") == [("Hello",)]


def test_findings_and_notes_are_printed_on_stderr(
    blog: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding(
        code="X1", severity="warning", message="rows are lost", hint="look", place="posts"
    )

    def unsettled_draft(project: Project, request: GenerateRequest) -> Draft | None:
        draft = draft_migration(project, request)
        assert draft is not None
        assert draft.plan is not None
        plan = replace(draft.plan, findings=(finding,))
        return replace(draft, plan=plan, settled=False)

    blog.write(models=COMMENTS)
    monkeypatch.setattr("autodiff.commands.generate.draft_migration", unsettled_draft)
    result = blog.ok("generate", "-m", "add comments")
    assert result.out == "migrations/0002_add_comments.py\n  + table comments\n"
    assert result.err.splitlines()[0] == "warning X1: posts: rows are lost"
    assert result.err.splitlines()[1] == "  hint: look"
    assert result.err.splitlines()[2].startswith(
        "note: some SQL expressions were compared literally"
    )


@pytest.mark.parametrize("message", ["", "  "])
def test_an_empty_message_is_refused(blog: Folder, message: str) -> None:
    blog.write(models=COMMENTS)
    with blog.untouched():
        result = blog.run("generate", "-m", message)
    assert result.code == 2
    assert "the message of the migration is empty" in result.err
    assert "add timestamp" in result.err


FIVE_CHANGES = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(100), index=True)
    summary: Mapped[str | None]

class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


def test_generate_prints_the_changes_then_the_losses_then_the_next_step(blog: Folder) -> None:
    """A loss that is stated is not repeated for the sample rows. A log has no next step."""
    blog.grow(COMMENTS, "add comments")
    blog.sql("INSERT INTO comments VALUES (1, 'first!', 1)")
    blog.write(models=FIVE_CHANGES)
    terminal = Terminal(blog, "generate", "-m", "tags", "--allow-drop", "--quiet")
    terminal.ends_with(0)
    printed = terminal.text.partition("\n")[2]
    assert printed == (
        "migrations/0003_tags.py\n"
        "  - table comments\n"
        "  ~ column posts.title: VARCHAR(200) -> VARCHAR(100)\n"
        "  + column posts.summary\n"
        "  + index ix_posts_title on posts\n"
        "  + table tags\n"
        "Data loss:\n"
        "  drop table comments (1 row)\n"
        "  the downgrade does not restore them\n"
        "next: review the file, then run autodiff upgrade\n"
    )
    result = blog.ok("generate", "-m", "tags", "--amend", "--allow-drop")
    assert "next: " not in result.err
