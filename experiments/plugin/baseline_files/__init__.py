"""Baselines: compared field by field, rewritten, and found unused."""
