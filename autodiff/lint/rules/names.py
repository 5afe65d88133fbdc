"""Rules for the names of new objects."""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.lint.context import Step
from autodiff.lint.rule import POSTGRESQL, SERVERS, Match, Rule
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    CreateEnum,
    CreateIndex,
    CreateSequence,
    CreateTable,
    CreateView,
    RenameColumn,
    RenameConstraint,
    RenameEnum,
    RenameIndex,
    RenameTable,
)

__all__ = ["RULES"]

_NAMING_STEPS = (
    *(CreateTable, AddColumn, RenameColumn, AddConstraint, RenameConstraint, CreateIndex),
    *(RenameIndex, RenameTable, CreateView, CreateEnum, RenameEnum, CreateSequence),
)


def _new_names(step: Step) -> Iterator[tuple[str, str, str]]:
    """Yield each name that a step gives: the kind of the object, the name, and the place."""
    match step.action:
        case CreateTable(table=table):
            place = str(table.name)
            yield "table", table.name.name, place
            for column in table.columns:
                yield "column", column.name, f"{place}.{column.name}"
            for part in (*table.constraints, *table.indexes):
                if part.name is not None and not getattr(part, "implicit", False):
                    yield "constraint", part.name, f"{place}.{part.name}"
        case AddColumn(table=owner, column=column):
            yield "column", column.name, f"{owner}.{column.name}"
        case RenameColumn(table=owner, after=name):
            yield "column", name, f"{owner}.{name}"
        case AddConstraint(table=owner, constraint=constraint) if constraint.name is not None:
            if not constraint.implicit:
                yield "constraint", constraint.name, f"{owner}.{constraint.name}"
        case RenameConstraint(table=owner, after=name):
            yield "constraint", name, f"{owner}.{name}"
        case CreateIndex(table=owner, index=index) if index.name is not None:
            yield "index", index.name, f"{owner}.{index.name}"
        case RenameIndex(after=name):
            yield "index", name, name
        case RenameTable(after=renamed):
            yield "table", renamed.name, str(renamed)
        case CreateView(view=view):
            yield "view", view.name.name, str(view.name)
        case CreateEnum(enum=enum):
            yield "type", enum.name.name, str(enum.name)
        case RenameEnum(after=renamed):
            yield "type", renamed.name, str(renamed)
        case CreateSequence(sequence=sequence):
            yield "sequence", sequence.name.name, str(sequence.name)


def _reserved(step: Step) -> Iterator[Match]:
    words = step.dialect.reserved_words
    for kind, name, place in _new_names(step):
        if name.lower() in words:
            yield Match(message=f"the {kind} name {name} is a reserved word", object=place)


def _long(step: Step) -> Iterator[Match]:
    longest = step.dialect.features.max_name_length
    cuts = step.dialect.features.cuts_long_names
    for kind, name, place in _new_names(step):
        if (len(name.encode()) if cuts else len(name)) > longest:
            done = (
                f"is cut after {longest} bytes" if cuts else f"has more than {longest} characters"
            )
            yield Match(message=f"the {kind} name {name} {done}", object=place)


def _mixed_case(step: Step) -> Iterator[Match]:
    for kind, name, place in _new_names(step):
        if name != name.lower() and kind in ("table", "column", "view", "type", "sequence"):
            yield Match(message=f"the {kind} name {name} has capital letters", object=place)


_LONG = "ix_users_by_the_nickname_that_they_chose_when_they_signed_up_first"

RULES = (
    Rule(
        code="AD615",
        name="reserved-word",
        severity="info",
        summary="A name is a reserved word of the database.",
        reason="Every statement that is written by hand must quote it. Without quotes it fails or "
        "means something else: on PostgreSQL, SELECT user is the name of the session's user. "
        "SQLite accepts most of such names.",
        safe_way="Choose another name, such as the plural.",
        check=_reserved,
        actions=_NAMING_STEPS,
        databases=SERVERS,
        bad='op.add_column("users", sa.Column("order", sa.BigInteger()))',
        good='op.add_column("users", sa.Column("position", sa.BigInteger()))',
    ),
    Rule(
        code="AD616",
        name="long-name",
        severity="warning",
        summary="A name is longer than the database allows.",
        reason="PostgreSQL cuts it after 63 bytes without an error, so that two names can become "
        "one, and a later migration does not find the object by its whole name. MySQL and MariaDB "
        "refuse names of more than 64 characters.",
        safe_way="Choose a shorter name.",
        check=_long,
        actions=_NAMING_STEPS,
        databases=SERVERS,
        bad="with op.autocommit():\n"
        f'    op.execute("CREATE INDEX CONCURRENTLY {_LONG} ON users (nickname)")',
        good="with op.autocommit():\n"
        '    op.execute("CREATE INDEX CONCURRENTLY ix_users_nickname ON users (nickname)")',
    ),
    Rule(
        code="AD617",
        name="mixed-case",
        severity="info",
        summary="A name has capital letters.",
        reason="PostgreSQL changes names without quotes to lower case, so every statement that is "
        "written by hand must quote the name.",
        safe_way="Use lower case with underscores.",
        check=_mixed_case,
        actions=_NAMING_STEPS,
        databases=POSTGRESQL,
        bad='op.add_column("users", sa.Column("firstName", sa.Text()))',
        good='op.add_column("users", sa.Column("first_name", sa.Text()))',
    ),
)
