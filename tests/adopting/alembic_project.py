"""Write an Alembic project for a test, with Alembic's own templates."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

REVISION = '''"""{revision}"""
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {parents!r}
branch_labels = {label!r}
depends_on = {depends_on!r}


def upgrade():
    {up}
{down}'''
DOWN = """

def downgrade():
    {down}
"""


class AlembicProject:
    """An alembic.ini and the folder `alembic`, as `alembic init` writes them."""

    def __init__(self, root: Path, template: str = "generic") -> None:
        self.root = root
        self.folder = root / "alembic"
        self._init(template)

    def _init(self, template: str) -> None:
        config = Config(str(self.root / "alembic.ini"), stdout=io.StringIO())
        command.init(config, str(self.folder), template=template)

    @property
    def env(self) -> Path:
        return self.folder / "env.py"

    def use_async_env(self, url: str | None = None) -> None:
        """Replace env.py by that of the async template; with its own URL if one is given."""
        import alembic

        template = Path(alembic.__file__).parent / "templates" / "async" / "env.py"
        text = template.read_text()
        if url is not None:
            text = text.replace("async_engine_from_config(", "engine_of(").replace(
                "import asyncio",
                "import asyncio\n\n\ndef engine_of(section, **options):\n"
                "    from sqlalchemy.ext.asyncio import create_async_engine\n"
                f"    return create_async_engine({url!r})\n",
                1,
            )
        self.env.write_text(text)

    def config(self, url: sa.URL) -> Config:
        """Return Alembic's configuration for a database."""
        config = Config(str(self.root / "alembic.ini"), stdout=io.StringIO())
        config.set_main_option("script_location", str(self.folder))
        text = url.render_as_string(hide_password=False)
        config.set_main_option("sqlalchemy.url", text.replace("%", "%%"))
        return config

    def revision(
        self,
        revision: str,
        parents: str | tuple[str, ...] | None = None,
        *,
        up: str,
        down: str | None,
        depends_on: str | None = None,
        label: str | None = None,
        name: str | None = None,
    ) -> Path:
        """Write a revision, without a downgrade if `down` is None; return its path."""
        path = self.folder / "versions" / f"{name or revision}.py"
        text = REVISION.format(
            revision=revision,
            parents=parents,
            depends_on=depends_on,
            label=label,
            up=up,
            down=DOWN.format(down=down) if down is not None else "",
        )
        path.write_text(text)
        return path

    def digests(self) -> dict[str, str]:
        """Return a digest of each file of the project besides those of autodiff."""
        return {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
            and "migrations" not in path.parts
            and "__pycache__" not in path.parts
            and path.suffix in (".py", ".ini", ".mako", "")
        }
