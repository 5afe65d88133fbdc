"""An engine of an empty scratch database."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autodiff.project import Project
from autodiff.rehearse.context import open_rehearsal_context
from autodiff.rehearse.rehearsal_database import RehearsalDatabase

__all__ = ["open_scratch_engine"]


@contextmanager
def open_scratch_engine(project: Project) -> Iterator[sa.Engine]:
    """Yield an engine of a new database, which has the schemas that no migration creates.

    On SQLite it is a file in a temporary folder, elsewhere a database that is dropped at the end.
    The database of the project is only read.

    Raises DatabaseError if no scratch database can be created.
    """
    with (
        open_rehearsal_context(project, project.graph(), project.lock()) as context,
        RehearsalDatabase(context) as database,
        tempfile.TemporaryDirectory(prefix="autodiff-") as folder,
    ):
        inspector = database.inspector
        shared = inspector.dialect.scratch.share(inspector.connection, Path(folder))
        engine = sa.create_engine(shared.url, poolclass=sa.NullPool)
        for name, file in shared.attached.items():
            _attach(engine, name, file)
        try:
            yield engine
        finally:
            engine.dispose()


def _attach(engine: sa.Engine, name: str, file: str) -> None:
    quoted = engine.dialect.identifier_preparer.quote_identifier(name)

    def attach(connection: Any, _: object) -> None:
        connection.execute(f"ATTACH ? AS {quoted}", (file,))

    sa.event.listen(engine, "connect", attach)
