"""Write the DDL statements of PostgreSQL."""
