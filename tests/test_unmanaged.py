"""Test the list of unmanaged objects, and findings about views that block a plan."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import RehearsalFailedError
from tests.support import opened


def models(*columns: sa.Column[object]) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def nick(length: int = 10) -> sa.Column[object]:
    return sa.Column("nick", sa.String(length))


def start(url: sa.URL, folder: Path, **settings: object) -> Project:
    project = Project(url, models(nick()), folder, **settings)
    project.generate("users")
    project.upgrade()
    return project


TRIGGERS = {
    "sqlite": ["CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1; END"],
    "mysql": ["CREATE TRIGGER t AFTER INSERT ON users FOR EACH ROW SET @x = 1"],
    "postgresql": [
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER t AFTER INSERT ON users EXECUTE FUNCTION f()",
    ],
}
TRIGGERS["mariadb"] = TRIGGERS["mysql"]


def test_unmanaged_objects_have_a_reason(any_database: sa.URL, tmp_path: Path) -> None:
    """They are autodiff's tables, excluded tables, views without a model, and triggers."""
    project = start(any_database, tmp_path / "m", exclude_tables="legacy_*")
    with opened(any_database) as db:
        db.execute(
            "CREATE TABLE legacy_a (id integer)",
            "CREATE VIEW names AS SELECT nick FROM users",
            *TRIGGERS[any_database.get_backend_name()],
        )
    function = ["function f() (functions are not compared)"]
    assert [str(item) for item in project.left_alone()] == [
        *(function if any_database.get_backend_name() == "postgresql" else []),
        "table autodiff_history (autodiff's own)",
        "table autodiff_journal (autodiff's own)",
        "table legacy_a (matches exclude_tables)",
        "trigger t on users (triggers are not compared)",
        "view names (the models declare no views)",
    ]
    assert not project.check()


def test_unmanaged_objects_on_postgresql(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """They include all kinds of objects that models cannot declare, and unused enums."""
    url = database("postgresql")
    project = start(url, tmp_path / "m")
    with opened(url) as db:
        db.execute(
            "CREATE TYPE mood AS ENUM ('a')",
            "CREATE SCHEMA other",
            "CREATE DOMAIN d AS integer",
            "CREATE TABLE p (id integer) PARTITION BY RANGE (id)",
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (2)",
            "ALTER TABLE users ADD CONSTRAINT alone EXCLUDE (nick WITH =)",
            "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
            "CREATE TYPE pair AS (a integer, b integer)",
            "CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT 2 * n'",
            "CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1'",
            "CREATE AGGREGATE total(integer) (sfunc = int4pl, stype = integer)",
            "CREATE RULE none AS ON DELETE TO users DO INSTEAD NOTHING",
            "CREATE EXTENSION citext",
            "CREATE VIEW v WITH (security_barrier) AS SELECT id, nick FROM users "
            "WHERE id > 0 WITH CHECK OPTION",
            "ALTER VIEW v ALTER nick SET DEFAULT 'x'",
            "CREATE SEQUENCE owned OWNED BY users.nick",
            "CREATE STATISTICS both_columns ON id, nick FROM users",
            "CREATE TYPE spans AS RANGE (SUBTYPE = integer)",
            "COMMENT ON SCHEMA public IS 'ours'",
            "CREATE PUBLICATION everything FOR TABLE users",
        )
    assert [str(item) for item in project.left_alone()] == [
        "aggregate total(integer) (aggregates are not compared)",
        "comment on schema public (comments on schemas are not compared)",
        "composite type pair (composite types are not compared)",
        "default of v.nick (defaults of views are not compared)",
        "domain d (domains are not compared)",
        "enum mood (no table uses it)",
        "exclusion constraint alone on users (the models declare none)",
        "extension citext (extensions are not compared)",
        "function twice(n integer) (functions are not compared)",
        "option check_option=cascaded of v (options of views are not compared)",
        "option security_barrier=true of v (options of views are not compared)",
        "owner of owned: users.nick (OWNED BY is compared only with a default)",
        "procedure nothing() (procedures are not compared)",
        "publication everything (publications are not compared)",
        "range type spans (range types are not compared)",
        "row level security of users (it is not compared)",
        "rule none on users (rules are not compared)",
        "schema other (no model uses this schema)",
        "statistics both_columns on users (statistics are not compared)",
        "table autodiff_history (autodiff's own)",
        "table autodiff_journal (autodiff's own)",
        "table p1 (a partition of p)",
        "view v (the models declare no views)",
    ]


def test_options_of_constraints_are_unmanaged(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """PostgreSQL 18: NOT ENFORCED, WITHOUT OVERLAPS and PERIOD, which a baseline does not keep."""
    url = database("postgresql")
    project = start(url, tmp_path / "m")
    with opened(url) as db:
        if int(db.rows("SHOW server_version_num")[0][0]) < 180000:
            pytest.skip("they are new in PostgreSQL 18")
        db.execute(
            "CREATE EXTENSION btree_gist",
            "CREATE TABLE a (id integer, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS))",
            "CREATE TABLE b (id integer, at daterange, CONSTRAINT positive CHECK (id > 0) "
            "NOT ENFORCED, CONSTRAINT fk FOREIGN KEY (id, PERIOD at) REFERENCES a (id, PERIOD at))",
        )
    assert [str(item) for item in project.left_alone() if item.kind == "option"] == [
        "option NOT ENFORCED of positive on b (it is not compared)",
        "option PERIOD of fk on b (it is not compared)",
        "option WITHOUT OVERLAPS of a_pkey on a (it is not compared)",
    ]


def test_unmanaged_objects_on_mariadb(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """They include events and routines."""
    url = database("mariadb")
    project = start(url, tmp_path / "m")
    with opened(url) as db:
        db.execute(
            "CREATE FUNCTION twice(n integer) RETURNS integer DETERMINISTIC RETURN 2 * n",
            "CREATE PROCEDURE nothing() SELECT 1",
            "CREATE EVENT later ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        )
    assert [str(item) for item in project.left_alone() if item.kind != "table"] == [
        "event later (events are not compared)",
        "function twice (functions are not compared)",
        "procedure nothing (procedures are not compared)",
    ]


def test_a_view_that_reads_a_dropped_column(any_database: sa.URL, tmp_path: Path) -> None:
    """The finding names the view without a model and the column."""
    start(any_database, tmp_path / "m")
    with opened(any_database) as db:
        db.execute("CREATE VIEW names AS SELECT id, nick FROM users")
    project = Project(any_database, models(), tmp_path / "m")
    plan = project.diff()
    [finding] = plan.findings
    assert finding.code == "view-reads"
    assert finding.message.startswith("view names reads users.nick, which the migration drops")


NAMING = {
    "sqlite": [
        "CREATE TRIGGER t AFTER INSERT ON users BEGIN UPDATE users SET nick = 'x' WHERE id = 0; END"
    ],
    "mysql": ["CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW SET NEW.nick = 'x'"],
    "postgresql": [
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER t AFTER UPDATE OF nick ON users EXECUTE FUNCTION f()",
        "CREATE POLICY p ON users USING (nick = 'x')",
        "CREATE RULE r AS ON UPDATE TO users WHERE new.nick = 'x' DO NOTHING",
    ],
}
NAMING["mariadb"] = NAMING["mysql"]


def test_triggers_policies_and_rules_that_name_a_column(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """Each is reported if the column is dropped; a new type is refused by PostgreSQL only."""
    start(any_database, tmp_path / "m")
    kind = any_database.get_backend_name()
    is_postgresql = kind == "postgresql"
    names = ["policy p", "rule r", "trigger t"] if is_postgresql else ["trigger t"]
    effect = "the migration would fail" if is_postgresql else "the trigger would no longer work"
    with opened(any_database) as db:
        db.execute(*NAMING[kind])
    plan = Project(any_database, models(), tmp_path / "m").diff()
    assert [finding.message for finding in plan.findings] == [
        f"{name} uses users.nick, which the migration drops: {effect}" for name in names
    ]
    plan = Project(any_database, models(nick(20)), tmp_path / "m").diff()
    assert len(plan.findings) == (len(names) if is_postgresql else 0)


BLOCKING = [
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    'CREATE TRIGGER "a t" BEFORE UPDATE OF nick ON users FOR EACH ROW '
    "WHEN (NEW.nick = 'it''s :x %') EXECUTE FUNCTION f()",
    "CREATE POLICY p ON users AS RESTRICTIVE FOR UPDATE TO pg_monitor, CURRENT_USER "
    "USING (nick = 'x') WITH CHECK (nick <> 'y')",
    "CREATE POLICY q ON users FOR INSERT WITH CHECK (nick <> 'y')",
    "CREATE POLICY r ON users USING (nick IS NULL)",
    "CREATE RULE r AS ON UPDATE TO users WHERE new.nick = 'x' DO NOTHING",
]
DEFINITIONS = """
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE rulename = 'r'
UNION ALL SELECT p::text FROM pg_policies p
ORDER BY 1
"""


def test_the_hint_has_the_statements_that_keep_what_blocks_a_new_type(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """PostgreSQL refuses the new type as long as one of them exists."""
    url = database("postgresql")
    start(url, tmp_path / "m")
    with opened(url) as db:
        db.execute(*BLOCKING)
        before = db.connection.exec_driver_sql(DEFINITIONS).all()
    project = Project(url, models(nick(20)), tmp_path / "m")
    draft = project.draft("longer")
    assert draft is not None and draft.plan is not None
    pairs = [
        re.fullmatch(
            r"in the migration, add (op\.execute\(.+\)) before that, and (op\..+) after it", hint
        )
        for hint in dict.fromkeys(f"{finding.hint}" for finding in draft.plan.findings)
    ]
    assert len(pairs) == len(before) == 5
    path = draft.write().path
    change = "    op.alter_column"
    upgrade = "".join(f"    {pair[1]}\n" for pair in pairs if pair)
    upgrade += '    op.alter_column("users", "nick", type_=sa.String(20))\n'
    upgrade += "".join(f"    {pair[2]}\n" for pair in pairs if pair)
    text = path.read_text()
    start_of, end_of = text.index(change), text.index("\n\n\ndef downgrade")
    path.write_text(text[:start_of] + upgrade + text[end_of:])
    project.upgrade()
    with opened(url) as db:
        assert db.connection.exec_driver_sql(DEFINITIONS).all() == before
    assert project.check().models == ()


@pytest.mark.parametrize(
    ("create", "drop"),
    [
        (
            "CREATE PROCEDURE g(a integer) LANGUAGE sql BEGIN ATOMIC DELETE FROM users WHERE "
            "nick = 'x'; END",
            "DROP ROUTINE g(integer)",
        ),
        (
            "CREATE RULE r AS ON UPDATE TO users WHERE new.nick = 'x' DO NOTHING; "
            "ALTER TABLE users DISABLE RULE r",
            "DROP RULE r ON users",
        ),
        (
            f"CREATE POLICY p ON users USING (nick <> '{'long ' * 100}')",
            "DROP POLICY p ON users",
        ),
    ],
)
def test_what_one_short_statement_does_not_restore_is_only_dropped(
    database: Callable[[str], sa.URL], tmp_path: Path, create: str, drop: str
) -> None:
    """Grants, and that it is disabled, are for a person to restore."""
    url = database("postgresql")
    start(url, tmp_path / "m")
    with opened(url) as db:
        db.execute(create)
    plan = Project(url, models(nick(20)), tmp_path / "m").diff()
    [finding] = plan.findings
    kind = finding.message.split()[0]
    assert finding.hint == (
        f'in the migration, add op.execute("{drop}") before that, and create the {kind} as it was '
        "after it"
    )
    with opened(url) as db:
        db.execute(drop)


READERS = {
    "sqlite": [],
    "mysql": [
        "CREATE VIEW other AS SELECT u.id AS nick FROM users u",
        "CREATE PROCEDURE p() SELECT nick FROM users",
        "CREATE PROCEDURE q() SELECT id FROM users",
    ],
    "postgresql": [
        "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.nick := ''x''; RETURN NEW; END'",
        "CREATE TRIGGER u BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION g()",
        "CREATE FUNCTION h() RETURNS text LANGUAGE sql AS 'SELECT nick FROM users'",
        "CREATE FUNCTION i() RETURNS integer LANGUAGE sql AS 'SELECT id FROM users'",
    ],
}
READERS["mariadb"] = READERS["mysql"]
BROKEN = {
    "sqlite": [],
    "mysql": ["view names reads", "trigger t uses", "procedure p uses"],
    "postgresql": ["function g uses", "function h uses"],
}
BROKEN["mariadb"] = BROKEN["mysql"]


def test_what_names_a_renamed_column(any_database: sa.URL, tmp_path: Path) -> None:
    """Findings name the views, triggers and routines that do not follow the rename."""
    start(any_database, tmp_path / "m")
    kind = any_database.get_backend_name()
    with opened(any_database) as db:
        view = "CREATE VIEW names AS SELECT nick FROM users"
        db.execute(view, *NAMING[kind], *READERS[kind])
    project = Project(any_database, models(sa.Column("name", sa.String(10))), tmp_path / "m")
    draft = project.draft("rename", renames=["users.nick:name"])
    assert draft is not None and draft.plan is not None
    assert [finding.message for finding in draft.plan.findings] == [
        f"{item} users.nick, which the migration renames: the {item.split()[0]} would no longer "
        "work"
        for item in BROKEN[kind]
    ]


def test_what_reads_a_renamed_table(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """A trigger of the table itself goes on to work."""
    url = database("mariadb")
    start(url, tmp_path / "m")
    with opened(url) as db:
        db.execute("CREATE VIEW names AS SELECT nick FROM users", *NAMING["mariadb"])
    metadata = sa.MetaData()
    sa.Table("people", metadata, sa.Column("id", sa.Integer, primary_key=True), nick())
    draft = Project(url, metadata, tmp_path / "m").draft("rename", renames=["users:people"])
    assert draft is not None and draft.plan is not None
    [finding] = draft.plan.findings
    assert finding.message == (
        "view names reads table users, which the migration renames: the view would no longer work"
    )


def test_a_view_that_the_rehearsal_cannot_see(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Views that are excluded or in another schema are reported as errors by generate."""
    url = database("postgresql")
    start(url, tmp_path / "m")
    with opened(url) as db:
        db.execute(
            "CREATE SCHEMA reports",
            "CREATE VIEW reports.names AS SELECT nick FROM users",
            "CREATE VIEW reports.ids AS SELECT id FROM users",
            "CREATE VIEW hidden AS SELECT nick FROM users",
        )
    for metadata, word in ((models(), "drops"), (models(nick(20)), "gives another type")):
        project = Project(url, metadata, tmp_path / "m", exclude_tables="hidden")
        draft = project.draft("x")
        assert draft is not None and draft.plan is not None
        assert [finding.message for finding in draft.plan.findings] == [
            f"view {name} reads users.nick, which the migration {word}: the migration would fail"
            for name in ("hidden", "reports.names")
        ]
        assert {finding.severity for finding in draft.plan.findings} == {"error"}


def test_a_view_that_is_recreated(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """The migration drops and recreates the view around a type change, so there is no finding."""
    url = database("postgresql")
    start(url, tmp_path / "m")
    with opened(url) as db:
        db.execute("CREATE VIEW names AS SELECT nick FROM users")
    draft = Project(url, models(nick(20)), tmp_path / "m").draft("x")
    assert draft is not None and draft.plan is not None
    assert draft.plan.findings == ()


RENAMED = {
    "column": ("CREATE VIEW v AS SELECT id, a FROM t WHERE kind <> 'x'", "t.kind:sort"),
    "table": ("CREATE VIEW v AS SELECT id, a FROM t", "t:things"),
    "type": ("CREATE VIEW v AS SELECT id, a FROM t WHERE kind <> 'x'", "kind:sort"),
    "value": ("CREATE VIEW v AS SELECT id, a FROM t WHERE kind <> 'x'", "kind.x:z"),
    "type in a schema": (
        "CREATE VIEW v AS SELECT id, a FROM t WHERE kind <> 'x'",
        "shop.kind:sort",
    ),
}


@pytest.mark.parametrize("what", RENAMED)
def test_a_recreated_view_that_reads_a_renamed_object(
    database: Callable[[str], sa.URL], tmp_path: Path, what: str
) -> None:
    """It would get its old text, so the rename is refused with a hint; alone, it is allowed."""
    view, rename = RENAMED[what]

    def declare(*, renamed: bool, length: int) -> sa.MetaData:
        metadata = sa.MetaData()
        new = what if renamed else ""
        sa.Table(
            "things" if new == "table" else "t",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("a", sa.String(length)),
            sa.Column(
                "sort" if new == "column" else "kind",
                sa.Enum(
                    "y",
                    "z" if new == "value" else "x",
                    name="sort" if new.startswith("type") else "kind",
                    schema="shop" if what == "type in a schema" else None,
                ),
            ),
        )
        return metadata

    url = database("postgresql")
    project = Project(url, declare(renamed=False, length=5), tmp_path)
    project.generate("first")
    project.upgrade()
    with opened(url) as db:
        db.execute(view)
    with pytest.raises(RehearsalFailedError) as caught:
        Project(url, declare(renamed=True, length=9), tmp_path).draft("both", renames=[rename])
    changed = {
        "column": "reads t.kind",
        "table": "reads table t",
        "type": "names enum kind",
        "type in a schema": "names enum shop.kind",
        "value": "names kind.x",
    }[what]
    assert caught.value.problems[0] == (
        f"view v {changed}, which the migration renames: the migration would fail"
    )
    assert caught.value.hint == (
        "rename it in an earlier migration, which the view then follows; or create the view again "
        "with the new name in this migration, with op.drop_view and op.create_view"
    )
    for length in (5, 9):
        project = Project(url, declare(renamed=True, length=length), tmp_path)
        project.generate(f"length {length}", renames=[rename] if length == 5 else [])
        project.upgrade()
    assert not project.check()


def test_a_view_over_a_replaced_column(any_database: sa.URL, tmp_path: Path) -> None:
    """The column has its name again when the view reads it, so there is no finding."""

    def spelled(function: str) -> sa.MetaData:
        computed = sa.Computed(f"{function}(nick)", persisted=True)
        return models(nick(), sa.Column("spelled", sa.String(10), computed))

    project = Project(any_database, spelled("lower"), tmp_path / "m")
    project.generate("users")
    project.upgrade()
    with opened(any_database) as db:
        db.execute("CREATE VIEW names AS SELECT spelled FROM users")
    draft = Project(any_database, spelled("upper"), tmp_path / "m").draft("x")
    assert draft is not None and draft.plan is not None
    assert draft.plan.operations
    assert draft.plan.findings == ()


def items(expression: str = "a + 1", unique: str = "a", *others: str) -> sa.MetaData:
    """Return models of a table with a computed column, two indexes and a unique constraint."""
    metadata = sa.MetaData()
    columns = (sa.Column(name, sa.Integer, nullable=False) for name in ("a", "b", *others))
    sa.Table(
        "items",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        *columns,
        sa.Column("total", sa.Integer, sa.Computed(expression, persisted=True)),
        sa.UniqueConstraint(unique, name="once"),
        sa.Index("by_total", "total"),
    )
    return metadata


LOST = "the setting would be lost"


@pytest.mark.parametrize(
    ("metadata", "messages"),
    [
        (
            items("a + 2"),
            [
                f"table items has CLUSTER ON by_total, which the migration drops and creates "
                f"again: {LOST}",
                "grant SELECT to PUBLIC uses items.total, which the migration drops and adds "
                "again: the grant would be lost",
                "statistics pairs uses items.total, which the migration drops and adds again: the "
                "statistics would be lost",
            ],
        ),
        (
            items(unique="b"),
            [
                "table items has REPLICA IDENTITY USING INDEX once, which the migration drops and "
                f"creates again: {LOST}"
            ],
        ),
        (items("a + 1", "a", "c"), []),
    ],
    ids=["replaced column", "recreated constraint", "other change"],
)
def test_settings_that_go_with_a_column_or_an_index(
    database: Callable[[str], sa.URL], metadata: sa.MetaData, messages: list[str], tmp_path: Path
) -> None:
    """Each is named before it is lost: no model declares it, so nothing creates it again."""
    url = database("postgresql")
    project = Project(url, items(), tmp_path / "m")
    project.generate("first")
    project.upgrade()
    with opened(url) as db:
        db.execute(
            "ALTER TABLE items REPLICA IDENTITY USING INDEX once",
            "ALTER TABLE items CLUSTER ON by_total",
            "CREATE STATISTICS pairs ON a, total FROM items",
            "GRANT SELECT (total) ON items TO PUBLIC",
        )
    findings = Project(url, metadata, tmp_path / "m").diff().findings
    lost = [finding.message for finding in findings if "would be lost" in finding.message]
    assert lost == messages


def test_a_dropped_index_that_identifies_rows(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A dropped column takes it along; the order of the rows needs no word then."""
    url = database("postgresql")
    project = Project(url, items(), tmp_path / "m")
    project.generate("first")
    project.upgrade()
    with opened(url) as db:
        db.execute(
            "ALTER TABLE items REPLICA IDENTITY USING INDEX once",
            "ALTER TABLE items CLUSTER ON once",
        )
    metadata = sa.MetaData()
    sa.Table("items", metadata, sa.Column("id", sa.Integer, primary_key=True))
    findings = Project(url, metadata, tmp_path / "m").diff(assume="drop-and-add").findings
    assert [finding.message for finding in findings if finding.code == "setting-lost"] == [
        "table items has REPLICA IDENTITY USING INDEX once, which the migration drops: the "
        "setting would be lost"
    ]


def test_a_table_of_the_models_that_is_a_view(any_database: sa.URL, tmp_path: Path) -> None:
    """The error has a hint: tools that generate models declare views as tables."""
    start(any_database, tmp_path / "m")
    with opened(any_database) as db:
        db.execute("CREATE VIEW names AS SELECT id FROM users")
    metadata = models(nick())
    sa.Table("names", metadata, sa.Column("id", sa.Integer))
    project = Project(any_database, metadata, tmp_path / "m")
    message = "names is a table in the models and a view in the database"
    assert [finding.message for finding in project.diff().findings] == [message]
    with pytest.raises(RehearsalFailedError, match=message) as caught:
        project.generate("names")
    assert caught.value.hint is not None and "exclude_tables" in caught.value.hint
    assert (
        Project(any_database, metadata, tmp_path / "m", exclude_tables=["names"]).generate("names")
        is None
    )
