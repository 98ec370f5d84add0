"""Files of ours and of users, written whole or not at all: JSON, paragraphs, drawings."""
