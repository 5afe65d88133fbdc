"""Write the DDL statements of SQLite."""
