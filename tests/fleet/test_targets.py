"""Targets by name: shards, lines, templates and order, without any database."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url

from autodiff.errors import ConfigError
from autodiff.fleet.targets import (
    Shard,
    Target,
    fill_template,
    parse_line,
    parse_shard,
    refuse_duplicates,
    select_targets,
    shard_of,
    split_canaries,
)


def targets(*names: str) -> list[Target]:
    return [Target(name=name, url=make_url("sqlite://")) for name in names]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 64])
def test_shards_cover_all_exactly_once(count: int) -> None:
    """Each target is in one shard, whatever the order in which they stand."""
    names = [f"tenant_{number}" for number in range(500)]
    parts = [
        [t.name for t in select_targets(targets(*names), (), Shard(number=number, count=count))]
        for number in range(1, count + 1)
    ]
    assert sorted(name for part in parts for name in part) == sorted(names)
    backwards = [
        {
            t.name
            for t in select_targets(targets(*names[::-1]), (), Shard(number=number, count=count))
        }
        for number in range(1, count + 1)
    ]
    assert backwards == [set(part) for part in parts]


def test_shards_are_about_even_and_never_change() -> None:
    """A name is in the same shard in every process and every version."""
    sizes = [0] * 10
    for number in range(5000):
        sizes[shard_of(f"tenant_{number}", 10) - 1] += 1
    assert min(sizes) > 400
    assert [shard_of(name, 10) for name in ("acme", "globex", "initech")] == [3, 10, 4]


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/2/3"])
def test_a_shard_that_is_none(text: str) -> None:
    """The message says it, and how one looks."""
    with pytest.raises(ConfigError) as caught:
        parse_shard(text)
    assert caught.value.message == f"invalid shard {text!r}"
    assert "with N from 1 to M" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ()),
        ("  # nothing", ()),
        ("sqlite:///a.db", ("sqlite:///a.db",)),
        ("acme  postgresql://u:a#b@h/db  # the first", ("acme", "postgresql://u:a#b@h/db")),
        ("acme\tx", ("acme", "x")),
    ],
)
def test_lines(line: str, words: tuple[str, ...]) -> None:
    """A # begins a comment, unless it stands inside a word."""
    assert parse_line(line) == words


def test_templates() -> None:
    """Places are filled by name; one that is not there is told, with those that are."""
    row = {"name": "acme", "id": "7"}
    assert fill_template("tenant_{id}_{name}", row, "schema") == "tenant_7_acme"
    assert fill_template("all", row, "schema") == "all"
    with pytest.raises(ConfigError) as caught:
        fill_template("tenant_{slug}", row, "schema")
    assert '"tenant_{slug}" uses the unknown placeholder {slug}' in caught.value.message
    assert caught.value.hint == "known placeholders: {name}, {id}"


def test_canaries_go_first() -> None:
    """By number or by name; the order is that of the targets."""
    all_ = targets("a", "b", "c", "d")
    assert [[t.name for t in part] for part in split_canaries(all_, 2, all_)] == [
        ["a", "b"],
        ["c", "d"],
    ]
    named = split_canaries(all_, ("d", "b"), all_)
    assert [[t.name for t in part] for part in named] == [["b", "d"], ["a", "c"]]
    elsewhere = split_canaries(all_[:2], ("d",), all_)
    assert [[t.name for t in part] for part in elsewhere] == [[], ["a", "b"]]


def test_unknown_and_double_names() -> None:
    """Both are told with the names that there are."""
    with pytest.raises(ConfigError, match="unknown target 'x'") as caught:
        select_targets(targets("a", "b"), ["x"], None)
    assert caught.value.hint == "known targets: a, b"
    with pytest.raises(ConfigError, match="unknown target 'x'"):
        split_canaries(targets("a"), ("x",), targets("a"))
    with pytest.raises(ConfigError, match="several targets have the same name: a"):
        refuse_duplicates(targets("a", "b", "a"))
