"""The work on one target as an object that can be sent to another process or machine."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from autodiff.errors import ConfigError
from autodiff.fleet.results import Outcome
from autodiff.fleet.target_run import RunSettings, failed_outcome, message_and_hint, run_target
from autodiff.fleet.targets import Target
from autodiff.utils.imports import add_import_folders

if TYPE_CHECKING:
    from autodiff.migrations import Graph
    from autodiff.runner.hooks import Hooks
    from autodiff.runner.loader import Loader

__all__ = ["NamedHooks", "TargetTask", "pack_graph", "run_task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedHooks:
    """The hooks of a configuration by name, and the folders to import them from."""

    names: Mapping[str, str]
    folders: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TargetTask:
    """The work on one target. The only secrets in it are those of the target's own URL.

    history: the migrations, as `pack_graph` returns them, so that every worker runs the same.
    alembic: the folder to read the Alembic history from; its settings can contain passwords, so
        they are not sent.
    import_path: the folders that the migrations can import from.
    id: differs for each task, because Dask returns the earlier result of an equal one.
    """

    target: Target
    settings: RunSettings
    history: bytes
    alembic: Path | None
    hooks: Hooks | NamedHooks
    import_path: tuple[Path, ...] = ()
    id: str = field(default_factory=lambda: uuid4().hex)

    def __repr__(self) -> str:
        return f"TargetTask({self.target.name!r})"


def pack_graph(graph: Graph) -> bytes:
    """Return the migrations as compressed bytes, without the settings of Alembic."""
    return zlib.compress(pickle.dumps(replace(graph, alembic=None)))


def run_task(task: TargetTask) -> Outcome:
    """Run the migrations on the target of a task, in the process of a worker."""
    add_import_folders(task.import_path)
    try:
        graph, loader = _unpacked(task.history, task.alembic)
        hooks = _loaded(task.hooks)
    except Exception as failure:
        return failed_outcome(task.target, *message_and_hint(failure, task.target.url))
    return run_target(task.settings, graph, task.target, hooks=hooks, loader=loader)


@lru_cache(maxsize=2)
def _unpacked(history: bytes, alembic: Path | None) -> tuple[Graph, Loader]:
    """Return the migrations and their loader, which all tasks of a process share.

    Raises ConfigError if the Alembic history is not on this machine.
    """
    from autodiff.migrations.alembic_history import read_alembic
    from autodiff.runner.loader import Loader

    graph: Graph = pickle.loads(zlib.decompress(history))
    if alembic is not None:
        graph = replace(graph, alembic=read_alembic(alembic))
        if graph.alembic is None:
            raise ConfigError(
                f"the worker has no Alembic history in {alembic}",
                hint="install the project on each worker in the same folder as here",
            )
    return graph, Loader()


def _loaded(hooks: Hooks | NamedHooks) -> Hooks:
    from autodiff.runner.hook_loader import load_hooks

    return load_hooks(hooks.names, hooks.folders) if isinstance(hooks, NamedHooks) else hooks
