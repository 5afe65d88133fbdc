"""Find the tables and columns in syntax trees of sqlglot that change or copy rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["is_true", "skips_rows", "source_of_copy", "target_tables"]

_WHOLE = frozenset(("expressions", "from_", "order"))
"""The parts of a SELECT that returns each row of its table."""


def is_true(condition: Any) -> bool:
    """Return whether every row meets a condition, as far as its constants say."""
    from sqlglot import exp

    match condition:
        case exp.Paren():
            return is_true(condition.this)
        case exp.Boolean():
            return bool(condition.this)
        case exp.Literal():
            return not condition.is_string and float(condition.this) != 0
        case exp.EQ(this=exp.Literal() as left, expression=right):
            return bool(left == right)
        case exp.Or():
            return is_true(condition.left) or is_true(condition.right)
        case exp.And():
            return is_true(condition.left) and is_true(condition.right)
        case _:
            return False


def target_tables(tree: Any) -> Iterator[tuple[Any, list[Any], bool]]:
    """Yield the tables whose rows an UPDATE or a DELETE changes, by their own names.

    MySQL can change several tables, and names them by their aliases.

    Yields:
        The table, the columns that are set, and whether each row of the table changes.
    """
    from sqlglot import exp

    if isinstance(tree, exp.Update):
        named = _set_columns(tree)
    else:
        targets = tree.args.get("tables") or _with_joined(tree.this)
        named = {target.alias_or_name: [] for target in targets}
    known = {source.alias_or_name: source for source in _sources(tree)}
    for name, columns in named.items():
        table = known.get(name, tree.this)
        if isinstance(table, exp.Table):
            yield table, columns, table is _base(tree) and _is_everywhere(tree)


def _set_columns(tree: Any) -> dict[str, list[Any]]:
    """Return the columns that an UPDATE sets, by the name or alias of their table."""
    from sqlglot import exp

    found: dict[str, list[Any]] = {}
    for part in tree.expressions:
        if isinstance(part, exp.EQ) and isinstance(part.this, exp.Column):
            name = part.this.table or tree.this.alias_or_name
            found.setdefault(name, []).append(part.this.this)
    return found or {tree.this.alias_or_name: []}


def _base(tree: Any) -> Any:
    """Return the first table that a statement reads: after USING, or the one that it changes."""
    return (tree.args.get("using") or [tree.this])[0]


def _sources(tree: Any) -> list[Any]:
    roots = tree.args.get("using") or [tree.this]
    return [source for root in roots for source in _with_joined(root)]


def _with_joined(table: Any) -> list[Any]:
    return [table, *(join.this for join in table.args.get("joins") or ())]


def _is_everywhere(tree: Any) -> bool:
    """Return whether each row of the first table is among those that a statement changes."""
    where = tree.args.get("where")
    joins = _base(tree).args.get("joins") or ()
    return (
        (where is None or is_true(where.this))
        and not tree.args.get("limit")
        and not tree.args.get("from_")
        and len(tree.args.get("using") or ()) < 2
        and all(join.side == "LEFT" for join in joins)
    )


def skips_rows(tree: Any) -> bool:
    """Return whether an INSERT leaves out or replaces rows with equal keys, and so may lose rows.

    Other alternatives of SQLite, such as OR ABORT, fail.
    """
    args = tree.args
    is_lenient = str(args.get("alternative") or "").upper() in ("IGNORE", "REPLACE")
    return is_lenient or bool(args.get("ignore") or args.get("conflict"))


def source_of_copy(query: Any) -> tuple[Any, list[Any] | None] | None:
    """Return the table of which a query returns each row, and the columns that it reads.

    Returns:
        None for the columns if the query returns all; None if there is no such table.
    """
    from sqlglot import exp

    if not isinstance(query, exp.Select):
        return None
    source, where = query.args.get("from_"), query.args.get("where")
    parts = {name for name, part in query.args.items() if part} - {"where"}
    if source is None or parts - _WHOLE or not (where is None or is_true(where.this)):
        return None
    table = source.this
    is_plain = isinstance(table, exp.Table) and not table.args.get("joins")
    if not is_plain or any(part.find(exp.AggFunc) for part in query.expressions):
        return None
    if query.is_star:
        return table, None
    columns = [c.this for part in query.expressions for c in part.find_all(exp.Column)]
    return table, columns
