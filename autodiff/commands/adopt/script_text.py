"""Convert the text of an Alembic script: its imports of `op`, and a missing downgrade()."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from autodiff.migrations.files import Migration, parse_python

__all__ = ["ConvertedText", "convert_text"]

_NO_DOWNGRADE = """

def downgrade() -> None:
    raise NotImplementedError("{name} has no downgrade in Alembic, so it cannot be reverted")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedText:
    """The text of a migration, and what must be changed by hand: lines with reasons."""

    text: str
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _Edits:
    """Replacements of source text by node, and problems."""

    replaced: list[tuple[ast.AST, str]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)


def convert_text(migration: Migration) -> ConvertedText:
    """Return the text of a script that imports `op` from autodiff instead of Alembic.

    The rest of the text is unchanged. A script without downgrade() gets one that raises.

    Raises MigrationFileError, with the line, if the text is not valid Python.
    """
    tree = parse_python(migration.path, migration.text)
    edits = _Edits()
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            _convert_from(node, used, edits)
        elif isinstance(node, ast.Import):
            _convert_import(node, tree, edits)
    text = _replaced(migration.text, edits.replaced)
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "upgrade" not in functions:
        edits.problems.append((1, "it has no upgrade()"))
    if "downgrade" not in functions:
        text = f"{text.rstrip()}\n{_NO_DOWNGRADE.format(name=migration.revision)}"
    problems = [f"{migration.path.name}:{line} {what}" for line, what in sorted(edits.problems)]
    return ConvertedText(text=text, problems=tuple(problems))


def _convert_from(node: ast.ImportFrom, used: set[str], edits: _Edits) -> None:
    """Convert `from alembic import op, context` and `from alembic.op import create_table`."""
    if node.module == "alembic.op":
        edits.replaced.append((node, f"from autodiff.op import {_names(node.names)}"))
    elif node.module == "alembic":
        ours = [alias for alias in node.names if alias.name == "op"]
        others = [
            alias
            for alias in node.names
            if alias.name != "op" and (alias.asname or alias.name) in used
        ]
        if others:
            edits.problems.append(
                (node.lineno, f"imports alembic: from alembic import {_names(others)}")
            )
        lines = [f"from autodiff import {_names(ours)}"] if ours else []
        lines += [f"from alembic import {_names(others)}"] if others else []
        if lines != [ast.unparse(node)]:
            edits.replaced.append((node, "; ".join(lines) or "pass"))
    elif node.module is not None and node.module.partition(".")[0] == "alembic":
        edits.problems.append((node.lineno, f"imports alembic: {ast.unparse(node)}"))


def _convert_import(node: ast.Import, tree: ast.Module, edits: _Edits) -> None:
    """Convert `import alembic`, `import alembic.op` and `import alembic.op as op`."""
    ours = [alias for alias in node.names if alias.name.partition(".")[0] == "alembic"]
    if not ours:
        return
    others = [alias for alias in node.names if alias not in ours]
    lines = [f"import {_names(others)}"] if others else []
    for alias in ours:
        if alias.name == "alembic.op" and alias.asname is not None:
            lines.append(f"from autodiff import {_names([ast.alias('op', alias.asname)])}")
        elif alias.name in ("alembic", "alembic.op"):
            lines.append("from autodiff import op")
            _convert_attributes(alias.asname or "alembic", tree, edits)
        else:
            edits.problems.append((node.lineno, f"imports alembic: {ast.unparse(node)}"))
            lines.append(f"import {_names([alias])}")
    edits.replaced.append((node, "; ".join(dict.fromkeys(lines))))


def _convert_attributes(name: str, tree: ast.Module, edits: _Edits) -> None:
    """Replace `alembic.op` by `op` in the code."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == name
        ):
            if node.attr == "op":
                edits.replaced.append((node, "op"))
            else:
                edits.problems.append((node.lineno, f"uses {name}.{node.attr}"))


def _names(aliases: Sequence[ast.alias]) -> str:
    return ", ".join(
        a.name if a.asname in (None, a.name) else f"{a.name} as {a.asname}" for a in aliases
    )


def _replaced(text: str, edits: Sequence[tuple[ast.AST, str]]) -> str:
    """Return the text with the source of each node replaced; columns of nodes count bytes."""
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    for start, end, new in sorted(_places(edits), reverse=True):
        (first, left), (last, right) = start, end
        joined = lines[first][:left] + new.encode() + lines[last][right:]
        lines[first : last + 1] = [joined]
    return b"".join(lines).decode()


def _places(
    edits: Sequence[tuple[ast.AST, str]],
) -> Iterator[tuple[tuple[int, int], tuple[int, int], str]]:
    for node, new in edits:
        assert isinstance(node, ast.stmt | ast.expr)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = (node.lineno - 1, node.col_offset)
        yield start, (node.end_lineno - 1, node.end_col_offset), new
