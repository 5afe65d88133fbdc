"""Adopt Alembic histories of applications, and compare with Alembic's own run; see --help.

For each database, one empty database is upgraded by Alembic alone and another one by autodiff. Both
must have the same catalog and as many rows. The last line of each run is a row of a table.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from tests.adopting.applications.catalogs import read_catalog
from tests.adopting.applications.listed import APPLICATIONS, Application
from tests.servers import Server, mariadb, postgresql

PROJECT = Path(__file__).parents[3]
STARTS = {"postgresql": postgresql.start, "mariadb": mariadb.start}
SECONDS = 1800
"""The time limit of a command: a history can have hundreds of revisions."""
SHOWN = 12
"""How many of the last lines of each output are printed."""

AUTODIFF = """
import sys
from autodiff.cli import main
sys.exit(main())
"""
CREATE = """
import sys
import sqlalchemy as sa
engine = sa.create_engine(sys.argv[1])
"""
ALEMBIC = """
import os
import sys
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
url, source, passes_connection = sys.argv[1:]
is_file = source.endswith(".ini")
os.chdir(os.path.dirname(source))  # script_location can be relative
config = Config(source if is_file else source + "/alembic.ini")
if not is_file:
    config.set_main_option("script_location", source)
config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
if passes_connection == "True":
    with sa.create_engine(url).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")
        connection.commit()
else:
    command.upgrade(config, "heads")
"""


class FailedError(Exception):
    """A command of a run failed."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The virtual environment of an application, and a folder for its project."""

    application: Application
    venv: Path
    project: Path

    @property
    def source(self) -> Path:
        """Alembic's folder or alembic.ini; a copy of it if it needs other settings."""
        (packages,) = self.venv.glob("lib/python*/site-packages")
        source = packages / self.application.alembic
        if not self.application.options:
            return source
        parser = ConfigParser({"here": f"{source.parent}"})
        parser.read(source)
        location = parser["alembic"]["script_location"]
        options = self.application.options | {"script_location": location}
        parser["alembic"].update({k: v.replace("%", "%%") for k, v in options.items()})
        copy = self.project / "alembic.ini"
        with copy.open("w") as file:
            parser.write(file)
        return copy

    def install(self) -> None:
        """Install the application and autodiff, unless that is done."""
        done = self.venv / "requirements.txt"
        requirements = [*self.application.requirements, "psycopg[binary]", "pymysql"]
        if done.is_file() and done.read_text().split("\n") == requirements:
            return
        self.call(sys.executable, "-m", "venv", self.venv)
        self.call(
            *(self.venv / "bin/python", "-m", "pip", "install", "--quiet"),
            *("--editable", f"{PROJECT}[alembic]", *requirements),
        )
        done.write_text("\n".join(requirements))

    def configure(self, url: URL) -> None:
        """Write autodiff.toml, and a module that imports the models."""
        models = [name.replace(":", ".") for name in self.application.models.split()]
        modules = [*self.application.imports, *(name.rpartition(".")[0] for name in models)]
        lines = [*(f"import {each}" for each in modules), f"models = [{', '.join(models)}]"]
        (self.project / "all_models.py").write_text("\n".join(lines) + "\n")
        settings = f'models = "all_models:models"\nurl = "{_text(url)}"\n'
        (self.project / "autodiff.toml").write_text(settings)

    def python(self, code: str, url: URL, *arguments: object) -> None:
        """Run Python code in the environment; its first argument is the URL."""
        code = self.application.setup + code
        self.call(self.venv / "bin/python", "-c", code, _text(url), *arguments, url=url)

    def autodiff(self, url: URL, *arguments: object, allowed: tuple[int, ...] = (0,)) -> str:
        """Run autodiff in the environment, and return its output."""
        code = self.application.setup + AUTODIFF
        return self.call(self.venv / "bin/python", "-c", code, *arguments, url=url, allowed=allowed)

    def call(
        self, *command: object, url: URL | None = None, allowed: tuple[int, ...] = (0,)
    ) -> str:
        """Run a command, print the end of its output and return it.

        Raises FailedError if it does not end with an allowed code.
        """
        variables = {**os.environ, "PYTHONHASHSEED": "0", **self.application.variables}
        if url is not None and self.application.url_variable:
            variables[self.application.url_variable] = _text(url)
        process = subprocess.run(
            list(map(str, command)),
            cwd=self.project,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        shown = " ".join(str(part) for part in command[1:] if "\n" not in str(part))[:100]
        print(f"$ {shown} -> {process.returncode}")
        for line in [*process.stderr.splitlines()[-SHOWN:], *process.stdout.splitlines()[-SHOWN:]]:
            print(f"    {line[:300]}")
        if process.returncode not in allowed:
            raise FailedError(f"exit code {process.returncode}")
        return process.stdout


def main() -> None:
    """Run the applications that the command line names."""
    options = _parser().parse_args()
    rows = []
    with _databases() as databases:
        for name in options.names:
            application = APPLICATIONS[name]
            for kind in options.databases or application.databases:
                print(f"\n== {name} on {kind}", flush=True)
                project = options.folder / "projects" / f"{name}-{kind}"
                shutil.rmtree(project, ignore_errors=True)
                project.mkdir(parents=True)
                venv = options.venv or options.folder / name
                environment = Environment(application, venv, project)
                if options.venv is None:
                    environment.install()
                rows.append(
                    f"| {name} | {kind} | {' | '.join(_run(environment, databases, kind))} |"
                )
                print(rows[-1], flush=True)
    print("\n| application | database | version | revisions | upgraded | same objects | check |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))


def _run(environment: Environment, databases: Databases, kind: str) -> list[str]:
    """Adopt, upgrade, compare and check; return the cells of the row."""
    cells: list[str] = []
    try:
        cells.append(environment.application.requirements[0].partition("==")[2])
        _upgraded_by_alembic(environment, alone := databases.new(kind, environment.project))
        url = databases.new(kind, environment.project)
        _prepare(environment, url)
        environment.configure(url)
        output = environment.autodiff(url, "adopt", environment.source, "--yes")
        adopted = re.search(r"(\d+) of (\d+) revisions adopted", output)
        cells.append("none" if adopted is None else adopted[0].removesuffix(" revisions adopted"))
        environment.autodiff(url, "upgrade", "heads")
        cells.append(_pending(environment.autodiff(url, "status", "--json")))
        cells.append(_compared(read_catalog(_text(alone)), read_catalog(_text(url))))
        cells.append(_checked(environment.autodiff(url, "check", allowed=(0, 1))))
    except FailedError as error:
        cells.append(f"{error}")
    return cells


def _upgraded_by_alembic(environment: Environment, url: URL) -> None:
    _prepare(environment, url)
    application = environment.application
    try:
        environment.python(ALEMBIC, url, environment.source, application.passes_connection)
    except FailedError as error:
        raise FailedError(f"Alembic alone fails: {error}") from error


def _prepare(environment: Environment, url: URL) -> None:
    if environment.application.prepare:
        environment.python(CREATE + environment.application.prepare, url)


def _pending(output: str) -> str:
    """Return whether `status --json` has pending migrations."""
    pending = len(json.loads(output)["pending"])
    return f"{pending} pending" if pending else "yes"


def _compared(alone: dict[str, str], adopted: dict[str, str]) -> str:
    """Compare two catalogs, and print what differs."""
    names = sorted({name for name in (*alone, *adopted) if alone.get(name) != adopted.get(name)})
    for name in names[:SHOWN]:
        print(f"  different: {name}\n    {alone.get(name)}\n    {adopted.get(name)}")
    return f"{len(names)} of {len(alone)} differ" if names else f"all {len(alone)}"


def _checked(output: str) -> str:
    """Return the first sentence of what `check` reports about the models."""
    return next((line for line in output.splitlines() if "model" in line), "no drift").strip()


@dataclass(frozen=True, slots=True)
class Databases:
    """Creates empty databases; each server is started on first use, and stopped at the end."""

    servers: dict[str, Server]
    stack: ExitStack

    def new(self, kind: str, folder: Path) -> URL:
        """Create an empty database and return its URL."""
        if kind == "sqlite":
            number = len(list(folder.glob("*.db")))
            path = folder / f"{number}.db"
            path.touch()
            return URL.create("sqlite", database=f"{path}")
        if kind not in self.servers:
            self.servers[kind] = STARTS[kind]()
            self.stack.callback(self.servers[kind].stop)
        return self.servers[kind].create()


@contextmanager
def _databases() -> Iterator[Databases]:
    with ExitStack() as stack:
        yield Databases({}, stack)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.adopting.applications", description=__doc__
    )
    parser.add_argument("names", nargs="+", metavar="NAME", choices=sorted(APPLICATIONS))
    parser.add_argument("--databases", nargs="+", choices=["sqlite", *STARTS])
    folder = Path(tempfile.gettempdir()) / "autodiff-applications"
    parser.add_argument("--folder", type=Path, default=folder, help=f"default: {folder}")
    parser.add_argument("--venv", type=Path, help="an environment that has the applications")
    return parser


if __name__ == "__main__":
    main()
