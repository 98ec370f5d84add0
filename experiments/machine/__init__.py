"""What results are computed with and on: provenance, and what memory does."""
