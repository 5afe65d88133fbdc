"""Rules for steps of MySQL and MariaDB that copy the table and block writes.

https://dev.mysql.com/doc/refman/en/innodb-online-ddl-operations.html
"""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.dialects.type_names import split_type
from autodiff.lint.context import Step
from autodiff.lint.rule import MYSQL, Match, Rule
from autodiff.lint.statements import ChangeTable, SetOption
from autodiff.schema.objects import ColumnType, ForeignKey
from autodiff.schema.operations import AddConstraint, AlterColumn

__all__ = ["RULES"]

_NUMBERS = frozenset("tinyint smallint mediumint int bigint decimal float double".split())


def _copied_type(step: Step) -> Iterator[Match]:
    match step.action:
        case AlterColumn(table=table, name=name, after=patch) if step.is_live(table):
            column = step.column(table, name)
            before = column.type if column is not None else step.action.before.type
            after = patch.type
            if not isinstance(before, ColumnType) or not isinstance(after, ColumnType):
                return
            old, new = split_type(before.sql)[0], split_type(after.sql)[0]
            if old != new and old in _NUMBERS and new in _NUMBERS:
                place = f"{table}.{name}"
                yield Match(
                    message=f"changes {place} from {before.sql} to {after.sql}: copies {table}",
                    object=place,
                )


def _foreign_key(step: Step) -> Iterator[Match]:
    match step.action:
        case AddConstraint(table=table, constraint=ForeignKey() as key) if step.is_live(table):
            unchecked = any(
                isinstance(other.action, SetOption)
                and other.action.name == "foreign_key_checks"
                and other.action.value.lower() in ("0", "off")
                for other in step.earlier
            )
            if not unchecked:
                yield Match(
                    message=f"adds foreign key {key.name}, which copies {table}",
                    object=f"{table}.{key.name}",
                )


def _rebuilt(step: Step) -> Iterator[Match]:
    match step.action:
        case ChangeTable(table=table, kind=kind) if step.is_live(table):
            yield Match(
                message=f"changes the {kind} of {table}, which copies it", object=str(table)
            )


RULES = (
    Rule(
        code="AD451",
        name="copying-type",
        severity="warning",
        summary="The type of a numeric column changes, for which the server copies the table.",
        reason="ALGORITHM=COPY is needed: INSERT, UPDATE and DELETE wait until this is done.",
        safe_way="Add a column of the new type and copy the values in batches; or use an online "
        "schema change tool.",
        check=_copied_type,
        databases=MYSQL,
        bad='op.alter_column("users", "age", type_=sa.BigInteger(), existing_type=sa.Integer())',
        good='op.add_column("users", sa.Column("big_age", sa.BigInteger()))',
    ),
    Rule(
        code="AD452",
        name="rebuild-table",
        severity="warning",
        summary="The character set, the engine or the partitions of a table change.",
        reason="The server copies the table: INSERT, UPDATE and DELETE wait until it is done.",
        safe_way="Run the migration in quiet hours, or use an online schema change tool.",
        check=_rebuilt,
        databases=MYSQL,
        bad='op.execute("ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4")',
        good='op.add_column("users", sa.Column("country", sa.String(2)))',
    ),
    Rule(
        code="AD454",
        name="copying-foreign-key",
        severity="warning",
        summary="A foreign key is added to a table that existed before.",
        reason="With foreign_key_checks the server copies the table: INSERT, UPDATE and DELETE "
        "wait until it is done.",
        safe_way="Look for orphaned rows first; then add the key with foreign_key_checks = 0, or "
        "use an online schema change tool.",
        check=_foreign_key,
        databases=MYSQL,
        bad='op.create_foreign_key("fk_users_team", "users", "teams", ["team_id"], ["id"])',
        good='op.execute("SET foreign_key_checks = 0")\n'
        'op.create_foreign_key("fk_users_team", "users", "teams", ["team_id"], ["id"])',
    ),
)
