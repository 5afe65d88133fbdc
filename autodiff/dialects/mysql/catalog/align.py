"""Align a reflected table with the desired one, so that only real differences remain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

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
from autodiff.utils.sharing import altered, mapped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = ["align", "without_implied"]

_SYNONYMS = {
    "mysql_default_charset": "mysql_charset",
    "mysql_character_set": "mysql_charset",
    "mysql_default_character_set": "mysql_charset",
    "mysql_default_collate": "mysql_collate",
}
_REFLECTED_OPTIONS = (
    *("mysql_engine", "mysql_charset", "mysql_collate", "mysql_row_format"),
    *("mysql_key_block_size", "mysql_avg_row_length", "mysql_max_rows", "mysql_min_rows"),
    *("mysql_pack_keys", "mysql_checksum", "mysql_delay_key_write", "mysql_compression"),
    *("mysql_encryption", "mysql_page_compressed", "mysql_with_system_versioning"),
    *("mysql_stats_persistent", "mysql_stats_auto_recalc", "mysql_stats_sample_pages"),
)
"""The options that the catalog has, if they are set."""
_PARSER = "mysql_with_parser"
_JSON_TEXTS = ("longtext", "longtext COLLATE utf8mb4_bin")
_DEFAULT_ACTIONS = ("RESTRICT", "NO ACTION", None)


def align(current: Table, desired: Table, *, json_is_text: bool = False) -> Table:
    """Return the current table, with the spelling of the desired table for what is equal.

    With `json_is_text`, JSON is an alias of LONGTEXT with a check, as on MariaDB.
    """
    uniques = dict(_uniques(current, desired))
    constraints = mapped(current.constraints, lambda item: _constraint(item, desired))
    if uniques:
        constraints = tuple(sorted((*constraints, *uniques.values()), key=lambda c: c.name or ""))
    return replace(
        current,
        columns=_columns(current, desired, json_is_text),
        constraints=constraints,
        indexes=_indexes(current, desired, uniques),
        options=_options(current.options, desired.options),
    )


def without_implied(table: Table) -> Table:
    """Return the table without the indexes of its foreign keys and without default options."""
    options = dict(table.options)
    if options.get("mysql_engine") == "InnoDB":
        del options["mysql_engine"]
    if "mysql_collate" in options:
        options.pop("mysql_charset", None)
    indexes = tuple(index for index in table.indexes if not is_generated(index, table))
    return replace(table, indexes=indexes, options=options)


def _indexes(current: Table, desired: Table, uniques: Collection[str]) -> tuple[Index, ...]:
    """Return the indexes that are not unique constraints and were not created implicitly."""
    named = {index.name: index for index in reversed(desired.indexes) if index.name}
    found = []
    for index in current.indexes:
        wanted = named.get(index.name or "")
        if index.name in uniques or _is_implicit(index, wanted, current, desired):
            continue
        found.append(drop_undeclared_comment(_index(index, wanted, desired), wanted))
    return tuple(found)


def _is_implicit(index: Index, wanted: Index | None, current: Table, desired: Table) -> bool:
    """Return whether the server, or autodiff during a migration, created the index."""
    if index.name == AUTO_INCREMENT_INDEX:
        return True
    return wanted is None and (is_generated(index, current) or looks_generated(index, desired))


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
    """Return the unique constraint for an index: of its name, unnamed, or with a new name."""
    parts = index.elements
    if not index.unique or any(e.is_expression or e.length or e.descending for e in parts):
        return None
    uniques = [item for item in desired.constraints if isinstance(item, Unique)]
    named = next((item for item in uniques if item.name == index.name), None)
    if named is not None or desired.index(index.name or "") is not None:
        return named
    alike = (item for item in uniques if item.columns == index.columns)
    return next((u for u in alike if u.name is None or current.index(u.name) is None), None)


def _index(index: Index, wanted: Index | None, desired: Table) -> Index:
    """Return the index with the options that the models declare.

    The catalog does not have the parser of a fulltext index. The models may have the index under
    a new name: then the options of that one count.
    """
    if wanted is None:
        alike = (other for other in desired.indexes if other.elements == index.elements)
        wanted = next(alike, None)
    declared = wanted.options if wanted else {}
    options = _declared(index.options, declared)
    if _PARSER in declared:
        options = {**options, _PARSER: declared[_PARSER]}
    return altered(index, options=options)


def _declared(
    options: Mapping[str, Option], declared: Mapping[str, Option]
) -> Mapping[str, Option]:
    if options.keys() <= declared.keys():
        return options
    return {name: value for name, value in options.items() if name in declared}


def _columns(current: Table, desired: Table, json_is_text: bool) -> tuple[Column, ...]:
    """Return the aligned columns; most have nothing that models may spell in another way."""
    for column in current.columns:
        if column.options or column.computed is not None or column.type.sql == "json":
            break
    else:
        return current.columns
    wanted = {column.name: column for column in desired.columns}
    return mapped(current.columns, lambda item: _column(item, wanted.get(item.name), json_is_text))


def _column(column: Column, desired: Column | None, json_is_text: bool) -> Column:
    """Return the aligned column; MariaDB has no NOT NULL on generated columns."""
    if desired is None:
        return replace(column, options={}) if column.options else column
    if json_is_text and column.type.sql == "json" and desired.type.sql in _JSON_TEXTS:
        column = replace(column, type=desired.type)
    generated = column.computed is not None and desired.computed is not None
    nullable = desired.nullable if generated and column.nullable else column.nullable
    options = _declared(column.options, desired.options)
    return altered(column, nullable=nullable, options=options)


def _constraint(constraint: Constraint, desired: Table) -> Constraint:
    match constraint:
        case PrimaryKey():
            return altered(constraint, name=None)
        case Check(options=options):
            if "mysql_level" not in options:
                return constraint
            kept = {name: value for name, value in options.items() if name != "mysql_level"}
            return replace(constraint, options=kept)
        case ForeignKey():
            return _foreign_key(constraint, desired)
        case _:
            return constraint


def _foreign_key(key: ForeignKey, desired: Table) -> ForeignKey:
    """Return the key with the models' spelling of RESTRICT, NO ACTION and no action, all equal."""
    named = [other for other in desired.foreign_keys if other.name == key.name]
    alike = [other for other in desired.foreign_keys if other.columns == key.columns]
    for other in (named or alike)[:1]:
        return altered(
            key,
            on_update=_action(key.on_update, other.on_update),
            on_delete=_action(key.on_delete, other.on_delete),
        )
    return key


def _action(current: str | None, desired: str | None) -> str | None:
    word = desired and desired.upper()
    both = current in _DEFAULT_ACTIONS and word in _DEFAULT_ACTIONS
    return desired if both else current


def _options(current: Mapping[str, Option], desired: Mapping[str, Option]) -> dict[str, Option]:
    """Return the options that the models declare.

    Options that the catalog never has count as equal.
    """
    if not desired:
        return {}
    options = _partitions(current, desired)
    for name, wanted in desired.items():
        if name in PARTITION_OPTIONS:
            continue
        place = _SYNONYMS.get(name, name)
        value = current.get(place)
        if place.startswith("mysql_") and place not in _REFLECTED_OPTIONS and value is None:
            value = wanted
        if value is not None:
            options[name] = wanted if _same(place, value, wanted) else value
    return options


def _partitions(current: Mapping[str, Option], desired: Mapping[str, Option]) -> dict[str, Option]:
    """Return the options of the partitions, in the models' spelling if they are equal."""
    wanted = {name: desired[name] for name in PARTITION_OPTIONS if name in desired}
    if not wanted or same_partitions(current, wanted):
        return wanted
    return {
        name: wanted[name] if same_partitions_option(current[name], wanted.get(name)) else value
        for name, value in current.items()
        if name in PARTITION_OPTIONS
    }


def _same(name: str, current: Option, wanted: Option) -> bool:
    texts = [str(value).lower() for value in (current, wanted)]
    if name in ("mysql_charset", "mysql_collate"):
        texts = [_utf8mb3(text) for text in texts]
    return texts[0] == texts[1]


def _utf8mb3(text: str) -> str:
    """Return the charset or collation with utf8mb3 for utf8, its alias in the default old_mode."""
    return "utf8mb3" + text[4:] if text == "utf8" or text.startswith("utf8_") else text
