"""Test that views and enum types that are created again keep what models cannot declare."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from tests.support import Database, opened

VIEWS = """
SELECT relname, relowner::regrole::text, reloptions::text,
       coalesce(relacl, acldefault('r', relowner))::text,
       array(SELECT concat(attname, attacl::text, col_description(oid, attnum))
             FROM pg_attribute WHERE attrelid = oid AND attnum > 0 AND NOT attisdropped)
FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace ORDER BY 1
"""
PARTS = """
SELECT * FROM (
  SELECT pg_get_triggerdef(oid), obj_description(oid, 'pg_trigger') FROM pg_trigger
  WHERE NOT tgisinternal
  UNION ALL SELECT pg_get_ruledef(oid), obj_description(oid, 'pg_rewrite') FROM pg_rewrite
  WHERE rulename <> '_RETURN' AND ev_class >= 16384
  UNION ALL SELECT pg_get_statisticsobjdef(oid), obj_description(oid, 'pg_statistic_ext')
  FROM pg_statistic_ext
  UNION ALL SELECT pg_get_indexdef(indexrelid), '' FROM pg_index
  JOIN pg_class c ON c.oid = indrelid WHERE c.relkind = 'm'
  UNION ALL SELECT attrelid::regclass::text || '.' || attname,
                   concat_ws(' ', pg_get_expr(adbin, adrelid), attstattarget, attoptions)
  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
  LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace AND attnum > 0
) AS parts ORDER BY 1
"""
TYPES = "SELECT typname, typowner::regrole::text, typacl::text FROM pg_type WHERE typtype = 'e'"


def models(kind: sa.types.TypeEngine[str], *values: str) -> sa.MetaData:
    """Return models of items with a name of that type, and a mood of these values."""
    metadata = sa.MetaData()
    sa.Table(
        "items",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", kind),
        sa.Column("mood", sa.Enum(*values, name="mood")),
    )
    return metadata


@pytest.fixture
def url(database: Callable[[str], sa.URL]) -> sa.URL:
    return database("postgresql")


@pytest.fixture
def db(url: sa.URL) -> Iterator[Database]:
    with opened(url) as found:
        yield found


@pytest.fixture
def role(db: Database) -> Iterator[str]:
    """Yield the name of a role; roles belong to the server."""
    name = f"reader_{secrets.token_hex(4)}"
    db.execute(f'CREATE ROLE "{name}"', f'GRANT CREATE ON SCHEMA public TO "{name}"')
    yield name
    db.execute(f'DROP OWNED BY "{name}" CASCADE', f'DROP ROLE "{name}"')


def test_recreated_view(url: sa.URL, db: Database, role: str, tmp_path: Path) -> None:
    """Owner, grants, options and comments are as before, and the summary names the views."""
    Project(url, models(sa.Text(), "a", "b"), tmp_path).generate("first")
    Project(url, models(sa.Text(), "a", "b"), tmp_path).upgrade()
    db.execute(
        'CREATE VIEW "Odd $$ view" WITH (security_barrier, security_invoker=true) '
        "AS SELECT id, name FROM items WHERE id > 0 WITH LOCAL CHECK OPTION",
        f'GRANT SELECT ON "Odd $$ view" TO "{role}" WITH GRANT OPTION',
        'GRANT UPDATE (name) ON "Odd $$ view" TO PUBLIC',
        "COMMENT ON COLUMN \"Odd $$ view\".name IS 'it''s a name'",
        'CREATE VIEW reader AS SELECT name FROM "Odd $$ view"',
        f'ALTER VIEW reader OWNER TO "{role}"',
        "CREATE MATERIALIZED VIEW cached WITH (fillfactor=70) AS SELECT name FROM items",
        f'GRANT SELECT ON cached TO "{role}"',
        f'ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO "{role}"',
    )
    before = db.rows(VIEWS)
    project = Project(url, models(sa.String(100), "a", "b"), tmp_path)
    draft = project.draft("second")
    assert draft is not None
    assert list(draft.summary) == [
        "~ column items.name: text -> character varying(100)",
        "~ view Odd $$ view: dropped and created again",
        "~ view cached: dropped and created again",
        "~ view reader: dropped and created again",
    ]
    draft.write()
    project.upgrade()
    assert db.rows(VIEWS) == before
    project.downgrade("-1")
    assert db.rows(VIEWS) == before


def test_recreated_view_with_triggers(url: sa.URL, db: Database, tmp_path: Path) -> None:
    """Triggers, rules, statistics, indexes and settings of columns are as before."""
    Project(url, models(sa.Text(), "a", "b"), tmp_path).generate("first")
    Project(url, models(sa.Text(), "a", "b"), tmp_path).upgrade()
    view = '"Odd % view"'
    db.execute(
        f"CREATE VIEW {view} AS SELECT id, name FROM items",
        f"ALTER VIEW {view} ALTER id SET DEFAULT 5",
        f"ALTER VIEW {view} ALTER name SET DEFAULT 'it''s'",
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        f"CREATE TRIGGER stopped INSTEAD OF INSERT ON {view} "
        "FOR EACH ROW EXECUTE FUNCTION stop('it''s; %s')",
        f"COMMENT ON TRIGGER stopped ON {view} IS 'it''s a trigger'",
        f"CREATE RULE kept AS ON DELETE TO {view} DO INSTEAD NOTHING",
        f"COMMENT ON RULE kept ON {view} IS 'it''s a rule'",
        f"CREATE RULE moved AS ON UPDATE TO {view} "
        "DO INSTEAD (DELETE FROM items WHERE id = old.id; NOTIFY moved)",
        "CREATE MATERIALIZED VIEW cached AS SELECT id, name FROM items",
        "CREATE INDEX cached_name ON cached (name)",
        "ALTER MATERIALIZED VIEW cached ALTER name SET STATISTICS 77",
        "ALTER MATERIALIZED VIEW cached ALTER name SET (n_distinct = 5)",
        "CREATE STATISTICS both_columns ON id, name FROM cached",
        "COMMENT ON STATISTICS both_columns IS 'it''s both'",
    )
    before = db.rows(PARTS)
    project = Project(url, models(sa.String(100), "a", "b"), tmp_path)
    project.generate("second")
    project.upgrade()
    assert db.rows(PARTS) == before
    project.downgrade("-1")
    assert db.rows(PARTS) == before


def test_dropped_view_has_no_settings(url: sa.URL, db: Database, role: str, tmp_path: Path) -> None:
    """A view that is created in a later migration does not get grants of a dropped one."""
    Project(url, models(sa.Text(), "a"), tmp_path).generate("first")
    project = Project(url, models(sa.Text(), "a"), tmp_path)
    for number, verbs in enumerate((("create",), ("drop",), ("create",)), 2):
        body = {"create": 'op.create_view("v", "SELECT 1 AS n")', "drop": 'op.drop_view("v")'}
        draft = project.draft(f"step {number}", empty=True)
        assert draft is not None
        path = draft.write().path
        text = path.read_text().replace("    pass", f"    {body[verbs[0]]}", 1)
        path.write_text(text)
        project.upgrade()
        if number == 2:
            db.execute(f'GRANT SELECT ON v TO "{role}"')
    assert db.rows("SELECT relacl::text FROM pg_class WHERE relname = 'v'") == [(None,)]


def test_recreated_enum(url: sa.URL, db: Database, role: str, tmp_path: Path) -> None:
    """An enum type that loses a value keeps its owner and grants."""
    Project(url, models(sa.Text(), "a", "b"), tmp_path).generate("first")
    Project(url, models(sa.Text(), "a", "b"), tmp_path).upgrade()
    db.execute(
        "REVOKE ALL ON TYPE mood FROM PUBLIC",
        f'GRANT USAGE ON TYPE mood TO "{role}" WITH GRANT OPTION',
        f'ALTER TYPE mood OWNER TO "{role}"',
    )
    before = db.rows(TYPES)
    project = Project(url, models(sa.Text(), "b"), tmp_path)
    assert project.generate("second") is not None
    project.upgrade()
    assert db.rows(TYPES) == before
    project.downgrade("-1")
    assert db.rows(TYPES) == before
