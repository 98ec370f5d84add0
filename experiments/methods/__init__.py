"""The methods of the QRHead study side by side: detection, ablation modes, retrieval."""

from experiments.claims import LEVELS

COMPARED_LEVEL = LEVELS[-1]
"""How many heads of each method, and in each mode: where the study compares its methods."""
