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


@pytest.mark.slow
def test_threads_times_workers_do_not_exceed_the_cores(pytester, monkeypatch):
    # torch imported before the plugin has had its say, as a conftest of a test folder may.
    pytester.makeconftest('import torch\npytest_plugins = ["experiments.plugin.options"]')
    pytester.makepyfile(
        """
        import os

        import torch

        from experiments.machine.threads import threads_per_worker

        def test_threads():
            assert int(os.environ["OMP_NUM_THREADS"]) == threads_per_worker()
            assert torch.get_num_threads() == threads_per_worker()
        """
    )
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    pytester.runpytest_subprocess("-n", "2").assert_outcomes(passed=1)


@pytest.mark.slow
def test_less_than_one_control_draw_is_a_usage_error(suite):
    result = suite.runpytest_subprocess("--control-draws", "0")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: at least one control draw is required, got 0"])


def test_all_gpus_are_for_one_process(suite):
    result = suite.runpytest_subprocess("--device", "auto", "-n", "2", "-p", "xdist")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --device auto takes all GPUs for one process: *"])
