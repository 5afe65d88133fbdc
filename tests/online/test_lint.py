"""Test that lint knows what generate --online writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.lint.finding import Finding
from tests.online.project import OnlineProject

Database = Callable[[str], sa.URL]


def table(metadata: sa.MetaData, name: str, *items: sa.schema.SchemaItem) -> sa.Table:
    """Add a table with a column of each kind that changes."""
    return sa.Table(
        name, metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), *items
    )


def number(name: str = "n", **options: object) -> sa.Column[int]:
    """Return a column of integers."""
    return sa.Column(name, sa.Integer, **options)  # type: ignore[arg-type]


def before() -> sa.MetaData:
    """Return the models before all changes: each table is for one of them."""
    metadata = sa.MetaData()
    names = "indexed uniques checked keyed required renamed_column retyped narrowed dropped"
    for name in (*names.split(), "old", "gone"):
        narrow = sa.Column("n", sa.BigInteger)
        required = number(nullable=name != "renamed_column")
        table(metadata, name, narrow if name == "narrowed" else required)
    table(metadata, "added")
    return metadata


def after() -> sa.MetaData:
    """Return the models after all changes."""
    metadata = sa.MetaData()
    sa.Index("ix_n", table(metadata, "indexed", number()).c.n)
    table(metadata, "uniques", number(), sa.UniqueConstraint("n", name="uq_n"))
    table(metadata, "checked", number(), sa.CheckConstraint("n < 6", name="ck_n"))
    parent = sa.ForeignKey("checked.id", name="fk_n")
    table(metadata, "keyed", sa.Column("n", sa.Integer, parent, index=True))
    table(metadata, "required", number(nullable=False))
    table(metadata, "renamed_column", number("m", nullable=False))
    table(metadata, "retyped", sa.Column("n", sa.BigInteger))
    table(metadata, "narrowed", number())
    table(metadata, "dropped")
    table(metadata, "new", number())
    table(metadata, "added", number(), number("full", nullable=False))
    return metadata


def findings(url: sa.URL, folder: Path) -> list[Finding]:
    """Return what lint finds in the files of all changes, but for advice about their design."""
    project = OnlineProject(url, folder, before())
    project.models(after())
    draft = project.generate(
        rehearse=False,
        renames=["renamed_column.n:m", "old:new"],
        fills={"added.full": "0"},
        allow_drop=True,
    )
    files = [str(each.path) for each in (*draft.previous, draft)]
    found = project.project.lint(*files).findings
    return [finding for finding in found if not finding.code.startswith("AD6")]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_nothing_is_found_that_the_online_form_has_solved(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """What drops is expected in the phase contract; what loses values or blocks is still found."""
    found = findings(database(kind), tmp_path)
    narrowed, dropped, gone = sorted(
        ((f.code, f.severity, f.message) for f in found if f.code < "AD4"), reverse=True
    )
    assert narrowed[:2] == ("AD105", "warning") and "narrowed.n from bigint" in narrowed[2]
    expected = "as expected in the phase contract"
    assert dropped == ("AD102", "info", f"drops column dropped.n with its values, {expected}")
    assert gone == ("AD101", "info", f"drops table gone with its rows, {expected}")
    blocking = [f.code for f in found if f.code > "AD4"]
    assert blocking == {"postgresql": [], "mariadb": ["AD459", "AD454"]}[kind]
