"""The templates of reports: every text is quoted for their format unless it is marked as markup."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from autodiff.render.migration import templates_folder
from autodiff.utils.quoting import html_text, markdown_code, markdown_text, terminal_text

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

__all__ = ["html_template", "markdown_template"]


def html_template(name: str) -> jinja2.Template:
    """Return a template of HTML or SVG, in which a text is never markup."""
    return _html_environment().get_template(f"report/{name}")


def markdown_template(name: str) -> jinja2.Template:
    """Return a template of Markdown, in which a text is never markup."""
    return _markdown_environment().get_template(f"report/{name}")


@lru_cache
def _html_environment() -> jinja2.Environment:
    from markupsafe import Markup

    def quoted(value: Any) -> Markup:
        if hasattr(value, "__html__"):
            return Markup(value)
        return Markup(html_text(str(value)))

    environment = _environment(quoted, autoescape=True)
    environment.filters["lines"] = lambda text: Markup.escape(terminal_text(text))
    return environment


@lru_cache
def _markdown_environment() -> jinja2.Environment:
    from markupsafe import Markup

    def quoted(value: Any) -> str:
        return str(value) if hasattr(value, "__html__") else markdown_text(str(value))

    environment = _environment(quoted, autoescape=False)
    environment.filters["code"] = lambda text: Markup(markdown_code(text))
    environment.filters["counted"] = _counted
    return environment


def _counted(text: str) -> Markup:
    """Return a count such as `+2 tables` without backslashes: its sign is not markup in a cell."""
    from markupsafe import Markup

    return Markup(text[:1] + markdown_text(text[1:]))


def _environment(quoted: Any, *, autoescape: bool) -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=autoescape,
        finalize=quoted,
    )
