"""Print help as plain text in sections, because typer's own help needs the slow import of rich."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from typer.core import TyperCommand, TyperGroup

from autodiff.cli.fast_options import without_default_validation
from autodiff.cli.terminal import color_text

__all__ = ["PlainHelpCommand", "PlainHelpGroup"]


class _LazyCommands(Mapping[str, Any]):
    """Commands by name, in the order of the names; each is built at its first use."""

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


class _PlainHelp:
    help: str | None

    def get_params(self, ctx: Any) -> list[Any]:
        return list(map(without_default_validation, super().get_params(ctx)))  # type: ignore[misc]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the docstring; wrap its paragraphs, except those with indented lines."""
        paragraphs = inspect.cleandoc(self.help or "").split("\n\n")
        # \b prevents click from rewrapping the lines of a paragraph:
        marked = [f"\b\n{text}" if "\n " in text else text for text in paragraphs]
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text("\n\n".join(marked))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            parameters = [p for p in self.get_params(ctx) if p.param_type_name == kind]
            records = [parameter.get_help_record(ctx) for parameter in parameters]
            _write_section(formatter, title, [record for record in records if record])


class PlainHelpCommand(_PlainHelp, TyperCommand):
    """A command with plain-text help, and with options whose value can be omitted."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _with_omitted_values(args))


_OMITTED_VALUES = {"--allow-drop": "*"}
"""The value of an option if none follows it. typer has no such options."""


def _with_omitted_values(args: list[str]) -> list[str]:
    """Return the arguments with a value after each option that can omit it."""
    following = [*args, "-"][1:]
    return [
        f"{argument}={_OMITTED_VALUES[argument]}"
        if argument in _OMITTED_VALUES and after.startswith("-")
        else argument
        for argument, after in zip(args, following, strict=True)
    ]


class PlainHelpGroup(_PlainHelp, TyperGroup):
    """A group of commands with plain-text help that lists the commands in sections.

    A subclass sets `sections`, which maps the title of each section to summaries by command name,
    and `build`, which returns the command of a name.
    """

    sections: Mapping[str, Mapping[str, str]]
    build: Callable[[str], Any]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        names = [name for summaries in self.sections.values() for name in summaries]
        self.commands: Any = _LazyCommands(names, self.build)

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
    with formatter.section(color_text(title, "yellow", sys.stdout)):
        formatter.write_dl([(color_text(name, "cyan", sys.stdout), text) for name, text in rows])
