"""Test that the wheel works alone in a separate environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from configparser import ConfigParser
from email import message_from_bytes
from pathlib import Path

import pytest

from autodiff import __version__

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTION = "sqlalchemy-autodiff"
"""The package `autodiff` on the package index is another project."""
TEXTS = [
    *sorted((ROOT / "autodiff").rglob("*.py")),
    *sorted((ROOT / "templates").rglob("*.j2")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("*.md")),
    ROOT / "pyproject.toml",
]


def run(*command: str | Path, cwd: Path) -> str:
    """Return the output of a command; if it fails, the assertion shows all output."""
    environment = {key: os.environ[key] for key in os.environ if key != "PYTHONPATH"}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder,
        ROOT,
        cwd=ROOT,
    )
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_has_the_templates_and_the_types(wheel: Path) -> None:
    """It contains each template of the checkout and py.typed."""
    names = set(zipfile.ZipFile(wheel).namelist())
    templates = {
        f"autodiff/templates/{path.relative_to(ROOT / 'templates').as_posix()}"
        for path in (ROOT / "templates").rglob("*.j2")
    }
    assert templates <= names
    assert "autodiff/py.typed" in names
    assert not any(name.startswith(("tests/", "fixtures/")) for name in names)


def test_the_wheel_has_the_name_of_the_distribution(wheel: Path) -> None:
    """The distribution is sqlalchemy-autodiff; the command and the import are autodiff."""
    with zipfile.ZipFile(wheel) as files:
        folder = f"sqlalchemy_autodiff-{__version__}.dist-info"
        metadata = message_from_bytes(files.read(f"{folder}/METADATA"))
        scripts = files.read(f"{folder}/entry_points.txt").decode()
        names = files.namelist()
    assert (metadata["Name"], metadata["Version"]) == (DISTRIBUTION, __version__)
    points = ConfigParser()
    points.read_string(scripts)
    assert dict(points["console_scripts"]) == {"autodiff": "autodiff.cli:main"}
    assert {name.partition("/")[0] for name in names} == {"autodiff", folder}


def test_no_text_installs_a_package_of_another_project() -> None:
    """Requirements such as sqlalchemy-autodiff[mysql] name the distribution."""
    wrong = re.compile(r"pip install \W*autodiff\b.*|(?<![\w-])autodiff\[[a-z,]+\]")
    found = {path: wrong.findall(path.read_text(encoding="utf-8")) for path in TEXTS}
    assert {path: texts for path, texts in found.items() if texts} == {}


def test_the_demo_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """`autodiff demo` completes in a new environment outside the checkout."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    binaries = home / ("Scripts" if os.name == "nt" else "bin")
    run(binaries / "python", "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    output = run(binaries / "autodiff", "demo", cwd=tmp_path)
    assert "op.create_table(" in output
    assert "op.backfill(" in output
    assert "no drift" in output.lower()
