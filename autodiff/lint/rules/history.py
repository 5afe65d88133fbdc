"""Rules for the history of migrations, and for what makes a migration depend on other code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autodiff.lint.context import History, Script, Step
from autodiff.lint.rule import Match, Rule
from autodiff.lint.statements import TransactionControl

__all__ = ["RULES"]

_IMPORT = re.compile(r"[ \t]*(?:from|import)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)


def _edited(history: History) -> Iterator[Match]:
    known = history.lock.checksums if history.lock is not None else {}
    for revision, checksum in known.items():
        if revision in history.graph and history.graph[revision].checksum != checksum:
            name = history.graph[revision].name
            yield Match(
                message="the file was edited after the lock file was written", migration=name
            )


def _missing(history: History) -> Iterator[Match]:
    known = history.lock.checksums if history.lock is not None else {}
    for revision in known:
        if revision not in history.graph and revision not in history.graph.replaced:
            yield Match(
                message=f"migration {revision} of the lock file is missing", object=revision
            )


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


RULES = (
    Rule(
        code="AD501",
        name="edited-migration",
        severity="error",
        summary="A migration was edited after the lock file was written.",
        reason="Databases that have applied it keep the old schema, and autodiff refuses to "
        "upgrade them.",
        safe_way="Restore the file and write a new migration; or run autodiff lock if no database "
        "has applied it.",
        check=_edited,
        scope="history",
    ),
    Rule(
        code="AD502",
        name="missing-migration",
        severity="error",
        summary="A migration of the lock file has no file.",
        reason="New databases would not get its changes, and autodiff refuses to upgrade those "
        "that have applied it.",
        safe_way="Restore the file from version control.",
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
        code="AD507",
        name="transaction-control",
        severity="error",
        summary="A migration begins or ends a transaction.",
        reason="The runner refuses the statement. If it ran, a failure could not roll back the "
        "steps before it.",
        safe_way="Remove the statement; for statements outside of the transaction use "
        "`with op.autocommit():`.",
        check=_transaction,
        bad='op.execute("COMMIT")',
        good='with op.autocommit():\n    op.execute("ANALYZE users")',
    ),
)
