"""Files that somebody hands over, read within bounds."""

import errno
import stat
from pathlib import Path

LARGEST = 4_000_000
"""Bytes of a file; JSON takes up to twenty times as much when it is parsed. The largest files known
to be handed over are scores that Wu et al. 2024 published, 3.03 MB for Qwen1.5-14B."""

_BYTES_PER_BRACKET = 40
"""Lists and objects within lists cost most: a million of them take a parser a second."""


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """The content of a file.

    Args:
        path: the file.
        largest: bytes; of ``[`` and ``{`` it may hold a fortieth of that.

    Raises:
        OSError: it cannot be read, or is no file: reading a pipe or a device might never end.
        ValueError: it is larger, or holds more brackets.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    with path.open("rb") as file:
        # Room for what is asked for is set aside first, and most files are small.
        data = file.read(min(status.st_size, largest) + 1)
        if len(data) > status.st_size:  # it has grown, or is of a system that says no sizes
            data += file.read(largest + 1 - len(data))
        return bounded(data, largest)


def bounded(data: bytes, largest: int = LARGEST) -> bytes:
    """``data`` itself.

    Raises:
        ValueError: as ``read_bytes``.
    """
    if len(data) > largest:
        raise ValueError(f"larger than {largest:,} bytes")
    brackets = largest // _BYTES_PER_BRACKET
    if data.count(b"[") + data.count(b"{") > brackets:
        raise ValueError(f"more than {brackets:,} lists and objects")
    return data
