"""Test that converted histories, run from empty, make the schema that Alembic's own run makes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from autodiff import Project
from autodiff.commands.adopt.script_text import ScriptSettings, convert_text
from autodiff.errors import ConfigError
from autodiff.migrations import read_migration
from autodiff.migrations.files import parse_alembic
from tests.support import Database, opened

ENV = """
import sqlalchemy as sa
from alembic import context

CONVENTION = {convention!r}
target_metadata = sa.MetaData(naming_convention=CONVENTION)
engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
TABLES = """
op.create_table("p", sa.Column("id", sa.Integer, primary_key=True))
op.create_table(
    "c",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("p_id", sa.Integer),
    sa.Column("a", sa.Integer),
    sa.ForeignKeyConstraint(["p_id"], ["p.id"]),
    sa.UniqueConstraint("a"),
)
"""


class History:
    """A folder of Alembic, a database that Alembic upgrades and one that autodiff upgrades."""

    def __init__(self, root: Path, urls: list[sa.URL], convention: dict[str, str]) -> None:
        self.root = root
        self.theirs, self.own = urls
        self.convention = convention
        self.versions = root / "alembic" / "versions"
        self.versions.mkdir(parents=True)
        (root / "alembic" / "env.py").write_text(ENV.format(convention=convention))

    def write(
        self, revision: str, body: str, down_revision: Any, head: str = "", **more: Any
    ) -> None:
        """Write a revision; `head` takes the place of the import of `op`."""
        fields = {"revision": revision, "down_revision": down_revision, **more}
        lines = [
            f'"""step {revision}"""',
            head or "from alembic import op",
            "import sqlalchemy as sa",
        ]
        lines += [f"{name} = {value!r}" for name, value in fields.items()]
        lines += [
            "def upgrade():",
            *(f"    {line}" for line in body.strip().splitlines() or ["pass"]),
        ]
        lines += ["def downgrade():", "    pass"]
        (self.versions / f"{revision}.py").write_text("\n".join(lines) + "\n")

    def run(self, **settings: Any) -> None:
        """Upgrade one database with Alembic and the other with autodiff, and compare them."""
        config = Config()
        config.set_main_option("script_location", str(self.root / "alembic"))
        url = self.theirs.render_as_string(hide_password=False)
        config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
        command.upgrade(config, "heads")
        metadata = sa.MetaData(naming_convention=self.convention)
        sa.Table("unrelated", metadata, sa.Column("id", sa.Integer, primary_key=True))
        project = Project(self.own, metadata, self.root / "m", **settings)
        converted = project.convert(self.root / "alembic")
        assert converted.notes == ()
        for path, text in {**converted.texts, **converted.helpers}.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        shutil.rmtree(self.root / "alembic")
        project.upgrade("heads")
        assert described(self.own) == described(self.theirs)


def described(url: sa.URL) -> dict[str, Any]:
    """Return what SQLAlchemy reads of each table."""
    found = {}
    with opened(url) as db:
        inspector = sa.inspect(db.connection)
        for table in inspector.get_table_names():
            if table.startswith(("autodiff_", "alembic_")):
                continue
            key = inspector.get_pk_constraint(table)
            found[table] = {
                "columns": {
                    c["name"]: (str(c["type"]), c["nullable"], c["default"])
                    for c in inspector.get_columns(table)
                },
                "key": (key["name"], key["constrained_columns"]),
                "foreign keys": parts(inspector.get_foreign_keys(table), "constrained_columns"),
                "uniques": parts(inspector.get_unique_constraints(table), "column_names"),
                "checks": parts(inspector.get_check_constraints(table), "sqltext"),
                "indexes": parts(inspector.get_indexes(table), "column_names"),
                "rows": rows(db, table, sorted(c["name"] for c in inspector.get_columns(table))),
            }
    return found


def rows(db: Database, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    return sorted(db.rows(f"SELECT {', '.join(columns)} FROM {table}"), key=str)


def parts(items: Any, key: str) -> list[tuple[Any, ...]]:
    return sorted((str(i.get("name")), str(i[key]), str(i.get("options"))) for i in items)


@pytest.fixture
def history(
    database: Callable[[str], sa.URL], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[History]:
    """Yield a history on SQLite, or on the kind of database that a test is parametrized with."""
    kind, convention = getattr(request, "param", ("sqlite", {}))
    known = set(sys.modules)
    yield History(tmp_path, [database(kind), database(kind)], convention)
    for name in set(sys.modules) - known:
        if name.startswith("autodiff_migration_"):
            del sys.modules[name]


everywhere = pytest.mark.parametrize(
    "history", [(kind, {}) for kind in ("sqlite", "postgresql", "mariadb")], indirect=True
)
alembic_replaces_keys = pytest.mark.filterwarnings(
    "ignore:.*specifies columns 'id'.* as primary_key=True"
)
on_mariadb = pytest.mark.parametrize("history", [("mariadb", {})], indirect=True)
with_convention = pytest.mark.parametrize(
    "history", [(kind, CONVENTION) for kind in ("sqlite", "postgresql")], indirect=True
)


@everywhere
def test_a_graph(history: History) -> None:
    """Branches, a merge, a dependency, a second base and rows."""
    history.write("a1", 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))', None)
    history.write("b1", 'op.add_column("t", sa.Column("b", sa.String(9)))', "a1")
    history.write("b2", 'op.add_column("t", sa.Column("c", sa.Integer))', "a1")
    history.write("m1", "", ("b1", "b2"))
    rows = """
t = sa.table("t", sa.column("id"), sa.column("b"), sa.column("c"))
op.bulk_insert(t, [{"id": 1, "b": "x", "c": 1}, {"id": 2, "b": "y", "c": 2}])
op.get_bind().execute(sa.update(t).where(t.c.id == 2).values(b="z"))
op.execute("UPDATE t SET c = 3 WHERE id = 1", execution_options={"autocommit": False})
"""
    history.write("m2", rows, "m1")
    other = 'op.create_table("o", sa.Column("id", sa.Integer, primary_key=True))'
    history.write("z1", other, None, branch_labels=("other",), depends_on="m2")
    history.run()


@with_convention
def test_the_naming_convention_of_the_metadata(history: History) -> None:
    """Names follow it, except those that op.f() marks; a dropped check gets the prefix too."""
    check = (
        'sa.CheckConstraint("a > 0", name="positive"), sa.CheckConstraint("a < 9", name=op.f("x"))'
    )
    body = TABLES.replace('sa.UniqueConstraint("a"),', f'sa.UniqueConstraint("a"), {check},')
    history.write("a1", body + 'op.create_index(None, "c", ["p_id"])', None)
    more = """
with op.batch_alter_table("c") as batch:
    batch.drop_constraint("uq_c_a", type_="unique")
    batch.drop_constraint("positive", type_="check")
    batch.create_unique_constraint(None, ["a", "p_id"])
"""
    history.write("a2", more, "a1")
    history.run()


def assign_convention(history: History, value: str) -> None:
    """Let env.py assign a naming convention to the MetaData, and the models have none."""
    env = history.root / "alembic" / "env.py"
    text = ENV.format(convention=CONVENTION).replace(
        "sa.MetaData(naming_convention=CONVENTION)",
        f"sa.MetaData()\ntarget_metadata.naming_convention = {value}",
    )
    env.write_text(text)


@pytest.mark.parametrize("value", ["CONVENTION", repr(CONVENTION)], ids=["name", "dict"])
@pytest.mark.parametrize(
    "history", [(kind, {}) for kind in ("sqlite", "postgresql")], indirect=True
)
def test_a_naming_convention_that_env_py_assigns(history: History, value: str) -> None:
    """Alembic uses it instead of that of the models."""
    assign_convention(history, value)
    history.write("a1", TABLES, None)
    body = """
with op.batch_alter_table("c") as batch:
    batch.drop_constraint("fk_c_p_id_p", type_="foreignkey")
"""
    history.write("a2", body, "a1")
    history.run()


def test_a_naming_convention_that_env_py_computes(history: History) -> None:
    """The conversion, which does not run env.py, is refused with the line."""
    assign_convention(history, "dict(CONVENTION)")
    history.write("a1", TABLES, None)
    with pytest.raises(ConfigError, match=r"env\.py:7 assigns a naming convention") as error:
        history.run()
    assert "naming_convention" in (error.value.hint or "")
    assert not (history.root / "m").exists()


@pytest.mark.parametrize("recreate", ["auto", "always"])
def test_the_naming_convention_of_a_batch(history: History, recreate: str) -> None:
    """It names the constraints that have no name, so that they can be dropped."""
    history.write("a1", TABLES, None)
    body = f"""
names = {CONVENTION!r}
with op.batch_alter_table("c", naming_convention=names, recreate={recreate!r}) as batch:
    batch.drop_constraint("fk_c_p_id_p", type_="foreignkey")
"""
    history.write("a2", body, "a1")
    history.run()


@alembic_replaces_keys
@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ("", 'batch.create_primary_key("pk_new", ["id", "a"])'),
        (
            "",
            'batch.drop_constraint("pk_c", type_="primary"); batch.create_primary_key("k", ["a"])',
        ),
        ("table_args=(sa.UniqueConstraint('p_id', name='u'),)", 'batch.drop_column("a")'),
        (
            "reflect_args=[sa.Column('a', sa.BigInteger)]",
            'batch.alter_column("p_id", nullable=False)',
        ),
        (
            "table_kwargs={'sqlite_autoincrement': True}",
            'batch.alter_column("p_id", nullable=False)',
        ),
        (
            "reflect_args=[sa.CheckConstraint('a > 1', name='ck')]",
            'batch.alter_column("p_id", nullable=False)',
        ),
        ("copy_from=copied", 'batch.drop_constraint("named", type_="unique")'),
        ("recreate='never'", 'batch.add_column(sa.Column("x", sa.Integer))'),
    ],
)
def test_arguments_of_a_batch(history: History, arguments: str, body: str) -> None:
    """Those that Alembic applies when it recreates a table have the same effect."""
    autoincrement = "sqlite_autoincrement" in arguments
    key = "" if autoincrement else ', sa.PrimaryKeyConstraint("id", name="pk_c")'
    column = f'sa.Column("id", sa.Integer, nullable=False, primary_key={autoincrement})'
    columns = f'{column}, sa.Column("p_id", sa.Integer), sa.Column("a", sa.Integer, nullable=False)'
    history.write("a1", f'op.create_table("c", {columns}{key}, sa.UniqueConstraint("a"))', None)
    lines = [f'copied = sa.Table("c", sa.MetaData(), {columns}{key},']
    lines += ['    sa.UniqueConstraint("a", name="named"))']
    lines += [f'with op.batch_alter_table("c", {arguments}) as batch:', f"    {body}"]
    history.write("a2", "\n".join(lines), "a1")
    history.run()


@alembic_replaces_keys
@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ("", 'batch.create_primary_key("k", ["id", "p_id"])'),
        ("", 'batch.create_primary_key("k", ["p_id"])'),
        (
            "",
            'batch.drop_constraint("pk_c", type_="primary")\n'
            '    batch.create_primary_key("k", ["id", "p_id"])',
        ),
        (
            "",
            'batch.add_column(sa.Column("x", sa.Integer, server_default="1"))\n'
            '    batch.add_column(sa.Column("y", sa.Integer, nullable=True))\n'
            '    batch.create_primary_key("k", ["id", "p_id", "x", "y"])',
        ),
        (
            "",
            'batch.create_primary_key("k", ["id", "a"])\n'
            '    batch.alter_column("a", nullable=False)',
        ),
        ("reflect_args=[sa.Column('a', sa.Text)]", 'batch.create_primary_key("k", ["id", "a"])'),
        ("copy_from=copied", 'batch.alter_column("a", type_=sa.Text)'),
    ],
)
def test_nullable_columns_in_the_key_of_a_batch(
    history: History, arguments: str, body: str
) -> None:
    """They stay nullable with their rows, as SQLite allows; SQLAlchemy decides for new columns."""
    id_ = 'sa.Column("id", sa.Integer, nullable=False)'
    columns = f'{id_}, sa.Column("p_id", sa.Integer), sa.Column("a", sa.String(9))'
    key = 'sa.PrimaryKeyConstraint("id", name="pk_c")'
    history.write("a1", f'op.create_table("c", {columns}, {key})', None)
    history.write("a2", "op.execute(\"INSERT INTO c VALUES (1, NULL, 'x')\")", "a1")
    null = 'sa.Column("p_id", sa.Integer, nullable=True), sa.Column("a", sa.String(9))'
    new_key = 'sa.PrimaryKeyConstraint("id", "p_id", "a", name="pk_c")'
    lines = [f'copied = sa.Table("c", sa.MetaData(), {id_}, {null}, {new_key})']
    lines += [f'with op.batch_alter_table("c", {arguments}) as batch:', f"    {body}"]
    history.write("a3", "\n".join(lines), "a2")
    history.run()


@everywhere
def test_foreign_keys_that_are_added_later(history: History) -> None:
    """`use_alter` leaves them out of CREATE TABLE, except on SQLite."""
    key = 'sa.ForeignKeyConstraint(["b_id"], ["b.id"], name="fk_a_b", use_alter=True)'
    body = f"""
op.create_table("a", sa.Column("id", sa.Integer, primary_key=True), sa.Column("b_id", sa.Integer),
    {key})
op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
if op.get_context().dialect.supports_alter:
    op.create_foreign_key("fk_a_b", "a", "b", ["b_id"], ["id"])
"""
    history.write("a1", body, None)
    history.run()


@on_mariadb
def test_names_that_the_server_gives(history: History) -> None:
    """Later revisions drop unnamed constraints, and indexes of foreign keys, by these names."""
    extra = """
    sa.UniqueConstraint("a", "p_id"), sa.ForeignKeyConstraint(["a"], ["p.id"]),
    sa.CheckConstraint("a > 1"), sa.CheckConstraint("a > 2"),
    sa.ForeignKeyConstraint(["a", "p_id"], ["k.x", "k.y"], name="fk_named"),"""
    key = 'op.create_table("k", *(sa.Column(n, sa.Integer, primary_key=True) for n in "xy"))'
    body = TABLES.replace('sa.UniqueConstraint("a"),', 'sa.UniqueConstraint("a"),' + extra)
    history.write("a1", key + body, None)
    add = """
op.create_foreign_key(None, "c", "p", ["a"], ["id"])
op.create_unique_constraint(None, "c", ["a"])
op.create_check_constraint(None, "c", "a > 3")
op.add_column("c", sa.Column("x", sa.Integer, sa.ForeignKey("p.id"), unique=True))
"""
    history.write("a2", add, "a1")
    drop = """
op.drop_constraint("c_ibfk_1", "c", type_="foreignkey")
op.drop_index("p_id", "c")
op.drop_constraint("a_3", "c", type_="unique")
op.drop_constraint("CONSTRAINT_1", "c", type_="check")
op.rename_table("c", "d")
op.drop_constraint("d_ibfk_4", "d", type_="foreignkey")
op.create_foreign_key(None, "d", "p", ["x"], ["id"])
"""
    history.write("a3", drop, "a2")
    history.run()


@on_mariadb
def test_names_of_indexes_for_foreign_keys(history: History) -> None:
    """They depend on the order of the constraints."""
    columns = "*(sa.Column(name, sa.Integer) for name in 'xyz')"
    key = 'sa.ForeignKeyConstraint(["x", "y"], ["p.a", "p.b"])'
    unique = 'sa.UniqueConstraint("x", "z")'
    body = f"""
op.create_table("p", *(sa.Column(name, sa.Integer, primary_key=True) for name in "ab"))
op.create_table("c", {columns}, {key}, {unique})
op.create_table("d", {columns}, {unique}, {key})
"""
    history.write("a1", body, None)
    history.run()


def test_one_column_for_several_tables(history: History) -> None:
    for_both = """
column = sa.Column("x", sa.Integer)
for name in ("p", "c"):
    op.add_column(name, column)
"""
    history.write("a1", TABLES, None)
    history.write("a2", for_both, "a1")
    history.run()


CONTEXT = """
assert not context.is_offline_mode() and context.get_x_argument() == []
assert context.config.get_main_option("sqlalchemy.url").startswith("sqlite")
assert op.get_context().config.get_section("nothing", {}) == {}
assert op.get_context().version_table == "alembic_version"
assert op.get_context().opts["target_metadata"].naming_convention
assert not op.get_context().as_sql and op.get_context().impl.dialect.name == "sqlite"
assert context.get_context().environment_context.is_offline_mode() is False
context.get_bind().execute(sa.text("CREATE TABLE t (id INTEGER PRIMARY KEY)"))
context.execute("INSERT INTO t VALUES (1)")
"""
ASYNC = """
async def add(connection, value):
    await connection.run_sync(lambda c: c.execute(sa.text("CREATE TABLE t (id INTEGER)")))
    await connection.execute(sa.text("INSERT INTO t VALUES (:v)"), {"v": value})
op.run_async(add, 5)
"""
CUSTOM = """
from alembic.operations import MigrateOperation, Operations
@Operations.register_operation("create_pair")
class CreatePair(MigrateOperation):
    def __init__(self, name):
        self.name = name
    @classmethod
    def create_pair(cls, operations, name):
        return operations.invoke(cls(name))
@Operations.implementation_for(CreatePair)
def create_pair(operations, operation):
    operations.execute(f"CREATE TABLE {operation.name}_1 (id INTEGER)")
    operations.get_bind().exec_driver_sql(f"CREATE TABLE {operation.name}_2 (id INTEGER)")
"""


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("from alembic import context, op", CONTEXT),
        ("import alembic", "alembic.op.execute('CREATE TABLE t (id INTEGER)')"),
        ("from alembic import op" + CUSTOM, 'op.create_pair("t"); op.invoke(CreatePair("u"))'),
    ],
    ids=["context", "module", "operation"],
)
def test_names_of_alembic(history: History, head: str, body: str) -> None:
    """Scripts can use Alembic's context and custom operations."""
    history.write("a1", body, None, head=head)
    history.run()


def test_asynchronous_functions(history: History) -> None:
    """They receive a connection, although the driver is not asynchronous as Alembic requires."""
    history.write("a1", ASYNC, None)
    project = Project(history.own, directory=history.root / "m")
    project.convert(history.root / "alembic").write()
    project.upgrade()
    with opened(history.own) as db:
        assert db.rows("SELECT id FROM t") == [(5,)]


def test_helper_modules(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that use Alembic are copied; a script imports the copy in each spelling."""
    package = history.root / "shop_tools"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "tables.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nfrom .names import key\n"
        "def create(name):\n    op.create_table(name, key())\n"
    )
    (package / "names.py").write_text(
        "import sqlalchemy as sa\ndef key():\n    return sa.Column('id', sa.Integer)\n"
    )
    monkeypatch.syspath_prepend(str(history.root))
    op_import = "from alembic import op\n"
    history.write(
        "a1", 'create("t")', None, head=op_import + "from shop_tools.tables import create"
    )
    history.write(
        "a2", 'tables.create("u")', "a1", head=op_import + "from shop_tools import tables"
    )
    history.write("a3", 'h.create("v")', "a2", head=op_import + "import shop_tools.tables as h")
    history.write("a4", "key()", "a3", head=op_import + "from shop_tools.names import key")
    inner = package / "inner"
    inner.mkdir()
    (inner / "__init__.py").write_text("from .made import make\nfrom . import other as other\n")
    (inner / "made.py").write_text("from alembic import op\n\ndef make(sql): op.execute(sql)\n")
    (inner / "other.py").write_text("import alembic.op\nrun = alembic.op.execute\n")
    history.write(
        "a5",
        "inner.made.make('SELECT 1'); make('SELECT 2'); other.run('SELECT 3')",
        "a4",
        head="from shop_tools import inner\nfrom shop_tools.inner import make, other",
    )
    history.run()
    assert (history.root / "m" / "_tables.py").read_text().splitlines()[1:3] == [
        "from autodiff import op",
        "from shop_tools.names import key",
    ]
    assert "from shop_tools.names import key" in (history.root / "m" / "0004_a4.py").read_text()


def test_helper_modules_in_folders_of_the_setting_path(history: History) -> None:
    """They are copied like those in the root of the project."""
    (history.root / "lib").mkdir()
    (history.root / "lib" / "shop_lib.py").write_text(
        "from alembic import op\ndef run():\n    op.execute('SELECT 1')\n"
    )
    history.write("a1", "run()", None, head="from shop_lib import run")
    metadata = sa.MetaData()
    project = Project(history.own, metadata, history.root / "m", path=history.root / "lib")
    assert [p.name for p in project.convert(history.root / "alembic").helpers] == ["_shop_lib.py"]


@pytest.mark.parametrize(
    "head",
    [
        "from shop_site.helpers import tables",
        "from shop_site import helpers",
        "import shop_site.helpers as h",
    ],
)
def test_helper_modules_outside_the_project(
    history: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, head: str
) -> None:
    """They are not copied: a message names the line and the module, which is not imported."""
    package = tmp_path / "elsewhere" / "shop_site"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError\n")
    (package / "helpers.py").write_text("from alembic import op\ndef tables(): op.get_bind()\n")
    monkeypatch.syspath_prepend(str(package.parent))
    history.write("a1", "pass", None, head=f"import json\n{head}")
    project = Project(history.own, sa.MetaData(), history.root / "m")
    reason = "a1.py:3 imports shop_site.helpers, which uses Alembic and is outside the project"
    with pytest.raises(ConfigError, match=reason):
        project.convert(history.root / "alembic")


@pytest.mark.parametrize(
    ("head", "body", "reason"),
    [
        ("", "op.create_entity(1)", "uses op.create_entity, which has no counterpart"),
        ("", "op.get_context().script", "uses op.get_context().script, which has no counterpart"),
        ("from alembic import context", "context.configure()", "uses context.configure, which"),
        ("import alembic", "alembic.util.msg('x')", "uses alembic.util"),
        ("from alembic.op import create_entity", "create_entity()", "imports create_entity"),
        ("import importlib", "importlib.import_module('alembic.op')", "imports alembic: importlib"),
        (
            "from alembic import op\ndef read(operations):\n    operations.get_context().script",
            "",
            "a1.py:4 uses operations.get_context().script",
        ),
        ("", "open(__file__)", "a1.py:7 uses __file__, which is in another folder"),
        ("", "with op.batch_alter_table('t') as b:\n    b.sync_enum()", "uses b.sync_enum"),
    ],
)
def test_what_cannot_be_converted(history: History, head: str, body: str, reason: str) -> None:
    """A message names the file, the line and what has no counterpart."""
    history.write("a1", body, None, head=head)
    [problem] = convert_text(read_migration(history.versions / "a1.py")).problems
    assert problem.startswith("a1.py:")
    assert reason in problem


@pytest.mark.parametrize(
    ("arguments", "body", "reason"),
    [
        ("partial_reordering=[('b', 'a')]", "b.drop_column('x')", "passes partial_reordering"),
        ("reflect_kwargs={'listeners': []}", "b.drop_column('x')", "passes reflect_kwargs"),
        ("recreate='always'", "b.add_column(c, insert_after='x')", "a1.py:8 passes insert_after"),
        ("", "b.alter_column('x', insert_before='y')", "a1.py:8 passes insert_before"),
        ("", "b.add_column(c, insert_after='x')", None),
        ("recreate='never'", "b.alter_column('x', insert_before='y')", None),
        ("partial_reordering=None", "b.drop_column('x')", None),
    ],
)
def test_arguments_of_a_batch_without_counterpart(
    history: History, arguments: str, body: str, reason: str | None
) -> None:
    """They are named if Alembic recreates the table, and have no effect otherwise."""
    history.write("a1", f"with op.batch_alter_table('t', {arguments}) as b:\n    {body}", None)
    problems = convert_text(read_migration(history.versions / "a1.py")).problems
    assert [reason in problem for problem in problems] == ([] if reason is None else [True])
    elsewhere = ScriptSettings(recreates_tables=False)
    others = convert_text(read_migration(history.versions / "a1.py"), elsewhere).problems
    assert bool(others) == ("always" in arguments)


def test_lines_of_python_only(history: History) -> None:
    """Lines are counted as Python does, and the copy is in UTF-8."""
    history.write("a1", TABLES + 'op.execute("UPDATE c SET a = 1")', None)
    path = history.versions / "a1.py"
    head = "# coding: latin-1\n# é\x0c\nx = 'a\x85b'\n"
    path.write_bytes((head + path.read_text()).encode("latin-1"))
    history.run()
    text = (history.root / "m" / "0001_a1.py").read_text()
    assert text.startswith("# coding: utf-8\n# é\x0c\n")


def test_arguments_for_x(history: History) -> None:
    """They are written into the scripts that read them."""
    body = 'assert context.get_x_argument(as_dictionary=True) == {"a": "1", "b": ""}'
    history.write("a1", body, None, head="from alembic import context")
    project = Project(history.own, directory=history.root / "m")
    project.convert(history.root / "alembic", x=["a=1", "b"]).write()
    assert len(project.upgrade()) == 1


def test_all_tables_are_those_of_the_application(history: History) -> None:
    """A script that copies all tables does not find those of autodiff."""
    body = """
for name in sa.inspect(op.get_bind()).get_table_names():
    if name != "alembic_version":
        op.create_table("copy_of_" + name, sa.Column("id", sa.Integer))
assert op.get_context().bind is op.get_bind()
"""
    history.write("a1", TABLES, None)
    history.write("a2", body, "a1")
    history.run()


def test_modules_that_alembic_imports(history: History) -> None:
    """The copy imports the modules that the script uses without importing them."""
    body = "sa.orm.Session; sa.dialects.postgresql.JSONB; sa.text('x').compile; sa.Enum.name"
    history.write("a1", body, None)
    text = convert_text(read_migration(history.versions / "a1.py")).text
    modules = "import sqlalchemy.dialects; import sqlalchemy.dialects.postgresql"
    assert f"import sqlalchemy as sa; {modules}; import sqlalchemy.orm\n" in text


def test_upgrade_that_is_no_function(history: History) -> None:
    """The line of its assignment is named."""
    path = history.versions / "a1.py"
    path.write_text("revision = 'a1'\ndown_revision = None\nupgrade = lambda: None\n")
    problems = convert_text(parse_alembic(path)).problems
    assert problems == ("a1.py:3 it has no upgrade() that is written with def",)


def test_arguments_of_upgrade(history: History) -> None:
    """A script for several databases cannot be called by the runner."""
    history.write("a1", "pass", None)
    path = history.versions / "a1.py"
    path.write_text(path.read_text().replace("upgrade()", "upgrade(engine_name)"))
    assert convert_text(read_migration(path)).problems == (
        "a1.py:6 upgrade(engine_name) is called without arguments here",
    )
