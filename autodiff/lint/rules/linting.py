"""Rules for what the linter cannot read, and for its own comments."""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.lint.context import Script, Step
from autodiff.lint.rule import Match, Rule
from autodiff.lint.statements import PythonCode, Unparsed

__all__ = ["RULES"]

_SHOWN = 60


def _unparsed(step: Step) -> Iterator[Match]:
    match step.action:
        case Unparsed(sql=sql):
            text = " ".join(sql.split())
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
            yield Match(message=f"cannot parse this statement, so no rule checked it: {shown}")


def _unread(step: Step) -> Iterator[Match]:
    match step.action:
        case PythonCode(what=what, ends=True, fails=False):
            yield Match(message=f"the migration was not checked from here on: {what}")


def _wrong_argument(step: Step) -> Iterator[Match]:
    match step.action:
        case PythonCode(what=what, fails=True):
            yield Match(message=f"the migration fails here: {what}")


def _nothing(script: Script) -> Iterator[Match]:
    """Find nothing: the linter itself knows which suppressions were not needed."""
    yield from ()


RULES = (
    Rule(
        code="AD901",
        name="unparsed-sql",
        severity="warning",
        summary="A SQL statement cannot be parsed.",
        reason="No rule can check the statement, so it can lose data or block the database.",
        safe_way="Use a function of op instead, or check the statement and suppress this finding.",
        check=_unparsed,
        actions=(Unparsed,),
        bad='op.execute("FROBNICATE users WITH care")',
        good="op.execute(\"UPDATE users SET email = '' WHERE email IS NULL\")",
    ),
    Rule(
        code="AD902",
        name="unread-migration",
        severity="warning",
        summary="A migration cannot be read to its end without a database.",
        reason="The rest of the migration was not checked. It asks the connection for rows, "
        "inspects the database, fails, or imports what is not installed.",
        safe_way="Put code that needs rows into a function that op.run() calls. Pass "
        "if_not_exists or if_exists instead of inspecting the database.",
        check=_unread,
        actions=(PythonCode,),
        bad='rows = op.get_bind().execute(sa.text("SELECT id FROM users")).all()',
        good="op.run(lambda connection: None)",
    ),
    Rule(
        code="AD903",
        name="unused-suppression",
        severity="warning",
        summary="A comment suppresses a finding that does not exist.",
        reason="The comment hides a later mistake at the same place.",
        safe_way="Remove the code from the comment; or move the comment to the statement of the "
        "finding: on its line or above it. To suppress findings in the whole file, put it above "
        "the first function, or above the first statement of a SQL file.",
        check=_nothing,
        scope="script",
        bad='op.create_view("v", "SELECT 1")  # autodiff: ignore[AD101]',
        good='op.drop_table("teams")  # autodiff: ignore[AD101]',
    ),
    Rule(
        code="AD904",
        name="wrong-argument",
        severity="error",
        summary="A function of op is called with a wrong argument.",
        reason="The migration fails at this call. The rest of it was not checked.",
        safe_way="Correct the argument that the message names.",
        check=_wrong_argument,
        actions=(PythonCode,),
        bad='op.create_enum("state", ["new", "old"])',
        good='op.create_enum("state", "new", "old")',
    ),
)
