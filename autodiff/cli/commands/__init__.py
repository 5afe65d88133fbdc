"""The commands, one a file, each a plain function that takes a Shell first."""
