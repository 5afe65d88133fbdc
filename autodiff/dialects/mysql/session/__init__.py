"""Control locks, transactions and scripts in sessions of MySQL and MariaDB."""
