"""Define the data that flows through autodiff: schema objects, changes and operations."""
