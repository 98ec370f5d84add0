"""Token ids, wherever they are from."""

import hashlib
from collections.abc import Iterable


def ids_sha256(ids: Iterable[int]) -> str:
    """A hash of token ids that does not depend on the machine."""
    return hashlib.sha256(" ".join(map(str, ids)).encode()).hexdigest()
