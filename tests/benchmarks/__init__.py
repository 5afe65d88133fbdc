"""Benchmarks of autodiff and Alembic: `python -m tests.benchmarks`."""
