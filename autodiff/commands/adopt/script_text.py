"""Convert the text of an Alembic script: its imports, its settings, and a missing downgrade()."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autodiff.commands.adopt.batch_arguments import batch_problems
from autodiff.commands.adopt.script_imports import (
    Edits,
    convert_imports,
    import_submodules,
    registered_names,
)
from autodiff.migrations.files import parse_python
from autodiff.render.layout import lay_out
from autodiff.utils.python_source import assignments, parse_source
from autodiff.utils.quoting import python_string

if TYPE_CHECKING:
    from pathlib import Path

    from autodiff.commands.adopt.helper_modules import HelperModules
    from autodiff.migrations.files import Migration

__all__ = ["ConvertedText", "ScriptSettings", "convert_helper", "convert_text"]

_SECRET = re.compile(r"url$|passw|secret|token|(^|_)key$", re.IGNORECASE)
"""Names of options whose values are not copied."""
_ENCODING = re.compile(r"\A((?:[^\n]*\n)?[ \t\f]*#[^\n]*?coding[:=][ \t]*)[-\w.]+")
"""The declaration of the encoding in one of the first two lines of a Python file."""
_NO_DOWNGRADE = """

def downgrade() -> None:
    raise NotImplementedError("{name} has no downgrade in Alembic, so it cannot be reverted")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptSettings:
    """What the scripts of one Alembic folder get from env.py and alembic.ini.

    naming_convention: the naming convention of the target metadata.
    functions: the names in it that are functions, which a script cannot contain.
    version_table, version_table_schema: Alembic's version table.
    x: the arguments that a script reads with `context.get_x_argument()`.
    config: the options of alembic.ini by section.
    recreates_tables: whether Alembic's batch mode recreates tables of this kind of database.
    is_moved: whether the script is copied into another folder.
    """

    naming_convention: Mapping[str, str] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    version_table: str = "alembic_version"
    version_table_schema: str | None = None
    x: tuple[str, ...] = ()
    config: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    recreates_tables: bool = True
    is_moved: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedText:
    """The text of a migration, and what must be changed by hand: lines with reasons."""

    text: str
    problems: tuple[str, ...] = ()


def convert_text(
    migration: Migration,
    settings: ScriptSettings | None = None,
    helpers: HelperModules | None = None,
) -> ConvertedText:
    """Return the text of a script with imports of autodiff instead of Alembic.

    The rest of the text is unchanged, except that a script without downgrade() gets one that
    raises, and that a script gets the settings on which its names depend.

    Args:
        migration: The script.
        settings: What it gets from env.py and alembic.ini.
        helpers: The modules of the project that use Alembic. Imports of them are replaced too.

    Raises MigrationFileError, with the line, if the text is not valid Python.
    """
    tree = parse_python(migration.path, migration.text)
    settings = settings or ScriptSettings()
    edits = Edits()
    own_names = registered_names(tree) | (helpers.registered if helpers else set())
    convert_imports(tree, own_names, edits)
    used = helpers.convert_imports(tree, None, edits) if helpers else ""
    import_submodules(tree, edits)
    text = _as_utf8(_replaced(migration.text, edits.replaced))
    if settings.is_moved:
        edits.problems += _place_problems(tree)
    if edits.bound:
        edits.problems += batch_problems(tree, always=not settings.recreates_tables)
        kept = _settings_of(tree, migration.text + used, settings, edits)
        text = _with_settings(text, kept) if kept else text
    edits.problems += _signature_problems(tree)
    if "downgrade" not in _functions(tree):
        text = f"{text.rstrip()}\n{_NO_DOWNGRADE.format(name=migration.revision)}"
    return ConvertedText(text=text, problems=_lines(migration.path.name, edits))


def convert_helper(path: Path, name: str, text: str, helpers: HelperModules) -> ConvertedText:
    """Return the text of a helper module with imports of autodiff instead of Alembic."""
    tree = parse_python(path, text)
    edits = Edits()
    convert_imports(tree, registered_names(tree) | helpers.registered, edits)
    helpers.convert_imports(tree, name, edits)
    import_submodules(tree, edits)
    edits.problems += _place_problems(tree)
    text = _as_utf8(_replaced(text, edits.replaced))
    return ConvertedText(text=text, problems=_lines(str(path), edits))


def _as_utf8(text: str) -> str:
    """Return the text with the encoding in which the copy is written."""
    return _ENCODING.sub(r"\g<1>utf-8", text)


def _lines(name: str, edits: Edits) -> tuple[str, ...]:
    return tuple(f"{name}:{line} {what}" for line, what in sorted(set(edits.problems)))


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _place_problems(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield that a file looks for other files from its own place, which changes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "__file__":
            yield node.lineno, "uses __file__, which is in another folder after the conversion"


def _signature_problems(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield that upgrade() is missing, or that a function needs arguments."""
    functions = _functions(tree)
    if "upgrade" not in functions:
        bound = {name: value.lineno for name, value in assignments(tree)}
        yield bound.get("upgrade", 1), "it has no upgrade() that is written with def"
    for name in ("upgrade", "downgrade"):
        arguments = functions[name].args if name in functions else None
        if arguments is None:
            continue
        needed = [*arguments.posonlyargs, *arguments.args][
            : len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
        ]
        needed += [
            argument
            for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is None
        ]
        if needed:
            listed = ", ".join(argument.arg for argument in needed)
            yield functions[name].lineno, f"{name}({listed}) is called without arguments here"


def _settings_of(
    tree: ast.Module, text: str, settings: ScriptSettings, edits: Edits
) -> dict[str, Any]:
    """Return the settings that a script and its helpers can depend on."""
    found: dict[str, Any] = {}
    works = any(isinstance(n, ast.Name) and n.id in edits.bound for n in ast.walk(tree))
    if works and settings.functions:
        reason = f"the naming convention has the function {settings.functions[0]}()"
        edits.problems.append((1, f"{reason}, which cannot be copied"))
    if works and settings.naming_convention:
        found["naming_convention"] = dict(settings.naming_convention)
    if "version_table" in text:
        if settings.version_table != "alembic_version":
            found["version_table"] = settings.version_table
        if settings.version_table_schema is not None:
            found["version_table_schema"] = settings.version_table_schema
    if "get_x_argument" in text and settings.x:
        found["x"] = list(settings.x)
    if "config" in text and (sections := _sections_of(text, settings.config, edits)):
        found["config"] = sections
    return found


def _sections_of(
    text: str, config: Mapping[str, Mapping[str, str]], edits: Edits
) -> dict[str, dict[str, str]]:
    """Return the options of alembic.ini whose names a text contains; of other sections all.

    The URL is not copied: it is that of the connection. Other secrets are a problem if they are
    named.
    """
    sections = {}
    for section, options in config.items():
        everything = section != "alembic" and _is_quoted(section, text)
        kept = {
            name: value
            for name, value in options.items()
            if _is_quoted(name, text) or (everything and name != "here")
        }
        for name in [name for name in kept if _SECRET.search(name)]:
            del kept[name]
            if _is_quoted(name, text) and not name.endswith("url"):
                what = f"reads {name} of [{section}], which looks like a secret and is not copied"
                edits.problems.append((1, what))
        if kept:
            sections[section] = kept
    return sections


def _is_quoted(name: str, text: str) -> bool:
    return f'"{name}"' in text or f"'{name}'" in text


def _with_settings(text: str, settings: Mapping[str, Any]) -> str:
    """Insert `alembic_settings = {...}` before the first function or class."""
    lines = _lines_of(text)
    line = next(
        (
            min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
            for node in parse_source(text).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ),
        len(lines),
    )
    written = lay_out(f"alembic_settings = {_literal(settings)}")
    return "".join([*lines[:line], f"{written}\n\n\n", *lines[line:]])


def _lines_of(text: str) -> list[str]:
    """Return the lines as Python counts them: str.splitlines() splits at more characters."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _literal(value: Mapping[str, Any] | Sequence[str]) -> str:
    """Return nested settings as a literal of Python."""
    if isinstance(value, str):
        return python_string(value)
    if not isinstance(value, Mapping):
        return f"[{', '.join(map(python_string, value))}]"
    items = (f"{python_string(name)}: {_literal(item)}" for name, item in value.items())
    return f"{{{', '.join(items)}}}"


def _replaced(text: str, edits: Sequence[tuple[ast.AST, str]]) -> str:
    """Return the text with the source of each node replaced; columns of nodes count bytes."""
    lines = [line.encode() for line in _lines_of(text)]
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
