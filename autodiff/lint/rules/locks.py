"""Rules for steps of PostgreSQL that block reads or writes.

https://www.postgresql.org/docs/current/explicit-locking.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from autodiff.lint.context import Script, Step
from autodiff.lint.parts import index_words, part_place, part_words
from autodiff.lint.replay import NOT_VALID
from autodiff.lint.rule import POSTGRESQL, Match, Rule
from autodiff.lint.rules.existing_rows import has_not_null_check, locked_tables
from autodiff.lint.statements import (
    AddColumnConstraint,
    ChangeRows,
    CreateTrigger,
    MaintainTable,
    SetOption,
    ValidateConstraint,
)
from autodiff.schema.objects import Check, Exclusion, ForeignKey, Name, PrimaryKey, Unique
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    Backfill,
    CreateIndex,
    CreateTable,
    CreateView,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropView,
    RenameIndex,
    is_concurrent,
)

__all__ = ["RULES"]

_NO_LIMIT = re.compile(r"0+\s*[a-z]*|default", re.IGNORECASE)
"""The values of a timeout that switch it off; it is off by default."""
_CHANGES = "changes rows of"
_NAMED = 8
"""Tables that a message names."""
_BLOCKS_WRITES = "INSERT, UPDATE and DELETE wait"


def _index(step: Step) -> Iterator[Match]:
    match step.action:
        case CreateIndex(table=table, index=index, concurrently=False) if step.is_live(table):
            yield Match(
                message=f"builds {index_words(index.name, table)} with writes blocked",
                object=part_place(index.name, table),
            )


def _dropped_index(step: Step) -> Iterator[Match]:
    match step.action:
        case DropIndex(table=named, name=name, concurrently=False):
            table, _ = step.table_of_index(name, named)
            if table is None or step.is_live(table):
                place = f"{table}.{name}" if table is not None else name
                yield Match(message=f"drops index {name} with its table blocked", object=place)


def _maintenance(kind: str, why: str) -> object:
    def check(step: Step) -> Iterator[Match]:
        match step.action:
            case MaintainTable(kind=found, concurrently=False) if found == kind:
                name = step.action.name
                if name is None or step.is_live(name):
                    shown = f" {name}" if name is not None else ""
                    yield Match(
                        message=f"{step.action.words}{shown} {why}",
                        object=str(name) if name is not None else None,
                    )

    return check


def _concurrently_inside(step: Step) -> Iterator[Match]:
    operation = step.action
    if step.outside:
        return
    if isinstance(operation, MaintainTable):
        if not operation.concurrently or operation.kind in ("refresh", "domain"):
            return
        yield Match(message=f"{operation.words} CONCURRENTLY is inside the transaction")
    elif isinstance(operation, CreateIndex | DropIndex) and is_concurrent(operation):
        name = operation.index.name if isinstance(operation, CreateIndex) else operation.name
        verb = "builds" if isinstance(operation, CreateIndex) else "drops"
        what = name or "without a name"
        yield Match(message=f"{verb} index {what} concurrently inside the transaction", object=name)


def _foreign_key(step: Step) -> Iterator[Match]:
    match step.action:
        case AddConstraint(table=table, constraint=ForeignKey() as key) if step.is_live(table):
            if not key.options.get(NOT_VALID) and not _is_of_empty_column(step, table, key):
                yield Match(
                    message=f"adds foreign key {part_words(key.name, table)} to {key.referred} and "
                    f"checks all rows of {table}",
                    object=part_place(key.name, table),
                )


def _is_of_empty_column(step: Step, table: Name, key: ForeignKey) -> bool:
    """Return whether a key is in the definition of a new column that is NULL in all rows.

    Then PostgreSQL checks no rows. It checks them if the key is added separately, or if the column
    has a default, even NULL.
    """
    column = step.column(table, key.columns[0])
    return (
        isinstance(step.action, AddColumnConstraint)
        and column is not None
        and (column.default or column.computed or column.identity) is None
        and not column.autoincrement
    )


def _check(step: Step) -> Iterator[Match]:
    match step.action:
        case AddConstraint(table=table, constraint=Check() as check) if step.is_live(table):
            if not check.options.get(NOT_VALID):
                yield Match(
                    message=f"adds check {part_words(check.name, table)} and reads all rows of "
                    f"{table}",
                    object=part_place(check.name, table),
                )


def _validated_at_once(step: Step) -> Iterator[Match]:
    match step.action:
        case ValidateConstraint(table=table, name=name) if step.is_live(table):
            added = any(
                isinstance(other.action, AddConstraint)
                and other.action.table == table
                and other.action.constraint.name == name
                for other in step.same_transaction_where(_adds_constraint)
            )
            if added:
                yield Match(
                    message=f"validates {name} of {table} in the transaction that added it",
                    object=f"{table}.{name}",
                )


def _not_null_scan(step: Step) -> Iterator[Match]:
    match step.action:
        case AlterColumn(table=table, name=name, after=patch) if step.is_live(table):
            column = step.column(table, name)
            if patch.nullable is not False or (column is not None and not column.nullable):
                return
            if not step.is_before_version(12) and has_not_null_check(step, table, name):
                return
            place = f"{table}.{name}"
            yield Match(
                message=f"sets {place} NOT NULL and reads all rows of {table} for it", object=place
            )


def _unique_in_place(step: Step) -> Iterator[Match]:
    match step.action:
        case AddConstraint(table=table, constraint=Unique() | PrimaryKey() as key):
            if step.is_live(table):
                what = "primary key" if isinstance(key, PrimaryKey) else "unique constraint"
                yield Match(
                    message=f"builds the index of {what} {part_words(key.name, table)} with "
                    f"{table} blocked",
                    object=part_place(key.name, table),
                )


def _exclusion(step: Step) -> Iterator[Match]:
    match step.action:
        case AddConstraint(table=table, constraint=Exclusion() as exclusion):
            if step.is_live(table):
                yield Match(
                    message=f"builds exclusion constraint {part_words(exclusion.name, table)} with "
                    f"{table} blocked",
                    object=part_place(exclusion.name, table),
                )


def _trigger(step: Step) -> Iterator[Match]:
    match step.action:
        case CreateTrigger(table=table, name=name) if step.is_live(table):
            yield Match(message=f"creates trigger {name} on {table}", object=f"{table}.{name}")


def _several_keys(step: Step) -> Iterator[Match]:
    match step.action:
        case AddConstraint(table=table, constraint=ForeignKey() as key) if step.is_live(table):
            others = _names(
                other.action.table
                for other in step.same_transaction_where(_adds_constraint)
                if isinstance(other.action, AddConstraint)
                and isinstance(other.action.constraint, ForeignKey)
                and step.is_live(other.action.table)
                and other.action.table != table
            )
            if others:
                yield Match(
                    message=f"adds a foreign key to {table} in a transaction that already locks "
                    f"{others}",
                    object=part_place(key.name, table),
                )


def _work_after_lock(step: Step) -> Iterator[Match]:
    work = _long_work(step)
    if work is None or step.outside:
        return
    verb, table = work
    if not step.is_live(table):
        return
    earlier = step.same_transaction_where(_is_exclusive)
    names = _names(name for other in earlier for name in locked_tables(other) if step.is_live(name))
    changes_locked = verb == _CHANGES and any(table in locked_tables(other) for other in earlier)
    if names and not changes_locked and not any(_validated_at_once(step)):
        yield Match(
            message=f"{verb} {table} in a transaction that blocks {names} meanwhile",
            object=str(table),
        )


def _long_work(step: Step) -> tuple[str, Name] | None:
    """Return the work of a step that takes longer for more rows, and its table."""
    match step.action:
        case CreateIndex(table=table, concurrently=False):
            return "builds an index of", table
        case ValidateConstraint(table=table):
            return "reads all rows of", table
        case Backfill(table=table) | ChangeRows(table=table, verb="UPDATE" | "DELETE"):
            return _CHANGES, table
        case ChangeRows(table=table, copies=True):
            return "copies rows into", table
        case _:
            return None


def _names(tables: Iterable[Name]) -> str:
    """Return the names of the first tables for a message; it does not grow with a migration."""
    found: dict[Name, None] = {}
    for name in tables:
        found[name] = None
        if len(found) > _NAMED:
            return ", ".join(sorted(map(str, [*found][:_NAMED]))) + " and others"
    return ", ".join(sorted(map(str, found)))


def _adds_constraint(step: Step) -> bool:
    return isinstance(step.action, AddConstraint)


def _is_exclusive(step: Step) -> bool:
    """Return whether a step takes a lock that blocks readers until the transaction ends."""
    match step.action:
        case AddConstraint(constraint=ForeignKey()) | CreateIndex() | CreateTable():
            return False
        case CreateView() | DropView() | RenameIndex():
            return False
        case _:
            return not isinstance(step.action, ValidateConstraint | CreateTrigger)


def _no_lock_timeout(script: Script) -> Iterator[Match]:
    for step in _unlimited(script, "lock_timeout", script.lock_timeout):
        match step.action:
            case AddColumn(table=table) | AlterColumn(table=table) | DropColumn(table=table):
                pass
            case AddConstraint(table=table) | DropConstraint(table=table):
                pass
            case _:
                continue
        if step.is_live(table):
            yield Match(
                message=f"locks {table} without a lock_timeout", object=str(table), line=step.line
            )
            return


def _no_statement_timeout(script: Script) -> Iterator[Match]:
    for step in _unlimited(script, "statement_timeout", script.statement_timeout):
        work = _long_work(step)
        if work is not None and step.is_live(work[1]):
            yield Match(
                message=f"{work[0]} {work[1]} without a statement_timeout",
                object=str(work[1]),
                line=step.line,
            )
            return


def _unlimited(script: Script, option: str, seconds: float | None) -> Iterator[Step]:
    """Yield the steps that run while an option, which begins with a value, has no limit."""
    is_limited = seconds != 0
    for step in script.steps:
        match step.action:
            case SetOption(name=name, value=value) if name == option:
                is_limited = _NO_LIMIT.fullmatch(value) is None
        if not is_limited:
            yield step


RULES = (
    Rule(
        code="AD401",
        name="create-index",
        severity="warning",
        summary="An index is built on a table that existed before, not concurrently.",
        reason=f"CREATE INDEX takes a SHARE lock: {_BLOCKS_WRITES} until the index is built, which "
        "takes minutes on a large table.",
        safe_way="Build it concurrently, outside of the transaction, in a separate migration.",
        check=_index,
        actions=(CreateIndex,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.create_index("ix_users_email", "users", ["email"])',
        good="with op.autocommit():\n"
        '    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)',
    ),
    Rule(
        code="AD402",
        name="drop-index",
        severity="warning",
        summary="An index of a table that existed before is dropped, not concurrently.",
        reason="DROP INDEX takes an ACCESS EXCLUSIVE lock on the table. It waits for every running "
        "query on it, and all later queries wait behind it.",
        safe_way="Drop it concurrently, outside of the transaction.",
        check=_dropped_index,
        actions=(DropIndex,),
        databases=POSTGRESQL,
        bad='op.drop_index("ix_users_age", "users")',
        good="with op.autocommit():\n"
        '    op.drop_index("ix_users_age", "users", postgresql_concurrently=True)',
    ),
    Rule(
        code="AD403",
        name="reindex",
        severity="warning",
        summary="REINDEX runs without CONCURRENTLY.",
        reason=f"REINDEX blocks the index for queries, and on its table {_BLOCKS_WRITES} until it "
        "is done.",
        safe_way="Use REINDEX ... CONCURRENTLY inside `with op.autocommit():`.",
        check=_maintenance("reindex", "blocks writes until it is done"),  # type: ignore[arg-type]
        actions=(MaintainTable,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.execute("REINDEX TABLE users")',
        good='with op.autocommit():\n    op.execute("REINDEX TABLE CONCURRENTLY users")',
    ),
    Rule(
        code="AD404",
        name="concurrently-in-transaction",
        severity="error",
        summary="A CONCURRENTLY command is inside the migration's transaction.",
        reason="PostgreSQL refuses it, so the migration fails.",
        safe_way="Put it into a block `with op.autocommit():`.",
        check=_concurrently_inside,
        actions=(MaintainTable, CreateIndex, DropIndex),
        databases=POSTGRESQL,
        bad='op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)',
        good="with op.autocommit():\n"
        '    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)',
    ),
    Rule(
        code="AD405",
        name="add-foreign-key",
        severity="warning",
        summary="A foreign key is added to a table that existed before, without NOT VALID.",
        reason="It takes a SHARE ROW EXCLUSIVE lock on both tables: "
        f"{_BLOCKS_WRITES} on both until all rows are checked.",
        safe_way="Add it with postgresql_not_valid=True, and validate it in a later migration with "
        "ALTER TABLE ... VALIDATE CONSTRAINT, which blocks no writes.",
        check=_foreign_key,
        actions=(AddConstraint,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.create_foreign_key("fk_users_team", "users", "teams", ["team_id"], ["id"])',
        good='op.create_foreign_key("fk_users_team", "users", "teams", ["team_id"], ["id"], '
        "postgresql_not_valid=True)",
    ),
    Rule(
        code="AD406",
        name="add-check",
        severity="warning",
        summary="A check is added to a table that existed before, without NOT VALID.",
        reason="ADD CONSTRAINT takes an ACCESS EXCLUSIVE lock: nobody can read or write the table "
        "until all rows are checked. With NOT VALID the lock is the same, but it is held only for "
        "a moment.",
        safe_way="Add it with postgresql_not_valid=True, and validate it in a later migration with "
        "ALTER TABLE ... VALIDATE CONSTRAINT, which blocks no reads and writes.",
        check=_check,
        actions=(AddConstraint,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.create_check_constraint("ck_users_age", "users", "age >= 0")',
        good='op.create_check_constraint("ck_users_age", "users", "age >= 0", '
        "postgresql_not_valid=True)",
    ),
    Rule(
        code="AD407",
        name="validate-at-once",
        severity="warning",
        summary="A constraint is added as NOT VALID and validated in the same transaction.",
        reason="The lock of ADD CONSTRAINT is held until the end of the transaction, so validating "
        "blocks as long as it would without NOT VALID.",
        safe_way="Validate it in the next migration.",
        check=_validated_at_once,
        actions=(ValidateConstraint,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.create_check_constraint("ck_users_age", "users", "age >= 0", '
        "postgresql_not_valid=True)\n"
        'op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_age")',
        good='op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_age")',
    ),
    Rule(
        code="AD408",
        name="scan-for-not-null",
        severity="warning",
        summary="A column of a table that existed before is set NOT NULL, and no check proves that "
        "it has no NULLs.",
        reason="SET NOT NULL takes an ACCESS EXCLUSIVE lock: nobody can read or write the table "
        "until all rows are read. PostgreSQL 12 and later skip this if a valid check says that "
        "the column is not NULL.",
        safe_way="Add a check `column IS NOT NULL` with postgresql_not_valid=True, validate it in "
        "the next migration, then set the column NOT NULL and drop the check.",
        check=_not_null_scan,
        actions=(AlterColumn,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.backfill("users", {"email": ""}, where="email IS NULL")\n'
        'op.alter_column("users", "email", nullable=False)',
        good='op.backfill("users", {"email": ""}, where="email IS NULL")\n'
        'op.create_check_constraint("ck_users_email", "users", "email IS NOT NULL", '
        "postgresql_not_valid=True)",
    ),
    Rule(
        code="AD409",
        name="unique-in-place",
        severity="warning",
        summary="A unique constraint or primary key is added to a table that existed before, and "
        "its index is built in place.",
        reason="ADD CONSTRAINT takes an ACCESS EXCLUSIVE lock: nobody can read or write the table "
        "until the index is built.",
        safe_way="Build a unique index concurrently, and turn it into the constraint with "
        "ALTER TABLE ... ADD CONSTRAINT ... UNIQUE USING INDEX.",
        check=_unique_in_place,
        actions=(AddConstraint,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.require("SELECT email FROM users GROUP BY email HAVING count(*) > 1", '
        '"users.email has duplicates")\n'
        'op.create_unique_constraint("uq_users_email", "users", ["email"])',
        good='op.require("SELECT email FROM users GROUP BY email HAVING count(*) > 1", '
        '"users.email has duplicates")\n'
        "with op.autocommit():\n"
        '    op.create_index("uq_users_email", "users", ["email"], unique=True, '
        "postgresql_concurrently=True)\n"
        'op.execute("ALTER TABLE users ADD CONSTRAINT uq_users_email UNIQUE USING INDEX '
        'uq_users_email")',
    ),
    Rule(
        code="AD410",
        name="add-exclusion",
        severity="warning",
        summary="An exclusion constraint is added to a table that existed before.",
        reason="ADD CONSTRAINT takes an ACCESS EXCLUSIVE lock: nobody can read or write the table "
        "until the index is built. PostgreSQL can build it neither concurrently nor as NOT VALID.",
        safe_way="Add it when the table is small, or run the migration in quiet hours.",
        check=_exclusion,
        actions=(AddConstraint,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.create_exclude_constraint("ex_users", "users", ("age", "="), using="gist")',
        good="op.create_table(\n"
        '    "bookings",\n'
        '    sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),\n'
        '    sa.Column("room", sa.BigInteger(), nullable=False),\n'
        ")\n"
        'op.create_exclude_constraint("ex_bookings", "bookings", ("room", "="), using="gist")',
    ),
    Rule(
        code="AD413",
        name="create-trigger",
        severity="warning",
        summary="A trigger is created on a table that existed before.",
        reason="CREATE TRIGGER takes a SHARE ROW EXCLUSIVE lock. It waits for every running write, "
        "and all later writes wait behind it. Afterwards each write runs the trigger.",
        safe_way="Keep lock_timeout low so that the migration is tried again, and create the "
        "trigger in a separate migration.",
        check=_trigger,
        actions=(CreateTrigger,),
        databases=POSTGRESQL,
        bad='op.execute("CREATE TRIGGER audit AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION '
        'audit()")',
        good='op.execute("CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN '
        'RETURN NEW; END $$")',
    ),
    Rule(
        code="AD414",
        name="several-foreign-keys",
        severity="warning",
        summary="Foreign keys are added to several tables in one transaction.",
        reason="The locks on all these tables, and on those that they refer to, are held until the "
        "end of the transaction. Transactions that use the tables in another order can deadlock.",
        safe_way="Add each foreign key in a separate migration.",
        check=_several_keys,
        actions=(AddConstraint,),
        databases=POSTGRESQL,
        bad='op.create_foreign_key("fk_users_team", "users", "teams", ["team_id"], ["id"], '
        "postgresql_not_valid=True)\n"
        'op.create_foreign_key("fk_teams_owner", "teams", "users", ["owner_id"], ["id"], '
        "postgresql_not_valid=True)",
        good='op.create_foreign_key("fk_users_team", "users", "teams", ["team_id"], ["id"], '
        "postgresql_not_valid=True)",
    ),
    Rule(
        code="AD415",
        name="work-after-lock",
        severity="warning",
        summary="Rows are read or changed, or an index is built, in a transaction that has an "
        "ACCESS EXCLUSIVE lock on a table that existed before.",
        reason="The lock is held until the end of the transaction, so nobody can read or write "
        "that table while the other work is done.",
        safe_way="Put the long work into a migration of its own, or before the lock.",
        check=_work_after_lock,
        actions=(CreateIndex, ValidateConstraint, Backfill, ChangeRows),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.add_column("users", sa.Column("country", sa.Text()))\n'
        'op.backfill("teams", {"name": ""}, where="name IS NULL")',
        good='op.backfill("teams", {"name": ""}, where="name IS NULL")\n'
        'op.add_column("users", sa.Column("country", sa.Text()))',
    ),
    Rule(
        code="AD416",
        name="no-lock-timeout",
        severity="warning",
        summary="A table that existed before is locked while lock_timeout is 0.",
        reason="The migration waits for its lock without a limit, and every later query on the "
        "table waits behind it.",
        safe_way="Leave lock_timeout at its default of 5 seconds: a migration that cannot get a "
        "lock is tried again.",
        check=_no_lock_timeout,
        scope="script",
        databases=POSTGRESQL,
        bad="lock_timeout = 0\n\n\ndef upgrade() -> None:\n"
        '    op.add_column("users", sa.Column("country", sa.Text()))',
        good="lock_timeout = 2\n\n\ndef upgrade() -> None:\n"
        '    op.add_column("users", sa.Column("country", sa.Text()))',
    ),
    Rule(
        code="AD417",
        name="refresh-view",
        severity="warning",
        summary="A materialized view is refreshed without CONCURRENTLY.",
        reason="REFRESH MATERIALIZED VIEW takes an ACCESS EXCLUSIVE lock: nobody can read the view "
        "until it is filled.",
        safe_way="Use REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index.",
        check=_maintenance("refresh", "blocks readers until it is done"),  # type: ignore[arg-type]
        actions=(MaintainTable,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.execute("REFRESH MATERIALIZED VIEW totals")',
        good='op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY totals")',
    ),
    Rule(
        code="AD418",
        name="rewrite-table",
        severity="warning",
        summary="VACUUM FULL or CLUSTER rewrites a table.",
        reason="Both take an ACCESS EXCLUSIVE lock: nobody can read or write the table until it is "
        "copied.",
        safe_way="Use the extension pg_repack, or VACUUM without FULL, outside of migrations.",
        check=_maintenance("rewrite", "blocks the table until it is copied"),  # type: ignore[arg-type]
        actions=(MaintainTable,),
        harmless_if="small",
        databases=POSTGRESQL,
        bad='op.execute("CLUSTER users USING ix_users_age")',
        good='op.execute("ANALYZE users")',
    ),
    Rule(
        code="AD419",
        name="detach-partition",
        severity="warning",
        summary="A partition is detached without CONCURRENTLY.",
        reason="DETACH PARTITION takes an ACCESS EXCLUSIVE lock on the parent: nobody can read or "
        "write any partition, and the lock waits for every running query.",
        safe_way="Use DETACH PARTITION ... CONCURRENTLY inside `with op.autocommit():` (PostgreSQL "
        "14 and later).",
        check=_maintenance("detach", "blocks the whole table"),  # type: ignore[arg-type]
        actions=(MaintainTable,),
        databases=POSTGRESQL,
        bad='op.execute("ALTER TABLE users DETACH PARTITION users_2020")',
        good="with op.autocommit():\n"
        '    op.execute("ALTER TABLE users DETACH PARTITION users_2020 CONCURRENTLY")',
    ),
    Rule(
        code="AD420",
        name="lock-table",
        severity="warning",
        summary="LOCK TABLE is used on a table that existed before.",
        reason="The lock is held until the end of the transaction, so everything that follows "
        "makes others wait longer.",
        safe_way="Leave it out: each statement takes the lock that it needs.",
        check=_maintenance("lock", "is held until the end of the migration"),  # type: ignore[arg-type]
        actions=(MaintainTable,),
        databases=POSTGRESQL,
        bad='op.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")',
        good='op.add_column("users", sa.Column("country", sa.Text()))',
    ),
    Rule(
        code="AD421",
        name="no-statement-timeout",
        severity="warning",
        summary="Rows of a table that existed before are read or changed while statement_timeout "
        "is 0.",
        reason="A statement that takes longer than expected holds its locks without a limit.",
        safe_way="Leave statement_timeout at its default of 30 minutes, or set another limit in "
        "the migration.",
        check=_no_statement_timeout,
        scope="script",
        databases=POSTGRESQL,
        bad="statement_timeout = 0\n\n\ndef upgrade() -> None:\n"
        '    op.backfill("users", {"email": ""}, where="email IS NULL")',
        good="statement_timeout = 7200\n\n\ndef upgrade() -> None:\n"
        '    op.backfill("users", {"email": ""}, where="email IS NULL")',
    ),
    Rule(
        code="AD422",
        name="domain-constraint",
        severity="warning",
        summary="A constraint is added to a domain without NOT VALID, or it is set NOT NULL.",
        reason="PostgreSQL reads all rows of every table that has a column of the domain, with "
        f"writes blocked: {_BLOCKS_WRITES}.",
        safe_way="Add it with NOT VALID, and validate it in a later migration with ALTER DOMAIN "
        "... VALIDATE CONSTRAINT; or use checks of the tables instead.",
        check=_maintenance("domain", "reads all rows of its tables"),  # type: ignore[arg-type]
        actions=(MaintainTable,),
        databases=POSTGRESQL,
        bad="op.execute(\"ALTER DOMAIN email ADD CONSTRAINT email_at CHECK (VALUE LIKE '%@%')\")",
        good="op.execute(\"ALTER DOMAIN email ADD CONSTRAINT email_at CHECK (VALUE LIKE '%@%') \"\n"
        '    "NOT VALID")',
    ),
)
