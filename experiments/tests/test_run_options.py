"""The options of a run, each through a pytest of its own."""

import pytest


@pytest.fixture
def suite(pytester):
    pytester.makeconftest('pytest_plugins = ["experiments.plugin.options"]')
    pytester.makepyfile("def test_nothing(): pass")
    return pytester


def test_an_unknown_model_is_a_usage_error_in_one_line(suite):
    result = suite.runpytest_subprocess("--model", "gpt5")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: unknown model 'gpt5': give one of smollm2*"])


def test_threads_times_workers_do_not_exceed_the_cores(pytester, monkeypatch):
    # torch imported before the plugin has had its say, as a conftest of a test folder may.
    pytester.makeconftest('import torch\npytest_plugins = ["experiments.plugin.options"]')
    pytester.makepyfile(
        """
        import os

        import torch

        def test_threads():
            cores = len(os.sched_getaffinity(0))
            workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
            assert int(os.environ["OMP_NUM_THREADS"]) == max(1, cores // workers)
            assert torch.get_num_threads() == max(1, cores // workers)
        """
    )
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for workers in ((), ("-n", "2")):
        pytester.runpytest_subprocess(*workers).assert_outcomes(passed=1)


def test_less_than_one_control_draw_is_a_usage_error(suite):
    result = suite.runpytest_subprocess("--control-draws", "0")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: at least one control draw is required, got 0"])
