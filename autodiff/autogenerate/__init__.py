"""Compare the models with a live database: declare, reflect, normalize, compare and plan."""
