"""The graph as lines and letters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autodiff.migrations import Graph, Migration
from autodiff.migrations.drawing import draw_branches, draw_graph
from tests.history.test_graph import CHAIN, DIAMOND, FORK, migration
from tests.history.test_targets import COMPONENTS


def step(revision: str, *parents: str) -> Migration:
    """A migration that is called as its revision, so that the drawing is narrow."""
    return migration(revision, *parents, name=f"n_{revision}")


THREE = [step("a1"), step("b2", "a1"), step("c3", "a1"), step("d4", "a1"), step("e5", "b2")]
LONG = [step("a1"), step("m9", "a1"), *(step(f"x{n}", f"x{n - 1}") for n in range(3, 9))]
LONG.insert(2, step("x2", "a1"))


@pytest.mark.parametrize(
    ("migrations", "lines"),
    [
        ([], []),
        ([step("a1"), step("b2", "a1")], ["*  n_b2  b2", "o  n_a1  a1"]),
        ([step("a1"), step("b2")], ["*  n_b2  b2", "", "*  n_a1  a1"]),
        (
            [step("a1"), step("b2", "a1"), step("c3", "a1"), step("d4", "b2", "c3")],
            ["*  n_d4  d4", "|\\", "| o  n_c3  c3", "o |  n_b2  b2", "|/", "o  n_a1  a1"],
        ),
        (
            THREE,
            [
                "*  n_e5  e5",
                "o  n_b2  b2",
                "| *  n_d4  d4",
                "| | *  n_c3  c3",
                "|_|/",
                "|/",
                "o  n_a1  a1",
            ],
        ),
    ],
)
def test_branches_are_drawn(migrations: list[Migration], lines: list[str]) -> None:
    """Newest first, a branch at a time, a star for a head."""
    assert draw_graph(Graph.of(migrations)) == lines


def test_labels_and_dependencies_are_told() -> None:
    """A branch's name stands at its first migration."""
    lines = draw_graph(COMPONENTS)
    assert "o  0003_step_bill3  bill3  [billing]  depends on 0001_step_core1" in lines
    assert "o  0001_step_core1  core1  [core]" in lines


def test_a_fork_is_drawn_from_where_it_parts() -> None:
    """What both have is left out, and long rows are put into one line."""
    graph = Graph.of(LONG)
    assert draw_branches(graph, graph.heads) == [
        "*  n_m9  m9",
        "| *  n_x8  x8",
        "| o  ... 5 more",
        "| o  n_x2  x2",
        "|/",
        "o  n_a1  a1",
    ]
    graph = Graph.of(FORK)
    assert len(draw_branches(graph, graph.heads)) == 4


def test_a_head_that_another_depends_on_is_drawn() -> None:
    """Both heads are there, where one comes before the other without being its parent."""
    other = replace(step("c3"), depends_on=("b2",))
    graph = Graph.of([step("a1"), step("b2", "a1"), other])
    assert draw_branches(graph, graph.heads) == [
        "*  n_c3  c3  depends on n_b2",
        "",
        "*  n_b2  b2",
        "o  n_a1  a1",
    ]


def test_every_migration_is_drawn_once() -> None:
    """Whatever the graph, in the same way each time."""
    for migrations in (CHAIN, FORK, DIAMOND, THREE, LONG):
        graph = Graph.of(migrations)
        lines = [line for line in draw_graph(graph) if line.strip("|/\\_ ")]
        assert len(lines) == len(graph)
        assert draw_graph(Graph.of(reversed(migrations))) == draw_graph(graph)
