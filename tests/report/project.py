"""A shop with two migrations: the second one makes five changes."""

from __future__ import annotations

from pathlib import Path

from autodiff import Project

__all__ = ["CONFIG", "FIRST", "SECOND", "write_migration", "write_shop"]

CONFIG = (
    'url = "postgresql://localhost/none"\n'
    '[lint]\ndialects = ["postgresql 16", "mysql 8.0", "sqlite"]\n'
)
FIRST = """
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(50)),
        sa.Column("nick", sa.String(30)),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="orders_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="orders_user_id_fkey"),
    )
    op.create_index("ix_orders_note", "orders", ["user_id"])
"""
SECOND = """
    op.rename_table("users", "people")
    op.create_table(
        "lines",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="lines_order_id_fkey"),
    )
    op.add_column("people", sa.Column("phone", sa.String(20)))
    op.drop_index("ix_orders_note", table_name="orders")
    op.drop_column("orders", "note")
"""


def write_migration(folder: Path, number: int, body: str, *, header: str = "") -> Path:
    """Write a migration after the one with the number before it."""
    parents = f'("{number - 1}aaa",)' if number > 1 else "()"
    path = folder / f"{number:04d}_step.py"
    path.write_text(
        f'"""Step {number}."""\n\n{header}revision = "{number}aaa"\nparents = {parents}\n\n'
        f"import sqlalchemy as sa\nfrom autodiff import op\n\n\ndef upgrade() -> None:\n{body}\n\n"
        "def downgrade() -> None:\n    raise NotImplementedError\n"
    )
    return path


def write_shop(folder: Path) -> Project:
    """Write the configuration and both migrations, and return the project."""
    (folder / "migrations").mkdir()
    (folder / "autodiff.toml").write_text(CONFIG)
    write_migration(folder / "migrations", 1, FIRST)
    write_migration(folder / "migrations", 2, SECOND)
    return Project.load(folder)
