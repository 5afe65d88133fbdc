"""The command line: one file a command in `commands`, each a thin layer over Project.

Results go to stdout, everything else to stderr. Nothing heavy is imported before a command runs.
"""

from autodiff.cli.app import main

__all__ = ["main"]
