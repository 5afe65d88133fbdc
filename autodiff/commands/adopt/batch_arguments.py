"""Find arguments of batches that change a table in a way that autodiff does not support.

They count only if Alembic recreates the table: on SQLite for most operations, elsewhere with
`recreate="always"`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["batch_problems"]

_ORDER = "changes the order of columns, which autodiff does not do"
_REASONS = {
    "partial_reordering": _ORDER,
    "insert_before": _ORDER,
    "insert_after": _ORDER,
    "reflect_kwargs": "changes how Alembic reads the table, which autodiff reads in its own way",
}
_WITHOUT_RECREATION = frozenset(
    ("add_column", "create_index", "drop_index", "execute", "f", "get_bind", "get_context")
)
"""Methods of a batch for which Alembic does not recreate a table of SQLite.

It recreates it for a few added columns too: those with a computed value or a default that is an
expression. https://alembic.sqlalchemy.org/en/latest/batch.html
"""


def batch_problems(tree: ast.AST, *, always: bool) -> Iterator[tuple[int, str]]:
    """Yield the lines with such arguments, with reasons.

    always: whether Alembic recreates a table of this database with `recreate="always"` only.
    """
    for block in ast.walk(tree):
        if not isinstance(block, ast.With):
            continue
        for item in block.items:
            call, name = item.context_expr, item.optional_vars
            if not isinstance(call, ast.Call) or not _is_batch(call):
                continue
            alias = name.id if isinstance(name, ast.Name) else ""
            inside = [n for part in block.body for n in ast.walk(part) if _is_call_of(n, alias)]
            calls = [node for node in inside if isinstance(node, ast.Call)]
            if _recreates(call, calls, always=always):
                for node in (call, *calls):
                    yield from _arguments(node)


def _is_batch(call: ast.Call) -> bool:
    return ast.unparse(call.func).rpartition(".")[2] == "batch_alter_table"


def _is_call_of(node: ast.AST, alias: str) -> bool:
    """Return whether a node is a call of a method of the batch with this name."""
    func = node.func if isinstance(node, ast.Call) else None
    is_method = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name)
    return is_method and ast.unparse(func).partition(".")[0] == alias  # type: ignore[arg-type]


def _recreates(batch: ast.Call, calls: list[ast.Call], *, always: bool) -> bool:
    given = next((k.value for k in batch.keywords if k.arg == "recreate"), None)
    mode = given.value if isinstance(given, ast.Constant) else "auto"
    if mode != "auto":
        return bool(mode == "always")
    methods = {ast.unparse(call.func).rpartition(".")[2] for call in calls}
    computed = any(word in ast.unparse(c) for c in calls for word in ("Computed(", "text("))
    return not always and (computed or not methods <= _WITHOUT_RECREATION)


def _arguments(call: ast.Call) -> Iterator[tuple[int, str]]:
    for keyword in call.keywords:
        reason = _REASONS.get(keyword.arg or "")
        if reason is not None and ast.unparse(keyword.value) not in ("None", "{}", "dict()", "()"):
            yield keyword.value.lineno, f"passes {keyword.arg}, which {reason}"
