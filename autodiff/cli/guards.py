"""Ask before something is lost: at a terminal a question, elsewhere an option that answers it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from autodiff.cli.prompts import is_interactive
from autodiff.cli.terminal import ask_text, ask_yes_no
from autodiff.errors import ConfigError

if TYPE_CHECKING:
    from autodiff.cli.shell import Shell
    from autodiff.workspace import Workspace

__all__ = ["ask_at_terminal", "confirm_environment"]


def ask_at_terminal(shell: Shell, lines: Iterable[str], question: str) -> None:
    """Show the lines and ask the question at a terminal; "no" ends the command.

    Nothing is shown or asked without a terminal and with --json.

    Raises typer.Abort after "no".
    """
    if shell.json or not is_interactive():
        return
    for line in lines:
        shell.note(line)
    if not ask_yes_no(question):
        raise typer.Abort


def confirm_environment(
    shell: Shell, project: Workspace, confirmed: str | None, action: str
) -> None:
    """Require the name of a protected environment, from the option --confirm or at a terminal.

    Args:
        shell: The options of the command.
        project: The project, with the chosen environment.
        confirmed: The value of --confirm.
        action: What is about to happen, such as "revert 0003_tags".

    Raises ConfigError if the name is missing or wrong.
    """
    name = project.config.env
    if name is None or not project.config.protected:
        return
    if confirmed is None and is_interactive() and not shell.json:
        question = f"The environment {name} is protected. Type its name to {action}"
        confirmed = ask_text(question, required=True)
    if confirmed == name:
        return
    problem = (
        f"the environment {name} is protected"
        if confirmed is None
        else f"{confirmed!r} is not the name of the protected environment {name}"
    )
    raise ConfigError(f"{problem}: nothing was changed", hint=f"to {action}, pass --confirm {name}")
