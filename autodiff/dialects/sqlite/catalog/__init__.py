"""Read schemas from the catalog of SQLite."""
