"""Write to stdout and stderr: the only code of the command line that does.

Texts contain names, comments and messages of databases, files and people. On their way to a
terminal they pass `terminal_text` or `one_line`, so that no control character of theirs reaches it.
Characters that the encoding of the stream does not have are written as escapes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO

import typer

from autodiff.cli.form_differences import compare_forms
from autodiff.errors import ConfigError
from autodiff.utils.quoting import json_text, one_line, terminal_text

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = [
    "Language",
    "add_task",
    "ask_text",
    "ask_yes_no",
    "clear_line",
    "color_text",
    "format_duration",
    "has_colors",
    "print_above",
    "print_code",
    "print_forms",
    "print_help",
    "print_json",
    "print_labelled",
    "print_lines",
    "print_table",
    "set_description",
    "set_live_output",
    "start_spinner",
]

Language = Literal["python", "sql"]


class _LiveOutput(Protocol):
    """Output that other output must not interrupt, such as a spinner."""

    def hide(self) -> None: ...

    def suspended(self) -> AbstractContextManager[None]: ...


_live_output: _LiveOutput | None = None


def set_live_output(output: _LiveOutput | None) -> None:
    """Set what is hidden before anything else is printed."""
    global _live_output
    _live_output = output


def _make_room() -> None:
    if _live_output is not None:
        _live_output.hide()


_COLOR_BY_SIGN = {"+": "green", "-": "red", "~": "yellow"}


# Colors


def has_colors(stream: TextIO) -> bool:
    """Return whether text for a stream is colored.

    NO_COLOR switches colors off if it is not empty, as https://no-color.org demands.
    """
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream.isatty()


def color_text(text: str, color: str, stream: TextIO) -> str:
    """Return a text of autodiff's own in a bold color if the stream has colors."""
    return typer.style(text, fg=color, bold=True) if has_colors(stream) else text


def _colored_by_sign(line: str) -> str:
    """Return a line in the color of its sign (+ green, - red, ~ yellow), any other unchanged."""
    sign, _, rest = line.lstrip().partition(" ")
    color = _COLOR_BY_SIGN.get(sign) if rest else None
    return typer.style(line, fg=color) if color else line


# Lines


def print_lines(lines: Sequence[str], stream: TextIO, *, end: str = "\n") -> None:
    """Print lines, on a terminal in the colors of their signs; a text in a line never ends it."""
    _make_room()
    colored = has_colors(stream)
    shown = (_encodable(one_line(line), stream) for line in lines)
    text = "".join(f"{_colored_by_sign(line) if colored else line}{end}" for line in shown)
    typer.echo(text, file=stream, nl=False)  # once: it flushes the stream


def print_labelled(label: str, color: str, text: str, stream: TextIO) -> None:
    """Print a text after a label in a color, such as `error:`."""
    _make_room()
    shown = _encodable(terminal_text(text), stream)
    typer.echo(f"{color_text(label, color, stream)} {shown}", file=stream)


def print_help(text: str) -> None:
    """Print the help of a command, which contains no text of others, on stdout."""
    typer.echo(_encodable(text, sys.stdout))


def _encodable(text: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


# Data and code


def print_json(data: Any, stream: TextIO) -> None:
    """Print data as JSON; in ASCII if the stream cannot encode all characters."""
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
    typer.echo(json_text(data, ascii_only=encoding != "utf8"), file=stream)


def print_code(text: str, language: Language, stream: TextIO) -> None:
    """Print code: unchanged into a file or a pipe; highlighted and without effects on a terminal.

    Raises ConfigError if the stream cannot encode the code, which an escape would change.
    """
    if stream.isatty():
        text = terminal_text(text)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        raise ConfigError(
            f"cannot print the {language} code: it contains {character!a}, which the encoding "
            f"{encoding} of the output does not have",
            hint="set the environment variable PYTHONIOENCODING=utf-8",
        ) from error
    if has_colors(stream):
        _print_highlighted(text, language, stream)
    else:
        typer.echo(text, file=stream, nl=False)


def _print_highlighted(text: str, language: Language, stream: TextIO) -> None:
    from rich.console import Console
    from rich.syntax import Syntax

    syntax = Syntax("", language, theme="ansi_dark", background_color="default")
    # Printed as text with soft wrapping, because Syntax cuts lines at the terminal's width:
    Console(file=stream).print(syntax.highlight(text), soft_wrap=True, end="")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    """Print a table with a line for each row; failed rows are red."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        style = "red" if any(cell.startswith("failed") for cell in row) else ""
        cells = (Text(_encodable(one_line(cell), stream)) for cell in row)
        table.add_row(*cells, style=style)
    Console(file=stream).print(table)


def print_forms(before: str, after: str, stream: TextIO) -> None:
    """Print two forms of an object below each other, wrapped, with the different words in bold.

    Of forms with several lines, those that differ are printed, and a line around them.
    """
    from rich.console import Console
    from rich.text import Text

    _make_room()
    system: Literal["auto"] | None = "auto" if has_colors(stream) else None
    console = Console(file=stream, highlight=False, color_system=system)
    for sign, words in compare_forms(before, after):
        color = _COLOR_BY_SIGN.get(sign, "")
        text = Text(style=color)
        for word, differs in words:
            text.append(_encodable(one_line(word), stream), style="bold" if differs else "")
        for line in text.wrap(console, max(console.width - len(_FORM_INDENT) - 2, 20)) or [text]:
            line.rstrip()
            console.print(Text(f"{_FORM_INDENT}{sign} ", style=color) + line, soft_wrap=True)


_FORM_INDENT = "    "


# Progress on stderr


def clear_line() -> None:
    """Remove the current line of the terminal."""
    typer.echo("\r\x1b[2K", err=True, nl=False)


def print_above(bar: Progress, line: str) -> None:
    """Print a line above a progress bar."""
    text = _encodable(one_line(line), sys.stderr)
    bar.console.print(text, highlight=False, markup=False)


def start_spinner(text: str, seconds: float) -> Progress:
    """Start a spinner on stderr, with a text and the time since a number of seconds ago."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
    spinner = Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    task = spinner.add_task(_encodable(one_line(text), sys.stderr), total=None)
    started = spinner.get_time() - seconds
    spinner.tasks[task].start_time = started
    spinner.start()
    return spinner


def format_duration(seconds: float) -> str:
    """Return a duration in the units that suit it: 35 ms, 1.2 s, 3 min 4 s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{rest:.1f} s"


def add_task(bar: Progress, text: str, total: float) -> TaskID:
    """Add a second bar with a text beside it."""
    return bar.add_task(_encodable(one_line(text), sys.stderr), total=total)


def set_description(bar: Progress, task: TaskID, text: str) -> None:
    """Set the text beside a progress bar."""
    bar.update(task, description=_encodable(one_line(text), sys.stderr))


# Questions on stderr


def ask_yes_no(question: str) -> bool:
    """Ask a question; Enter alone means no."""
    with _question():
        return typer.confirm(_encodable(one_line(question), sys.stderr), err=True)


def ask_text(question: str, *, required: bool = False) -> str:
    """Ask for a text; without `required`, Enter alone means none."""
    shown = _encodable(one_line(question), sys.stderr)
    with _question():
        if required:
            return str(typer.prompt(shown, err=True)).strip()
        return str(typer.prompt(shown, default="", show_default=False, err=True)).strip()


def _question() -> AbstractContextManager[None]:
    return nullcontext() if _live_output is None else _live_output.suspended()
