"""Test diagrams: what is marked, on which side, and how they are arranged."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from autodiff.report import Picture, Review, draw_changes, draw_tables
from autodiff.report.diagram import Side
from autodiff.report.formats import render_erd
from autodiff.report.layout import Size, arrange
from autodiff.report.mermaid import render_mermaid
from autodiff.report.svg import render_svg
from autodiff.schema.objects import (
    Column,
    ColumnType,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Table,
    plain_element,
)
from tests.report.project import write_shop


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Review:
    return write_shop(tmp_path_factory.mktemp("shop")).review(offline=True)


def table(name: str, *columns: str, refers: str | None = None, index: str | None = None) -> Table:
    keys = [ForeignKey(columns=("other",), referred=Name(refers), referred_columns=("id",))]
    return Table(
        name=Name(name),
        columns=tuple(Column(name=c, type=ColumnType(sql="integer")) for c in columns),
        constraints=(PrimaryKey(columns=("id",)), *(keys if refers else [])),
        indexes=(Index(name=index, elements=(plain_element("id"),)),) if index else (),
    )


def many(count: int) -> dict[Name, Table]:
    found = [
        table(f"t{n:04d}", "id", "other", refers=f"t{n * 7 % max(n, 1):04d}" if n else None)
        for n in range(count)
    ]
    return {item.name: item for item in found}


def picture(before: list[Table], after: list[Table]) -> Picture:
    return Picture(before={t.name: t for t in before}, after={t.name: t for t in after})


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("before", {"orders": "~", "users": "~"}),
        ("after", {"lines": "+", "orders": "~", "people": "~"}),
        ("both", {"lines": "+", "orders": "~", "people": "~"}),
    ],
)
def test_tables_are_marked(review: Review, side: Side, expected: dict[str, str]) -> None:
    """A renamed table has its name of each side, and the same key on both."""
    diagram = draw_changes(review.picture, side)
    assert {box.title: box.mark for box in diagram.boxes} == expected
    keys = {box.title: box.key for box in draw_changes(review.picture, "before").boxes}
    renamed = [box.key for box in diagram.boxes if box.title in ("users", "people")]
    assert renamed == [keys["users"]]


def test_columns_indexes_and_foreign_keys_are_marked(review: Review) -> None:
    diagram = draw_changes(review.picture)
    rows = {(box.title, row.name): row.mark for box in diagram.boxes for row in box.rows}
    assert {key: mark for key, mark in rows.items() if mark} == {
        ("lines", "order_id"): "+",
        ("orders", "note"): "-",
        ("orders", "ix_orders_note"): "-",
        ("people", "phone"): "+",
    }
    assert {edge.label: edge.mark for edge in diagram.edges} == {"order_id": "+", "user_id": None}


def test_a_linked_table_is_drawn_without_a_mark() -> None:
    """One that nothing links to a change is not drawn."""
    old = [table("a", "id", "other", refers="b"), table("b", "id"), table("far", "id")]
    new = [table("a", "id", "other", "x", refers="b"), table("b", "id"), table("far", "id")]
    diagram = draw_changes(picture(old, new))
    assert {box.title: box.mark for box in diagram.boxes} == {"a": "~", "b": None}


def test_a_new_type_shows_the_old_one() -> None:
    new = Table(
        name=Name("a"), columns=(Column(name="id", type=ColumnType(sql="bigint"), nullable=False),)
    )
    old = Table(name=Name("a"), columns=(Column(name="id", type=ColumnType(sql="integer")),))
    [box] = draw_changes(picture([old], [new])).boxes
    assert box.rows[0].note == "was integer, now not null"
    [box] = draw_changes(picture([old], [new]), "before").boxes
    assert (box.rows[0].type, box.rows[0].mark) == ("integer", "~")


def test_a_wide_table_keeps_its_keys_and_changes() -> None:
    names = [f"c{n:03d}" for n in range(200)]
    old, new = table("a", *names, "id"), table("a", *names, "id", "new")
    [box] = draw_changes(picture([old], [new])).boxes
    assert box.hidden == 202 - len(box.rows)
    assert [row.name for row in box.rows][-2:] == ["id", "new"]


def test_tables_over_the_limit_are_counted() -> None:
    diagram = draw_changes(picture([], list(many(50).values())), limit=30)
    assert (len(diagram.boxes), diagram.hidden) == (30, 20)


def test_mermaid(review: Review) -> None:
    lines = render_mermaid(draw_changes(review.picture)).splitlines()
    assert lines[0] == "erDiagram"
    assert '    t0["lines (added)"] {' in lines
    assert "        integer id PK" in lines
    assert '        index_user_id ix_orders_note "removed"' in lines
    assert '    t1 ||--o{ t0 : "order_id (added)"' in lines


@pytest.fixture(params=["graphviz", "sugiyama"])
def arranger(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Run a test with Graphviz, and with the package that replaces it."""
    if request.param == "sugiyama":
        monkeypatch.setattr("autodiff.report.layout.shutil.which", lambda name: None)
    else:
        import shutil

        if shutil.which("dot") is None:
            pytest.skip("Graphviz is not installed")
    return lambda: None


@pytest.mark.usefixtures("arranger")
def test_no_box_covers_another() -> None:
    """Also with tables that nothing refers to, and with one that refers to itself."""
    tables = {**many(60), **{Name(f"s{n}"): table(f"s{n}", "id") for n in range(9)}}
    tables[Name("self")] = table("self", "id", "other", refers="self")
    diagram = draw_tables(tables)
    sizes = {box.key: Size(width=100 + 3 * n, height=60) for n, box in enumerate(diagram.boxes)}
    layout = arrange(sizes, diagram.edges)
    assert layout is not None and layout == arrange(sizes, diagram.edges)
    places = [(*layout.corners[key], size) for key, size in sizes.items()]
    for n, (x, y, size) in enumerate(places):
        assert x >= 0 and x + size.width <= layout.width + 1
        assert y >= 0 and y + size.height <= layout.height + 1
        for other_x, other_y, other in places[:n]:
            assert (
                x + size.width <= other_x + 0.5
                or other_x + other.width <= x + 0.5
                or y + size.height <= other_y + 0.5
                or other_y + other.height <= y + 0.5
            )


@pytest.mark.usefixtures("arranger")
def test_svg_is_well_formed(review: Review) -> None:
    text = render_svg(draw_changes(review.picture), "changes")
    assert text is not None and text == render_svg(draw_changes(review.picture), "changes")
    root = ET.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    words = [item.text for item in root.iter(f"{space}text") if item.get("class") == "word"]
    assert words == ["added", "changed", "changed"]
    assert len(root.findall(f"{space}path")) == 2


def test_a_thousand_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package arranges them in seconds, and the page has each of them."""
    monkeypatch.setattr("autodiff.report.layout.shutil.which", lambda name: None)
    text = render_erd(many(1000), "html")
    assert text is not None
    assert text.count("data-search=") == 1000 and text.count('class="box ') == 1000


def test_without_anything_to_arrange_it(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page lists the tables, and explains how to get the picture."""
    monkeypatch.setattr("autodiff.report.layout.shutil.which", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "fast_sugiyama", None)
    tables = dict(review.picture.after)
    assert render_erd(tables, "svg") is None
    text = render_erd(tables, "html")
    assert text is not None and "<svg" not in text
    assert "install Graphviz" in text and text.count("data-search=") == len(tables)
