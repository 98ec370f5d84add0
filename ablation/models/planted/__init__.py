"""Tiny models whose weights are set by hand, so that it is known what each of their heads does."""
