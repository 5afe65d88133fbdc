"""Transactions, the migration lock and scripts of databases without a dialect of their own."""
