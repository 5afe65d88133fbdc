"""autodiff generate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from autodiff.cli.format import draft_data, draft_text, finding_line, shown
from autodiff.cli.options import Verbose, flag
from autodiff.cli.prompts import Terminal, somebody_is_there
from autodiff.cli.shell import Language, Shell

if TYPE_CHECKING:
    from autodiff.commands.generate import Draft

__all__ = ["generate"]


def generate(
    shell: Shell,
    message: Annotated[
        str, typer.Option("--message", "-m", help="What it is for; the file is named after it.")
    ],
    parent: Annotated[
        str | None,
        typer.Option(
            "--parent",
            metavar="TARGET",
            help="Come after this one instead of the head: a name, billing@head, or base.",
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="LABEL", help="Name the branch that begins here."),
    ] = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option(
            "--depends-on",
            metavar="TARGET",
            help="A migration of another branch that must come before.",
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            metavar="OLD:NEW",
            help="users.nick:nickname, users:people, or mood.sad:unhappy.",
        ),
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            "--fill",
            metavar="COLUMN=VALUE",
            help="A value for the rows that exist: comments.timestamp=now, posts.size=0, "
            'posts.kind=short, "posts.slug=sql:lower(title)".',
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="GONE=KEPT",
            help="What rows get whose value goes away: mood.sad=ok, items.mood.sad=ok.",
        ),
    ] = None,
    source: Annotated[
        Literal["database", "history"],
        typer.Option("--from", help="Compare with the database, or with the lock file."),
    ] = "database",
    empty: Annotated[
        bool, flag("--empty", "A file to fill in by hand, without comparing.")
    ] = False,
    dry_run: Annotated[bool, flag("--dry-run", "Print the file and write nothing.")] = False,
    format: Annotated[
        Literal["python", "sql"],
        typer.Option("--format", help="A Python file, or a pair of SQL files."),
    ] = "python",
    assume: Annotated[
        Literal["drop-and-add"] | None,
        typer.Option("--assume", help="What to take for granted where a rename is possible."),
    ] = None,
    no_rehearse: Annotated[
        bool, flag("--no-rehearse", "Do not run the file up and down on a scratch first.")
    ] = False,
    no_data_checks: Annotated[
        bool, flag("--no-data-checks", "Do not look for live rows that stand in the way.")
    ] = False,
    no_input: Annotated[bool, flag("--no-input", "Ask no questions, also at a terminal.")] = False,
    verbose: Verbose = False,
) -> None:
    """Compare the database with the models and write the next migration.

    Where a rename is possible, or rows need a value, it asks.
    Without a terminal it stops, and says which option answers.

    Examples:
        autodiff generate -m "add comments"
        autodiff generate -m "add timestamp" --fill comments.timestamp=now
        autodiff generate -m "nickname" --rename users.nick:nickname --dry-run
        autodiff generate -m "moods" --rename mood.sad:unhappy --map mood.angry=unhappy
        autodiff generate -m "invoices" --parent base --label billing
    """
    asks = somebody_is_there() and not (no_input or shell.json)
    project = shell.project()
    draft = project.draft(
        message,
        parent=parent,
        labels=label or (),
        depends_on=depends_on or (),
        renames=rename or (),
        fills=fill or (),
        maps=map_ or (),
        source=source,
        format=format,
        empty=empty,
        assume=assume,
        questioner=Terminal() if asks else None,
        rehearse=not no_rehearse,
        data_checks=not no_data_checks,
    )
    more = shell.note_left_alone(project) if verbose and source == "database" else {}
    _answer(shell, draft, more, dry_run=dry_run)


def _answer(shell: Shell, draft: Draft | None, more: dict[str, Any], *, dry_run: bool) -> None:
    if draft is None:
        shell.answer(["nothing to do"], {**draft_data(None, written=False), **more})
        return
    for finding in draft.plan.findings if draft.plan else ():
        shell.note(finding_line(finding))
    if not draft.settled:
        shell.note("note: no scratch database could be had; what was in doubt is compared as text")
    for line in draft.proof.lost if draft.proof else ():
        shell.note(f"lost in the rehearsal: {line}")
    for line in draft.proof.notes if draft.proof else ():
        shell.note(f"note: {line}")
    data = {**draft_data(draft, written=not dry_run), **more}
    if dry_run:
        shell.answer_code(draft_text(draft), _language(draft), data)
        return
    draft.write()
    shell.answer([shown(draft.path), *(f"  {line}" for line in draft.summary)], data)


def _language(draft: Draft) -> Language:
    return "sql" if draft.path.suffix == ".sql" else "python"
