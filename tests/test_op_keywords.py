"""Each keyword that SQLAlchemy knows is one that a type checker accepts, in op and in batches."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite
from sqlalchemy.dialects.mysql.mariadb import MariaDBDialect
from sqlalchemy.dialects.mysql.reflection import MySQLTableDefinitionParser
from sqlalchemy.sql.base import DialectKWArgs

from autodiff import op
from autodiff.op import keywords
from autodiff.op.batch import BatchOperations

DIALECTS: dict[str, Any] = {
    "postgresql": postgresql.dialect,
    "mysql": mysql.dialect,
    "mariadb": MariaDBDialect,
    "sqlite": sqlite.dialect,
    "mssql": mssql.dialect,
    "oracle": oracle.dialect,
}
CONSTRUCTS: dict[type[DialectKWArgs], tuple[Any, set[str]]] = {
    sa.Table: (keywords.CreateTableOptions, {"name", "metadata", "schema"}),
    sa.Index: (keywords.IndexOptions, {"name", "unique"}),
    sa.PrimaryKeyConstraint: (keywords.PrimaryKeyOptions, {"name"}),
    sa.UniqueConstraint: (keywords.UniqueConstraintOptions, {"name"}),
    sa.CheckConstraint: (keywords.CheckConstraintOptions, {"name", "sqltext", "table"}),
    sa.ForeignKeyConstraint: (
        keywords.ForeignKeyOptions,
        {"name", "columns", "refcolumns", "table"}
        | {"onupdate", "ondelete", "deferrable", "initially", "match"},
    ),
}
"""The keywords of each construct, and the arguments that the function of op names itself."""

OBSOLETE_TABLE_OPTIONS = {"TYPE", "RAID_TYPE", "PARTITION", "SUBPARTITION"}
"""Words that SQLAlchemy's parser skips; MySQL 5.7 and later have no such table options."""


GEOALCHEMY2 = {
    f"mssql_{name}" for name in ("bounding_box", "cells_per_object", "grids", "using", "with")
}
"""Arguments that GeoAlchemy2 adds to SQLAlchemy's dialects once another test has imported it."""


@pytest.mark.parametrize("construct", CONSTRUCTS, ids=lambda construct: construct.__name__)
def test_dialect_keywords_are_complete(construct: type[DialectKWArgs]) -> None:
    """Every entry of `construct_arguments` is a keyword, except those that only reflection sets."""
    found = set()
    for name, dialect in DIALECTS.items():
        for owner, arguments in dialect.construct_arguments or ():
            if issubclass(construct, owner):
                found |= {
                    f"{name}_{argument}"
                    for argument, default in arguments.items()
                    if argument != "*" and "REFLECTED" not in str(default)
                }
    found -= GEOALCHEMY2
    assert found - set(_names(CONSTRUCTS[construct][0])) == set()


@pytest.mark.parametrize("construct", CONSTRUCTS, ids=lambda construct: construct.__name__)
def test_keywords_of_constructors_are_complete(construct: type[DialectKWArgs]) -> None:
    """Every public argument of the constructor is a keyword, or an argument of the function."""
    options, own = CONSTRUCTS[construct]
    arguments = {
        parameter.name
        for parameter in inspect.signature(construct.__init__).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and not parameter.name.startswith("_")
    }
    assert arguments - {"self"} - own - set(_names(options)) == set()


@pytest.mark.parametrize("name", ["mysql", "mariadb"])
def test_table_options_of_mysql_are_complete(name: str) -> None:
    """Every table option that SQLAlchemy reads from SHOW CREATE TABLE is a keyword."""
    dialect = mysql.dialect()
    parser = MySQLTableDefinitionParser(dialect, dialect.identifier_preparer)
    patterns = [str(getattr(entry[0], "pattern", entry[0])) for entry in parser._pr_options]
    options = {re.sub(r"\\", "", re.findall(r"\(\?P<directive>(.*?)\)", p)[0]) for p in patterns}
    assert len(options) > 20
    expected = {
        f"{name}_{option.lower().replace(' ', '_')}" for option in options - OBSOLETE_TABLE_OPTIONS
    }
    assert expected - set(_names(keywords.TableOptions)) == set()


def test_mysql_and_mariadb_have_the_same_options() -> None:
    """Each name exists with both prefixes."""
    names = _names(keywords.TableOptions)
    of_mysql = [n.removeprefix("mysql_") for n in names if n.startswith("mysql_")]
    of_mariadb = [n.removeprefix("mariadb_") for n in names if n.startswith("mariadb_")]
    assert of_mysql == of_mariadb


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, value in vars(BatchOperations).items()
        if inspect.isfunction(value) and name[0] != "_"
    ],
)
def test_batch_methods_mirror_the_functions(name: str) -> None:
    """A method takes what the function takes, without the table and its schema."""
    function = _parameters(getattr(op, name))
    method = _parameters(getattr(BatchOperations, name))
    for removed in ("table_name", "source_table", "schema", "source_schema"):
        function.pop(removed, None)
    for added in ("self", "insert_before", "insert_after"):
        method.pop(added, None)
    if name == "alter_column":
        assert method.pop("kw") == (inspect.Parameter.VAR_KEYWORD, "Unpack[AlterColumnOptions]")
        place = function.pop("column_name")
        assert function.keys() == keywords.AlterColumnOptions.__annotations__.keys()
        function = {"column_name": place}
    assert method == function


def _parameters(function: Any) -> dict[str, tuple[Any, Any]]:
    """Return the kind and the annotation of each parameter."""
    return {p.name: (p.kind, p.annotation) for p in inspect.signature(function).parameters.values()}


def _names(options: Any) -> list[str]:
    """Return the keywords of a TypedDict, inherited ones too."""
    return list(getattr(options, "__annotations__", {}))
