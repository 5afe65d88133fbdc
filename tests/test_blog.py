"""Test the example of the documentation from start to end on each database."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import FillNeededError

BLOG = Path(__file__).resolve().parent.parent / "fixtures" / "blog"
FILES = ("0001_add_posts", "0002_add_comments", "0003_add_timestamp")


def models(step: int) -> sa.MetaData:
    """Return the models of a step."""
    path = BLOG / f"models_{step}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    metadata: sa.MetaData = module.Base.metadata
    return metadata


class Blog:
    """The blog project with its database."""

    def __init__(self, url: sa.URL, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def project(self, step: int) -> Project:
        return Project(self.url, models(step), self.folder)

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            result = connection.exec_driver_sql(sql)
            rows = [tuple(row) for row in result] if result.returns_rows else []
        engine.dispose()
        return rows

    def columns(self, table: str) -> list[str]:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        names = [column["name"] for column in sa.inspect(engine).get_columns(table)]
        engine.dispose()
        return names


@pytest.fixture
def blog(any_database: sa.URL, tmp_path: Path) -> Blog:
    return Blog(any_database, tmp_path / "migrations")


def test_the_three_steps(blog: Blog) -> None:
    """Each step is generated, applied, checked for drift, reverted and applied again."""
    blog.project(1).generate("add posts")
    blog.project(1).upgrade()
    blog.execute("INSERT INTO posts (id, title) VALUES (1, 'Hello')")

    comments = blog.project(2).generate("add comments")
    assert comments is not None
    assert 'op.create_table(\n        "comments"' in comments.path.read_text()
    assert 'op.drop_table("comments")' in comments.path.read_text()
    blog.project(2).upgrade()
    assert not blog.project(2).check()
    blog.execute("INSERT INTO comments (id, content, post_id) VALUES (1, 'first!', 1)")

    with pytest.raises(FillNeededError, match=r"comments\.timestamp") as error:
        blog.project(3).generate("add timestamp")
    assert "--fill comments.timestamp=VALUE" in str(error.value)
    assert sorted(path.name for path in blog.folder.glob("*.py")) == [
        "0001_add_posts.py",
        "0002_add_comments.py",
    ]

    blog.project(3).generate("add timestamp", fills=["comments.timestamp=now"])
    blog.project(3).upgrade()
    assert not blog.project(3).check()
    assert not blog.project(3).check(offline=True)
    assert blog.project(3).generate("nothing") is None
    [(content, timestamp)] = blog.execute("SELECT content, timestamp FROM comments")
    assert content == "first!"
    assert timestamp is not None

    blog.project(3).downgrade()
    assert blog.columns("comments") == ["id", "content", "post_id"]
    assert blog.execute("SELECT * FROM comments") == [(1, "first!", 1)]
    blog.project(3).downgrade("base")
    assert blog.execute("SELECT count(*) FROM autodiff_history") == [(0,)]
    blog.project(3).upgrade()
    assert not blog.project(3).check()


def test_the_files_are_those_of_the_documentation(blog: Blog) -> None:
    """Every database produces the same files, byte for byte."""
    for step, name in enumerate(FILES, 1):
        message = name[5:].replace("_", " ")
        fills = ["comments.timestamp=now"] if step == 3 else []
        migration = blog.project(step).generate(message, fills=fills)
        assert migration is not None
        assert migration.path.read_text() == (BLOG / "migrations" / f"{name}.py").read_text()
        blog.project(step).upgrade()


def test_alembic_scripts_run_with_another_import_line(blog: Blog) -> None:
    blog.folder.mkdir()
    source = (BLOG / "migrations" / "0001_add_posts.py").read_text()
    revision = source.split('revision = "')[1][:8]
    (blog.folder / "0001_add_posts.py").write_text(source.replace(revision, "0001create"))
    blog.project(1).upgrade()
    blog.execute("INSERT INTO posts (id, title) VALUES (1, 'Hello')")
    shutil.copy(BLOG / "alembic" / "0002_add_comments.py", blog.folder)
    blog.project(2).upgrade()
    blog.execute("INSERT INTO comments (id, content, post_id) VALUES (1, 'first!', 1)")
    shutil.copy(BLOG / "alembic" / "0003_add_timestamp.py", blog.folder)
    blog.project(3).upgrade()
    assert blog.columns("comments") == ["id", "content", "post_id", "timestamp"]
    [(timestamp,)] = blog.execute("SELECT timestamp FROM comments")
    assert timestamp is not None
    blog.project(3).downgrade()
    assert blog.execute("SELECT * FROM comments") == [(1, "first!", 1)]
    blog.project(3).downgrade("base")
