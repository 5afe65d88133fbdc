"""Plan migrations that do not block the reads and writes of an application."""
