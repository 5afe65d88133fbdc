"""Align a table that was read with the models, so that only real differences remain.

This runs after reading and before comparing. It removes what the models can leave out (indexes of
foreign keys, options that they do not mention), and replaces other spellings of the same thing with
the models' own. An aligned table must never hide a difference: a value that is replaced here is no
longer compared, and `check` would report a database that has drifted as up to date. A value that
is not aligned has the opposite effect: each autogenerate run repeats the same operation.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from autodiff.dialects.catalog import drop_undeclared_comment
from autodiff.dialects.mysql.catalog.implicit_indexes import (
    AUTO_INCREMENT_INDEX,
    is_generated,
    looks_generated,
)
from autodiff.dialects.mysql.partitions import (
    PARTITION_OPTIONS,
    same_partitions,
    same_partitions_option,
)
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    ForeignKey,
    Index,
    Option,
    PrimaryKey,
    Table,
    Unique,
)
from autodiff.utils.sharing import map_shared, replace_changed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = ["align_table", "without_implied"]

P = TypeVar("P", bound=Table | Column | Index | Constraint)

_LONG_CHARACTER = re.compile("[\U00010000-\U0010ffff]")
"""A character of four bytes, such as an emoji.

The catalog has the charset utf8mb3, so the server stores a question mark in its place in a comment.
https://mariadb.com/kb/en/server-system-variables/#character_set_system
"""

_SYNONYMS = {
    "mysql_default_charset": "mysql_charset",
    "mysql_character_set": "mysql_charset",
    "mysql_default_character_set": "mysql_charset",
    "mysql_default_collate": "mysql_collate",
}
"""Names that SQLAlchemy accepts for an option, and the name that reading uses.

https://dev.mysql.com/doc/refman/en/create-table.html
"""
_REPORTED_OPTIONS = (
    *("mysql_engine", "mysql_charset", "mysql_collate", "mysql_row_format"),
    *("mysql_key_block_size", "mysql_avg_row_length", "mysql_max_rows", "mysql_min_rows"),
    *("mysql_pack_keys", "mysql_checksum", "mysql_delay_key_write", "mysql_compression"),
    *("mysql_encryption", "mysql_page_compressed", "mysql_with_system_versioning"),
    *("mysql_stats_persistent", "mysql_stats_auto_recalc", "mysql_stats_sample_pages"),
)
"""The options that information_schema.tables reports if they are set.

An option that is not in this list, such as DATA DIRECTORY, cannot be compared.
https://dev.mysql.com/doc/refman/en/information-schema-tables-table.html
"""
_PARSER = "mysql_with_parser"
_JSON_TEXTS = ("longtext", "longtext COLLATE utf8mb4_bin")
"""The types that MariaDB uses for JSON. https://mariadb.com/kb/en/json-data-type/"""
_DEFAULT_ACTIONS = ("RESTRICT", "NO ACTION", None)
"""The server treats these as one action.

https://dev.mysql.com/doc/refman/en/create-table-foreign-keys.html#foreign-key-referential-actions
"""


def align_table(current: Table, desired: Table, *, json_is_text: bool = False) -> Table:
    """Return the current table with the spellings of the desired one.

    Set `json_is_text` if JSON is an alias for LONGTEXT with a check, as on MariaDB.
    """
    uniques = dict(_uniques(current, desired))
    constraints = map_shared(current.constraints, lambda item: _constraint(item, desired))
    if uniques:
        constraints = tuple(sorted((*constraints, *uniques.values()), key=lambda c: c.name or ""))
    aligned = replace(
        current,
        columns=_columns(current, desired, json_is_text),
        constraints=constraints,
        indexes=_indexes(current, desired, uniques),
        options=_options(current.options, desired.options),
    )
    return _with_whole_comments(aligned, desired)


def _with_whole_comments(current: Table, desired: Table) -> Table:
    """Return the table with the desired comments that the server could not store as they are."""
    parts = (desired, *desired.columns, *desired.indexes, *desired.constraints)
    wanted: dict[tuple[type, object], str] = {
        (type(part), part.name): part.comment
        for part in parts
        if part.comment and _LONG_CHARACTER.search(part.comment)
    }
    if not wanted:
        return current

    def whole(part: P) -> P:
        comment = wanted.get((type(part), part.name))
        if comment is None or part.comment != _LONG_CHARACTER.sub("?", comment):
            return part
        return replace(part, comment=comment)

    return replace(
        whole(current),
        columns=map_shared(current.columns, whole),
        indexes=map_shared(current.indexes, whole),
        constraints=map_shared(current.constraints, whole),
    )


def without_implied(table: Table) -> Table:
    """Return the table without the indexes of its foreign keys and without implied options.

    InnoDB is the default engine, and a collation implies its charset. A script adds each check to
    the table, not to a column.
    """
    options = dict(table.options)
    if options.get("mysql_engine") == "InnoDB":
        del options["mysql_engine"]
    if "mysql_collate" in options:
        options.pop("mysql_charset", None)
    indexes = tuple(index for index in table.indexes if not is_generated(index, table))
    constraints = map_shared(table.constraints, _without_level)
    return replace(table, indexes=indexes, options=options, constraints=constraints)


def _indexes(current: Table, desired: Table, uniques: Collection[str]) -> tuple[Index, ...]:
    """Return the indexes that are neither unique constraints nor created by the server."""
    named = {index.name: index for index in reversed(desired.indexes) if index.name}
    found = []
    for index in current.indexes:
        declared = named.get(index.name or "")
        if index.name in uniques or _is_implicit(index, declared, current, desired):
            continue
        found.append(drop_undeclared_comment(_index(index, declared, desired), declared))
    return tuple(found)


def _is_implicit(index: Index, declared: Index | None, current: Table, desired: Table) -> bool:
    """Return whether the server, or a migration between two steps, created the index."""
    if index.name == AUTO_INCREMENT_INDEX:
        return True
    return declared is None and (is_generated(index, current) or looks_generated(index, desired))


def _uniques(current: Table, desired: Table) -> Iterator[tuple[str, Unique]]:
    """Yield the unique indexes that the models declare as constraints, with their names."""
    if not any(isinstance(item, Unique) for item in desired.constraints):
        return
    for index in current.indexes:
        match = _unique_in(desired, index, current)
        if match is not None and index.name is not None:
            comment = index.comment
            yield index.name, Unique(name=index.name, columns=index.columns, comment=comment)


def _unique_in(desired: Table, index: Index, current: Table) -> Unique | None:
    """Return the desired unique constraint that the index implements, None if there is none.

    A constraint with the same name comes first. Otherwise one over the same columns is returned if
    it has no name, or if its name is new: then the index will be renamed.
    """
    parts = index.elements
    if not index.unique or any(e.is_expression or e.length or e.descending for e in parts):
        return None
    uniques = [item for item in desired.constraints if isinstance(item, Unique)]
    named = next((item for item in uniques if item.name == index.name), None)
    if named is not None or desired.index(index.name or "") is not None:
        return named
    same_columns = (item for item in uniques if item.columns == index.columns)
    return next((u for u in same_columns if u.name is None or current.index(u.name) is None), None)


def _index(index: Index, declared: Index | None, desired: Table) -> Index:
    """Return the index with the options that the models declare for it.

    If the models have no index of that name, it may have been renamed: then the options of an index
    with the same elements are used. The parser of a FULLTEXT index is always taken from the models,
    because information_schema does not report it.
    """
    if declared is None:
        same_elements = (other for other in desired.indexes if other.elements == index.elements)
        declared = next(same_elements, None)
    if declared is None:  # a downgrade restores its options
        return index
    declared_options = declared.options
    options = _only_declared(index.options, declared_options)
    if _PARSER in declared_options:
        options = {**options, _PARSER: declared_options[_PARSER]}
    return replace_changed(index, options=options)


def _only_declared(
    options: Mapping[str, Option], declared: Mapping[str, Option]
) -> Mapping[str, Option]:
    """Return the options that have a declared value."""
    if options.keys() <= declared.keys():
        return options
    return {name: value for name, value in options.items() if name in declared}


def _columns(current: Table, desired: Table, json_is_text: bool) -> tuple[Column, ...]:
    """Return the aligned columns.

    Most tables have no column with more than one spelling: these return their own tuple, which is
    quick to compare.
    """
    for column in current.columns:
        if column.options or column.computed is not None or column.type.sql == "json":
            break
    else:
        return current.columns
    declared = {column.name: column for column in desired.columns}
    return map_shared(
        current.columns, lambda item: _column(item, declared.get(item.name), json_is_text)
    )


def _column(column: Column, desired: Column | None, json_is_text: bool) -> Column:
    """Return the column with the type, nullability and options as the desired one spells them.

    MariaDB does not accept NOT NULL on generated columns, so it is not compared if the current
    column is nullable. https://mariadb.com/kb/en/generated-columns/
    """
    if desired is None:  # it is dropped, or renamed; a downgrade restores its options
        return column
    if json_is_text and column.type.sql == "json" and desired.type.sql in _JSON_TEXTS:
        column = replace(column, type=desired.type)
    generated = column.computed is not None and desired.computed is not None
    nullable = desired.nullable if generated and column.nullable else column.nullable
    options = _only_declared(column.options, desired.options)
    return replace_changed(column, nullable=nullable, options=options)


def _constraint(constraint: Constraint, desired: Table) -> Constraint:
    """Return the constraint without what models cannot declare.

    The server names each primary key PRIMARY. The level of a check is only relevant to DDL.
    """
    match constraint:
        case PrimaryKey():
            return replace_changed(constraint, name=None)
        case ForeignKey():
            return _foreign_key(constraint, desired)
        case _:
            return _without_level(constraint)


def _without_level(constraint: Constraint) -> Constraint:
    if not isinstance(constraint, Check) or "mysql_level" not in constraint.options:
        return constraint
    kept = {name: value for name, value in constraint.options.items() if name != "mysql_level"}
    return replace(constraint, options=kept)


def _foreign_key(key: ForeignKey, desired: Table) -> ForeignKey:
    """Return the foreign key with the default actions as the models spell them."""
    same_name = [other for other in desired.foreign_keys if other.name == key.name]
    same_columns = [other for other in desired.foreign_keys if other.columns == key.columns]
    for other in (same_name or same_columns)[:1]:
        return replace_changed(
            key,
            on_update=_action(key.on_update, other.on_update),
            on_delete=_action(key.on_delete, other.on_delete),
        )
    return key


def _action(current: str | None, desired: str | None) -> str | None:
    """Return the desired action if both are the default, otherwise the current one."""
    desired_action = desired and desired.upper()
    both_default = current in _DEFAULT_ACTIONS and desired_action in _DEFAULT_ACTIONS
    return desired if both_default else current


def _options(current: Mapping[str, Option], desired: Mapping[str, Option]) -> dict[str, Option]:
    """Return the options that the models mention, with the current values.

    An option that the catalog never reports is assumed to have the desired value.
    """
    if not desired:
        return {}
    options = _partitions(current, desired)
    for name, declared in desired.items():
        if name in PARTITION_OPTIONS:
            continue
        catalog_name = _SYNONYMS.get(name, name)
        value = current.get(catalog_name)
        is_reported = catalog_name in _REPORTED_OPTIONS
        if catalog_name.startswith("mysql_") and not is_reported and value is None:
            value = declared
        if value is not None:
            options[name] = declared if _same(catalog_name, value, declared) else value
    return options


def _partitions(current: Mapping[str, Option], desired: Mapping[str, Option]) -> dict[str, Option]:
    """Return the partition options; as the models spell them if the partitions are the same."""
    declared = {name: desired[name] for name in PARTITION_OPTIONS if name in desired}
    if not declared or same_partitions(current, declared):
        return declared
    return {
        name: declared[name] if same_partitions_option(current[name], declared.get(name)) else value
        for name, value in current.items()
        if name in PARTITION_OPTIONS
    }


def _same(name: str, current: Option, declared: Option) -> bool:
    """Return whether two values of an option mean the same; names are case-insensitive."""
    texts = [str(value).lower() for value in (current, declared)]
    if name in ("mysql_charset", "mysql_collate"):
        texts = [_utf8mb3(text) for text in texts]
    return texts[0] == texts[1]


def _utf8mb3(text: str) -> str:
    """Return the charset or collation with utf8mb3 for utf8, which is an alias for it.

    On MariaDB the alias can be changed by old_mode, which is not considered.
    https://dev.mysql.com/doc/refman/en/charset-unicode-utf8mb3.html
    https://mariadb.com/kb/en/old-mode/
    """
    return "utf8mb3" + text[4:] if text == "utf8" or text.startswith("utf8_") else text
