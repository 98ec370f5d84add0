"""Freed memory stays with the process, or goes back, where the C library can be told so."""

import ctypes
import os
import sys
from pathlib import Path

import pytest
import torch

from ablation.passes import allocator


def test_glibc_is_told_to_keep_what_is_freed():
    told = allocator.keep_freed_memory()
    assert told == (sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "mallopt"))


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert not allocator.keep_freed_memory()
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: 1 / 0)
    allocator.give_back_freed_memory()


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert not allocator.keep_freed_memory()


def test_what_is_freed_between_other_blocks_can_be_given_back():
    if not allocator.keep_freed_memory():
        pytest.skip("no memory is kept but by glibc on Linux")
    blocks = [torch.ones(250_000) for _ in range(200)]
    del blocks[1::2]  # what is left keeps the holes from going back by themselves
    held = resident()
    allocator.give_back_freed_memory()
    assert held - resident() > 50e6
    assert all(bool(block.all()) for block in blocks)


def resident() -> int:
    """Bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf(
        "SC_PAGE_SIZE"
    )
