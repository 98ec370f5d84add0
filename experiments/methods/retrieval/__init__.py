"""Retrieval with selected heads: tasks, runs, and the evidence on claim A8."""
