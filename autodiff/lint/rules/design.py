"""Rules for the design of new tables."""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.lint.context import Step
from autodiff.lint.rule import Match, Rule
from autodiff.schema.operations import CreateIndex, CreateTable

__all__ = ["RULES"]


def _no_key(step: Step) -> Iterator[Match]:
    match step.action:
        case CreateTable(table=table) if table.columns and not table.inherits:
            final = step.final_table(table.name)
            if final is not None and final.primary_key is None:
                yield Match(
                    message=f"creates table {table.name} without a primary key",
                    object=str(table.name),
                )


def _duplicate_index(step: Step) -> Iterator[Match]:
    match step.action:
        case CreateIndex(table=table, index=index) if index.elements:
            final = step.final_table(table)
            for other in final.indexes if final is not None else ():
                same = (other.elements, other.where, other.method, other.include)
                wanted = (index.elements, index.where, index.method, index.include)
                if other.name != index.name and same == wanted and other.unique >= index.unique:
                    yield Match(
                        message=f"index {index.name} has the same columns as {other.name}",
                        object=f"{table}.{index.name}",
                    )
                    return


RULES = (
    Rule(
        code="AD601",
        name="no-primary-key",
        severity="warning",
        summary="A table is created without a primary key.",
        reason="Single rows cannot be addressed: logical replication, batches and the ORM need a "
        "primary key.",
        safe_way="Give the table a primary key, such as a bigint identity.",
        check=_no_key,
        bad='op.create_table("logs", sa.Column("line", sa.Text()))',
        good='op.create_table("logs", sa.Column("id", sa.BigInteger(), primary_key=True), '
        'sa.Column("line", sa.Text()))',
    ),
    Rule(
        code="AD606",
        name="duplicate-index",
        severity="warning",
        summary="An index is created that equals another index of the table.",
        reason="Each write updates both indexes, and queries use only one of them.",
        safe_way="Leave it out, or drop the other one in the same migration.",
        check=_duplicate_index,
        tried_on="sqlite",
        bad='op.create_index("ix_users_age_again", "users", ["age"])',
        good='op.create_index("ix_users_team", "users", ["team_id"])',
    ),
)
