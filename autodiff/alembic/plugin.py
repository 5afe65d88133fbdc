"""The Alembic plugin `autodiff`: context.configure(autogenerate_plugins=["autodiff"]) in env.py.

Alembic loads this module whenever it starts, so it imports nothing of autodiff that takes time.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

__all__ = ["plugin", "setup"]


def setup(plugin: Any) -> None:
    """Register the comparison; Alembic calls this."""

    def compare(autogen_context: Any, upgrade_ops: Any) -> object:
        from autodiff.alembic.directives import compare_for_plugin

        return compare_for_plugin(autogen_context, upgrade_ops)

    plugin.add_autogenerate_comparator(compare, "autogenerate")


class _PluginModule(ModuleType):
    """A module that can be iterated.

    Alembic 1.18 and 1.19 iterate over what the entry point loads; later versions expect a module.
    """

    def __iter__(self) -> Iterator[ModuleType]:
        yield self


plugin = _PluginModule(__name__)
plugin.setup = setup  # type: ignore[attr-defined]
