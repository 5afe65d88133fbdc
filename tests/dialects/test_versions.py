"""Test that the versions of databases with another database's protocol are understood."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.postgresql.base import PGDialect

from autodiff.dialects import version_text
from autodiff.utils.connections import hint_for

POSTGRESQL = {
    "PostgreSQL 15.4 on aarch64-unknown-linux-gnu, compiled by gcc, 64-bit": "15.4",  # Aurora
    "PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64-pc-linux-gnu, compiled by clang, 64-bit": "11.2",
    "PostgreSQL 15.2-YB-2025.1.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang, 64-bit": "15.2",
    "PostgreSQL 16.6 (Ubuntu 16.6-1.pgdg22.04+1) on x86_64-pc-linux-gnu, 64-bit": "16.6",
}
"""What SELECT version() returns; with TimescaleDB or Citus it is PostgreSQL's own text."""
MYSQL = {
    "8.0.mysql_aurora.3.05.2": "8.0",
    "5.7.mysql_aurora.2.11.3": "5.7",
    "8.0.11-TiDB-v7.5.0": "8.0",
    "5.7.25-TiDB-v6.1.0": "5.7",
}
COCKROACHDB = "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15, go1.22.2)"


class Answering:
    """A connection that returns a text for any query."""

    def __init__(self, text: str) -> None:
        self.text = text

    def exec_driver_sql(self, sql: str) -> Answering:
        return self

    def scalar(self) -> str:
        return self.text


@pytest.mark.parametrize("text", POSTGRESQL)
def test_versions_of_postgresql_protocol(text: str) -> None:
    version = PGDialect()._get_server_version_info(Answering(text))
    assert version_text(version) == POSTGRESQL[text]


@pytest.mark.parametrize("text", MYSQL)
def test_versions_of_mysql_protocol(text: str) -> None:
    version = MySQLDialect()._parse_server_version(text)
    assert version_text(version) == MYSQL[text]


def test_cockroachdb_needs_its_own_sqlalchemy_dialect() -> None:
    """SQLAlchemy refuses the version with a postgresql:// URL, and the hint names the cure."""
    with pytest.raises(AssertionError) as caught:
        PGDialect()._get_server_version_info(Answering(COCKROACHDB))
    assert "sqlalchemy-cockroachdb" in hint_for(str(caught.value).lower())


def test_no_version() -> None:
    assert version_text(None) is None
    assert version_text(()) is None
