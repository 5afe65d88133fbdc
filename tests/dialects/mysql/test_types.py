"""Tests for column types: canonical SQL spelling and the spelling in migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from autodiff import op
from autodiff.dialects import dialect_for
from autodiff.dialects.mysql.types import canonical_type, type_python
from autodiff.models.expressions import Compiler

if TYPE_CHECKING:
    from autodiff.dialects import Dialect
    from tests.dialects.mysql.conftest import Database

SPELLINGS = {
    "INTEGER": "int",
    "INT(11)": "int",
    "int(10) unsigned": "int unsigned",
    "INTEGER UNSIGNED ZEROFILL": "int(10) unsigned zerofill",
    "INT(5) ZEROFILL": "int(5) unsigned zerofill",
    "BIGINT(20)": "bigint",
    "SMALLINT": "smallint",
    "MEDIUMINT UNSIGNED": "mediumint unsigned",
    "TINYINT(4)": "tinyint",
    "TINYINT(1)": "tinyint(1)",
    "tinyint(1) unsigned": "tinyint unsigned",
    "BOOL": "tinyint(1)",
    "boolean": "tinyint(1)",
    "NUMERIC": "decimal(10,0)",
    "NUMERIC(5)": "decimal(5,0)",
    "NUMERIC(10, 2)": "decimal(10,2)",
    "DECIMAL(10, 2) UNSIGNED": "decimal(10,2) unsigned",
    "FLOAT": "float",
    "FLOAT(24)": "float",
    "FLOAT(25)": "double",
    "FLOAT(10, 2)": "float(10,2)",
    "DOUBLE PRECISION": "double",
    "REAL": "double",
    "BIT": "bit(1)",
    "VARCHAR(50)": "varchar(50)",
    "CHARACTER VARYING(50)": "varchar(50)",
    "VARCHAR(10) COLLATE utf8mb4_bin": "varchar(10) COLLATE utf8mb4_bin",
    "VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin": "varchar(10) COLLATE utf8mb4_bin",
    "VARCHAR(10) CHARACTER SET latin1": "varchar(10) COLLATE latin1_swedish_ci",
    "VARCHAR(10) CHARACTER SET utf8mb4": "varchar(10) CHARACTER SET utf8mb4",
    "NATIONAL VARCHAR(10)": "varchar(10) CHARACTER SET utf8mb3",
    "NCHAR(5)": "char(5) CHARACTER SET utf8mb3",
    "CHAR": "char(1)",
    "BINARY": "binary(1)",
    "BINARY(16)": "binary(16)",
    "TEXT": "text",
    "TEXT(50)": "tinytext",
    "TEXT(100)": "text(100)",
    "TEXT(1000)": "text",
    "TEXT(100000)": "mediumtext",
    "TEXT(20000)": "text(20000)",
    "BLOB(10)": "tinyblob",
    "BLOB(256)": "blob",
    "BLOB(65535)": "blob",
    "BLOB(100000)": "mediumblob",
    "BLOB(20000000)": "longblob",
    "DATETIME(6)": "datetime(6)",
    "DATETIME(0)": "datetime",
    "TIMESTAMP": "timestamp",
    "YEAR(4)": "year",
    "JSON": "json",
    "UUID": "uuid",
    "INET6": "inet6",
    "GEOMETRYCOLLECTION": "geometrycollection",
    "POINT SRID 4326": "point SRID 4326",
    "VECTOR(3)": "vector(3)",
    "ENUM('a','b')": "enum('a','b')",
    "ENUM('a', 'b''c', \"d\")": "enum('a','b''c','d')",
    r"enum('a)','it\'s','d\\e')": r"enum('a)','it''s','d\\e')",
    "ENUM('a','b') COLLATE utf8mb4_bin": "enum('a','b') COLLATE utf8mb4_bin",
    "SET('a','b')": "set('a','b')",
}


@pytest.mark.parametrize(("declared", "canonical"), SPELLINGS.items())
def test_declared_type_gets_the_catalog_spelling(declared: str, canonical: str) -> None:
    assert canonical_type(declared) == canonical


@pytest.mark.parametrize("sql", SPELLINGS.values())
def test_catalog_spelling_is_unchanged(sql: str) -> None:
    assert canonical_type(sql) == sql


PYTHON = {
    "tinyint(1)": "sa.Boolean()",
    "tinyint": "mysql.TINYINT()",
    "tinyint unsigned": "mysql.TINYINT(unsigned=True)",
    "smallint": "sa.SmallInteger()",
    "smallint unsigned": "mysql.SMALLINT(unsigned=True)",
    "mediumint": "mysql.MEDIUMINT()",
    "int": "sa.Integer()",
    "int unsigned": "mysql.INTEGER(unsigned=True)",
    "int(10) unsigned zerofill": ("mysql.INTEGER(display_width=10, unsigned=True, zerofill=True)"),
    "bigint": "sa.BigInteger()",
    "bigint unsigned": "mysql.BIGINT(unsigned=True)",
    "decimal(10,0)": "sa.Numeric(10, 0)",
    "decimal(10,2)": "sa.Numeric(10, 2)",
    "decimal(10,2) unsigned": "mysql.DECIMAL(10, 2, unsigned=True)",
    "float": "sa.Float()",
    "float unsigned": "mysql.FLOAT(unsigned=True)",
    "float(10,2)": "mysql.FLOAT(10, 2)",
    "double": "sa.Double()",
    "double(10,2) unsigned": "mysql.DOUBLE(10, 2, unsigned=True)",
    "bit(1)": "mysql.BIT(1)",
    "bit(8)": "mysql.BIT(8)",
    "char(1)": "sa.CHAR(1)",
    "varchar(50)": "sa.String(50)",
    "varchar(50) COLLATE utf8mb4_bin": 'sa.String(50, collation="utf8mb4_bin")',
    "char(5) COLLATE latin1_bin": 'sa.CHAR(5, collation="latin1_bin")',
    "tinytext": "mysql.TINYTEXT()",
    "text": "sa.Text()",
    "text COLLATE utf8mb4_bin": 'sa.Text(collation="utf8mb4_bin")',
    "mediumtext": "mysql.MEDIUMTEXT()",
    "longtext": "mysql.LONGTEXT()",
    "longtext COLLATE utf8mb4_bin": 'mysql.LONGTEXT(collation="utf8mb4_bin")',
    "binary(16)": "sa.BINARY(16)",
    "varbinary(16)": "sa.VARBINARY(16)",
    "tinyblob": "mysql.TINYBLOB()",
    "blob": "sa.LargeBinary()",
    "mediumblob": "mysql.MEDIUMBLOB()",
    "longblob": "mysql.LONGBLOB()",
    "date": "sa.Date()",
    "time": "sa.Time()",
    "time(3)": "mysql.TIME(fsp=3)",
    "datetime": "sa.DateTime()",
    "datetime(6)": "mysql.DATETIME(fsp=6)",
    "timestamp": "sa.TIMESTAMP()",
    "timestamp(6)": "mysql.TIMESTAMP(fsp=6)",
    "year": "mysql.YEAR()",
    "json": "sa.JSON()",
    "uuid": "sa.UUID()",
    "inet4": 'op.sql_type("inet4")',
    "enum('a','b')": 'sa.Enum("a", "b")',
    "enum('it''s','50%')": 'sa.Enum("it\'s", "50%")',
    "enum('a','b') COLLATE utf8mb4_bin": 'mysql.ENUM("a", "b", collation="utf8mb4_bin")',
    "set('a','b')": 'mysql.SET("a", "b")',
    "set('a','b') COLLATE utf8mb4_bin": 'mysql.SET("a", "b", collation="utf8mb4_bin")',
    r"enum('a\\b')": r"""op.sql_type("enum('a\\\\b')")""",
    "point": 'op.sql_type("point")',
    "point SRID 4326": 'op.sql_type("point SRID 4326")',
    "vector(3)": 'op.sql_type("vector(3)")',
    "varchar(10) CHARACTER SET utf8mb4": 'op.sql_type("varchar(10) CHARACTER SET utf8mb4")',
    "set('','b')": "op.sql_type(\"set('','b')\")",
}


@pytest.mark.parametrize(("sql", "python"), PYTHON.items())
def test_type_spelling_in_migrations(sql: str, python: str) -> None:
    assert type_python(sql) == python


@pytest.mark.parametrize("sql", PYTHON)
@pytest.mark.parametrize("name", ["mysql", "mariadb"])
def test_migration_spelling_compiles_to_the_same_type(sql: str, name: str) -> None:
    type_ = eval(type_python(sql), {"sa": sa, "mysql": mysql, "op": op})
    compiler = Compiler(dialect_for(name).sqlalchemy)
    assert canonical_type(compiler.type(type_)) == sql


def test_server_agrees_with_canonical_types(db: Database) -> None:
    """The server reflects each declared type with the canonical spelling that autodiff computes."""
    ambiguous = {
        sql for sql in SPELLINGS.values() if "CHARACTER SET" in sql or sql.startswith("text(")
    }
    unsupported = ("SRID", "vector") if db.is_mariadb else ("uuid", "inet")
    declarations = [
        (declared, sql)
        for declared, sql in SPELLINGS.items()
        if sql not in ambiguous and not any(word in sql for word in unsupported)
    ]
    columns = ", ".join(
        f"c{number} {declared}" for number, (declared, _) in enumerate(declarations)
    )
    db.execute(f"CREATE TABLE t ({columns})")
    reflected = [column.type.sql for column in db.table("t").columns]
    assert reflected == [sql for _, sql in declarations]


def test_geomcollection_is_an_alias() -> None:
    assert canonical_type("geomcollection") == "geometrycollection"


def test_dialect_kind_and_sequences(offline: Dialect) -> None:
    assert offline.backend in ("mysql", "mariadb")
    assert offline.features.sequences == (offline.backend == "mariadb")
