"""What is measured of a model: whether its answers are right, and its perplexity on a text."""
