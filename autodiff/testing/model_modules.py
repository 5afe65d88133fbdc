"""Find modules that define tables, but that the configured models do not import.

autodiff sees only tables of imported modules, and would drop the others.
"""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from autodiff.config import Config
from autodiff.errors import ModelsError
from autodiff.models import load_metadata

__all__ = ["find_forgotten_tables"]


def find_forgotten_tables(config: Config) -> dict[str, list[str]]:
    """Return the modules that the models do not import, each with the tables that it defines.

    The packages that contain the configured models are searched, in a new process: in this one,
    other tests may have imported the modules. A module that cannot be imported is left out.

    Raises ModelsError if the models cannot be loaded.
    """
    request = {"models": config.models, "folders": [str(path) for path in config.import_path]}
    done = subprocess.run(
        [sys.executable, "-P", "-m", __name__],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["the process ended without a message"]
        raise ModelsError(f"cannot load the models in a new process: {lines[-1]}")
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _search(models: list[str], folders: list[Path]) -> dict[str, list[str]]:
    metadata = load_metadata(models, folders)

    def tables() -> set[str]:
        return {name for one in metadata for name in one.tables}

    known, found = tables(), {}
    for name in _module_names(models):
        try:
            import_module(name)
        except Exception:  # it may need packages that are not installed here
            continue
        if new := tables() - known:
            found[name] = sorted(new)
            known |= new
    return found


def _module_names(models: list[str]) -> Iterator[str]:
    for target in models:
        module = sys.modules[target.partition(":")[0]]
        package = (
            module if hasattr(module, "__path__") else sys.modules.get(module.__package__ or "")
        )
        if package is None:
            continue
        prefix = f"{package.__name__}."
        for found in pkgutil.walk_packages(package.__path__, prefix, onerror=lambda _: None):
            if not found.name.endswith(".__main__"):
                yield found.name


if __name__ == "__main__":
    request = json.load(sys.stdin)
    answer = _search(request["models"], [Path(path) for path in request["folders"]])
    sys.stdout.write(json.dumps(answer) + "\n")
