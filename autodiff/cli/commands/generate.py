"""The command autodiff generate."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from autodiff.cli.completion import complete_location
from autodiff.cli.format import (
    data_loss_lines,
    draft_data,
    draft_text,
    evidence_lines,
    finding_lines,
    rehearsal_lines,
    rehearsal_loss_lines,
    short_path,
)
from autodiff.cli.options import Verbose, complete_target, flag
from autodiff.cli.prompts import TerminalQuestioner, is_interactive
from autodiff.cli.shell import Shell
from autodiff.cli.terminal import Language
from autodiff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff.commands.generate import Draft
    from autodiff.lint import Finding as LintFinding

__all__ = ["run_generate"]


def run_generate(
    shell: Shell,
    message: Annotated[
        str | None,
        typer.Option(
            "--message", "-m", help="The purpose of the migration; also the name of its file."
        ),
    ] = None,
    parent: Annotated[
        str | None,
        typer.Option(
            "--parent",
            metavar="TARGET",
            help="Put the migration after this one instead of the head: a name, billing@head or "
            "base.",
            autocompletion=complete_target,
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="LABEL", help="Name the branch that starts here. Repeatable."
        ),
    ] = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option(
            "--depends-on",
            metavar="TARGET",
            help="A migration of another branch that must be applied first. Repeatable.",
            autocompletion=complete_target,
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            metavar="OLD:NEW",
            help="A rename: users.nick:nickname, users:people, or mood.sad:unhappy. Repeatable.",
        ),
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            "--fill",
            metavar="COLUMN=VALUE",
            help="A value for existing rows: comments.timestamp=now, posts.size=0, "
            'posts.kind=short, "posts.slug=sql:lower(title)". Repeatable.',
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="GONE=KEPT",
            help="The new value for rows whose enum value is removed: mood.sad=ok, or "
            "items.mood.sad=ok. Repeatable.",
        ),
    ] = None,
    source: Annotated[
        Literal["database", "history"],
        typer.Option("--from", help="Compare with the database, or with the lock file."),
    ] = "database",
    empty: Annotated[
        bool, flag("--empty", "Write an empty migration to fill in manually; compare nothing.")
    ] = False,
    dry_run: Annotated[bool, flag("--dry-run", "Print the file; write nothing.")] = False,
    format: Annotated[
        Literal["python", "sql", "alembic"],
        typer.Option(
            "--format",
            help="Write a Python file, a pair of SQL files, or a revision that Alembic runs.",
        ),
    ] = "python",
    alembic: Annotated[
        str | None,
        typer.Option(
            "--alembic",
            metavar="PATH",
            help="With --format alembic: alembic.ini or Alembic's folder, if it is not found.",
        ),
    ] = None,
    alembic_section: Annotated[
        str | None,
        typer.Option(
            "--alembic-section",
            metavar="NAME",
            help="The section of alembic.ini, or one of its databases.",
        ),
    ] = None,
    assume: Annotated[
        Literal["drop-and-add"] | None,
        typer.Option("--assume", help="The answer if a change could be a rename."),
    ] = None,
    allow_drop: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-drop",
            metavar="[TABLE]",
            help="Allow the drop of a table with rows, or of most tables; without TABLE, of every "
            "table. Repeatable.",
        ),
    ] = None,
    allow_empty_models: Annotated[
        bool, flag("--allow-empty-models", "Accept models without tables: drop every table.")
    ] = False,
    no_rehearse: Annotated[
        bool,
        flag("--no-rehearse", "Do not run the migration up and down in a scratch database first."),
    ] = False,
    no_data_checks: Annotated[
        bool, flag("--no-data-checks", "Do not look for live rows that block the migration.")
    ] = False,
    amend: Annotated[
        bool,
        flag("--amend", "Write the newest migration anew; it must not be applied."),
    ] = False,
    discard_edits: Annotated[
        bool, flag("--discard-edits", "With --amend: lose manual edits of the migration.")
    ] = False,
    location: Annotated[
        str | None,
        typer.Option(
            "--location",
            metavar="FOLDER",
            help="The migrations folder to write into, if there are several. Default: the first.",
            autocompletion=complete_location,
        ),
    ] = None,
    online: Annotated[
        bool | None,
        typer.Option(
            "--online/--no-online",
            help="Write steps that do not block the reads and writes of the application. Default: "
            "the setting online.",
        ),
    ] = None,
    no_input: Annotated[bool, flag("--no-input", "Ask no questions, even at a terminal.")] = False,
    verbose: Verbose = False,
) -> None:
    """Compare the database with the models and write the next migration.

    If a change could be a rename, or existing rows need a value, generate asks.
    Without a terminal it stops and lists the options that answer the question. It also
    asks before it drops a table that has rows, or more than half of the tables.

    Examples:
        autodiff generate -m "add comments"
        autodiff generate -m "add timestamp" --fill comments.timestamp=now
        autodiff generate -m "nickname" --rename users.nick:nickname --dry-run
        autodiff generate -m "moods" --rename mood.sad:unhappy --map mood.angry=unhappy
        autodiff generate -m "invoices" --parent base --label billing
        autodiff generate -m "no drafts" --allow-drop=drafts
        autodiff generate -m "add comments" --format alembic
        autodiff generate -m "index names" --online
        autodiff generate --amend
    """
    if message is None and not amend:
        raise ConfigError("Missing option '--message' / '-m'", hint="see autodiff generate --help")
    asks = is_interactive() and not (no_input or shell.json)
    project = shell.project()
    if allow_empty_models:
        project.config = replace(project.config, allow_empty_models=True)
    with shell.working("comparing the database with the models") as describe:
        project.on_step(describe)
        draft = project.draft(
            message or "",
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
            allow_drop=allow_drop or (),
            questioner=TerminalQuestioner() if asks else None,
            rehearse=not no_rehearse,
            data_checks=not no_data_checks,
            alembic=alembic,
            alembic_section=alembic_section,
            amend=amend,
            discard_edits=discard_edits,
            location=location,
            online=online,
        )
        if draft is None and not dry_run:
            from autodiff.commands.lock_spelling import respell_lock

            respell_lock(project, source=source, format=format)
    more = shell.note_unmanaged(project) if verbose and source == "database" else {}
    drafts = () if draft is None else (*draft.previous, draft)
    found = [finding for each in drafts for finding in project.lint_draft(each)]
    _answer(shell, draft, found, more, dry_run=dry_run, is_for_alembic=format == "alembic")


def _answer(
    shell: Shell,
    draft: Draft | None,
    found: Sequence[LintFinding],
    more: dict[str, Any],
    *,
    dry_run: bool,
    is_for_alembic: bool,
) -> None:
    if draft is None:
        shell.answer(["nothing to do"], {**draft_data(None, written=False), **more})
        return
    data = {**draft_data(draft, written=not dry_run), **more}
    data["findings"] += [each.to_data() for each in found]
    drafts = (*draft.previous, draft)
    if dry_run:
        text = "\n".join(map(draft_text, drafts))
        shell.answer_code(text, _language(draft), data)
    else:
        draft.write()
        lines: list[str] = []
        for each in drafts:
            lines += [short_path(each.path), *(f"  {line}" for line in each.summary)]
        if draft.plan is not None and draft.plan.phase is not None:
            lines.append(f"deploy the new version of the application before {draft.path.name}")
        shell.answer(lines, data)
    for line in _notes(drafts, found):
        shell.note(line)
    is_demo = shell.fixed_project is not None  # it explains the next step itself
    if not (dry_run or shell.json or is_demo) and sys.stderr.isatty():
        runner = "alembic upgrade head" if is_for_alembic else "autodiff upgrade"
        shell.note(f"next: review the file, then run {runner}")


def _notes(drafts: Sequence[Draft], found: Sequence[LintFinding]) -> Iterator[str]:
    """Yield what a reviewer needs to know: findings, losses, and how it was proved."""
    for draft in drafts:
        for finding in draft.plan.findings if draft.plan else ():
            yield from finding_lines(finding)
    for each in found:
        yield f"{each.severity} {each.code}: {each.message}"
        yield from evidence_lines(each.evidence)
    if found:
        codes = {each.code for each in found}
        code = codes.pop() if len(codes) == 1 else "CODE"
        yield f"  hint: autodiff lint --explain {code} describes the safe way"
    for draft in drafts:
        yield from _losses(draft)
    if not drafts[-1].settled:
        yield "note: some SQL expressions were compared literally, without a scratch database"
    for draft in drafts:
        name = f"{draft.path.name}: " if draft.plan is not None and draft.plan.phase else ""
        yield from (f"{name}{line}" for line in rehearsal_lines(draft.proof))


def _losses(draft: Draft) -> Iterator[str]:
    losses = draft.plan.data_loss if draft.plan else ()
    yield from data_loss_lines(losses)
    if draft.proof is not None:
        yield from rehearsal_loss_lines(draft.proof.lost, losses)
        yield from (f"note: {line}" for line in draft.proof.notes)


def _language(draft: Draft) -> Language:
    return "sql" if draft.path.suffix == ".sql" else "python"
