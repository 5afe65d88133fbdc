"""Run the command autodiff as python -m autodiff."""

from __future__ import annotations

import sys

from autodiff.cli import main

if __name__ == "__main__":
    sys.exit(main())
