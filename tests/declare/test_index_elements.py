"""Tests for the elements of an index in models and scripts."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from autodiff.dialects import dialect_for
from autodiff.models.constraints import declare_index
from autodiff.models.expressions import Compiler
from autodiff.schema.objects import IndexElement


def _elements(*parts: Any, **options: Any) -> tuple[IndexElement, ...]:
    dialect = dialect_for("postgresql")
    table = sa.Table("users", sa.MetaData(), sa.Column("name", sa.Text), sa.Column("age"))
    index = sa.Index("ix", *parts, _table=table, **options)
    declared_index = declare_index(index, dialect, Compiler(dialect.sqlalchemy))
    assert declared_index is not None
    return declared_index.elements


@pytest.mark.parametrize(
    ("text", "element"),
    [
        ("name", IndexElement(text="name")),
        ("name ASC", IndexElement(text="name")),
        ("name desc", IndexElement(text="name", descending=True)),
        ('"Name" DESC NULLS LAST', IndexElement(text="Name", descending=True, nulls_first=False)),
        ("name DESC NULLS FIRST", IndexElement(text="name", descending=True)),
        ('name COLLATE "C" DESC', IndexElement(text="name", collation="C", descending=True)),
        (
            'name COLLATE "C" text_pattern_ops DESC',
            IndexElement(text="name", collation="C", opclass="text_pattern_ops", descending=True),
        ),
        (
            '(lower(name)) COLLATE "C" text_pattern_ops',
            IndexElement(
                text="lower(name)", is_expression=True, collation="C", opclass="text_pattern_ops"
            ),
        ),
        ("name text_pattern_ops", IndexElement(text="name", opclass="text_pattern_ops")),
        (
            "(lower(name)) text_pattern_ops NULLS FIRST",
            IndexElement(
                text="lower(name)",
                is_expression=True,
                opclass="text_pattern_ops",
                nulls_first=True,
            ),
        ),
        (
            'Name COLLATE Other."My C" DESC',
            IndexElement(text="name", collation="My C", collation_schema="other", descending=True),
        ),
        ('name COLLATE pg_catalog."C"', IndexElement(text="name", collation="C")),
        ("name COLLATE public.German", IndexElement(text="name", collation="german")),
        ("lower(name)", IndexElement(text="lower(name)", is_expression=True)),
        ("name || 'desc'", IndexElement(text="name || 'desc'", is_expression=True)),
        ("name || 'x' DESC", IndexElement(text="name || 'x'", is_expression=True, descending=True)),
        ("(name)::text", IndexElement(text="(name)::text", is_expression=True)),
        ("public.small(name)", IndexElement(text="public.small(name)", is_expression=True)),
        ("name public.my_class", IndexElement(text="name", opclass="public.my_class")),
        (
            "(lower(name))gist_trgm_ops(siglen = '32')DESC",
            IndexElement(
                text="lower(name)",
                is_expression=True,
                opclass="gist_trgm_ops(siglen=32)",
                descending=True,
            ),
        ),
    ],
)
def test_text_element_is_parsed(text: str, element: IndexElement) -> None:
    """Order, collation and operator class follow the column or expression."""
    assert _elements(sa.text(text)) == (element,)


def test_expression_element_is_parsed() -> None:
    """A plain column is not an expression; a label identifies an expression in postgresql_ops.

    SQLAlchemy ignores postgresql_ops for a column inside of desc().
    """
    label = sa.func.lower(sa.column("name")).label("small")
    elements = _elements(
        "age",
        sa.collate(sa.column("name"), "C"),
        sa.collate(sa.column("name"), sa.quoted_name('other."My C"', quote=False)),
        sa.column("age").desc().nulls_last(),
        label,
        postgresql_ops={"small": "text_pattern_ops", "age": "int4_ops"},
    )
    assert elements == (
        IndexElement(text="age", opclass="int4_ops"),
        IndexElement(text="name", collation="C"),
        IndexElement(text="name", collation="My C", collation_schema="other"),
        IndexElement(text="age", descending=True, nulls_first=False),
        IndexElement(text="lower(name)", is_expression=True, opclass="text_pattern_ops"),
    )


@pytest.mark.parametrize("function", [sa.text, sa.literal_column])
def test_a_text_has_the_operator_class_of_the_same_text(function: Any) -> None:
    """Reflected models have them in this form; an operator class in the text itself counts more."""
    [element] = _elements(function("lower(name)"), postgresql_ops={"lower(name)": "text_ops"})
    assert element == IndexElement(text="lower(name)", is_expression=True, opclass="text_ops")
    [written] = _elements(function("name text_ops"), postgresql_ops={"name text_ops": "int4_ops"})
    assert written.opclass == "text_ops"
