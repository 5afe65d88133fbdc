"""Read commands that sqlglot does not parse, from their words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from autodiff.lint.context import Action
from autodiff.lint.sql_forms import split_list
from autodiff.lint.statements import (
    ChangeRows,
    ChangeTable,
    CreateRoutine,
    CreateTrigger,
    DropDependents,
    DropRoutine,
    DropSchemaWithContents,
    Harmless,
    MaintainTable,
    RenameNamespace,
    SetOption,
    Truncate,
    UseIndex,
    ValidateConstraint,
)
from autodiff.schema.objects import Identity, Index, IndexElement, Name
from autodiff.schema.operations import (
    AlterColumn,
    ColumnPatch,
    CreateIndex,
    RenameConstraint,
    RenameEnum,
    RenameEnumValue,
    RenameIndex,
    RenameTable,
)

__all__ = ["actions_of_words"]

_HARMLESS = frozenset(
    "GRANT REVOKE ANALYZE PRAGMA NOTIFY DISCARD RESET SHOW EXPLAIN SECURITY FLUSH UNLOCK CHECK "
    "OPTIMIZE SAVEPOINT RELEASE".split()
)
_HARMLESS_OBJECTS = frozenset(
    "EXTENSION FUNCTION PROCEDURE AGGREGATE POLICY PUBLICATION SUBSCRIPTION ROLE USER "
    "DOMAIN COLLATION CAST OPERATOR RULE STATISTICS SERVER EVENT ROUTINE LANGUAGE FOREIGN "
    "DEFAULT".split()
)
"""Objects whose creation and change neither lock a table for long nor lose rows."""
_WITH_DEPENDENTS = frozenset(
    "TYPE DOMAIN EXTENSION FUNCTION PROCEDURE ROUTINE AGGREGATE COLLATION LANGUAGE SERVER".split()
)
"""Objects whose DROP ... CASCADE can drop columns or tables that the statement does not name."""
_ROUTINES = frozenset(("FUNCTION", "PROCEDURE", "EVENT", "TRIGGER"))
_OTHER_OBJECTS = frozenset(("TABLE", "VIEW", "INDEX", "DATABASE", "SCHEMA", "TYPE"))
_NOISE = frozenset(
    "TABLE TABLES INDEX SCHEMA DATABASE CONCURRENTLY ONLY IF EXISTS FULL ANALYZE VERBOSE "
    "FREEZE".split()
)
"""Words before the name in a maintenance command."""
_HARMLESS_CLAUSES = frozenset(("OWNER", "ENABLE", "DISABLE", "REPLICA", "INHERIT", "FORCE"))


def actions_of_words(words: list[str], name: Callable[[str], Name]) -> Iterator[Action]:
    """Yield what a command does; nothing if the command is not known.

    Args:
        words: Its words, strings and other tokens, without spaces and comments.
        name: Returns the name that a token, or tokens joined by dots, spell.
    """
    upper = [word.upper() for word in words]
    match upper:
        case ["REINDEX", *rest]:
            yield from _maintain("reindex", words, rest, name)
        case ["CLUSTER", *rest] | ["VACUUM", "FULL", *rest]:
            yield from _maintain("rewrite", words, rest, name)
        case ["VACUUM", "(", *rest] if ")" in rest and "FULL" in rest[: rest.index(")")]:
            yield from _maintain("rewrite", words, rest[rest.index(")") + 1 :], name)
        case ["REFRESH", "MATERIALIZED", "VIEW", *rest]:
            yield from _maintain("refresh", words, rest, name)
        case ["LOCK", *rest]:
            yield from _maintain("lock", words, rest, name)
        case ["CREATE", *rest] if "TRIGGER" in rest[:12] and not _is_harmless_object(rest):
            yield from _trigger(words, upper, name)
        case ["CREATE", "FULLTEXT" | "SPATIAL", "INDEX", _, "ON", _, "(", *_]:
            yield _text_index(words, name)
        case ["DROP", "DATABASE", *_]:
            yield DropSchemaWithContents(name=words[-1].strip('"`'))
        case ["DROP", kind, *_, "CASCADE"] if kind in _WITH_DEPENDENTS:
            yield from _with_dependents(words, upper, name)
        case ["ALTER", "TYPE", *_]:
            yield from _type(words, upper, name)
        case ["ALTER", "SCHEMA", _, "RENAME", "TO", _]:
            yield RenameNamespace(before=name(words[2]).name, after=name(words[5]).name)
        case ["ALTER", "DOMAIN", _, "ADD", *_] | ["ALTER", "DOMAIN", _, "SET", "NOT", "NULL"]:
            yield MaintainTable(
                kind="domain",
                words="ALTER DOMAIN",
                name=name(words[2]),
                concurrently=upper[-2:] == ["NOT", "VALID"],
            )
        case ["ALTER", "TABLE", *_]:
            yield from _table(words, upper, name)
        case ["RENAME", "TABLE" | "TABLES", *_]:
            for place in (i for i, word in enumerate(upper) if word == "TO"):
                if 2 < place < len(words) - 1:
                    yield RenameTable(before=name(words[place - 1]), after=name(words[place + 1]))
        case ["ALTER", "INDEX", _, "ATTACH", *_] | ["ALTER", "SEQUENCE", _, _, *_]:
            yield Harmless(sql=" ".join(words))
        case ["ALTER", "MATERIALIZED", "VIEW", *_] if "RENAME" not in upper:
            yield Harmless(sql=" ".join(words))
        case ["ALTER", "MATERIALIZED", "VIEW", *_, _, "RENAME", "TO", _]:
            yield RenameTable(before=name(words[-4]), after=name(words[-1]))
        case ["ALTER", "DATABASE" | "ROLE" | "SYSTEM", *_] | ["SET", "SEARCH_PATH" | "ROLE", *_]:
            yield Harmless(sql=" ".join(words))
        case ["LOAD", "DATA", *_] if "TABLE" in upper[:-1]:
            place = upper.index("TABLE") + 1
            yield ChangeRows(table=name(words[place]), verb="INSERT", copies=True)
        case ["ALTER", "VIEW" | "INDEX", _, "OWNED" | "OWNER" | "SET", *_]:
            yield Harmless(sql=" ".join(words))
        case ["CREATE" | "DROP", *_] if (found := _routine(words, upper, name)) is not None:
            yield found
        case ["CREATE" | "ALTER" | "DROP", *rest] if _is_harmless_object(rest):
            yield Harmless(sql=" ".join(words))
        case ["RESET", "LOCK_TIMEOUT" | "STATEMENT_TIMEOUT"]:
            yield SetOption(name=words[1].lower(), value="DEFAULT")
        case ["RESET" | "DISCARD", "ALL"]:
            yield SetOption(name="lock_timeout", value="DEFAULT")
            yield SetOption(name="statement_timeout", value="DEFAULT")
        case [first, *_] if first in _HARMLESS or first == "COMMENT":
            yield Harmless(sql=" ".join(words))
        case ["VACUUM", *_] | ["SET", *_]:
            if upper[0] != "SET":
                yield Harmless(sql=" ".join(words))


def _with_dependents(
    words: list[str], upper: list[str], name: Callable[[str], Name]
) -> Iterator[DropDependents | DropRoutine]:
    """Yield DROP ... CASCADE of an object such as a type."""
    kind = upper[1].lower()
    dropped = name(words[4 if upper[2:4] == ["IF", "EXISTS"] else 2])
    yield DropDependents(kind=kind, name=dropped)
    if upper[1] in _ROUTINES:
        yield DropRoutine(kind=kind, name=dropped)


def _is_harmless_object(rest: list[str]) -> bool:
    words = [word for word in rest[:3] if word not in ("OR", "REPLACE")]
    return bool(words) and words[0] in _HARMLESS_OBJECTS


def _maintain(
    kind: str, words: list[str], rest: list[str], name: Callable[[str], Name]
) -> Iterator[MaintainTable]:
    """Yield a maintenance command for each of its tables."""
    own = words[len(words) - len(rest) :]
    if own[:1] == ["("] and ")" in own:  # options
        own = own[own.index(")") + 1 :]
    verbs = {"reindex": 1, "lock": 1, "refresh": 3, "rewrite": 1}[kind]
    text = " ".join(words[:verbs]).upper()
    for part in list(split_list(own)) or [own]:
        named = next((word for word in part if word.upper() not in _NOISE), None)
        yield MaintainTable(
            kind=kind,  # type: ignore[arg-type]
            words="VACUUM FULL" if text == "VACUUM" else text,
            name=None
            if named is None or not (named[0].isalpha() or named[0] in '_"`')
            else name(named),
            concurrently="CONCURRENTLY" in rest,
        )


def _text_index(words: list[str], name: Callable[[str], Name]) -> CreateIndex:
    end = words.index(")") if ")" in words else len(words)
    elements = tuple(
        IndexElement(text=name(word).name) for word in words[7:end] if word not in (",", "(")
    )
    options = {"mysql_prefix": words[1].upper()}
    return CreateIndex(
        table=name(words[5]),
        index=Index(name=name(words[3]).name, elements=elements, options=options),
    )


def _trigger(words: list[str], upper: list[str], name: Callable[[str], Name]) -> Iterator[Action]:
    place = upper.index("TRIGGER")
    if "ON" in upper[place:]:
        on = upper.index("ON", place)
        named = words[place + 1]
        if upper[place + 1 : place + 4] == ["IF", "NOT", "EXISTS"]:
            named = words[place + 4]
        if on + 1 < len(words):
            yield CreateTrigger(
                table=name(words[on + 1]), name=named.strip('"`'), sql=" ".join(words)
            )


def _routine(
    words: list[str], upper: list[str], name: Callable[[str], Name]
) -> CreateRoutine | DropRoutine | None:
    """Return the creation or removal of a routine, an event or a trigger; None for others.

    Between CREATE and its kind stand OR REPLACE, AGGREGATE and the definer.
    """
    place = next((i for i, word in enumerate(upper[:10]) if word in _ROUTINES), None)
    if place is None or any(word in _OTHER_OBJECTS for word in upper[1:place]):
        return None
    if upper[place : place + 2] == ["EVENT", "TRIGGER"]:  # of PostgreSQL, for DDL
        return None
    kind, place = upper[place].lower(), place + 1
    while upper[place : place + 1] and upper[place] in ("IF", "NOT", "EXISTS"):
        place += 1
    if place >= len(words):
        return None
    if upper[0] == "DROP":
        return DropRoutine(kind=kind, name=name(words[place]))
    return CreateRoutine(kind=kind, name=name(words[place]), sql=" ".join(words))


def _type(words: list[str], upper: list[str], name: Callable[[str], Name]) -> Iterator[Action]:
    match upper[3:]:
        case ["RENAME", "TO", _]:
            yield RenameEnum(before=name(words[2]), after=name(words[5]))
        case ["RENAME", "VALUE", _, "TO", _]:
            yield RenameEnumValue(
                enum=name(words[2]), before=words[5].strip("'"), after=words[7].strip("'")
            )
        case ["ADD", "VALUE", *_] | ["OWNER", *_] | ["SET", *_]:
            yield Harmless(sql=" ".join(words))


def _column(
    words: list[str], own: list[str], table: Name, name: Callable[[str], Name]
) -> Iterator[Action]:
    """Yield the actions on a column that sqlglot does not know, of PostgreSQL."""
    own = own[2:] if own[1].upper() == "COLUMN" else own[1:]
    if not own:
        return
    upper = [word.upper() for word in own[1:]]
    match upper:
        case ["ADD", "GENERATED", kind, *_]:
            identity = Identity(always=kind == "ALWAYS")
            patch = ColumnPatch(identity=identity)
            yield AlterColumn(table=table, name=name(own[0]).name, after=patch)
        case ["DROP", "IDENTITY", *_]:
            patch = ColumnPatch(identity=None)
            yield AlterColumn(table=table, name=name(own[0]).name, after=patch)
        case ["SET", "STATISTICS" | "STORAGE" | "COMPRESSION" | "GENERATED" | "(", *_]:
            yield Harmless(sql=" ".join(words))
        case ["RESET" | "RESTART", *_] | ["DROP", "EXPRESSION", *_]:
            yield Harmless(sql=" ".join(words))


def _table(words: list[str], upper: list[str], name: Callable[[str], Name]) -> Iterator[Action]:
    start = 2
    while upper[start : start + 1] and upper[start] in ("ONLY", "IF", "EXISTS"):
        start += 1
    if start >= len(words):
        return
    table, rest = name(words[start]), upper[start + 1 :]
    own = words[start + 1 :]
    match rest:
        case ["VALIDATE", "CONSTRAINT", _]:
            yield ValidateConstraint(table=table, name=name(own[2]).name)
        case ["RENAME", "CONSTRAINT", _, "TO", _]:
            yield RenameConstraint(table=table, before=name(own[2]).name, after=name(own[4]).name)
        case ["RENAME", "INDEX" | "KEY", _, "TO", _]:
            yield RenameIndex(table=table, before=name(own[2]).name, after=name(own[4]).name)
        case ["ADD", "CONSTRAINT", _, ("UNIQUE" | "PRIMARY") as kind, *_, "USING", "INDEX", _]:
            yield UseIndex(
                table=table,
                name=name(own[2]).name,
                index=name(own[-1]).name,
                primary=kind == "PRIMARY",
            )
        case ["SET", "SCHEMA", _]:
            yield RenameTable(before=table, after=Name(table.name, own[2].strip('"`')))
        case ["DETACH", "PARTITION", _, *more]:
            yield MaintainTable(
                kind="detach",
                words="DETACH PARTITION",
                name=table,
                concurrently="CONCURRENTLY" in more,
            )
        case ["ATTACH", "PARTITION", *_]:
            yield Harmless(sql=" ".join(words))
        case ["CONVERT", "TO", "CHARACTER" | "CHARSET", *_]:
            place = 4 if rest[2] == "CHARACTER" else 3
            yield ChangeTable(table=table, kind="charset", value="".join(own[place : place + 1]))
        case ["PARTITION", "BY", *_] | ["REMOVE", "PARTITIONING"]:
            yield ChangeTable(table=table, kind="partitions")
        case ["REORGANIZE" | "COALESCE" | "REBUILD", "PARTITION", *_]:
            yield ChangeTable(table=table, kind="partitions")
        case ["DROP" | "TRUNCATE", "PARTITION", *_]:
            parts = tuple(name(word).name for word in own[2:] if word != ",")
            yield Truncate(tables=(table,), partitions=parts)
        case ["ADD" | "EXCHANGE", "PARTITION", *_] | ["ALTER", "CONSTRAINT" | "INDEX", *_]:
            yield Harmless(sql=" ".join(words))
        case ["ORDER", "BY", *_]:
            yield ChangeTable(table=table, kind="order")
        case ["ENABLE" | "DISABLE", "TRIGGER", *_] | ["CLUSTER", "ON", _] | ["SET", "WITHOUT", *_]:
            yield Harmless(sql=" ".join(words))
        case ["SET", "UNLOGGED" | "LOGGED"] | ["SET", "TABLESPACE", _] | ["SET", "ACCESS", *_]:
            yield MaintainTable(kind="rewrite", words=f"SET {rest[1]} of", name=table)
        case ["ALTER", _, _, *_]:
            yield from _column(words, own, table, name)
        case [first, *_] if first in _HARMLESS_CLAUSES and "TRIGGER" not in rest:
            yield Harmless(sql=" ".join(words))
