"""10-K filings with the facts the four questions ask for: synthetic ones and real ones."""
