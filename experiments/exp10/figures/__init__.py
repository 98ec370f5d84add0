"""The figures of exp10: what single heads cost, what many cost together, and in which layers."""
