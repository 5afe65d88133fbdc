"""A project with models that change, for tests of migrations without downtime."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autodiff import Project
from autodiff.commands.generate import Draft

__all__ = ["REQUIRE", "OnlineProject"]


REQUIRE = re.compile(r"    op\.require\(\n(?:        .*\n)+    \)\n")


class OnlineProject:
    """A database that was created from models, and the models to migrate to."""

    def __init__(self, url: sa.URL, folder: Path, models: sa.MetaData, *rows: str) -> None:
        self.url = url
        self._folder = folder
        self.models(models)
        self.generate("start", online=False, rehearse=False)
        self.project.upgrade()
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            for sql in rows:
                connection.exec_driver_sql(sql)

    def models(self, models: sa.MetaData) -> None:
        """Change the models."""
        self.project = Project(self.url, models, directory=self._folder / "migrations")

    def generate(
        self,
        message: str = "change",
        *,
        online: bool = True,
        rehearse: bool = True,
        **options: Any,
    ) -> Draft:
        """Write the next migration and return its draft, which passed the rehearsal."""
        draft = self.project.draft(message, online=online, rehearse=rehearse, **options)
        assert draft is not None
        for each in (*draft.previous, draft) if rehearse else ():
            assert each.proof is not None and each.proof.skipped is None, each.proof
        draft.write()
        return draft

    def body(self, draft: Draft) -> str:
        """Return the functions of the file, without the queries that find rows in the way."""
        text = draft.path.read_text()
        return REQUIRE.sub("", text[text.index("def upgrade") :])

    def clean(self) -> Sequence[str]:
        """Return what is left to do."""
        return self.project.check().database
