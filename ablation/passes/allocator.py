"""Memory that is freed and taken again at once stays with the process.

A layer's activations are tens of megabytes. glibc gives blocks of that size back to the system when
they are freed, and each of their pages is cleared anew when the next layer asks: up to a tenth of a
walk's time (AMD EPYC with AVX2, where all that was freed was kept).

What is kept does not fit what comes next for ever: after some sets of heads a process held 400 MB
of pieces beside 180 MB in use. So it is given back between one group of sets and the next, which
takes 6 ms of their seconds.
"""

import ctypes
import sys
from contextlib import suppress

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of glibc's parameters, see mallopt(3)."""

FROM_SYSTEM_BYTES, KEPT_BYTES = 1 << 30, 256 << 20
"""Blocks from which on memory is the system's own, and what of it is kept when it is free."""


def keep_freed_memory() -> bool:
    """Has the C library keep what is freed; says whether it does."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return False
    return bool(mallopt(MMAP_THRESHOLD, FROM_SYSTEM_BYTES) and mallopt(TRIM_THRESHOLD, KEPT_BYTES))


def give_back_freed_memory() -> None:
    """Gives memory that was freed back to the system, where the C library knows how (glibc)."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
