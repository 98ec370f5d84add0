"""What is measured: single heads, heads together, g, and the noise of all of it."""
