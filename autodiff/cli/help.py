"""Help as plain text in sections; typer's own loads rich, which takes longer than all else does."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from typer.core import TyperCommand, TyperGroup

from autodiff.cli.colors import styled
from autodiff.cli.fast_options import trusting_defaults

__all__ = ["HelpfulCommand", "HelpfulGroup"]


class _Later(Mapping[str, Any]):
    """Commands by name, in the order of the names; each is built when it is first asked for."""

    def __init__(self, names: Iterable[str], build: Callable[[str], Any]) -> None:
        self._names = dict.fromkeys(names)
        self._build = cache(build)

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._build(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


class _Helpful:
    help: str | None

    def get_params(self, ctx: Any) -> list[Any]:
        return list(map(trusting_defaults, super().get_params(ctx)))  # type: ignore[misc]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """The docstring: paragraphs are wrapped, those with lines set in stay as they are."""
        paragraphs = inspect.cleandoc(self.help or "").split("\n\n")
        # click's mark for a paragraph that is not to be wrapped:
        marked = [f"\b\n{text}" if "\n " in text else text for text in paragraphs]
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text("\n\n".join(marked))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            found = [p for p in self.get_params(ctx) if p.param_type_name == kind]
            records = [parameter.get_help_record(ctx) for parameter in found]
            _write_section(formatter, title, [record for record in records if record])


class HelpfulCommand(_Helpful, TyperCommand):
    """A command with help of this look."""


class HelpfulGroup(_Helpful, TyperGroup):
    """A group with help of this look: its commands in sections.

    A subclass sets `sections`, a summary for each name in each section, and `build`, which gives
    the command of a name.
    """

    sections: Mapping[str, Mapping[str, str]]
    build: Callable[[str], Any]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        names = [name for summaries in self.sections.values() for name in summaries]
        self.commands: Any = _Later(names, self.build)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        for title, summaries in self.sections.items():
            rows = [(name.ljust(width), text) for name, text in summaries.items()]
            _write_section(formatter, title, rows)


def _write_section(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    with formatter.section(styled(title, "yellow", sys.stdout)):
        formatter.write_dl([(styled(name, "cyan", sys.stdout), text) for name, text in rows])
