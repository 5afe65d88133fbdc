"""Test that check remembers a result, and forgets it as soon as anything changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff.models import metadata as declaring
from tests.cli.conftest import Folder
from tests.cli.project import COMMENTS

OTHER = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("things", metadata, sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Yield the statements that SQLite gets from now on."""
    found: list[str] = []

    def trace(connection: Any, record: Any) -> None:
        connection.set_trace_callback(found.append)

    sa.event.listen(sa.Pool, "connect", trace)
    yield found
    sa.event.remove(sa.Pool, "connect", trace)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that gets an item whenever models are declared."""
    found: list[object] = []
    declare = declaring.declare_metadata

    def count(*arguments: Any) -> Any:
        found.append(arguments)
        return declare(*arguments)

    monkeypatch.setattr(declaring, "declare_metadata", count)
    return found


def test_a_second_check_declares_no_models(
    blog_3: Folder, statements: list[str], declared: list[object]
) -> None:
    """It reads the text of the catalog and the history, and prints the same."""
    first = blog_3.ok("check", "--json")
    assert declared
    declared.clear()
    statements.clear()
    second = blog_3.ok("check", "--json")
    assert (second.out, second.databases) == (first.out, first.databases)
    assert not declared
    queries = [sql for sql in statements if sql.startswith("SELECT")]
    assert [sql.split("FROM")[1].split()[0] for sql in queries] == [
        '"main".sqlite_master',
        '"main"."autodiff_history"',
        '"main"."autodiff_journal"',
    ]
    assert blog_3.ok("check").out == "no drift\n"
    assert not declared


def test_the_cache_is_not_a_file_of_the_project(blog_3: Folder) -> None:
    """The folder ignores itself in git, and a folder that cannot be written is no error."""
    blog_3.ok("check")
    folder = blog_3.path / ".autodiff_cache"
    assert (folder / ".gitignore").read_text() == "*\n"
    [file] = folder.glob("check-*.json")
    assert set(json.loads(file.read_text())) == {"format", "inputs", "models", "database", "notes"}
    file.write_text("not JSON")
    assert blog_3.ok("check").out == "no drift\n"
    for path in list(folder.iterdir()):
        path.unlink()
    folder.rmdir()
    folder.write_text("")
    assert blog_3.ok("check").out == "no drift\n"


@pytest.mark.parametrize("way", ["option", "setting"])
def test_the_cache_can_be_turned_off(blog_3: Folder, way: str, declared: list[object]) -> None:
    """With --no-cache and with cache = false, everything is compared, and nothing is written."""
    if way == "setting":
        config = blog_3.path / "autodiff.toml"
        config.write_text(f"{config.read_text()}cache = false\n")
    arguments = ("check", "--no-cache") if way == "option" else ("check",)
    for _ in range(2):
        declared.clear()
        assert blog_3.ok(*arguments).out == "no drift\n"
        assert declared
    assert not (blog_3.path / ".autodiff_cache").exists()


def edit_migration(folder: Folder) -> None:
    file = sorted((folder.path / "migrations").glob("0001*.py"))[0]
    file.write_text(file.read_text().replace("def upgrade", "x = 1\n\n\ndef upgrade"))


CHANGES: dict[str, Callable[[Folder], object]] = {
    "models": lambda folder: folder.write(models=COMMENTS),
    "table": lambda folder: folder.sql("CREATE TABLE extra (id INTEGER)"),
    "column": lambda folder: folder.sql("ALTER TABLE posts ADD COLUMN extra TEXT"),
    "index": lambda folder: folder.sql("CREATE INDEX extra ON posts (title)"),
    "history": lambda folder: folder.sql("DELETE FROM autodiff_history WHERE name LIKE '%3%'"),
    "journal": lambda folder: folder.sql("UPDATE autodiff_journal SET outcome = 'running'"),
    "migration": edit_migration,
    "deleted migration": lambda folder: sorted(folder.path.glob("migrations/0003*"))[0].unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_drift_is_found_after_a_check_without_drift(blog_3: Folder, change: str) -> None:
    """Whatever changes, the second check prints the same as one without the cache."""
    blog_3.ok("check")
    CHANGES[change](blog_3)
    cached, plain = blog_3.run("check", "--json"), blog_3.run("check", "--json", "--no-cache")
    assert cached.code == plain.code == 1
    assert cached.out == plain.out
    assert blog_3.run("check", "--json").out == plain.out


def test_a_change_that_is_undone_is_compared_again(blog_3: Folder, declared: list[object]) -> None:
    """SQLite counts the changes of a schema, so the old fingerprint does not come back."""
    blog_3.ok("check")
    blog_3.sql("CREATE TABLE extra (id INTEGER)")
    blog_3.sql("DROP TABLE extra")
    declared.clear()
    blog_3.ok("check")
    assert declared


@pytest.mark.parametrize("name", ["include_object", "rewrite_plan"])
def test_a_project_with_functions_is_not_remembered(blog_3: Folder, name: str) -> None:
    """What a function of the project returns can be something else the next time."""
    body = "return plan" if name == "rewrite_plan" else "return True"
    argument = "plan" if name == "rewrite_plan" else "*arguments"
    (blog_3.path / f"own_{name}.py").write_text(f"def own({argument}):\n    {body}\n")
    config = blog_3.path / "autodiff.toml"
    config.write_text(f'{config.read_text()}{name} = "own_{name}:own"\n')
    assert blog_3.ok("check").out == "no drift\n"
    assert not (blog_3.path / ".autodiff_cache").exists()
