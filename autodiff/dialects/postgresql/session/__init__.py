"""Control locks, transactions and scripts in sessions of PostgreSQL."""
