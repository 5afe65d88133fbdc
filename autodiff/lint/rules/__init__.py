"""The rules of autodiff; each module has a tuple `RULES`."""
