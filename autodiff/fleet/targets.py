"""Build targets from lines and rows, select them by name or shard, and put canaries first."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autodiff.errors import ConfigError
from autodiff.fleet.settings import Canary
from autodiff.utils.connections import mask_passwords
from autodiff.utils.values import first_names

if TYPE_CHECKING:
    from sqlalchemy import URL

__all__ = [
    "Row",
    "Shard",
    "Target",
    "fill_template",
    "parse_line",
    "refuse_duplicates",
    "select_targets",
    "shard_of",
    "split_canaries",
]

Row = Mapping[str, str]
"""The values of a target by column: its name, its URL, and other columns of the query."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One database, or one schema of a database, with its own history.

    search_path: the schemas that are searched after its own.
    """

    name: str
    url: URL
    schema: str | None = None
    search_path: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return a text without secrets: the workers of a cluster log their arguments."""
        schema = f", schema={self.schema!r}" if self.schema else ""
        return f"Target(name={self.name!r}, url={mask_passwords(self.url)!r}{schema})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of `count` parts of the targets; `number` counts from 1.

    job: identifies the array of jobs that the shard was read from, if there is one.
    """

    number: int
    count: int
    job: str | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def shard_of(name: str, count: int) -> int:
    """Return the number of a target's shard.

    It depends only on a hash of the name, so that all machines agree and new targets move no other.
    """
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8]) % count + 1


def parse_line(line: str) -> tuple[str, ...]:
    """Return the words of a line: a URL, or a name and a URL; none for an empty line or a comment.

    A # starts a comment only at the start of a line or after a space: a password may contain one.
    """
    return tuple(re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split())


def fill_template(template: str, row: Row, setting: str) -> str:
    """Return a template such as "tenant_{name}" with the values of a row.

    Raises ConfigError for a placeholder that is not a column of the row; `setting` is named there.
    """
    missing = [column for column in _PLACEHOLDER.findall(template) if column not in row]
    if missing:
        raise ConfigError(
            f'targets: {setting} = "{template}" uses the unknown placeholder {{{missing[0]}}}',
            hint=f"known placeholders: {', '.join(f'{{{key}}}' for key in row)}",
        )
    return _PLACEHOLDER.sub(lambda match: row[match[1]], template)


def refuse_duplicates(targets: Iterable[Target]) -> None:
    """Raise ConfigError if two targets have the same name."""
    duplicates = [name for name, times in Counter(t.name for t in targets).items() if times > 1]
    if duplicates:
        raise ConfigError(
            f"targets: several targets have the same name: {first_names(duplicates)}",
            hint="give each target its own name, or remove the duplicates",
        )


def select_targets(
    targets: Sequence[Target], names: Sequence[str], shard: Shard | None
) -> list[Target]:
    """Return the targets with these names, or all without names, that are in the shard.

    The order stays. Raises ConfigError for an unknown name.
    """
    _refuse_unknown(targets, names)
    selected = set(names)
    return [
        target
        for target in targets
        if (not names or target.name in selected)
        and (shard is None or shard_of(target.name, shard.count) == shard.number)
    ]


def split_canaries(
    targets: Sequence[Target], canary: Canary, known: Sequence[Target]
) -> tuple[list[Target], list[Target]]:
    """Return the targets that go first, and the others.

    `known` are all targets: a named canary that is in another shard is not an error, and is in
    neither list. Raises ConfigError for an unknown name.
    """
    if isinstance(canary, int):
        return list(targets[:canary]), list(targets[canary:])
    _refuse_unknown(known, canary)
    names = set(canary)
    first = [target for target in targets if target.name in names]
    return first, [target for target in targets if target.name not in names]


def _refuse_unknown(targets: Sequence[Target], names: Sequence[str]) -> None:
    known = {target.name for target in targets}
    if unknown := [name for name in names if name not in known]:
        names = [target.name for target in targets]
        raise ConfigError(
            f"unknown target {unknown[0]!r}", hint=f"known targets: {first_names(names) or 'none'}"
        )
