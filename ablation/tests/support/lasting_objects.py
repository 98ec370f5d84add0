"""Keeps Python's garbage collector from looking again and again at what lives as long as a run.

At the end of the quick tests there are 900,000 objects, most of them from the collection. To look
at all took 5 and 9% of the time of two workers, for a few cycles among what tests had made.
"""

import gc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    if gc.get_freeze_count():  # a run of pytest within a test, whose own objects are not to stay
        return (yield)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
