"""Test the migration graph: its order, its heads and its targets."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from autodiff.errors import (
    AmbiguousRevisionError,
    HistoryError,
    MigrationFileError,
    RevisionNotFoundError,
    SeveralHeadsError,
)
from autodiff.migrations import Graph, Migration, load_graph


def migration(revision: str, *parents: str, name: str | None = None) -> Migration:
    """Make a migration; a digit at the end of its revision is its number."""
    number = int(revision[-1]) if revision[-1].isdigit() else None
    stem = name or (f"{number:04d}_step_{revision}" if number else f"step_{revision}")
    return Migration(
        revision=revision,
        parents=parents,
        message=revision,
        path=Path(f"{stem}.py"),
        number=number,
    )


CHAIN = [migration("aaaa1"), migration("bbbb2", "aaaa1"), migration("cccc3", "bbbb2")]
FORK = [*CHAIN, migration("dddd4", "bbbb2")]
DIAMOND = [*FORK, migration("eeee5", "cccc3", "dddd4")]


def revisions(migrations: list[Migration]) -> list[str]:
    return [m.revision for m in migrations]


def test_parents_come_first_for_any_input_order() -> None:
    """The same files give the same order."""
    shuffled = list(DIAMOND)
    for seed in range(20):
        random.Random(seed).shuffle(shuffled)
        order = list(Graph.of(shuffled).migrations)
        assert order == ["aaaa1", "bbbb2", "cccc3", "dddd4", "eeee5"]


def test_independent_migrations_are_ordered_by_number_and_revision() -> None:
    """The order of two branches does not depend on the folder."""
    branches = [migration("zz2", "aaaa1"), migration("bb2", "aaaa1"), migration("mm1", "aaaa1")]
    assert list(Graph.of([CHAIN[0], *branches]).migrations) == ["aaaa1", "mm1", "bb2", "zz2"]


def test_branches_are_ordered_by_number() -> None:
    """The length of a branch does not matter."""
    branches = [*CHAIN[:2], migration("dddd3"), migration("eeee4", "dddd3")]
    assert list(Graph.of(branches).migrations) == ["aaaa1", "bbbb2", "dddd3", "eeee4"]


def test_an_empty_graph_has_no_head() -> None:
    """A new project has no migrations."""
    graph = Graph.of([])
    assert (graph.head, graph.heads, len(graph), graph.next_number()) == (None, (), 0, 1)
    assert graph.upgrades("head", ()) == graph.downgrades("base", ()) == []


def test_the_head_is_the_migration_without_children() -> None:
    """A chain has one head, and so has a diamond."""
    assert Graph.of(CHAIN).head == "cccc3"
    assert Graph.of(DIAMOND).head == "eeee5"
    assert "cccc3" in Graph.of(CHAIN) and "nope" not in Graph.of(CHAIN)


def test_several_heads_are_refused() -> None:
    """The error lists the heads and draws the branches. The hint lists solutions."""
    graph = Graph.of(FORK)
    assert graph.heads == ("cccc3", "dddd4")
    with pytest.raises(SeveralHeadsError) as caught:
        _ = graph.head
    assert caught.value.message.splitlines() == [
        "the migrations have several heads: cccc3 (0003_step_cccc3.py), dddd4 (0004_step_dddd4.py)",
        "  *  0004_step_dddd4  dddd4",
        "  | *  0003_step_cccc3  cccc3",
        "  |/",
        "  o  0002_step_bbbb2  bbbb2",
    ]
    assert caught.value.hint == (
        "run autodiff merge to join them, or autodiff rebase to reorder them; "
        "use the target heads for all of them"
    )
    with pytest.raises(SeveralHeadsError):
        graph.upgrades("head", ())


def test_an_unknown_parent_is_refused() -> None:
    """The error names the file and the missing parent."""
    with pytest.raises(HistoryError) as caught:
        Graph.of([migration("bbbb2", "gone")])
    assert (
        caught.value.message == "migration 0002_step_bbbb2.py comes after gone, which has no file"
    )
    assert caught.value.hint == "restore the file from version control, or correct the parents"


@pytest.mark.parametrize(
    ("migrations", "names"),
    [
        ([migration("a1", "a1")], {"0001_step_a1.py"}),
        (
            [migration("a1", "b2"), migration("b2", "a1"), migration("c3", "b2")],
            {"0001_step_a1.py", "0002_step_b2.py"},
        ),
    ],
)
def test_a_cycle_is_refused(migrations: list[Migration], names: set[str]) -> None:
    """The error names the files of the cycle, and no others."""
    with pytest.raises(HistoryError) as caught:
        Graph.of(migrations)
    start = "the migrations form a cycle: "
    assert caught.value.message.startswith(start)
    assert set(caught.value.message.removeprefix(start).split(" -> ")) == names
    assert caught.value.hint == "correct the parents of one of them"


def test_a_duplicate_revision_is_refused() -> None:
    """The error names both files."""
    with pytest.raises(HistoryError) as caught:
        Graph.of([migration("a1"), migration("a1", name="0002_copy")])
    assert caught.value.message == (
        "two migrations have the revision a1: 0001_step_a1.py and 0002_copy.py"
    )
    assert caught.value.hint == "one is a copy: give it another revision, or delete it"


@pytest.mark.parametrize(
    ("target", "revision"),
    [
        ("bbbb2", "bbbb2"),
        ("bbbb", "bbbb2"),
        ("2", "bbbb2"),
        ("0002", "bbbb2"),
        ("0002_step_bbbb2", "bbbb2"),
        ("step_bbbb2", "bbbb2"),
        ("head", "cccc3"),
    ],
)
def test_a_migration_is_found_by_each_of_its_names(target: str, revision: str) -> None:
    """The names are revision, prefix of the revision, number, file name, slug and head."""
    assert Graph.of(CHAIN).find(target).revision == revision


@pytest.mark.parametrize("target", ["bbb", "4", "²", "0002_step", "-1", "BBBB2", "step"])
def test_an_unknown_target_is_refused(target: str) -> None:
    """The hint lists the last migrations. A prefix of three letters is too short."""
    with pytest.raises(RevisionNotFoundError) as caught:
        Graph.of(CHAIN).find(target)
    assert caught.value.message == f"unknown migration {target!r}"
    assert caught.value.revision == target
    assert caught.value.hint == (
        "the last migrations are: aaaa1 (0001_step_aaaa1.py), bbbb2 (0002_step_bbbb2.py), "
        "cccc3 (0003_step_cccc3.py)"
    )


def test_the_base_is_not_a_migration() -> None:
    """Targets before the first migration are refused too. The hint names that migration."""
    for target in ("base", "aaaa1-1"):
        with pytest.raises(RevisionNotFoundError, match=f"unknown migration '{target}'") as caught:
            Graph.of(CHAIN).find(target)
        assert caught.value.hint == "it is before the first migration, 0001_step_aaaa1"


def test_an_empty_graph_has_no_targets() -> None:
    """The hint reports that there are no migrations."""
    for target in ("head", "0001"):
        with pytest.raises(RevisionNotFoundError) as caught:
            Graph.of([]).find(target)
        assert caught.value.hint == "the last migrations are: none"


def test_an_ambiguous_target_is_refused() -> None:
    """The hint lists the candidates."""
    graph = Graph.of([migration("aaaa1", name="0001_x"), migration("aaaab1", "aaaa1", name="y_x")])
    hint = "use the full revision or name of one of: aaaa1 (0001_x.py), aaaab1 (y_x.py)"
    for target in ("x", "1"):
        with pytest.raises(AmbiguousRevisionError) as caught:
            graph.find(target)
        message = f"{target!r} names several migrations"
        assert (caught.value.message, caught.value.hint) == (message, hint)
    assert graph.find("aaaa1").revision == "aaaa1"
    with pytest.raises(AmbiguousRevisionError):
        graph.find("aaaa")


@pytest.mark.parametrize(
    ("target", "applied", "expected"),
    [
        ("head", (), ["aaaa1", "bbbb2", "cccc3", "dddd4", "eeee5"]),
        ("head", ("aaaa1", "bbbb2"), ["cccc3", "dddd4", "eeee5"]),
        ("head", ("aaaa1", "bbbb2", "dddd4"), ["cccc3", "eeee5"]),
        ("+1", (), ["aaaa1"]),
        ("+2", ("aaaa1",), ["bbbb2", "cccc3"]),
        ("+9", ("aaaa1", "bbbb2", "cccc3"), ["dddd4", "eeee5"]),
        ("+0", (), []),
        ("dddd", (), ["aaaa1", "bbbb2", "dddd4"]),
        ("3", ("aaaa1",), ["bbbb2", "cccc3"]),
        ("step_bbbb2", ("aaaa1", "bbbb2", "cccc3"), []),
    ],
)
def test_an_upgrade_applies_what_its_target_needs(
    target: str, applied: tuple[str, ...], expected: list[str]
) -> None:
    """Parents come first. Unrelated migrations are not applied."""
    assert revisions(Graph.of(DIAMOND).upgrades(target, applied)) == expected


@pytest.mark.parametrize(
    ("target", "applied", "expected"),
    [
        ("base", ("aaaa1", "bbbb2", "cccc3"), ["cccc3", "bbbb2", "aaaa1"]),
        ("base", (), []),
        ("-1", ("aaaa1", "bbbb2", "cccc3", "dddd4", "eeee5"), ["eeee5"]),
        ("-2", ("bbbb2", "aaaa1"), ["bbbb2", "aaaa1"]),
        ("-9", ("aaaa1",), ["aaaa1"]),
        ("-0", ("aaaa1",), []),
        ("2", ("aaaa1", "bbbb2", "cccc3", "dddd4"), ["dddd4", "cccc3"]),
        ("cccc", ("aaaa1", "bbbb2", "cccc3", "dddd4", "eeee5"), ["eeee5"]),
        ("head", ("aaaa1", "bbbb2", "cccc3", "dddd4", "eeee5"), []),
    ],
)
def test_a_downgrade_reverts_what_follows_its_target(
    target: str, applied: tuple[str, ...], expected: list[str]
) -> None:
    """Children come first. Other branches stay applied."""
    assert revisions(Graph.of(DIAMOND).downgrades(target, applied)) == expected


def test_a_downgrade_to_an_unapplied_target_is_refused() -> None:
    with pytest.raises(HistoryError) as caught:
        Graph.of(CHAIN).downgrades("cccc3", ("aaaa1",))
    assert caught.value.message == "cannot downgrade to 0003_step_cccc3: it is not applied"
    assert caught.value.hint == "list the applied migrations: autodiff status"


def test_lineage_contains_all_ancestors() -> None:
    """Both branches of a diamond belong to the lineage of its head."""
    graph = Graph.of(DIAMOND)
    assert graph.lineage(["dddd4"]) == {"aaaa1", "bbbb2", "dddd4"}
    assert graph.lineage(["eeee5"]) == set(graph.migrations)
    assert graph.lineage([]) == set()


def test_the_next_number_follows_the_highest() -> None:
    """Files without a number are ignored."""
    assert Graph.of(FORK).next_number() == 5
    assert Graph.of([migration("x")]).next_number() == 1


def test_a_graph_is_loaded_from_a_folder(tmp_path: Path) -> None:
    """Python and SQL files are in the same graph."""
    steps = "\ndef upgrade(): pass\ndef downgrade(): pass\n"
    (tmp_path / "0001_a.py").write_text('revision = "a"' + steps)
    (tmp_path / "0002_b.up.sql").write_text("-- revision: b\n-- parents: a\n")
    (tmp_path / "0002_b.down.sql").write_text("")
    (tmp_path / "0003_c.py").write_text('revision = "c"\ndown_revision = "b"' + steps)
    assert list(load_graph(tmp_path).migrations) == ["a", "b", "c"]
    (tmp_path / "0004_d.py").write_text("no code")
    with pytest.raises(MigrationFileError, match=r"0004_d\.py:1: SyntaxError"):
        load_graph(tmp_path)


def squashed(revision: str, replaces: tuple[str, ...], *parents: str) -> Migration:
    return replace(migration(revision, *parents), replaces=replaces)


def test_a_squash_is_the_parent_of_later_migrations() -> None:
    """A branch may start inside the replaced range. The later files need no change."""
    graph = Graph.of(
        [
            migration("a"),
            squashed("s", ("b", "c"), "a"),
            migration("d", "c"),
            migration("e", "b"),
            migration("f", "d", "e"),
        ]
    )
    assert [graph[r].parents for r in ("s", "d", "e", "f")] == [("a",), ("s",), ("s",), ("d", "e")]
    assert graph.heads == ("f",)
    assert graph.find("b") == graph["s"]


def test_a_replaced_file_must_be_deleted() -> None:
    """Otherwise its steps would run twice."""
    with pytest.raises(HistoryError) as caught:
        Graph.of([migration("a"), migration("b", "a"), squashed("s", ("b",), "a")])
    assert str(caught.value) == (
        "step_s.py replaces b, but its file still exists: step_b.py\n"
        "hint: delete step_b.py, or delete step_s.py to keep the separate files"
    )


def test_two_squashes_of_one_migration_are_refused() -> None:
    """Two branches may have squashed the same migrations."""
    with pytest.raises(HistoryError, match=r"step_t\.py and step_s\.py both replace b"):
        Graph.of([migration("a"), squashed("s", ("b",), "a"), squashed("t", ("b", "c"), "a")])
