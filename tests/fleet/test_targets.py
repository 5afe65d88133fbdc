"""Test shards, lines, templates and the order of targets, without a database."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url

from autodiff.errors import ConfigError
from autodiff.fleet.targets import (
    Shard,
    Target,
    chosen,
    filled_in,
    parse_line,
    parse_shard,
    refuse_doubles,
    shard_of,
    split,
)


def targets(*names: str) -> list[Target]:
    return [Target(name=name, url=make_url("sqlite://")) for name in names]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 64])
def test_each_target_is_in_one_shard(count: int) -> None:
    """The order of the targets does not matter."""
    names = [f"tenant_{number}" for number in range(500)]
    shards = [
        [t.name for t in chosen(targets(*names), (), Shard(number=number, count=count))]
        for number in range(1, count + 1)
    ]
    assert sorted(name for shard in shards for name in shard) == sorted(names)
    reversed_shards = [
        {t.name for t in chosen(targets(*names[::-1]), (), Shard(number=number, count=count))}
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
    assert caught.value.message == f"no shard {text!r}"
    assert "they count from 1" in str(caught.value.hint)


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
    assert filled_in("tenant_{id}_{name}", row, "schema") == "tenant_7_acme"
    assert filled_in("all", row, "schema") == "all"
    with pytest.raises(ConfigError) as caught:
        filled_in("tenant_{slug}", row, "schema")
    assert '"tenant_{slug}" asks for {slug}, which is not there' in caught.value.message
    assert caught.value.hint == "known are {name}, {id}"


def test_canaries_go_first() -> None:
    """They are selected by number or by name. The order is that of the targets."""
    every_target = targets("a", "b", "c", "d")
    assert [[t.name for t in part] for part in split(every_target, 2, every_target)] == [
        ["a", "b"],
        ["c", "d"],
    ]
    parts = split(every_target, ("d", "b"), every_target)
    assert [[t.name for t in part] for part in parts] == [["b", "d"], ["a", "c"]]
    other_shard = split(every_target[:2], ("d",), every_target)
    assert [[t.name for t in part] for part in other_shard] == [[], ["a", "b"]]


def test_unknown_and_duplicate_names_are_refused() -> None:
    """The hint for an unknown name lists the known ones."""
    with pytest.raises(ConfigError, match="there is no target 'x'") as caught:
        chosen(targets("a", "b"), ["x"], None)
    assert caught.value.hint == "there are: a, b"
    with pytest.raises(ConfigError, match="there is no target 'x'"):
        split(targets("a"), ("x",), targets("a"))
    with pytest.raises(ConfigError, match="a stands there more than once"):
        refuse_doubles(targets("a", "b", "a"))
