"""Parts of a page that a browser unpacks when somebody looks at them.

Each is JSON, compressed by gzip and written in base64 into an element that no browser runs or
shows: a page of 10,000 items opens at once and is a few megabytes.
"""

import base64
import gzip
import json
import math
from collections.abc import Mapping
from typing import Any


def packed(value: Any) -> str:
    """A value as text of letters, digits, ``+``, ``/`` and ``=``; the same for the same value."""
    data = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(data.encode("utf-8", "replace"), 9, mtime=0)).decode()


def unpacked(text: str) -> Any:
    """What ``packed`` packed."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


def inline(value: Any) -> str:
    """A value as JSON that can stand in a ``script`` element, whatever its texts hold."""
    data = json.dumps(_finite(value), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite(value: Any) -> Any:
    """A value without figures that JSON cannot say, such as a perplexity beyond all floats."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(of) for key, of in value.items()}
    return [_finite(of) for of in value] if isinstance(value, list | tuple) else value
