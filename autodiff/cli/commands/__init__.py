"""One module for each command `name`, with a function `run_name` that takes a Shell first."""
