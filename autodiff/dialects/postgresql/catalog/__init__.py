"""Read schemas from the catalog of PostgreSQL."""
