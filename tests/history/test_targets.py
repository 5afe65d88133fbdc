"""Test targets in a graph with branches and labels."""

from __future__ import annotations

import dataclasses

import pytest

from autodiff.errors import (
    AmbiguousRevisionError,
    AutodiffError,
    HistoryError,
    RevisionNotFoundError,
    SeveralHeadsError,
)
from autodiff.migrations import Graph, Migration
from tests.history.test_graph import CHAIN, DIAMOND, FORK, migration, revisions


def labeled(revision: str, *parents: str, labels: str = "", depends_on: str = "") -> Migration:
    """Make a migration with labels and dependencies, which are separated by spaces."""
    return dataclasses.replace(
        migration(revision, *parents),
        labels=tuple(labels.split()),
        depends_on=tuple(depends_on.split()),
    )


COMPONENTS = Graph.of(
    [
        labeled("core1", labels="core"),
        labeled("core2", "core1"),
        labeled("bill3", labels="billing", depends_on="core"),
        labeled("bill4", "bill3", depends_on="core2"),
        labeled("core5", "core2"),
    ]
)
"""Two components: billing depends on core."""
LABELED_FORK = Graph.of(
    [*CHAIN[:2], labeled("cccc3", "bbbb2", labels="left"), labeled("dddd4", "bbbb2", labels="r")]
)
"""A deliberate fork: both branches have labels."""
ALL_REVISIONS = tuple(COMPONENTS.migrations)


def test_a_dependency_comes_first_and_stays_a_head() -> None:
    """The order respects dependencies; heads depend on parents only."""
    order = list(COMPONENTS.migrations)
    assert order.index("core2") < order.index("bill4")
    assert COMPONENTS.heads == ("bill4", "core5")
    assert COMPONENTS.lineage(["bill4"]) == {"core1", "core2", "bill3", "bill4"}
    only = Graph.of([labeled("a1", labels="a"), labeled("b2", labels="b", depends_on="a1")])
    assert only.heads == ("a1", "b2")


def test_a_label_covers_its_branch_up_to_a_merge() -> None:
    """A merge of two branches is in neither of them, unless both have the label."""
    assert COMPONENTS.branches == {
        "billing": ("bill3", "bill4"),
        "core": ("core1", "core2", "core5"),
    }
    merged = Graph.of([*LABELED_FORK.migrations.values(), migration("eeee5", "cccc3", "dddd4")])
    assert merged.branches == {"left": ("cccc3",), "r": ("dddd4",)}
    labeled_root = Graph.of([labeled("aaaa1", labels="all"), *DIAMOND[1:]])
    assert labeled_root.branches["all"] == tuple(labeled_root.migrations)


def test_labeled_branches_may_have_several_heads() -> None:
    """Each head but one, that of the main line, needs its own label."""
    COMPONENTS.check_heads()
    LABELED_FORK.check_heads()
    Graph.of([]).check_heads()
    Graph.of([*CHAIN, labeled("x4", labels="x"), labeled("y5", labels="y")]).check_heads()
    with pytest.raises(SeveralHeadsError):
        Graph.of(FORK).check_heads()
    with pytest.raises(SeveralHeadsError) as caught:
        Graph.of(
            [
                *LABELED_FORK.migrations.values(),
                migration("eeee5", "dddd4"),
                migration("f6", "dddd4"),
            ]
        ).check_heads()
    assert str(caught.value.hint).endswith("add a label to each branch that stays separate")
    with pytest.raises(SeveralHeadsError) as caught:
        LABELED_FORK.upgrades("head", ())
    assert caught.value.hint == "use the target heads for all of them, or left@head for one"


@pytest.mark.parametrize(
    ("target", "applied", "expected"),
    [
        ("heads", "", "core1 bill3 core2 bill4 core5"),
        ("billing@head", "", "core1 bill3 core2 bill4"),
        ("billing", "core1", "bill3 core2 bill4"),
        ("core@heads", "", "core1 core2 core5"),
        ("billing@+1", "core1", "bill3"),
        ("billing@+2", "core1", "bill3 core2 bill4"),
        ("core@+1", "core1 core2", "core5"),
        ("core@2", "", "core1 core2"),
        ("core1+1", "", "core1 core2"),
        ("core2-1", "", "core1"),
        ("core@head-1", "", "core1 core2"),
        ("core@base+2", "", "core1 core2"),
        ("billing@bill3", "core1", "bill3"),
        ("+2", "core1", "bill3 core2"),
    ],
)
def test_an_upgrade_stays_within_its_branch(target: str, applied: str, expected: str) -> None:
    """It applies the named branch and what that depends on."""
    migrations = COMPONENTS.upgrades(target, applied.split())
    assert sorted(revisions(migrations)) == sorted(expected.split())
    assert migrations == COMPONENTS.in_order({m.revision for m in migrations})


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("billing@base", "bill4 bill3"),
        ("billing@-1", "bill4"),
        ("core@-1", "core5"),
        ("core@-2", "core5 bill4 core2"),
        ("core@base", "core5 bill4 bill3 core2 core1"),
        ("core2", "core5 bill4"),
        ("core@head-1", "core5 bill4"),
        ("bill3", "bill4"),
        ("bill3-1", "core5 bill4 core2 bill3 core1"),
        ("heads", ""),
        ("-1", "core5"),
    ],
)
def test_a_downgrade_stays_within_its_branch(target: str, expected: str) -> None:
    """It reverts the named branch and what depends on that."""
    migrations = COMPONENTS.downgrades(target, ALL_REVISIONS)
    assert sorted(revisions(migrations)) == sorted(expected.split())
    assert migrations == list(reversed(COMPONENTS.in_order({m.revision for m in migrations})))


@pytest.mark.parametrize(
    ("target", "applied", "expected"),
    [
        ("core@head", "", "core1 core2 core5"),
        ("core2", "core1 bill3", "core1 core2"),
        ("core@core1", "core1 core2 core5 bill3", "core1"),
        ("billing@base", "core1 bill3", "core1"),
        ("billing@head", "core1 core2 core5", "core1 core2 core5 bill3 bill4"),
        ("base", "core1", ""),
        ("+1", "core1", "core1 core2"),
        ("-1", "core1 core2", "core1"),
        ("heads", "", "core1 core2 core5 bill3 bill4"),
    ],
)
def test_reach_is_what_is_applied_at_a_target(target: str, applied: str, expected: str) -> None:
    """A target with a label does not affect the other branches."""
    assert COMPONENTS.reach(target, applied.split()) == set(expected.split())


@pytest.mark.parametrize(
    ("target", "revision"),
    [
        ("2-1", "aaaa1"),
        ("aaaa1+2", "cccc3"),
        ("step_bbbb2+1", "cccc3"),
        ("head-1", "bbbb2"),
        ("heads", "cccc3"),
        ("base+1", "aaaa1"),
    ],
)
def test_a_target_may_count_steps_from_a_migration(target: str, revision: str) -> None:
    assert Graph.of(CHAIN).find(target).revision == revision


def test_a_name_with_a_hyphen_is_not_a_step() -> None:
    """The name of a file may look like a step."""
    graph = Graph.of([migration("aaaa1", name="add-1"), migration("bbbb2", "aaaa1", name="add")])
    assert graph.find("add-1").revision == "aaaa1"
    assert graph.find("add-1+1").revision == "bbbb2"


@pytest.mark.parametrize(
    ("graph", "method", "target", "error", "message", "hint"),
    [
        (CHAIN, "upgrades", "base", HistoryError, "cannot upgrade to base: it is before the "
         "first migration", "to revert migrations, run: autodiff downgrade base"),
        (CHAIN, "upgrades", "-1", HistoryError, "cannot upgrade to -1: an upgrade only "
         "applies migrations",
         "to apply the next one: autodiff upgrade +1; to revert: autodiff downgrade -1"),
        (CHAIN, "downgrades", "+1", HistoryError, "cannot downgrade to +1: a downgrade "
         "only reverts migrations",
         "to revert the last one: autodiff downgrade -1; to apply: autodiff upgrade +1"),
        (CHAIN, "upgrades", "billing@head", RevisionNotFoundError,
         "unknown migration 'billing@head'",
         "unknown branch 'billing'; the labels are: none"),
        (LABELED_FORK, "upgrades", "rr@head", RevisionNotFoundError, "unknown migration 'rr@head'",
         "unknown branch 'rr'; the labels are: left, r"),
        (LABELED_FORK, "upgrades", "r@3", RevisionNotFoundError, "unknown migration 'r@3'",
         "the last migrations of r are: dddd4 (0004_step_dddd4.py)"),
        (CHAIN, "upgrades", "2+5", RevisionNotFoundError, "unknown migration '2+5'",
         "the last one is 0003_step_cccc3, 1 step after 2"),
        (CHAIN, "upgrades", "3+1", RevisionNotFoundError, "unknown migration '3+1'",
         "no migration comes after 0003_step_cccc3"),
        (CHAIN, "downgrades", "1-2", RevisionNotFoundError, "unknown migration '1-2'",
         "the last one is base, 1 step before 1"),
        (LABELED_FORK, "upgrades", "bbbb2+1", AmbiguousRevisionError,
         "'bbbb2+1' names several migrations",
         "several migrations come after 0002_step_bbbb2: use one of cccc3 (0003_step_cccc3.py), "
         "dddd4 (0004_step_dddd4.py)"),
        (DIAMOND, "upgrades", "eeee5-1", AmbiguousRevisionError,
         "'eeee5-1' names several migrations",
         "several migrations come before 0005_step_eeee5: use one of cccc3 (0003_step_cccc3.py), "
         "dddd4 (0004_step_dddd4.py)"),
    ],
)  # fmt: skip
def test_an_invalid_target_is_explained(
    graph: list[Migration] | Graph,
    method: str,
    target: str,
    error: type[AutodiffError],
    message: str,
    hint: str,
) -> None:
    """The error gives the reason, and the hint the alternatives."""
    checked = graph if isinstance(graph, Graph) else Graph.of(graph)
    with pytest.raises(error) as caught:
        getattr(checked, method)(target, ())
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize("target", ["head", "head-1", "heads-1"])
def test_head_needs_a_graph_with_one_head(target: str) -> None:
    """It is ambiguous if the graph has several."""
    with pytest.raises(SeveralHeadsError):
        Graph.of(FORK).upgrades(target, ())
    with pytest.raises(SeveralHeadsError):
        Graph.of(FORK).find("heads")


@pytest.mark.parametrize(
    ("migrations", "message", "hint"),
    [
        (
            [labeled("a1", labels="x"), labeled("b2", "a1", labels="x")],
            "the label x of 0002_step_b2.py is already used by 0001_step_a1.py",
            "choose another label; the first migration of a branch has its label",
        ),
        (
            [labeled("a1"), labeled("b2", "a1", labels="a1")],
            "the label a1 of 0002_step_b2.py is already used by 0001_step_a1.py",
            "choose another label; the first migration of a branch has its label",
        ),
        (
            [labeled("a1", depends_on="gone")],
            "migration 0001_step_a1.py depends on gone, which has no file",
            "restore the file from version control, or correct the depends_on",
        ),
        (
            [labeled("a1", depends_on="b2"), labeled("b2", "a1")],
            "the migrations form a cycle: 0001_step_a1.py -> 0002_step_b2.py -> 0001_step_a1.py",
            "correct the parents of one of them",
        ),
    ],
)
def test_labels_and_dependencies_are_checked(
    migrations: list[Migration], message: str, hint: str
) -> None:
    """The error names the files."""
    with pytest.raises(HistoryError) as caught:
        Graph.of(migrations)
    assert caught.value.hint == hint
    if "circle" not in message:
        assert caught.value.message == message
