"""Chromium for the tests of HTML reports: from the search path, else from the Debian package."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.servers import debian

PACKAGE = debian.Package(
    name="chromium",
    program="usr/lib/chromium/chromium",
    folder="chromium",
    install_hint="install Chromium or Chrome (Debian: chromium)",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
"""No sandbox, because containers run as root; and no request to any server."""


def find_browser() -> tuple[Path, Mapping[str, str]]:
    """Return the browser, and the environment that it needs.

    Raises `UnavailableError` if there is none.
    """
    for name in NAMES:
        if (found := shutil.which(name)) is not None:
            return Path(found), os.environ
    root = debian.unpacked(PACKAGE)
    return root / PACKAGE.program, debian.library_env(root)
