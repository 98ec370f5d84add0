"""Freed memory stays with the process where the C library can be told so."""

import ctypes
import sys

from ablation.engine import allocator


def test_glibc_is_told_to_keep_what_is_freed():
    told = allocator.keep_freed_memory()
    assert told == (sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "mallopt"))


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert not allocator.keep_freed_memory()


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert not allocator.keep_freed_memory()
