"""What a target means, where the graph has branches and labels."""

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


def labelled(revision: str, *parents: str, labels: str = "", depends_on: str = "") -> Migration:
    """A migration with labels and dependencies, given as words."""
    return dataclasses.replace(
        migration(revision, *parents),
        labels=tuple(labels.split()),
        depends_on=tuple(depends_on.split()),
    )


COMPONENTS = Graph.of(
    [
        labelled("core1", labels="core"),
        labelled("core2", "core1"),
        labelled("bill3", labels="billing", depends_on="core"),
        labelled("bill4", "bill3", depends_on="core2"),
        labelled("core5", "core2"),
    ]
)
"""Two components: billing needs the core."""
NAMED = Graph.of(
    [*CHAIN[:2], labelled("cccc3", "bbbb2", labels="left"), labelled("dddd4", "bbbb2", labels="r")]
)
"""A fork on purpose: both branches have names."""
ALL = tuple(COMPONENTS.migrations)


def test_what_is_depended_on_comes_first_and_stays_a_head() -> None:
    """The order respects dependencies, the heads look at parents alone."""
    order = list(COMPONENTS.migrations)
    assert order.index("core2") < order.index("bill4")
    assert COMPONENTS.heads == ("bill4", "core5")
    assert COMPONENTS.lineage(["bill4"]) == {"core1", "core2", "bill3", "bill4"}
    only = Graph.of([labelled("a1", labels="a"), labelled("b2", labels="b", depends_on="a1")])
    assert only.heads == ("a1", "b2")


def test_a_label_belongs_to_what_comes_after_until_it_is_joined() -> None:
    """A migration that joins two branches is in neither, unless both are of the label."""
    assert COMPONENTS.branches == {
        "billing": ("bill3", "bill4"),
        "core": ("core1", "core2", "core5"),
    }
    joined = Graph.of([*NAMED.migrations.values(), migration("eeee5", "cccc3", "dddd4")])
    assert joined.branches == {"left": ("cccc3",), "r": ("dddd4",)}
    whole = Graph.of([labelled("aaaa1", labels="all"), *DIAMOND[1:]])
    assert whole.branches["all"] == tuple(whole.migrations)


def test_branches_with_names_are_no_accident() -> None:
    """Several heads are fine where each but one, the main line's, has a label of its own."""
    COMPONENTS.check_heads()
    NAMED.check_heads()
    Graph.of([]).check_heads()
    Graph.of([*CHAIN, labelled("x4", labels="x"), labelled("y5", labels="y")]).check_heads()
    with pytest.raises(SeveralHeadsError):
        Graph.of(FORK).check_heads()
    with pytest.raises(SeveralHeadsError) as caught:
        Graph.of(
            [*NAMED.migrations.values(), migration("eeee5", "dddd4"), migration("f6", "dddd4")]
        ).check_heads()
    assert str(caught.value.hint).endswith("several need a label each")
    with pytest.raises(SeveralHeadsError) as caught:
        NAMED.upgrades("head", ())
    assert caught.value.hint == "the target `heads` means all of them, left@head one of them"


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
def test_an_upgrade_within_branches(target: str, applied: str, expected: str) -> None:
    """The branch that is named, and what it depends on."""
    found = COMPONENTS.upgrades(target, applied.split())
    assert sorted(revisions(found)) == sorted(expected.split())
    assert found == COMPONENTS.in_order({m.revision for m in found})


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
def test_a_downgrade_within_branches(target: str, expected: str) -> None:
    """The branch that is named, and what depends on it; the others stay."""
    found = COMPONENTS.downgrades(target, ALL)
    assert sorted(revisions(found)) == sorted(expected.split())
    assert found == list(reversed(COMPONENTS.in_order({m.revision for m in found})))


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
def test_where_a_target_stands(target: str, applied: str, expected: str) -> None:
    """Exactly that is applied there; with a label the other branches are left alone."""
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
def test_steps_from_a_migration(target: str, revision: str) -> None:
    """So many before or after one that is named."""
    assert Graph.of(CHAIN).find(target).revision == revision


def test_a_name_with_a_hyphen_is_no_step() -> None:
    """A file may be called so."""
    graph = Graph.of([migration("aaaa1", name="add-1"), migration("bbbb2", "aaaa1", name="add")])
    assert graph.find("add-1").revision == "aaaa1"
    assert graph.find("add-1+1").revision == "bbbb2"


@pytest.mark.parametrize(
    ("graph", "how", "target", "error", "message", "hint"),
    [
        (CHAIN, "upgrades", "base", HistoryError, "cannot upgrade to base: that is before the "
         "first migration", "autodiff downgrade base takes migrations back"),
        (CHAIN, "upgrades", "-1", HistoryError, "cannot upgrade to -1: an upgrade goes forward",
         "+1 is the next migration; autodiff downgrade -1 goes back"),
        (CHAIN, "downgrades", "+1", HistoryError, "cannot downgrade to +1: a downgrade goes back",
         "-1 takes the last migration back; autodiff upgrade +1 goes forward"),
        (CHAIN, "upgrades", "billing@head", RevisionNotFoundError,
         "unknown migration 'billing@head'",
         "there is no branch 'billing'; the labels are: none at all"),
        (NAMED, "upgrades", "rr@head", RevisionNotFoundError, "unknown migration 'rr@head'",
         "there is no branch 'rr'; the labels are: left, r"),
        (NAMED, "upgrades", "r@3", RevisionNotFoundError, "unknown migration 'r@3'",
         "the last ones of r are: dddd4 (0004_step_dddd4.py)"),
        (CHAIN, "upgrades", "2+5", RevisionNotFoundError, "unknown migration '2+5'",
         "after 2 there are 1, the last is 0003_step_cccc3"),
        (CHAIN, "upgrades", "3+1", RevisionNotFoundError, "unknown migration '3+1'",
         "nothing comes after 0003_step_cccc3"),
        (CHAIN, "downgrades", "1-2", RevisionNotFoundError, "unknown migration '1-2'",
         "before 1 there are 1, the last is base"),
        (NAMED, "upgrades", "bbbb2+1", AmbiguousRevisionError, "'bbbb2+1' names several migrations",
         "after 0002_step_bbbb2 the way parts: name one of cccc3 (0003_step_cccc3.py), "
         "dddd4 (0004_step_dddd4.py)"),
        (DIAMOND, "upgrades", "eeee5-1", AmbiguousRevisionError,
         "'eeee5-1' names several migrations",
         "before 0005_step_eeee5 the way parts: name one of cccc3 (0003_step_cccc3.py), "
         "dddd4 (0004_step_dddd4.py)"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_target_is_said(
    graph: list[Migration] | Graph,
    how: str,
    target: str,
    error: type[AutodiffError],
    message: str,
    hint: str,
) -> None:
    """The error says why it leads nowhere, and what there is."""
    found = graph if isinstance(graph, Graph) else Graph.of(graph)
    with pytest.raises(error) as caught:
        getattr(found, how)(target, ())
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize("target", ["head", "head-1", "heads-1"])
def test_one_head_is_needed(target: str) -> None:
    """With several the graph is shown."""
    with pytest.raises(SeveralHeadsError):
        Graph.of(FORK).upgrades(target, ())
    with pytest.raises(SeveralHeadsError):
        Graph.of(FORK).find("heads")


@pytest.mark.parametrize(
    ("migrations", "message", "hint"),
    [
        (
            [labelled("a1", labels="x"), labelled("b2", "a1", labels="x")],
            "the label x of 0002_step_b2.py is taken by 0001_step_a1.py",
            "a label names one branch, at its first migration: choose another one",
        ),
        (
            [labelled("a1"), labelled("b2", "a1", labels="a1")],
            "the label a1 of 0002_step_b2.py is taken by 0001_step_a1.py",
            "a label names one branch, at its first migration: choose another one",
        ),
        (
            [labelled("a1", depends_on="gone")],
            "migration 0001_step_a1.py depends on gone, which is not here",
            "restore that file from version control, or correct the depends_on",
        ),
        (
            [labelled("a1", depends_on="b2"), labelled("b2", "a1")],
            "the migrations go in a circle: 0001_step_a1.py -> 0002_step_b2.py -> 0001_step_a1.py",
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
