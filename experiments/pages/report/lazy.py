"""Parts of a page that a browser unpacks when somebody looks at them.

Each is JSON, compressed by gzip and written in base64 into an element that no browser runs or
shows: a page of 10,000 items opens at once and is a few megabytes.
"""

import base64
import gzip
import json
from typing import Any


def packed(value: Any) -> str:
    """A value as text of letters, digits, ``+``, ``/`` and ``=``; the same for the same value."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(data.encode("utf-8", "replace"), 9, mtime=0)).decode()


def unpacked(text: str) -> Any:
    """What ``packed`` packed."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


def inline(value: Any) -> str:
    """A value as JSON that can stand in a ``script`` element, whatever its texts hold."""
    data = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
