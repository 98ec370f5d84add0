"""What tests of clusters share."""

import tempfile
from pathlib import Path

import pytest
from filelock import FileLock


@pytest.fixture(scope="module")
def no_other_cluster():
    """Keeps the workers of a test run from starting clusters beside each other."""
    with FileLock(Path(tempfile.gettempdir()) / "headclaims-clusters.lock"):
        yield


@pytest.fixture
def run(tmp_path, monkeypatch, own_environment):
    """A driver on a stand-in for Ray that waits for nothing."""
    from experiments.cluster import staff as staffing
    from experiments.store import Run, Store
    from experiments.tests.cluster.fake_ray import Driven, FakeRay

    for name in ("LOOK_S", "LATE_S"):
        monkeypatch.setattr(staffing, name, 0.0)
    monkeypatch.setattr("experiments.cluster.backlog.AGAIN_S", 0.0)
    monkeypatch.setattr("experiments.cluster.driver.WAIT_S", 0.0)
    return Driven(Store(tmp_path / "store", Run("run", "pytest")), FakeRay({"a": 2, "b": 1}))
