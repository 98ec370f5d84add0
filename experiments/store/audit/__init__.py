"""A sample of a bundle of results, computed anew and compared."""
