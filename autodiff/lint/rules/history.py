"""Rules for the history of migrations, and for what makes a migration depend on other code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from autodiff.errors import MigrationFileError
from autodiff.lint.context import History, Script, Step
from autodiff.lint.downgrade import read_downgrade
from autodiff.lint.rule import Match, Rule
from autodiff.lint.statements import ChangeRows, PythonCode, TransactionControl
from autodiff.schema.operations import Backfill, Operation, Require

if TYPE_CHECKING:
    from autodiff.migrations import Migration

__all__ = ["RULES"]

_IMPORT = re.compile(r"[ \t]*(?:from|import)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)


def _edited(history: History) -> Iterator[Match]:
    known = history.lock.checksums if history.lock is not None else {}
    base = {migration.revision: migration for migration in history.base}
    for revision, migration in history.graph.migrations.items():
        if revision in history.unread:
            continue
        old, checksum = base.get(revision), known.get(revision)
        try:
            if old is not None and _differs(migration, old):
                since = "since the branch left its base"
            elif checksum is not None and migration.checksum != checksum:
                since = "after the lock file was written"
            else:
                continue
        except MigrationFileError:  # it does not parse, which is reported as such
            continue
        yield Match(message=f"the file was edited {since}", migration=migration.name)


def _differs(migration: Migration, old: Migration) -> bool:
    """Return whether a migration has other steps than it had at the base of the branch."""
    return migration.digest != old.digest and migration.checksum != old.checksum


def _missing(history: History) -> Iterator[Match]:
    known = history.lock.checksums if history.lock is not None else {}
    names = {
        **{revision: f"migration {revision} of the lock file" for revision in known},
        **{m.revision: f"migration {m.name} of the base of the branch" for m in history.base},
    }
    for revision, name in names.items():
        if revision not in history.graph and revision not in history.graph.replaced:
            yield Match(message=f"{name} is missing", object=revision)


def _lock_deleted(history: History) -> Iterator[Match]:
    if history.lock_deleted and history.graph.migrations:
        yield Match(message="the branch deletes autodiff.lock, which its base has")


def _moved(history: History) -> Iterator[Match]:
    """Yield the migrations of the base that come after new ones, or no longer after their parents.

    Parents that were squashed are compared as the migration that replaces them.
    """
    graph = history.graph
    parents: dict[str, set[str]] = {}
    for old in history.base:
        place = graph.replaced.get(old.revision, old.revision)
        named = {graph.replaced.get(parent, parent) for parent in old.parents}
        parents.setdefault(place, set()).update(named)
    for revision in filter(graph.__contains__, parents):
        name = graph[revision].name
        before = set(graph.before(revision))
        for parent in before - parents[revision] - parents.keys():
            message = f"comes after {graph[parent].name}, which is not in the base of the branch"
            yield Match(message=message, migration=name)
        lost = (parents[revision] & graph.migrations.keys()) - before
        for parent in lost - (graph.lineage([revision]) if lost else set()):
            message = f"no longer comes after {graph[parent].name}, as in the base of the branch"
            yield Match(message=message, migration=name)
    yield from _squashed_together(history)


def _squashed_together(history: History) -> Iterator[Match]:
    """Yield the new migrations that replace some of the base and some that are not in it."""
    merged = {migration.revision for migration in history.base}
    known = merged.union(*(migration.replaces for migration in history.base))
    for revision, migration in history.graph.migrations.items():
        own = [replaced for replaced in migration.replaces if replaced not in known]
        if revision not in merged and own and len(own) < len(migration.replaces):
            message = f"replaces merged migrations together with {own[0]}, which is not in the base"
            yield Match(message=f"{message} of the branch", migration=migration.name)


def _heads(history: History) -> Iterator[Match]:
    heads = [head for head in history.graph.heads if not history.graph[head].labels]
    labeled = {revision for found in history.graph.branches.values() for revision in found}
    plain = [head for head in heads if head not in labeled]
    if len(plain) > 1:
        names = ", ".join(history.graph[head].name for head in plain)
        yield Match(message=f"the history has several heads: {names}")


def _imports(script: Script) -> Iterator[Match]:
    if script.migration.is_sql:
        return
    text = script.migration.text
    for found in _IMPORT.finditer(text):
        if script.is_application(found[1]):
            line = text.count("\n", 0, found.start(1)) + 1
            yield Match(
                message=f"imports {found[1]}, which belongs to the application",
                object=found[1],
                line=line,
            )


def _transaction(step: Step) -> Iterator[Match]:
    match step.action:
        case TransactionControl(words=words):
            yield Match(message=f"{words} ends the transaction of the migration")


def _irreversible(script: Script) -> Iterator[Match]:
    step = next(filter(_changes_rows, script.steps), None)
    if step is None:
        return
    downgrade = read_downgrade(script)
    if not downgrade.refuses and not downgrade.changes_rows:
        table = getattr(step.action, "table", None)
        rows = f"rows of {table}" if table is not None else "rows"
        yield Match(
            message=f"upgrade() changes {rows}, and downgrade() does not change them back",
            object=str(table) if table is not None else None,
            line=step.line,
        )


def _changes_rows(step: Step) -> bool:
    """Return whether a step changes rows or values that a downgrade does not drop anyway."""
    match step.action:
        case PythonCode(ends=False):
            return True
        case ChangeRows(table=table, verb="UPDATE", columns=columns) if columns:
            return any(not step.is_new_column(table, column) for column in columns)
        case ChangeRows(table=table):
            return step.is_live(table)
        case _:
            return False


def _empty_downgrade(script: Script) -> Iterator[Match]:
    if any(map(_changes_schema, script.steps)) and read_downgrade(script).is_empty:
        yield Match(message="downgrade() does nothing, but upgrade() changes the schema")


def _changes_schema(step: Step) -> bool:
    return isinstance(step.action, Operation) and not isinstance(step.action, Backfill | Require)


_NO_REVERSE = (
    "Write the reverse into downgrade(), or into the .down.sql file. If there is none, say so: "
    '`raise NotImplementedError("REASON")` in downgrade(), or the line `-- irreversible: REASON` '
    "at the top of the .down.sql file."
)

RULES = (
    Rule(
        code="AD501",
        name="edited-migration",
        severity="error",
        summary="A migration was edited after the lock file was written, or by a branch after it "
        "was merged.",
        reason="Databases that have applied it keep the old schema, and autodiff refuses to "
        "upgrade them.",
        safe_way="Restore the file and write a new migration. If no database has applied it, run "
        "autodiff lock, and suppress the finding if it was merged.",
        check=_edited,
        scope="history",
    ),
    Rule(
        code="AD502",
        name="missing-migration",
        severity="error",
        summary="A migration of the lock file, or of the base of the branch, has no file.",
        reason="New databases would not get its changes, and autodiff refuses to upgrade those "
        "that have applied it.",
        safe_way="Restore the file from version control. To undo its changes, write a new "
        "migration.",
        check=_missing,
        scope="history",
    ),
    Rule(
        code="AD503",
        name="several-heads",
        severity="error",
        summary="The history has several heads without labels.",
        reason="`autodiff upgrade` does not know which of them to apply.",
        safe_way="Run autodiff rebase on your branch, or autodiff merge.",
        check=_heads,
        scope="history",
    ),
    Rule(
        code="AD504",
        name="irreversible-data-step",
        severity="info",
        summary="upgrade() changes rows, and downgrade() does not change them back.",
        reason="After a downgrade the rows have values that the older application does not "
        "expect, and nothing says so.",
        safe_way=_NO_REVERSE,
        check=_irreversible,
        scope="script",
        tried_on="sqlite",
        bad="def upgrade() -> None:\n"
        '    op.execute("UPDATE users SET age = age + 1 WHERE age < 18")\n\n\n'
        "def downgrade() -> None:\n    pass",
        good="def upgrade() -> None:\n"
        '    op.execute("UPDATE users SET age = age + 1 WHERE age < 18")\n\n\n'
        "def downgrade() -> None:\n"
        '    op.execute("UPDATE users SET age = age - 1 WHERE age < 19")',
    ),
    Rule(
        code="AD505",
        name="application-import",
        severity="warning",
        summary="A migration imports a module of the application.",
        reason="The module changes later, and the migration then fails or does something else than "
        "it did when it was written.",
        safe_way="Define the tables and values that the migration needs in its file, with sa.table "
        "and sa.column.",
        check=_imports,
        scope="script",
        bad="import application\n\n\ndef upgrade() -> None:\n    pass",
        good='users = sa.table("users", sa.column("id"))\n\n\ndef upgrade() -> None:\n    pass',
    ),
    Rule(
        code="AD506",
        name="empty-downgrade",
        severity="warning",
        summary="upgrade() changes the schema, and downgrade() is empty.",
        reason="A downgrade succeeds without a change. The history then says that the migration "
        "is not applied, and the next upgrade fails because its objects exist.",
        safe_way=_NO_REVERSE,
        check=_empty_downgrade,
        scope="script",
        bad="def upgrade() -> None:\n"
        '    op.add_column("users", sa.Column("country", sa.Text()))\n\n\n'
        "def downgrade() -> None:\n    pass",
        good="def upgrade() -> None:\n"
        '    op.add_column("users", sa.Column("country", sa.Text()))\n\n\n'
        'def downgrade() -> None:\n    op.drop_column("users", "country")',
    ),
    Rule(
        code="AD507",
        name="transaction-control",
        severity="error",
        summary="A migration begins or ends a transaction.",
        reason="The runner refuses the statement. If it ran, a failure could not roll back the "
        "steps before it.",
        safe_way="Remove the statement; for statements outside of the transaction use "
        "`with op.autocommit():` in a migration in Python.",
        check=_transaction,
        actions=(TransactionControl,),
        bad='op.execute("COMMIT")',
        good='with op.autocommit():\n    op.execute("ANALYZE users")',
    ),
    Rule(
        code="AD508",
        name="moved-migration",
        severity="error",
        summary="A branch moves a merged migration to another place in the history, or squashes it "
        "together with a new one.",
        reason="Databases that have applied it may lack the migrations that now come before it, or "
        "are now in one file with it, and autodiff refuses to upgrade them.",
        safe_way="Restore its parents, and put the branch's own migrations after the merged ones "
        "with autodiff rebase. Do not squash merged migrations together with new ones.",
        check=_moved,
        scope="history",
    ),
    Rule(
        code="AD509",
        name="deleted-lock-file",
        severity="error",
        summary="A branch deletes the lock file.",
        reason="Nothing notices then that a migration was edited or deleted, and "
        "`autodiff check --offline` has no schema to compare the models with.",
        safe_way="Restore the file from version control, or write it again with autodiff lock.",
        check=_lock_deleted,
        scope="history",
    ),
)
