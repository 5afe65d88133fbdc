"""Targets by name: made from lines and rows, split into shards, put in order. All of it pure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.errors import ConfigError
from autodiff.fleet.settings import Canary

if TYPE_CHECKING:
    from sqlalchemy import URL

__all__ = [
    "Row",
    "Shard",
    "Target",
    "chosen",
    "filled_in",
    "parse_line",
    "parse_shard",
    "refuse_doubles",
    "shard_of",
    "split",
]

Row = Mapping[str, str]
"""What is known of a target: its name and whatever else the query gives, by column."""
_PLACE = re.compile(r"\{(\w+)\}")
_SHARD = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One database, or one schema of a database, that has its own history.

    search_path: the schemas that it looks in after its own.
    """

    name: str
    url: URL
    schema: str | None = None
    search_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of `count` parts; `number` counts from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str) -> Shard:
    """A shard from "3/10".

    Raises ConfigError for anything else.
    """
    match = _SHARD.fullmatch(text.strip())
    shard = Shard(number=int(match[1]), count=int(match[2])) if match else None
    if shard is None or not 1 <= shard.number <= shard.count:
        raise ConfigError(f"no shard {text!r}", hint="3/10 is the third of ten; they count from 1")
    return shard


def shard_of(name: str, count: int) -> int:
    """The number of the shard that a target is in, by its name alone: the same everywhere."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8]) % count + 1


def parse_line(line: str) -> tuple[str, ...]:
    """The words of a line: a URL, or a name and a URL; none of an empty one or a comment.

    A # begins a comment at the start of a line or after a space: passwords may hold one.
    """
    return tuple(re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split())


def filled_in(template: str, row: Row, what: str) -> str:
    """A template such as "tenant_{name}" with the values of a row.

    Raises ConfigError for a place that the row has no value for.
    """
    missing = [place for place in _PLACE.findall(template) if place not in row]
    if missing:
        raise ConfigError(
            f'targets: {what} = "{template}" asks for {{{missing[0]}}}, which is not there',
            hint=f"known are {', '.join(f'{{{key}}}' for key in row)}",
        )
    return _PLACE.sub(lambda match: row[match[1]], template)


def refuse_doubles(targets: Iterable[Target]) -> None:
    """Raises ConfigError where two targets have one name."""
    doubles = [name for name, times in Counter(t.name for t in targets).items() if times > 1]
    if doubles:
        raise ConfigError(
            f"targets: {', '.join(doubles[:5])} stands there more than once",
            hint="a target is known by its name: give each its own, or remove the copy",
        )


def chosen(targets: Sequence[Target], names: Sequence[str], shard: Shard | None) -> list[Target]:
    """The targets of these names (all, where none is named) and of the shard, in their order.

    Raises ConfigError for a name that none has.
    """
    _refuse_unknown(targets, names)
    return [
        target
        for target in targets
        if (not names or target.name in names)
        and (shard is None or shard_of(target.name, shard.count) == shard.number)
    ]


def split(
    targets: Sequence[Target], canary: Canary, known: Sequence[Target]
) -> tuple[list[Target], list[Target]]:
    """Those that go first, and the others.

    Named canaries may be in another shard: then they are nobody's here. `known` are all there are.
    """
    if isinstance(canary, int):
        return list(targets[:canary]), list(targets[canary:])
    _refuse_unknown(known, canary)
    first = [target for target in targets if target.name in canary]
    return first, [target for target in targets if target.name not in canary]


def _refuse_unknown(targets: Sequence[Target], names: Sequence[str]) -> None:
    known = {target.name for target in targets}
    if unknown := [name for name in names if name not in known]:
        listed = ", ".join(target.name for target in targets[:5])
        more = f" and {len(targets) - 5} more" if len(targets) > 5 else ""
        raise ConfigError(
            f"there is no target {unknown[0]!r}", hint=f"there are: {listed or 'none'}{more}"
        )
