"""Files of ours and of users: JSON, and paragraphs."""
