"""What is being computed, by whom, and how long it will take: shown where people wait."""
