"""Implement each thing that a user can do, one module or package for each."""
