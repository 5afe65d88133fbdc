"""Rules for table options, types and defaults of MySQL and MariaDB."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from autodiff.lint.columns import NEW_TYPE_STEPS, new_columns, new_types
from autodiff.lint.context import Step
from autodiff.lint.rule import MYSQL, Match, Rule
from autodiff.lint.statements import ChangeTable
from autodiff.schema.objects import Name
from autodiff.schema.operations import AlterColumn, CreateTable, SetTableOptions

__all__ = ["NARROW_CHARSETS", "RULES", "charset_of", "column_charset"]

NARROW_CHARSETS = frozenset(
    "armscii8 ascii big5 cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 cp932 dec8 eucjpms euckr "
    "gb2312 gbk geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce "
    "macroman sjis swe7 tis620 ucs2 ujis utf8 utf8mb3".split()
)
"""The character sets without all characters of Unicode; `utf8` is utf8mb3.

https://dev.mysql.com/doc/refman/en/charset-charsets.html
"""
_CHARSET = re.compile(r"(?:character set|charset|collate)\s+(\w+)", re.IGNORECASE)
_WIDTH = re.compile(r"display_width=\d+|\b(?:tiny|small|medium|big)?int(?:eger)?\((?!1\))\d+\)")
_ZERO_DATE = re.compile(r"'(?:0000-|\d{4}-00|\d{4}-\d\d-00)")
_FORMATS = frozenset(("redundant", "compact", "compressed", "fixed"))


def charset_of(text: str) -> str | None:
    """Return the character set of a type, or of a collation after COLLATE; None if it has none."""
    match = _CHARSET.search(text)
    return match[1].lower().partition("_")[0] if match else None


def column_charset(step: Step, table: Name, type_: str) -> str | None:
    """Return the character set of a column of a type: its own, or else that of its table."""
    found = step.tables.get(table)
    options = dict(_plain_options(found.options)) if found is not None else {}
    own = options.get("charset") or options.get("collate", "").partition("_")[0]
    return charset_of(type_) or own or None


def _plain_options(options: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the kind and the value of each option of a table, such as charset and latin1."""
    for key, value in options.items():
        kind = key.removeprefix("mysql_").removeprefix("mariadb_").removeprefix("default_")
        yield kind.replace("character_set", "charset"), str(value).strip("'\"`").lower()


_OPTION_STEPS = (CreateTable, SetTableOptions, ChangeTable)


def _new_options(step: Step) -> Iterator[tuple[Name, str, str]]:
    """Yield the options of tables that a step sets: engine, charset, collate or row_format."""
    match step.action:
        case CreateTable(table=table):
            options = {key: str(value) for key, value in table.options.items()}
            owner = table.name
        case SetTableOptions(table=owner, options=changes):
            options = {key: str(value) for key, _, value in changes if value is not None}
        case ChangeTable(table=owner, kind="charset" | "engine" | "row_format" as changed):
            options = {f"mysql_{changed}": step.action.value}
        case _:
            return
    for kind, value in _plain_options(options):
        yield owner, kind, value


def _engine(step: Step) -> Iterator[Match]:
    for table, kind, value in _new_options(step):
        if kind == "engine" and value != "innodb":
            yield Match(message=f"table {table} has the engine {value}", object=str(table))


def _charset(step: Step) -> Iterator[Match]:
    for table, kind, value in _new_options(step):
        charset = value.partition("_")[0]
        if kind in ("charset", "collate") and charset in NARROW_CHARSETS:
            yield Match(message=f"table {table} has the character set {charset}", object=str(table))
            break
    for place, type_ in new_types(step):
        charset = charset_of(type_.sql) or ""
        if charset in NARROW_CHARSETS:
            yield Match(message=f"column {place} has the character set {charset}", object=place)


def _row_format(step: Step) -> Iterator[Match]:
    for table, kind, value in _new_options(step):
        if kind == "row_format" and value in _FORMATS:
            yield Match(message=f"table {table} has the row format {value}", object=str(table))


def _zero_date(step: Step) -> Iterator[Match]:
    found = [(f"{owner}.{column.name}", column.default) for owner, column in new_columns(step)]
    match step.action:
        case AlterColumn(table=owner, name=name, after=patch) if isinstance(patch.default, str):
            found = [(f"{owner}.{name}", patch.default)]
    for place, default in found:
        if default and _ZERO_DATE.match(default):
            yield Match(message=f"the default of {place} is {default}", object=place)


def _display_width(step: Step) -> Iterator[Match]:
    for place, type_ in new_types(step):
        if _WIDTH.search(type_.python.lower()) and "zerofill" not in type_.sql:
            yield Match(message=f"column {place} has a display width", object=place)


RULES = (
    Rule(
        code="AD618",
        name="zero-date",
        severity="warning",
        summary="The default of a column is a date with zeros, such as 0000-00-00.",
        reason="With NO_ZERO_DATE, which is in the default sql_mode of MySQL, the server refuses "
        "it. Python drivers read it as NULL or fail.",
        safe_way="Make the column nullable, without a default.",
        check=_zero_date,
        actions=NEW_TYPE_STEPS,
        databases=MYSQL,
        bad='op.add_column("users", sa.Column("born", sa.Date(), server_default="0000-00-00"))',
        good='op.add_column("users", sa.Column("born", sa.Date()))',
    ),
    Rule(
        code="AD619",
        name="display-width",
        severity="info",
        summary="An integer has a display width, such as int(11).",
        reason="The width does not limit the values, and only ZEROFILL uses it. MySQL 8.0.17 and "
        "later warn about it and forget it.",
        safe_way="Leave it out, except for tinyint(1), which means a boolean.",
        check=_display_width,
        actions=NEW_TYPE_STEPS,
        databases=MYSQL,
        bad='op.execute("ALTER TABLE users ADD COLUMN points int(11)")',
        good='op.execute("ALTER TABLE users ADD COLUMN points int")',
    ),
    Rule(
        code="AD620",
        name="engine",
        severity="warning",
        summary="A table has another engine than InnoDB.",
        reason="MyISAM, MEMORY and others have no transactions and ignore foreign keys, lock the "
        "whole table for each write, and can lose rows when the server stops.",
        safe_way="Leave out the engine, or use InnoDB.",
        check=_engine,
        actions=_OPTION_STEPS,
        databases=MYSQL,
        bad='op.create_table("logs", sa.Column("id", sa.BigInteger(), primary_key=True), '
        'mysql_engine="MyISAM")',
        good='op.create_table("logs", sa.Column("id", sa.BigInteger(), primary_key=True), '
        'mysql_engine="InnoDB")',
    ),
    Rule(
        code="AD621",
        name="charset",
        severity="warning",
        summary="A table or column has a character set that lacks characters of Unicode.",
        reason="utf8 (utf8mb3) has no emoji and lacks some Chinese characters, latin1 has only "
        "those of Western Europe: the server refuses or changes the others. A join of columns with "
        "two character sets cannot use an index.",
        safe_way="Use utf8mb4.",
        check=_charset,
        actions=(*_OPTION_STEPS, *NEW_TYPE_STEPS),
        databases=MYSQL,
        bad='op.create_table("logs", sa.Column("id", sa.BigInteger(), primary_key=True), '
        'mysql_charset="utf8")',
        good='op.create_table("logs", sa.Column("id", sa.BigInteger(), primary_key=True), '
        'mysql_charset="utf8mb4")',
    ),
    Rule(
        code="AD622",
        name="row-format",
        severity="warning",
        summary="A table has another row format than DYNAMIC.",
        reason="With REDUNDANT and COMPACT an index holds 767 bytes of a column, which are 191 "
        "characters of utf8mb4. COMPRESSED costs memory and CPU, needs a copy of the table for "
        "changes that are instant otherwise, and MariaDB wants to remove it.",
        safe_way="Leave out the row format: DYNAMIC is the default.",
        check=_row_format,
        actions=_OPTION_STEPS,
        databases=MYSQL,
        bad='op.create_table("logs", sa.Column("id", sa.BigInteger(), primary_key=True), '
        'mysql_row_format="COMPRESSED")',
        good='op.create_table("logs", sa.Column("id", sa.BigInteger(), primary_key=True), '
        'mysql_row_format="DYNAMIC")',
    ),
)
