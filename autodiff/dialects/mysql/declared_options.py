"""Let SQLAlchemy accept the properties that it cannot declare itself, in migrations.

The downgrade of a dropped table must restore them: `sa.Column("a", sa.Integer(),
mysql_invisible=True)`. SQLAlchemy refuses a keyword of a dialect that nobody has registered.
https://docs.sqlalchemy.org/en/21/core/foundation.html#sqlalchemy.sql.base.DialectKWArgs.argument_for
"""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

__all__ = ["register_options"]


@cache
def register_options() -> None:
    """Register the keywords, once in a process."""
    sa.Column.argument_for("mysql", "invisible", None)
    sa.Index.argument_for("mysql", "invisible", None)
    sa.CheckConstraint.argument_for("mysql", "not_enforced", None)
