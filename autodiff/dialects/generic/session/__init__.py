"""Transactions, the migration lock and scripts of databases without their own dialect."""
