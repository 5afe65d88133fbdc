"""Test shards, lines, templates and the order of targets, without a database."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url

from autodiff.errors import ConfigError
from autodiff.fleet.shards import parse_shard
from autodiff.fleet.targets import (
    Shard,
    Target,
    fill_template,
    parse_line,
    refuse_duplicates,
    select_targets,
    shard_of,
    split_canaries,
)


def targets(*names: str) -> list[Target]:
    return [Target(name=name, url=make_url("sqlite://")) for name in names]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 64])
def test_each_target_is_in_one_shard(count: int) -> None:
    """The order of the targets does not matter."""
    names = [f"tenant_{number}" for number in range(500)]
    shards = [
        [t.name for t in select_targets(targets(*names), (), Shard(number=number, count=count))]
        for number in range(1, count + 1)
    ]
    assert sorted(name for shard in shards for name in shard) == sorted(names)
    reversed_shards = [
        {
            t.name
            for t in select_targets(targets(*names[::-1]), (), Shard(number=number, count=count))
        }
        for number in range(1, count + 1)
    ]
    assert reversed_shards == [set(shard) for shard in shards]


def test_shards_are_even_and_stable() -> None:
    """A name is in the same shard in every process and in every version."""
    sizes = [0] * 10
    for number in range(5000):
        sizes[shard_of(f"tenant_{number}", 10) - 1] += 1
    assert min(sizes) > 400
    assert [shard_of(name, 10) for name in ("acme", "globex", "initech")] == [3, 10, 4]


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/2/3"])
def test_an_invalid_shard_is_refused(text: str) -> None:
    """The hint explains the format."""
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
def test_lines_are_split_into_words(line: str, words: tuple[str, ...]) -> None:
    """A # starts a comment, unless it is inside a word."""
    assert parse_line(line) == words


def test_templates_are_filled_by_name() -> None:
    """The error for an unknown name lists the known ones."""
    row = {"name": "acme", "id": "7"}
    assert fill_template("tenant_{id}_{name}", row, "schema") == "tenant_7_acme"
    assert fill_template("all", row, "schema") == "all"
    with pytest.raises(ConfigError) as caught:
        fill_template("tenant_{slug}", row, "schema")
    assert '"tenant_{slug}" uses the unknown placeholder {slug}' in caught.value.message
    assert caught.value.hint == "known placeholders: {name}, {id}"


def test_canaries_go_first() -> None:
    """They are selected by number or by name. The order is that of the targets."""
    every_target = targets("a", "b", "c", "d")
    assert [[t.name for t in part] for part in split_canaries(every_target, 2, every_target)] == [
        ["a", "b"],
        ["c", "d"],
    ]
    parts = split_canaries(every_target, ("d", "b"), every_target)
    assert [[t.name for t in part] for part in parts] == [["b", "d"], ["a", "c"]]
    other_shard = split_canaries(every_target[:2], ("d",), every_target)
    assert [[t.name for t in part] for part in other_shard] == [[], ["a", "b"]]


def test_unknown_and_duplicate_names_are_refused() -> None:
    """The hint for an unknown name lists the known ones."""
    with pytest.raises(ConfigError, match="unknown target 'x'") as caught:
        select_targets(targets("a", "b"), ["x"], None)
    assert caught.value.hint == "known targets: a, b"
    with pytest.raises(ConfigError, match="unknown target 'x'"):
        split_canaries(targets("a"), ("x",), targets("a"))
    with pytest.raises(ConfigError, match="several targets have the same name: a"):
        refuse_duplicates(targets("a", "b", "a"))
