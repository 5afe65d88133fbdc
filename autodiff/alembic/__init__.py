"""Use autodiff inside Alembic: its comparison for `--autogenerate`, and revisions in its folder.

Alembic is an optional dependency. Nothing here imports it before it is needed.
"""

from autodiff.alembic.directives import process_revision_directives

__all__ = ["process_revision_directives"]
