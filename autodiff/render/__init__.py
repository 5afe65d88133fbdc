"""Render plans as migration files. Templates have the layout; the logic is here."""

from autodiff.render.migration import (
    operation_source,
    render_bodies,
    render_empty,
    render_migration,
    template_name,
    templates_folder,
)

__all__ = [
    "operation_source",
    "render_bodies",
    "render_empty",
    "render_migration",
    "template_name",
    "templates_folder",
]
