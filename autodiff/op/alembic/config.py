"""Read the options of alembic.ini that conversion kept, as scripts written for Alembic do."""

from __future__ import annotations

from typing import Any

from autodiff.runner.context import current_executor, current_settings

__all__ = ["Config", "config"]

_MAIN = "alembic"


class Config:
    """The options of alembic.ini that a converted script reads.

    `sqlalchemy.url` is the URL of the connection.
    """

    config_ini_section = _MAIN
    config_file_name = None
    cmd_opts = None

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def get_main_option(self, name: str, default: str | None = None) -> str | None:
        """Return an option of the section `alembic`."""
        return self.get_section_option(_MAIN, name, default)

    get_alembic_option = get_main_option

    def get_section_option(self, section: str, name: str, default: str | None = None) -> str | None:
        """Return an option of a section."""
        return (self.get_section(section) or {}).get(name, default)

    def get_section(
        self, name: str, default: dict[str, str] | None = None
    ) -> dict[str, str] | None:
        """Return the options of a section; `default` if the script has no such section."""
        known = current_settings().get("config", {}).get(name)
        if name != _MAIN:
            return default if known is None else dict(known)
        url = _url()
        return {**(known or {}), **({} if url is None else {"sqlalchemy.url": url})}


def _url() -> str | None:
    executor = current_executor()
    if executor.sink.writes_script:
        return None
    return executor.connection().engine.url.render_as_string(hide_password=False)


config = Config()
"""The only instance: its answers depend on the file that runs."""
