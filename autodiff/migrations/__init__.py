"""Read and write the migrations folder: files, graph and lock file, without running any."""

from autodiff.migrations.files import Migration, file_name, read_folder, read_migration
from autodiff.migrations.graph import Graph, load_graph
from autodiff.migrations.lockfile import LOCK_NAME, LockFile, lock_text, read_lock, write_lock

__all__ = [
    "LOCK_NAME",
    "Graph",
    "LockFile",
    "Migration",
    "file_name",
    "load_graph",
    "lock_text",
    "read_folder",
    "read_lock",
    "read_migration",
    "write_lock",
]
