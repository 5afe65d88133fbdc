"""Rules for the types of new columns: advice, because an existing type is expensive to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from autodiff.dialects.type_names import split_type
from autodiff.lint.columns import NEW_COLUMN_STEPS, NEW_TYPE_STEPS, new_columns, new_types
from autodiff.lint.context import Step
from autodiff.lint.rule import ALL, POSTGRESQL, SERVERS, Match, Rule
from autodiff.schema.objects import ColumnType, PrimaryKey
from autodiff.schema.operations import AddConstraint, CreateTable

__all__ = ["RULES"]

_SMALL_NUMBERS = frozenset("tinyint smallint mediumint int integer".split())
_FLOATS = frozenset(("real", "float", "double", "double precision"))
_MONEY = re.compile(
    r"(?:^|_)(?:amount|balance|cost|fee|money|payment|price|revenue|salary|subtotal|tax|wage)s?(?:_|$)",
    re.IGNORECASE,
)
"""Words in the names of columns that have amounts of money."""


def _small_key(step: Step) -> Iterator[Match]:
    match step.action:
        case CreateTable(table=table) if table.primary_key is not None:
            key, columns = table.primary_key, {c.name: c for c in table.columns}
            owner = table.name
        case AddConstraint(table=owner, constraint=PrimaryKey() as key):
            known = step.tables.get(owner)
            columns = {c.name: c for c in known.columns} if known is not None else {}
        case _:
            return
    if len(key.columns) != 1 or (column := columns.get(key.columns[0])) is None:
        return
    if split_type(column.type.sql)[0] in _SMALL_NUMBERS and not _is_foreign(step, owner, column):
        place = f"{owner}.{column.name}"
        yield Match(message=f"primary key {place} is {column.type.sql}", object=place)


def _is_foreign(step: Step, owner: object, column: object) -> bool:
    """Return whether a key is a foreign key too: the other table then decides about its type."""
    final = step.final_table(owner)  # type: ignore[arg-type]
    name = getattr(column, "name", None)
    return final is not None and any((name,) == key.columns for key in final.foreign_keys)


def _serial(step: Step) -> Iterator[Match]:
    for owner, column in new_columns(step):
        if column.autoincrement and column.identity is None:
            place = f"{owner}.{column.name}"
            yield Match(message=f"column {place} is a serial", object=place)


def _types(is_found: Callable[[ColumnType], bool]) -> Callable[[Step], Iterator[Match]]:
    """Return a check that finds the columns whose new type is one of those."""

    def check(step: Step) -> Iterator[Match]:
        for place, type_ in new_types(step):
            if type_.enum is None and is_found(type_):
                yield Match(message=f"column {place} is {type_.sql}", object=place)

    return check


def _is_limited(type_: ColumnType) -> bool:
    name, arguments, _ = split_type(type_.sql)
    return name == "character varying" and bool(arguments)


def _is_padded(type_: ColumnType) -> bool:
    return split_type(type_.sql)[0] == "character"


def _is_without_zone(type_: ColumnType) -> bool:
    return type_.sql.startswith("timestamp") and "without time zone" in type_.sql


def _is_json(type_: ColumnType) -> bool:
    return type_.sql == "json"


def _float_money(step: Step) -> Iterator[Match]:
    for place, type_ in new_types(step):
        base = split_type(type_.sql.lower())[0]
        is_amount = _MONEY.search(place.rpartition(".")[2]) is not None
        if (base in _FLOATS and is_amount) or base == "money":
            yield Match(message=f"amounts of money in {place} are {type_.sql}", object=place)


_ID = 'sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True)'

RULES = (
    Rule(
        code="AD602",
        name="small-primary-key",
        severity="info",
        summary="A primary key has a type of four bytes or fewer.",
        reason="An int ends at 2,147,483,647. Then every INSERT fails, and changing the type "
        "rewrites the table and all tables that refer to it.",
        safe_way="Use sa.BigInteger().",
        check=_small_key,
        actions=(CreateTable, AddConstraint),
        databases=SERVERS,
        bad='op.create_table("logs", sa.Column("id", sa.Integer(), sa.Identity(), '
        "primary_key=True))",
        good=f'op.create_table("logs", {_ID})',
    ),
    Rule(
        code="AD609",
        name="serial",
        severity="info",
        summary="A column is SERIAL instead of an identity.",
        reason="The sequence of a serial is an object with grants of its own: a role that may "
        "write the table also needs USAGE on the sequence. CREATE TABLE ... (LIKE ...) makes two "
        "tables share one sequence.",
        safe_way="Use sa.Identity(), which is standard SQL.",
        check=_serial,
        actions=NEW_COLUMN_STEPS,
        databases=POSTGRESQL,
        bad='op.create_table("logs", sa.Column("id", sa.BigInteger(), primary_key=True, '
        "autoincrement=True))",
        good=f'op.create_table("logs", {_ID})',
    ),
    Rule(
        code="AD610",
        name="varchar-limit",
        severity="info",
        summary="A column is varchar(n).",
        reason="On PostgreSQL a limit saves neither space nor time, and making it smaller later "
        "reads all rows under an ACCESS EXCLUSIVE lock.",
        safe_way="Use sa.Text(), with a check of the length if there is a limit: the check can be "
        "replaced without a long lock.",
        check=_types(_is_limited),
        actions=NEW_TYPE_STEPS,
        databases=POSTGRESQL,
        bad='op.add_column("users", sa.Column("city", sa.String(50)))',
        good='op.add_column("users", sa.Column("city", sa.Text()))',
    ),
    Rule(
        code="AD611",
        name="char",
        severity="info",
        summary="A column is char(n).",
        reason="PostgreSQL pads values with spaces, and ignores these in some comparisons and not "
        "in others.",
        safe_way="Use sa.Text(), with a check of the length if it is fixed.",
        check=_types(_is_padded),
        actions=NEW_TYPE_STEPS,
        databases=POSTGRESQL,
        bad='op.add_column("users", sa.Column("country", sa.CHAR(2)))',
        good='op.add_column("users", sa.Column("country", sa.Text()))',
    ),
    Rule(
        code="AD612",
        name="timestamp-without-zone",
        severity="info",
        summary="A column is a timestamp without time zone.",
        reason="The value does not say which moment it is: clients in two time zones read two "
        "moments.",
        safe_way="Use sa.DateTime(timezone=True), which stores UTC in the same eight bytes.",
        check=_types(_is_without_zone),
        actions=NEW_TYPE_STEPS,
        databases=POSTGRESQL,
        bad='op.add_column("users", sa.Column("seen_at", sa.DateTime()))',
        good='op.add_column("users", sa.Column("seen_at", sa.DateTime(timezone=True)))',
    ),
    Rule(
        code="AD613",
        name="json",
        severity="info",
        summary="A column is json instead of jsonb.",
        reason="PostgreSQL parses a json value each time it is read. It has no equality, so that "
        "SELECT DISTINCT and GROUP BY fail, and it cannot be indexed.",
        safe_way="Use postgresql.JSONB(), unless the order of keys and the spacing must be kept.",
        check=_types(_is_json),
        actions=NEW_TYPE_STEPS,
        databases=POSTGRESQL,
        bad='op.add_column("users", sa.Column("settings", sa.JSON()))',
        good='op.add_column("users", sa.Column("settings", op.sql_type("jsonb")))',
    ),
    Rule(
        code="AD614",
        name="float-for-money",
        severity="info",
        summary="A column whose name is that of an amount of money is a float, or has the type "
        "money.",
        reason="A float cannot represent most decimal fractions, so that sums differ by cents. "
        "The type money of PostgreSQL depends on a setting of the server.",
        safe_way="Use sa.Numeric(12, 2), or an integer number of cents.",
        check=_float_money,
        actions=NEW_TYPE_STEPS,
        databases=ALL,
        bad='op.add_column("users", sa.Column("balance", sa.Float()))',
        good='op.add_column("users", sa.Column("balance", sa.Numeric(12, 2)))',
    ),
)
