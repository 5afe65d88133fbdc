"""Find out what a downgrade() does, from its code; it is not run."""

from __future__ import annotations

import dis
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING

from autodiff.lint.sql import parse_sql
from autodiff.lint.statements import ChangeRows

if TYPE_CHECKING:
    from autodiff.lint.context import Script

__all__ = ["Downgrade", "read_downgrade"]

_ROW_FUNCTIONS = frozenset(("backfill", "bulk_insert", "execute", "get_bind", "run"))
"""The functions of `op` that can change rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downgrade:
    """What a downgrade() does.

    is_empty: it calls nothing. refuses: it raises an exception, or is a SQL file that says so.
    changes_rows: it can change rows.
    """

    is_empty: bool
    refuses: bool = False
    changes_rows: bool = False


def read_downgrade(script: Script) -> Downgrade:
    """Return what the downgrade() of a script does."""
    if script.migration.is_sql:
        actions = parse_sql(script.migration.down_text, script.dialect)
        rows = any(isinstance(action, ChangeRows) for action in actions)
        refuses = script.migration.irreversible is not None
        return Downgrade(is_empty=not actions and not refuses, refuses=refuses, changes_rows=rows)
    code = script.downgrade_code
    if code is None:  # it is not a plain function
        return Downgrade(is_empty=False, changes_rows=True)
    has_own_calls = any(isinstance(value, CodeType) for value in code.co_consts)
    return Downgrade(
        is_empty=not code.co_names and not has_own_calls and not _raises(code),
        refuses=_raises(code),
        changes_rows=has_own_calls or bool(_ROW_FUNCTIONS & set(code.co_names)),
    )


_RAISE = dis.opmap["RAISE_VARARGS"]


def _raises(code: CodeType) -> bool:
    """Return whether a function has a `raise`; every second byte is an instruction."""
    return _RAISE in code.co_code[::2]
