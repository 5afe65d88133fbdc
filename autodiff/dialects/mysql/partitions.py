"""Read the partitions of a table from the catalog, compare them, and write them as SQL.

Partitions are table options with SQLAlchemy's names: `mysql_partition_by` with `mysql_partitions`,
or with `mysql_partition_definitions`, as SQLAlchemy reflects them. Models can also append the
definitions to the value of `mysql_partition_by`.
https://dev.mysql.com/doc/refman/en/create-table.html and
https://mariadb.com/kb/en/partitioning-overview/
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from autodiff.dialects.mysql.expressions import normal_text, quote_identifier, quote_string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff.dialects.mysql.catalog.rows import PartitionRow
    from autodiff.schema.objects import Option

__all__ = ["PARTITION_OPTIONS", "partition_clause", "partition_options", "same_partitions"]
__all__ += ["same_partitions_option"]

_BY, _COUNT = "mysql_partition_by", "mysql_partitions"
_SUB_BY, _SUB_COUNT = "mysql_subpartition_by", "mysql_subpartitions"
_DEFINITIONS = "mysql_partition_definitions"
PARTITION_OPTIONS = (_BY, _COUNT, _SUB_BY, _SUB_COUNT, _DEFINITIONS)
"""The options for the parts of the PARTITION BY clause, in their order in SQL."""

_ENGINE = re.compile(r"\s+ENGINE\s*=\s*\w+", re.I)
_STRING = r"'(?:[^'\\]|\\.|'')*'"


def partition_options(rows: Sequence[PartitionRow]) -> dict[str, Option]:
    """Return the options of one table from its rows in information_schema.partitions.

    The server names partitions p0, p1 and so on if only their number was declared. Then the number
    is returned instead of definitions.
    """
    if not rows:
        return {}
    first = rows[0]
    parts = [list(group) for _, group in groupby(rows, lambda row: row.name)]
    options: dict[str, Option] = {_BY: f"{first.method} ({first.expression})"}
    if first.sub_method:
        options[_SUB_BY] = f"{first.sub_method} ({first.sub_expression})"
        options[_SUB_COUNT] = str(len(parts[0]))
    default_names = [part[0].name for part in parts] == [f"p{n}" for n in range(len(parts))]
    if not default_names or any(part[0].description or part[0].comment for part in parts):
        options[_DEFINITIONS] = ", ".join(_definition(part[0]) for part in parts)
    elif len(parts) > 1:
        options[_COUNT] = str(len(parts))
    return options


def _definition(row: PartitionRow) -> str:
    text = f"PARTITION {quote_identifier(row.name)}"
    if row.description == "DEFAULT":
        text += " DEFAULT"
    elif row.method.startswith("RANGE"):
        is_maxvalue = row.description == "MAXVALUE" and row.method == "RANGE"
        text += f" VALUES LESS THAN {'MAXVALUE' if is_maxvalue else f'({row.description})'}"
    elif row.method.startswith("LIST"):
        text += f" VALUES IN ({row.description})"
    return f"{text} COMMENT = {quote_string(row.comment)}" if row.comment else text


def partition_clause(options: Mapping[str, Option]) -> str:
    """Return the PARTITION BY clause, an empty string if the table has no partitions."""
    if _BY not in options:
        return ""
    words = ("PARTITION BY", "PARTITIONS", "SUBPARTITION BY", "SUBPARTITIONS")
    pairs = zip(words, PARTITION_OPTIONS, strict=False)
    parts = [f"{word} {options[name]}" for word, name in pairs if name in options]
    if _DEFINITIONS in options:
        parts.append(f"({_bare(str(options[_DEFINITIONS]))})")
    return " ".join(parts)


def _bare(definitions: str) -> str:
    """Return the definitions without the parentheses around them.

    SQLAlchemy reflects the closing parenthesis without the opening one.
    """
    text = definitions.strip()
    outside = re.sub(_STRING, "", text)
    surplus = outside.count(")") - outside.count("(")
    if surplus > 0:
        return text[:-surplus].rstrip()
    return text[1:-1].strip() if text.startswith("(") else text


def same_partitions(current: Mapping[str, Option], desired: Mapping[str, Option]) -> bool:
    """Return whether both options declare the same partitions.

    SQLAlchemy reflects definitions with their engines and without the commas between them.
    """
    old, new = _normal(current), _normal(desired)
    reflected = _ENGINE.search(str(desired.get(_DEFINITIONS, ""))) is not None
    return old == new or (reflected and old.replace(",", "") == new.replace(",", ""))


def same_partitions_option(current: Option, desired: Option | None) -> bool:
    """Return whether two values of one option mean the same."""
    return desired is not None and normal_text(str(current)) == normal_text(str(desired))


def _normal(options: Mapping[str, Option]) -> str:
    """Return the PARTITION BY clause in one spelling, to compare it.

    All partitions have the engine of the table, and PARTITIONS 1 is the default.
    https://dev.mysql.com/doc/refman/en/partitioning-overview.html
    """
    text = normal_text(_ENGINE.sub("", partition_clause(options)))
    text = re.sub(r"(?<!sub)partitions 1\b", "", text)
    return re.sub(r"[\s=]", "", text)
