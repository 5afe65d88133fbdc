"""Rules for steps of MySQL and MariaDB that copy the table and block writes.

https://dev.mysql.com/doc/refman/en/innodb-online-ddl-operations.html
https://mariadb.com/kb/en/innodb-online-ddl-operations-with-the-instant-alter-algorithm/
"""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.dialects.mysql.types import is_text
from autodiff.dialects.narrowing import shape
from autodiff.dialects.type_names import split_type
from autodiff.lint.context import Step
from autodiff.lint.parts import index_words, part_place, part_words
from autodiff.lint.rule import MYSQL, Match, Rule
from autodiff.lint.rules.mysql_design import NARROW_CHARSETS, column_charset
from autodiff.lint.sql_forms import BLOCKING_OPTIONS
from autodiff.lint.statements import AddColumnConstraint, ChangeTable, SetOption
from autodiff.schema.objects import Check, ColumnType, ForeignKey, PrimaryKey
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    CreateIndex,
    DropColumn,
    DropConstraint,
    SetTableOptions,
)

__all__ = ["RULES"]

_COPIED = "INSERT, UPDATE and DELETE wait until it is done"
_BYTES = 4
"""The bytes of a character in utf8mb4."""
_SHORT = 255
"""The most bytes of a varchar whose length is stored in one byte."""


def _copied_type(step: Step) -> Iterator[Match]:
    match step.action:
        case AlterColumn(table=table, name=name, after=patch) if step.is_live(table):
            column = step.column(table, name)
            before = column.type if column is not None else step.action.before.type
            after = patch.type
            if not isinstance(before, ColumnType) or not isinstance(after, ColumnType):
                return
            charsets = (
                column_charset(step, table, before.sql),
                column_charset(step, table, after.sql),
            )
            if before.sql and _is_copied(before.sql, after.sql, charsets):
                place = f"{table}.{name}"
                yield Match(
                    message=f"changes {place} from {before.sql} to {after.sql}: copies {table}",
                    object=place,
                )


def _is_copied(before: str, after: str, charsets: tuple[str | None, str | None]) -> bool:
    """Return whether a change of the type needs ALGORITHM=COPY.

    A varchar becomes longer in place if the bytes of its length do not change, and an enum or set
    gets more values at its end.
    """
    if before == after:
        return False
    old, new = split_type(before), split_type(after)
    if old[0] != new[0] or charsets[0] != charsets[1]:
        return True
    if old[0] == "enum":
        values = shape(before, {}).values
        more = shape(after, {}).values
        return more[: len(values)] != values or (len(values) < 256 <= len(more))
    if old[0] == "set":
        return new[1][: len(old[1])] != old[1] or _set_bytes(old[1]) != _set_bytes(new[1])
    if old[0] in ("varchar", "varbinary"):
        a, b = _length(old[1]), _length(new[1])
        width = _BYTES if old[0] == "varchar" else 1
        return b < a or (a * width <= _SHORT < b * width)
    return old[1] != new[1] or old[2].split(" COLLATE")[0] != new[2].split(" COLLATE")[0]


def _length(arguments: tuple[str, ...]) -> int:
    return int(arguments[0]) if arguments and arguments[0].isdigit() else 0


def _set_bytes(values: tuple[str, ...]) -> int:
    """Return the bytes of a SET, which has one bit for each value: 1, 2, 3, 4 or 8."""
    count = (len(values) + 7) // 8
    return count if count <= _BYTES else 8


def _foreign_key(step: Step) -> Iterator[Match]:
    match step.action:
        case AddConstraint(table=table, constraint=ForeignKey() as key) if step.is_live(table):
            unchecked = any(
                isinstance(other.action, SetOption)
                and other.action.name == "foreign_key_checks"
                and other.action.value.lower() in ("0", "off")
                for other in step.earlier_of(SetOption)
            )
            if not unchecked:
                yield Match(
                    message=f"adds foreign key {part_words(key.name, table)}, which copies {table}",
                    object=part_place(key.name, table),
                )


def _check(step: Step) -> Iterator[Match]:
    match step.action:
        case AddConstraint(table=table, constraint=Check() as check) if step.is_live(table):
            if not check.options.get("mysql_not_enforced") and not _takes_no_copy(step):
                yield Match(
                    message=f"adds check {part_words(check.name, table)}, which copies {table}",
                    object=part_place(check.name, table),
                )


def _takes_no_copy(step: Step) -> bool:
    """Return whether a server adds a check in place: MariaDB with its column, MySQL to ignore it.

    MySQL copies the table also for the check of a new column.
    """
    if step.dialect.matches("mariadb"):
        return isinstance(step.action, AddColumnConstraint)
    return step.is_before_version(8, 0, 16)


_REBUILDING = ("engine", "row_format", "partition_by")
"""The options that are not only about new columns, as the default character set is."""


def _rebuilt(step: Step) -> Iterator[Match]:
    match step.action:
        case ChangeTable(
            table=table,
            kind="charset" | "engine" | "row_format" | "partitions" | "order" as changed,
        ):
            kinds = [str(changed)]
        case SetTableOptions(table=table, options=options):
            names = (name.removeprefix("mysql_").replace("default_", "") for name, _, _ in options)
            kinds = [name.replace("_by", "s") for name in names if name in _REBUILDING]
        case _:
            return
    if step.is_live(table):
        for kind in kinds:
            yield Match(
                message=f"changes the {kind.replace('_', ' ')} of {table}, which copies it",
                object=str(table),
            )


_WHOLE_PLANE = ("utf8", "utf8mb3", "ucs2")
"""The narrow character sets that have the characters of all other narrow ones."""


def _narrow_charset(step: Step) -> Iterator[Match]:
    match step.action:
        case ChangeTable(table=table, kind="charset", value=value):
            charset, place = value.strip("'\"`").lower(), str(table)
        case AlterColumn(table=table, name=name, after=patch) if isinstance(patch.type, ColumnType):
            column = step.column(table, name)
            before = column.type.sql if column is not None else ""
            charset = column_charset(step, table, patch.type.sql) or ""
            place = f"{table}.{name}"
            old = column_charset(step, table, before)
            if not is_text(patch.type.sql) or (before and not is_text(before)):
                return
            if charset == old or (old in NARROW_CHARSETS and charset in _WHOLE_PLANE):
                return
        case _:
            return
    if step.is_live(table) and charset in NARROW_CHARSETS:
        yield Match(message=f"converts {place} to {charset}, which lacks characters", object=place)


def _rebuilding_column(step: Step) -> Iterator[Match]:
    match step.action:
        case AddColumn(table=table, column=column):
            is_instant = column.computed is not None or not step.is_before_version(8, 0, 12)
            place, verb = f"{table}.{column.name}", "adds"
        case DropColumn(table=table, name=name):
            is_instant = not step.is_before_version(8, 0, 29)
            place, verb = f"{table}.{name}", "drops"
        case _:
            return
    if step.is_live(table) and not is_instant:
        yield Match(message=f"{verb} column {place}, which rebuilds {table}", object=place)


def _copying_column(step: Step) -> Iterator[Match]:
    match step.action:
        case AddColumn(table=table, column=column) if step.is_live(table):
            if column.computed is not None and column.computed.persisted:
                kind = "stored generated"
            elif column.autoincrement:
                kind = "AUTO_INCREMENT"
            else:
                return
            place = f"{table}.{column.name}"
            yield Match(message=f"adds {kind} column {place}: copies {table}", object=place)


def _text_index(step: Step) -> Iterator[Match]:
    match step.action:
        case CreateIndex(table=table, index=index) if step.is_live(table):
            prefix = str(index.options.get("mysql_prefix") or index.method or "").upper()
            if prefix in ("FULLTEXT", "SPATIAL"):
                yield Match(
                    message=f"builds {prefix} {index_words(index.name, table)} with writes blocked",
                    object=part_place(index.name, table),
                )


def _dropped_key(step: Step) -> Iterator[Match]:
    match step.action:
        case DropConstraint(table=table, kind="primary") if step.is_live(table):
            if any(_replaces_key(step, other) for other in step.later[:1]):
                return
            yield Match(
                message=f"drops the primary key of {table}, which copies it", object=str(table)
            )


def _replaces_key(step: Step, other: Step) -> bool:
    """Return whether the next step adds another primary key in the same statement."""
    match other.action:
        case AddConstraint(constraint=PrimaryKey()):
            return other.line == step.line
        case _:
            return False


def _blocking_option(step: Step) -> Iterator[Match]:
    match step.action:
        case ChangeTable(table=table, kind="algorithm" | "lock" as kind, value=value):
            if step.is_live(table) and value.upper() in BLOCKING_OPTIONS:
                yield Match(
                    message=f"alters {table} with {kind.upper()}={value.upper()}",
                    object=str(table),
                )


RULES = (
    Rule(
        code="AD109",
        name="narrow-charset",
        severity="warning",
        summary="A table or a column is converted to a character set that lacks characters of "
        "Unicode.",
        reason="Depending on sql_mode, the server refuses the characters that the new character "
        "set does not have, or replaces them with question marks.",
        safe_way="Convert to utf8mb4.",
        check=_narrow_charset,
        actions=(ChangeTable, AlterColumn),
        harmless_if="empty",
        databases=MYSQL,
        bad='op.execute("ALTER TABLE users CONVERT TO CHARACTER SET latin1")',
        good='op.add_column("users", sa.Column("country", sa.String(2)))',
        also=("AD452", "AD621"),
    ),
    Rule(
        code="AD451",
        name="copying-type",
        severity="warning",
        summary="The type of a column changes in a way for which the server copies the table.",
        reason=f"ALGORITHM=COPY is needed: {_COPIED}. A longer varchar, as long as it stays below "
        "or above 255 bytes, and more values at the end of an enum do not need it.",
        safe_way="Add a column of the new type and copy the values in batches; or use an online "
        "schema change tool.",
        check=_copied_type,
        actions=(AlterColumn,),
        harmless_if="small",
        databases=MYSQL,
        bad='op.alter_column("users", "age", type_=sa.BigInteger(), existing_type=sa.Integer())',
        good='op.alter_column("users", "nickname", type_=sa.String(60))',
    ),
    Rule(
        code="AD452",
        name="rebuild-table",
        severity="warning",
        summary="The character set, the engine, the row format or the partitions of a table "
        "change.",
        reason=f"The server copies the table: {_COPIED}.",
        safe_way="Run the migration in quiet hours, or use an online schema change tool.",
        check=_rebuilt,
        actions=(ChangeTable, SetTableOptions),
        harmless_if="small",
        databases=MYSQL,
        bad='op.execute("ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4")',
        good='op.add_column("users", sa.Column("country", sa.String(2)))',
    ),
    Rule(
        code="AD453",
        name="rebuilding-column",
        severity="info",
        summary="A column is added before MySQL 8.0.12, or dropped before MySQL 8.0.29.",
        reason="The server rebuilds the table in place. Writes go on, but replicas repeat the "
        "rebuild afterwards and fall behind, and the table needs its space twice. Later versions, "
        "and all supported versions of MariaDB, change only the catalog.",
        safe_way="Upgrade the server, or run the migration in quiet hours.",
        check=_rebuilding_column,
        actions=(AddColumn, DropColumn),
        harmless_if="small",
        databases=("mysql",),
        tried_on="mysql 8.0.11",
        bad='op.add_column("users", sa.Column("country", sa.String(2)))',
        good='op.alter_column("users", "age", server_default="0")',
    ),
    Rule(
        code="AD454",
        name="copying-foreign-key",
        severity="warning",
        summary="A foreign key is added to a table that existed before.",
        reason=f"With foreign_key_checks the server copies the table: {_COPIED}.",
        safe_way="Look for orphaned rows first; then add the key with foreign_key_checks = 0, or "
        "use an online schema change tool.",
        check=_foreign_key,
        actions=(AddConstraint,),
        harmless_if="small",
        databases=MYSQL,
        bad='op.create_foreign_key("fk_users_team", "users", "teams", ["team_id"], ["id"])',
        good='op.execute("SET foreign_key_checks = 0")\n'
        'op.create_foreign_key("fk_users_team", "users", "teams", ["team_id"], ["id"])',
    ),
    Rule(
        code="AD455",
        name="copying-column",
        severity="warning",
        summary="A stored generated column or an AUTO_INCREMENT column is added to a table that "
        "existed before.",
        reason=f"The server computes a value for each row and copies the table: {_COPIED}.",
        safe_way="Add a virtual generated column, or an ordinary one that is filled in batches.",
        check=_copying_column,
        actions=(AddColumn,),
        harmless_if="small",
        databases=MYSQL,
        bad='op.execute("ALTER TABLE users ADD COLUMN double_age int AS (age * 2) STORED")',
        good='op.execute("ALTER TABLE users ADD COLUMN double_age int AS (age * 2) VIRTUAL")',
    ),
    Rule(
        code="AD456",
        name="text-index",
        severity="warning",
        summary="A FULLTEXT or SPATIAL index is built on a table that existed before.",
        reason="LOCK=SHARED is needed: INSERT, UPDATE and DELETE wait until the index is built. "
        "Other indexes are built while writes go on.",
        safe_way="Run the migration in quiet hours, or use an online schema change tool.",
        check=_text_index,
        actions=(CreateIndex,),
        harmless_if="small",
        databases=MYSQL,
        bad='op.create_index("ix_users_nickname", "users", ["nickname"], mysql_prefix="FULLTEXT")',
        good='op.create_index("ix_users_nickname", "users", ["nickname"])',
    ),
    Rule(
        code="AD457",
        name="drop-primary-key",
        severity="warning",
        summary="The primary key of a table that existed before is dropped.",
        reason=f"The rows are stored in the order of the key, so the server copies the table: "
        f"{_COPIED}. Until there is another key, replication by rows is slow.",
        safe_way="Drop it and add the new one in one ALTER TABLE, which rebuilds the table once "
        "and in place.",
        check=_dropped_key,
        actions=(DropConstraint,),
        harmless_if="small",
        databases=MYSQL,
        bad='op.drop_constraint("PRIMARY", "users", type_="primary")',
        also=("AD309",),
        good='op.execute("ALTER TABLE users DROP PRIMARY KEY, ADD PRIMARY KEY (id, team_id)")',
    ),
    Rule(
        code="AD458",
        name="blocking-option",
        severity="warning",
        summary="ALTER TABLE, CREATE INDEX or DROP INDEX has ALGORITHM=COPY, LOCK=SHARED or "
        "LOCK=EXCLUSIVE.",
        reason=f"The server copies or locks the table, also if it does not need to: {_COPIED}.",
        safe_way="Use LOCK=NONE: then the server refuses a change that would block writes.",
        check=_blocking_option,
        actions=(ChangeTable,),
        harmless_if="small",
        databases=MYSQL,
        bad='op.execute("ALTER TABLE users ADD COLUMN country text, ALGORITHM=COPY")',
        good='op.execute("ALTER TABLE users ADD COLUMN country text, ALGORITHM=INPLACE, '
        'LOCK=NONE")',
    ),
    Rule(
        code="AD459",
        name="copying-check",
        severity="warning",
        summary="A check is added to a table that existed before.",
        reason=f"The server copies the table: {_COPIED}. MariaDB does not if the check is in the "
        "definition of a new column.",
        safe_way="Look for rows that break the check first, and run the migration in quiet hours, "
        "or use an online schema change tool.",
        check=_check,
        actions=(AddConstraint,),
        harmless_if="small",
        databases=MYSQL,
        tried_on="mariadb",
        bad='op.create_check_constraint("ck_users_age", "users", "age >= 0")',
        good='op.execute("ALTER TABLE users ADD COLUMN score int CHECK (score >= 0)")',
    ),
)
