"""Render a plan as a migration file, with the templates."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect
from autodiff.errors import AutodiffError, ConfigError, exception_words
from autodiff.render.layout import lay_out
from autodiff.render.python import PythonSource, RenderType
from autodiff.schema.operations import Operation
from autodiff.utils.python_source import imported_names, parse_source
from autodiff.utils.quoting import docstring_line, docstring_text, python_string
from autodiff.utils.sharing import pause_garbage_collection

if TYPE_CHECKING:
    import jinja2

    from autodiff.plan.migration_plan import MigrationPlan
    from autodiff.plan.nonblocking.steps import OnlineStep

__all__ = [
    "Bodies",
    "imports_of",
    "operation_source",
    "render_bodies",
    "render_empty",
    "render_migration",
    "template_name",
    "templates_folder",
]

_DIALECT_IMPORTS = ("mssql", "mysql", "oracle", "postgresql", "sqlite")
_KNOWN_ROOTS = {"sa", "op", *_DIALECT_IMPORTS}


def templates_folder() -> Path:
    """Return the folder of the templates that are part of autodiff."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "templates"
    return shipped if shipped.is_dir() else package.parent / "templates"


def template_name(operation: type[Operation] | Operation) -> str:
    """Return the template of an operation: operations/create_table.py.j2 for CreateTable."""
    cls = operation if isinstance(operation, type) else type(operation)
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
    return f"operations/{snake}.py.j2"


@lru_cache(maxsize=8)
def _environment(override: Path | None) -> jinja2.Environment:
    import jinja2

    folders = [folder for folder in (override, templates_folder()) if folder is not None]
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        autoescape=False,
    )


def operation_source(operation: Operation, py: PythonSource, templates: Path | None = None) -> str:
    """Return the call, or calls, of `op` that carry out the operation."""
    template = _environment(templates).get_template(template_name(operation))
    return template.render(operation=operation, py=py).strip("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """The bodies of the two functions of a migration file, and the imports that they need."""

    upgrade: str
    downgrade: str
    imports: tuple[str, ...]


@pause_garbage_collection()
def render_bodies(
    plan: MigrationPlan, templates: Path | None = None, render_type: RenderType | None = None
) -> Bodies:
    """Render the bodies of a plan's migration file, which takes most of the time.

    `render_type` spells the types of columns.

    Raises ConfigError if a template in `templates` is broken.
    """
    enums = {**plan.desired.enums, **plan.current.enums}
    py = PythonSource(plan.dialect, enums, render_type)
    steps = plan.steps()
    return _bodies(steps.upgrade, steps.downgrade, py, templates)


def render_migration(
    plan: MigrationPlan,
    *,
    message: str,
    revision: str,
    parents: Sequence[str],
    labels: Sequence[str] = (),
    depends_on: Sequence[str] = (),
    templates: Path | None = None,
    notes: Sequence[str] = (),
    replaces: Sequence[str] = (),
    dialects: Sequence[str] = (),
    bodies: Bodies | None = None,
) -> str:
    """Return the text of the migration file for a plan.

    `replaces` has the revisions that it replaces, and `dialects` the kinds of databases that it is
    for. `bodies` are the result of `render_bodies`, if that was called before.

    Raises ConfigError if a template in `templates` is broken.
    """
    return _render(
        dialect=plan.dialect,
        bodies=bodies or render_bodies(plan, templates),
        summary=plan.summary(),
        message=message,
        revision=revision,
        parents=parents,
        labels=labels,
        depends_on=depends_on,
        templates=templates,
        notes=notes,
        replaces=replaces,
        dialects=dialects,
        phase=plan.phase,
        guards=plan.guards,
    )


def render_empty(
    dialect: Dialect,
    *,
    message: str,
    revision: str,
    parents: Sequence[str],
    labels: Sequence[str] = (),
    depends_on: Sequence[str] = (),
    templates: Path | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Return the text of a migration file whose bodies are written by hand."""
    return _render(
        dialect=dialect,
        bodies=_bodies((), (), PythonSource(dialect), templates),
        summary=(),
        message=message,
        revision=revision,
        parents=parents,
        labels=labels,
        depends_on=depends_on,
        templates=templates,
        notes=notes,
    )


def _render(
    *,
    dialect: Dialect,
    bodies: Bodies,
    summary: Sequence[str],
    message: str,
    revision: str,
    parents: Sequence[str],
    labels: Sequence[str],
    depends_on: Sequence[str],
    templates: Path | None,
    notes: Sequence[str],
    replaces: Sequence[str] = (),
    dialects: Sequence[str] = (),
    phase: str | None = None,
    guards: Sequence[str] = (),
) -> str:
    with _template_errors(templates):
        text = (
            _environment(templates)
            .get_template("migration.py.j2")
            .render(
                message=docstring_text(message) or "migration",
                summary=list(map(docstring_line, summary)),
                notes=list(map(docstring_line, notes)),
                imports=bodies.imports,
                revision=revision,
                parents=tuple(parents),
                labels=tuple(labels),
                depends_on=tuple(depends_on),
                replaces=_listed("replaces", replaces) if replaces else "",
                dialects=_listed("dialects", dialects) if dialects else "",
                phase=phase,
                phase_guard=_listed("phase_guard", guards) if guards else "",
                upgrade=bodies.upgrade,
                downgrade=bodies.downgrade,
                py=PythonSource(dialect),
            )
        )
        text = text.rstrip("\n") + "\n"
        if templates is not None:
            parse_source(text)
    return text


def _bodies(
    upgrade: Sequence[OnlineStep],
    downgrade: Sequence[OnlineStep],
    py: PythonSource,
    templates: Path | None,
) -> Bodies:
    if templates is not None and not templates.is_dir():
        raise ConfigError(
            f"the templates folder {templates} does not exist", hint="correct templates_dir"
        )
    with _template_errors(templates):
        up, down = (
            lay_out(_body(steps, py, templates), indent=4) for steps in (upgrade, downgrade)
        )
        return Bodies(upgrade=up, downgrade=down, imports=imports_of(f"{up}\n{down}", py.imports))


@contextmanager
def _template_errors(templates: Path | None) -> Iterator[None]:
    """Turn errors of templates, and of the Python that they write, into ConfigError."""
    import jinja2

    try:
        yield
    except jinja2.TemplateError as error:
        where = f" ({templates})" if templates else ""
        raise ConfigError(
            f"a template{where} cannot be rendered: {exception_words(error)}",
            hint="compare it with the template of the same name that is part of autodiff",
        ) from error
    except SyntaxError as error:
        if templates is None:
            raise
        raise _invalid_python(templates, error) from error
    except AutodiffError:
        raise
    except Exception as error:  # what a template calls can raise anything
        if templates is None:
            raise
        raise ConfigError(
            f"a template in {templates} cannot be rendered: {exception_words(error)}",
            hint="compare it with the template of the same name that is part of autodiff",
        ) from error


def _body(steps: Sequence[OnlineStep], py: PythonSource, templates: Path | None) -> str:
    """Return the calls in order; those outside of the transaction in autocommit blocks."""
    parts: list[str] = []
    for (outside, algorithm), group in groupby(steps, lambda s: (s.outside, s.algorithm)):
        text = "\n".join(operation_source(step.operation, py, templates) for step in group)
        name = "autocommit.py.j2" if outside else "online.py.j2" if algorithm else None
        if name is not None:
            block = _environment(templates).get_template(name)
            body = lay_out(text, indent=4)
            text = block.render(body=body, algorithm=algorithm, py=py).strip("\n")
        parts.append(text)
    return "\n".join(parts)


def _invalid_python(templates: Path, error: SyntaxError) -> ConfigError:
    line = (error.text or "").strip()
    return ConfigError(
        f"the templates in {templates} produce invalid Python: {error.msg}: {line}",
        hint="compare them with the templates of the same names that are part of autodiff",
    )


def _listed(name: str, revisions: Sequence[str]) -> str:
    """Return `name = ("...", "...")`, on several lines if it is long."""
    comma = "," if len(revisions) == 1 else ""
    return lay_out(f"{name} = ({', '.join(map(python_string, revisions))}{comma})")


def imports_of(body: str, more: Collection[str] = ()) -> tuple[str, ...]:
    """Return the import lines that the code needs and `more`, in ruff's order."""
    roots, libraries = set(), set()
    known = _KNOWN_ROOTS | imported_names(sorted(more))
    for node in ast.walk(parse_source("if True:\n" + (body if body.strip() else "    pass"))):
        if isinstance(node, ast.Name):
            roots.add(node.id)
        elif isinstance(node, ast.Attribute):
            path = _dotted(node)
            if path and path[0] not in known:
                libraries.add(".".join(path[:-1]))
    lines = [f"import {module}" for module in libraries]
    if "sa" in roots:
        lines.append("import sqlalchemy as sa")
    from_lines = ["from autodiff import op"]
    dialects = [name for name in _DIALECT_IMPORTS if name in roots]
    if dialects:
        from_lines.append(f"from sqlalchemy.dialects import {', '.join(dialects)}")
    for line in more:
        own = lines if line.startswith("import") else from_lines
        own.append(line)
    return tuple(line for own in (lines, from_lines) for line in _sorted_lines(own))


def _sorted_lines(lines: Iterable[str]) -> list[str]:
    """Return import lines, each once, in the order of their modules."""
    return sorted(set(lines), key=lambda line: (line.split()[1], line))


def _dotted(node: ast.Attribute) -> tuple[str, ...]:
    """Return the path of `a.b.c`; empty if it does not start with a name."""
    parts = [node.attr]
    value: ast.expr = node.value
    while isinstance(value, ast.Attribute):
        parts.append(value.attr)
        value = value.value
    return (value.id, *reversed(parts)) if isinstance(value, ast.Name) else ()
