"""Rules for the design of new tables and indexes."""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.lint.context import Step
from autodiff.lint.parts import part_place, part_words
from autodiff.lint.rule import Match, Rule
from autodiff.schema.objects import Index, PrimaryKey, Table, Unique
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
                        message=f"index {part_words(index.name, table)} has the same columns as "
                        f"{part_words(other.name, table)}",
                        object=part_place(index.name, table),
                    )
                    return


def _redundant_index(step: Step) -> Iterator[Match]:
    match step.action:
        case CreateIndex(table=table, index=index) if index.elements and not index.unique:
            final = step.final_table(table)
            if final is None or index.where is not None or index.include or index.options:
                return
            longer = next(_longer(index, final), None)
            if longer is not None and (index.method or "btree") == "btree":
                yield Match(
                    message=f"index {part_words(index.name, table)} has the first columns of "
                    f"{longer}",
                    object=part_place(index.name, table),
                )


def _longer(index: Index, table: Table) -> Iterator[str]:
    """Yield the indexes that begin with all elements of another index."""
    count = len(index.elements)
    for other in table.indexes:
        is_plain = other.where is None and (other.method or "btree") == "btree"
        if is_plain and len(other.elements) > count and other.elements[:count] == index.elements:
            yield f"index {part_words(other.name, table.name)}"
    if len(index.columns) != count or any(part.descending for part in index.elements):
        return
    for key in table.constraints:
        if isinstance(key, PrimaryKey | Unique) and key.columns[:count] == index.columns:
            named = f"constraint {part_words(key.name, table.name)}"
            yield "the primary key" if isinstance(key, PrimaryKey) else named


def _hash_index(step: Step) -> Iterator[Match]:
    match step.action:
        case CreateIndex(table=table, index=Index(method="hash") as index):
            yield Match(
                message=f"index {part_words(index.name, table)} is a hash",
                object=part_place(index.name, table),
            )


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
        actions=(CreateTable,),
        bad='op.create_table("logs", sa.Column("line", sa.Text()))',
        good='op.create_table("logs", sa.Column("id", sa.BigInteger(), sa.Identity(), '
        'primary_key=True), sa.Column("line", sa.Text()))',
    ),
    Rule(
        code="AD606",
        name="duplicate-index",
        severity="warning",
        summary="An index is created that equals another index of the table.",
        reason="Each write updates both indexes, and queries use only one of them.",
        safe_way="Leave it out, or drop the other one in the same migration.",
        check=_duplicate_index,
        actions=(CreateIndex,),
        tried_on="sqlite",
        bad='op.create_index("ix_users_age_again", "users", ["age"])',
        good='op.create_index("ix_users_nickname", "users", ["nickname"])',
    ),
    Rule(
        code="AD607",
        name="redundant-index",
        severity="info",
        summary="An index has the first columns of another index or key of the table.",
        reason="Queries can use the longer index instead, and each write updates both.",
        safe_way="Leave it out, unless the longer index is much larger.",
        check=_redundant_index,
        actions=(CreateIndex,),
        tried_on="sqlite",
        bad='op.create_index("ix_users_id", "users", ["id"])',
        good='op.create_index("ix_users_nickname", "users", ["nickname"])',
    ),
    Rule(
        code="AD608",
        name="hash-index",
        severity="info",
        summary="An index is a hash.",
        reason="It only finds equal values of one column: it neither sorts nor finds ranges, and "
        "it cannot be unique. MySQL builds a B-tree instead.",
        safe_way="Leave out the method: a B-tree does all of this, and is about as fast.",
        check=_hash_index,
        actions=(CreateIndex,),
        databases=("postgresql", "mysql"),
        bad="with op.autocommit():\n"
        '    op.create_index("ix_users_email", "users", ["email"], postgresql_using="hash", '
        "postgresql_concurrently=True)",
        good="with op.autocommit():\n"
        '    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)',
    ),
)
