"""Models + live database -> Plan: read both schemas, compare them, and plan the changes."""
