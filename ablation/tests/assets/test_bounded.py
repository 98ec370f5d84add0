"""Files that are handed over are read whole, or refused."""

from pathlib import Path

import pytest

from ablation.assets.bounded_files import read_bytes

UNSIZED = Path("/proc/version")
"""A regular file of 0 bytes that holds some."""


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_file_is_read_whole(tmp_path, size):
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    assert read_bytes(path, 1000) == b"x" * size


def test_a_larger_one_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1001)
    with pytest.raises(ValueError, match="larger than 1,000 bytes"):
        read_bytes(path, 1000)


@pytest.mark.skipif(not UNSIZED.exists(), reason="needs a file system that says no sizes: Linux")
def test_what_says_no_size_is_read_all_the_same():
    assert read_bytes(UNSIZED) == UNSIZED.read_bytes() != b""
