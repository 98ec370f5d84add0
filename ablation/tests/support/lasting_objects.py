"""Keeps Python's garbage collector from looking again and again at what lives as long as a run.

Once tests are collected there are a million objects, nearly all of which stay. To look at them took
a twentieth of the time of a worker, for a few cycles among what tests themselves had made.
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
