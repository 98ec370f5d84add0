"""What tests of clusters share."""

import tempfile
from pathlib import Path

import pytest
from filelock import FileLock


@pytest.fixture
def one_at_a_time():
    """Keeps the workers of a test run from starting clusters beside each other."""
    with FileLock(Path(tempfile.gettempdir()) / "headclaims-clusters.lock"):
        yield
