"""Draft a revision file in an Alembic folder, for `autodiff generate --format alembic`."""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from autodiff.alembic.comparison import Answers, ComparisonRequest, Drafted, draft_revision
from autodiff.alembic.steps import Step
from autodiff.autogenerate.questions import NoAnswers
from autodiff.commands.generate import Draft, GenerateRequest
from autodiff.errors import ConfigError, HistoryError, exception_words
from autodiff.migrations import Graph, Migration
from autodiff.migrations.alembic_folder import AlembicFolder, find_alembic_folder
from autodiff.migrations.files import parse_alembic
from autodiff.render.layout import lay_out
from autodiff.utils.files import write_all

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.script import ScriptDirectory

    from autodiff.workspace import Workspace

__all__ = ["RevisionDraft", "RevisionPlace", "draft_in_alembic", "require_alembic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionPlace:
    """Where the revision is written.

    named: alembic.ini, or Alembic's folder; None to search in the project.
    section: the section of alembic.ini, or one of the databases of a multi-database folder.
    """

    named: str | Path | None = None
    section: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionDraft(Draft):
    """A revision of an Alembic folder that is not written yet; autodiff keeps no lock file."""

    def parsed(self) -> Migration:
        """Return the revision; the template of the folder may have no downgrade()."""
        migration = parse_alembic(self.path, *self.texts.values())
        assert migration is not None
        return migration

    def write(self) -> Migration:
        """Write the file."""
        migration = self.parsed()
        write_all(self.texts)
        return migration


def require_alembic() -> None:
    """Raise ConfigError if Alembic is not installed."""
    if importlib.util.find_spec("alembic") is None:
        raise ConfigError(
            "Alembic is not installed",
            hint="run pip install 'sqlalchemy-autodiff[alembic]'",
        )


def draft_in_alembic(
    project: Workspace, request: GenerateRequest, place: RevisionPlace
) -> RevisionDraft | None:
    """Return the next revision, None if the models and the database are equal.

    Raises ConfigError if there is no Alembic folder, HistoryError if it has several heads and no
    parent is given, or if the database is not at its heads.
    """
    require_alembic()
    if request.source == "history":
        raise ConfigError(
            "--format alembic compares with the database, not with the lock file",
            hint="remove --from history",
        )
    folder, database = _find_folder(project, place)
    # before the revisions, which may import an installed copy of the models
    metadata = [] if request.empty else project.metadata()
    with _alembic_errors():
        scripts = _scripts(folder)
        head = _head(scripts, request.parent)
        drafted = None if request.empty else _compare(project, request, folder, scripts, metadata)
        if drafted is None and not request.empty:
            return None
        return _write_draft(scripts, folder, database, request, head, drafted)


def _find_folder(project: Workspace, place: RevisionPlace) -> tuple[AlembicFolder, str | None]:
    """Return the folder, and which of its databases the revision is for."""
    folder = _folder_with_database(project, place)
    if folder is not None:
        return folder, place.section
    folder = find_alembic_folder(project.config.root, place.named, section=place.section)
    if folder is None:
        raise ConfigError(
            f"no Alembic folder was found in {project.config.root}",
            hint="pass --alembic PATH with alembic.ini or Alembic's folder, or run alembic init",
        )
    if folder.databases:
        raise ConfigError(
            f"{folder.source} has several databases: {', '.join(folder.databases)}",
            hint=f"pass --alembic-section {folder.databases[0]}, and its URL with --url",
        )
    return folder, None


def _folder_with_database(project: Workspace, place: RevisionPlace) -> AlembicFolder | None:
    """Return the multi-database folder that has a database of the name, if there is one."""
    if place.section is None:
        return None
    try:
        folder = find_alembic_folder(project.config.root, place.named)
    except ConfigError:  # the section is needed to read the file
        return None
    return folder if folder is not None and place.section in folder.databases else None


def _scripts(folder: AlembicFolder) -> ScriptDirectory:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    if not folder.template.is_file():
        raise ConfigError(
            f"{folder.script_location} has no template {folder.template.name}",
            hint="copy it from a new folder: alembic init /tmp/new",
        )
    files: dict[str, Any] = {"file_": str(folder.ini) if folder.ini else None}
    if folder.toml is not None:
        files["toml_file"] = str(folder.toml)
    config = Config(ini_section=folder.section, cmd_opts=Namespace(quiet=True), **files)
    config.set_main_option("script_location", f"{folder.script_location}".replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    scripts.version_locations = list(map(str, folder.version_locations))
    return scripts


def _head(scripts: ScriptDirectory, parent: str | None) -> str:
    """Return the revision to come after, as Alembic's --head."""
    heads = _read_heads(scripts)
    if parent is None and len(heads) > 1:
        raise HistoryError(
            f"the Alembic folder has several heads: {', '.join(sorted(heads))}",
            hint="pass --parent REVISION to continue one of them, or run alembic merge heads",
        )
    return parent or "head"


def _read_heads(scripts: ScriptDirectory) -> list[str]:
    from alembic.util import CommandError

    try:
        return scripts.get_heads()
    except CommandError:
        raise
    except Exception as error:  # Alembic runs the revision files, whose code can raise anything
        raise HistoryError(
            f"cannot read the revisions of {scripts.dir}: {exception_words(error)}",
            hint="run alembic history, and correct the file that it names",
        ) from error


# Compare


def _compare(
    project: Workspace,
    request: GenerateRequest,
    folder: AlembicFolder,
    scripts: ScriptDirectory,
    metadata: Sequence[sa.MetaData],
) -> Drafted | None:
    schema, table = folder.version_table_schema, folder.version_table
    config = project.config
    answers = Answers(
        renames=request.renames,
        fills=request.fills,
        maps=request.maps,
        assume=request.assume,
        exclude_tables=(f"{schema}.{table}" if schema else table,),
        allow_drop=request.allow_drop,
        scratch_url=project.scratch_url,
        rehearse=request.rehearse,
        require_rehearsal=config.require_rehearsal,
        data_checks=request.data_checks,
    )
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in folder.revision_files()]
    with project.connect() as connection:
        _refuse_pending(connection, folder, scripts)
        return draft_revision(
            connection,
            ComparisonRequest(
                metadata=metadata,
                answers=answers,
                questioner=request.questioner or NoAnswers(),
                texts=texts,
                selection=project.selection(),
                rewrite=project.rewrite_plan(),
                render_type=project.render_type(),
            ),
        )


def _refuse_pending(
    connection: sa.Connection, folder: AlembicFolder, scripts: ScriptDirectory
) -> None:
    """Raise HistoryError if the database lacks revisions, which would be generated again."""
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": folder.version_table,
            "version_table_schema": folder.version_table_schema,
        },
    )
    applied = context.get_current_heads()
    connection.rollback()
    known = {revision.revision for revision in scripts.get_revisions(applied) if revision}
    if missing := sorted(set(scripts.get_heads()) - known):
        raise HistoryError(
            f"the database is not at the head of the Alembic folder: {', '.join(missing)} is not "
            "applied",
            hint="run alembic upgrade heads first",
        )


# Write


def _write_draft(
    scripts: ScriptDirectory,
    folder: AlembicFolder,
    database: str | None,
    request: GenerateRequest,
    head: str,
    drafted: Drafted | None,
) -> RevisionDraft:
    """Let Alembic write the revision into a temporary folder, and return its text and place."""
    from alembic.util import rev_id

    revision = rev_id()
    location = _location(scripts, folder, head)
    # The tools of post_write_hooks read their settings from the folders above the file.
    parent = str(location) if scripts.hooks and location.is_dir() else None
    with TemporaryDirectory(prefix=".autodiff-", dir=parent) as temporary:
        scripts.version_locations = [*scripts.version_locations, temporary]
        vars(scripts).pop("_version_locations", None)
        script = scripts.generate_revision(
            revision,
            request.message,
            head=head,
            splice=head != "head",
            branch_labels=list(request.labels) or None,
            version_path=temporary,
            depends_on=list(request.depends_on) or None,
            **_template_arguments(scripts, folder, database, drafted),
        )
        assert script is not None
        written = Path(script.path).resolve()
        text = written.read_text(encoding=scripts.output_encoding)
        path = location / written.relative_to(Path(temporary).resolve())
    return RevisionDraft(
        revision=revision,
        texts={path: text},
        summary=tuple(drafted.plan.summary()) if drafted else (),
        plan=drafted.plan if drafted else None,
        graph=Graph(),
        parents=tuple(_parents(script.down_revision)),
        settled=drafted.settled if drafted else True,
        proof=drafted.proof if drafted else None,
        is_live=drafted is not None and request.data_checks,
    )


def _parents(down_revision: str | Sequence[str] | None) -> Sequence[str]:
    if down_revision is None:
        return ()
    return (down_revision,) if isinstance(down_revision, str) else down_revision


def _location(scripts: ScriptDirectory, folder: AlembicFolder, head: str) -> Path:
    """Return the folder for the revision: the only one, or that of the revision before it."""
    locations = folder.version_locations
    if len(locations) == 1:
        return locations[0]
    for before in scripts.get_revisions(head):
        path = Path(before.path).resolve() if before is not None else None
        for location in locations:
            if path is not None and path.is_relative_to(location.resolve()):
                return location
    raise ConfigError(
        f"{folder.source} has several version_locations, and the first revision could be in each",
        hint="write an empty first revision: alembic revision --version-path PATH",
    )


def _template_arguments(
    scripts: ScriptDirectory, folder: AlembicFolder, database: str | None, drafted: Drafted | None
) -> dict[str, Any]:
    """Return the arguments of the template; a multi-database one has functions for each."""
    from alembic.config import Config

    config = Config(str(folder.ini) if folder.ini else None, ini_section=folder.section)
    prefix = f"{database}_" if database else ""
    return {
        "config": config,
        "imports": "\n".join(drafted.steps.imports) if drafted else "",
        f"{prefix}upgrades": _body(drafted.steps.upgrade) if drafted else "pass",
        f"{prefix}downgrades": _body(drafted.steps.downgrade) if drafted else "pass",
    }


def _body(steps: Sequence[Step]) -> str:
    """Return the body of a function without the indentation of its first line."""
    code = "\n".join(step.code for step in steps)
    return lay_out(code, indent=4).lstrip(" ") or "pass"


@contextmanager
def _alembic_errors() -> Iterator[None]:
    """Turn Alembic's errors, and those of the folder's files, into HistoryError."""
    from alembic.util import CommandError

    try:
        yield
    except CommandError as error:
        raise HistoryError(
            f"Alembic refused the folder: {error}", hint="run alembic history to see its revisions"
        ) from error
