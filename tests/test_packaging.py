"""Test that the wheel works alone in a separate environment."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
