"""Change calls of autodiff's `op` so that they mean the same in Alembic."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import accumulate

from autodiff.utils.python_source import parse_source

__all__ = ["spell_for_alembic"]

_NAMED_FIRST = frozenset(
    {
        *("create_primary_key", "create_unique_constraint", "create_check_constraint"),
        *("create_foreign_key", "create_exclude_constraint", "create_index"),
        *("drop_constraint", "drop_index"),
    }
)
"""Operations whose first argument is the name of a constraint or an index."""
_NAMED = frozenset(
    {
        *("PrimaryKeyConstraint", "ForeignKeyConstraint", "UniqueConstraint"),
        *("CheckConstraint", "ExcludeConstraint"),
    }
)
_Edit = tuple[int, int, str]


def spell_for_alembic(code: str, *, creates_enums: bool) -> str:
    """Return calls of `op` with what Alembic needs besides.

    Names are final (`op.f`): Alembic would apply the naming convention of the models to them again.

    creates_enums: whether SQLAlchemy would create enum types along with a table. The migration
        creates them itself.
    """
    source = code.encode()
    lines = source.splitlines(keepends=True)
    starts = [0, *accumulate(len(line) for line in lines)]
    edits: list[_Edit] = []
    for node in ast.walk(parse_source(code)):
        if isinstance(node, ast.Call):
            edits += _names(node, starts)
            edits += _enums(node, starts) if creates_enums else ()
    for start, end, text in sorted(edits, reverse=True):
        source = source[:start] + text.encode() + source[end:]
    return source.decode()


def _names(node: ast.Call, starts: list[int]) -> Iterator[_Edit]:
    called = _attribute(node)
    named = [node.args[0]] if called in _NAMED_FIRST and node.args else []
    if called in _NAMED:
        named += [keyword.value for keyword in node.keywords if keyword.arg == "name"]
    for value in named:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            start, end = _span(value, starts)
            yield start, start, "op.f("
            yield end, end, ")"


def _enums(node: ast.Call, starts: list[int]) -> Iterator[_Edit]:
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    native = keywords.get("native_enum")
    is_text = isinstance(native, ast.Constant) and native.value is False
    if _attribute(node) not in ("Enum", "ENUM") or is_text or "create_type" in keywords:
        return
    start, end = _span(node.func, starts)
    yield start, end, "postgresql.ENUM"
    _, end = _span(node, starts)
    yield end - 1, end - 1, ", create_type=False"


def _attribute(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _span(node: ast.expr, starts: list[int]) -> tuple[int, int]:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return (
        starts[node.lineno - 1] + node.col_offset,
        starts[node.end_lineno - 1] + node.end_col_offset,
    )
