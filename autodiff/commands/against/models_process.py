"""Start the process that has the models of one version of the code, and ask it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodiff.commands.against.statements import Sent
from autodiff.commands.against.verdicts import Enums
from autodiff.dialects import Dialect
from autodiff.dialects.scratch import SharedScratch
from autodiff.errors import ModelsError
from autodiff.schema.json import from_data, schema_from_data, schema_to_data, to_data
from autodiff.schema.objects import Name, Schema
from autodiff.utils.git_worktree import Checkout
from autodiff.workspace import Workspace

__all__ = ["ModelsProcess", "start_models"]

_MODULE = "autodiff.commands.against.worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsProcess:
    """A version of the code that runs in a separate process.

    label: how messages name the version. declared: the schema of its models. revisions: its
    migrations. replaced: those that its migrations replace.
    """

    label: str
    declared: Schema
    enums: Enums
    revisions: frozenset[str]
    replaced: frozenset[str]
    _process: subprocess.Popen[str]

    def send(
        self, shared: SharedScratch, schema: Schema, tables: Iterable[Name], others: Enums
    ) -> list[Sent]:
        """Send the statements for some tables on a scratch with that schema."""
        answer = _ask(
            self._process,
            {
                "shared": {"url": shared.url, "attached": dict(shared.attached)},
                "schema": schema_to_data(schema),
                "tables": [to_data(name) for name in tables],
                "other_values": [
                    [to_data(name), column, list(values)]
                    for (name, column), values in others.items()
                ],
            },
            self.label,
        )
        return [_read_sent(item) for item in answer["sent"]]


@contextmanager
def start_models(
    workspace: Workspace, place: Checkout, dialect: Dialect, label: str, config: Path
) -> Iterator[ModelsProcess]:
    """Load the models of a checkout in a new process, which ends with the block.

    config: the configuration file, or the folder that has it, in the work tree.

    Raises ModelsError if they cannot be loaded.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", _MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=_environment(workspace, place),
    )
    try:
        request = {
            "label": label,
            "top": str(place.top),
            "tree": str(place.tree),
            "config": str(place.counterpart(config)),
            "env": workspace.config.env,
            "backend": dialect.backend,
            "sqlalchemy_name": dialect.sqlalchemy.name,
            "default_schema": dialect.default_schema,
        }
        answer = _ask(process, request, label)
        yield ModelsProcess(
            label=label,
            declared=schema_from_data(answer["declared"]),
            enums={
                (from_data(Name, name), column): tuple(values)
                for name, column, values in answer["enums"]
            },
            revisions=frozenset(answer["revisions"]),
            replaced=frozenset(answer["replaced"]),
            _process=process,
        )
    finally:
        process.kill()
        process.communicate()


def _environment(workspace: Workspace, place: Checkout) -> dict[str, str]:
    """Return the variables of this process and of the .env file, with paths in the checkout."""
    variables = {**workspace.config.variables, **os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    variables.pop("AUTODIFF_ENV", None)
    if search := variables.get("PYTHONPATH"):
        folders = (str(place.counterpart(Path(folder))) for folder in search.split(os.pathsep))
        variables["PYTHONPATH"] = os.pathsep.join(folders)
    return variables


def _ask(process: subprocess.Popen[str], request: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Send a request and return the answer.

    Raises ModelsError with the message of the other process, or if it ended.
    """
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        line = ""
    if not line:
        raise ModelsError(
            f"{label}: the process with the models ended with exit code {process.wait()}",
            hint="its output is above; the models must not end the process",
        )
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise ModelsError(f"{label}: {answer['error']}", hint=answer["hint"])
    return answer


def _read_sent(item: Mapping[str, Any]) -> Sent:
    def texts(name: str) -> tuple[str, ...]:
        found: Sequence[str] = item[name]
        return tuple(found)

    return Sent(
        statement=item["statement"],
        subject=item["subject"],
        tables=tuple(from_data(Name, name) for name in item["tables"]),
        variant=item["variant"],
        columns=texts("columns"),
        value=item["value"],
        nulls=texts("nulls"),
        problem=item["problem"],
    )
