"""Find the statements that a migration breaks: those of the old code and those of the new code."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from autodiff.commands.against.reasons import Failure, explain_failures
from autodiff.commands.against.report import MigrationSafety
from autodiff.commands.against.statements import Sent
from autodiff.dialects.scratch import SharedScratch
from autodiff.schema.objects import Name, Schema

if TYPE_CHECKING:
    from autodiff.migrations import Migration

__all__ = ["Code", "Enums", "judge_migrations"]

Enums = Mapping[tuple[Name, str], tuple[str, ...]]
"""The values of each Enum, by table and column."""


class Code(Protocol):
    """A version of the code, whose statements can be sent.

    label: how messages name it. declared: the schema of its models.
    """

    @property
    def label(self) -> str: ...

    @property
    def declared(self) -> Schema: ...

    @property
    def enums(self) -> Enums: ...

    def send(
        self, shared: SharedScratch, schema: Schema, tables: Iterable[Name], others: Enums
    ) -> list[Sent]:
        """Send the statements for some tables on a scratch with that schema.

        others: the values that only the other version of the code can write.
        """


def judge_migrations(
    pending: Sequence[Migration],
    schemas: Sequence[Schema],
    scratches: Iterable[SharedScratch],
    old: Code,
    new: Code,
) -> tuple[tuple[MigrationSafety, ...], tuple[str, ...]]:
    """Return which statements each migration breaks, and notes about what could not be checked.

    schemas: that before the first migration, and that after each one. scratches: a scratch in each
    of these states; it need only be in that state until the next one is taken.

    A statement counts if it works on the schema of its own version of the code. A failure of old
    code is attributed to the migration after which it starts, and a failure of new code to the
    migration after which it ends.
    """
    tables = _tables_concerned(schemas, (old, new))
    only_new, only_old = _other_values(new.enums, old.enums), _other_values(old.enums, new.enums)
    old_sent: list[list[Sent]] = [[] for _ in schemas]
    new_sent: list[list[Sent]] = [[] for _ in schemas]
    for place, shared in enumerate(scratches if tables else ()):
        old_sent[place] = old.send(shared, schemas[place], tables, only_new)
        new_sent[place] = new.send(shared, schemas[place], tables, only_old)
    old_failures = _failures(old_sent, old_sent[0], schemas, old)
    new_failures = _failures(new_sent, new_sent[-1], schemas, new)
    steps = tuple(
        MigrationSafety(
            revision=migration.revision,
            name=migration.name,
            old_code=tuple(sorted(old_failures[place + 1] - old_failures[place])),
            new_code=tuple(sorted(new_failures[place] - new_failures[place + 1])),
        )
        for place, migration in enumerate(pending)
    )
    notes = (
        *_unchecked(old_sent[0], "before the migrations", old),
        *_unchecked(new_sent[-1], "after the migrations", new),
    )
    return steps, notes


def _tables_concerned(schemas: Sequence[Schema], codes: Sequence[Code]) -> list[Name]:
    """Return the tables that a migration changes, and those that a foreign key joins to them."""
    changed: set[Name] = set()
    for before, after in itertools.pairwise(schemas):
        names = before.tables.keys() | after.tables.keys()
        enums = {
            name
            for name in before.enums.keys() | after.enums.keys()
            if before.enums.get(name) != after.enums.get(name)
        }
        for name in names:
            table, later = before.tables.get(name), after.tables.get(name)
            uses = {c.type.enum for t in (table, later) if t for c in t.columns}
            if table != later or uses & enums:
                changed.add(name)
    everything = [*schemas, *(code.declared for code in codes)]
    joined = {
        name
        for schema in everything
        for table in schema.tables.values()
        for key in table.foreign_keys
        if {table.name, key.referred} & changed
        for name in (table.name, key.referred)
    }
    return sorted(changed | joined)


def _other_values(other: Enums, own: Enums) -> Enums:
    """Return the values of Enums that only the other version of the code has."""
    found = {}
    for key, values in other.items():
        known = own.get(key, values)
        if rest := tuple(value for value in values if value not in known):
            found[key] = rest
    return found


def _key(sent: Sent) -> tuple[str, str, str]:
    return sent.statement, sent.subject, sent.variant


def _failures(
    every: Sequence[Sequence[Sent]],
    own: Sequence[Sent],
    schemas: Sequence[Schema],
    code: Code,
) -> list[frozenset[Failure]]:
    """Return the failures on each schema of the statements that work on the code's own schema."""
    working = {_key(sent) for sent in own} - {_key(sent) for sent in own if sent.problem}
    return [
        explain_failures(
            (one for one in sent if _key(one) in working), schema, code.declared.tables
        )
        for sent, schema in zip(every, schemas, strict=True)
    ]


def _unchecked(own: Sequence[Sent], when: str, code: Code) -> list[str]:
    """Return a note for each kind of statement that never works, so that nothing is known."""
    problems: dict[tuple[str, str], list[str | None]] = {}
    for sent in own:
        problems.setdefault((sent.statement, sent.subject), []).append(sent.problem)
    return [
        f"not checked with the models of {code.label}: {statement} of {subject} fails {when} too: "
        f"{found[0]}"
        for (statement, subject), found in problems.items()
        if all(found)
    ]
