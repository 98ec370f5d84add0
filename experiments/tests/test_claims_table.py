"""The claims table and the options, each through a pytest of its own."""

import pytest

CASES = """
    import pytest

    @pytest.mark.claim("A1")
    @pytest.mark.parametrize("level", [1, 2, 3])
    def test_gap(level, measured):
        measured(f"level {level}: gap {level}.5")
        assert level > 1

    @pytest.mark.claim("A2")
    @pytest.mark.xfail(strict=True, reason="known")
    def test_drop(measured):
        measured("drop 0.0")
        assert False

    @pytest.mark.claim("A3")
    @pytest.mark.xfail(strict=True, reason="known")
    def test_random(measured):
        measured("drop 1.0")

    @pytest.mark.claim("A5")
    def test_broken(measured):
        raise KeyError

    @pytest.mark.claim("B1")
    def test_one_layer(measured):
        pytest.skip("one layer")
"""


@pytest.fixture
def suite(pytester):
    pytester.makeconftest(
        'pytest_plugins = ["experiments.plugin.options", "experiments.plugin.claims_table"]'
    )
    pytester.makepyfile(CASES)
    return pytester


@pytest.mark.parametrize("workers", [(), ("-n", "2"), ("-p", "no:xdist")])
def test_the_table_is_the_same_with_and_without_workers(suite, workers):
    result = suite.runpytest_subprocess(*workers)
    result.stdout.fnmatch_lines(
        [
            "*= claims =*",
            "A1 on smollm2: top heads hurt*published: gap 5.5*: holds 2/3, DOES NOT HOLD 1/3",
            "   DOES NOT HOLD  level 1: gap 1.5",
            "   holds          level 2: gap 2.5",
            "   holds          level 3: gap 3.5",
            "A2 on smollm2*known not to 1/1",
            "   known not to   drop 0.0",
            "A3 on smollm2*HOLDS AFTER ALL 1/1",
            "   HOLDS AFTER ALL drop 1.0",
            "A5 on smollm2*ERROR 1/1",
            "   ERROR          nothing measured: *test_broken*",
            "B1 on smollm2*skipped 1/1",
            "   skipped        nothing measured: *test_one_layer*",
        ]
    )
    assert result.ret == 1
    assert result.stdout.str().count("level 2: gap") == 1


KNOWN = """
    import pytest

    KNOWN_NOT_TO_HOLD = {
        "smollm2 A1": "all fall",
        "smollm2 A2 large": "the large fall",
        "smollm2 A3 small 2": "two fall",
    }

    @pytest.mark.claim("A1")
    def test_all(measured):
        assert False

    @pytest.mark.claim("A2", "large")
    def test_large(measured):
        assert False

    @pytest.mark.claim("A3", "small")
    @pytest.mark.parametrize("level", [1, 2])
    @pytest.mark.parametrize("model", ["smollm2"])
    def test_small(level, model, measured):
        assert level < 2

    @pytest.mark.claim("A2")
    def test_another_part(measured):
        pass
"""


@pytest.fixture
def known(pytester):
    names = ("options", "claims_table", "known_findings")
    pytester.makeconftest(f"pytest_plugins = {[f'experiments.plugin.{name}' for name in names]}")
    pytester.makepyfile(KNOWN)
    return pytester


def test_what_is_known_not_to_hold_is_expected_with_its_finding(known):
    result = known.runpytest_subprocess("-rx")
    result.assert_outcomes(passed=2, xfailed=3)
    result.stdout.fnmatch_lines(["XFAIL *test_small*2* - two fall"])


def test_findings_count_only_where_nothing_changes_the_figures(known):
    known.runpytest_subprocess("--dtype", "bfloat16").assert_outcomes(passed=2, failed=3)


def test_figures_reach_the_junit_file(suite):
    suite.runpytest_subprocess("--junitxml=junit.xml")
    text = (suite.path / "junit.xml").read_text(encoding="utf-8")
    assert '<property name="claim" value="A1"' in text
    assert '<property name="measured" value="level 2: gap 2.5"' in text


def test_a_case_without_a_known_claim_is_an_error(pytester, suite):
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.claim("Z9")
        def test_unknown(measured):
            pass
        """
    )
    result = suite.runpytest_subprocess()
    result.stdout.fnmatch_lines(["*mark the case with @pytest.mark.claim(one of A1,*"])


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
