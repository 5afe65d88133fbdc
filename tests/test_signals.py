"""Tests that press Ctrl-C pass however the test run was started."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
IGNORING = """
import signal, sys, pytest
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
sys.exit(pytest.main(sys.argv[1:]))
"""
HANDLERS = "import signal; print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))"


def test_signals_have_their_default_handlers() -> None:
    """In this process and in a child of it."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    child = subprocess.run(
        [sys.executable, "-c", HANDLERS], capture_output=True, text=True, check=True
    )
    expected = f"{signal.default_int_handler} {signal.SIG_DFL!s}"
    assert child.stdout.strip() == expected


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no inherited signal handlers")
@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_run_that_ignores_signals_gives_them_back_to_tests(workers: str) -> None:
    """As `nohup pytest` does, and `pytest &` in a script; with and without pytest-xdist."""
    target = f"{Path(__file__)}::{test_signals_have_their_default_handlers.__name__}"
    options = ["-n", workers, "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-c", IGNORING, *options, target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
