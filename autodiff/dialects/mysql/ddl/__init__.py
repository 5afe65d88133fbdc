"""Write the DDL statements of MySQL and MariaDB."""
