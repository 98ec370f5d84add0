"""Prompts: a needle amid a haystack, a question, and the style a model is asked in."""
