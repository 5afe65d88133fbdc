"""The command line: one module for each command in `commands`, each a thin layer over Project.

Results go to stdout, everything else to stderr. Nothing heavy is imported before a command runs:
`--help` and shell completion must answer at once.
"""

from autodiff.cli.app import main

__all__ = ["main"]
