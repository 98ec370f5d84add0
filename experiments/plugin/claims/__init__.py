"""Claims in pytest: what judges them, by which verdicts, and what is said of them at the end."""
