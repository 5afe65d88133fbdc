"""A hook of mkdocs: show the Markdown files at the top of the repository as pages of the site."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASING.md": "releasing.md",
    "SECURITY.md": "security-policy.md",
}
"""The file in the repository, and its page on the site."""
LINK = re.compile(r"\]\((?:docs/|\.\./)?((?:rules/)?[\w-]+\.(?:md|svg))(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each of the files."""
    root = Path(config.config_file_path).parent
    for source, page in PAGES.items():
        content = (root / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to the pages of the site, where all of them are in one folder."""
    return LINK.sub(lambda match: f"]({PAGES.get(match[1], match[1])}", markdown)
