"""Read schemas from the catalog of MySQL and MariaDB."""
