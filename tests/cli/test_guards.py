"""Test what protects data: questions, options, and the name of the database."""

from __future__ import annotations

import pytest

from tests.cli.project import COMMENTS, CONFIG, POSTS, Folder, Result
from tests.cli.terminal import Terminal

EMPTY = "from sqlalchemy.orm import DeclarativeBase\n\n\nclass Base(DeclarativeBase):\n    pass\n"
MORE_TABLES = "".join(
    f"\n\nclass T{n}(Base):\n"
    f'    __tablename__ = "t{n}"\n'
    "    id: Mapped[int] = mapped_column(primary_key=True)\n"
    for n in range(4)
)


def applied(folder: Folder) -> list[str]:
    """Return the names of the applied migrations."""
    return [row["name"] for row in folder.ok("status", "--json").data["applied"]]


def tables(folder: Folder) -> set[str]:
    """Return the tables of the database without those of autodiff."""
    rows = folder.sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows if not name.startswith(("autodiff_", "sqlite_"))}


def refused(folder: Folder, *arguments: str) -> Result:
    """Run a command line that must end with 2 after it has shown what is lost."""
    with folder.untouched():
        result = folder.run(*arguments)
    assert result.code == 2, result
    assert "error: " in result.err
    return result


# The database is named


@pytest.mark.parametrize(
    "arguments",
    [["check"], ["status"], ["upgrade"], ["generate", "-m", "x"], ["repair"], ["diff"], ["lock"]],
    ids=" ".join,
)
def test_a_command_names_its_database(blog: Folder, arguments: list[str]) -> None:
    result = blog.ok(*arguments)
    assert result.databases == (f"sqlite:///{blog.path / 'blog.db'}",)
    assert blog.ok(*arguments, "--json").databases == result.databases


def test_the_name_of_a_database_has_no_secret(folder: Folder) -> None:
    """Neither the password nor a parameter of the URL is shown."""
    folder.write(models=POSTS, autodiff=CONFIG)
    url = "postgresql://ann:s3cret@127.0.0.1:1/shop?sslpassword=t0p&application_name=x"
    result = folder.fails("check", "--url", url)
    assert result.databases == ("postgresql://ann:***@127.0.0.1:1/shop",)
    assert "s3cret" not in result.err


def test_a_variable_that_overrides_the_url_is_named(
    blog: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{blog.path / 'other.db'}")
    [named] = blog.ok("status").databases
    assert named.endswith("(DATABASE_URL overrides url in autodiff.toml)")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///blog.db")
    assert "DATABASE_URL" not in blog.ok("status").databases[0]


def test_init_warns_about_another_database_url(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///live.db")
    err = folder.ok("init", "--models", "models:Base", "--url", "sqlite:///blog.db").err
    assert "DATABASE_URL names another database" in err
    assert folder.ok("init", "second", "--models", "m:Base", "--url", "${DATABASE_URL}").err == ""


# Tables that would be dropped


def test_models_that_were_not_imported_drop_nothing(blog: Folder) -> None:
    blog.write(models=EMPTY)
    assert "have no tables" in blog.fails("generate", "-m", "x").err
    refused = blog.fails("generate", "-m", "x", "--allow-empty-models")
    assert "would drop 1 of 1 tables:\n  drop table posts (1 row)" in refused.err
    assert "pass --allow-drop=posts" in refused.err
    assert len(list(blog.migrations.glob("*.py"))) == 1
    result = blog.ok("generate", "-m", "x", "--allow-empty-models", "--allow-drop=posts")
    assert "Data loss:\n  drop table posts (1 row)\n" in result.err


def test_a_table_with_rows_needs_a_word(blog: Folder) -> None:
    """An empty table among several does not, nor do most options that name other tables."""
    blog.write(models=POSTS + MORE_TABLES)
    blog.ok("generate", "-m", "more")
    blog.ok("upgrade")
    blog.sql("INSERT INTO t1 VALUES (7)")
    blog.write(models=POSTS + MORE_TABLES[: MORE_TABLES.index("\n\nclass T2")])
    assert "drop table t3 (no rows)" in blog.ok("generate", "-m", "x", "--dry-run").err
    blog.write(models=POSTS + MORE_TABLES[: MORE_TABLES.index("\n\nclass T1")])
    blocked = blog.fails("generate", "-m", "x", "--allow-drop=t2", "--dry-run")
    assert "drop table t1 (1 row)" in blocked.err
    for options in (["--allow-drop"], ["--allow-drop=t1", "--allow-drop", "t2", "--allow-drop=t3"]):
        blog.ok("generate", "-m", "x", "--dry-run", *options)


def test_a_drop_is_asked_at_a_terminal(blog: Folder) -> None:
    blog.write(models=POSTS.replace('"posts"', '"articles"').replace("title", "headline"))
    for answer, code in (("n", 2), ("y", 0)):
        terminal = Terminal(blog, "generate", "-m", "x", "--assume", "drop-and-add")
        terminal.expect("drop table posts (1 row)")
        terminal.expect("Write a migration that drops this table? [y/N]:")
        terminal.type(answer)
        terminal.ends_with(code)
        assert len(list(blog.migrations.glob("*.py"))) == (1 if code else 2)


def test_the_loss_is_in_the_json(blog_3: Folder) -> None:
    blog_3.write(models=COMMENTS)
    [loss] = blog_3.ok("generate", "-m", "x", "--dry-run", "--json").data["data_loss"]
    assert loss == {
        "kind": "column",
        "place": "comments.timestamp",
        "message": "drop column comments.timestamp",
        "count": 1,
        "unit": "values",
        "problem": None,
    }
    assert blog_3.run("diff", "--json").data["data_loss"] == [loss]
    down = blog_3.ok("downgrade", "base", "--dry-run", "--json").data["data_loss"]
    assert [(item["message"], item["count"]) for item in down] == [
        ("drop column comments.timestamp", 1),
        ("drop table comments", 1),
        ("drop table posts", 1),
    ]


# Downgrades


def test_a_downgrade_without_a_target_is_refused_without_a_terminal(blog_3: Folder) -> None:
    result = refused(blog_3, "downgrade")
    assert result.err == (
        "Data loss:\n  drop column comments.timestamp (1 value)\n"
        "error: downgrade would revert 0003_add_timestamp, and no target was named\n"
        "hint: name the migration to go back to, such as -1 or base, or pass --yes\n"
    )
    assert blog_3.ok("downgrade", "--yes").out == "1 migration reverted\n"
    blog_3.sql("DELETE FROM comments")
    result = refused(blog_3, "downgrade")
    assert "would revert 0002_" in result.err  # although no row is lost
    assert blog_3.ok("downgrade", "-1").out == "1 migration reverted\n"


def test_a_downgrade_without_a_target_asks_at_a_terminal(blog_3: Folder) -> None:
    for answer, code in (("", 130), ("n", 130), ("y", 0)):
        terminal = Terminal(blog_3, "downgrade")
        terminal.expect("drop column comments.timestamp (1 value)")
        terminal.expect("Revert 0003_add_timestamp? [y/N]:")
        terminal.type(answer)
        terminal.ends_with(code)
        assert len(applied(blog_3)) == (3 if code else 2)


def test_a_recorded_baseline_is_not_reverted_by_dropping_tables(blog: Folder) -> None:
    """The migration did not create the tables, so its downgrade must not drop their rows."""
    for path in blog.migrations.iterdir():
        path.unlink()
    blog.sql("DELETE FROM autodiff_history")
    blog.ok("adopt", "--baseline")
    for arguments in ("--yes", "-1", "base"):
        result = refused(blog, "downgrade", arguments)
        assert "0001_baseline.py was recorded as applied without being run" in result.err
        assert "autodiff stamp base" in result.err
    assert blog.sql("SELECT count(*) FROM posts") == [(1,)]
    blog.ok("downgrade", "base", "--drop-baseline")
    assert tables(blog) == set()
    blog.ok("upgrade")
    assert blog.ok("downgrade", "-1").out == "1 migration reverted\n"  # it was run this time


def test_a_recorded_baseline_may_be_irreversible(blog: Folder) -> None:
    path = blog.migrations / "0001_add_posts.py"
    head = "def downgrade() -> None:\n"
    path.write_text(path.read_text().partition(head)[0] + f"{head}    raise NotImplementedError\n")
    blog.sql("DELETE FROM autodiff_history")
    blog.sql("DELETE FROM autodiff_journal")
    blog.ok("stamp", "head")
    result = refused(blog, "downgrade", "--yes")
    assert "error: 0001_add_posts.py cannot be reverted: downgrade() raises" in result.err


# Records


def test_stamp_asks_at_a_terminal(blog_3: Folder) -> None:
    for answer, code in (("n", 130), ("y", 0)):
        terminal = Terminal(blog_3, "stamp", "1")
        terminal.expect("0003_add_timestamp: no longer recorded as applied")
        terminal.expect("Change these records? [y/N]:")
        terminal.type(answer)
        terminal.ends_with(code)
        assert len(applied(blog_3)) == (3 if code else 1)
    Terminal(blog_3, "stamp", "--yes").ends_with(0)
    assert len(applied(blog_3)) == 3


def test_repair_asks_at_a_terminal(blog_3: Folder) -> None:
    path = blog_3.migrations / "0003_add_timestamp.py"
    path.write_text(path.read_text().replace("def downgrade", "x = 1\n\n\ndef downgrade"))
    for answer, code in (("n", 130), ("y", 0)):
        terminal = Terminal(blog_3, "repair", "--edited")
        terminal.expect("0003_add_timestamp.py")
        terminal.expect("Change the records? [y/N]:")
        terminal.type(answer)
        terminal.ends_with(code)
    assert blog_3.ok("repair").out == "the history has no problems\n"


def test_adopt_asks_at_a_terminal(blog: Folder) -> None:
    for path in blog.migrations.iterdir():
        path.unlink()
    blog.sql("DELETE FROM autodiff_history")
    for answer, code in (("n", 130), ("y", 0)):
        terminal = Terminal(blog, "adopt", "--baseline")
        terminal.expect("this file is written and recorded as applied; nothing is run:")
        terminal.expect("Adopt the database? [y/N]:")
        terminal.type(answer)
        terminal.ends_with(code)
        assert len(applied(blog)) == (0 if code else 1)


# Protected environments

PROTECTED = CONFIG + (
    '[environments.live]\nurl = "sqlite:///blog.db"\nprotected = true\n'
    '[environments.test]\nurl = "sqlite:///blog.db"\n'
)


@pytest.mark.parametrize(
    "arguments",
    [["downgrade", "-1"], ["stamp", "1"], ["repair", "--edited"]],
    ids=" ".join,
)
def test_a_protected_environment_needs_its_name(blog_3: Folder, arguments: list[str]) -> None:
    blog_3.write(autodiff=PROTECTED)
    result = refused(blog_3, *arguments, "--env", "live")
    assert "the environment live is protected: nothing was changed" in result.err
    assert "pass --confirm live" in result.err
    result = refused(blog_3, *arguments, "--env", "live", "--confirm", "test")
    assert "'test' is not the name of the protected environment live" in result.err
    blog_3.ok(*arguments, "--env", "live", "--confirm", "live")
    blog_3.ok(*arguments, "--env", "test")


def test_the_name_of_a_protected_environment_is_typed(blog_3: Folder) -> None:
    blog_3.write(autodiff=PROTECTED)
    for answer, code in (("test", 2), ("live", 0)):
        terminal = Terminal(blog_3, "downgrade", "-1", "--env", "live")
        terminal.expect("The environment live is protected. Type its name to revert 0003_add")
        terminal.type(answer)
        terminal.ends_with(code)
        assert len(applied(blog_3)) == (3 if code else 2)


def test_a_protected_upgrade_asks_only_if_data_is_lost(blog_3: Folder) -> None:
    blog_3.write(autodiff=PROTECTED)
    blog_3.ok("downgrade", "2")
    blog_3.ok("upgrade", "--env", "live")
    blog_3.write(models=COMMENTS)
    blog_3.ok("generate", "-m", "no timestamp")
    result = refused(blog_3, "upgrade", "--env", "live")
    assert "drop column comments.timestamp" in result.err
    assert "pass --confirm live" in result.err
    blog_3.ok("upgrade", "--env", "live", "--confirm", "live")


def test_a_protected_upgrade_of_all_targets_asks_only_if_one_of_them_loses_data(
    blog_3: Folder,
) -> None:
    """So does one with a target of which the losses cannot be found."""
    (blog_3.path / "targets.txt").write_text("a\nb\n")
    targets = '[targets]\nfile = "targets.txt"\ndatabase = "{name}.db"\n'
    blog_3.write(autodiff=PROTECTED + targets)
    upgrade = ("upgrade", "--all", "--env", "live")
    blog_3.ok(*upgrade)
    blog_3.write(models=COMMENTS)
    blog_3.ok("generate", "-m", "no timestamp")
    blog_3.ok("upgrade", "--all", "--env", "test", "--only", "a")
    blog_3.ok(*upgrade, "--only", "a")
    result = refused(blog_3, *upgrade)
    assert "drop column comments.timestamp" in result.err
    assert "to upgrade all targets to head, pass --confirm live" in result.err
    blog_3.ok(*upgrade, "--confirm", "live")
    (blog_3.path / "b.db").write_text("this is no database, and long enough for one")
    assert "cannot be found for the targets b\n" in refused(blog_3, *upgrade).err


def test_only_an_environment_can_be_protected(blog: Folder) -> None:
    blog.write(autodiff=CONFIG + "protected = true\n")
    assert "unknown setting 'protected'" in blog.fails("status").err
