"""Stored figures: read, compared with new ones, and with those of an earlier commit."""
