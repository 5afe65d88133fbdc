"""Test how the migration graph is drawn as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autodiff.migrations import Graph, Migration
from autodiff.migrations.drawing import draw_branches, draw_graph
from tests.history.test_graph import CHAIN, DIAMOND, FORK, migration
from tests.history.test_targets import COMPONENTS


def step(revision: str, *parents: str) -> Migration:
    """Make a migration that is named after its revision, so that the drawing is narrow."""
    return migration(revision, *parents, name=f"n_{revision}")


THREE_BRANCHES = [
    step("a1"),
    step("b2", "a1"),
    step("c3", "a1"),
    step("d4", "a1"),
    step("e5", "b2"),
]
LONG_BRANCH = [step("a1"), step("m9", "a1"), *(step(f"x{n}", f"x{n - 1}") for n in range(3, 9))]
LONG_BRANCH.insert(2, step("x2", "a1"))


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
            THREE_BRANCHES,
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
    """The newest migration comes first, one branch at a time. A head has a star."""
    assert draw_graph(Graph.of(migrations)) == lines


def test_labels_and_dependencies_are_shown() -> None:
    """The label of a branch is shown at its first migration."""
    lines = draw_graph(COMPONENTS)
    assert "o  0003_step_bill3  bill3  [billing]  depends on 0001_step_core1" in lines
    assert "o  0001_step_core1  core1  [core]" in lines


def test_a_fork_is_drawn_from_the_common_ancestor() -> None:
    """Shared history is left out, and long branches are shortened."""
    graph = Graph.of(LONG_BRANCH)
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
    """A head may depend on another head without being its child."""
    dependent = replace(step("c3"), depends_on=("b2",))
    graph = Graph.of([step("a1"), step("b2", "a1"), dependent])
    assert draw_branches(graph, graph.heads) == [
        "*  n_c3  c3  depends on n_b2",
        "",
        "*  n_b2  b2",
        "o  n_a1  a1",
    ]


def test_every_migration_is_drawn_once() -> None:
    """The order of the input does not matter."""
    for migrations in (CHAIN, FORK, DIAMOND, THREE_BRANCHES, LONG_BRANCH):
        graph = Graph.of(migrations)
        lines = [line for line in draw_graph(graph) if line.strip("|/\\_ ")]
        assert len(lines) == len(graph)
        assert draw_graph(Graph.of(reversed(migrations))) == draw_graph(graph)
