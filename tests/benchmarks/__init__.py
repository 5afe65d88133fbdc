"""autodiff beside Alembic: `python -m tests.benchmarks`."""
