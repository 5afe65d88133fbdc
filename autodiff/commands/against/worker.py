"""The process that has the models of one version of the code, and sends their statements.

It reads one JSON object per line from stdin and answers each with one line. It ends with its
input, so it does not outlive the command that started it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, configure_mappers

from autodiff.commands.against.python_values import listed_values
from autodiff.commands.against.statements import Sender, Subject
from autodiff.dialects import dialect_for, dialect_of
from autodiff.errors import AutodiffError, ConfigError, ModelsError
from autodiff.rehearse.proof import select_tables
from autodiff.rehearse.sample_rows import insert_samples
from autodiff.rehearse.sample_values import choose_sample_values
from autodiff.schema.json import from_data, schema_from_data, schema_to_data, to_data
from autodiff.schema.objects import Name, Schema
from autodiff.utils.connections import open_connection
from autodiff.workspace import Workspace

if TYPE_CHECKING:
    from autodiff.dialects import Dialect

__all__ = ["answer_requests"]


@dataclass(slots=True)
class _Models:
    """The models of this version of the code.

    names: the tables that autodiff manages, with their names in schemas.
    """

    dialect: Dialect
    declared: Schema
    names: dict[sa.Table, Name]
    subjects: list[Subject]


@dataclass(slots=True)
class _Mappers:
    """Collects the mapped classes, which a MetaData does not know."""

    found: list[Mapper[Any]] = field(default_factory=list)

    def listen(self) -> None:
        """Collect each class that is mapped from now on."""
        sa.event.listen(Mapper, "after_mapper_constructed", self._add)

    def _add(self, mapper: Mapper[Any], _: type) -> None:
        self.found.append(mapper)


def answer_requests() -> None:
    """Load the models that the first line names, then answer a line for each schema."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command that started it ends it
    answers = _private_stdout()
    models = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if models is None:
                models, answer = _load(request)
            else:
                answer = {"sent": _send(models, request)}
        except AutodiffError as error:
            answer = {"error": error.message, "hint": error.hint}
        except Exception as error:  # the code of the models can raise anything
            answer = {"error": f"{type(error).__name__}: {error}", "hint": None}
            traceback.print_exc()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _private_stdout() -> TextIO:
    """Return stdout for answers only: whatever the models print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return answers


# Loading


def _load(request: Mapping[str, Any]) -> tuple[_Models, dict[str, Any]]:
    """Load the models, and describe them."""
    top, tree = Path(request["top"]), Path(request["tree"])
    sys.path[:] = [_moved(entry, top, tree) for entry in sys.path]
    mappers = _Mappers()
    mappers.listen()
    workspace = _workspace(request, tree)
    metadata = workspace.metadata()
    if tree != top:
        _require_own_modules(workspace, top, tree)
    _configure()
    dialect = dialect_for(request["backend"], default_schema=request["default_schema"])
    declared = workspace.declare(dialect)
    names = _named_tables(metadata, declared, dialect)
    models = _Models(dialect, declared, names, _find_subjects(mappers.found, names))
    enums = [
        [to_data(name), column.name, list(values)]
        for table, name in names.items()
        for column in table.columns
        if (values := listed_values(column))
    ]
    return models, {
        "declared": schema_to_data(declared),
        "enums": enums,
        **_revisions(workspace),
    }


def _moved(entry: str, top: Path, tree: Path) -> str:
    """Return the folder in the checkout for a folder of the repository on the import path.

    A virtual environment in the repository is not checked out, so it stays.
    """
    path = Path(entry or ".").resolve()
    if not path.is_relative_to(top) or path.is_relative_to(tree):
        return entry
    counterpart = tree / path.relative_to(top)
    return str(counterpart) if counterpart.is_dir() else entry


def _workspace(request: Mapping[str, Any], tree: Path) -> Workspace:
    place = Path(request["config"])
    if not place.exists():
        raise ConfigError(
            f"there is no {place.relative_to(tree).as_posix()}",
            hint="name a revision that has the project and its configuration",
        )
    workspace = Workspace.load(place, env=request["env"])
    if not workspace.config.root.resolve().is_relative_to(tree):
        raise ConfigError(
            "there is no configuration of autodiff",
            hint="name a revision that has autodiff.toml, or [tool.autodiff] in pyproject.toml",
        )
    return workspace


def _require_own_modules(workspace: Workspace, top: Path, tree: Path) -> None:
    """Refuse modules of the work tree: they are not those of the revision."""
    for target in workspace.config.models:
        name = target.partition(":")[0]
        file = getattr(sys.modules.get(name), "__file__", None)
        path = Path(file).resolve() if file else tree
        if path.is_relative_to(top) and not path.is_relative_to(tree):
            shown = path.relative_to(top).as_posix()
            raise ConfigError(
                f"the module {name} is imported from the work tree ({shown}), not from the "
                "revision: an editable installation comes first",
                hint='name its folder in the configuration: path = ["FOLDER"]',
            )


def _configure() -> None:
    try:
        configure_mappers()
    except Exception as error:  # a relationship may run any code
        raise ModelsError(
            f"SQLAlchemy cannot configure the models: {type(error).__name__}: {error}",
            hint="import every module that defines models in the one that the setting models names",
        ) from error


def _named_tables(
    metadata: Sequence[sa.MetaData], declared: Schema, dialect: Dialect
) -> dict[sa.Table, Name]:
    found: dict[sa.Table, Name] = {}
    for one in metadata:
        for table in one.tables.values():
            schema = None if table.schema == dialect.default_schema else table.schema
            name = Name(str(table.name), schema)
            if name in declared.tables:
                found[table] = name
    return found


def _find_subjects(mappers: Sequence[Mapper[Any]], names: Mapping[sa.Table, Name]) -> list[Subject]:
    """Return the mapped classes whose tables are all managed, then the other tables."""
    subjects: list[Subject] = []
    mapped: set[sa.Table] = set()
    for mapper in mappers:
        own = mapper.local_table
        tables = [table for table in mapper.tables if isinstance(table, sa.Table)]
        if not isinstance(own, sa.Table) or not all(table in names for table in tables):
            continue
        mapped.update(tables)
        ordered = (own, *(table for table in tables if table is not own))
        subjects.append(Subject(tables=ordered, mapper=mapper))
    subjects.sort(key=lambda subject: subject.label)
    rest = (table for table in names if table not in mapped)
    return [*subjects, *(Subject(tables=(table,)) for table in rest)]


def _revisions(workspace: Workspace) -> dict[str, list[str]]:
    graph = workspace.graph()
    replaced = {old for migration in graph.migrations.values() for old in migration.replaces}
    return {"revisions": sorted(graph.migrations), "replaced": sorted(replaced)}


# Sending


def _send(models: _Models, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Send the statements of the wanted tables on a scratch, and return the results."""
    schema = schema_from_data(request["schema"])
    wanted = {from_data(Name, name) for name in request["tables"]}
    others = {
        (from_data(Name, name), column): values for name, column, values in request["other_values"]
    }
    with _transaction(models, request["shared"]) as connection:
        _insert_rows(connection, schema, wanted)
        sender = Sender(
            connection=connection,
            declared=models.declared.tables,
            names=models.names,
            other_values=others,
        )
        return [
            {**asdict(sent), "tables": [to_data(name) for name in sent.tables]}
            for subject in models.subjects
            if any(models.names[table] in wanted for table in subject.tables)
            for sent in sender.send(subject)
        ]


@contextmanager
def _transaction(models: _Models, shared: Mapping[str, Any]) -> Iterator[sa.Connection]:
    """Connect to the scratch; roll everything back at the end."""
    with open_connection(sa.make_url(shared["url"])) as connection:
        for name, file in shared["attached"].items():
            quoted = connection.dialect.identifier_preparer.quote_identifier(name)
            connection.exec_driver_sql(f"ATTACH ? AS {quoted}", (file,))
        default = models.dialect.default_schema
        if models.dialect.scratch.reaches_other_databases([default or ""]):
            # A model may name the live database as its schema, which must not be written:
            connection = connection.execution_options(schema_translate_map={default: None})
        try:
            yield connection
        finally:
            connection.rollback()


def _insert_rows(connection: sa.Connection, schema: Schema, wanted: set[Name]) -> None:
    """Insert sample rows into the wanted tables and those that they refer to."""
    names = {name for name in wanted if name in schema.tables}
    todo = list(names)
    while todo:
        for key in schema.tables[todo.pop()].foreign_keys:
            if key.referred in schema.tables and key.referred not in names:
                names.add(key.referred)
                todo.append(key.referred)
    choices = choose_sample_values((), (), schema, schema).choices
    insert_samples(
        connection, dialect_of(connection), select_tables(schema, names), schema, choices
    )


if __name__ == "__main__":
    answer_requests()
