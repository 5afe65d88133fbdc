"""SQL for operations, by SQLAlchemy's DDL compiler."""
