"""Each invalid input ends with one clear message, a hint and exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project, diff
from autodiff.errors import ConfigError, DatabaseError, RenameUndecidedError
from autodiff.utils.connections import mask_passwords, open_connection, parse_url
from tests.hostile.project import CONFIG, MODELS, SmallProject


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    return SmallProject.create(tmp_path_factory.mktemp("messages") / "original")


@pytest.fixture
def project(original: SmallProject, tmp_path: Path) -> SmallProject:
    return original.copy(tmp_path / "project")


def refused(project: SmallProject, *arguments: str) -> str:
    """Return the message of a command that must be refused with a hint."""
    result = project.run(*arguments)
    assert result.code == 2, result
    assert "bug in autodiff" not in result.err and "Traceback" not in result.err, result.err
    assert result.out == "" and result.err.count("error: ") == 1
    message, _, hint = result.err.removeprefix("error: ").partition("\nhint: ")
    assert hint.strip()
    return message


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(3)",
        "raise GeneratorExit",
        "class Stop(BaseException): pass\nraise Stop('now')",
        "import asyncio\nraise asyncio.CancelledError",
    ],
)
def test_models_that_end_the_process(project: SmallProject, code: str) -> None:
    """SystemExit and every other BaseException are errors of the models."""
    project.write("hostile_models.py", code)
    message = refused(project, "check")
    assert message.startswith("cannot import the models 'hostile_models:metadata': hostile_mod")


def test_models_beside_a_proxy(project: SmallProject) -> None:
    """A proxy that works only in a running application does not end the search for models."""
    proxy = """
class Proxy:
    def __getattribute__(self, name):
        raise RuntimeError("working outside of application context")

current = Proxy()
"""
    project.write("hostile_models.py", MODELS + proxy)
    project.write("autodiff.toml", CONFIG.replace("hostile_models:metadata", "hostile_models"))
    assert project.run("check").code == 0
    project.write("autodiff.toml", CONFIG.replace("models:metadata", "models:current.db"))
    assert "has no current.db" in refused(project, "check")


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e30", "true", '"5s"', "[5]"])
@pytest.mark.parametrize("name", ["lock_wait", "lock_timeout", "statement_timeout", "lock_retries"])
def test_numbers_out_of_range(project: SmallProject, name: str, value: str) -> None:
    """NaN, infinity and what no database accepts as a limit are refused by name."""
    project.write("autodiff.toml", f"{CONFIG}{name} = {value}")
    assert f"autodiff.toml: {name} must be a number from 0 to" in refused(project, "status")


def test_a_fraction_of_an_attempt(project: SmallProject) -> None:
    project.write("autodiff.toml", f"{CONFIG}lock_retries = 1.5")
    assert "lock_retries must be an integer, not 1.5" in refused(project, "status")


@pytest.mark.parametrize("value", ["float('nan')", "'nan'", "-1", "1e30", "'inf'", "True"])
def test_time_limits_of_a_migration(project: SmallProject, value: str) -> None:
    path = project.path / "migrations" / "0001_users.py"
    path.write_text(path.read_text().replace("revision =", f"lock_timeout = {value}\nrevision ="))
    assert "lock_timeout = " in refused(project, "history")


def test_limits_in_code_are_checked_too() -> None:
    with pytest.raises(ConfigError, match="lock_timeout must be a number"):
        Project("sqlite://", lock_timeout=float("nan"))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///app.db?timeout=x",
        "postgresql://127.0.0.1:1/x?nosuch=1",
        "postgresql+psycopg2://127.0.0.1:1/x?nosuch=1",
        "mysql://127.0.0.1:1/x?nosuch=1",
        "mariadb://127.0.0.1:1/x?connect_timeout=x",
        "postgresql://127.0.0.1:99999/x",
        f"mysql://{'é' * 70}/x",
    ],
)
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_options_of_a_url_that_the_driver_refuses(project: SmallProject, url: str) -> None:
    refused(project, "status", "--url", url)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("autodiff.toml", "status"),
        ("hostile_models.py", "check"),
        (".env", "status"),
        ("migrations/autodiff.lock", "check"),
        ("migrations/0001_users.py", "history"),
        ("migrations/0001_users.py", "show head"),
        ("templates/migration.py.j2", "generate -m x --dry-run"),
        ("targets.txt", "status --all"),
    ],
)
def test_files_that_are_not_utf8(project: SmallProject, name: str, command: str) -> None:
    """The message names the file."""
    extra = 'templates_dir = "templates"\ntargets.file = "targets.txt"\n'
    project.write("autodiff.toml", CONFIG + extra)
    project.write("hostile_models.py", MODELS.replace("sa.String(40)", "sa.Text()"))
    (project.path / "templates").mkdir()
    project.write("targets.txt", "sqlite:///app.db")
    project.write(name, b"\xff\xfe" + (name.encode() if "j2" in name else b""))
    message = refused(project, *command.split())
    assert name.rpartition("/")[2] in message or "template" in message


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other encodings")
@pytest.mark.parametrize("name", ["PYTHONIOENCODING", "LC_ALL"])
def test_a_terminal_without_unicode(project: SmallProject, name: str) -> None:
    """Lines are printed with escapes; code, which escapes would change, is refused."""
    models = MODELS.replace('"users"', '"größe"').replace('server_default="x"', "comment='ü 🚀'")
    project.write("hostile_models.py", models)
    environment = {k: v for k, v in os.environ.items() if k not in ("LANG", "LC_ALL")}
    environment |= {name: "ascii" if name == "PYTHONIOENCODING" else "C", "PYTHONUTF8": "0"}

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "autodiff", *arguments],
            cwd=project.path,
            env={**environment, "PYTHONCOERCECLOCALE": "0"},
            capture_output=True,
            check=False,
        )

    assume, allowed = ("--assume", "drop-and-add"), "--allow-drop"
    for arguments in (
        ("check",),
        ("check", "--json"),
        ("diff", *assume),
        ("generate", "-m", "größe", *assume, allowed),
    ):
        done = run(*arguments)
        assert done.returncode in (0, 1), done.stderr
        assert (done.stdout + done.stderr).isascii() and b"gr\\" in done.stdout + done.stderr
    done = run("show", "head")
    assert done.returncode == 2
    assert b"the encoding" in done.stderr and b"PYTHONIOENCODING=utf-8" in done.stderr


@pytest.mark.parametrize("target", ["0" * 5000, "+" + "9" * 5000, "9" * 5000, "head-" + "9" * 5000])
def test_targets_with_thousands_of_digits(project: SmallProject, target: str) -> None:
    assert "unknown migration" in refused(project, "upgrade", target)


def test_a_number_may_have_many_zeros(project: SmallProject) -> None:
    assert project.run("show", "0" * 5000 + "1").code == 0


def test_a_folder_that_links_to_itself(project: SmallProject) -> None:
    (project.path / "loop").symlink_to("loop")
    project.write("autodiff.toml", f'{CONFIG}migrations = "loop"\n')
    assert "is a link to a folder that does not exist" in refused(project, "upgrade")
    assert "loop" in refused(project, "status", "--config", "loop")


def test_a_file_in_the_place_of_the_folder(project: SmallProject) -> None:
    """Without this message, there would be nothing to do."""
    project.write("file", "")
    project.write("autodiff.toml", f'{CONFIG}migrations = "file"\n')
    for command in ("upgrade", "status", "history", "check"):
        assert "the migrations folder" in refused(project, command)


def test_json_that_is_nested_too_deeply(project: SmallProject) -> None:
    project.write("migrations/autodiff.lock", '{"version": 1, "heads": ' + "[" * 200_000)
    assert "its JSON is nested too deeply" in refused(project, "check")


def test_python_that_is_nested_too_deeply(project: SmallProject) -> None:
    path = project.path / "migrations" / "0001_users.py"
    path.write_text(path.read_text() + f"\nx = {'-' * 100_000}1\n")
    assert "0001_users.py" in refused(project, "upgrade")


@pytest.mark.parametrize("body", ["{{ 1 / 0 }}", "{{ nosuch }}", "{% if %}", "x = (", "\0"])
def test_templates_that_raise(project: SmallProject, body: str) -> None:
    """The message names the folder of the templates."""
    (project.path / "templates").mkdir()
    project.write("templates/migration.py.j2", body)
    project.write("hostile_models.py", MODELS.replace("sa.String(40)", "sa.Text()"))
    project.write("autodiff.toml", f'{CONFIG}templates_dir = "templates"\n')
    assert "template" in refused(project, "generate", "-m", "x")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("progress", "[" * 100_000),
        ("progress", '{"steps": "x"}'),
        ("progress", '{"position": "{}"}'),
        ("progress", '{"nosuch": 1}'),
        ("name", b"\xff"),
        ("kind", "nosuch"),
        ("started_at", "yesterday"),
        ("seconds", ""),
        ("seconds", b"\xff"),
    ],
)
def test_rows_of_the_journal(project: SmallProject, column: str, value: object) -> None:
    """The message names the table."""
    project.execute(f"UPDATE autodiff_journal SET outcome = 'running', {column} = ?", value)
    for command in ("status", "upgrade"):
        assert "of the table autodiff_journal" in refused(project, command)


# Secrets


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cr@et@db.test/app",
        "postgresql://ann:s3@cret/x@db.test/app",
        "mysql://ann:s@s3cret?a=b@db.test/app",
        "postgresql://ann:s@s3cret:1/x@db.test",
    ],
)
def test_a_password_with_an_at_sign(project: SmallProject, url: str) -> None:
    """SQLAlchemy would take the rest of the password for the host."""
    message = refused(project, "status", "--url", url)
    assert message.startswith("cannot parse the database URL") and "cret" not in message


@pytest.mark.parametrize(
    "line", ['url = ["x://u:s3cret@h"]', 'scratch_url = {a = "s3cret"}', 'targets = "s3cret"']
)
def test_a_setting_of_another_type_is_not_printed(project: SmallProject, line: str) -> None:
    project.write("autodiff.toml", f'models = "m"\n{line}\n')
    assert "s3cret" not in refused(project, "status")


def test_a_project_does_not_show_its_password() -> None:
    """Neither its representation nor that of its parts contains it."""
    url = "postgresql://ann:s3cret@db.test/app?options=s3cret"
    project = Project(url, scratch_url=url, targets={"urls": [url]})
    assert "s3cret" not in f"{project!r} {vars(project)} {project.config!r}"


def test_options_are_hidden_unless_they_are_known() -> None:
    url = sa.make_url("postgresql://u:s3cret@h/db?sslmode=require&token=s3cret&s3cret%20=1")
    assert mask_passwords(url).startswith("postgresql://u:***@h/db?")
    assert "sslmode=require" in mask_passwords(url) and "s3cret" not in mask_passwords(url)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_errors_of_drivers_do_not_show_options(
    database: Callable[[str], sa.URL], kind: str
) -> None:
    """A driver repeats the option, its value or the whole connection string."""
    url = database(kind).update_query_dict({"connect_timeout": "1", "nosuch": "s3cret&x"})
    with pytest.raises(DatabaseError) as caught, open_connection(parse_url(str(url))):
        pass
    assert "s3cret" not in str(caught.value)


def test_a_newline_in_a_name_adds_no_line_to_the_question_about_a_rename() -> None:
    models = sa.MetaData()
    sa.Table("x\nerror: y", models, sa.Column("id", sa.Integer, primary_key=True))
    with sa.create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql('CREATE TABLE "z\n- q" (id INTEGER NOT NULL PRIMARY KEY)')
        with pytest.raises(RenameUndecidedError) as caught:
            diff(connection, models)
    assert r"z\n- q:x\nerror: y" in caught.value.message
    assert caught.value.message.count("\n") == 1
    assert caught.value.hint is not None and "\n" not in caught.value.hint
