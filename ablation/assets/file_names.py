"""Names of models and texts as parts of file names."""

import re

_DIGITS = 8
_LONGEST_NAME = 60
"""Characters; file names hold 255 bytes at most."""


def told_apart(name: str, digest: str) -> str:
    """``name`` as a part of paths, with the first digits of a hash of what it is the name of.

    So two directories called ``checkpoint-500``, or two texts of one name, have results of their
    own, whichever of them comes first.
    """
    return f"{slug(name)[:_LONGEST_NAME]}-{digest[:_DIGITS]}"


def slug(name: str) -> str:
    """``name`` as a part of paths: lower case, since some file systems know no other."""
    return re.sub(r"[^a-z0-9._]+", "-", name.lower()).strip("-._") or "model"
