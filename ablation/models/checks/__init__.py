"""A check of a model before its first figure."""
