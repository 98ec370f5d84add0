"""``headclaims bench``: our engine against the loops in use, interleaved, in one process.

It reports what it measures and asserts nothing about time; that the values agree is checked.
"""

PARTS = ("start", "sweep", "answers", "controls", "cell", "sharing", "detection")
"""What is measured, in this order."""
