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
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, configure_mappers

from autodiff.commands.against.loaded_models import LoadedModels
from autodiff.dialects import dialect_for
from autodiff.dialects.scratch import SharedScratch
from autodiff.errors import AutodiffError, ConfigError, ModelsError, exception_words
from autodiff.schema.json import from_data, schema_from_data, schema_to_data, to_data
from autodiff.schema.objects import Name
from autodiff.workspace import Workspace

__all__ = ["answer_requests"]


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
            answer = {"error": exception_words(error), "hint": None}
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


def _load(request: Mapping[str, Any]) -> tuple[LoadedModels, dict[str, Any]]:
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
    dialect = dialect_for(
        request["backend"],
        sqlalchemy_name=request["sqlalchemy_name"],
        default_schema=request["default_schema"],
    )
    declared = workspace.declare(dialect)
    models = LoadedModels(request["label"], dialect, declared, metadata, mappers.found)
    return models, {
        "declared": schema_to_data(declared),
        "enums": [
            [to_data(name), column, list(values)] for (name, column), values in models.enums.items()
        ],
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
            f"SQLAlchemy cannot configure the models: {exception_words(error)}",
            hint="import every module that defines models in the one that the setting models names",
        ) from error


def _revisions(workspace: Workspace) -> dict[str, list[str]]:
    graph = workspace.graph()
    replaced = {old for migration in graph.migrations.values() for old in migration.replaces}
    return {"revisions": sorted(graph.migrations), "replaced": sorted(replaced)}


# Sending


def _send(models: LoadedModels, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    sent = models.send(
        SharedScratch(**request["shared"]),
        schema_from_data(request["schema"]),
        [from_data(Name, name) for name in request["tables"]],
        {
            (from_data(Name, name), column): tuple(values)
            for name, column, values in request["other_values"]
        },
    )
    return [{**asdict(one), "tables": [to_data(name) for name in one.tables]} for one in sent]


if __name__ == "__main__":
    answer_requests()
