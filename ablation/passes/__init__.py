"""Prompts on their way through a model, several at once, layer by layer."""

ACTIVATION_MIB = 1024
"""MiB that activations which several computations share may take of a CPU's memory."""
